"""Whether a saved plan may be applied at all: it is of this job and its configuration of today, and it has not ended.

A plan that may be applied is still no authority: it only narrows a fresh one (ADR 0001).
"""

from datetime import datetime, timedelta

from iwds.core.configuration import parts_changed
from iwds.core.plan import Plan
from iwds.engine.job import Job
from iwds.errors import Refused, UsageError

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
