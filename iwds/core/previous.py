"""Would the configuration last applied have asked for the same? Only then a removal is the directory's doing.

The question is answered by deciding the same case once more: the same login, the same memory, but the person as the
rules of that configuration see them, and its policy. What is taken by it too goes on; the rest is the doing of whoever
changed the configuration, and waits for them. Where nobody can tell, it waits as well.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from iwds.core.causes import Cause, cause_text
from iwds.core.change import (
    REMOVALS,
    Change,
    DeleteLogin,
    Kind,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    field_kind,
    fields_changed,
    fields_only,
    kinds,
    only,
    removes,
)
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Account, Unmapped, fold
from iwds.core.naming import as_named
from iwds.core.normal import parse_extra
from iwds.core.policy import World

_PLACE = re.compile(r"\(([^()]*:[0-9]+)\)$")
_DELETED = ("login",)
"""What a deletion takes; whoever loses the login loses everything else with it."""

Taken = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """One person under the configuration last applied.

    Attributes:
        person: what its rules make of them; None where it reads nobody.
        world: the facts of today under its policy.
        doubted: the parts of its rules that a library decides which was another version then, each with that library.
    """

    person: Account | Unmapped | None
    world: World
    doubted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """Where each part of the configuration stands, as `file:line`, by the field, group or policy that it governs."""

    of: Mapping[str, str]

    def __getitem__(self, part: str) -> str:
        """The place of a part, of the list that it is missing in, or of the mapping as a whole."""
        return self.of.get(part) or self.of.get(part.partition(" ")[0]) or self.of.get("mapping", "")


NOWHERE = Places({})


def explained(case: Case, decisions: Iterable[Decision], absence: Cause = Cause.NOT_READ) -> Iterator[Decision]:
    """The same decisions, and whoever loses their login or access with its cause.

    Args:
        case: what they were decided from.
        decisions: changes and skips.
        absence: what is known of somebody who was not read.
    """
    for decision in decisions:
        if isinstance(decision, Proposal) and isinstance(decision.change, Write | DeleteLogin):
            cause = _cause(case, decision.change, absence)
            yield replace(decision, change=replace(decision.change, cause=cause)) if cause else decision
        else:
            yield decision


def _cause(case: Case, change: Write | DeleteLogin, absence: Cause) -> str:
    if kinds(change).isdisjoint({Kind.LOCK, Kind.DELETE}):
        return ""
    if case.account is not None or (case.absent is not None and case.absent.disabled):
        return cause_text(Cause.DISABLED)
    return cause_text(absence) if case.absent is None else cause_text(Cause.OUT_OF_SCOPE, _place(case.absent))


def _place(absent: Unmapped) -> str:
    """File and line of the clause of the scope that somebody does not meet."""
    found = _PLACE.search(absent.detail)
    return found[1] if found else ""


def judged(case: Case, decisions: Iterable[Decision], before: Before | None, places: Places) -> Iterator[Decision]:
    """The same decisions; what the configuration last applied asks for too is marked as known, and cut from the rest.

    Args:
        case: what they were decided from.
        decisions: changes and skips.
        before: the person under that configuration; None where nobody can tell.
        places: where the configuration of today stands.
    """
    decisions = list(decisions)
    takes = any(isinstance(decision, Proposal) and removes(decision.change) for decision in decisions)
    then = list(_changes_before(case, before)) if before and takes else []
    asked = frozenset[Taken]().union(*map(_taken, then))
    doubted = {each: told for each in asked if before and (told := _doubt(each, before))}
    taken = asked - doubted.keys()

    def blamed(change: Change) -> str:
        library = next((doubted[each] for each in sorted(_taken(change), key=str) if each in doubted), "")
        return library or _blamed(change, case, before, places)

    for decision in decisions:
        if isinstance(decision, Proposal) and removes(decision.change):
            yield from _parted(decision, taken, blamed)
            yield from _meanwhile(decision, taken, then)
        else:
            yield decision


def _changes_before(case: Case, before: Before) -> Iterator[Change]:
    then = _case_before(case, before.person, before.world)
    if then is not None:
        yield from (d.change for d in decide(then, before.world) if isinstance(d, Proposal) and removes(d.change))


def _case_before(case: Case, person: Account | Unmapped | None, world: World) -> Case | None:
    """The case of the same login with the person as they were then; None where it would have led to nothing."""
    if isinstance(person, Account):
        person = as_named(person, (part.login for part in (case.login, case.account) if part))
        if case.match is Match.NAMED and (case.login is None or fold(person.login) != fold(case.login.login)):
            return None
        asked = case.asked & world.roles_wanted(person).keys()
        match = case.match if case.match is Match.NAMED else Match.OURS
        return replace(case, match=match, account=person, absent=None, asked=asked)
    if case.match is Match.NAMED:
        return None
    return replace(case, match=Match.LEAVER, account=None, absent=person, asked=frozenset())


def _taken(change: Change) -> frozenset[Taken]:
    """What a removal takes, in a form in which two of them can be compared."""
    match change:
        case DeleteLogin():
            return frozenset({_DELETED})
        case RemoveFromGroup(group=group):
            return frozenset({("group", group.id)})
        case SetGroupRole(group=group, after=after):
            return frozenset({("role", group.id, after)})
        case _:
            assert isinstance(change, Write)  # noqa: S101 - nothing else removes
            return frozenset(each for name in _fields_taken(change) for each in _field_taken(change, name))


def _doubt(taken: Taken, before: Before) -> str:
    """The library by whose version of today alone the configuration last applied may ask for this; empty for none."""
    return next((before.doubted[part] for part in _parts_behind(taken, before) if part in before.doubted), "")


def _parts_behind(taken: Taken, before: Before) -> tuple[str, ...]:
    """The parts of the mapping last applied that made it ask for this, as `doubted_parts` names them."""
    match before.person:
        case None:
            return ()  # base and filter of the source did: no library is asked
        case Unmapped(disabled=True):
            return ("enabled",)
        case Unmapped():
            return "scope", "include", "exclude"
    kind, name = taken[:2]
    if kind == "field":
        return ("enabled" if name == "status" else str(name),)
    if kind == "extra":
        return (f"extra {name}",)
    return tuple(f"groups {group.name}" for group in before.world.groups.values() if group.id == name)


def _fields_taken(write: Write) -> list[str]:
    return [name for name in fields_changed(write) if field_kind(write, name) in REMOVALS]


def _field_taken(write: Write, name: str) -> Iterator[Taken]:
    after = getattr(write.after, name)
    if name == "extra":
        old, new = parse_extra(write.before.extra or "") or {}, parse_extra(write.after.extra or "") or {}
        yield from (("extra", key) for key, value in old.items() if value and not new.get(key))
    else:
        yield "field", name, fold(after) if name == "login" else after


def _parted(decision: Proposal, taken: frozenset[Taken], blamed: Callable[[Change], str]) -> Iterator[Proposal]:
    """A proposal, or the part of a write that is known and the part that is the configuration's doing."""
    change = decision.change
    if _DELETED in taken or _taken(change) <= taken:
        yield replace(decision, known=True)
    elif isinstance(change, Write):
        new = [name for name in _fields_taken(change) if not taken.issuperset(_field_taken(change, name))]
        if known := fields_only(change, set(fields_changed(change)) - set(new)):
            yield replace(decision, change=known, known=True)
        doing = fields_only(change, new) or change
        yield replace(decision, change=doing, blamed=blamed(doing))
    else:
        yield replace(decision, blamed=blamed(change))


