"""A captured reading for others' eyes: people have pseudonyms, and a replay of it gives a plan of the same shape.

What the mapping makes of somebody's pseudonyms is what the service is made to hold where it held what the mapping made
of them; so what agreed agrees, and what differed differs. What is kept as it is: words that the configuration itself
asks for, attributes that only conditions look at, names of groups of the service, realms, numbers of logins, times.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from iwds.core.ledger import fingerprint, held_value, marks
from iwds.core.model import Account, Anchor, Entry, LedgerRow, Login, Proof, Unmapped, View, fold
from iwds.core.normal import parse_extra, render_extra
from iwds.core.recognition import MatchDecision, stored_form
from iwds.ports import HoldRow, JobMemory, Unmailed
from iwds.readings.draft import Draft
from iwds.readings.file import Reading, batched, dumps
from iwds.readings.plain import back
from iwds.readings.scramble import WORD, Scramble

_FIELDS = ("login", "firstname", "name", "mail", "phone")
_GENERIC = "left out of a reading with pseudonyms"


@dataclass(frozen=True, slots=True)
class Guise:
    """How people are disguised.

    Attributes:
        scramble: makes pseudonyms.
        shown: attributes (lower-case) whose values stay as they are.
        account: what the mapping and the service make of an entry.
        stored: the extra field in which anchors are stored; empty for none.
    """

    scramble: Scramble
    shown: Collection[str]
    account: Callable[[Entry], Account | Unmapped]
    stored: str = ""


def pseudonymise(reading: Reading, draft: Draft, guise: Guise) -> None:
    """Write everything of a reading but its plan, with pseudonyms."""
    with closing(_Disguise(reading, draft, guise)) as disguise:
        disguise.people()
        disguise.answers()
        disguise.memory()
        disguise.service()


class _Disguise:
    def __init__(self, reading: Reading, draft: Draft, guise: Guise) -> None:
        self.reading, self.draft, self.guise = reading, draft, guise
        self.text, self.dn = guise.scramble.text, guise.scramble.dn
        self._made = sqlite3.connect("", isolation_level=None)
        self._made.execute("PRAGMA journal_mode = OFF")
        self._made.execute("CREATE TABLE made (field TEXT, old TEXT, new TEXT, PRIMARY KEY (field, old)) WITHOUT ROWID")

    def close(self) -> None:
        self._made.close()

    # --- people -------------------------------------------------------------------------------------------------------

    def people(self) -> None:
        """Sources, each reading of them, and what the mapping makes of everybody before and after."""
        for name, settings in self.reading.sources().items():
            self.draft.add_source(name, settings)
            for number, attributes, proof in self.reading.readings(name):
                new = self.draft.begin_reading(name, attributes)
                for batch in batched(self.reading.entries(number)):
                    self.draft.add_entries(new, [self._entry(entry) for entry in batch])
                    self._learn(batch)
                self.draft.end_reading(new, self._proof(back(Proof, proof)))

    def _entry(self, entry: Entry) -> Entry:
        shown = self.guise.shown
        attrs = {name: values if name in shown else tuple(map(self.dn, values)) for name, values in entry.attrs.items()}
        groups = None if entry.groups is None else frozenset(map(self.dn, entry.groups))
        return replace(entry, anchor=self._anchor(entry.anchor), name=self.dn(entry.name), attrs=attrs, groups=groups)

    def _anchor(self, anchor: Anchor) -> Anchor:
        return Anchor(anchor.realm, self.text(anchor.id))

    def _learn(self, entries: list[Entry]) -> None:
        """What the mapping makes of them, and of their pseudonyms."""
        self._made.execute("BEGIN")
        for entry in entries:
            old, new = self.guise.account(entry), self.guise.account(self._entry(entry))
            self._learn_of(old, new)
        self._made.execute("COMMIT")

    def _learn_of(self, old: Account | Unmapped, new: Account | Unmapped) -> None:
        if isinstance(old, Account) and isinstance(new, Account):
            rows = [(name, getattr(old, name), getattr(new, name)) for name in _FIELDS]
            changed = dict(new.extra)
            rows += [(f"extra {key}", value, changed.get(key)) for key, value in old.extra]
        else:
            rows = [("login", old.login, new.login), ("mail", old.mail, new.mail)]
        told = [(name, fold(one), other) for name, one, other in rows if one and other]
        self._made.executemany("INSERT OR IGNORE INTO made VALUES (?, ?, ?)", told)

    def _value(self, field: str, value: str) -> str:
        """What stands for a value on the service: what the mapping makes of the pseudonyms of whoever has it."""
        known = self._known(field, value)
        if known is None and field == "login":
            base = value.rstrip("0123456789")
            known = self._known(field, base) if base != value else None
            known = known and known + value[len(base) :]
        if known is None:
            return self.text(value)
        return known.upper() if value.isupper() else known

    def _known(self, field: str, value: str) -> str | None:
        row = self._made.execute("SELECT new FROM made WHERE field = ? AND old = ?", (field, fold(value))).fetchone()
        return None if row is None else str(row[0])

    # --- proofs and answers -------------------------------------------------------------------------------------------

    def _proof(self, proof: Proof) -> Proof:
        """As good or as bad as before; what it says of single people is left out."""
        reasons, problems = (tuple(f"{_GENERIC} ({n + 1})" for n in range(len(each)))
                             for each in (proof.reasons, proof.problems))  # fmt: skip
        return replace(proof, asked=_GENERIC, reasons=reasons, problems=problems, view=self._view(proof.view))

    def _view(self, view: View) -> View:
        places = {self.dn(place): n for place, n in view.places.items()}
        return replace(view, account=self.dn(view.account), server=self._token(view.server), places=places, mark="")

    def _token(self, text: str) -> str:
        return self.guise.scramble.token(text) if text else ""

    def answers(self) -> None:
        """Questions about single people."""
        for source, op, about, data in self.reading.every_answer():
            self.draft.answer(source, op, self._about(op, about), self._answer(op, about, data))

    def _about(self, op: str, about: str) -> str:
        if op in ("confirm", "shows"):
            return self.dn(about)
        realm, person, *more = json.loads(about)
        return dumps([realm, self.text(person), *more])

    def _answer(self, op: str, about: str, data: dict[str, Any]) -> dict[str, Any]:
        if "failed" in data:
            return {**data, "message": _GENERIC, "advice": ""}
        if op == "confirm":
            return {"said": [f"{_GENERIC} ({n + 1})" for n in range(len(data["said"]))]}
        if op != "find" or data["said"] is None:
            return data
        realm, person, *_ = json.loads(about)
        entry = self.reading.entry_of(Anchor(realm, person), json.loads(data["said"]))
        return {"said": self.draft.entry_data(self._entry(entry))}

    # --- our memory ---------------------------------------------------------------------------------------------------

    def memory(self) -> None:
        """The ledger and the rest; of whoever was not read the stored anchor is known now."""
        key = self.guise.stored
        self._made.execute("BEGIN")
        for row in self.reading.ledger() if key else ():
            pair = (f"extra {key}", fold(stored_form(row.anchor)), stored_form(self._anchor(row.anchor)))
            self._made.execute("INSERT OR IGNORE INTO made VALUES (?, ?, ?)", pair)
        self._made.execute("COMMIT")
        for batch in batched(self.reading.ledger()):
            self.draft.add_ledger(map(self._row, batch))
        self.draft.say("memory", [self._job_memory(each) for each in self.reading.said("memory", JobMemory)])
        self.draft.say("hold", [self._hold(each) for each in self.reading.said("hold", HoldRow)])
        self.draft.say("match", [self._match(each) for each in self.reading.said("match", MatchDecision)])
        mails = self.reading.said("unmailed", Unmailed)
        self.draft.say("unmailed", [replace(each, login=self._value("login", each.login)) for each in mails])
        self.draft.say("rule", self.reading.said("rule", dict))  # rulings know people by hashes: they are left out

    def _row(self, row: LedgerRow) -> LedgerRow:
        held = self.reading.login(row.login_id)
        now = held and self._login(held)
        written = {name: self._written(name, known, held, now) for name, known in row.written.items()}
        return replace(row, anchor=self._anchor(row.anchor), login=self._value("login", row.login), written=written)

    def _written(self, name: str, known: str, held: Login | None, now: Login | None) -> str:
        """A hash of a field without a key tells who can guess: it is made anew where it still fits, and else hidden."""
        if held is None or now is None or not marks(held_value(held, name), known):
            return self._token(known)
        return fingerprint(held_value(now, name))

    def _job_memory(self, memory: JobMemory) -> JobMemory:
        baselines = {name: replace(each, view=self._view(each.view)) for name, each in memory.baselines.items()}
        return replace(memory, baselines=baselines)

    def _hold(self, row: HoldRow) -> HoldRow:
        hold = replace(row.hold, by=self._token(row.hold.by), reason=self._token(row.hold.reason))
        return replace(row, hold=hold, ticket=self._token(row.ticket), lifted_by=self._token(row.lifted_by))

    def _match(self, said: MatchDecision) -> MatchDecision:
        anchor = said.anchor and self._anchor(said.anchor)
        login, who, reason = self._value("login", said.login), self._token(said.who), self._token(said.reason)
        return replace(said, anchor=anchor, login=login, who=who, reason=reason)

    # --- the service --------------------------------------------------------------------------------------------------

    def service(self) -> None:
        """Logins under pseudonyms; groups and memberships as they are."""
        reading, draft = self.reading, self.draft
        draft.add_groups(reading.groups())
        for batch in batched(reading.logins()):
            draft.add_logins(map(self._login, batch))
        draft.list_members(reading.listed())
        for members in batched(reading.members(reading.listed())):
            draft.add_members(members)
        for login, roles in reading.every_role():
            draft.add_roles(login, roles)
        for login, loss in reading.every_loss():
            draft.add_loss(login, {**loss, "message": _GENERIC, "advice": ""} if "failed" in loss else loss)
        for name in ("logins", "members"):
            draft.note(name, self._proof(back(Proof, reading[name])))
        for name in ("tagged", "unlisted"):
            draft.note(name, reading[name])

    def _login(self, login: Login) -> Login:
        changed: dict[str, Any] = {
            name: self._value(name, value) for name in _FIELDS if (value := getattr(login, name)) is not None
        }
        return replace(login, **changed, extra=self._extra(login.extra))

    def _extra(self, raw: str | None) -> str | None:
        known = parse_extra(raw) if raw else None
        if not known:
            return raw and self.text(raw)
        return render_extra(tuple((key, self._value(f"extra {key}", value)) for key, value in known.items()))


def words_of(data: Any) -> Iterator[str]:
    """Every word of a configuration, to be kept: what it asks for by name must still be found."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from words_of(key)
            yield from words_of(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from words_of(value)
    elif isinstance(data, str):
        yield from WORD.findall(data)
