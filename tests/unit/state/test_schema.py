"""A database gets to our revision by migrations alone, and one of another revision is refused with a way out."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from iwds.errors import ConfigurationError
from iwds.state import schema
from iwds.state.database import open_state, upgrade
from iwds.state.tables import metadata
from tests.contract.state_tools import SERVICE, HandClock, begin, fill, row
from tests.servers.postgres import PrivatePostgres, postgres

MIGRATIONS = Path(schema.__file__).parent / "migrations"
NEWEST, NEXT = schema.REVISIONS[-1], "0998"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def sql(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """What Alembic would still have to do to get from the database to our tables."""
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": schema.VERSION_TABLE}
        found = list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
    engine.dispose()
    return found


def test_the_migrations_make_exactly_our_tables(url: str) -> None:
    assert upgrade(url) == ("", schema.REVISIONS[-1])
    engine = create_engine(url)
    assert differences(engine) == []
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, schema.VERSION_TABLE}
    engine.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    with postgres() as running:
        yield running


def test_the_migrations_make_exactly_our_tables_on_postgresql(server: PrivatePostgres) -> None:
    url = server.new_database()
    upgrade(url)
    assert differences(create_engine(url)) == []


@pytest.mark.parametrize("table", ["login", "membership"])
def test_the_ledger_is_clustered_by_its_key_on_sqlite(url: str, table: str) -> None:
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        made = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}
        ).scalar_one()
    engine.dispose()
    assert "WITHOUT ROWID" in made


def test_the_list_of_revisions_is_that_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(chain)) == schema.REVISIONS


def test_upgrading_again_changes_nothing(url: str) -> None:
    upgrade(url)
    assert upgrade(url) == (schema.REVISIONS[-1], schema.REVISIONS[-1])


def test_what_was_there_is_there_after_opening_again(url: str) -> None:
    for _ in range(2):
        state = open_state(url, clock=HandClock())
        if not list(state.ledger(SERVICE)):
            fill(begin(state, "r"), [row(1, 2)])
        state.close()
    state = open_state(url, clock=HandClock())
    assert list(state.ledger(SERVICE)) == [row(1, 2)]
    state.close()


def first_revision(url: str) -> None:
    """A database as the first version left it, with one login of ours and its membership."""
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    sql(
        url,
        "INSERT INTO login VALUES "
        "('mfa.example.org#10408', 1, 'realm-1', 'entry-1', 42, 'created', 'ann', NULL, false, '{}')",
        "INSERT INTO membership VALUES ('mfa.example.org#10408', 1, 5)",
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, server: PrivatePostgres, url: str) -> str:
    """A database of the first version."""
    made = url if request.param == "sqlite" else server.new_database()
    first_revision(made)
    return made


def test_a_database_of_the_first_version_keeps_what_it_holds_and_learns_of_the_helpdesk(old: str) -> None:
    with pytest.raises(ConfigurationError, match="is at revision 0001"):
        open_state(old, clock=HandClock())
    assert upgrade(old) == ("0001", NEWEST)
    state = open_state(old, clock=HandClock())
    (kept,) = state.ledger(SERVICE)
    assert (kept.login, kept.groups) == ("ann", frozenset({5}))
    assert (state.open_holds(SERVICE), state.audit()) == ([], [])
    state.close()


def test_what_was_open_before_it_was_listed_is_open_afterwards(old: str) -> None:
    then = "'2026-01-01 00:00:00'"
    intents = (
        f"INSERT INTO intent (id, run, seq, epoch, at, phase, subject, kind, change)"  # noqa: S608 - of this test
        f" VALUES ({number}, 'r', {number}, 1, {then}, 1, 'ann', 'create', '{{}}')"
        for number in (1, 2, 3)
    )
    outcomes = (
        f"INSERT INTO outcome (intent, result, error, attempts, login_id, settled_by, settled_at)"  # noqa: S608
        f" VALUES ({number}, '{result}', '', 1, 1, 'r', {then})"
        for number, result in ((1, "done"), (2, "unknown"))
    )
    begun = (
        "INSERT INTO run (id, job, service, command, who, started, config, config_digest, plan, summary, report)"  # noqa: S608
        f" VALUES ('r', 'company', '{SERVICE}', 'run', 'ann', {then}, '', '', '', '', '{{}}')"
    )
    sql(old, begun, *intents, *outcomes)
    upgrade(old)
    engine = create_engine(old)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT intent FROM unsettled ORDER BY intent")).scalars().all() == [2, 3]
    engine.dispose()


def open_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for state in pool.map(lambda _: open_state(url, clock=HandClock()), range(4)):
            state.close()


def test_many_that_open_a_new_database_at_once_all_get_it(url: str) -> None:
    open_at_once(url)


def test_many_that_open_a_new_database_at_once_all_get_it_on_postgresql(server: PrivatePostgres) -> None:
    open_at_once(server.new_database())


def test_a_database_of_an_older_iwds_is_refused_with_the_command(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(url)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))
    with pytest.raises(ConfigurationError, match=f"is at revision {NEWEST}, this iwds needs {NEXT}") as caught:
        open_state(url, clock=HandClock())
    assert caught.value.advice == "iwds db upgrade"


def test_a_database_of_a_newer_iwds_is_refused_and_left_as_it_is(url: str) -> None:
    upgrade(url)
    sql(url, "UPDATE iwds_version SET version_num = '0999'")
    for attempt in (lambda: open_state(url, clock=HandClock()), lambda: upgrade(url)):
        with pytest.raises(ConfigurationError, match=f"0999, which is newer than {NEWEST}"):
            attempt()


def test_a_database_with_other_tables_gets_ours_only_when_asked(url: str) -> None:
    sql(url, "CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(ConfigurationError, match="holds other tables and none of iwds") as caught:
        open_state(url, clock=HandClock())
    assert "iwds db upgrade" in caught.value.advice
    upgrade(url)
    open_state(url, clock=HandClock()).close()


BROKEN = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{NEWEST}"


def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer()))
    raise RuntimeError("power cut")
"""

