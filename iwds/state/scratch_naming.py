"""Numbered logins over the scratch file: the questions of `core.naming` as queries, and its answers as rows.

Most people are not asked about at all: whoever has the login that the mapping makes keeps it, and who is alone with a
name that nothing on the service or in our memory begins with gets it.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator

from iwds.core.model import Anchor, Login, fold
from iwds.core.naming import MOST_DIGITS, RIVALS, Claim, is_form_of, settle_names
from iwds.core.policy import World
from iwds.core.recognise import Around, told_login
from iwds.state.scratch_rows import LOGIN, login_of

_TABLES = """
CREATE INDEX ledger_key ON ledger (key);
CREATE TABLE named (realm TEXT, pid TEXT, login TEXT, key TEXT, doubt TEXT, PRIMARY KEY (realm, pid)) WITHOUT ROWID;
"""
# ":" is what comes after the digits, so that a range ends with it
_CLAIMS = f"""
SELECT p.realm, p.pid, p.login, p.mail, p.numbering, CASE WHEN r.believed THEN l.login END, r.login
FROM person p
LEFT JOIN ledger r ON r.realm = p.realm AND r.pid = p.pid AND r.first
LEFT JOIN login l ON l.id = r.login_id
WHERE p.verdict IS NULL AND p.numbering NOTNULL
  AND NOT coalesce(r.believed AND l.key = p.key, 0)
  AND NOT (r.login_id IS NULL AND length(p.key) + {MOST_DIGITS} <= p.numbering
    AND NOT EXISTS (SELECT 1 FROM person q WHERE q.key = p.key AND (q.realm <> p.realm OR q.pid <> p.pid))
    AND NOT EXISTS (SELECT 1 FROM ledger s WHERE s.key = p.key)
    AND NOT EXISTS (SELECT 1 FROM login o WHERE o.key >= p.key AND o.key < p.key || ':'))
ORDER BY p.key, p.realm, p.pid
"""  # noqa: S608 - a number of this project
_RIVALS = ", ".join(sorted(f"'{reason.value}'" for reason in RIVALS))
_RIVAL = f"""SELECT 1 FROM person p WHERE p.key = ?
  AND (p.verdict IN ({_RIVALS}) OR (p.verdict IS NULL AND p.numbering IS NULL)) LIMIT 1"""  # noqa: S608 - own words
_STRANGERS = f"""SELECT {LOGIN} FROM login l WHERE l.key >= ? AND l.key < ?
  AND NOT EXISTS (SELECT 1 FROM ledger r WHERE r.login_id = l.id)"""  # noqa: S608 - a column list of this project
_APPLIED = """
UPDATE person SET login = n.login, name = n.login, key = n.key, detail = n.doubt,
  verdict = CASE WHEN n.doubt NOTNULL THEN 'duplicate' END
FROM named n WHERE n.realm = person.realm AND n.pid = person.pid
"""


def number_people(db: sqlite3.Connection, around: Around, world: World) -> None:
    """Give each person who is numbered the login of `core.naming`; before collisions are looked at."""
    if db.execute("SELECT 1 FROM person WHERE numbering NOTNULL LIMIT 1").fetchone() is None:
        return
    db.executescript(_TABLES)
    for claim, login, doubt in settle_names(_claims(db, around, world), _Register(db), world):
        if login != claim.login:
            row = (*_key(claim.anchor), login or claim.login, fold(login or claim.login), doubt or None)
            db.execute("INSERT INTO named VALUES (?,?,?,?,?)", row)
    db.execute(_APPLIED)


def _claims(db: sqlite3.Connection, around: Around, world: World) -> Iterator[Claim]:
    for realm, pid, login, mail, longest, held, remembered in db.execute(_CLAIMS):
        anchor = Anchor(realm, pid)
        told = None if held else told_login(anchor, around, world)
        yield Claim(anchor, login, mail, longest, held or (told.login if told else ""), remembered or "")


def _key(anchor: Anchor) -> tuple[str, str]:
    return anchor.realm, anchor.id


class _Register:
    """See `core.naming.Register`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def standing(self, name: str) -> int | None:
        found: int | None = self._db.execute("SELECT min(id) FROM login WHERE key = ?", (name,)).fetchone()[0]
        return found

    def remembered(self, name: str) -> Collection[Anchor]:
        return [Anchor(*row) for row in self._db.execute("SELECT realm, pid FROM ledger WHERE key = ?", (name,))]

    def is_wanted(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM person WHERE key = ? LIMIT 1", (name,)).fetchone() is not None

    def has_rivals(self, name: str) -> bool:
        return self._db.execute(_RIVAL, (name,)).fetchone() is not None

    def strangers(self, name: str, longest: int) -> Iterable[Login]:
        begins = {name[: longest - count] for count in range(1, min(MOST_DIGITS, longest - 1) + 1)}
        ranges = [(name, f"{name}\0"), *((f"{each}0", f"{each}:") for each in begins)]
        found = (login_of(row) for bounds in ranges for row in self._db.execute(_STRANGERS, bounds))
        by_id = {login.id: login for login in found if is_form_of(fold(login.login), name, longest)}
        return [by_id[number] for number in sorted(by_id)]
