"""An empty memory for each test: migrated once and then copied over a database that is used again.

A migration takes longer than most tests, and so does preparing every statement anew, which SQLAlchemy does for each
engine on its own.
"""

import sqlite3
from functools import cache
from typing import cast

from sqlalchemy import QueuePool

from iwds.ports import Clock, State
from iwds.state.database import SqlState, open_state
from iwds.state.engine import Database

_free: list[Database] = []


class _Returned(SqlState):
    """A memory whose database goes to the next test."""

    def close(self) -> None:
        """Give it back, once, and only where nobody holds its connection any more."""
        database, self._database = self._database, cast("Database", None)
        if database is not None and not cast("QueuePool", database.engine.pool).checkedout():
            _free.append(database)


def fresh_state(clock: Clock) -> State:
    """What `open_state("sqlite://")` gives."""
    database = _free.pop() if _free else Database("sqlite://", clock)
    database.clock = clock
    _migrated().backup(_connection_of(database))
    return _Returned(database)


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
