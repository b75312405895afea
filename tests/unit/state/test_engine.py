"""The state database is private, durable, and says in our words what is wrong with it."""

import builtins
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, InterfaceError, StatementError

from iwds.errors import ConfigurationError, Unavailable
from iwds.state.database import open_state, upgrade
from iwds.state.engine import Database, told
from iwds.state.tables import membership, plan
from tests.contract.state_tools import NOON, SERVICE, HandClock, begin, fill, row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    upgrade(f"sqlite:///{path}")
    opened = Database(f"sqlite:///{path}", HandClock())
    yield opened
    opened.close()


def test_the_file_and_its_companions_are_for_their_owner_alone(path: Path) -> None:
    state = open_state(f"sqlite:///{path}", clock=HandClock())
    fill(begin(state, "r"), [row(1)])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    state.close()
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_a_second_state_in_this_process_lets_no_other_process_take_the_log_away(path: Path) -> None:
    url = f"sqlite:///{path}"
    first = open_state(url, clock=HandClock())
    fill(begin(first, "r"), [row(1)])
    open_state(url, clock=HandClock()).close()
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM run'); db.close()"
    subprocess.run([sys.executable, "-c", look, str(path)], check=True)
    log = path.with_name("state.db-wal").exists()
    first.close()
    assert log


@pytest.mark.parametrize(
    ("setting", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)]
)
def test_each_connection_is_durable_and_strict(database: Database, setting: str, value: object) -> None:
    with database.reading() as connection:
        assert connection.execute(text(f"PRAGMA {setting}")).scalar_one() == value


def test_a_row_that_refers_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(insert(membership).values(service="s", login_id=1, group_id=1))


def test_a_transaction_that_reads_first_and_writes_later_waits_instead_of_failing(database: Database) -> None:
    """SQLite refuses, without waiting, to turn a reader into a writer after somebody else wrote."""
    began, ids = threading.Event(), select(plan.c.id)

    def second() -> None:
        began.set()
        _add(database, "b")

    other = threading.Thread(target=second)
    with database.writing() as connection:
        connection.execute(ids).all()
        other.start()
        began.wait()
        connection.execute(insert(plan).values(_plan("a")))
    other.join()
    with database.reading() as connection:
        assert sorted(connection.execute(ids).scalars()) == ["a", "b"]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing() as connection:
            connection.execute(insert(plan).values(_plan("a")))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as connection:
        assert connection.execute(select(plan.c.id)).all() == []


def test_a_time_without_time_zone_is_refused(database: Database) -> None:
    naive = _plan("a") | {"made": datetime(2026, 11, 22)}
    with pytest.raises(StatementError, match="has no time zone"), database.writing() as connection:
        connection.execute(insert(plan).values(naive))


def test_a_database_that_somebody_keeps_locked_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iwds.state.engine._BUSY_SECONDS", 0)
    state = open_state(f"sqlite:///{path}", clock=HandClock())
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"state\.db does not answer: database is locked"):
            state.lease(SERVICE, "run", 60)
    state.close()


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("people: []\n" * 100)
    with pytest.raises(ConfigurationError, match=r"state\.db is no SQLite database"):
        open_state(f"sqlite:///{path}", clock=HandClock())


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory") as caught:
        open_state(f"sqlite:///{tmp_path}/no/state.db", clock=HandClock())
    assert caught.value.advice == f"create the directory {tmp_path}/no"


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        open_state(f"sqlite:///{tmp_path}", clock=HandClock())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("state.db", "cannot be read"),
        ("mysql://localhost/iwds", "cannot be mysql"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
    ],
)
def test_a_url_that_does_not_serve_says_what_does(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        open_state(url, clock=HandClock())
    assert "sqlite:///PATH" in caught.value.advice


def test_postgresql_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_psycopg(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    with pytest.raises(ConfigurationError, match="psycopg") as caught:
        open_state("postgresql://localhost/iwds", clock=HandClock())
    assert "pip install" in caught.value.advice


def test_an_unreachable_postgresql_is_unavailable_and_keeps_its_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(Unavailable) as caught:
        open_state("postgresql://iwds:hunter2@127.0.0.1:1/iwds", clock=HandClock())
    assert "hunter2" not in str(caught.value)
    assert "iwds:***@127.0.0.1" in str(caught.value)


def _plan(plan_id: str) -> dict[str, Any]:
    return {"id": plan_id, "job": "j", "service": "s", "made": NOON.astimezone(UTC), "document": "{}"}


def _add(database: Database, plan_id: str) -> None:
    with database.writing() as connection:
        connection.execute(insert(plan).values(_plan(plan_id)))


def test_a_connection_that_is_gone_is_a_database_that_does_not_answer() -> None:
    """PostgreSQL's driver calls it an error of its interface."""
    with pytest.raises(Unavailable, match="the state database ours does not answer"), told("ours"):
        raise InterfaceError("SELECT 1", None, Exception("the connection is closed"))
