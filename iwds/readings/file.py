"""The file of a captured reading: one SQLite database, as `Draft` has written it.

Tables: `meta` (what the plan was), `source`, `reading` (each time a source was read, with its proof), `entry` (the
people as they came), `place` (names of the directory's groups), `answer` (questions about single people), `grp`,
`login`, `listed` (groups whose members are in `member`), `role`, `loss`, `ledger`, `said` (the rest of our memory).
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from iwds.core.captured import item_of
from iwds.core.model import Anchor, Entry, Group, LedgerRow, Login, Membership, Origin
from iwds.errors import UsageError
from iwds.readings.plain import back

SCHEMA = 1
"""Grows with every change of the file that an older reader would misunderstand."""
APPLICATION = 0x69776473
"""What SQLite keeps in the head of the file, by which a file is known to be a reading: `iwds`."""
BATCH = 500
"""Rows in one insert."""
NEVER = frozenset(
    {
        *("userpassword", "unicodepwd", "dbcspwd", "lmpwdhistory", "ntpwdhistory", "supplementalcredentials"),
        *("sambantpassword", "sambalmpassword", "sambapasswordhistory", "krbprincipalkey", "krb5key", "authpassword"),
        *(
            "pwdhistory",
            "passwordhistory",
            "msds-managedpassword",
            "ms-mcs-admpwd",
            "ms-mcs-admpwdhistory",
            "ipanthash",
        ),
        *("mslaps-password", "mslaps-encryptedpassword", "mslaps-encryptedpasswordhistory", "userpkcs12"),
    }
)
"""Attributes (lower-case) that hold secrets: they come into no file, whoever asks for them."""

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, data TEXT);
CREATE TABLE source (name TEXT PRIMARY KEY, data TEXT);
CREATE TABLE reading (id INTEGER PRIMARY KEY, source TEXT, attributes TEXT, proof TEXT);
CREATE TABLE entry (id INTEGER PRIMARY KEY, reading INT, realm TEXT, pid TEXT, data TEXT);
CREATE TABLE place (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE answer (id INTEGER PRIMARY KEY, source TEXT, op TEXT, about TEXT, data TEXT);
CREATE TABLE grp (n INTEGER PRIMARY KEY, line TEXT);
CREATE TABLE login (id INTEGER PRIMARY KEY, line TEXT);
CREATE TABLE listed (group_id INTEGER PRIMARY KEY);
CREATE TABLE member (group_id INT, login_id INT, PRIMARY KEY (group_id, login_id)) WITHOUT ROWID;
CREATE TABLE role (login_id INT, group_id INT, role INT, PRIMARY KEY (login_id, group_id)) WITHOUT ROWID;
CREATE TABLE loss (login_id INTEGER PRIMARY KEY, data TEXT);
CREATE TABLE ledger (login_id INTEGER PRIMARY KEY, data TEXT);
CREATE TABLE said (id INTEGER PRIMARY KEY, kind TEXT, data TEXT);
"""
INDEXES = """
CREATE INDEX IF NOT EXISTS entry_anchor ON entry (realm, pid, reading);
CREATE INDEX IF NOT EXISTS entry_reading ON entry (reading, id);
CREATE INDEX IF NOT EXISTS answer_about ON answer (source, op, about, id);
"""


def dumps(data: Any) -> str:
    """JSON on one line; half a character, which a directory may hold, is written as an escape."""
    return json.dumps(data, separators=(",", ":"))


