"""Comparing a plan with what another tool has just left on the service. Nothing here can change the service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from iwds.core.change import Subject
from iwds.core.model import Login, Status, fold
from iwds.core.nearest import close
from iwds.core.parity import (
    Difference,
    Judged,
    Look,
    Parity,
    Streak,
    Withheld,
    acceptance_of,
    judged,
    standing_since,
    streak,
)
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling, Said, Verdict
from iwds.engine.holds import LONGEST
from iwds.engine.job import Job, Tools
from iwds.engine.running import plan_only
from iwds.engine.who import caller, host
from iwds.errors import Refused, UsageError
from iwds.ports import Withdrawal

USUAL = timedelta(days=30)
"""How long a difference stays accepted where nobody says so."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody whose differences of today are accepted, why, and until when; None for the usual time."""

    login: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A removal that waited at the last look and does not wait any more, and what is there now."""

    what: Withheld
    now: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison.

    Attributes:
        plan: the plan that it rests on; it is kept.
        judged: what it comes to.
        streak: the nights in a row, this one included.
        broke: how many nights in a row a difference of this look has ended.
        since: since which look each withheld removal waits; empty where nothing can be said.
        settled: those that waited at the last look and do not any more.
        unmet: wishes for which nothing differs.
    """

    plan: Plan
    judged: Judged
    streak: Streak
    broke: int
    since: Mapping[Withheld, datetime]
    settled: Sequence[Settled]
    unmet: Sequence[Wish]


def compare(job: Job, tools: Tools, wishes: Sequence[Wish] = (), ticket: str = "") -> Compared:
    """Plan, accept what is wished, judge, and remember.

    Raises like planning, `UsageError` for an end too far away, `Refused` for a wish on a reading in doubt.
    """
    plan, service = plan_only(job, tools), job.target.service
    if wishes:
        before = judged(plan, tools.state.open_rulings(service, tools.clock.now()))
        _refuse_doubtful(before)
        met = [
            (each, _said(job, tools, plan, wish, ticket)) for wish in wishes for each in _of(before.open, wish.login)
        ]
        tools.state.place_rulings(service, [acceptance_of(each, said) for each, said in met])
    found = judged(plan, tools.state.open_rulings(service, tools.clock.now()))
    return _remembered(job, tools, plan, found, [wish for wish in wishes if not _known(wish, found)])


def _refuse_doubtful(found: Judged) -> None:
    """What differs on a reading in doubt may only look so."""
    if found.doubts:
        raise Refused(f"nothing was accepted: {'; '.join(found.doubts)}", "repeat it when the reading is proven")


def _remembered(job: Job, tools: Tools, plan: Plan, found: Judged, unmet: Sequence[Wish]) -> Compared:
    service, state = job.target.service, tools.state
    look = Look(
        plan.made_at, found.parity, job.digest, plan.id, len(found.open), len(found.accepted), found.withheld
    )  # fmt: skip
    before = state.parities(job.name, service)
    state.note_parity(job.name, service, look, plan.made_at - job.lifetime.kept)
    looks, clear = [look, *before], found.parity is not Parity.NOT_JUDGED
    broke = streak(before, job.digest).nights if found.parity is Parity.DIFFERENT else 0
    since = standing_since(looks) if clear else {}
    waiting = {each: since[each] for each in found.withheld if each in since}
    # From the second run on our own runs make them.
    settled = list(_settled(job, found, before)) if clear and plan.basis.first_run else []
    return Compared(plan, found, streak(looks, job.digest), broke, waiting, settled, unmet)


def _settled(job: Job, found: Judged, before: Sequence[Look]) -> Iterator[Settled]:
    """What became of those that waited at the last look that could be judged; each is asked for by its id."""
    last = next((look for look in before if look.parity is not Parity.NOT_JUDGED), None)
    waiting = {each.step for each in found.withheld}
    asked = {each.login_id for each in found.withheld} | {each.subject.login_id for each in found.open}
    for each in last.withheld if last else ():
        if each.step in waiting:
            continue
        login = job.target.login(each.login_id, each.login) if each.login_id is not None else None
        if login is not None and login.status != Status.LOCKED and login.id in asked:
            yield Settled(each, "something else is asked for of this login now")
        else:
            yield Settled(each, _now(each, login, edited=last is not None and last.digest != job.digest))


def _now(each: Withheld, login: Login | None, *, edited: bool) -> str:
    if each.login_id is not None and login is None:
        return "the login is gone: somebody else deleted it"
    if login is not None and login.status == Status.LOCKED:
        return "the login is locked: by somebody else"
    who = "the configuration, the directory or the service" if edited else "the directory or the service"
    return f"nothing asks for it any more: {who} changed"


def _of(differences: Sequence[Difference], who: str) -> list[Difference]:
    """Those of one login, by its name or `#1234`."""
    return [each for each in differences if _is(each.subject, who)]


def _is(subject: Subject, who: str) -> bool:
    return who == f"#{subject.login_id}" or fold(subject.login) == fold(who)


def _known(wish: Wish, found: Judged) -> bool:
    return any(_is(each.subject, wish.login) for each, _ in found.accepted)


def _said(job: Job, tools: Tools, plan: Plan, wish: Wish, ticket: str) -> Said:
    now = tools.clock.now()
    end = wish.until or now + USUAL
    if end - now > LONGEST:
        raise UsageError(f"{end:%Y-%m-%d} is more than {LONGEST.days} days away", "choose an earlier end")
    return Said(caller(), host(), wish.reason, now, end, f"plan {plan.id}", job.name, ticket)


def accepted_now(job: Job, tools: Tools) -> Sequence[Ruling]:
    """The differences of the job that are accepted and whose end has not come, the oldest first."""
    rows = tools.state.open_rulings(job.target.service, tools.clock.now())
    return [row for row in rows if row.verdict is Verdict.ACCEPTED and row.said.job == job.name]


def take_back(job: Job, tools: Tools, who: str, reason: str, ticket: str = "") -> Sequence[Ruling]:
    """Accept the differences of a login no longer. Raises `UsageError` where none is accepted."""
    standing = accepted_now(job, tools)
    rows = [row for row in standing if _is(row.subject, who)]
    if not rows:
        names = {row.subject.login for row in standing}
        raise UsageError(f"no difference of {who} is accepted{close(who, names)}", f"see: iwds parity {job.name}")
    by = Withdrawal(caller(), host(), reason, tools.clock.now(), ticket)
    tools.state.withdraw_rulings(job.target.service, [row.id for row in rows], by)
    return rows
