"""Whether a plan agrees with what another tool has just left on the service, and for how many nights in a row.

The other tool has run; whatever our plan would still change is a difference between the two. Adoptions are none: they
send nothing. Nor is what a first run withholds: it is compared night by night with what becomes of it on the service.
What somebody accepted by name is one exact difference (`core.rulings`), so another one of the same person counts.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from iwds.core.change import Adopt, AdoptMembership, Change, Forget, Subject
from iwds.core.decision import Reason, Skip, is_anothers
from iwds.core.guards import GuardKind
from iwds.core.model import fold
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling, Said, Verdict, exactly
from iwds.core.words import describe

A_NIGHT = timedelta(hours=20)
"""Looks that are nearer to each other are one night: somebody looked twice between two runs of the other tool."""

_ADOPTIONS = (Adopt, AdoptMembership, Forget)
"""What a run only remembers, and sends nothing for."""
_OPEN = frozenset(
    {Reason.HELD, Reason.UNPROVEN, Reason.AMBIGUOUS, Reason.TAKEN, Reason.UNTAGGED, Reason.UNAPPROVED}
)  # fmt: skip
"""Reasons for which somebody is not as the directory wants them, or nobody can tell whether they are."""
_NOBODYS = frozenset({Reason.ORPHAN, Reason.FOREIGN})
_OTHERS = frozenset({Reason.FOREIGN_MEMBERSHIP, Reason.LOCKED_ELSEWHERE})
"""Reasons for which what another hand made stays, although the directory says otherwise."""
_WITHOUT_ACCOUNT = frozenset({Reason.INVALID, Reason.DUPLICATE})


class Parity(StrEnum):
    """What one look found."""

    SAME = "parity"
    DIFFERENT = "different"
    NOT_JUDGED = "not-judged"
    """A reading is in doubt, so that neither can be said."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a plan would do, or that somebody has to decide. `marks` are what it is recognised by."""

    subject: Subject
    words: str
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A removal that is not made only because it is a first run. `login_id` is None where there is no login."""

    login: str
    login_id: int | None
    words: str

    @property
    def step(self) -> tuple[str, int | None, str]:
        """What would be done to whom, without why."""
        return self.login, self.login_id, self.words.partition(_WHY)[0]


_WHY = " -- "
"""Between what would be done and why."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan, as it compares with what stands on the service.

    Attributes:
        open: differences that nobody accepted.
        accepted: differences that somebody accepted, each with who said it.
        withheld: removals that wait only because this is a first run.
        nobodys: logins that no person explains; neither tool has taken them away.
        others: locks and memberships by another hand, and logins of another job or a batch, which no run touches.
        adopted: how many logins would be adopted.
        doubts: why nothing can be said, each a sentence.
    """

    open: tuple[Difference, ...]
    accepted: tuple[tuple[Difference, Ruling], ...]
    withheld: tuple[Withheld, ...]
    nobodys: tuple[Skip, ...]
    others: tuple[Skip, ...]
    adopted: int
    doubts: tuple[str, ...]

    @property
    def parity(self) -> Parity:
        """What this look found."""
        if self.doubts:
            return Parity.NOT_JUDGED
        return Parity.DIFFERENT if self.open else Parity.SAME


def judged(plan: Plan, rulings: Sequence[Ruling]) -> Judged:
    """What a plan comes to; `rulings` are all that stand on its service."""
    standing = sorted((row for row in rulings if _counts(row, plan)), key=lambda row: row.said.until)
    said = {mark: row for row in standing for mark in row.marks}
    found = list(_differences(plan))
    accepted = [(each, _first_to_end(said[mark] for mark in each.marks)) for each in found if each.marks <= said.keys()]
    first = (skip for skip in plan.skips if skip.reason is Reason.FIRST_RUN)
    return Judged(
        open=tuple(each for each in found if not each.marks <= said.keys()),
        accepted=tuple(accepted),
        withheld=tuple(Withheld(skip.subject.login, skip.subject.login_id, _words(skip)) for skip in first),
        nobodys=tuple(skip for skip in plan.skips if _is_nobodys(skip)),
        others=tuple(skip for skip in plan.skips if skip.reason in _OTHERS or is_anothers(skip)),
        adopted=sum(isinstance(change, Adopt) for change in plan.changes),
        doubts=tuple(_doubts(plan)),
    )


def acceptance_of(found: Difference, said: Said) -> Ruling:
    """That a difference is accepted, until its end; no run asks for it."""
    return Ruling(Verdict.ACCEPTED, found.marks, found.subject, found.words, said)


def _first_to_end(rows: Iterable[Ruling]) -> Ruling:
    return min(rows, key=lambda row: (row.said.until, row.id))


def _counts(row: Ruling, plan: Plan) -> bool:
    return row.verdict is Verdict.ACCEPTED and row.said.job == plan.job and row.said.until > plan.made_at


def _doubts(plan: Plan) -> Iterator[str]:
    basis = plan.basis
    if basis.unproven:
        yield f"the reading of {', '.join(basis.unproven)} is not proven complete"
    yield from (f"{each} is taken for unreadable" for each in basis.withheld)
    if basis.untried:
        yield f"{basis.misfits:,} of {basis.tally.people:,} people cannot be mapped"
    gone = (gauge for gauge in plan.violations if gauge.kind is GuardKind.VANISHED)
    yield from (f"{gauge.observed:,} people fewer than in the last proven reading" for gauge in gone)


def _differences(plan: Plan) -> Iterator[Difference]:
    for change in plan.changes:
        if not isinstance(change, _ADOPTIONS):
            yield _of_change(change)
    yield from map(_of_group, plan.basis.lacking)
    strays = {fold(skip.subject.login) for skip in plan.skips if _is_nobodys(skip)}
    for skip in plan.skips:
        if _is_open(skip, strays):
            yield _of_skip(skip)


def _is_nobodys(skip: Skip) -> bool:
    return skip.reason in _NOBODYS and skip.subject.anchor is None


def _is_open(skip: Skip, strays: set[str]) -> bool:
    """Whether a step not taken leaves somebody otherwise than the directory wants them."""
    if skip.reason is Reason.FOREIGN:
        # somebody has this login, and our runs would not look after it
        return skip.subject.anchor is not None and not is_anothers(skip)
    if skip.reason in _WITHOUT_ACCOUNT:
        return skip.subject.login_id is not None or fold(skip.subject.login) in strays
    if skip.reason is Reason.UNAPPROVED and isinstance(skip.change, _ADOPTIONS):
        return False
    return skip.reason in _OPEN or (skip.change is not None and skip.reason is not Reason.FIRST_RUN)


def _of_change(change: Change) -> Difference:
    return Difference(change.subject, describe(change), exactly(change))


def _of_group(name: str) -> Difference:
    """Nobody's memberships in it can be compared, and none is ever made."""
    words = f"the service has no group {name}, which the mapping fills: such memberships are neither made nor compared"
    return Difference(Subject(name), words, frozenset({_mark(["group", name])}))


