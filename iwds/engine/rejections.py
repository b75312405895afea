"""What keeps the next run from doing again what was undone: rejections with an end, made by the undoing itself.

They are kept before anything is undone, and those of what was not undone after all are withdrawn at its end. Where the
process dies in between, the next run that holds the lease settles what was sent, and then withdraws them (`settle`): so
nothing is done again behind somebody's back, and no rejection stands for something that was never undone.

Undoing an undoing withdraws what that one rejected, and rejects nothing new for it.
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
from iwds.engine.applying import Applied
from iwds.engine.job import Job, Tools
from iwds.engine.ruling import order_source
from iwds.engine.who import caller, host
from iwds.ports import Result, RunRow, Withdrawal

KEPT = "rejections"
"""Under which key the report of an undoing says how many of its rejections stand; without it, it was cut off."""
_MADE_BY = re.compile(r"undo of run \w+ \(run (\w+)\)")
_NOT_MADE = (Result.REJECTED, Result.HELD, Result.NOT_TRIED)


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
        """Keep them before anything is undone; what the undone run rejected is withdrawn where that is undone."""
        now, state, service = self.tools.clock.now(), self.tools.state, self.job.target.service
        lifted, made = self._lifted(plan), self.made(plan)
        if self.until is not None:
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
            state.place_rulings(service, [rejection_of(each, said) for each in made])
        why = f"undone by run {row.id}: {self.reason}"
        state.withdraw_rulings(service, [each.id for each in lifted], _withdrawal(why, now, self.ticket))

    def made(self, plan: Plan) -> Sequence[Change]:
        """What is rejected once this plan is made; nothing of what undoing an undoing does."""
        marks = frozenset(mark for each in self._lifted(plan) for mark in each.marks)
        return [] if self.until is None else list(_again(plan.changes, marks))

    def _lifted(self, plan: Plan) -> Sequence[Ruling]:
        """What the undone run rejected and this plan does."""
        standing = self.tools.state.open_rulings(self.job.target.service, self.tools.clock.now())
        aimed = _aims_of(plan.changes)
        return [each for each in standing if not self.counts(each) and each.marks <= aimed]

    def after(self, row: RunRow, _: Plan, applied: Applied) -> dict[str, Any]:
        """Withdraw those of what was not undone; how many stand is kept with the run."""
        maybe = [change for change, result, _ in applied.outcomes if result is Result.UNKNOWN]
        return {KEPT: _keep_only(self.job.target.service, self.tools, row.id, [*applied.done, *maybe])}


def settle(job: Job, tools: Tools) -> None:
    """Withdraw what undoings rejected that were cut off before they did it. Needs the lease: then none is under way."""
    service, state = job.target.service, tools.state
    rulings = state.open_rulings(service, tools.clock.now())
    for run_id in sorted({made_by_run(each) for each in rulings} - {""}):
        run = state.run(run_id)
        if run is None or KEPT not in run.report:
            rows = state.intents(run_id)
            done = (change_from_data(row.change) for row in rows if row.result not in _NOT_MADE)
            _keep_only(service, tools, run_id, done)


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
