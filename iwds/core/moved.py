"""What has moved since a plan was approved: why a change of it is not made any more, told change by change.

The answer comes from the fresh plan and from what its readings say of the same person: the login as it is now, and the
account as it should be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
    fields_only,
)
from iwds.core.decision import Reason, Skip
from iwds.core.model import Account, Login, Status, Unmapped
from iwds.core.plan import Plan, identities, restrict, skip_order
from iwds.core.words import describe, field_words, role_words, value_words


class Drift(StrEnum):
    """What has moved, the most telling first."""

    GONE = "gone"
    SET = "set"
    OTHER = "other"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"
    ALREADY = "already"


DRIFT_WORDS: Mapping[Drift, str] = {
    Drift.GONE: "the login is gone",
    Drift.SET: "somebody changed it on the service in the meantime",
    Drift.OTHER: "the fresh plan wants something else",
    Drift.WAITS: "it waits or is left alone now",
    Drift.WITHDRAWN: "the directory no longer asks for it",
    Drift.ALREADY: "it is so already",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the fresh readings say of one person.

    Attributes:
        person: as they should be, or why they have no account; None where nobody read them.
        login: as it is on the service; None where it is not there.
        groups: ids of the governed groups that it is in.
    """

    person: Account | Unmapped | None = None
    login: Login | None = None
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Moved:
    """A change that was approved and is no longer true, or that part of a write that is not, and why.

    `run` is the run that made it since; empty where it was not made, or by nobody known.
    """

    change: Change
    drift: Drift
    told: str
    run: str = ""

    @property
    def matters(self) -> bool:
        """Whether somebody has to look at it: what is so already is as it was meant to be."""
        return self.drift is not Drift.ALREADY


Find = Callable[[Subject], Standing]


def narrowed(
    fresh: Plan, approved: Plan, find: Find, made_by: Callable[[Change], str] = lambda _: ""
) -> tuple[Plan, tuple[Moved, ...]]:
    """A fresh plan cut down to what was approved (`restrict`), and what of that has moved; it is skips of it too.

    `made_by` says which run made a change since it was approved; empty where none did.
    """
    plan, gone = restrict(fresh, approved)
    if not gone:
        return plan, ()
    telling = _Telling(fresh)
    told = (each for change in gone for each in telling.tell(change, find(change.subject)))
    moved = tuple(_with_run(each, made_by) for each in told)
    skips = (Skip(each.change.subject, Reason.MOVED, each.told, each.change) for each in moved)
    return replace(plan, skips=tuple(sorted([*plan.skips, *skips], key=skip_order))), moved


def _with_run(moved: Moved, made_by: Callable[[Change], str]) -> Moved:
    """What is so, or asked for no more, because it was made; of a newcomer's groups nothing else shows that."""
    run = made_by(moved.change) if moved.drift in (Drift.ALREADY, Drift.WITHDRAWN) else ""
    return replace(moved, drift=Drift.ALREADY, told=f"made by run {run}", run=run) if run else moved


def moved_counts(moved: Iterable[Moved]) -> Mapping[Drift, int]:
    """How many moved in which way, in the order of `Drift`."""
    counts = Counter(each.drift for each in moved)
    return {drift: counts[drift] for drift in Drift if counts[drift]}


def moved_data(moved: Sequence[Moved], most: int = 200) -> dict[str, Any]:
    """What moved as JSON-ready data for a report: counts, and the first ones; the plan that was narrowed has all."""
    if not moved:
        return {}
    listed = [[describe(each.change), each.drift.value, each.told] for each in moved[:most]]
    return {"moved": {"counts": {drift.value: n for drift, n in moved_counts(moved).items()}, "listed": listed}}


class _Telling:
    """The fresh plan by person."""

    def __init__(self, fresh: Plan) -> None:
        self.changes: dict[str, list[Change]] = defaultdict(list)
        self.skips: dict[str, list[Skip]] = defaultdict(list)
        for change in fresh.changes:
            self.changes[change.subject.key].append(change)
        for skip in fresh.skips:
            self.skips[skip.subject.key].append(skip)

    def tell(self, change: Change, now: Standing) -> Iterator[Moved]:
        """Why a change is no longer true; of a write for each field that is not."""
        parts = [change]
        if isinstance(change, Write) and now.login is not None:
            each = (fields_only(change, [name]) for name in fields_changed(change))
            parts = [part for part in each if part and not self._still(part)]
        for part in parts:
            yield Moved(part, *next(self._reasons(part, now)))

    def _still(self, change: Change) -> bool:
        wanted = identities(change)
        return any(wanted <= identities(other) for other in self.changes[change.subject.key])

    def _reasons(self, change: Change, now: Standing) -> Iterator[tuple[Drift, str]]:
        """Every reason that there is, the most telling first; always one."""
        yield from _on_the_service(change, now)
        for other in self.changes[change.subject.key]:
            if _instead(change, other):
                yield Drift.OTHER, f"the fresh plan wants {_wanted(change, other)}"
        if _is_so(change, now):
            yield Drift.ALREADY, DRIFT_WORDS[Drift.ALREADY]
        wanted = identities(change)
        for skip in self.skips[change.subject.key]:
            if skip.change is None or not wanted.isdisjoint(identities(skip.change)):
                yield Drift.WAITS, f"now {skip.reason.value}: {skip.detail}"
        if _is_gone_from_plans(change, now):
            yield Drift.ALREADY, DRIFT_WORDS[Drift.ALREADY]
        yield Drift.WITHDRAWN, _withdrawn(change, now)


