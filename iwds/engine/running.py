"""One run from lease to report: settle what an earlier run left open, plan, refuse or apply, remember."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from iwds.core.change import Kind, kinds
from iwds.core.configuration import accepted_from_now, digest_of
from iwds.core.decision import Reason
from iwds.core.document import change_from_data
from iwds.core.guards import RETAGGED, GuardKind
from iwds.core.matching import Graces, Tally
from iwds.core.model import Anchor
from iwds.core.moved import Find, Moved, moved_data, narrowed
from iwds.core.plan import Plan, Selection, summary_data
from iwds.core.plan_document import plan_to_data
from iwds.core.policy import HoldKind
from iwds.core.rulings import Ruling
from iwds.engine.accepting import accepts, let_leavers_through
from iwds.engine.applying import Applied, Applying, Hands, Heard, unheard
from iwds.engine.approved import APPLIED, maker
from iwds.engine.ending import applied_data, ending_code, ending_words, held_now, unproven_words, without_unapproved
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.leasing import APART, CHANGES, Patience, is_brief, kept_alive, lease_seconds, taken
from iwds.engine.planner import Made, Planner
from iwds.engine.ruling import everything_counts, objections, rule_data
from iwds.engine.unsettled import settle_open_intents, unmailed
from iwds.engine.verify import Verifier
from iwds.engine.who import caller
from iwds.errors import IwdsError, LeaseHeld, Refused
from iwds.ports import Journal, Lease, RunRow

MOST_RUNS = 1_000
"""In how many runs of a job that was never applied whole is looked for who is its doing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or a schedule asked for.

    Attributes:
        command: for the history: `run`, `apply`.
        selection: what a person chose and allowed.
        approved: the saved plan to apply; None for whatever a fresh plan says.
        confirm: asked once, with the plan, before anything is written.
        stop: set to end the run in good order.
        deadline: seconds after which no further change is begun; None for what the job says.
        changes: whether only people of whom something changed are looked at, where that can be.
    """

    command: str
    selection: Selection = field(default_factory=Selection)
    approved: Plan | None = None
    confirm: Callable[[Plan], bool] = lambda _: True
    stop: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    changes: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes:
        run: its row in the history.
        plan: what it planned.
        applied: what became of it; None where nothing was to be written.
        moved: changes of an approved plan that are no longer true, and why.
    """

    run: RunRow
    plan: Plan
    applied: Applied | None
    moved: tuple[Moved, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, 3 or 4, in report mode also 2; see the command line's page of exit codes."""
        return self.run.exit_code or 0


def plan_only(job: Job, tools: Tools, selection: Selection | None = None, *, changes: bool = False) -> Plan:
    """Plan, keep the plan, and leave the world as it is. Takes no lease."""
    plan = Planner(job, tools).made(selection or Selection(), changes=changes).plan
    keep(plan, job, tools)
    return plan


def plan_exit_code(plan: Plan) -> int:
    """What a plan, or a dry run, exits with."""
    waiting = held_now(plan) or plan.basis.withheld or plan.basis.unproven or plan.basis.untried
    if plan.violations or (waiting and not plan.changes):
        return Refused.exit_code
    return 2 if plan.changes else 0


def run(job: Job, tools: Tools, make_writer: MakeWriter | None, request: Request) -> RunReport:
    """Plan and apply under the lease of the service; `make_writer` None plans, reports and remembers only.

    Raises `LeaseHeld` where another run holds the service, and whatever planning raises. Both are recorded.
    """
    row = begun(job, tools, CHANGES if request.changes else request.command)
    # Whoever looks after a few people is done in seconds, and a night must not be lost for that.
    patience = Patience(lease_seconds(job, tools), stop=request.stop, worth=is_brief)
    with leased(job, tools, row, patience) as lease:
        report = _Run(job, tools, lease, request, row).run(make_writer)
    forget_plans(job, tools)
    return report


def forget_plans(job: Job, tools: Tools) -> None:
    """Delete the documents of plans that were kept long enough: they hold people's data. The next run tries it too."""
    with suppress(IwdsError):
        tools.state.forget_plans(tools.clock.now() - job.lifetime.kept)


@contextmanager
def leased(job: Job, tools: Tools, row: RunRow, patience: Patience) -> Iterator[Lease]:
    """The lease while the block runs; `LeaseHeld`, recorded as the end of this run, where it cannot be had."""
    try:
        lease = taken(job, tools, row.command, patience)
    except LeaseHeld as error:
        tools.state.start_run(row, job.config, job.digest)
        ended = replace(row, ended=tools.clock.now(), exit_code=error.exit_code, summary=str(error))
        tools.state.finish_run(ended)
        raise
    with kept_alive(lease, lease_seconds(job, tools)):
        yield lease


def begun(job: Job, tools: Tools, command: str) -> RunRow:
    """A run that begins now, as the history shows it."""
    return RunRow(
        id=secrets.token_hex(4),
        job=job.name,
        service=str(job.target.service),
        command=command,
        who=caller(),
        started=tools.clock.now(),
        ended=None,
        exit_code=None,
        plan="",
        summary="running",
        report={},
    )


class _Run:
    def __init__(self, job: Job, tools: Tools, lease: Lease, request: Request, row: RunRow) -> None:
        self.job, self.tools, self.lease, self.request, self.row = job, tools, lease, request, row
        self.began = tools.clock.monotonic()
        self.made: Made | None = None

    def run(self, make_writer: MakeWriter | None) -> RunReport:
        self.tools.state.start_run(self.row, self.job.config, self.job.digest)
        try:
            return self._run(make_writer)
        except IwdsError as error:
            self._broke_off(error.exit_code, str(error))
            raise
        except BaseException as error:
            self._broke_off(1, f"ended by {type(error).__name__}")
            raise

    def _broke_off(self, code: int, summary: str) -> None:
        """Record what the run ended by, where our memory can still be written to; that is what is raised, not this."""
        with suppress(IwdsError):
            self._ended(code, summary, {})

    def _run(self, make_writer: MakeWriter | None) -> RunReport:
        journal = self.tools.state.journal(self.row.id, self.job.target.service, self.lease)
        if make_writer:
            settle_open_intents(self.job, self.tools, journal, make_writer)
        moved: tuple[Moved, ...] = ()

        def narrow(fresh: Plan, find: Find) -> Plan:
            nonlocal moved
            if self.request.approved is None:
                return fresh
            made_by = maker(self.tools.state, self.job.target.service, self.request.approved)
            plan, moved = narrowed(fresh, self.request.approved, find, made_by)
            return plan

        planner = Planner(self.job, self.tools, self.request.stop, (self.row.id, self.lease) if make_writer else None)
        made = planner.made(self.request.selection, narrow, changes=self.request.changes)
        self.made, plan, tally = made, made.plan, made.tally
        self.row = replace(self.row, command=CHANGES if made.of_changes else self.request.command)
        if make_writer:
            # Whoever was seen again is no leaver, even where a guard stops everything else.
            self.tools.state.note_left(self.job.target.service, tally.graces.end, None, self.lease)
        keep(plan, self.job, self.tools)
        self.row = replace(self.row, plan=plan.id)
        if make_writer is None or plan.violations:
            return self._not_applied(plan, moved)
        self.tools.state.take_over_holds(self.job.target.service, plan.made_at, self.row.id, self.lease, made.logins)
        self.tools.state.note_tags(self.job.target.service, _tags(plan, tally), self.lease)
        self.tools.state.note_roles(self.job.target.service, tally.roles, self.lease)
        self.tools.state.note_unlocked(self.job.target.service, tally.unlocked, self.lease)
        if tally.older:
            self.tools.state.note_restored(self.job.target.service, self.lease)
        report = self._applied(plan, moved, make_writer, journal)
        self._begin_graces(report, tally.graces)
        return report

    def _begin_graces(self, report: RunReport, graces: Graces) -> None:
        """The grace counts from a run that was applied to its end, on proven readings and an accepted configuration."""
        plan, applied = report.plan, report.applied
        if applied is None or plan.basis.first_run or plan.basis.tally.retagged or not accepts(plan, applied):
            return
        locked = {c.subject.login_id for c in applied.done if Kind.LOCK in kinds(c)}
        begin = graces.begin | (graces.with_lock & locked)
        self.tools.state.note_left(self.job.target.service, begin, self.tools.clock.now(), self.lease)

    def _not_applied(self, plan: Plan, moved: tuple[Moved, ...]) -> RunReport:
        code = plan_exit_code(plan)
        if plan.violations:
            summary = f"held by the guard{'s' if len(plan.violations) > 1 else ''} " + ", ".join(
                dict.fromkeys(gauge.kind.value for gauge in plan.violations)
            )
        else:
            n = len(plan.changes)
            summary = f"report only: {n} change{'' if n == 1 else 's'} would be made{unproven_words(plan)}"
        report = _counted(plan, self.job) | moved_data(moved)
        report |= {"succeeded": not plan.violations and not plan.basis.unproven}
        if not plan.violations:
            # A job that only reports has a measure of its readings too. What a guard stopped is none.
            self._save_readings(plan)
        return RunReport(self._ended(code, summary, report), plan, None, moved)

    def _applied(self, plan: Plan, moved: tuple[Moved, ...], make_writer: MakeWriter, journal: Journal) -> RunReport:
        if plan.changes and not self.request.confirm(plan):
            return RunReport(self._ended(0, "declined: nothing was changed", summary_data(plan)), plan, None, moved)
        applied, before = Applied(), self._active()
        if plan.changes:
            gone = self.made.gone if self.made else frozenset()
            own = Own(self.lease, journal, self.request.stop, self._until(), gone=gone)
            applied = carry_out(plan, self.job, self.tools, own, make_writer)
        code = ending_code(plan, applied, moved)
        mails = {"unmailed": [mail.login for mail in unmailed(self.job, self.tools)]}
        # What waits for approval waits for a person; the run itself did all that it may.
        well = ending_code(without_unapproved(plan), applied, moved) == 0
        report = _counted(plan, self.job) | moved_data(moved) | applied_data(applied) | mails | {"succeeded": well}
        report |= {"population": plan.basis.tally.population + max(0, self._active() - before)}
        if self.request.approved:
            report |= {APPLIED: self.request.approved.id}
        return RunReport(
            self._ended(code, ending_words(plan, applied, moved), report, plan, applied), plan, applied, moved
        )

    def _active(self) -> int:
        """Logins of the job that our memory has, and that we have not locked."""
        return self.tools.state.count_unlocked(self.job.target.service, self.job.policy.provisioning_id)

    def _until(self) -> float | None:
        """The monotonic time after which no further change is begun."""
        seconds = self.job.deadline if self.request.deadline is None else self.request.deadline
        return None if seconds is None else self.began + seconds

    def _ended(
        self, code: int, summary: str, report: dict[str, Any], plan: Plan | None = None, applied: Applied | None = None
    ) -> RunRow:
        state, ended = self.tools.state, self.tools.clock.now()
        summary, report = self._with_what_was_read(summary, report)
        self.row = replace(self.row, ended=ended, exit_code=code, summary=summary, report=report)
        if plan is None or applied is None:
            state.finish_run(self.row)
            return self.row
        learnt = self.made.learnt(applied) if self.made else None
        if self.row.command == CHANGES:
            # Who looks at a few people accepts no configuration, and is no measure for a reading.
            state.finish_run(self.row, lease=self.lease, learnt=learnt)
            return self.row
        self._save_readings(plan)
        counts = accepts(plan, applied) and not self._took_over(plan)
        accepted, deciding = self._accepted(plan) if counts else ("", "")
        # A first run that was stopped, chosen from or not proven is none: the next one removes nothing either.
        partly = applied.stopped or plan.basis.selection.only or plan.basis.unproven or plan.basis.untried
        # Nor is one of which nothing was approved yet.
        waited = plan.unapproved and not applied.done
        whole = not (plan.basis.first_run and (partly or waited))
        state.finish_run(
            self.row,
            applied=whole,
            accepted=accepted if whole else "",
            configuration=deciding,
            lease=self.lease,
            learnt=learnt,
        )
        return self.row

    def _with_what_was_read(self, summary: str, report: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Beside how it ended: that it was of what changed, or why it was not, and what such runs had missed."""
        if self.made is None:
            return summary, report
        words = self.made.words
        told = (f"{words[0]}: {summary}",) if self.made.of_changes else (summary, *words)
        return "; ".join(told), report | self.made.report

    def _accepted(self, plan: Plan) -> tuple[str, str]:
        """Digest and text of what counts as accepted after this run; see `accepted_from_now`."""
        job, before = self.job, self.tools.state.memory(self.job.name, self.job.target.service, plan.made_at)
        known = job.earlier(before.configuration) if before.configuration else None
        deciding = accepted_from_now(
            before.configuration if known else "", job.deciding, let_leavers_through(plan, job)
        )
        return (job.digest if deciding == job.deciding else digest_of(json.loads(deciding))), deciding

    def _took_over(self, plan: Plan) -> bool:
        """Whether a first run would take something from people who are not this job's doing: whose it is nobody knows.

        A job that was renamed finds people of its last name. What an earlier run of this job began is in the journal.
        """
        waiting = {skip.subject.key for skip in plan.skips if skip.reason is Reason.FIRST_RUN}
        if not waiting:
            return False
        state = self.tools.state
        service = str(self.job.target.service)
        listed = state.runs(self.job.name, MOST_RUNS, without=APART)
        runs = [each for each in listed if each.service == service]
        rows = (row for run in runs for row in state.intents(run.id))
        return not waiting <= {change_from_data(dict(row.change)).subject.key for row in rows}

    def _save_readings(self, plan: Plan) -> None:
        selection = plan.basis.selection
        if not selection.only and plan.basis.looked_at is None:
            # Whoever picked out a part has not said that the whole reading is right.
            fewer = GuardKind.VANISHED.value in selection.allow
            self.tools.state.save_readings(self.row.id, plan.basis.sources, fewer, self.lease)


def _counted(plan: Plan, job: Job) -> dict[str, Any]:
    """Counts of a plan of everybody; a resync, which reads one person, takes the population from there."""
    return summary_data(plan) | {"population": plan.basis.tally.population} | rule_data(job, plan)


@dataclass(frozen=True, slots=True)
class Own:
    """What is a run's own while it writes.

    Attributes:
        until: the monotonic time after which no further change is begun.
        counts: which rulings of people are asked for right before each change.
        gone: of whom a directory told that their entry was deleted.
        heard: told of each change once its end is recorded.
    """

    lease: Lease
    journal: Journal
    stop: threading.Event
    until: float | None = None
    counts: Callable[[Ruling], bool] = everything_counts
    gone: frozenset[Anchor] = frozenset()
    heard: Heard = unheard


def carry_out(plan: Plan, job: Job, tools: Tools, own: Own, make_writer: MakeWriter) -> Applied:
    """Make a plan true, with the last look before each change."""
    service = job.target.service
    withheld = {proof.name: proof.withheld for proof in plan.basis.sources}
    exempt = partial(tools.hold, service, kind=HoldKind.EXEMPT)
    verifier = Verifier(job, tools.clock, withheld, exempt, objections(plan, job, tools, own.counts), own.gone)
    writer = make_writer()
    try:
        find_row, find_hold = partial(tools.state.ledger_row, service), partial(tools.hold, service)
        hands = Hands(
            writer, own.journal, own.lease, verifier, find_row, find_hold, own.stop, tools.progress, own.until,
            own.heard,
        )  # fmt: skip
        return Applying(plan, job, hands).run()
    finally:
        writer.close()


def keep(plan: Plan, job: Job, tools: Tools) -> None:
    """Keep the plan, so that it can be shown and applied by its id."""
    document = json.dumps(plan_to_data(plan), ensure_ascii=False)
    waiting = len(plan.unapproved)
    tools.state.save_plan(plan.id, job.name, job.target.service, plan.made_at, document, waiting=waiting)


def _tags(plan: Plan, tally: Tally) -> Mapping[int, int]:
    """Tags to remember: those read back for the first time, and changed ones where a person accepted so many."""
    accepted = 0 < plan.basis.tally.retagged <= plan.basis.selection.allow.get(RETAGGED, 0)
    return {**tally.tags, **(tally.retags if accepted else {})}
