"""`iwds` as a process of its own with its own arguments, environment, folder, output and signals, started quickly."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

ZYGOTE = Path(__file__).with_name("zygote.py")


class Command:
    """One command that was started."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, out: IO[str], err: IO[str]) -> None:
        news, told = os.pipe()
        self._news = open(news, encoding="ascii")  # noqa: SIM115 - until `wait` has read it
        request = json.dumps({"argv": list(argv), "env": dict(env), "cwd": str(cwd)}).encode()
        socket.send_fds(_zygote(), [request], [out.fileno(), err.fileno(), told])
        os.close(told)
        self.pid = int(self._news.readline())

    def wait(self, seconds: float) -> int:
        """Its exit code, negative for a signal; it is killed where it takes longer."""
        with self._news:
            if not select.select([self._news], [], [], seconds)[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"iwds still ran after {seconds} s")
            return int(self._news.readline())

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)


@cache
def _zygote() -> socket.socket:
    """Our end of the process that commands come from; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        started = subprocess.Popen([sys.executable, str(ZYGOTE), str(theirs.fileno())], pass_fds=[theirs.fileno()])
    atexit.register(started.wait)
    atexit.register(ours.close)  # comes first
    return ours
