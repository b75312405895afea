"""Whether a saved plan may be applied at all: it is of this job and its configuration of today, and it has not ended.

A plan that may be applied is still no authority: it only narrows a fresh one (ADR 0001).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache

from iwds.core.change import Change
from iwds.core.configuration import parts_changed
from iwds.core.document import change_from_data
from iwds.core.model import Service
from iwds.core.plan import Plan, identities
from iwds.engine.job import Job
from iwds.errors import Refused, UsageError
from iwds.ports import Result, State

APPLIED = "applies"
"""Under which key of its report a run keeps the id of the saved plan that it was to apply."""
CLOCKS = timedelta(minutes=5)
"""How far the clocks of two machines that share a memory may be apart."""


def refuse_unfit(approved: Plan, kept: Plan | None, job: Job, now: datetime) -> None:
    """Refuse a plan of another service or configuration, with the difference, and one that has ended.

    `kept` is the plan that our memory has under its id; None where it has none, as of a file from elsewhere.

    Raises `UsageError` for the difference, `Refused` where it has ended.
    """
    _refuse_other_service(approved, job)
    _refuse_other_configuration(approved, job)
    if kept is not None and kept != approved:
        raise UsageError(
            f"this is not the plan that is kept as {kept.id}: it was altered, or comes from another memory",
            f"apply the one that is kept: iwds apply {kept.id}",
        )
    _refuse_ended(approved, kept, job, now)


def good_until(approved: Plan, kept: Plan | None, job: Job) -> datetime:
    """Until when a plan may be applied. What a file says may make it shorter than the job does, and never longer."""
    most = approved.made_at + job.lifetime.valid
    if kept is not None:
        return kept.valid_until or most
    return min(approved.valid_until or most, most)


def made_since(state: State, service: Service, plan: Plan, changes: Iterable[Change]) -> Mapping[str, str]:
    """What was done to these people since a plan was made: what each change is told by (`identities`) -> the run."""
    anchors = dict.fromkeys(change.subject.anchor for change in changes if change.subject.anchor)
    history = state.changes_about(service, list(anchors))
    done = [each for each in history if each.result is Result.DONE and each.at >= plan.made_at]
    return {known: each.run for each in done for known in identities(change_from_data(dict(each.change)))}


def maker(state: State, service: Service, plan: Plan) -> Callable[[Change], str]:
    """Asked which run made a change of a saved plan since; people's histories are read once, and only if it is."""

    @cache
    def made() -> Mapping[str, str]:
        held = (skip.change for skip in plan.skips if skip.change)
        return made_since(state, service, plan, [*plan.changes, *held])

    def run(change: Change) -> str:
        runs = {made().get(known, "") for known in identities(change)}
        return max(runs) if "" not in runs else ""

    return run


def _refuse_ended(approved: Plan, kept: Plan | None, job: Job, now: datetime) -> None:
    advice = f"look at a new one: iwds plan {job.name}"
    if approved.made_at > now + CLOCKS:
        raise Refused(f"plan {approved.id} was made in the future, at {_when(approved.made_at)}", advice)
    if (end := good_until(approved, kept, job)) <= now:
        raise Refused(f"plan {approved.id} was good until {_when(end)}; nothing was changed", advice)


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%a %d %b %Y %H:%M %Z").strip()


def _refuse_other_service(approved: Plan, job: Job) -> None:
    if approved.service != (service := str(job.target.service)):
        where = _where(job, "service")
        raise UsageError(
            f"the plan is for MFA service {approved.service}, and job {job.name} works on {service}{where}"
        )


def _refuse_other_configuration(approved: Plan, job: Job) -> None:
    if approved.basis.config_digest == job.digest:
        return
    changed = [f"{name}{_where(job, name)}" for name in parts_changed(approved.basis.parts, job.parts)]
    what = ", ".join(changed) or "mapping, scope, sources or policy"
    raise UsageError(f"changed since this plan was made: {what}", f"make a new one: iwds plan {job.name}")


def _where(job: Job, part: str) -> str:
    """The place of a part, where it is known; what comes from the environment has no line."""
    place = job.places.of.get(part, "").removesuffix(":0")
    return f" ({place})" if place else ""
