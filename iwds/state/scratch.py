"""The waist: a private SQLite file in which the readings of one run meet.

SQLite's anonymous database stays in memory while it is small, spills to an unlinked file (0600, in `SQLITE_TMPDIR` or
`TMPDIR`) when it is not, and is gone when it is closed. So memory does not grow with the population. The queries only
pick candidates; what is a case is decided by the same pure functions that the in-memory join uses.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from iwds.core.change import Subject
from iwds.core.join import Context, case_of_person, case_of_row, second_login
from iwds.core.matching import Case, Match, Tally
from iwds.core.model import Absent, Account, LedgerRow, Login, Membership, Role, Status, Unmapped
from iwds.core.moved import Standing
from iwds.core.naming import RIVALS
from iwds.core.policy import World
from iwds.core.recognise import LOCATED
from iwds.state.scratch_around import Surroundings
from iwds.state.scratch_naming import number_people
from iwds.state.scratch_rows import (
    AFTER_LEDGER,
    AFTER_LOGIN,
    AFTER_PERSON,
    LEDGER,
    LOGIN,
    PERSON,
    account_of,
    extra_agrees,
    ids,
    ledger_of,
    ledger_row,
    left,
    login_of,
    login_row,
    numbers,
    person_row,
    roles_known,
    unmapped_of,
)

BATCH = 2000
"""Rows per insert: large enough to be cheap, small enough that two filling threads take turns."""
CACHE_KIB = 16384
"""What SQLite may keep in memory before it spills; four times as much was not faster for 400,000 people."""

_TABLES = """
CREATE TABLE person (
  realm TEXT, pid TEXT, verdict TEXT, name TEXT, detail TEXT, key TEXT, login TEXT,
  firstname TEXT, lastname TEXT, mail TEXT, phone TEXT, role INT, status INT, groups TEXT, extra TEXT, creation TEXT,
  roles TEXT, modes TEXT, numbering INT, PRIMARY KEY (realm, pid)) WITHOUT ROWID;
CREATE TABLE login (
  id INTEGER PRIMARY KEY, key TEXT, login TEXT, firstname TEXT, lastname TEXT, mail TEXT, phone TEXT, role INT,
  status INT, extra TEXT, created_by INT, activated INT, last_seen INT);
CREATE TABLE ledger (
  login_id INTEGER PRIMARY KEY, realm TEXT, pid TEXT, owner INT, origin TEXT, key TEXT, login TEXT, tag INT, locked INT,
  groups TEXT, written TEXT, roles TEXT, left_at TEXT, believed INT, first INT);
CREATE TABLE member (login_id INT, group_id INT, PRIMARY KEY (login_id, group_id)) WITHOUT ROWID;
CREATE TABLE wanted (groups TEXT PRIMARY KEY, ids TEXT) WITHOUT ROWID;
CREATE TABLE held (groups TEXT PRIMARY KEY, ids TEXT) WITHOUT ROWID;
CREATE TABLE said (login_id INTEGER PRIMARY KEY, realm TEXT, pid TEXT);
CREATE TABLE matched (login_id INTEGER PRIMARY KEY);
CREATE TABLE asked (login_id INTEGER PRIMARY KEY);
"""
_INDEXES = """
CREATE INDEX person_key ON person (key);
CREATE INDEX login_key ON login (key, id);
CREATE INDEX ledger_anchor ON ledger (realm, pid, login_id);
UPDATE ledger SET
  believed = EXISTS (SELECT 1 FROM login l WHERE l.id = login_id AND (l.key = ledger.key OR l.created_by = tag)),
  first = login_id = (SELECT r.login_id FROM ledger r WHERE r.realm = ledger.realm AND r.pid = ledger.pid
    ORDER BY NOT EXISTS (SELECT 1 FROM login l WHERE l.id = r.login_id), r.login_id LIMIT 1);
"""
_RIVALS = ", ".join(sorted(f"'{reason.value}'" for reason in RIVALS))
_COLLISIONS = f"""
CREATE TABLE collision AS
  SELECT key, count(*) AS people FROM person
  WHERE key IS NOT NULL AND (verdict IS NULL OR verdict IN ({_RIVALS}))
  GROUP BY key HAVING count(*) > 1;
UPDATE person SET verdict = 'duplicate', detail = (
    SELECT c.people || ' people want the login ' || c.key FROM collision c WHERE c.key = person.key)
