"""A plan as a person wants to see it: at most 40 lines of 80 columns, whatever its size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from iwds.cli.change_text import TABLE_HEAD, calls, examples, heading, table
from iwds.cli.common import local
from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, cut, fitted, hanging, listed, shortened
from iwds.cli.plan_facts import by_rule, head, never_had_a_login, readings, retagged, sides, spared_by_rule
from iwds.cli.plan_sections import RECENTLY
from iwds.cli.refusal_text import refusal_lines
from iwds.core.alone import waits_for_everybody
from iwds.core.change import Evidence, removes
from iwds.core.decision import Reason, Skip
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED, Gauge
from iwds.core.plan import Plan
from iwds.core.words import many

_EXAMPLES = (8, 6, 4, 2, 0)
_GIVE_WAY = (
    *("left", "readings"),
    *("left", "guards", "readings", "examples", "examples", "examples", "left", "examples"),
    *("changes", "left", "readings", "changes", "lifted"),
)


def plan_lines(
    plan: Plan, *, report_only: bool = False, show_next: bool = True, now: datetime | None = None
) -> list[Text]:
    """The whole page; that of a refusal where a guard stops the plan.

    `now` is when somebody looks at a plan that was kept: one that has ended is not applied any more.
    """
    ended = now is not None and plan.valid_until is not None and plan.valid_until <= now
    if plan.violations:
        return refusal_lines(plan, report_only=report_only, ended=ended)
    parts: dict[str, Variants] = {
        "head": [head(plan, report_only)],
        "readings": readings(plan),
        "sides": [sides(plan)],
        "changes": _changes(plan),
        "examples": [list(examples(plan.changes, most, plan.id)) for most in _EXAMPLES],
        "left": _left_alone(plan),
        "guards": guards(plan),
        "lifted": lifted_limits(plan),
        "next": [list(_next(plan, report_only, ended)) if show_next else []],
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
    long, whole = ([_reason_lines(reason, skips, most) for reason, skips in ordered] for most in (4, 2))
    short = [line for reason, skips in ordered for line in _reason_lines(reason, skips, 1)]
    more = f"reasons:  iwds show {plan.id} --all"
    return [
        *(block([line for lines in each for line in lines], title) for each in (long, whole)),
        block(short, title),
        block(shortened(short, 5, more), title),
        block(shortened(short, 2, more), title),
    ]


def _reason_lines(reason: Reason, skips: Sequence[Skip], most: int) -> list[Text]:
    """How many, the reason, and what there is to say about them."""
    start = f"  {len(skips):>6,}  {reason.value}: "
    room, of_lists = ((WIDTH - 10) * lines - len(reason.value) - 2 - 8 * (lines - 1) for lines in (most, min(most, 2)))
    return [Text(line) for line in hanging(start[:10], start[10:] + _about(skips, room, of_lists), most)]


def _about(skips: Sequence[Skip], room: int, of_lists: int) -> str:
    """One sentence that holds for all of them, or the few people by name, or the most frequent sentences.

    Sentences may be as long as `room`; lists that are cut anyhow no longer than `of_lists`.
    """
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
        return listed(names, of_lists)
    counted = Counter((_waiting(skip), skip.detail) for skip in skips).most_common()
    return listed([_counted_words(n, *what) for what, n in counted], of_lists, "; ")


def _waiting(skip: Skip) -> str:
    """The word of the change that waits; empty where none does."""
    return "" if skip.change is None or skip.reason is Reason.MOVED else heading(skip.change)


def _skip_words(skip: Skip) -> str:
    return f"{word} waits: {skip.detail}" if (word := _waiting(skip)) else skip.detail


def _counted_words(number: int, word: str, detail: str) -> str:
    """`3 locks wait: held by kim`."""
    if not word:
        return f"{number:,} {detail}"
    return f"{many(number, word)} wait{'s' if number == 1 else ''}: {detail}"


def guards(plan: Plan) -> Variants:
    """How full each guard is."""
    gauges = [gauge for gauge in plan.basis.gauges if not gauge.of and gauge.allowed is None]
    if not gauges:
        return [[]]
    lifted = any(gauge.allowed is not None for gauge in plan.basis.gauges)
    full = any(gauge.used_up for gauge in gauges)
    start = f"Guards, {'none trips' if full else 'the others clear' if lifted else 'all clear'}:  "
    before = any(gauge.recent and not gauge.used_up for gauge in gauges)
    told = [
        *map(_gauge, gauges),
        *([f"(+:\u00a0made\u00a0in\u00a0the\u00a0{RECENTLY})".replace(" ", "\u00a0")] if before else []),
    ]
    whole = "\u00a0 ".join(told)
    lines = [line.replace("\u00a0", " ").rstrip() for line in hanging(start, whole)]
    fullest = sorted(gauges, key=lambda gauge: gauge.limit - gauge.observed - gauge.recent)
    short = start + listed([_gauge(gauge) for gauge in fullest], WIDTH - len(start), "  ")
    return [block(map(Text, lines)), block([Text(short.replace("\u00a0", " "))])]


def _gauge(gauge: Gauge) -> str:
    if gauge.used_up:
        told = f"{gauge.kind.value} 0, {gauge.recent} of {gauge.limit} in the {RECENTLY}"
        return told.replace(" ", "\u00a0")
    before = f"+{gauge.recent}" if gauge.recent else ""
    return f"{gauge.kind.value}\u00a0{gauge.observed}{before}/{gauge.limit}"


def lifted_limits(plan: Plan) -> Variants:
    """Which limits a person lifts for this one plan, and why: whoever is asked should see what they say yes to."""
    selection = plan.basis.selection
    if not selection.allow:
        return [[]]
    told = [words for name, most in sorted(selection.allow.items()) for words in _allowed(plan, name, most)]
    title = hanging("Limits lifted for this plan: ", selection.reason, 2)
    lines = [Text(cut(f"  {words}")) for words in told]
    return [block([*map(Text, title), *lines]), block([*map(Text, title[:1]), *shortened(lines, 3, "limits")])]


def _allowed(plan: Plan, name: str, most: int) -> Iterator[str]:
    """What one `--allow` lets pass: of each thing that the guard counts on its own, or of what waits at the gate."""
    gauges = [gauge for gauge in plan.basis.gauges if gauge.kind.value == name]
    for gauge in gauges:
        what = f"{name} of {gauge.of}" if gauge.of else name
        yield f"{what}: {gauge.observed:,}, the limit is {gauge.limit:,}, {most:,} are allowed"
    counted = {
        OUT_OF_SCOPE: by_rule(plan) + sum(c.evidence is Evidence.RULE for c in (*plan.changes, *plan.unapproved)),
        RETAGGED: plan.basis.tally.retagged,
    }
    if not gauges:
        yield f"{name}: {f'{counted[name]:,}, ' if name in counted else ''}{most:,} are allowed"


def _next(plan: Plan, report_only: bool, ended: bool) -> Iterator[Text]:
    total = sum(map(calls, plan.changes))
    yield Text()
    if ended:
        assert plan.valid_until is not None  # noqa: S101 - else it would not have ended
        yield Text.assemble("Plan ", (plan.id, "bold"), f" was good until {local(plan.valid_until)}.")
        yield Text(cut(f"Next:  iwds show {plan.id} --all  .  a new one:  iwds plan {plan.job}"))
        return
    good = f", good until {local(plan.valid_until)}" if plan.valid_until and not report_only else ""
    yield Text.assemble("Saved as ", (plan.id, "bold"), good, f", about {many(total, 'call')}." if total else ".")
    if report_only or plan.basis.ordered:
        yield Text(f"Next:  iwds show {plan.id} --all")
        return
    if plan.changes:
        make = f"iwds apply {plan.id}" if plan.basis.looked_at is None else f"iwds run {plan.job} --changes"
        yield Text(cut(f"Next:  iwds show {plan.id} --all  .  {make}"))
    if n := len(plan.unapproved):
        whose = "the approval of two people" if plan.basis.approvers > 1 else "approval"
        yield Text(f"{many(n, 'change')} wait{'s' if n == 1 else ''} for {whose}:")
        yield Text(f"  iwds approve {plan.id} --all --reason ...")
    if plan.basis.looked_at is not None:
        if any(map(waits_for_everybody, plan.skips)):
            yield Text(cut(f"What one entry cannot show waits for everybody:  iwds run {plan.job}"))
    elif any(skip.reason is Reason.UNPROVEN and skip.change for skip in plan.held):
        yield Text(cut(f"What rests on a doubtful reading waits: repair it, then  iwds run {plan.job}"))
    if tags := retagged(plan):
        yield Text(cut(f"Accept the new tags:  iwds apply {plan.id} --allow {RETAGGED}={tags} --reason ..."))
    n = by_rule(plan)
    if later := spared_by_rule(plan):
        yield Text(cut(f"The changed configuration takes later from {later:,} who are spared or rejected today."))
        yield Text(cut(f"Accept that, whereby it takes from {f'{n:,}' if n else 'nobody'} today, and from them later:"))
        yield Text(f"  iwds apply {plan.id} --allow out-of-scope={n} --reason ...")
    elif plan.basis.untried:
        yield Text(f"{plan.basis.misfits:,} people cannot be mapped:  iwds show {plan.id} invalid. If that is meant:")
        yield Text(f"  iwds apply {plan.id} --allow out-of-scope={n} --reason ...")
    elif n:
        yield Text(f"Let the {n:,} removals of the changed configuration go, on purpose:")
        yield Text(f"  iwds apply {plan.id} --only rule --allow out-of-scope={n} \\")
        yield Text('    --reason "..."')
