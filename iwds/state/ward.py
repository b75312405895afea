"""The ward: a private SQLite file in which a doctor compares everybody with everybody else.

Anonymous like that of the waist next door: in memory while it is small, in an unlinked file when it is not.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from iwds.core.hygiene import FEW_ADMINISTRATORS, Code, Whom, loose
from iwds.core.model import Account, Anchor, Login, Role, Status, Unmapped, fold
from iwds.core.recognition import mail_key

BATCH = 2000
"""Rows that are kept in memory until they are written together."""
CACHE_KIB = 8192

_TABLES = """
CREATE TABLE person (
  realm TEXT, pid TEXT, source TEXT, name TEXT, login TEXT, key TEXT, loose TEXT, mail TEXT, verdict TEXT, groups TEXT,
  PRIMARY KEY (realm, pid)) WITHOUT ROWID;
CREATE TABLE sight (realm TEXT, pid TEXT, source TEXT, PRIMARY KEY (realm, pid, source)) WITHOUT ROWID;
CREATE TABLE login (
  id INTEGER PRIMARY KEY, login TEXT, key TEXT, loose TEXT, mail TEXT, role INT, active INT, last_seen INT);
CREATE TABLE found (
  code TEXT, realm TEXT, pid TEXT, login_id INT, name TEXT, login TEXT, source TEXT, detail TEXT, proposed TEXT,
  PRIMARY KEY (code, realm, pid, login_id, name)) WITHOUT ROWID;
"""
_INTO = {
    "person": "INSERT OR IGNORE INTO person VALUES (?,?,?,?,?,?,?,?,?,?)",
    "sight": "INSERT OR IGNORE INTO sight VALUES (?,?,?)",
    "login": "INSERT OR REPLACE INTO login VALUES (?,?,?,?,?,?,?,?)",
    "found": "INSERT OR IGNORE INTO found VALUES (?,?,?,?,?,?,?,?,?)",
}
_INDEXES = """
CREATE INDEX person_key ON person (key);
CREATE INDEX person_loose ON person (loose, key);
CREATE INDEX person_mail ON person (mail);
CREATE INDEX login_key ON login (key);
CREATE INDEX login_loose ON login (loose, key);
CREATE INDEX login_mail ON login (mail);
CREATE INDEX found_proposed ON found (fold(proposed)) WHERE proposed <> '';
"""
# Whoever is left out by the mapping gets no login, and is nobody's double.
_WANTED = "(p.verdict IS NULL OR p.verdict IN ('invalid', 'duplicate'))"
_OF_PERSON = "p.realm, p.pid, -1, '', p.login, p.source"
_OF_LOGIN = "'', '', l.id, '', l.login, ''"
_JUDGED = f"""
DELETE FROM found WHERE source <> '' AND source <>
  (SELECT p.source FROM person p WHERE p.realm = found.realm AND p.pid = found.pid);
INSERT OR IGNORE INTO found
  SELECT '{Code.SEVERAL_SOURCES}', {_OF_PERSON}, p.source || ' counts; also in ' ||
    (SELECT group_concat(s.source, ', ') FROM sight s
      WHERE s.realm = p.realm AND s.pid = p.pid AND s.source <> p.source), ''
  FROM person p WHERE (SELECT count(*) FROM sight s WHERE s.realm = p.realm AND s.pid = p.pid) > 1;
INSERT OR IGNORE INTO found
  SELECT '{Code.ALIKE_LOGINS}', {_OF_PERSON}, 'looks like ' ||
    (SELECT min(q.login) FROM person q WHERE q.loose = p.loose AND q.key <> p.key AND {_WANTED.replace("p.", "q.")}), ''
  FROM person p WHERE p.loose <> '' AND {_WANTED} AND EXISTS (
    SELECT 1 FROM person q WHERE q.loose = p.loose AND q.key <> p.key AND {_WANTED.replace("p.", "q.")});
INSERT OR IGNORE INTO found
  SELECT '{Code.SAME_MAIL}', {_OF_PERSON}, n.people || ' people have ' || p.mail, ''
  FROM (SELECT mail, count(*) AS people FROM person p
    WHERE mail <> '' AND {_WANTED} GROUP BY mail HAVING count(*) > 1) n
  JOIN person p ON p.mail = n.mail WHERE {_WANTED};
INSERT OR IGNORE INTO found
  SELECT '{Code.SAME_MAIL_ON_SERVICE}', {_OF_LOGIN}, n.logins || ' logins have ' || l.mail, ''
  FROM (SELECT mail, count(*) AS logins FROM login WHERE mail <> '' GROUP BY mail HAVING count(*) > 1) n
  JOIN login l ON l.mail = n.mail;
UPDATE found SET detail = detail || '; the proposed one is taken too' WHERE proposed <> '' AND (
  EXISTS (SELECT 1 FROM person p WHERE p.key = fold(proposed)
    AND (p.realm <> found.realm OR p.pid <> found.pid) AND {_WANTED})
  OR EXISTS (SELECT 1 FROM login l WHERE l.key = fold(proposed))
  OR EXISTS (SELECT 1 FROM found f WHERE fold(f.proposed) = fold(found.proposed) AND f.proposed <> ''
    AND (f.realm <> found.realm OR f.pid <> found.pid)));
