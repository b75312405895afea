"""What keeps the next run from doing again what was undone: rejections with an end, made by the undoing itself.

They are kept before anything is undone, and those of what was not undone after all are withdrawn at its end. Where the
process dies in between, the next run that holds the lease settles what was sent, and then withdraws them (`settle`): so
nothing is done again behind somebody's back, and no rejection stands for something that was never undone.

Undoing an undoing withdraws what that one rejected, once that is done again, and rejects nothing new for it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iwds.core.change import AddToGroup, Change, CreateLogin, Write, fields_changed, fields_only
from iwds.core.document import change_from_data
from iwds.core.model import Service
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling, Said, aims, rejection_of
from iwds.core.undo import again
from iwds.engine.applying import Applied, may_stand
from iwds.engine.job import Job, Tools
from iwds.engine.leasing import UNDO
from iwds.engine.ruling import order_source
from iwds.engine.who import caller, host
from iwds.ports import IntentRow, Result, RunRow, Withdrawal

KEPT = "rejections"
"""Under which key the report of an undoing says how many of its rejections stand; without it, it was cut off."""
_MADE_BY = re.compile(r"undo of run \w+ \(run (\w+)\)")
_LOOKED_THROUGH = 50
"""In how many of a job's last runs is looked for undoings that were cut off."""


def made_by_run(ruling: Ruling) -> str:
    """The id of the undoing that a rejection comes from; empty where a person made it."""
    found = _MADE_BY.fullmatch(ruling.said.source)
    return found[1] if found else ""


@dataclass(slots=True)
class Rejections:
    """The rejections of one undoing of one run; none are made where `until` is None."""

    job: Job
    tools: Tools
    undone: RunRow
    until: datetime | None
    reason: str
    ticket: str = ""

    def counts(self, ruling: Ruling) -> bool:
        """Whether a ruling counts for this undoing; what the run rejected that is to be undone does not."""
        return made_by_run(ruling) != self.undone.id

    def before(self, row: RunRow, plan: Plan) -> None:
        """Keep them before anything is undone."""
        now, made = self.tools.clock.now(), self.made(plan)
        if made and self.until is not None:
            said = Said(
                by=caller(),
                host=host(),
                reason=self.reason,
                made_at=now,
                until=self.until,
                source=order_source(plan.basis.ordered, row.id),
                job=self.job.name,
                ticket=self.ticket,
            )
            self.tools.state.place_rulings(self.job.target.service, [rejection_of(each, said) for each in made])

    def made(self, plan: Plan) -> Sequence[Change]:
        """What is rejected once this plan is made; nothing of what undoing an undoing does."""
        marks = frozenset(mark for each in self._lifted(plan.changes) for mark in each.marks)
        return [] if self.until is None else list(_again(plan.changes, marks))

    def _lifted(self, changes: Iterable[Change]) -> Sequence[Ruling]:
        """What the undone run rejected and these changes do."""
        standing = self.tools.state.open_rulings(self.job.target.service, self.tools.clock.now())
        aimed = _aims_of(changes)
        return [each for each in standing if not self.counts(each) and each.marks <= aimed]

    def after(self, row: RunRow, _: Plan, applied: Applied) -> dict[str, Any]:
        """Withdraw those of what was not undone, and what the undone run rejected and is done again.

        How many stand is kept with the run.
        """
        maybe = [change for change, result, error in applied.outcomes if may_stand(result, error)]
        done = [*applied.done, *maybe]
        kept = _keep_only(self.job.target.service, self.tools, row.id, done)
        why = f"undone by run {row.id}: {self.reason}"
        over = [each.id for each in self._lifted(done)]
        by = _withdrawal(why, self.tools.clock.now(), self.ticket)
        self.tools.state.withdraw_rulings(self.job.target.service, over, by)
        return {KEPT: kept}


def settle(job: Job, tools: Tools) -> None:
    """Withdraw what undoings rejected that were cut off before they did it. Needs the lease: then none is under way."""
    service, state = job.target.service, tools.state
    rulings = state.open_rulings(service, tools.clock.now())
    for run_id in sorted({made_by_run(each) for each in rulings} - {""}):
        run = state.run(run_id)
        if run is None or KEPT not in run.report:
            rows = state.intents(run_id)
            done = (change_from_data(row.change) for row in rows if _made(row))
            _keep_only(service, tools, run_id, done)
    _lift(service, tools, [each for each in rulings if made_by_run(each)])


def _lift(service: Service, tools: Tools, rulings: Sequence[Ruling]) -> None:
    """Withdraw what undoings of undoings did again that were cut off before they could withdraw it."""
    for job in sorted({each.said.job for each in rulings}):
        for run in tools.state.runs(job, _LOOKED_THROUGH):
            if run.command == UNDO and run.service == str(service) and KEPT not in run.report:
                again_done = _aims_of(change_from_data(row.change) for row in tools.state.intents(run.id) if _made(row))
                before = [each for each in rulings if each.said.made_at < run.started and each.marks <= again_done]
                why = _withdrawal(f"undone by run {run.id}, which was cut off", tools.clock.now())
                tools.state.withdraw_rulings(service, [each.id for each in before], why)


def _made(row: IntentRow) -> bool:
    return row.result is Result.DONE or may_stand(row.result, row.error)


def _keep_only(service: Service, tools: Tools, run_id: str, undone: Iterable[Change]) -> int:
    """Withdraw the rejections of an undoing but for those of what it undid; returns how many stand."""
    now, state = tools.clock.now(), tools.state
    made = [each for each in state.open_rulings(service, now) if made_by_run(each) == run_id]
    kept = _aims_of(_again(undone, frozenset()))
    over = [each.id for each in made if not each.marks <= kept]
    state.withdraw_rulings(service, over, _withdrawal(f"run {run_id} did not undo it after all", now))
    return len(made) - len(over)


def _withdrawal(reason: str, now: datetime, ticket: str = "") -> Withdrawal:
    return Withdrawal(caller(), host(), reason, now, ticket)


def _again(changes: Iterable[Change], lifted: Collection[str]) -> Iterator[Change]:
    """What would do again what these changes undo, field by field; not of what itself was rejected by an undoing."""
    listed = list(changes)
    newcomers = {change.subject.key for change in listed if isinstance(change, CreateLogin)}
    for change in listed:
        if isinstance(change, AddToGroup) and change.subject.key in newcomers:
            continue  # it comes with a creation, and whoever comes back may well be in other groups
        for part in _parts(change):
            if aims(part).isdisjoint(lifted) and (redo := again(part)) and aims(redo):
                yield redo


def _parts(change: Change) -> Sequence[Change]:
    if not isinstance(change, Write):
        return (change,)
    return [part for name in fields_changed(change) if (part := fields_only(change, [name]))]


def _aims_of(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(mark for change in changes for mark in aims(change))
