"""A private PostgreSQL for tests, on loopback; the Debian package's programs, no cluster of the machine's own."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.servers import absent

_USER = "postgres"
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class PrivatePostgres:
    """A running server; each test asks it for a database of its own."""

    def __init__(self, port: int) -> None:
        self._base = f"postgresql+psycopg://{_USER}@127.0.0.1:{port}"
        self._numbers = count(1)

    def new_database(self, like: str | None = None) -> str:
        """The URL of a new database: empty, or as that of another URL is, to which nobody is connected."""
        name = f"iwds_{next(self._numbers)}"
        template = f" TEMPLATE {like.rpartition('/')[2]}" if like else ""
        engine = create_engine(f"{self._base}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{template}"))
        engine.dispose()
        return f"{self._base}/{name}"


def require_postgres() -> None:
    """Skip, or fail under REQUIRE_ALL=1, where no private PostgreSQL can be started or spoken to."""
    if _programs() is None:
        absent("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
    if find_spec("psycopg") is None:
        absent("psycopg is not installed (python -m pip install 'psycopg[binary]')")


@contextmanager
def postgres() -> Iterator[PrivatePostgres]:
    """A running server, gone with all its data at the end."""
    require_postgres()
    # Not pytest's own directory: the server's user must be able to enter it where the tests run as root.
    directory = Path(tempfile.mkdtemp(prefix="iwds-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, _USER)
        yield from _run(directory, directory / "data")
    finally:
        shutil.rmtree(directory)


def _run(directory: Path, data: Path) -> Iterator[PrivatePostgres]:
    port = _free_port()
    _call("initdb", "-D", data, "-U", _USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={directory} {_QUICK}"
    _call("pg_ctl", "-D", data, "-w", "-t", "30", "-l", directory / "log", "-o", options, "start")
    try:
        yield PrivatePostgres(port)
    finally:
        _call("pg_ctl", "-D", data, "-m", "immediate", "stop")


def _call(program: str, *arguments: str | Path) -> None:
    as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    command = [*as_user, f"{_programs()}/{program}", *map(str, arguments)]
    # The server keeps what it inherits open: a pipe here would never end.
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


def _programs() -> Path | None:
    """Where the newest installed server's programs are."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
