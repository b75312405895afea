"""One run from lease to report: settle what an earlier run left open, plan, refuse or apply, remember."""

import json
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from iwds.core.causes import Cause, cause_text
from iwds.core.change import Change, Evidence, Kind, Write, kinds
from iwds.core.configuration import accepted_from_now, digest_of
from iwds.core.decide import Reason
from iwds.core.document import change_from_data
from iwds.core.guards import NOT_ON_FIRST_RUN, RETAGGED, GuardKind, counted, counter
from iwds.core.ledger import ledger_effect
from iwds.core.matching import Graces, Tally
from iwds.core.model import LedgerRow, Status
from iwds.core.plan import Plan, Selection, restrict, summary_data
from iwds.core.plan_document import plan_to_data
from iwds.core.policy import HoldKind
from iwds.core.words import describe
from iwds.engine.applying import Applied, Applying, Hands
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.planning import make_plan
from iwds.engine.settle import settled_by_reading
from iwds.engine.status import set_status
from iwds.engine.verify import Verifier
from iwds.engine.who import caller, host
from iwds.errors import CallFailed, IwdsError, LoginUnknown, Refused
from iwds.ports import Journal, Lease, Outcome, Result, RunRow

LEASE_SECONDS = 120.0
"""How long a lease lasts at least without being renewed; four calls always fit into one."""
RENEW_EVERY = 30.0
LISTED = 200
"""How many changes that were not simply done a report names; the journal has them all."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or a schedule asked for.

    Attributes:
        command: for the history: `run`, `apply`.
        selection: what a person chose and allowed.
        approved: the saved plan to apply; None for whatever a fresh plan says.
        confirm: asked once, with the plan, before anything is written.
        stop: set to end the run in good order.
    """

    command: str
    selection: Selection = field(default_factory=Selection)
    approved: Plan | None = None
    confirm: Callable[[Plan], bool] = lambda _: True
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes:
        run: its row in the history.
        plan: what it planned.
        applied: what became of it; None where nothing was to be written.
        moved: changes of an approved plan that are no longer true.
    """

    run: RunRow
    plan: Plan
    applied: Applied | None
    moved: tuple[Change, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, 3 or 4, in report mode also 2; see the command line's page of exit codes."""
        return self.run.exit_code or 0


def plan_only(job: Job, tools: Tools, selection: Selection | None = None) -> Plan:
    """Plan, keep the plan, and leave the world as it is. Takes no lease."""
    plan, _ = make_plan(job, tools, selection)
    _keep(plan, job, tools)
    return plan


def plan_exit_code(plan: Plan) -> int:
    """What a plan, or a dry run, exits with."""
    waiting = plan.held or plan.basis.withheld
    if plan.violations or (waiting and not plan.changes):
        return Refused.exit_code
    return 2 if plan.changes else 0


def run(job: Job, tools: Tools, make_writer: MakeWriter | None, request: Request) -> RunReport:
    """Plan and apply under the lease of the service; `make_writer` None plans, reports and remembers only.

    Raises `LeaseHeld` where another run holds the service, and whatever planning raises, which is recorded.
    """
    with _leased(job, tools) as lease:
        return _Run(job, tools, lease, request).run(make_writer)


