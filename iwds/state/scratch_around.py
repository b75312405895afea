"""What surrounds one person, answered by the scratch file. Only what the job's rules ask for is indexed."""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property

from iwds.core.model import Anchor, LedgerRow, Login
from iwds.core.policy import World
from iwds.core.recognise import MOST, Peer, Told, unfit
from iwds.core.recognition import By, MatchDecision, hashed, mail_key, stored_form, stored_in
from iwds.state.scratch_rows import LEDGER, LOGIN, PERSON, account_of, ledger_of, login_of, unmapped_of

_MAILS = """
CREATE INDEX login_mail ON login (mail_key(mail)) WHERE mail <> '';
CREATE INDEX person_mail ON person (mail_key(mail)) WHERE mail <> '';
"""
_STORED = "CREATE INDEX login_stored ON login (stored(extra)) WHERE extra <> ''"
_LOGINS = f"SELECT {LOGIN} FROM login l WHERE {{0}} = ? ORDER BY l.id LIMIT {MOST}"  # noqa: S608 - columns of ours
_PEOPLE = f"""SELECT p.realm, p.pid, coalesce(nullif(p.login, ''), p.name) FROM person p
WHERE {{0}} = ? ORDER BY p.realm, p.pid LIMIT {MOST}"""  # noqa: S608 - a number of ours
_MAIL_OF = "{0}.mail <> '' AND mail_key({0}.mail)"


_STRANGERS = {
    By.MAIL: """SELECT DISTINCT mail_hash(l.mail) FROM login l
WHERE l.mail <> '' AND NOT EXISTS (SELECT 1 FROM ledger r WHERE r.login_id = l.id AND r.believed)""",
    By.ANCHOR: """SELECT DISTINCT anchor_hash(l.extra, r.realm, r.pid) FROM login l
LEFT JOIN ledger r ON r.login_id = l.id AND r.believed WHERE l.extra <> ''""",
}
"""A login of ours with the anchor of another is a case for a person, where that other one comes; their mail is not."""


class Surroundings:
    """`Around` for a scratch file whose readings are all in."""

    def __init__(self, db: sqlite3.Connection, world: World) -> None:
        self._db, self._matching, rule = db, world.matching, world.matching.by(By.MAIL)
        if rule:
            db.create_function("mail_key", 1, lambda mail: mail_key(mail, rule.exact), deterministic=True)
            db.executescript(_MAILS)
        if key := world.matching.key:
            db.create_function("stored", 1, lambda extra: stored_in(extra, key) or "", deterministic=True)
            db.execute(_STORED)

    def login(self, login_id: int) -> Login | None:
        """A login by id."""
        return next(self._logins("l.id", login_id), None)

    def has_row(self, login_id: int) -> bool:
        """Whether any ledger row names this login."""
        # Where nothing is remembered everybody is asked about, and a million questions for nothing take their time.
        if not self._remembers:
            return False
        return self._db.execute("SELECT 1 FROM ledger WHERE login_id = ?", (login_id,)).fetchone() is not None

    @cached_property
    def _remembers(self) -> bool:
        return self._db.execute("SELECT 1 FROM ledger").fetchone() is not None

    def logins_named(self, name: str) -> Sequence[Login]:
        """All logins of a folded name."""
        return list(self._logins("l.key", name))

    def logins_with_mail(self, key: str) -> Sequence[Login]:
        """All logins of a mail address."""
        return list(self._logins(_MAIL_OF.format("l"), key))

    def logins_storing(self, stored: str) -> Sequence[Login]:
        """All logins that store an anchor."""
        return list(self._logins("l.extra <> '' AND stored(l.extra)", stored))

    def people_named(self, name: str) -> Sequence[Peer]:
        """Everybody read who wants a folded login name."""
        return self._people("p.key", name)

    def people_with_mail(self, key: str) -> Sequence[Peer]:
        """Everybody read with a mail address."""
        return self._people(_MAIL_OF.format("p"), key)

    def mails_unknown(self) -> bool:
        """Whether anybody was read whose mail address is not known."""
        return self._mails_unknown

    @cached_property
    def _mails_unknown(self) -> bool:
        return self._db.execute("SELECT 1 FROM person WHERE mail IS NULL").fetchone() is not None

    def strangers(self, salt: str) -> Iterator[bytes]:
        """By what somebody new might be recognised in a login that no row names that is believed, each once."""
        matching = self._matching

        def mail_hash(mail: str) -> bytes | None:
            rule = matching.by(By.MAIL)
            key = mail_key(mail, rule is not None and rule.exact)
            return hashed(By.MAIL, key, salt) if key else None

        def anchor_hash(extra: str, realm: str | None, number: str | None) -> bytes | None:
            stored = stored_in(extra, matching.key)
            of_row = stored_form(Anchor(realm, number)) if realm is not None and number is not None else ""
            return hashed(By.ANCHOR, stored, salt) if stored and stored != of_row else None

        # One call for each login: what is asked for in a condition too would be computed twice.
        self._db.create_function("mail_hash", 1, mail_hash, deterministic=True)
        self._db.create_function("anchor_hash", 3, anchor_hash, deterministic=True)
        asked = [_STRANGERS[rule.by] for rule in matching.rules if rule.by in _STRANGERS]
        for (found,) in self._db.execute(" UNION ".join(asked)) if asked else ():
            if found is not None:
                yield found

    def _logins(self, what: str, value: str | int) -> Iterator[Login]:
        return map(login_of, self._db.execute(_LOGINS.format(what), (value,)))

    def _people(self, what: str, value: str) -> Sequence[Peer]:
        found = self._db.execute(_PEOPLE.format(what), (value,))
        return [Peer(Anchor(realm, number), name) for realm, number, name in found]

    def unfit(self, world: World) -> tuple[str, ...]:
        """What is said of the decisions that cannot be followed, by login id."""
        said = sorted(world.decisions.of.values(), key=lambda said: said.login_id)
        return tuple(filter(None, (unfit(each, self._told(each), world) for each in said)))

    def _told(self, said: MatchDecision) -> Told:
        where = ("r.login_id = ?", (said.login_id,))
        if said.anchor is None:
            return Told(None, self.login(said.login_id), self._row(*where), None)
        anchor = (said.anchor.realm, said.anchor.id)
        found = self._db.execute(f"SELECT {PERSON} FROM person p WHERE p.realm = ? AND p.pid = ?", anchor).fetchone()  # noqa: S608
        person = None if found is None else account_of(found) if found[2] is None else unmapped_of(found)
        first = "r.realm = ? AND r.pid = ? AND r.first AND EXISTS (SELECT 1 FROM login l WHERE l.id = r.login_id)"
        return Told(person, self.login(said.login_id), self._row(*where), self._row(first, anchor))

    def _row(self, where: str, values: tuple[str | int, ...]) -> LedgerRow | None:
        found = self._db.execute(f"SELECT {LEDGER} FROM ledger r WHERE {where}", values).fetchone()  # noqa: S608
        return ledger_of(found) if found else None
