"""The tables of the local MFA service, and what a new data file holds."""

import secrets
import sqlite3
from pathlib import Path

from iwds.errors import ConfigurationError
from iwds.privatefile import make_private

VERSION = 2
_NEW_FILE = "Start with a new file: iwds sandbox --data NEW-FILE"

# A login name is one name whatever its case: the names are ASCII, so NOCASE is enough.
# AUTOINCREMENT: the id of a deleted login or device is never given to another one.
# A login's code_id is the code that it is to be activated with: nothing asks for it once the login is activated. It is
# no foreign key: each code that goes with its login would have all logins searched.
_TABLES = """
CREATE TABLE service (id INTEGER PRIMARY KEY, max_logins INTEGER NOT NULL);
CREATE TABLE clock (ahead INTEGER NOT NULL);
CREATE TABLE policy (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, max_all INTEGER NOT NULL DEFAULT 0,
    max_ma INTEGER NOT NULL DEFAULT 0, max_ca INTEGER NOT NULL DEFAULT 0,
    max_va INTEGER NOT NULL DEFAULT 0, max_mac INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE team (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, num INTEGER NOT NULL, policy INTEGER NOT NULL REFERENCES policy
);
CREATE TABLE login (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login TEXT NOT NULL COLLATE NOCASE UNIQUE,
    firstname TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, mail TEXT NOT NULL COLLATE NOCASE,
    phone TEXT NOT NULL, extrafields TEXT NOT NULL,
    status INTEGER NOT NULL, role INTEGER NOT NULL, access INTEGER NOT NULL, lang TEXT NOT NULL,
    login2 TEXT NOT NULL DEFAULT '', login3 TEXT NOT NULL DEFAULT '',
    createdby INTEGER NOT NULL, created INTEGER NOT NULL, lastauthdate INTEGER NOT NULL DEFAULT 0,
    activated INTEGER NOT NULL, code_id INTEGER,
    pin TEXT, wrong_entries INTEGER NOT NULL DEFAULT 0, reset_used INTEGER NOT NULL DEFAULT 0,
    pin_locked INTEGER NOT NULL DEFAULT 0, password_locked INTEGER NOT NULL DEFAULT 0,
    maccess_locked INTEGER NOT NULL DEFAULT 0, shared INTEGER NOT NULL DEFAULT 0,
    otp TEXT, otp_expires INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE device (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login_id INTEGER NOT NULL REFERENCES login ON DELETE CASCADE,
    kind TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL, alias TEXT NOT NULL,
    push INTEGER NOT NULL, created INTEGER NOT NULL, last_used INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX device_of_login ON device (login_id);
CREATE TABLE code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login_id INTEGER NOT NULL REFERENCES login ON DELETE CASCADE,
    purpose INTEGER NOT NULL, kind INTEGER NOT NULL, code TEXT NOT NULL UNIQUE, long_code TEXT UNIQUE,
    expires INTEGER NOT NULL, used INTEGER, cancelled INTEGER
);
CREATE INDEX code_of_login ON code (login_id);
CREATE TABLE membership (
    team_id INTEGER NOT NULL REFERENCES team, login_id INTEGER NOT NULL REFERENCES login ON DELETE CASCADE,
    role INTEGER NOT NULL, PRIMARY KEY (team_id, login_id)
) WITHOUT ROWID;
CREATE INDEX membership_of_login ON membership (login_id);
CREATE TABLE mail (
    id INTEGER PRIMARY KEY, login_id INTEGER NOT NULL, sent INTEGER NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, relay TEXT NOT NULL
);
"""
DEFAULT_SERVICE = 10408
NOT_LIMITED = 2**31
_POLICIES = ((1, "standard", 0, 0, 0, 0, 0), (2, "strong", 2, 1, 1, 1, 1))
_TEAMS = (
    (101, "vpn", 0, 1),
    (102, "mail", 0, 1),
    (103, "wiki", 0, 1),
    (104, "finance", 0, 2),
    (105, "admins-portal", 0, 2),
)
_CONSOLE_MADE = (("console.ada", "Ada", "Console"), ("console.linus", "Linus", "Console"))
CONSOLE_LOGINS = frozenset(login for login, _, _ in _CONSOLE_MADE)
"""The logins of a new file: whoever has only these has lost nothing when they are replaced."""


def connect(path: str) -> sqlite3.Connection:
    """A connection to the data file (`:memory:` for none). A file that is new is readable for its owner only."""
    if path != ":memory:":
        _make_private(Path(path))
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
    connection.row_factory = sqlite3.Row
    try:
        # What a rehearsal can lose to a power cut is not worth a disk write for each call.
        for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = OFF", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ConfigurationError(f"{path} is no data file of the sandbox: {error}", _NEW_FILE) from error
    return connection


def prepare(
    connection: sqlite3.Connection, service_id: int | None, max_logins: int | None, now: int
) -> tuple[int, int]:
    """Make and fill the tables of a new file; what is given goes before the settings of an existing one.

    Returns service id and limit as they are now. Raises `ConfigurationError` where the file belongs to another version.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        connection.execute("BEGIN IMMEDIATE")
        _fill(connection, now)
        connection.execute("COMMIT")
    elif version != VERSION:
        raise ConfigurationError(
            f"the sandbox's data file has version {version}, and this program writes version {VERSION}",
            _NEW_FILE,
        )
    before = connection.execute("SELECT id, max_logins FROM service").fetchone()
    settings = (service_id or before[0], max_logins or before[1])
    if settings != tuple(before):
        connection.execute("UPDATE service SET id = ?, max_logins = ?", settings)
    return settings


def empty(connection: sqlite3.Connection) -> None:
    """Drop all people and groups. Their ids are not used again. Within the caller's transaction."""
    for table in ("membership", "code", "device", "mail", "login", "team", "policy"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants


def _make_private(path: Path) -> None:
    try:
        make_private(path)
    except OSError as error:
        raise ConfigurationError(f"the sandbox cannot write its data file {path}: {error.strerror}") from error


def _fill(connection: sqlite3.Connection, now: int) -> None:
    connection.execute("INSERT INTO service VALUES (?, ?)", (DEFAULT_SERVICE, NOT_LIMITED))
    connection.execute("INSERT INTO clock VALUES (0)")
    # A client that hard-codes ids, or that takes a small number for one, should find out here.
    for table in ("login", "device"):
        base = 1_000_000 + secrets.randbelow(900_000_000)
        connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, base))
    furnish(connection, now)


def furnish(connection: sqlite3.Connection, now: int) -> None:
    """The groups, policies and administrators of a new service. Within the caller's transaction."""
    connection.executemany("INSERT INTO policy VALUES (?, ?, ?, ?, ?, ?, ?)", _POLICIES)
    connection.executemany("INSERT INTO team VALUES (?, ?, ?, ?)", _TEAMS)
    for login, firstname, name in _CONSOLE_MADE:
        connection.execute(
            "INSERT INTO login (login, firstname, name, mail, phone, extrafields, status, role, access, lang, "
            "createdby, created, activated) VALUES (?, ?, ?, ?, '', '', 0, 2, 1, 'en', 0, ?, 1)",
            (login, firstname, name, f"{login}@example.com", now),
        )
