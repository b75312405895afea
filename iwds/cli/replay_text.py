"""What a replay found, as a page and as data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from iwds.cli.common import local
from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, cut, fitted, hanging, listed
from iwds.cli.plan_facts import by_rule
from iwds.cli.plan_sections import RECENTLY, gauge_words
from iwds.core.change import Kind
from iwds.core.guards import Gauge
from iwds.core.impact import Difference, Rule, Turn
from iwds.core.words import field_words, many
from iwds.replays import ChangedLimit, Replayed

_NAMED = 3
_GIVE_WAY = ("rules", "unknown", "unnoticed", "rules", "limits", "guards", "rules")
_VERBS = {
    Kind.CREATE: "created", Kind.DELETE: "deleted", Kind.LOCK: "locked", Kind.UNLOCK: "unlocked", Kind.ADOPT: "adopted",
    Kind.MAIL: "mailed a link", Kind.FORGET: "forgotten", Kind.RENAME: "renamed", Kind.DEMOTE: "demoted",
    Kind.PROMOTE: "promoted",
}  # fmt: skip


def replay_lines(said: Replayed, all_: bool = False) -> list[Text]:
    """The page: 40 lines at most, unless everybody is to be named."""
    parts: dict[str, Variants] = {
        "head": [list(_head(said))],
        "rules": [_rules(said, None)] if all_ else [_rules(said, most) for most in (99, 12, 8, 4)],
        "unnoticed": [list(_unnoticed(said)), []],
        "limits": [_limits(said), _limits(said)[:6]],
        "guards": [list(_guards(said.plan.basis.gauges)), list(_guards(said.plan.violations))],
        "unknown": [list(_unknown(said)), list(_unknown(said))[:3]],
        "end": [list(_end(said))],
    }
    if all_:
        return [line for variants in parts.values() for line in variants[0]]
    return fitted(parts, _GIVE_WAY)


def _head(said: Replayed) -> Iterator[Text]:
    yield Text.assemble("Replay of ", (said.plan.job, "bold"), f" on the reading {said.reading},")
    yield Text(cut(f"{local(said.before.made_at)}, {many(said.before.basis.tally.people, 'person', 'people')}"))
    tried = said.config or "today's configuration"
    if said.same:
        yield from map(Text, hanging("", f"{tried} plans the same as was planned then: {_counts(said)}."))
    else:
        yield from map(Text, hanging("", f"{tried} against what was planned then ({_counts(said)})."))


def _counts(said: Replayed) -> str:
    return many(len(said.before.changes), "change")


def _rules(said: Replayed, most: int | None) -> list[Text]:
    lines: list[Text] = []
    hidden = 0
    for rule in said.impact.rules:
        rows = list(_rule(rule, most is None))
        if most is not None and len(lines) + len(rows) > 2 * most and lines:
            hidden += 1
            continue
        lines += rows
    if hidden:
        lines.append(Text(f"  ... {hidden:,} more rules:  iwds replay ... --all"))
    return block(lines, Text("Who would notice, by rule", style="bold"))


def _rule(rule: Rule, everybody: bool) -> Iterator[Text]:
    name = " or ".join(rule.parts) or "follows from the rest"
    yield Text.assemble("  ", (cut(f"{rule.place}  {name}".strip(), WIDTH - 2), "bold"))
    for (turn, kind, part), found in rule.differences.items():
        start = f"  {len(found):>8,}  "
        words = f"{_words(turn, kind, part)}{_held(found)}: "
        names = [each.fate.subject.login for each in found]
        if everybody:
            yield Text(cut(start + words.rstrip(": ")))
            yield from (Text(cut(f"{'':14}{name}")) for name in names)
        else:
            room = max(12, WIDTH - len(start) - len(words))
            yield Text(cut(start + words + listed(names[: max(_NAMED, 8)], room) if len(names) <= 8 else
                           start + words + listed(names, room)))  # fmt: skip


def _words(turn: Turn, kind: Kind, part: str) -> str:
    what = _what(kind, part)
    if turn is Turn.GONE:
        changes = what.removeprefix("another ")
        return f"no longer {what}" if changes == what else f"{changes} no longer changes"
    return {Turn.WAITS: f"{what}, which waits now", Turn.MADE: f"{what}, which waits no more"}.get(turn, what)


def _what(kind: Kind, part: str) -> str:
    if part.startswith("groups "):
        name = part.removeprefix("groups ")
        verbs = {Kind.ADD: "put into", Kind.REMOVE: "taken out of", Kind.ADOPT_GROUP: "adopted in"}
        return f"{verbs.get(kind, 'another role in')} {name}"
    if kind in _VERBS:
        return _VERBS[kind]
    field = field_words(part.removeprefix("extra "))
    return f"{field} emptied" if kind is Kind.CLEAR else f"another {field}"


def _held(found: Sequence[Difference]) -> str:
    held = sum(bool(each.fate.held) for each in found)
    return f" ({held:,} wait)" if held and found[0].turn is not Turn.WAITS else ""


def _unnoticed(said: Replayed) -> list[Text]:
    told = [f"{part} ({place})" if place else part for part, place in said.impact.unnoticed]
    return block(map(Text, hanging("Changed, and nobody notices: ", ", ".join(told), 3))) if told else []


def _guards(gauges: Sequence[Gauge]) -> list[Text]:
    tripped = [each for each in gauges if each.tripped]
    rest = [each for each in gauges if not each.tripped and each.observed]
    lines = [
        Text(cut(f"  {_gauge_name(each)}: {gauge_words(each)}: this stops the run"), style="red") for each in tripped
    ]
    told = ", ".join(f"{_gauge_name(each)} {each.observed}{f'+{each.recent}' if each.recent else ''}/{each.limit}"
                     for each in rest)  # fmt: skip
    before = f" (+: made in the {RECENTLY})" if any(each.recent for each in rest) else ""
    clear = [Text(line) for line in hanging("  clear: ", told + before, 2)] if told else []
    return block([*lines, *clear], Text("Guards", style="bold"))


def _gauge_name(gauge: Gauge) -> str:
    return f"{gauge.kind.value} {gauge.of}".rstrip()


def _limits(said: Replayed) -> list[Text]:
    """Limits that differ: they take nothing from anybody, and decide what the guards let through."""
    told = [line for each in said.limits for line in hanging("  ", _limit_words(each), 3)]
    return block(map(Text, told), Text("Changed limits of guards", style="bold"))


def _limit_words(each: ChangedLimit) -> str:
    names = ("floor", "ratio", "cap")
    pairs = [(name, getattr(each.before, name), getattr(each.now, name)) for name in names]
    told = ", ".join(f"{name} {_number(old)} > {_number(new)}" for name, old, new in pairs if old != new)
    return f"{f'{each.place}  ' if each.place else ''}{each.kind.value}: {told}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,}"


def _unknown(said: Replayed) -> list[Text]:
    lines = [Text(cut(f"  {n:>6,}  {what}")) for what, n in sorted(said.unknown.items())]
    return block(lines, Text("Not known, so decided as if the directory could not tell", style="bold"))


def _end(said: Replayed) -> Iterator[Text]:
    yield Text()
    waiting = by_rule(said.plan)
    if said.impact.rules and waiting:
        yield Text(f"{many(waiting, 'removal')} of this configuration would wait at the gate, until")
        yield Text(cut(f"  iwds apply {said.plan.job} --allow out-of-scope={waiting} --reason ..."))
    colour = "green" if said.exit_code == 0 else "yellow"
    yield Text(" ".join(_verdict(said)), style=colour)


def _verdict(said: Replayed) -> Iterator[str]:
    if said.same:
        yield "No difference."
        return
    if said.impact.rules:
        yield f"{many(said.impact.people, 'person', 'people')} would notice."
    if said.plan.violations:
        yield "A guard would stop it."
    elif said.before.violations:
        yield "No guard would stop it, as one did then."
    elif said.exit_code > 2:
        yield "The gate would hold a part of it."


def replay_data(said: Replayed) -> dict[str, Any]:
    """The same for machines, with everybody."""
    return {
        "schema": 1,
        "job": said.plan.job,
        "reading": said.reading,
        "taken": said.before.made_at.isoformat(),
        "same": said.same,
        "exit": said.exit_code,
        "digest": {"planned": said.before.digest, "replayed": said.plan.digest},
        "config_digest": {"planned": said.before.basis.config_digest, "replayed": said.plan.basis.config_digest},
        "people": said.impact.people,
        "rules": [_rule_data(rule) for rule in said.impact.rules],
        "unnoticed": [{"part": part, "place": place} for part, place in said.impact.unnoticed],
        "limits": [_limit_data(each) for each in said.limits],
        "guards": [_guard_data(each) for each in said.plan.basis.gauges],
        "gate": by_rule(said.plan),
        "unknown": dict(said.unknown),
    }


def _rule_data(rule: Rule) -> dict[str, Any]:
    groups = [
        {
            "turn": turn.value,
            "kind": kind.value,
            "part": part,
            "people": len(found),
            "who": [_difference_data(each) for each in found],
        }
        for (turn, kind, part), found in rule.differences.items()
    ]
    return {"parts": list(rule.parts), "place": rule.place, "people": rule.people, "effects": groups}


def _difference_data(each: Difference) -> dict[str, Any]:
    return {"login": each.fate.subject.login, "id": each.fate.subject.login_id, "value": each.effect.value,
            "held": each.fate.held}  # fmt: skip


def _limit_data(each: ChangedLimit) -> dict[str, Any]:
    return {"kind": each.kind.value, "place": each.place, "before": asdict(each.before), "now": asdict(each.now)}


def _guard_data(gauge: Gauge) -> dict[str, Any]:
    return {"kind": gauge.kind.value, "of": gauge.of, "observed": gauge.observed, "recent": gauge.recent,
            "limit": gauge.limit, "tripped": gauge.tripped}  # fmt: skip
