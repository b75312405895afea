"""What all orders of a named person have, as page and as data: guards that trip, what was left alone, how it ended."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from iwds.cli.page import Variants, block, cut, hanging, shortened
from iwds.cli.plan_sections import gauge_words
from iwds.core.decision import Skip
from iwds.core.plan import Plan
from iwds.core.words import describe
from iwds.engine.resync import Resynced
from iwds.engine.running import RunReport


def violations(plan: Plan) -> list[Text]:
    """Every guard that trips, with how many there are and how many may be."""
    return block(
        Text(cut(f"  {each.kind.value}: {gauge_words(each)} (of {each.population:,})")) for each in plan.violations
    )


def left_alone(plan: Plan) -> Variants:
    """What is not made, with why: what others changed since, whose login is not ours, what is held."""
    lines = [[Text(line) for line in hanging("  ", _skip_words(skip), 3)] for skip in plan.skips]
    counts = Counter(skip.reason.value for skip in plan.skips)
    numbers = ", ".join(f"{n:,} {reason}" for reason, n in counts.most_common())
    title = Text(cut(f"Left alone: {numbers}"), style="bold")
    flat = [line for each in lines for line in each]
    firsts, more = [each[0] for each in lines], f"left alone:  iwds show {plan.id} --all"
    return [block(flat, title), *(block(shortened(firsts, most, more), title) for most in (8, 3, 1))] if lines else [[]]


def _skip_words(skip: Skip) -> str:
    what = f"{describe(skip.change)}: " if skip.change else f"{skip.subject.login}: "
    return f"{what}{skip.detail} ({skip.reason.value})"


def needed(plan: Plan) -> Mapping[str, int]:
    """What has to be allowed of each guard that trips."""
    numbers: dict[str, int] = {}
    for gauge in plan.violations:
        numbers[gauge.kind.value] = max(numbers.get(gauge.kind.value, 0), gauge.observed)
    return numbers


def skips_data(plan: Plan) -> list[dict[str, str]]:
    """What is not made, with why, as JSON-ready data."""
    return [{"login": skip.subject.login, "reason": skip.reason.value, "why": skip.detail} for skip in plan.skips]


def ended_data(ended: RunReport | Resynced | None) -> dict[str, Any]:
    """The run and how it ended, as JSON-ready data; no run where it was only looked at."""
    if ended is None:
        return {"run": None}
    kept = {name: ended.run.report[name] for name in ("results", "open", "stopped") if name in ended.run.report}
    moved = [f"{describe(each.change)}: {each.told}" for each in ended.moved]
    return {"run": ended.run.id, "summary": ended.run.summary, "moved": moved, **kept}