def _meanwhile(decision: Proposal, taken: frozenset[Taken], then: Iterable[Change]) -> Iterator[Proposal]:
    """The lock that the policy last applied asks for, where the one of today would delete, which waits."""
    change = decision.change
    if isinstance(change, DeleteLogin) and _DELETED not in taken:
        for lock in (only(write, {Kind.LOCK}) for write in then if isinstance(write, Write)):
            if lock and _taken(lock) <= taken:
                yield replace(decision, change=replace(lock, cause=change.cause), known=True, meanwhile=True)


def _had_left(person: Account | Unmapped | None) -> bool:
    return person is None or (isinstance(person, Unmapped) and person.reason is Absent.OUT_OF_SCOPE)


def _blamed(change: Change, case: Case, before: Before | None, places: Places) -> str:
    """Where the part of the configuration stands that a removal is the doing of."""
    if isinstance(change, RemoveFromGroup | SetGroupRole):
        return places[f"groups {change.group.name}"]
    if isinstance(change, Write) and case.account is not None:
        name = _fields_taken(change)[0]
        return places["enabled" if name == "status" else name]
    if case.absent is not None and case.absent.disabled:
        return places["enabled"]
    if before is not None and _had_left(before.person):
        return places["leavers"]
    return _place(case.absent) or places["scope"] if case.absent else places["sources"]
