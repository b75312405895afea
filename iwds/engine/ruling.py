"""What people decided about single changes, as planning and the last look before each change ask for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iwds.core.approval import Approval
from iwds.core.change import Change
from iwds.core.plan import Plan
from iwds.core.plan_document import approval_from_data, approval_to_data
from iwds.core.rulings import Rulings
from iwds.engine.job import Job, Tools
from iwds.engine.leasing import RESYNC

_LOOKED_THROUGH = 50
"""In how many runs is looked for the last one that planned for everybody."""
REPORTED = "approval"
"""Under which key of its report a run keeps the rule that it found configured, and how many changes it counted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule about approvals that counts now.

    Attributes:
        approval: the rule; where the last run still had a stricter one, that one counts once more.
        counted: how many changes needed approval in the last plan of everybody.
        note: what to tell of a rule that changed; empty where nothing did.
    """

    approval: Approval
    counted: int
    note: str


def standing(job: Job, tools: Tools, who: str | None = None) -> Rulings:
    """The rulings that stand at this moment; all, or those about one person by `Subject.key`."""
    now = tools.clock.now()
    return Rulings(tools.state.open_rulings(job.target.service, now, who), job.name, now)


def rule_of(job: Job, tools: Tools) -> Rule:
    """The rule of the configuration, unless it asks for less than that of the last run did.

    A slip of whoever edits the configuration must not let removals go unapproved before anybody was told.
    """
    last = _last_told(job, tools)
    if last is None:
        return Rule(job.approval, 0, "")
    before, counted = approval_from_data(last), int(last["count"])
    now = job.approval.stricter(before)
    note = f"what needs approval changed since the last run: it was {before}, and is {job.approval}"
    if now != job.approval:
        return Rule(now, counted, f"{note}; the stricter of both counts once more, and not from the next run on")
    return Rule(now, counted, note if str(before) != str(now) else "")


def _last_told(job: Job, tools: Tools) -> Mapping[str, Any] | None:
    runs = tools.state.runs(job.name, _LOOKED_THROUGH, without=(RESYNC,))
    told = (run.report.get(REPORTED) for run in runs if run.service == str(job.target.service))
    return next((each for each in told if each is not None), None)


def rule_data(job: Job, plan: Plan) -> dict[str, Any]:
    """What the report of a run keeps for the next one."""
    return {REPORTED: approval_to_data(job.approval) | {"count": plan.basis.to_approve}}


def objections(plan: Plan, job: Job, tools: Tools) -> Callable[[Change], str]:
    """Asked right before a change is made: a rejection, or the withdrawal of an approval, may have come meanwhile."""
    rule, people = plan.basis.approval, plan.basis.approvers

    def objection(change: Change) -> str:
        rulings = standing(job, tools, change.subject.key)
        if rejection := rulings.rejected(change):
            return str(rejection)
        return "its approval does not stand any more" if rulings.unapproved(change, rule, people) else ""

    return objection
