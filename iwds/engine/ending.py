"""How a run ended: exit code, words, and what its report says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from iwds.core.alone import waits_for_everybody
from iwds.core.decision import Reason, Skip
from iwds.core.moved import Moved
from iwds.core.plan import Plan
from iwds.core.words import describe
from iwds.engine.applying import Applied
from iwds.errors import Refused
from iwds.ports import Result

LISTED = 200
"""How many changes that were not simply done a report names; the journal has them all."""


def ending_code(plan: Plan, applied: Applied, moved: tuple[Moved, ...]) -> int:
    """3 where nothing was changed and someone must decide, 4 where something was and more is open."""
    basis = plan.basis
    gone = any(each.matters for each in moved)
    waiting = (held_now(plan), basis.withheld, basis.unproven, gone, applied.outcomes, applied.stopped, basis.untried)
    if not any(waiting):
        return 0
    sent = applied.done or any(result in (Result.REJECTED, Result.UNKNOWN) for _, result, _ in applied.outcomes)
    return 4 if sent or applied.stopped else Refused.exit_code


def held_now(plan: Plan) -> tuple[Skip, ...]:
    """Steps that wait for a person; of what changed not those that wait for nothing but a run of everybody."""
    if plan.basis.looked_at is None:
        return plan.held
    return tuple(skip for skip in plan.held if not waits_for_everybody(skip))


def without_unapproved(plan: Plan) -> Plan:
    """A plan without what waits for approval."""
    return replace(plan, skips=tuple(skip for skip in plan.skips if skip.reason is not Reason.UNAPPROVED))


def ending_words(plan: Plan, applied: Applied, moved: Sequence[Moved] = ()) -> str:
    """How a run ended, in a few words; `moved` is what an approved plan held and the fresh one does not."""
    before, waits = _before(moved), _waiting(plan, moved)
    if not plan.changes:
        if waits or plan.basis.unproven:
            return ", ".join(["nothing was changed", *waits, *before]) + unproven_words(plan)
        return f"nothing to do{': ' if before else ''}{', '.join(before)}"
    waiting = applied.waiting_for_seats
    counts = applied.results - Counter({Result.HELD: waiting})
    words = [f"{n} {result.value.replace('-', ' ')}" for result, n in sorted(counts.items())]
    words += [*waits, *before]
    words += [f"service full, {waiting} wait"] if waiting else []
    return ", ".join(words) + (f"; {applied.stopped}" if applied.stopped else "") + unproven_words(plan)


def _before(moved: Sequence[Moved]) -> list[str]:
    """What of an approved plan is so already, and which runs made it."""
    already = [each for each in moved if not each.matters]
    runs = Counter(each.run for each in already)
    made = [f"{n} made before by run {run}" for run, n in sorted(runs.items()) if run]
    return [*made, *([f"{runs['']} so already"] if runs[""] else [])]


def _waiting(plan: Plan, moved: Sequence[Moved]) -> list[str]:
    """What of a plan is not made, and waits."""
    already = sum(not each.matters for each in moved)
    asked, later = len(plan.unapproved), len(plan.held) - len(held_now(plan))
    counts = {
        "held by the plan" if plan.changes else "held": len(held_now(plan)) - asked,
        f"wait{'s' if later == 1 else ''} for a run of everybody": later,
        f"wait{'s' if asked == 1 else ''} for approval": asked,
        "moved": sum(skip.reason is Reason.MOVED for skip in plan.skips) - already,
    }
    return [f"{n} {what}" for what, n in counts.items() if n]


def unproven_words(plan: Plan) -> str:
    """Whose reading is not believed, for which alone a run is no success."""
    names = plan.basis.unproven
    return f"; the reading of {', '.join(names)} is not proven" if names else ""


def applied_data(applied: Applied) -> dict[str, Any]:
    """What became of a plan as JSON-ready data, for reports."""
    return {
        "results": {result.value: n for result, n in sorted(applied.results.items())},
        "stopped": applied.stopped,
        "waiting_for_seats": applied.waiting_for_seats,
        "open": [[describe(change), result.value, error] for change, result, error in applied.outcomes[:LISTED]],
    }
