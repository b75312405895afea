"""The state keeps its contract on SQLite with and without a file, and on PostgreSQL.

A migration takes longer than most tests: each kind of database is migrated once, and then copied.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from iwds.ports import State
from iwds.state.database import open_state
from tests.contract.state_contract import StateContract, state
from tests.contract.state_tools import HandClock
from tests.servers.postgres import PrivatePostgres, postgres
from tests.unit.engine.remembering import fresh_state

__all__ = ["state"]


class FilePlace:
    """A SQLite file, opened once by each process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = HandClock()

    def open(self) -> State:
        """Open the database once more."""
        return open_state(self.url, clock=self.clock)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)


class MemoryPlace(FilePlace):
    """A database without a file has one process: all that is opened is the same."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self._only = fresh_state(self.clock)

    def open(self) -> State:
        """The one and only."""
        return self._only


class PostgresPlace(FilePlace):
    """PostgreSQL has a clock of its own; instead of waiting for it, leases are moved into the past."""

    def wait(self, seconds: float) -> None:
        """Let time pass, here and there."""
        super().wait(seconds)
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE lease SET expires_at = expires_at - make_interval(secs => :s)"), {"s": seconds}
            )
        engine.dispose()


@pytest.fixture(scope="module")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database that nobody has used."""
    file = tmp_path_factory.mktemp("migrated") / "state.db"
    open_state(f"sqlite:///{file}", clock=HandClock()).close()
    return file


class TestSqliteFile(StateContract):
    """On a file."""

    @pytest.fixture
    def place(self, migrated_file: Path, tmp_path: Path) -> FilePlace:
        """A new file."""
        shutil.copyfile(migrated_file, tmp_path / "state.db")
        return FilePlace(f"sqlite:///{tmp_path / 'state.db'}")


class TestSqliteMemory(StateContract):
    """In memory."""

    @pytest.fixture
    def place(self) -> MemoryPlace:
        """A new database."""
        return MemoryPlace()


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    """One server for all tests."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def migrated_url(server: PrivatePostgres) -> str:
    """A new database that nobody has used."""
    url = server.new_database()
    open_state(url, clock=HandClock()).close()
    return url


class TestPostgres(StateContract):
    """On PostgreSQL."""

    @pytest.fixture
    def place(self, server: PrivatePostgres, migrated_url: str) -> PostgresPlace:
        """A new database of the server."""
        return PostgresPlace(server.new_database(like=migrated_url))
