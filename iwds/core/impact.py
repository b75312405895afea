"""How two plans on one reading differ, by the part of the configuration that makes the difference."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from iwds.core.causes import Cause, cause_of_text
from iwds.core.change import (
    REMOVALS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Forget,
    Kind,
    RemoveFromGroup,
    SetGroupRole,
    Subject,
    Write,
    field_kind,
    fields_changed,
    kinds,
)
from iwds.core.normal import parse_extra
from iwds.core.plan import Plan
from iwds.core.previous import Places

_PRESENCE = ("sources", "order", "scope", "include", "exclude", "login", "matching", "store_anchor", "protect", "adopt")
"""Parts that decide who has a login at all, beside `enabled` and the policy for leavers."""
_OF_LEAVERS = ("leavers", "delete_after")
_WHO = (*_PRESENCE, *_OF_LEAVERS, "enabled", "provisioning_id")
_WHOLE = frozenset({Kind.CREATE, Kind.DELETE, Kind.ADOPT})
"""What everything else about somebody follows from."""


class Turn(StrEnum):
    """How an effect differs between the two plans."""

    NEW = "new"
    """Only the second plan has it."""
    GONE = "gone"
    """Only the first one has it."""
    WAITS = "waits"
    """Both have it; the first makes it, and the second holds it back."""
    MADE = "made"
    """Both have it; the second makes it, and the first holds it back."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a plan does to somebody.

    Attributes:
        key: the person's or login's key (`Subject.key`).
        kind: what it is called.
        part: what of the configuration governs it: a field, `groups NAME`, `extra KEY`; empty for having a login.
        value: what it is afterwards, in words.
    """

    key: str
    kind: Kind
    part: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an effect in a plan: who, whether it is made, why not, and the rule that is blamed for it."""

    subject: Subject
    held: str = ""
    blamed: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One effect that is another one in the second plan. `fate` is that in the plan that has it, the second first."""

    turn: Turn
    effect: Effect
    fate: Fate


@dataclass(frozen=True, slots=True)
class Rule:
    """A part of the configuration, and what its change does.

    Attributes:
        parts: the changed parts that may be behind it; empty where it follows from others.
        place: where the first of them stands, as `file:line`.
        differences: grouped by turn, kind and governed part, the largest groups first.
    """

    parts: tuple[str, ...]
    place: str
    differences: Mapping[tuple[Turn, Kind, str], tuple[Difference, ...]]

    @property
    def people(self) -> int:
        """How many people notice."""
        return len({each.effect.key for found in self.differences.values() for each in found})


@dataclass(frozen=True, slots=True)
class Impact:
    """What a configuration would do that the other one did not, or not do that it did.

    Attributes:
        rules: the parts of the configuration that make a difference, those that take something first.
        unnoticed: changed parts, with their places, that make none.
    """

    rules: tuple[Rule, ...]
    unnoticed: tuple[tuple[str, str], ...]

    @property
    def people(self) -> int:
        """How many people notice anything."""
        found = (each for rule in self.rules for group in rule.differences.values() for each in group)
        return len({each.effect.key for each in found})


def impact(before: Plan, after: Plan, changed: Collection[str], places: Places) -> Impact:
    """The differences of two plans on one reading.

    Args:
        before: what was planned.
        after: what the other configuration plans.
        changed: which parts of the configuration differ (`changed_parts`).
        places: where the parts of the other one stand.
    """
    lines = {place: part for name, place in places.of.items() if (part := _part_of(name, changed))}
    grouped: dict[tuple[tuple[str, ...], str], list[Difference]] = {}
    for each in differences(before, after):
        blamed = each.fate.blamed
        parts = (lines[blamed],) if blamed in lines else _behind(each.effect, changed)
        place = blamed if blamed in lines else places[parts[0]] if parts else ""
        grouped.setdefault((parts, place), []).append(each)
    rules = [Rule(parts, place, _grouped(found)) for (parts, place), found in grouped.items()]
    noticed = {part for rule in rules for part in rule.parts}
    unnoticed = tuple((part, places[part]) for part in changed if part not in noticed)
    return Impact(tuple(sorted(rules, key=_weight)), unnoticed)


def _part_of(name: str, changed: Collection[str]) -> str:
    """The changed part that a place is of: its own, or the list that it is a line of; empty where that is none."""
    return next((part for part in (name, name.partition(" ")[0]) if part in changed), "")


def _behind(effect: Effect, changed: Collection[str]) -> tuple[str, ...]:
    """The changed parts that can have done it: its own, else those that say who has a login."""
    own = [part for part in changed if part == effect.part]
    if own:
        return tuple(own)
    if effect.part and not effect.part.startswith("groups ") and effect.part not in ("enabled", "login"):
        return ()
    takes = effect.kind in (Kind.LOCK, Kind.DELETE)
    return tuple(p for p in changed if p.partition(" ")[0] in _WHO and (takes or p not in _OF_LEAVERS))


def _grouped(found: Iterable[Difference]) -> dict[tuple[Turn, Kind, str], tuple[Difference, ...]]:
    groups: dict[tuple[Turn, Kind, str], list[Difference]] = {}
    for each in found:
        groups.setdefault((each.turn, each.effect.kind, each.effect.part), []).append(each)
    ordered = sorted(groups.items(), key=lambda item: (not _takes(item[0]), -len(item[1]), item[0]))
    return {key: tuple(sorted(each, key=lambda one: one.fate.subject.login)) for key, each in ordered}


def _takes(key: tuple[Turn, Kind, str]) -> bool:
    turn, kind, _ = key
    return (kind in REMOVALS) is (turn in (Turn.NEW, Turn.MADE))


def _weight(rule: Rule) -> tuple[bool, int, str]:
    return not any(map(_takes, rule.differences)), -rule.people, rule.place


def differences(before: Plan, after: Plan) -> Iterator[Difference]:
    """Each effect that one of the plans has alone, or that waits in one of them and not in the other."""
    old, new = dict(effects(before)), dict(effects(after))
    whole = {effect.key for effect in old.keys() ^ new.keys() if effect.kind in _WHOLE}
    for effect in {**new, **old}:
        if effect.key in whole and effect.kind not in _WHOLE | {Kind.LOCK, Kind.UNLOCK}:
            continue
        if effect not in old:
            yield Difference(Turn.NEW, effect, new[effect])
        elif effect not in new:
            yield Difference(Turn.GONE, effect, old[effect])
        elif bool(old[effect].held) is not bool(new[effect].held):
            yield Difference(Turn.WAITS if new[effect].held else Turn.MADE, effect, new[effect])


def effects(plan: Plan) -> Iterator[tuple[Effect, Fate]]:
    """Everything that a plan does, or would do if nothing held it back; what is made comes last."""
    for skip in plan.skips:
        if skip.change:
            fate = Fate(skip.change.subject, f"{skip.reason.value}: {skip.detail}", _blamed(skip.change))
            yield from ((effect, fate) for effect in _of(skip.change))
    for change in plan.changes:
        fate = Fate(change.subject, "", _blamed(change))
        yield from ((effect, fate) for effect in _of(change))


def _blamed(change: Change) -> str:
    """The place of the changed rule that a removal is the doing of."""
    cause = getattr(change, "cause", "")
    kind, place = cause_of_text(cause) if cause else (None, "")
    return place if kind is Cause.RULE else ""


def _of(change: Change) -> Iterator[Effect]:
    key = change.subject.key
    match change:
        case Write():
            for name in fields_changed(change):
                yield from _of_field(change, name)
        case CreateLogin(account=account):
            yield Effect(key, Kind.CREATE, "")
            for name in ("login", "firstname", "name", "mail", "phone", "role"):
                if (value := getattr(account, name)) is not None:
                    yield Effect(key, Kind.UPDATE, name, str(value))
            yield from (Effect(key, Kind.UPDATE, f"extra {name}", value) for name, value in account.extra)
        case AddToGroup(group=group, role=role) | AdoptMembership(group=group, role=role):
            (kind,) = [each for each in kinds(change) if each in (Kind.ADD, Kind.ADOPT_GROUP)]
            yield Effect(key, kind, f"groups {group.name}", "" if role is None else str(role))
        case SetGroupRole(group=group, after=after):
            yield from (Effect(key, kind, f"groups {group.name}", str(after)) for kind in kinds(change))
        case RemoveFromGroup(group=group):
            yield Effect(key, Kind.REMOVE, f"groups {group.name}")
        case Adopt(login=login):
            yield Effect(key, Kind.ADOPT, "", str(login.id))
        case DeleteLogin(before=login):
            yield Effect(key, Kind.DELETE, "", str(login.id))
        case Forget(group=group):
            yield Effect(key, Kind.FORGET, f"groups {group.name}" if group else "")
        case _:
            yield Effect(key, Kind.MAIL, "")


def _of_field(write: Write, name: str) -> Iterator[Effect]:
    key, after = write.subject.key, getattr(write.after, name)
    if name == "extra":
        old, new = (parse_extra(each.extra or "") or {} for each in (write.before, write.after))
        for field in sorted(old.keys() | new.keys()):
            if old.get(field, "") != new.get(field, ""):
                kind = Kind.UPDATE if new.get(field) else Kind.CLEAR
                yield Effect(key, kind, f"extra {field}", new.get(field, ""))
    else:
        yield Effect(key, field_kind(write, name), "enabled" if name == "status" else name, str(after))


def changed_parts(before: str, after: str) -> tuple[str, ...]:
    """Which parts differ between two texts of what decides (`core.configuration`), in the order of the files.

    `scope`, `mail`, `groups vpn`, `extra site` and the like; `sources NAME`, `leavers`, `adopt`, `provisioning_id`.
    """
    old, new = json.loads(before), json.loads(after)
    found = [f"sources {name}" for name in _differing(old.get("sources", {}), new.get("sources", {}))]
    others = [name for name in _differing(old, new) if name not in ("sources", "rules", "mapping")]
    rules = _differing(_rules(old), _rules(new)) if "rules" in old and "rules" in new else []
    if not rules and old.get("mapping") != new.get("mapping"):
        rules = ["mapping"]
    return (*found, *others, *rules)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def _rules(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a mapping by their names; lines about one group of the service, and extra fields, are parts."""
    written = dict(data["rules"])
    parts: dict[str, Any] = {f"extra {key}": value for key, value in written.pop("extra", {}).items()}
    for line in written.pop("groups", ()):
        parts.setdefault(f"groups {line['to']}", []).append(line)
    return written | parts
