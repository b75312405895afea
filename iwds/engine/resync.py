"""One person, now: read alone, planned, and applied under the guards and proofs of every run.

Neither a directory nor the service is read whole, so it takes seconds whatever their size. What only a reading of
everybody can prove is left to the next run, and said so (`core.alone`). Such a run teaches later ones nothing but what
the ledger and the journal say: it accepts no configuration, is no measure for a reading, and ends no first run.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from iwds.core.alone import absent_alone, made_alone, with_activation
from iwds.core.change import CreateLogin, Subject, kinds
from iwds.core.decision import Decision, Proposal
from iwds.core.devices import Code
from iwds.core.guards import Populations
from iwds.core.model import Account, Activation
from iwds.core.moved import Moved, Standing, moved_data, narrowed
from iwds.core.plan import Plan, Selection, summary_data
from iwds.engine.alone import alone_of, population, refuse_another_service
from iwds.engine.applying import Applied
from iwds.engine.ending import applied_data, ending_code, ending_words
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.leasing import RESYNC, Patience
from iwds.engine.one import look, meant
from iwds.engine.plan_of_one import plan_of
from iwds.engine.running import Own, begun, carry_out, keep, leased
from iwds.engine.seeking import Candidate
from iwds.engine.sighting import One
from iwds.engine.surroundings import refuse_orphans
from iwds.engine.unsettled import settle_open_intents
from iwds.engine.who import caller, host
from iwds.errors import IwdsError, LeaseHeld, Refused
from iwds.ports import Actions, AuditRow, Lease, Result, RunRow, TargetWriter

WAIT = 60.0
"""Seconds for which a run that holds the service is waited for, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for.

    Attributes:
        who: a login, a mail address, a distinguished name, an id, or `#` and the id of a login.
        code: what somebody who is created gets to enrol with; None for what the mapping says.
        reason, ticket: for the audit.
        approved: what a person has seen and agreed to; None for whatever is true now.
        wait: seconds for which a run that holds the service is waited for.
        told: called once, with who holds it, when that begins.
        stop: ends the waiting, and the run in good order.
    """

    who: str
    code: Activation | None = None
    reason: str = ""
    ticket: str = ""
    approved: Plan | None = None
    wait: float = WAIT
    told: Callable[[LeaseHeld], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Looked:
    """One person, and what a resync would do with them now."""

    one: One
    plan: Plan


@dataclass(frozen=True, slots=True)
class Resynced:
    """How a resync ended.

    Attributes:
        run: its row in the history.
        one: the person, as they were before.
        plan: what was planned.
        applied: what became of it; None where a guard stopped it.
        moved: what was approved and is no longer true, and why.
        code: the activation code of somebody who was created with `Activation.CODE`; for the caller alone.
    """

    run: RunRow
    one: One
    plan: Plan
    applied: Applied | None
    moved: tuple[Moved, ...] = ()
    code: Code | None = None

    @property
    def exit_code(self) -> int:
        """0, 3 or 4, as of every run."""
        return self.run.exit_code or 0


def preview(job: Job, tools: Tools, wish: Wish) -> Looked:
    """What a resync would do. Changes nothing and takes no lease; the plan is kept, so that it can be shown.

    Raises as `person_view`, `Unavailable` or `AccessRefused` where a side cannot tell, `Refused` where a link is wanted
    and there is no address, and `ConfigurationError` where our memory is another service's.
    """
    looked = _look(job, tools, wish, *meant(job, tools, wish.who))
    keep(looked.plan, job, tools)
    return looked


def resync(
    job: Job, tools: Tools, make_writer: MakeWriter, make_actions: Callable[[], Actions], wish: Wish
) -> Resynced:
    """Plan and apply for one person, under the lease of the service.

    Raises as `preview`, and `LeaseHeld` where another run holds the service for longer than is waited. What is raised
    after the person was found is recorded as the end of the run.
    """
    who, failed = meant(job, tools, wish.who)
    row = begun(job, tools, RESYNC)
    with leased(job, tools, row, Patience(wish.wait, wish.told, wish.stop)) as lease:
        return _Resync(job, tools, lease, wish, row).run(make_writer, make_actions, (who, failed))


class _Resync:
    def __init__(self, job: Job, tools: Tools, lease: Lease, wish: Wish, row: RunRow) -> None:
        self.job, self.tools, self.lease, self.wish, self.row = job, tools, lease, wish, row
        self.service = job.target.service
        self.began = tools.clock.monotonic()

    def run(
        self,
        make_writer: MakeWriter,
        make_actions: Callable[[], Actions],
        found: tuple[Candidate, Mapping[str, IwdsError]],
    ) -> Resynced:
        self.tools.state.start_run(self.row, self.job.config, self.job.digest)
        try:
            return self._run(make_writer, make_actions, found)
        except BaseException as error:
            code = error.exit_code if isinstance(error, IwdsError) else 1
            words = str(error) if isinstance(error, IwdsError) else f"ended by {type(error).__name__}"
            with suppress(IwdsError):
                self._ended(code, _words(found[0].login_name, words), {})
            raise

    def _run(
        self,
        make_writer: MakeWriter,
        make_actions: Callable[[], Actions],
        found: tuple[Candidate, Mapping[str, IwdsError]],
    ) -> Resynced:
        state, who = self.tools.state, found[0]
        journal = state.journal(self.row.id, self.service, self.lease)
        settle_open_intents(self.job, self.tools, journal, make_writer, self._about(who))
        one, plan = _parts(_look(self.job, self.tools, self.wish, *found))
        moved: tuple[Moved, ...] = ()
        if self.wish.approved:
            plan, moved = narrowed(plan, self.wish.approved, partial(_standing, one))
        keep(plan, self.job, self.tools)
        self.row = replace(self.row, plan=plan.id)
        if plan.violations:
            guards = ", ".join(dict.fromkeys(gauge.kind.value for gauge in plan.violations))
            run = self._ended(Refused.exit_code, _words(_name(one), f"held by the guard {guards}"), summary_data(plan))
            return Resynced(run, one, plan, None, moved)
        self._note(one, plan)
        giving = _Giving(make_writer, make_actions, self.wish.code)
        applied = Applied()
        if plan.changes:
            until = None if self.job.deadline is None else self.began + self.job.deadline
            own = Own(self.lease, journal, self.wish.stop, until)
            applied = self._recorded(one, plan, lambda: carry_out(plan, self.job, self.tools, own, giving.writer))
        code = ending_code(plan, applied, moved)
        report = summary_data(plan) | moved_data(moved) | applied_data(applied)
        run = self._ended(code, _words(_name(one), ending_words(plan, applied, moved)), report)
        return Resynced(run, one, plan, applied, moved, giving.code)

    def _about(self, who: Candidate) -> Callable[[Subject], bool]:
        """Whether a change of an earlier run was about this person."""
        rows = self.tools.state.find_rows(self.service, anchor=who.anchor) if who.anchor else ()
        logins = {row.login_id for row in rows} | ({who.login.id} if who.login else set())
        return lambda subject: subject.login_id in logins or (who.anchor is not None and subject.key == str(who.anchor))

    def _note(self, one: One, plan: Plan) -> None:
        """What our memory has to follow of this person, as in every run: holds that ended, and that they are seen."""
        logins = frozenset(row.login_id for row in one.rows)
        state = self.tools.state
        state.take_over_holds(self.service, plan.made_at, self.row.id, self.lease, logins)
        if one.sightings:
            state.note_left(self.service, [row.login_id for row in one.rows if row.left_at], None, self.lease)

    def _recorded(self, one: One, plan: Plan, apply: Callable[[], Applied]) -> Applied:
        """Apply between the two rows of the audit."""
        state, clock = self.tools.state, self.tools.clock
        detail = ", ".join(dict.fromkeys(kind.value for change in plan.changes for kind in sorted(kinds(change))))
        login_id = one.login.id if one.login else 0
        kept = state.note_action(
            AuditRow(
                0,
                clock.now(),
                str(self.service),
                login_id,
                _name(one),
                RESYNC,
                f"run {self.row.id}: {detail}",
                caller(),
                host(),
                self.wish.reason,
                self.wish.ticket,
            )
        )
        applied = apply()
        bad = [(result, error) for _, result, error in applied.outcomes]
        result = next((r for r in (Result.UNKNOWN, Result.REJECTED, Result.HELD) if any(r is b for b, _ in bad)), None)
        error = "; ".join(dict.fromkeys(error for _, error in bad))
        state.note_outcome(kept, result or (Result.NOT_TRIED if bad else Result.DONE), error, clock.now())
        return applied

    def _ended(self, code: int, words: str, report: dict[str, Any]) -> RunRow:
        """Nothing is learnt from it: neither that the job was applied, nor a configuration, nor a reading."""
        ended = self.tools.clock.now()
        self.row = replace(self.row, ended=ended, exit_code=code, summary=words, report=report)
        self.tools.state.finish_run(self.row)
        return self.row


@dataclass(slots=True)
class _Giving:
    """The writer; it keeps the code of a creation where somebody waits for one."""

    make_writer: MakeWriter
    make_actions: Callable[[], Actions]
    asked: Activation | None
    code: Code | None = None

    def writer(self) -> TargetWriter:
        writer = self.make_writer()
        return writer if self.asked is not Activation.CODE else cast("TargetWriter", _Showing(writer, self))

    def create(self, account: Account) -> int:
        login_id, self.code = self.make_actions().create(account)
        return login_id


@dataclass(frozen=True, slots=True)
class _Showing:
    """A writer of which creations alone are made by who keeps their code."""

    writer: TargetWriter
    giving: _Giving

    def create(self, account: Account) -> int:
        return self.giving.create(account)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.writer, name)


def _standing(one: One, subject: Subject) -> Standing:
    """What was read of this one person."""
    login = next((login for login in one.logins if login.id == subject.login_id), None)
    return Standing(one.person, login, one.member_of.get(subject.login_id or 0, frozenset()))


def _parts(looked: Looked) -> tuple[One, Plan]:
    return looked.one, looked.plan


def _words(name: str, end: str) -> str:
    """The end of a resync as the history shows it, which is told from a run of everybody by it."""
    return f"{RESYNC} {name}: {end}"


def _name(one: One) -> str:
    """What a person is called in the history and the audit."""
    return (one.login.login if one.login else "") or (one.person.login if one.person else "") or one.who.login_name


def _look(job: Job, tools: Tools, wish: Wish, who: Candidate, failed: Mapping[str, IwdsError]) -> Looked:
    one = look(job, tools, who, failed)
    for error in one.failed.values():
        raise error
    refuse_orphans(job, tools.state, one.memory)
    refuse_another_service(job, tools, [one])
    decisions = [*made_alone(one.decisions, alone_of(job, one)), *absent_alone(one.on_absence, one.tombstone)]
    if wish.code:
        _refuse_link_without_mail(decisions, wish.code)
        decisions = list(with_activation(decisions, wish.code))
    populations = Populations(population(job, tools), {}, {}, one.memory.recent)
    planned = plan_of(
        replace(one, decisions=tuple(decisions)), job, tools, populations, 0, Selection(reason=wish.reason)
    )
    return Looked(one, planned)


def _refuse_link_without_mail(decisions: list[Decision], code: Activation) -> None:
    for each in decisions:
        change = each.change if isinstance(each, Proposal) else None
        if code is Activation.LINK and isinstance(change, CreateLogin) and not change.account.mail:
            raise Refused(f"{change.account.login} has no mail address", "give a code instead: --code now")
