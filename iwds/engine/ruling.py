"""What people decided about single changes, as planning and the last look before each change ask for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iwds.core.approval import Approval
from iwds.core.change import Change
from iwds.core.plan import Plan
from iwds.core.plan_document import approval_from_data, approval_to_data
from iwds.core.rulings import Ruling, Rulings
from iwds.engine.job import Job, Tools
from iwds.engine.leasing import APART
from iwds.ports import RULE_REPORTED

_LOOKED_THROUGH = 50
"""In how many runs that had a rule is looked for the last one on this service; a job hardly ever moves to another."""


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


def everything_counts(_: Ruling) -> bool:
    """Every ruling counts."""
    return True


def standing(
    job: Job, tools: Tools, who: str | None = None, counts: Callable[[Ruling], bool] = everything_counts
) -> Rulings:
    """The rulings that stand at this moment; all, or those about one person by `Subject.key`, and of these some."""
    now = tools.clock.now()
    rows = tools.state.open_rulings(job.target.service, now, who)
    return Rulings(filter(counts, rows), job.name, now)


def made_by(ruling: Ruling, order: str) -> bool:
    """Whether an order itself made this ruling (`order_source`), so that it cannot stand against it."""
    return bool(order) and ruling.said.source.startswith(f"{order} (run ")


def order_source(order: str, run_id: str) -> str:
    """Where a ruling comes from that an order made: `undo of run 8812aa01 (run 77aa01bc)`."""
    return f"{order} (run {run_id})"


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
    # A run that ended early told none, and a directory may be away for weeks.
    runs = tools.state.runs(job.name, _LOOKED_THROUGH, without=APART, telling=RULE_REPORTED)
    told = (run.report.get(RULE_REPORTED) for run in runs if run.service == str(job.target.service))
    return next((each for each in told if each is not None), None)


def rule_data(job: Job, plan: Plan) -> dict[str, Any]:
    """What the report of a run keeps for the next one."""
    return {RULE_REPORTED: approval_to_data(job.approval) | {"count": plan.basis.to_approve}}


def objections(
    plan: Plan, job: Job, tools: Tools, counts: Callable[[Ruling], bool] = everything_counts
) -> Callable[[Change], str]:
    """Asked right before a change is made: a rejection, or the withdrawal of an approval, may have come meanwhile.

    `counts` says which rulings do at all.
    """
    rule, people = plan.basis.approval, plan.basis.approvers

    def asked(row: Ruling) -> bool:
        return counts(row) and not made_by(row, plan.basis.ordered)

    def objection(change: Change) -> str:
        rulings = standing(job, tools, change.subject.key, asked)
        if rejection := rulings.rejected(change):
            return str(rejection)
        return "its approval does not stand any more" if rulings.unapproved(change, rule, people) else ""

    return objection
