"""The connection to the state database: what SQLite and PostgreSQL need to behave alike, and nothing of our tables.

There is one implementation of `State` and no separate one in memory: `sqlite://` is the same code on a database
without a file. A second implementation in dicts would have to imitate transactions and fencing, the very things that
are worth testing, and would drift from the one that people run.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from iwds.errors import ConfigurationError, Unavailable
from iwds.ports import Clock
from iwds.privatefile import make_private

_BUSY_SECONDS = 30
"""How long a transaction waits for another process that writes to the same SQLite file."""


class Database:
    """Transactions on the state database, and its time. Thread-safe."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self.engine, self.name = connect(url)
        self._file = make_url(url).database if self.engine.dialect.name == "sqlite" else None
        self._identity = _identity(self._file)
        self._writing = self.engine.execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A short transaction that only reads."""
        with told(self.name), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; all of it happens or nothing.

        What is written to a file that was removed, or replaced by a backup, nobody would ever read.
        """
        if self._identity != _identity(self._file):
            raise Unavailable(
                f"the state database {self.name} was removed or replaced while it was in use",
                "stop what uses it before you put back a backup",
            )
        with told(self.name), self._writing.begin() as connection:
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time by which leases end: on PostgreSQL its own, because the clocks of several machines differ."""
        if connection.dialect.name != "postgresql":
            return self.clock.now()
        its: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return its

    def close(self) -> None:
        """Give back all connections. May be called twice."""
        self.engine.dispose()


def _identity(file: str | None) -> tuple[int, int] | None:
    """Which file a name leads to; None for none."""
    try:
        found = os.stat(file or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def told(name: str) -> Iterator[None]:
    """What the database called `name` has to say, as one of our errors and without the people in its parameters."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        # Gone, locked for too long, no space left, a disk that fails: nothing of the transaction has happened.
        raise Unavailable(f"the state database {name} does not answer: {error.orig}") from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            raise ConfigurationError(f"{name} is no SQLite database") from error
        if isinstance(error.orig, sqlite3.DatabaseError) and "malformed" in str(error.orig):
            raise ConfigurationError(f"{name} is damaged: {error.orig}", "put back the last backup of it") from error
        raise


def connect(url: str) -> tuple[Engine, str]:
    """An engine for a state URL, and the URL without its password for messages."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("the state URL cannot be read", _URL_ADVICE) from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed), str(parsed)
        case "postgresql":
            return _postgresql(parsed), parsed.render_as_string(hide_password=True)
        case other:
            raise ConfigurationError(f"the state database cannot be {other}", _URL_ADVICE)


_URL_ADVICE = "use sqlite:///PATH (four slashes before an absolute one) or postgresql://USER@HOST/DATABASE"


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True)
    except ImportError as error:
        raise ConfigurationError(
            "PostgreSQL needs the package psycopg", "python -m pip install 'psycopg[binary]'"
        ) from error


def _sqlite(url: URL) -> Engine:
    if url.query:
        raise ConfigurationError("a SQLite state URL takes no options", _URL_ADVICE)
    if url.database in (None, "", ":memory:"):
        engine = _in_memory()
    else:
        _create_private(Path(str(url.database)))
        engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _in_memory() -> Engine:
    """A database without a file lives in its connection; the pool hands that one to one thread at a time."""
    return create_engine(
        "sqlite://",
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )


def _create_private(path: Path) -> None:
    """Make the file readable by its owner alone before SQLite would make it; its companions inherit the mode."""
    try:
        made = not path.exists()
        make_private(path)
        if made:
            _keep_name(path.parent)
    except OSError as error:
        advice = f"create the directory {path.parent}" if isinstance(error, FileNotFoundError) else ""
        raise ConfigurationError(f"the state database {path} cannot be opened: {error.strerror}", advice) from error


def _keep_name(folder: Path) -> None:
    """Bring the folder's list of names to the disk, as SQLite does for files that it makes itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(connection: Any, _record: object) -> None:
    """Set up a new SQLite connection."""
    # The driver's own transactions begin late and never around DDL; ours begin in `_begin`.
    connection.isolation_level = None
    # The first thing, so that what follows already waits for other processes.
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _write_ahead(connection)
    # An intent must survive a power cut before its call is made. In WAL mode FULL syncs the log at every commit; NORMAL
    # would keep the database consistent and may lose the last commits.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is forgotten is overwritten, and not only taken out of the index: it was people's data.
    connection.execute("PRAGMA secure_delete = ON")


def _write_ahead(connection: Any) -> None:
    """Log ahead of writes. The change to it, once in a database's life, does not wait for others by itself."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    """Begin a SQLite transaction.

    One that writes takes the write lock at once: one that reads first and writes later fails, without waiting, where
    another process wrote in between.
    """
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
