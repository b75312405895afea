"""Rulings: what people decided about single changes, against every run until its end.

An approval is of one exact change: it holds `identities`, with the values before and after, so that only what somebody
approved and what is still true is made. A rejection is of what a change aims at (`aims`), which is coarser, so that the
next night does not do the same in other clothes. What the directory wants differently later goes on.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from iwds.core.approval import Approval
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
    fields_only,
    removes,
)
from iwds.core.model import Login, Status, fold
from iwds.core.normal import merge_extra, parse_extra
from iwds.core.plan import identities
from iwds.core.policy import LONG_AGO
from iwds.core.words import describe, until_words


class Verdict(StrEnum):
    """What somebody decided."""

    APPROVED = "approved"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    """A difference to another tool (`core.parity`); it lets nothing through and holds nothing back."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who decided, when, why, and until when it counts.

    Attributes:
        by: the person behind the command, as the machine `host` knows them (`engine.who.caller`).
        until: when it ends, with time zone; there is always an end.
        source: what it came from: `plan 3f9c12ab`, `undo of run 8812aa01`, `drift`.
        job: the job it was said of. An approval counts for this job alone, a rejection for every job of the service.
    """

    by: str
    host: str
    reason: str
    made_at: datetime
    until: datetime
    source: str
    job: str
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decided about one change.

    Attributes:
        marks: what it is recognised by: `exactly(change)` of an approval, `aims(change)` of a rejection, and those of a
            difference to another tool that is accepted.
        subject: whom the change is about.
        words: the change in a sentence.
        people: how many different people must approve the same, by the plan that this approval came from.
        id: ours; 0 before it is kept.
    """

    verdict: Verdict
    marks: frozenset[str]
    subject: Subject
    words: str
    said: Said
    people: int = 1
    id: int = 0

    def __str__(self) -> str:
        return f"{self.verdict.value} by {self.said.by} until {until_words(self.said.until)}: {self.said.reason}"


def approval_of(change: Change, said: Said, people: int = 1) -> Ruling:
    """The approval of exactly this change."""
    return Ruling(Verdict.APPROVED, exactly(change), change.subject, describe(change), said, people)


def rejection_of(change: Change, said: Said) -> Ruling:
    """The rejection of what this change aims at."""
    return Ruling(Verdict.REJECTED, aims(change), change.subject, describe(change), said)


def person(by: str) -> str:
    """Who somebody is for certain: `zoe as kim` is kim, who claims to be zoe (see `engine.who.caller`)."""
    return by.rpartition(" as ")[2]


def exactly(change: Change) -> frozenset[str]:
    """What an approval of a change is recognised by: its identities, hashed, since they hold people's data.

    With each goes what a removal rests on: who approved it for what was seen has not approved it for what was not.
    """
    rests_on = change.evidence.value if change.evidence and removes(change) else ""
    return frozenset(_mark([identity, rests_on]) for identity in identities(change))


def aims(change: Change) -> frozenset[str]:
    """What a change aims at, hashed; whatever aims at one of these is rejected with it. Empty for what sends nothing.

    By person: each field and its new value (of the extra fields each key), a group joined, left, or a role there, a
    creation, an adoption, and the end of somebody's access, be it a lock or a deletion.
    """
    if isinstance(change, Write):
        return frozenset(piece.aim for piece in _pieces(change))
    return frozenset(_mark([change.subject.key, *what]) for what in _aimed(change))


def ends_access(ruling: Ruling) -> bool:
    """Whether a ruling is about the end of somebody's access: a lock, or a deletion."""
    return _mark([ruling.subject.key, "end"]) in ruling.marks


def _mark(what: object) -> str:
    return blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()


def _aimed(change: Change) -> Iterator[list[object]]:
    match change:
        case CreateLogin():
            yield ["create"]
        case DeleteLogin():
            yield ["end"]
        case AddToGroup(group=group, role=role):
            yield ["join", group.id]
            if role:
                yield ["role", group.id, int(role)]
        case SetGroupRole(group=group, after=role):
            yield ["role", group.id, int(role)]
        case RemoveFromGroup(group=group):
            yield ["leave", group.id]
        case Adopt(login=Login(id=number)):
            yield ["adopt", number]
        case AdoptMembership(group=group):
            yield ["adopt in", group.id]
        case SendActivation():
            yield ["mail"]
        case _:
            pass  # what is forgotten follows what somebody else did on the service, and nobody can reject that


class _Piece(NamedTuple):
    """One field of a write, of the extra fields one key, and what it aims at."""

    field: str
    key: str
    aim: str