"""  # noqa: S608 - words of this project
_ADMINISTRATORS = f"FROM login l WHERE l.active AND l.role = {int(Role.ADMINISTRATOR)}"
_IDLE = "FROM login l WHERE l.active AND l.last_seen > 0 AND l.last_seen < ?"
_LIKE = "SELECT login FROM login WHERE loose = ? AND key <> ? ORDER BY id LIMIT 1"
_SETS = "SELECT groups, count(*) FROM person WHERE groups <> '' GROUP BY groups"
_BETWEEN = "\x1f"
"""Between the names of groups: a sign that stands in none."""
_COUNTS = "SELECT code, count(*) FROM found GROUP BY code"
_PEOPLE = """
SELECT f.login, f.realm, f.pid, f.login_id, coalesce(p.name, f.name), coalesce(p.source, f.source), f.detail, f.proposed
FROM found f LEFT JOIN person p ON p.realm = f.realm AND p.pid = f.pid
WHERE f.code = ? ORDER BY fold(f.login), f.realm, f.pid, f.login_id, f.name LIMIT ?
"""


class ScratchWard:
    """A `Ward` in an anonymous SQLite database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.create_function("fold", 1, fold, deterministic=True)
        self._db.executescript(_TABLES)
        self._indexed = False
        self._waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INTO}

    def person(self, source: str, name: str, made: Account | Unmapped) -> None:
        """Somebody who was read; of several with one anchor the first one counts. `name` is the entry's."""
        anchor, verdict = made.anchor, made.reason.value if isinstance(made, Unmapped) else None
        who, mail = (anchor.realm, anchor.id), mail_key(made.mail, False)
        groups = _BETWEEN.join(sorted(made.groups or ())) if isinstance(made, Account) else ""
        row = (*who, source, name, made.login, fold(made.login), loose(made.login), mail, verdict, groups)
        with self._lock:
            self._add("person", row)
            self._add("sight", (*who, source))

    def wanted(self) -> Mapping[str, int]:
        """How many people are to be in each group of the service; once all are in."""
        members = Counter[str]()
        with self._lock:
            self._arrive()
            for groups, people in self._db.execute(_SETS):
                members.update(dict.fromkeys(groups.split(_BETWEEN), people))
        return members

    def forget_people(self) -> None:
        """Throw away the people and what was noted of them: they are read anew."""
        self._clear("person", "sight", "found")

    def login(self, login: Login) -> None:
        """A login of the service."""
        key, mail = fold(login.login), mail_key(login.mail, False)
        active = login.status == Status.ACTIVE
        row = (login.id, login.login, key, loose(login.login), mail, login.role, active, login.last_seen)
        with self._lock:
            self._add("login", row)

    def forget_logins(self) -> None:
        """Throw them away: the service is read anew."""
        self._clear("login")

    def note(self, code: Code, whom: Whom) -> None:
        """Keep one finding; the same of the same person, login and name is kept once."""
        anchor = whom.anchor or Anchor("", "")
        number = -1 if whom.login_id is None else whom.login_id
        said = (whom.name, whom.login, whom.source, whom.detail, whom.proposed)
        with self._lock:
            self._add("found", (code.value, anchor.realm, anchor.id, number, *said))

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) >= BATCH:
            self._write(table)

    def _write(self, table: str) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(_INTO[table], self._waiting[table])
        self._db.execute("COMMIT")
        self._waiting[table].clear()

    def _clear(self, *tables: str) -> None:
        with self._lock:
            for table in tables:
                self._waiting[table].clear()
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of this module

    def like(self, login: str) -> str:
        """A login on the service that looks like this one and is called otherwise; empty for none."""
        with self._lock:
            self._arrive()
            found = self._db.execute(_LIKE, (loose(login), fold(login))).fetchone()
        return str(found[0]) if found else ""

    def _arrive(self) -> None:
        """Everybody is in: write what waits, and index it once."""
        if not self._indexed:
            for table in ("person", "sight", "login"):
                self._write(table)
            self._db.executescript(_INDEXES)
            self._indexed = True

    def settle(self, many_administrators: int, idle_before: float) -> None:
        """Compare everybody; call it once, when all is in."""
        with self._lock:
            self._arrive()
            self._write("found")
            self._db.executescript(_JUDGED)
            active = int(self._db.execute(f"SELECT count(*) {_ADMINISTRATORS}").fetchone()[0])
            for code, stands in (
                (Code.FEW_ADMINISTRATORS, active < FEW_ADMINISTRATORS),
                (Code.MANY_ADMINISTRATORS, active > many_administrators),
            ):
                if stands:
                    self._add_logins(code, _ADMINISTRATORS)
            self._add_logins(Code.IDLE, _IDLE, idle_before)
            if not active:
                self._add("found", (Code.FEW_ADMINISTRATORS.value, "", "", -1, "(none)", "", "", "", ""))
                self._write("found")

    def _add_logins(self, code: Code, where: str, *values: float) -> None:
        select = f"SELECT '{code}', {_OF_LOGIN}, '', '' {where}"
        self._db.execute(f"INSERT OR IGNORE INTO found {select}", values)

    def counts(self) -> Mapping[Code, int]:
        """How many of each code were found, in the order of the codes; none with 0."""
        found = dict(self._db.execute(_COUNTS))
        return {code: found[code.value] for code in Code if code.value in found}

    def people(self, code: Code, most: int = -1) -> Iterator[Whom]:
        """Whom a finding is about, by login; all of them, or so many."""
        return map(_whom, self._db.execute(_PEOPLE, (code.value, most)))

    def close(self) -> None:
        """Throw everything away."""
        self._db.close()


def _whom(row: Sequence[Any]) -> Whom:
    login, realm, pid, login_id, name, source, detail, proposed = row
    anchor = Anchor(realm, pid) if pid else None
    return Whom(login, anchor, None if login_id < 0 else login_id, name, source, detail, proposed)
