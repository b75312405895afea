"""Whether a configuration counts as applied after a run."""

from iwds.core.causes import Cause, cause_text
from iwds.core.change import Evidence, removes
from iwds.core.decision import Reason, Skip
from iwds.core.guards import OUT_OF_SCOPE
from iwds.core.plan import Plan, has_twin
from iwds.engine.applying import Applied
from iwds.engine.job import Job


def accepts(plan: Plan, applied: Applied) -> bool:
    """Whether this configuration counts as applied from now on: nothing that it asks for is held back any more."""
    if plan.basis.first_run:
        return True
    only = plan.basis.selection.only
    if applied.stopped or plan.basis.unproven or plan.basis.untried or (only and Evidence.RULE.value not in only):
        return False
    untold = plan.basis.withheld or plan.basis.tally.older or any(map(_untold, plan.skips))
    if plan.basis.config_changed and untold:
        return False
    # What a hold or a rejection spares today, or a name that is taken, would be taken on the day that this ends:
    # whoever opens the gate has seen it in the plan.
    opened = OUT_OF_SCOPE in plan.basis.selection.allow
    if plan.basis.config_changed and not opened and any(map(has_twin, plan.skips)):
        return False
    waits = {Reason.HELD, Reason.UNAPPROVED}
    if not opened:
        waits |= {Reason.EXEMPT, Reason.TAKEN, Reason.REJECTED}
    return not any(s.change and s.change.evidence is Evidence.RULE and s.reason in waits for s in plan.skips)


def _untold(skip: Skip) -> bool:
    """Whether somebody is spared for want of a reading: what a changed configuration takes of them never came up."""
    if skip.reason is not Reason.UNPROVEN or skip.subject.login_id is None:
        return False
    return skip.change is None or removes(skip.change)


def let_leavers_through(plan: Plan, job: Job) -> bool:
    """Whether a person let through the gate what the job's policy takes from leavers and the last one did not."""
    cause = cause_text(Cause.RULE, job.places["leavers"])
    return any(c.evidence is Evidence.RULE and getattr(c, "cause", "") == cause for c in plan.changes)
