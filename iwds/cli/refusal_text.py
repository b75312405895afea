"""The page of a plan that guards stopped: the refusal first, then what it rests on, then the ways on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from rich.cells import cell_len
from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, columns, cut, fitted, shortened
from iwds.cli.plan_facts import by_rule, head, readings, retagged, sides
from iwds.core.causes import cause_words
from iwds.core.change import Change, Evidence, Kind, kinds, removes
from iwds.core.decision import Reason
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED, Gauge, GuardKind, counted
from iwds.core.plan import Plan

_GIVE_WAY = ("readings", "violations", "readings", "violations", "violations", "readings")
_GIFTS = {"create", "update", "add", "group-role", "adopt", "unlock"}
_SHOWN_AS = {GuardKind.LEAVE: Kind.REMOVE.value, GuardKind.LEAVE_GROUP: Kind.REMOVE.value}
RECENTLY = "last 20 hours"
"""What else counts towards a limit, beside the plan."""


def refusal_lines(plan: Plan, *, report_only: bool) -> list[Text]:
    """The whole page, at most 40 lines of 80 columns."""
    held = Text.assemble(("HELD: nothing was changed.", "red bold"), " Guards stopped this plan; somebody must decide.")
    parts: dict[str, Variants] = {
        "head": [[held, *head(plan, report_only)]],
        "violations": _violations(plan),
        "readings": readings(plan),
        "sides": [sides(plan)],
        "ways": [block(_ways_on(plan, report_only), "What you can do now")],
    }
    return fitted(parts, _GIVE_WAY)


def _violations(plan: Plan) -> Variants:
    """Every guard that trips, with its causes; the worst first, and fewer of both where they are many."""
    gauges = sorted(plan.violations, key=lambda gauge: gauge.limit - gauge.observed)
    more = f"guards:  iwds show {plan.id} --all"
    heads = [_violation(gauge) for gauge in gauges]
    causes = [_causes(gauge, plan.basis.accepted_by) for gauge in gauges]
    pairs = list(zip(heads, causes, strict=True))
    spaced = [line for first, why in pairs for line in block([first, *why[:5]])]
    tight = [[first, *why[:3]] for first, why in pairs[:4]]
    hidden = shortened(heads, 4, more)[4:]
    return [
        spaced,
        block([*(line for lines in tight for line in lines), *hidden]),
        block([line for lines in tight for line in lines[:2]] + hidden),
        block(shortened(heads, 3, more)),
    ]


def _violation(gauge: Gauge) -> Text:
    limit = f"the limit is {gauge.limit:,}" if gauge.allowed is None else f"{gauge.allowed:,} are allowed"
    name = f"{gauge.kind.value} of {gauge.of}" if gauge.of else gauge.kind.value
    # Causes are told of this plan alone; what a person allowed is measured by it alone too.
    counted = gauge.recent and gauge.allowed is None
    for when in (f"in the {RECENTLY}", "lately"):
        before = f" and {gauge.recent:,} {when}" if counted else ""
        numbers = f": {gauge.observed:,}{before}, {limit} (of {gauge.population:,}). Why:"
        if columns(name + numbers) <= WIDTH:
            break
    return Text(cut(name, WIDTH - len(numbers)) + numbers)


def _causes(gauge: Gauge, since: str) -> list[Text]:
    ordered = sorted(gauge.causes.items(), key=lambda item: (-item[1], item[0]))
    return [Text(cut(f"  {n:>6,}  {cause_words(cause, since)}")) for cause, n in ordered]


def _ways_on(plan: Plan, report_only: bool) -> Iterator[Text]:
    shown = [_SHOWN_AS.get(gauge.kind, gauge.kind.value) for gauge in plan.violations]
    kind = next((f" {name}" for name in shown if name in set(Kind)), "")
    yield from _way("look at them one by one", f"iwds show {plan.id}{kind} --all")
    if report_only:
        return
    held = (skip.change for skip in plan.skips if skip.change and skip.reason is not Reason.MOVED)
    wanted = [*plan.changes, *held]
    seen = sum(change.evidence is Evidence.SEEN for change in wanted)
    if seen:
        yield from _way(f"take only what was seen ({seen:,})", f"iwds apply {plan.id} --only seen")
    if gifts := _gifts(wanted, {gauge.kind for gauge in plan.violations}):
        yield from _way("let the rest in", f"iwds apply {plan.id} --only {','.join(gifts)}")
    if plan.basis.unproven:
        yield Text("  What rests on a reading that is not believed has no override. Repair it, then")
        yield Text(cut(f"    iwds run {plan.job}"))
    else:
        yield Text("  allow exactly this, once")
        yield from _allow(plan)


def _gifts(changes: Sequence[Change], tripped: Set[GuardKind]) -> list[str]:
    """Kinds that can be let in alone: they take nothing from anybody, and no guard that tripped counts them."""
    stopped = {change.subject.key for change in changes if any(guard in tripped for guard, *_ in counted(change))}
    given = [change for change in changes if not removes(change)]
    kept_out = {kind for change in given if change.subject.key in stopped for kind in kinds(change)}
    return sorted({kind.value for change in given for kind in kinds(change) - kept_out} & _GIFTS)


def _way(words: str, command: str) -> Iterator[Text]:
    line = f"  {words:30}  {command}"
    if cell_len(line) <= WIDTH:
        yield Text(line)
    else:
        yield Text(f"  {words}")
        yield Text(f"    {command}")


def _allow(plan: Plan) -> Iterator[Text]:
    """The command that accepts these numbers for this plan, over several lines as a shell reads them."""
    needed = dict(_needed(plan.violations))
    if rules := by_rule(plan):
        needed[OUT_OF_SCOPE] = rules
    if tags := retagged(plan):
        needed[RETAGGED] = tags
    line = f"    iwds apply {plan.id}"
    for option in (*(f"--allow {guard}={n}" for guard, n in needed.items()), '--reason "..."'):
        if len(line) + len(option) + 3 > WIDTH:
            yield Text(line + " \\")
            line = "     "
        line += f" {option}"
    yield Text(line)


def _needed(violations: Iterable[Gauge]) -> Mapping[str, int]:
    needed: dict[str, int] = {}
    for gauge in violations:
        needed[gauge.kind.value] = max(needed.get(gauge.kind.value, 0), gauge.observed)
    return needed
