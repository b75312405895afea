"""An empty memory for each test: migrated once, and copied, since a migration takes longer than most tests."""

import sqlite3
from functools import cache
from typing import cast

from iwds.ports import Clock, State
from iwds.state.database import SqlState, open_state
from iwds.state.engine import Database


def fresh_state(clock: Clock) -> State:
    """What `open_state("sqlite://")` gives."""
    database = Database("sqlite://", clock)
    _migrated().backup(_connection_of(database))
    return SqlState(database)


@cache
def _migrated() -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    state = open_state("sqlite://", clock=None)  # type: ignore[arg-type]  # no time passes
    _connection_of(state._database).backup(copy)  # type: ignore[attr-defined]
    state.close()
    return copy


def _connection_of(database: Database) -> sqlite3.Connection:
    with database.engine.connect() as connection:
        return cast("sqlite3.Connection", connection.connection.dbapi_connection)
