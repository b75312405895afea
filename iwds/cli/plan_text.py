"""A plan as a person wants to see it: at most 40 lines of 80 columns, whatever its size."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from iwds.cli.change_text import TABLE_HEAD, calls, examples, heading, table
from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, cut, fitted, hanging, listed, shortened
from iwds.cli.plan_facts import by_rule, head, never_had_a_login, readings, retagged, sides, spared_by_rule
from iwds.cli.refusal_text import refusal_lines
from iwds.core.change import removes
from iwds.core.decision import Reason, Skip
from iwds.core.guards import RETAGGED, Gauge
from iwds.core.plan import Plan

_EXAMPLES = (8, 6, 4, 2, 0)
_GIVE_WAY = (
    *("left", "guards", "readings", "examples", "examples", "examples", "left", "examples"),
    *("changes", "left", "readings", "changes"),
)


def plan_lines(plan: Plan, *, report_only: bool = False, show_next: bool = True) -> list[Text]:
    """The whole page; that of a refusal where a guard stops the plan."""
    if plan.violations:
        return refusal_lines(plan, report_only=report_only)
    parts: dict[str, Variants] = {
        "head": [head(plan, report_only)],
        "readings": readings(plan),
        "sides": [sides(plan)],
        "changes": _changes(plan),
        "examples": [list(examples(plan.changes, most, plan.id)) for most in _EXAMPLES],
        "left": _left_alone(plan),
        "guards": _guards(plan),
        "next": [list(_next(plan, report_only)) if show_next else []],
    }
    return fitted(parts, _GIVE_WAY)


def _changes(plan: Plan) -> Variants:
    if not plan.changes:
        text = Text("Nothing is changed.") if plan.held else Text("Nothing to do.", style="green")
        return [block([text])]
    takes = any(removes(change) for change in plan.changes)
    nobody = [] if takes else [Text("  Nobody is locked, deleted, demoted, renamed or taken out of a group.")]
    return [block([*table(plan.changes, most), *nobody], Text(TABLE_HEAD, style="bold")) for most in (15, 6, 3)]


def _left_alone(plan: Plan) -> Variants:
    by_reason: dict[Reason, list[Skip]] = {}
    for skip in plan.skips:
        if not never_had_a_login(skip):
            by_reason.setdefault(skip.reason, []).append(skip)
    ordered = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    title = Text("Left alone, and why", style="bold")
    whole = [_reason_lines(reason, skips, 2) for reason, skips in ordered]
    short = [line for reason, skips in ordered for line in _reason_lines(reason, skips, 1)]
    more = f"reasons:  iwds show {plan.id} --all"
    return [
        block([line for lines in whole for line in lines], title),
        block(short, title),
        block(shortened(short, 5, more), title),
        block(shortened(short, 2, more), title),
    ]


def _reason_lines(reason: Reason, skips: Sequence[Skip], most: int) -> list[Text]:
    """How many, the reason, and what there is to say about them."""
    start = f"  {len(skips):>6,}  {reason.value}: "
    room = (WIDTH - 10) * most - len(reason.value) - 2 - 8 * (most - 1)
    return [Text(line) for line in hanging(start[:10], start[10:] + _about(skips, room), most)]


def _about(skips: Sequence[Skip], room: int) -> str:
    """One sentence that holds for all of them, or the few people by name, or the most frequent sentences."""
    counts = Counter(map(_skip_words, skips)).most_common()
    names = list(dict.fromkeys(skip.subject.login for skip in skips))
    if len(skips) <= 3:
        told = f"{', '.join(names)} ({counts[0][0]})"
        if len(counts) > 1:
            told = "; ".join(f"{skip.subject.login} ({_skip_words(skip)})" for skip in skips)
        if cell_len(told) <= room:
            return told
    if len(counts) == 1:
        return counts[0][0]
    if counts[0][1] == 1:
        return listed(names, room)
    return listed([f"{n:,} {words}" for words, n in counts], room, "; ")


def _skip_words(skip: Skip) -> str:
    return f"{heading(skip.change)} waits: {skip.detail}" if skip.change else skip.detail


def _guards(plan: Plan) -> Variants:
    gauges = [gauge for gauge in plan.basis.gauges if not gauge.of]
    if not gauges:
        return [[]]
    start = "Guards, all clear:  "
    whole = "\u00a0 ".join(map(_gauge, gauges))
    lines = [line.replace("\u00a0", " ").rstrip() for line in hanging(start, whole)]
    fullest = sorted(gauges, key=lambda gauge: gauge.limit - gauge.observed - gauge.recent)
    short = start + listed([_gauge(gauge) for gauge in fullest], WIDTH - len(start), "  ")
    return [block(map(Text, lines)), block([Text(short.replace("\u00a0", " "))])]


def _gauge(gauge: Gauge) -> str:
    allowed = "" if gauge.allowed is None else f",\u00a0{gauge.allowed}\u00a0allowed"
    return f"{gauge.kind.value}\u00a0{gauge.observed + gauge.recent}/{gauge.limit}{allowed}"


def _next(plan: Plan, report_only: bool) -> Iterator[Text]:
    total = sum(map(calls, plan.changes))
    yield Text()
    yield Text.assemble("Saved as ", (plan.id, "bold"), f", about {total:,} calls." if total else ".")
    if report_only:
        yield Text(f"Next:  iwds show {plan.id} --all")
        return
    if plan.changes:
        yield Text(f"Next:  iwds show {plan.id} --all  .  iwds apply {plan.id}")
    if any(skip.reason is Reason.UNPROVEN and skip.change for skip in plan.held):
        yield Text(cut(f"What rests on a doubtful reading waits: repair it, then  iwds run {plan.job}"))
    if tags := retagged(plan):
        yield Text(cut(f"Accept the new tags:  iwds apply {plan.id} --allow {RETAGGED}={tags} --reason ..."))
    n = by_rule(plan)
    if later := spared_by_rule(plan):
        yield Text(f"The changed configuration takes later from {later:,} who are spared today. Accept it:")
        yield Text(f"  iwds apply {plan.id} --allow out-of-scope={n} --reason ...")
    elif n:
        yield Text(f"Let the {n:,} removals of the changed configuration go, on purpose:")
        yield Text(f"  iwds apply {plan.id} --only rule --allow out-of-scope={n} \\")
        yield Text('    --reason "..."')