WHERE verdict IS NULL AND key IN (SELECT key FROM collision)
  AND NOT EXISTS (SELECT 1 FROM ledger r JOIN login l ON l.id = r.login_id
    WHERE r.realm = person.realm AND r.pid = person.pid AND r.believed AND l.key = person.key)
  AND NOT EXISTS (SELECT 1 FROM said s JOIN login l ON l.id = s.login_id
    WHERE s.realm = person.realm AND s.pid = person.pid AND l.key = person.key
      AND NOT EXISTS (SELECT 1 FROM ledger r WHERE r.login_id = l.id));
"""  # noqa: S608 - words of this project
_MEMBER_OF = """coalesce((SELECT group_concat(group_id, ' ') FROM
  (SELECT m.group_id FROM member m WHERE m.login_id = {0} ORDER BY m.group_id)), '')"""
_NAMED = "(SELECT min(o.id) FROM login o WHERE o.key = p.key)"


def _agree(field: str, column: str) -> str:
    return f"(p.{column} IS NULL OR p.{column} IS l.{column} OR is_left('{field}', p.{column}, l.{column}, p.modes))"


_ACCOUNTS = f"""
SELECT {PERSON}, {LEDGER}, {LOGIN}, {_MEMBER_OF.format(f"coalesce(l.id, {_NAMED})")}, {_NAMED}
FROM person p
LEFT JOIN ledger r ON r.realm = p.realm AND r.pid = p.pid AND r.first
LEFT JOIN login l ON l.id = r.login_id
LEFT JOIN wanted w ON w.groups = p.groups
LEFT JOIN held h ON h.groups = r.groups
WHERE p.verdict IS NULL AND NOT (
  l.id IS NOT NULL AND r.believed AND p.key = l.key
  AND {_agree("firstname", "firstname")} AND {_agree("name", "lastname")} AND {_agree("mail", "mail")}
  AND {_agree("phone", "phone")} AND {_agree("role", "role")} AND (p.status IS NULL OR p.status IS l.status)
  AND (p.groups IS NULL OR (w.ids = h.ids AND w.ids = {_MEMBER_OF.format("l.id")}))
  AND (p.extra = '' OR extra_agrees(p.extra, l.extra, p.modes))
  AND (p.roles = '' OR (l.id % :every <> :turn AND roles_known(p.roles, r.roles))))
"""  # noqa: S608 - column lists of this module
_LEFTOVER = f"""
SELECT {PERSON}, {LEDGER}, {LOGIN}, {_MEMBER_OF.format("l.id")}
FROM ledger r
LEFT JOIN person p ON p.realm = r.realm AND p.pid = r.pid
LEFT JOIN login l ON l.id = r.login_id
WHERE p.realm IS NULL OR p.verdict IS NOT NULL OR NOT r.first
"""  # noqa: S608 - column lists of this module
_REMEMBERED = f"""
SELECT {LEDGER}, {LOGIN}, {_MEMBER_OF.format("r.login_id")}
FROM ledger r LEFT JOIN login l ON l.id = r.login_id ORDER BY r.login_id
"""  # noqa: S608 - column lists of this module
_UNMATCHED = f"""
SELECT {LOGIN}, {_MEMBER_OF.format("l.id")}, EXISTS (SELECT 1 FROM asked a WHERE a.login_id = l.id) FROM login l
WHERE NOT EXISTS (SELECT 1 FROM ledger r WHERE r.login_id = l.id)
  AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.login_id = l.id)
"""  # noqa: S608 - column lists of this module
_UNMAPPED = f"""
SELECT {PERSON} FROM person p
WHERE p.verdict IS NOT NULL AND p.verdict <> '{Absent.OUT_OF_SCOPE.value}'
  AND NOT EXISTS (SELECT 1 FROM ledger r WHERE r.realm = p.realm AND r.pid = p.pid)