REBUILDS = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{NEWEST}"


def upgrade():
    with op.batch_alter_table("login", recreate="always") as login:
        login.add_column(sa.Column("more", sa.Integer()))
"""


@pytest.fixture
def add_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts one more revision after ours."""

    def add(text: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / f"{NEXT}_next.py").write_text(text)
        monkeypatch.setattr(schema, "_MIGRATIONS", folder)
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))

    return add


def test_a_migration_that_fails_half_way_leaves_everything_as_it_was(
    url: str, add_revision: Callable[[str], None]
) -> None:
    upgrade(url)
    add_revision(BROKEN)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(url)
    engine = create_engine(url)
    assert not inspect(engine).has_table("half")
    with engine.connect() as connection:
        assert schema.revision(connection) == NEWEST
    engine.dispose()


def test_a_migration_that_rebuilds_the_logins_keeps_their_memberships(
    url: str, add_revision: Callable[[str], None]
) -> None:
    """SQLite cannot alter much: Alembic copies the table and drops the old one, which would cascade."""
    state = open_state(url, clock=HandClock())
    fill(begin(state, "r"), [row(1, 5, 6)])
    state.close()
    add_revision(REBUILDS)
    assert upgrade(url) == (NEWEST, NEXT)
    state = open_state(url, clock=HandClock())
    assert list(state.ledger(SERVICE)) == [row(1, 5, 6)]
    state.close()


@pytest.fixture
def made_by_the_first(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of the first iwds, with one login of ours in two groups."""
    folder = tmp_path / "first"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__", "000[2-9]*", "00[1-9]*"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_MIGRATIONS", folder)
        patch.setattr(schema, "REVISIONS", ("0001",))
        upgrade(url)
    sql(
        url,
        "INSERT INTO login (service, login_id, realm, entry, owner, origin, login, locked, written) VALUES"
        " ('mfa.example.org#10408', 1, 'realm-1', 'entry-1', 42, 'created', 'zoë.1', 0, '{\"mail\": \"a1b2c3\"}')",
        "INSERT INTO membership (service, login_id, group_id) SELECT service, login_id, 5 FROM login",
        "INSERT INTO membership (service, login_id, group_id) SELECT service, login_id, 6 FROM login",
    )
    return url


def test_a_database_of_the_first_iwds_keeps_its_ledger_and_learns_roles(made_by_the_first: str) -> None:
    assert upgrade(made_by_the_first) == ("0001", NEWEST)
    state = open_state(made_by_the_first, clock=HandClock())
    assert list(state.ledger(SERVICE)) == [row(1, 5, 6)]
    fill(begin(state, "r"), [replace(row(1, 5, 6), group_roles={5: 17})])
    assert list(state.ledger(SERVICE)) == [replace(row(1, 5, 6), group_roles={5: 17})]
    state.close()
