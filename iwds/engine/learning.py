"""What a run leaves for the next one: marks, and everybody of whom something was wanted that was not made."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from iwds.core.alone import waits_for_everybody
from iwds.core.decision import Reason, Skip
from iwds.core.model import Anchor
from iwds.core.plan import Plan
from iwds.engine.applying import Applied
from iwds.engine.changed import FOR_EVERYBODY, Shown, Sought, unapproved_under
from iwds.engine.marking import Marking
from iwds.ports import Due, Learnt, Waiting

_OPEN = frozenset({Reason.DUPLICATE, Reason.AMBIGUOUS, Reason.UNPROVEN, Reason.HELD, Reason.TAKEN})
"""Reasons for which somebody has not what they should, also where no change says what that is."""


def learnt_of_all(plan: Plan, applied: Applied, marking: Marking, before: Mapping[Anchor, Waiting]) -> Learnt | None:
    """What a run of everybody leaves; None where it has not seen, or not decided, all that changed."""
    basis = plan.basis
    whole = not (basis.selection.only or basis.unproven or basis.untried or any(p.withheld for p in basis.sources))
    if not whole:
        return None
    waiting = _waiting(plan, applied, before, {})
    return Learnt(marking.marks, waiting=waiting, due=marking.due, strangers=marking.strangers)


def learnt_of_changes(plan: Plan, applied: Applied, found: Sought, due: Collection[Due]) -> Learnt | None:
    """What a run of what changed leaves; None where a part was chosen of what it decided."""
    if plan.basis.selection.only:
        return None
    people = found.people
    return Learnt(
        found.later(plan.made_at),
        groups={name: delta.groups for name, delta in found.deltas.items()},
        looked_at=frozenset(people),
        waiting=[each for each in _waiting(plan, applied, found.waiting, people) if each.anchor in people],
        due=tuple(due),
    )


def _waiting(
    plan: Plan, applied: Applied, before: Mapping[Anchor, Waiting], shown: Mapping[Anchor, Shown]
) -> list[Waiting]:
    why: dict[Anchor, set[str]] = {}
    for anchor, reason in (*_skipped(plan), *_failed(applied)):
        why.setdefault(anchor, set()).add(reason)
    return [
        Waiting(anchor, tuple(sorted(each)), _since(anchor, before, plan.made_at), *_shown(shown.get(anchor)))
        for anchor, each in why.items()
    ]


def _skipped(plan: Plan) -> Iterator[tuple[Anchor, str]]:
    for skip in plan.skips:
        if skip.subject.anchor and (skip.change or skip.reason in _OPEN):
            yield skip.subject.anchor, _reason(skip, str(plan.basis.approval))


def _failed(applied: Applied) -> Iterator[tuple[Anchor, str]]:
    """What was begun and not made, by other words than what was not begun: a person's rejection is no refused call."""
    for change, result, _ in applied.outcomes:
        if change.subject.anchor:
            yield change.subject.anchor, f"call {result.value}"


def _reason(skip: Skip, rule: str) -> str:
    if waits_for_everybody(skip):
        return FOR_EVERYBODY
    return unapproved_under(rule) if skip.reason is Reason.UNAPPROVED else skip.reason.value


def _since(anchor: Anchor, before: Mapping[Anchor, Waiting], now: datetime) -> datetime:
    return before[anchor].since if anchor in before else now


def _shown(shown: Shown | None) -> tuple[frozenset[str], bool]:
    return (shown.left, shown.gone) if shown else (frozenset(), False)