"""  # noqa: S608 - column lists of this module


_ONE_PERSON = f"SELECT {PERSON} FROM person p WHERE p.realm = ? AND p.pid = ?"  # noqa: S608 - columns of this module
_ONE_LOGIN = f"SELECT {LOGIN} FROM login l WHERE l.id = ?"  # noqa: S608 - columns of this module


def _insertion(table: str, columns: int) -> str:
    return f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * columns)})"  # noqa: S608 - names of this module


class ScratchWaist:
    """A `Waist` in an anonymous SQLite database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.create_function("is_left", 4, left, deterministic=True)
        self._db.create_function("extra_agrees", 3, extra_agrees, deterministic=True)
        self._db.executescript(_TABLES)
        self._world: World | None = None
        self._around: Surroundings
        self._matched: list[tuple[int]] = []

    def add_people(self, people: Iterable[Account | Unmapped]) -> None:
        """People as the mapping made them; of several with one anchor the first one counts."""
        self._insert(_insertion("person", 19), map(person_row, people))

    def forget_people(self) -> None:
        """Throw away the people that came so far: they are read anew."""
        with self._lock:
            self._db.execute("DELETE FROM person")

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Everything on the service."""
        self._insert(_insertion("login", 13), map(login_row, logins))

    def add_members(self, members: Iterable[Membership]) -> None:
        """Memberships of the governed groups."""
        rows = ((member.login_id, member.group_id) for member in members)
        self._insert(_insertion("member", 2), rows)

    def forget_logins(self) -> None:
        """Throw away the logins that came so far: the service is read anew."""
        with self._lock:
            self._db.execute("DELETE FROM login")

    def forget_members(self) -> None:
        """Throw away the memberships that came so far: they are read anew."""
        with self._lock:
            self._db.execute("DELETE FROM member")

    def add_ledger(self, rows: Iterable[LedgerRow]) -> None:
        """Our memory of this service."""
        self._insert(_insertion("ledger", 15), ((*ledger_row(row), None, None) for row in rows))

    def _insert(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        iterator = iter(rows)
        while batch := list(islice(iterator, BATCH)):
            with self._lock:
                self._db.execute("BEGIN")
                self._db.executemany(statement, batch)
                self._db.execute("COMMIT")

    def join(self, world: World) -> Tally:
        """Settle collisions and count; call it once, when everything is in."""
        self._world = world
        self._db.create_function("roles_known", 2, partial(roles_known, world=world), deterministic=True)
        self._db.executescript(_INDEXES)
        said = (
            (each.login_id, each.anchor.realm, each.anchor.id) for each in world.decisions.of.values() if each.anchor
        )
        self._db.executemany("INSERT INTO said VALUES (?,?,?)", said)
        self._around = Surroundings(self._db, world)
        number_people(self._db, self._around, world)
        self._db.executescript(_COLLISIONS)
        self._translate_groups(world)
        self._db.execute("ANALYZE")
        return self._tally(world)

    def _translate_groups(self, world: World) -> None:
        """Each distinct set of group names or ids, once, as the ids that this job governs."""
        names = self._db.execute("SELECT DISTINCT groups FROM person WHERE groups IS NOT NULL").fetchall()
        wanted = [(text, ids(world.group_ids(frozenset(json.loads(text))))) for (text,) in names]
        self._db.executemany("INSERT INTO wanted VALUES (?,?)", wanted)
        held = self._db.execute("SELECT DISTINCT groups FROM ledger").fetchall()
        ours = [(text, ids(numbers(text) & world.governed)) for (text,) in held]
        self._db.executemany("INSERT INTO held VALUES (?,?)", ours)

    def _tally(self, world: World) -> Tally:
        ours = "FROM ledger r JOIN login l ON l.id = r.login_id WHERE r.believed"
        return Tally(
            people=self._one("SELECT count(*) FROM person"),
            absent=dict(self._db.execute("SELECT verdict, count(*) FROM person WHERE verdict NOTNULL GROUP BY 1")),
            logins=self._one("SELECT count(*) FROM login"),
            rows=self._one("SELECT count(*) FROM ledger"),
            unbelieved=self._one("SELECT count(*) FROM ledger WHERE NOT believed"),
            retagged=self._one(f"SELECT count(*) {ours} AND r.tag <> l.created_by"),
            retags=dict(self._db.execute(f"SELECT r.login_id, l.created_by {ours} AND r.tag <> l.created_by")),
            population=self._one(
                f"SELECT count(*) {ours} AND r.owner = ? AND l.status = ?",
                world.policy.provisioning_id,
                Status.ACTIVE.value,
            ),
            administrators=self._one(
                "SELECT count(*) FROM login WHERE role = ? AND status = ?",
                Role.ADMINISTRATOR.value,
                Status.ACTIVE.value,
            ),
            members=dict(self._db.execute("SELECT group_id, count(*) FROM member GROUP BY 1")),
            unlocked=frozenset(
                login_id
                for (login_id,) in self._db.execute(
                    f"SELECT r.login_id {ours} AND r.locked AND l.status = {Status.ACTIVE.value}"
                )
            ),
            tags=dict(
                self._db.execute(f"SELECT r.login_id, l.created_by {ours} AND r.tag IS NULL AND l.created_by NOTNULL")
            ),
            unfit=self._around.unfit(world),
        )

    def _one(self, statement: str, *values: int) -> int:
        return int(self._db.execute(statement, values).fetchone()[0])

    def cases(self) -> Iterator[Case]:
        """The cases that do not agree, streamed; call it after `join`."""
        if self._world is None:
            raise RuntimeError("cases() comes after join()")
        rota = self._world.rota
        for row in self._db.execute(_ACCOUNTS, {"every": rota.every, "turn": rota.day % rota.every}):
            if case := self._person_case(row, self._world):
                self._explained(case)
                yield case
        self._keep_matched()
        for row in self._db.execute(_LEFTOVER):
            yield _leftover_case(row)
        for row in self._db.execute(_UNMATCHED):
            login, groups, asked = login_of(row[:-2]), numbers(row[-2]), row[-1]
            yield Case(Match.UNMATCHED, login=login, member_of=groups, why=LOCATED if asked else "")
        for row in self._db.execute(_UNMAPPED):
            yield Case(Match.UNMAPPED, absent=unmapped_of(row))

    def strangers(self, salt: str) -> Iterator[bytes]:
        """By what somebody new might be recognised in a login that is not ours; call it after `join`."""
        return self._around.strangers(salt)

    def remembered(self) -> Iterator[tuple[LedgerRow, Login | None, frozenset[int]]]:
        """Each ledger row, in the order of login ids, with its login and the groups that this is in; streamed."""
        ours, theirs = AFTER_LEDGER - AFTER_PERSON, AFTER_LOGIN - AFTER_PERSON
        for row in self._db.execute(_REMEMBERED):
            login = login_of(row[ours:theirs]) if row[ours] is not None else None
            yield ledger_of(row[:ours]), login, numbers(row[theirs]) if login else frozenset()

    def _person_case(self, row: Sequence[Any], world: World) -> Case | None:
        account, ledger_row, login, member_of, named_id = _parts(row)
        first = login.id if login else named_id

        def groups_of(login_id: int) -> frozenset[int]:
            return member_of if login_id == first else self._groups_of(login_id)

        return case_of_person(account, ledger_row, login, Context(self._around, named_id, groups_of), world)

    def _groups_of(self, login_id: int) -> frozenset[int]:
        found = self._db.execute("SELECT group_id FROM member WHERE login_id = ?", (login_id,))
        return frozenset(group for (group,) in found)

    def _explained(self, case: Case) -> None:
        """Keep which logins a person explains, or may, for those that nobody does."""
        if case.match is Match.NAMED and case.login:
            self._matched.append((case.login.id,))
        if len(self._matched) >= BATCH:
            self._keep_matched()
        for login in case.candidates:
            self._db.execute("INSERT OR IGNORE INTO asked VALUES (?)", (login.id,))

    def _keep_matched(self) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO matched VALUES (?)", self._matched)
        self._db.execute("COMMIT")
        self._matched.clear()

    def standing(self, subject: Subject) -> Standing:
        """What was read of one person, by their anchor and the id of their login; call it after `join`."""
        who = (subject.anchor.realm, subject.anchor.id) if subject.anchor else ("", "")
        person = self._db.execute(_ONE_PERSON, who).fetchone()
        login = self._db.execute(_ONE_LOGIN, (subject.login_id,)).fetchone()
        return Standing(
            None if person is None else account_of(person) if person[2] is None else unmapped_of(person),
            login_of(login) if login else None,
            self._groups_of(subject.login_id or 0),
        )

    def close(self) -> None:
        """Throw everything away."""
        self._db.close()


def _parts(row: Sequence[Any]) -> tuple[Account, LedgerRow | None, Login | None, frozenset[int], int | None]:
    """Account, ledger row, login, memberships and the id of the login of that name, from one joined row."""
    ledger_row = ledger_of(row[AFTER_PERSON:AFTER_LEDGER]) if row[AFTER_PERSON] is not None else None
    login = login_of(row[AFTER_LEDGER:AFTER_LOGIN]) if row[AFTER_LEDGER] is not None else None
    return account_of(row[:AFTER_PERSON]), ledger_row, login, numbers(row[AFTER_LOGIN]), row[AFTER_LOGIN + 1]


def _leftover_case(row: Sequence[Any]) -> Case:
    ledger_row = ledger_of(row[AFTER_PERSON:AFTER_LEDGER])
    login = login_of(row[AFTER_LEDGER:AFTER_LOGIN]) if row[AFTER_LEDGER] is not None else None
    absent: Unmapped | None = None
    if row[0] is not None:
        person = row[:AFTER_PERSON]
        absent = unmapped_of(person) if person[2] is not None else second_login(account_of(person), ledger_row)
    return case_of_row(ledger_row, login, absent, numbers(row[AFTER_LOGIN]))