def _on_the_service(change: Change, now: Standing) -> Iterator[tuple[Drift, str]]:
    if isinstance(change, Forget):
        return
    if change.subject.login_id is not None and now.login is None:
        drift = Drift.ALREADY if isinstance(change, DeleteLogin) else Drift.GONE
        yield drift, DRIFT_WORDS[drift]
    elif isinstance(change, Write | DeleteLogin) and now.login is not None:
        yield from _touched(change, now.login)
    elif isinstance(change, SetGroupRole | AdoptMembership) and change.group.id not in now.groups:
        yield Drift.SET, f"no member of {change.group.name} any more"


def _touched(change: Write | DeleteLogin, now: Login) -> Iterator[tuple[Drift, str]]:
    """Fields that are neither as they were nor as they were to become."""
    before = change.before
    after = change.after if isinstance(change, Write) else before
    looked_at = fields_changed(change) if isinstance(change, Write) else WRITTEN_FIELDS
    touched = [name for name in looked_at if getattr(now, name) not in (getattr(before, name), getattr(after, name))]
    if touched:
        told = ", ".join(f"{field_words(name)}{_set_to(name, getattr(now, name))}" for name in touched)
        yield Drift.SET, f"somebody set {told} in the meantime"


def _set_to(name: str, value: object) -> str:
    return "" if name == "extra" else f" to {value_words(name, value)}"  # a page of text, most of it not ours


def _instead(change: Change, other: Change) -> bool:
    """Whether the fresh plan wants this in the place of the other."""
    match change:
        case Write():
            return isinstance(other, Write) and set(fields_changed(change)) <= set(fields_changed(other))
        case CreateLogin() | Adopt():
            return isinstance(other, CreateLogin | Adopt)
        case DeleteLogin():
            return isinstance(other, DeleteLogin | Write)
        case AddToGroup() | SetGroupRole():
            return isinstance(other, AddToGroup | SetGroupRole) and other.group == change.group
        case _:
            return False


def _wanted(change: Change, other: Change) -> str:
    """What the fresh plan wants: of a field that both write its value, else the whole change."""
    if isinstance(change, Write) and isinstance(other, Write) and "extra" not in fields_changed(change):
        return ", ".join(f"{field_words(n)} {value_words(n, getattr(other.after, n))}" for n in fields_changed(change))
    return f"to {describe(other)}"


def _is_so(change: Change, now: Standing) -> bool:
    """Whether what the change was to make is there."""
    match change:
        case Write():
            return all(getattr(now.login, name) == getattr(change.after, name) for name in fields_changed(change))
        case AddToGroup():
            return change.group.id in now.groups
        case RemoveFromGroup():
            return change.group.id not in now.groups
        case SetGroupRole():
            wanted = dict(now.person.group_roles) if isinstance(now.person, Account) else {}
            # What is wanted and no longer planned was found to be so.
            return wanted.get(change.group.name) == role_words(change.after, change.names)
        case _:
            return False


def _is_gone_from_plans(change: Change, now: Standing) -> bool:
    """Whether a change that is still asked for is planned no more only because it was made; seen by nothing else."""
    if isinstance(change, AdoptMembership):
        return isinstance(now.person, Account) and change.group.name in (now.person.groups or ())
    made_once = isinstance(change, CreateLogin | Adopt | SendActivation) and isinstance(now.person, Account)
    return made_once or isinstance(change, Forget)


def _withdrawn(change: Change, now: Standing) -> str:
    """Why the directory, or who ordered it, no longer asks for a change."""
    person = now.person
    match change:
        case _ if change.evidence is Evidence.ORDERED:
            return "as things are now, the order does not ask for it"
        case _ if person is None:
            return "no longer in the directory"
        case _ if isinstance(person, Unmapped):
            return f"no account any more: {person.reason.value}, {person.detail}"
        case DeleteLogin():
            return "back in the directory"
        case Write() if change.after.status == Status.LOCKED != change.before.status:
            return "in the directory, in scope and not disabled"
        case _:
            return DRIFT_WORDS[Drift.WITHDRAWN]