def _pieces(write: Write) -> Iterator[_Piece]:
    who = write.subject.key
    for field in fields_changed(write):
        after = getattr(write.after, field)
        if field == "status":
            yield _Piece(field, "", _mark([who, "end" if after == Status.LOCKED else "unlock"]))
        elif field == "extra" and (changed := _extra_changed(write)):
            yield from (_Piece(field, key, _mark([who, field, key, value])) for key, value in changed.items())
        else:
            yield _Piece(field, "", _mark([who, field, fold(after) if field == "login" else after]))


def _extra_changed(write: Write) -> dict[str, str]:
    """The extra fields that a write changes, with their new values."""
    old, new = (parse_extra(login.extra or "") or {} for login in (write.before, write.after))
    return {name: new.get(name, "") for name in old.keys() | new.keys() if old.get(name, "") != new.get(name, "")}


def _made_of(write: Write, pieces: Collection[_Piece]) -> Write | None:
    """The part of a write that consists of some of its pieces; None where there are none."""
    part = fields_only(write, {piece.field for piece in pieces})
    if part is None:
        return None
    kept = {piece.key for piece in pieces if piece.field == "extra"}
    back = [key for key in _extra_changed(part) if key not in kept]
    if not back:
        return part
    before = parse_extra(part.before.extra or "") or {}
    extra = merge_extra(part.after.extra or "", tuple((key, before.get(key, "")) for key in back))
    return fields_only(replace(part, after=replace(part.after, extra=extra)), fields_changed(part))


class Rulings:
    """The rulings that stand on one service, as one job at one moment sees them."""

    def __init__(self, rows: Iterable[Ruling] = (), job: str = "", now: datetime = LONG_AGO) -> None:
        self._rejected: dict[str, Ruling] = {}
        self._approved: dict[str, list[Ruling]] = {}
        # Of several rejections the one that lasts longest is told.
        for row in sorted(rows, key=lambda row: row.said.until):
            if row.said.until <= now:
                continue
            for mark in row.marks:
                if row.verdict is Verdict.REJECTED:
                    self._rejected[mark] = row
                elif row.verdict is Verdict.APPROVED and row.said.job == job:
                    self._approved.setdefault(mark, []).append(row)

    def rejected(self, change: Change) -> Ruling | None:
        """The rejection of any part of what a change aims at; of several the one that ends last."""
        found = [self._rejected[mark] for mark in aims(change) if mark in self._rejected] if self._rejected else []
        return max(found, key=lambda row: row.said.until, default=None)

    def approvals(self, change: Change) -> Sequence[Ruling]:
        """The approvals of anything that a change does, the latest last."""
        marks = exactly(change) if self._approved else frozenset()
        found = {row.id: row for mark in marks for row in self._approved.get(mark, ())}
        return sorted(found.values(), key=lambda row: (row.said.made_at, row.id))

    def approved(self, change: Change, people: int = 1) -> bool:
        """Whether enough different people approved all that a change does, each part by itself.

        `people` is how many the plan of now needs. A plan of earlier that needed more is not forgotten.
        """
        return all(self._enough(self._approved.get(mark, ()), people) for mark in exactly(change))

    def _enough(self, rows: Sequence[Ruling], people: int) -> bool:
        asked = max((row.people for row in rows), default=1)
        return len({person(row.said.by) for row in rows}) >= max(people, asked)

    def parted(self, change: Change) -> tuple[Sequence[tuple[Change, Ruling]], Change | None]:
        """What of a change is rejected, with by which ruling, and what is left of it."""
        if (whole := self.rejected(change)) is None:
            return (), change
        if not isinstance(change, Write):
            return ((change, whole),), None
        pieces = list(_pieces(change))
        by: dict[int, list[_Piece]] = {}
        for piece in pieces:
            if ruling := self._rejected.get(piece.aim):
                by.setdefault(ruling.id, []).append(piece)
        out = ((_made_of(change, each), self._rejected[each[0].aim]) for each in by.values())
        left = [piece for piece in pieces if piece.aim not in self._rejected]
        return [(part, ruling) for part, ruling in out if part], _made_of(change, left)

    def unapproved(self, change: Change, rule: Approval, people: int) -> Change | None:
        """The part of a change that needs approval and has none, or not of enough people."""
        part = rule.part(change)
        if part is None or self.approved(part, people):
            return None
        if not isinstance(part, Write):
            return part
        pieces = {field: fields_only(part, [field]) for field in fields_changed(part)}
        return fields_only(
            part, [field for field, piece in pieces.items() if piece and not self.approved(piece, people)]
        )