class Reading:
    """A captured reading, open to be read. Raises `UsageError` where the file is none, or of a newer version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UsageError(f"there is no reading {path}", "see: iwds readings")
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True,
                                       check_same_thread=False)  # fmt: skip
            ours, version = (self._one(f"PRAGMA {name}") for name in ("application_id", "user_version"))
        except sqlite3.Error as error:
            raise UsageError(f"{path} is no captured reading: {error}") from None
        if ours != APPLICATION or version != SCHEMA:
            self.close()
            what = f"of schema {version}, and this is {SCHEMA}" if ours == APPLICATION else "no captured reading"
            raise UsageError(f"{path} is {what}", "capture one: iwds plan JOB --capture")
        self._places = {number: json.loads(name) for number, name in self._all("SELECT id, name FROM place")}
        self._groups = lru_cache(maxsize=65_536)(self._names)

    def __getitem__(self, name: str) -> Any:
        """One fact about the reading as a whole; None where it has none of that name."""
        text = self._one("SELECT data FROM meta WHERE name = ?", name)
        return None if text is None else json.loads(text)

    def facts(self) -> dict[str, Any]:
        """All of them."""
        return {name: json.loads(data) for name, data in self._all("SELECT name, data FROM meta")}

    def sources(self) -> dict[str, dict[str, Any]]:
        """The settings of each source, without secrets."""
        return {name: json.loads(data) for name, data in self._all("SELECT name, data FROM source ORDER BY rowid")}

    def readings(self, source: str) -> list[tuple[int, frozenset[str], dict[str, Any]]]:
        """Each time that a source was read to its end: number, attributes asked for, proof as data."""
        rows = self._all(
            "SELECT id, attributes, proof FROM reading WHERE source = ? AND proof IS NOT NULL ORDER BY id", source
        )
        return [(number, frozenset(json.loads(names)), json.loads(proof)) for number, names, proof in rows]

    def entries(self, reading: int) -> Iterator[Entry]:
        """The people of one reading, in their order, streamed."""
        query = "SELECT id, realm, pid, data FROM entry WHERE reading = ? AND id > ? ORDER BY id LIMIT ?"
        last = 0
        while rows := self._all(query, reading, last, BATCH):
            last = rows[-1][0]
            yield from (self.entry_of(Anchor(realm, pid), json.loads(data)) for _, realm, pid, data in rows)

    def entry(self, reading: int, anchor: Anchor) -> Entry | None:
        """One person of a reading."""
        query = "SELECT data FROM entry WHERE realm = ? AND pid = ? AND reading = ? ORDER BY id LIMIT 1"
        text = self._one(query, anchor.realm, anchor.id, reading)
        return None if text is None else self.entry_of(anchor, json.loads(text))

    def entry_of(self, anchor: Anchor, data: list[Any]) -> Entry:
        """The entry that `Draft.entry_data` wrote."""
        name, attrs, groups, enabled, unread = data
        values = {attribute: tuple(each) for attribute, each in attrs.items()}
        held = None if groups is None else self._groups(tuple(groups))
        return Entry(anchor, name, values, held, enabled, frozenset(unread))

    def _names(self, numbers: tuple[int, ...]) -> frozenset[str]:
        return frozenset(self._places[number] for number in numbers)

    def answers(self, source: str, op: str, about: str) -> list[Any]:
        """What was answered to a question, each time that it was asked."""
        query = "SELECT data FROM answer WHERE source = ? AND op = ? AND about = ? ORDER BY id"
        return [json.loads(data) for (data,) in self._all(query, source, op, about)]

    def every_answer(self) -> Iterator[tuple[str, str, str, Any]]:
        """All of them in their order: source, question, about whom, answer."""
        query, last = "SELECT id, source, op, about, data FROM answer WHERE id > ? ORDER BY id LIMIT ?", 0
        while rows := self._all(query, last, BATCH):
            last = rows[-1][0]
            yield from ((source, op, about, json.loads(data)) for _, source, op, about, data in rows)

    def every_role(self) -> Iterator[tuple[int, dict[int, int | None]]]:
        """The roles that were read, by login."""
        for (login,) in self._all("SELECT DISTINCT login_id FROM role ORDER BY login_id"):
            yield login, self.roles(login)

    def every_loss(self) -> Iterator[tuple[int, Any]]:
        """What would go with each login of which it was asked."""
        yield from ((login, json.loads(data)) for login, data in self._all("SELECT login_id, data FROM loss"))

    def groups(self) -> list[Group]:
        """All groups of the service, in the order in which they came."""
        return [item(Group, line) for (line,) in self._all("SELECT line FROM grp ORDER BY n")]

    def logins(self) -> Iterator[Login]:
        """All logins, streamed."""
        return (item(Login, line) for (line,) in self._paged("SELECT id, line FROM login WHERE id > ?"))

    def login(self, login: int) -> Login | None:
        """One login by id."""
        line = self._one("SELECT line FROM login WHERE id = ?", login)
        return None if line is None else item(Login, line)

    def listed(self) -> frozenset[int]:
        """The groups whose members were read."""
        return frozenset(group for (group,) in self._all("SELECT group_id FROM listed"))

    def members(self, groups: Iterable[int]) -> Iterator[Membership]:
        """The members of these groups, streamed."""
        for group in groups:
            query = f"SELECT login_id, login_id FROM member WHERE group_id = {int(group)} AND login_id > ?"  # noqa: S608 - a number
            yield from (Membership(login, group) for (login,) in self._paged(query, "login_id"))

    def roles(self, login: int) -> dict[int, int | None]:
        """The roles of a login that were read, by group; None where it is in none of that number."""
        return dict(self._all("SELECT group_id, role FROM role WHERE login_id = ?", login))

    def loss(self, login: int) -> Any:
        """What goes with a login, as data; None where nobody asked."""
        text = self._one("SELECT data FROM loss WHERE login_id = ?", login)
        return None if text is None else json.loads(text)

    def ledger(self) -> Iterator[LedgerRow]:
        """Our memory, in the order of login ids, streamed."""
        rows = self._paged("SELECT login_id, data FROM ledger WHERE login_id > ?", "login_id")
        return (row_of(data) for (data,) in rows)

    def ledger_row(self, login: int) -> LedgerRow | None:
        """One row of it."""
        text = self._one("SELECT data FROM ledger WHERE login_id = ?", login)
        return None if text is None else row_of(text)

    def said(self, kind: str, of: Any) -> list[Any]:
        """The rest of our memory: everything of one kind, as values of a type."""
        rows = self._all("SELECT data FROM said WHERE kind = ? ORDER BY id", kind)
        return [back(of, json.loads(data)) for (data,) in rows]

    def close(self) -> None:
        """Give back the file. May be called twice."""
        self._db.close()

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: Any) -> Any:
        rows = self._all(query, *values)
        return rows[0][0] if rows else None

    def _paged(self, query: str, key: str = "id") -> Iterator[tuple[Any]]:
        """The second column of the rows whose key, the first one, is above the last; streamed."""
        last = -1
        while rows := self._all(f"{query} ORDER BY {key} LIMIT {BATCH}", last):
            last = rows[-1][0]
            yield from ((row[1],) for row in rows)


def batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items in lists of a few hundred."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def row_data(row: LedgerRow) -> str:
    """A row of our memory; there is one for everybody, so it is written by hand and not by `plain`."""
    anchor, left = row.anchor, row.left_at.isoformat() if row.left_at else None
    roles = {str(group): role for group, role in row.group_roles.items()}
    head = [row.login_id, anchor.realm, anchor.id, row.owner, row.origin.value, row.login, row.tag, row.locked]
    return dumps([*head, sorted(row.groups), dict(row.written), roles, left])


def row_of(text: str) -> LedgerRow:
    """The row of our memory that `row_data` wrote."""
    login, realm, pid, owner, origin, name, tag, locked, groups, written, roles, left = json.loads(text)
    return LedgerRow(
        login,
        Anchor(realm, pid),
        owner,
        Origin(origin),
        name,
        tag,
        locked,
        frozenset(groups),
        written,
        {int(group): role for group, role in roles.items()},
        datetime.fromisoformat(left) if left else None,
    )


def item(kind: type, line: str) -> Any:
    """A login or a group as its line says."""
    found = item_of(line)
    assert isinstance(found, kind)  # noqa: S101 - each table holds one kind
    return found