def _of_skip(skip: Skip) -> Difference:
    marks = frozenset({_mark([skip.reason.value, skip.subject.key, skip.detail])}) | (
        exactly(skip.change) if skip.change else frozenset()
    )
    return Difference(skip.subject, f"{skip.reason.value}: {_words(skip)}", marks)


def _mark(what: Sequence[str]) -> str:
    return blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()


def _words(skip: Skip) -> str:
    if skip.change is None:
        return f"{skip.subject.login}: {skip.detail}"
    return f"{describe(skip.change)}{_WHY}{skip.change.because}"


# --- night after night ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """One comparison, as our memory keeps it.

    Attributes:
        at: when, with time zone.
        parity: what it found.
        digest: of the configuration that it was made under.
        plan: id of the plan.
        differences: how many nobody had accepted.
        accepted: how many somebody had.
        withheld: removals that waited only because it was a first run.
    """

    at: datetime
    parity: Parity
    digest: str
    plan: str
    differences: int
    accepted: int
    withheld: tuple[Withheld, ...]


@dataclass(frozen=True, slots=True)
class Streak:
    """How many nights in a row there was parity, and since when; None where there was none."""

    nights: int
    since: datetime | None


def streak(looks: Sequence[Look], digest: str) -> Streak:
    """The nights in a row up to the last look; `looks` are the latest first.

    A difference ends them, and so does a look under another configuration. One that could not be judged does neither.
    """
    row: list[Look] = []
    for look in looks:
        if look.parity is Parity.DIFFERENT or look.digest != digest:
            break
        row += [look] if look.parity is Parity.SAME else []
    nights: list[datetime] = []
    for look in reversed(row):
        if not nights or look.at - nights[-1] >= A_NIGHT:
            nights.append(look.at)
    return Streak(len(nights), nights[0] if nights else None)


def standing_since(looks: Sequence[Look]) -> Mapping[Withheld, datetime]:
    """Since which look each removal of the latest one waits, unbroken; what is not judged is passed over."""
    clear = [look for look in looks if look.parity is not Parity.NOT_JUDGED]
    latest = clear[0].withheld if clear else ()
    since: dict[Withheld, datetime] = {}
    waiting = {each.step for each in latest}
    for look in clear:
        waiting &= {each.step for each in look.withheld}
        since.update({each: look.at for each in latest if each.step in waiting})
    return since