@contextmanager
def _leased(job: Job, tools: Tools) -> Iterator[Lease]:
    """The lease, kept alive by a thread until the end."""
    seconds = max(LEASE_SECONDS, 4 * job.target.timeout)
    lease = tools.state.lease(job.target.service, f"{caller()}@{host()} pid {os.getpid()}", seconds)
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(RENEW_EVERY):
            # A busy database is asked again; a lease that is lost meets the fence at the next batch, which says so.
            with suppress(IwdsError):
                lease.renew()

    keeper = threading.Thread(target=keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        ended.set()
        keeper.join()
        lease.release()


class _Run:
    def __init__(self, job: Job, tools: Tools, lease: Lease, request: Request) -> None:
        self.job, self.tools, self.lease, self.request = job, tools, lease, request
        self.made: tuple[Plan, Applied] | None = None
        self.row = RunRow(
            id=secrets.token_hex(4),
            job=job.name,
            service=str(job.target.service),
            command=request.command,
            who=caller(),
            started=tools.clock.now(),
            ended=None,
            exit_code=None,
            plan="",
            summary="running",
            report={},
        )

    def run(self, make_writer: MakeWriter | None) -> RunReport:
        self.tools.state.start_run(self.row, self.job.config, self.job.digest)
        try:
            return self._run(make_writer)
        except IwdsError as error:
            self._ended(error.exit_code, str(error), {})
            raise
        except BaseException as error:
            self._ended(1, f"ended by {type(error).__name__}", {})
            raise

    def _run(self, make_writer: MakeWriter | None) -> RunReport:
        journal = self.tools.state.journal(self.row.id, self.job.target.service, self.lease)
        if make_writer:
            settle_open_intents(self.job, self.tools, journal, make_writer)
        plan, tally = make_plan(self.job, self.tools, self.request.selection, self.request.stop)
        if make_writer:
            # Whoever was seen again is no leaver, even where a guard stops everything else.
            self.tools.state.note_left(self.job.target.service, tally.graces.end, None, self.lease)
        moved: tuple[Change, ...] = ()
        if self.request.approved:
            plan, moved = restrict(plan, self.request.approved)
        _keep(plan, self.job, self.tools)
        self.row = replace(self.row, plan=plan.id)
        if make_writer is None or plan.violations:
            return self._not_applied(plan, moved)
        self.tools.state.take_over_holds(self.job.target.service, plan.made_at, self.row.id, self.lease)
        self.tools.state.note_tags(self.job.target.service, _tags(plan, tally), self.lease)
        self.tools.state.note_roles(self.job.target.service, tally.roles, self.lease)
        self.tools.state.note_unlocked(self.job.target.service, tally.unlocked, self.lease)
        report = self._applied(plan, moved, make_writer, journal)
        self._begin_graces(report, tally.graces)
        return report

    def _begin_graces(self, report: RunReport, graces: Graces) -> None:
        """The grace counts from a run that was applied to its end, on proven readings and an accepted configuration."""
        plan, applied = report.plan, report.applied
        if applied is None or plan.basis.first_run or plan.basis.tally.retagged or not _accepts(plan, applied):
            return
        locked = {c.subject.login_id for c in applied.done if Kind.LOCK in kinds(c)}
        begin = graces.begin | (graces.with_lock & locked)
        self.tools.state.note_left(self.job.target.service, begin, self.tools.clock.now(), self.lease)

    def _not_applied(self, plan: Plan, moved: tuple[Change, ...]) -> RunReport:
        code = plan_exit_code(plan)
        if plan.violations:
            summary = f"held by the guard{'s' if len(plan.violations) > 1 else ''} " + ", ".join(
                dict.fromkeys(gauge.kind.value for gauge in plan.violations)
            )
        else:
            summary = f"report only: {len(plan.changes)} changes would be made"
        report = summary_data(plan) | {"succeeded": not plan.violations and not plan.basis.unproven}
        if not plan.violations:
            # A job that only reports has a measure of its readings too. What a guard stopped is none.
            self._save_readings(plan)
        return RunReport(self._ended(code, summary, report), plan, None, moved)

    def _applied(self, plan: Plan, moved: tuple[Change, ...], make_writer: MakeWriter, journal: Journal) -> RunReport:
        if plan.changes and not self.request.confirm(plan):
            return RunReport(self._ended(0, "declined: nothing was changed", summary_data(plan)), plan, None, moved)
        applied = self._make(plan, make_writer, journal) if plan.changes else Applied()
        code = _exit_code(plan, applied, moved)
        report = summary_data(plan) | _applied_data(applied) | {"succeeded": code == 0}
        return RunReport(self._ended(code, _summary(plan, applied), report, plan, applied), plan, applied, moved)

    def _make(self, plan: Plan, make_writer: MakeWriter, journal: Journal) -> Applied:
        withheld = {proof.name: proof.withheld for proof in plan.basis.sources}
        find_exempt = partial(self.tools.hold, self.job.target.service, kind=HoldKind.EXEMPT)
        verifier = Verifier(self.job, self.tools.clock, plan.basis.service.taken_at, withheld, find_exempt)
        writer = make_writer()
        try:
            find_row = partial(self.tools.state.ledger_row, self.job.target.service)
            find_hold = partial(self.tools.hold, self.job.target.service)
            own = writer, journal, self.lease, verifier, find_row, find_hold
            applying = Applying(plan, self.job, Hands(*own, self.request.stop, self.tools.progress))
            self.made = (plan, applying.applied)
            return applying.run()
        finally:
            writer.close()

    def _ended(
        self, code: int, summary: str, report: dict[str, Any], plan: Plan | None = None, applied: Applied | None = None
    ) -> RunRow:
        state, ended = self.tools.state, self.tools.clock.now()
        self.row = replace(self.row, ended=ended, exit_code=code, summary=summary, report=report)
        if plan is None or applied is None:
            # What a run made before it broke off counts against the guards of the next ones.
            counted_so_far = _counted(*self.made) if self.made else {}
            state.finish_run(self.row, applied=False, accepted="", counted=counted_so_far)
            return self.row
        self._save_readings(plan)
        accepted, deciding = self._accepted(plan) if _accepts(plan, applied) else ("", "")
        # A first run that was stopped, chosen from or not proven is none: the next one removes nothing either.
        partly = applied.stopped or plan.basis.selection.only or plan.basis.unproven
        whole = not (plan.basis.first_run and partly)
        state.finish_run(
            self.row,
            applied=whole,
            accepted=accepted if whole else "",
            counted=_counted(plan, applied),
            configuration=deciding,
        )
        return self.row

    def _accepted(self, plan: Plan) -> tuple[str, str]:
        """Digest and text of what counts as accepted after this run; see `accepted_from_now`."""
        job, before = self.job, self.tools.state.memory(self.job.name, self.job.target.service, plan.made_at)
        known = job.earlier(before.configuration) if before.configuration else None
        deciding = accepted_from_now(
            before.configuration if known else "", job.deciding, _let_leavers_through(plan, job)
        )
        return (job.digest if deciding == job.deciding else digest_of(json.loads(deciding))), deciding

    def _save_readings(self, plan: Plan) -> None:
        selection = plan.basis.selection
        if not selection.only:
            # Whoever picked out a part has not said that the whole reading is right.
            fewer = GuardKind.VANISHED.value in selection.allow
            self.tools.state.save_readings(self.row.id, plan.basis.sources, fewer)


def settle_open_intents(job: Job, tools: Tools, journal: Journal, make_writer: MakeWriter) -> int:
    """Settle by reading what an earlier run sent or meant to send and never learned the end of; returns how many.

    What a read cannot settle is superseded: memberships show in the next reading, and a mail is never sent twice. A
    lock of the helpdesk that such a write may have undone is made again; where that fails the intent stays open.
    """
    outcomes = []
    find_row = partial(tools.state.ledger_row, job.target.service)
    for intent in tools.state.unsettled(job.target.service):
        change = change_from_data(intent.change)
        if not _kept_locked(change, job, tools, make_writer):
            continue
        result, login_id = settled_by_reading(change, change.subject.login_id or 0, job.target, find_row)
        result = Result.SUPERSEDED if result is Result.UNKNOWN else result
        effect = _late_effect(change, login_id, job) if result is Result.DONE else None
        outcomes.append(Outcome(intent.id, result, "settled by reading", 0, login_id, effect))
    if outcomes:
        journal.settle(outcomes)
    return len(outcomes)


def _kept_locked(change: Change, job: Job, tools: Tools, make_writer: MakeWriter) -> bool:
    """Lock again what the helpdesk holds locked and this write says is active; False where it cannot be done."""
    if not isinstance(change, Write) or change.after.status == Status.LOCKED:
        return True
    if not tools.hold(job.target.service, change.after.id):
        return True
    try:
        with closing(make_writer()) as writer:
            set_status(job.target, writer, change.after, Status.LOCKED)
    except LoginUnknown:
        return True
    except (CallFailed, Refused):
        return False
    return True


def _late_effect(change: Change, login_id: int, job: Job) -> Callable[[LedgerRow | None], LedgerRow | None]:
    return lambda row: ledger_effect(change, login_id, row, job.policy.provisioning_id)


def _keep(plan: Plan, job: Job, tools: Tools) -> None:
    document = json.dumps(plan_to_data(plan), ensure_ascii=False)
    tools.state.save_plan(plan.id, job.name, job.target.service, plan.made_at, document)


def _exit_code(plan: Plan, applied: Applied, moved: tuple[Change, ...]) -> int:
    """3 where nothing was changed and someone must decide, 4 where something was and more is open."""
    waiting = bool(plan.held or plan.basis.withheld or moved or applied.outcomes or applied.stopped)
    if not waiting:
        return 0
    sent = applied.done or any(result in (Result.REJECTED, Result.UNKNOWN) for _, result, _ in applied.outcomes)
    return 4 if sent or applied.stopped else Refused.exit_code


def _accepts(plan: Plan, applied: Applied) -> bool:
    """Whether this configuration counts as applied from now on: nothing that it asks for is held back any more."""
    if plan.basis.first_run:
        return True
    only = plan.basis.selection.only
    if applied.stopped or plan.basis.unproven or (only and Evidence.RULE.value not in only):
        return False
    by_rule = [s for s in plan.skips if s.change and s.change.evidence is Evidence.RULE and s.reason is Reason.HELD]
    return not by_rule


def _let_leavers_through(plan: Plan, job: Job) -> bool:
    """Whether a person let through the gate what the job's policy takes from leavers and the last one did not."""
    cause = cause_text(Cause.RULE, job.places["leavers"])
    return any(c.evidence is Evidence.RULE and getattr(c, "cause", "") == cause for c in plan.changes)


def _tags(plan: Plan, tally: Tally) -> Mapping[int, int]:
    """Tags to remember: those read back for the first time, and changed ones where a person accepted so many."""
    accepted = 0 < plan.basis.tally.retagged <= plan.basis.selection.allow.get(RETAGGED, 0)
    return {**tally.tags, **(tally.retags if accepted else {})}


def _counted(plan: Plan, applied: Applied) -> dict[str, int]:
    """What was made, by guard, where the guard watched and was not overridden for this plan."""
    exempt = {*plan.basis.selection.allow, *(NOT_ON_FIRST_RUN if plan.basis.first_run else ())}
    return Counter(
        counter(kind, of) for change in applied.done for kind, of, _ in counted(change) if kind.value not in exempt
    )


def _summary(plan: Plan, applied: Applied) -> str:
    if not plan.changes:
        return "nothing to do" if not plan.held else f"nothing was changed, {len(plan.held)} held"
    waiting = applied.waiting_for_seats
    counts = applied.results - Counter({Result.HELD: waiting})
    words = [f"{n} {result.value.replace('-', ' ')}" for result, n in sorted(counts.items())]
    words += [f"{len(plan.held)} held by the plan"] if plan.held else []
    words += [f"service full, {waiting} wait"] if waiting else []
    return ", ".join(words) + (f"; {applied.stopped}" if applied.stopped else "")


def _applied_data(applied: Applied) -> dict[str, Any]:
    return {
        "results": {result.value: n for result, n in sorted(applied.results.items())},
        "stopped": applied.stopped,
        "waiting_for_seats": applied.waiting_for_seats,
        "open": [[describe(change), result.value, error] for change, result, error in applied.outcomes[:LISTED]],
    }
