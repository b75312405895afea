"""The person behind a command, for the history, the lease and the audit."""

import os
import pwd
import socket


def caller() -> str:
    """Whoever called sudo, else the user that this process really belongs to; never what `$USER` claims."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def host() -> str:
    """This machine."""
    return socket.gethostname()
