"""The page of a plan that guards stopped: the refusal first, then what it rests on, then the ways on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, columns, command_lines, cut, fitted, shortened, way_on
from iwds.cli.plan_facts import by_rule, head, readings, retagged, sides
from iwds.cli.plan_sections import RECENTLY
from iwds.core.causes import cause_words
from iwds.core.change import Change, Evidence, Kind, kinds, removes
from iwds.core.decision import Reason
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED, Gauge, GuardKind, counted
from iwds.core.plan import UNDO_OF, Plan

_GIVE_WAY = ("readings", "violations", "readings", "violations", "violations", "readings")
_GIFTS = {"create", "update", "add", "group-role", "adopt", "unlock"}
_SHOWN_AS = {GuardKind.LEAVE: Kind.REMOVE.value, GuardKind.LEAVE_GROUP: Kind.REMOVE.value}


def refusal_lines(plan: Plan, *, report_only: bool, ended: bool = False) -> list[Text]:
    """The whole page, at most 40 lines of 80 columns; `ended`: the plan may not be applied any more."""
    held = Text.assemble(("HELD: nothing was changed.", "red bold"), " Guards stopped this plan; somebody must decide.")
    parts: dict[str, Variants] = {
        "head": [[held, *head(plan, report_only)]],
        "violations": _violations(plan),
        "readings": readings(plan),
        "sides": [sides(plan)],
        "ways": [block((Text(cut(line)) for line in _ways_on(plan, report_only, ended)), "What you can do now")],
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


def _ways_on(plan: Plan, report_only: bool, ended: bool) -> Iterator[str]:
    shown = [_SHOWN_AS.get(gauge.kind, gauge.kind.value) for gauge in plan.violations]
    kind = next((f" {name}" for name in shown if name in set(Kind)), "")
    yield from way_on("look at them one by one", [f"iwds show {plan.id}{kind} --all"])
    if report_only:
        return
    if plan.basis.ordered:
        yield from _order_again(plan)
    elif ended:
        yield from way_on("it has ended: make a new one", [f"iwds plan {plan.job}"])
    else:
        yield from _apply(plan)


def _apply(plan: Plan) -> Iterator[str]:
    """What of it can be applied all the same."""
    # What a person rejected or holds, or somebody else stands in the way of, no choice lets through.
    waits = (skip.change for skip in plan.skips if skip.change and skip.reason in (Reason.HELD, Reason.UNPROVEN))
    wanted = [*plan.changes, *waits]
    seen = sum(change.evidence is Evidence.SEEN for change in wanted)
    if seen:
        yield from way_on(f"take only what was seen ({seen:,})", [f"iwds apply {plan.id} --only seen"])
    if gifts := _gifts(wanted, {gauge.kind for gauge in plan.violations}):
        yield from way_on("let the rest in", [f"iwds apply {plan.id} --only {','.join(gifts)}"])
    if plan.basis.unproven:
        yield "  What rests on a reading that is not believed has no override. Repair it, then"
        yield from command_lines([f"iwds run {plan.job}"], 4)
    else:
        yield "  allow exactly this, once"
        yield from command_lines([f"iwds apply {plan.id}", *_allowing(plan)], 4)


def _order_again(plan: Plan) -> Iterator[str]:
    """An ordered plan is not applied: it is ordered again, and planned from how things are then."""
    run = plan.basis.ordered.removeprefix(UNDO_OF)
    command = f"iwds undo {run}" if run != plan.basis.ordered else f"iwds drift {plan.job} --revert"
    yield "  order it again, narrowed as it was, and allow exactly this, once"
    yield from command_lines([command, *_allowing(plan)], 4)


def _gifts(changes: Sequence[Change], tripped: Set[GuardKind]) -> list[str]:
    """Kinds that can be let in alone: they take nothing from anybody, and no guard that tripped counts them."""
    stopped = {change.subject.key for change in changes if any(guard in tripped for guard, *_ in counted(change))}
    given = [change for change in changes if not removes(change)]
    kept_out = {kind for change in given if change.subject.key in stopped for kind in kinds(change)}
    return sorted({kind.value for change in given for kind in kinds(change) - kept_out} & _GIFTS)


def _allowing(plan: Plan) -> list[str]:
    """The options that accept these numbers for one plan."""
    needed = dict(_needed(plan.violations))
    if rules := by_rule(plan):
        needed[OUT_OF_SCOPE] = rules
    if tags := retagged(plan):
        needed[RETAGGED] = tags
    return [*(f"--allow {guard}={n}" for guard, n in needed.items()), '--reason "..."']


def _needed(violations: Iterable[Gauge]) -> Mapping[str, int]:
    needed: dict[str, int] = {}
    for gauge in violations:
        needed[gauge.kind.value] = max(needed.get(gauge.kind.value, 0), gauge.observed)
    return needed
