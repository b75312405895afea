"""Runs `iwds` as often as it is asked to, each time in a process of its own that need not import the rest first.

Run as a script, with the number of a socket. A request is a message: JSON with `argv`, `env` and `cwd`, and three
descriptors, for standard output, standard error, and what became of it: the process id, and at its end the exit code.
What looks at the environment while it is imported, the command line and the demo, each command imports itself; that one
interpreter which has nothing imported can run a command is for tests/unit/test_startup.py and `World.start`.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

LIBRARIES = (
    *("alembic.command", "alembic.config", "cryptography.x509", "lxml.etree", "pydantic", "pydantic_settings", "yaml"),
    *("rich.console", "rich.text", "sqlalchemy", "sqlalchemy.dialects.sqlite", "typer", "typer.rich_utils", "urllib3"),
    *("asyncio", "ssl", "starlette.applications", "starlette.routing", "uvicorn", "uvicorn.protocols.http.h11_impl"),
)
"""What a library makes of the environment while it is imported would be the same for all: none of these looks at it."""
OURS = (
    *("iwds.bootstrap", "iwds.captures", "iwds.replays", "iwds.scheduling.schedules", "iwds.sources.ldif"),
    *(f"iwds.{folder}" for folder in ("core", "engine", "mapping", "readings", "sandbox", "soap", "targets")),
)
"""Modules of iwds, and packages with all that is in them."""
HIGHEST = 1024
"""No process here has a descriptor above."""


def main(requests: socket.socket) -> None:
    """Answer requests until nobody can ask any more."""
    _prepare()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, (*descriptors,), _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not message:
            return
        if os.fork() == 0:
            _keep(json.loads(message), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _prepare() -> None:
    """Import what each command would."""
    for library in LIBRARIES:
        importlib.import_module(library)
    sys.path.insert(0, str(ROOT))
    for name in OURS:
        found = importlib.import_module(name)
        for module in pkgutil.iter_modules(getattr(found, "__path__", ())):
            importlib.import_module(f"{name}.{module.name}")
    sys.path.pop(0)


def _keep(request: dict[str, Any], out: int, err: int, news: int) -> None:
    """Be the parent of one command; in the command itself this returns when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command == 0:
        _become(request, out, err)
        return
    os.close(out)
    os.close(err)
    os.write(news, f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    os.write(news, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any], out: int, err: int) -> None:
    """What a new interpreter does with `-m iwds`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out, err)):
        os.dup2(descriptor, number)
    os.closerange(3, HIGHEST)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.path[:1] = [request["cwd"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[1:] = request["argv"]
    runpy.run_module("iwds", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
