"""Which revision the database has, and how it gets to ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from iwds.errors import ConfigurationError

REVISIONS = tuple(f"{number:04}" for number in range(1, 17))
"""All revisions, oldest first; here so that a command need not load Alembic to see that all is well."""

VERSION_TABLE = "iwds_version"
"""Where Alembic keeps the revision; not its usual name, which another program in the same database may use."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x69776473
"""Key of the PostgreSQL lock under which one process at a time migrates: `iwds` in ASCII."""


def revision(connection: Connection) -> str:
    """The revision of a database; empty where it has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or ""  # noqa: S608 - ours


def is_empty(connection: Connection) -> bool:
    """Whether the database holds no tables at all, ours or others'."""
    return not inspect(connection).get_table_names()


def require_current(found: str, name: str) -> None:
    """Refuse a database that is not at the newest revision that we know."""
    if found == REVISIONS[-1]:
        return
    require_known(found, name)
    if not found:
        raise ConfigurationError(f"{name} holds other tables and none of iwds", _OTHERS_ADVICE)
    raise ConfigurationError(f"{name} is at revision {found}, this iwds needs {REVISIONS[-1]}", "iwds db upgrade")


_OTHERS_ADVICE = "give iwds a database of its own, or let it add its tables there: iwds db upgrade"


def require_known(found: str, name: str) -> None:
    """Refuse a database that a newer iwds has upgraded: what its columns mean is not known here."""
    if found and found not in REVISIONS:
        message = f"{name} is at revision {found}, which is newer than {REVISIONS[-1]}, the newest that this iwds knows"
        raise ConfigurationError(message, "install the iwds that upgraded it, or restore the backup from before")


def migrate(engine: Engine) -> None:
    """Bring a database to the newest revision, in one transaction; whoever comes second waits and finds it done.

    That holds for threads too: Alembic's environment belongs to the whole process.
    """
    from alembic import command  # a third of a second that only a migration should cost
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    writing = engine.execution_options(writes=True)
    with writing.connect() as connection, _without_foreign_keys(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Switch SQLite's foreign keys off, which it does only outside a transaction, and on again.

    A batch migration drops and recreates a table, and dropping it would delete the rows that refer to it.
    """
    raw = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite" or raw is None:
        yield
        return
    raw.cursor().execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.cursor().execute("PRAGMA foreign_keys = ON")
