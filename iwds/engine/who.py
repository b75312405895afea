"""The person behind a command, for the history, the lease and the audit."""

import os
import pwd
import socket


def caller() -> str:
    """Whoever called sudo, else the user that this process really belongs to; never what `$USER` claims.

    Anybody can claim in `$SUDO_USER` to be somebody else, so it is believed alone only of root, whom sudo alone makes;
    of others it is told whose process it was too.
    """
    own, claimed = _own(), os.environ.get("SUDO_USER")
    if not claimed or claimed == own:
        return own
    return claimed if os.getuid() == 0 else f"{claimed} as {own}"


def _own() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def host() -> str:
    """This machine."""
    return socket.gethostname()
