"""Plans that a named person asks for and no directory: drift put right, a run undone.

How to use it: say whom it is about (`Concern`) and what follows from how these stand now (`Order.propose`, which gets a
`Found` and answers with decisions; `core.orders.order` and `order_write` make them, with every check of whose a login
is). Then `preview` plans, keeps the plan and changes nothing, and `carry_out_order` does the same under the lease, asks
`request.confirm`, applies and records the run. Both read the service whole: only that proves what stands there and
says how many logins and administrators there are. The plan goes through `core.assembly` like every other, so
administrators, holds, guards and gates of tags count; it knows no first run and no changed configuration, since no
directory was asked. An order teaches later runs nothing but what journal and ledger say.

    order = Order("drift of staff put right", Concern(logins=frozenset({17})), propose)
    plan = preview(job, tools, request, order)
    report = carry_out_order(job, tools, wiring.writer(job.name), request, order)
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from iwds.core.approval import NOTHING_NEEDED
from iwds.core.assembly import Facts, assemble
from iwds.core.change import Change, Subject
from iwds.core.decision import Decision
from iwds.core.guards import Populations
from iwds.core.matching import Tally
from iwds.core.model import Anchor, Group, LedgerRow, Login, Membership, Proof, fold
from iwds.core.moved import Find, Moved, Standing, moved_data, narrowed
from iwds.core.plan import Basis, Plan, summary_data
from iwds.core.policy import World
from iwds.core.rulings import Ruling
from iwds.engine.applying import Applied, Heard, unheard
from iwds.engine.approved import APPLIED
from iwds.engine.ending import applied_data, ending_words
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.leasing import Patience, is_brief, lease_seconds
from iwds.engine.ruling import everything_counts, rule_of, standing
from iwds.engine.running import Own, Request, RunReport, begun, carry_out, keep, leased
from iwds.engine.service_reading import ServiceReading, refuse_unproven
from iwds.engine.surroundings import RECENT, another_service, refuse_orphans, with_ended_holds, world_of
from iwds.engine.unsettled import settle_open_intents
from iwds.errors import IwdsError, Refused
from iwds.ports import HoldRow, JobMemory, Lease, Result, RunRow, Waist


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom an order is about: of the reading only these are kept in memory, of millions.

    Attributes:
        logins: ids of logins.
        anchors: people; the logins that our memory leads to for them are kept too.
        names: folded names of logins, whoever has them.
        groups: ids of the groups whose members are read.
        group_names: names of further such groups; those that do not exist are left out.
    """

    logins: frozenset[int] = frozenset()
    anchors: frozenset[Anchor] = frozenset()
    names: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    group_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """How those stand now whom an order is about.

    Attributes:
        world: the job's rules, holds and protections; `groups` are those of the concern that exist, by name.
        logins: by id.
        rows: our memory of them, by login id; locks of holds that have ended count as ours.
        member_of: ids of the groups of the concern that each login is in, by login id.
        existing: all groups of the service, by id.
    """

    world: World
    logins: Mapping[int, Login]
    rows: Mapping[int, LedgerRow]
    member_of: Mapping[int, frozenset[int]]
    existing: Mapping[int, Group]

    def groups_of(self, login_id: int) -> frozenset[int]:
        """Ids of the groups of the concern that a login is in."""
        return self.member_of.get(login_id, frozenset())

    def named(self, name: str) -> Login | None:
        """The login that carries a name, whatever its case, where the concern asked for it."""
        return next((login for login in self.logins.values() if fold(login.login) == fold(name)), None)

    def of(self, anchor: Anchor) -> LedgerRow | None:
        """Our memory of the login that a person has now."""
        return next((row for row in self.rows.values() if row.anchor == anchor and row.login_id in self.logins), None)


@dataclass(frozen=True, slots=True)
class Proposed:
    """What an order comes to.

    Attributes:
        decisions: what would be made, and what is left alone.
        notes: what a person should know beside them, each a sentence.
        whole: what the whole of it is that a part may have been chosen of; it is counted where a number decides how
            many people must approve.
    """

    decisions: Sequence[Decision]
    notes: Sequence[str] = ()
    whole: Iterable[Change] = ()


def _nothing_before(_: RunRow, __: Plan) -> None:
    """Nothing is to be kept before it is applied."""


def _nothing_after(_: RunRow, __: Plan, ___: Applied) -> Mapping[str, Any]:
    """Nothing is to be kept once it was applied."""
    return {}


def _nothing_then(_: Plan, __: Applied) -> Sequence[Change]:
    """Nothing follows from what was made."""
    return ()


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for.

    Attributes:
        words: what it is, for the plan and the history: `undo of run 8812`.
        concern: whom it is about.
        propose: what follows from how they stand now. Asked once for each plan; may ask the service.
        before: called under the lease with the plan, before anything of it is made.
        then: what can only be said once the plan was made, such as about logins that it created.
        counts: whether a ruling of a person counts for this order, in its plan and right before each change.
        after: called with what became of it all, under the lease; what it returns is kept in the run's report.
        heard: told of each change of the plan once its end is recorded.
    """

    words: str
    concern: Concern
    propose: Callable[[Found], Proposed]
    before: Callable[[RunRow, Plan], None] = _nothing_before
    counts: Callable[[Ruling], bool] = everything_counts
    then: Callable[[Plan, Applied], Sequence[Change]] = _nothing_then
    after: Callable[[RunRow, Plan, Applied], Mapping[str, Any]] = _nothing_after
    heard: Heard = unheard


def preview(job: Job, tools: Tools, request: Request, order: Order) -> Plan:
    """What an order would do. Changes nothing and takes no lease; the plan is kept, so that it can be shown.

    Raises `ServiceUnproven` where the reading of the service is not believed, `ConfigurationError` where our memory is
    another service's, `Unavailable` and `AccessRefused` where it cannot be read at all.
    """
    plan, _ = _planned(job, tools, request, order)
    keep(plan, job, tools)
    return plan


def order_exit_code(plan: Plan) -> int:
    """What the preview of an order exits with: 3 where nothing of it may be made, 2 where something would be."""
    if plan.violations or (plan.skips and not plan.changes):
        return Refused.exit_code
    return 2 if plan.changes else 0


def carry_out_order(job: Job, tools: Tools, make_writer: MakeWriter, request: Request, order: Order) -> RunReport:
    """Plan and apply an order under the lease of the service.

    Raises as `preview`, and `LeaseHeld` where another run holds the service. What is raised is recorded.
    """
    row = begun(job, tools, request.command)
    patience = Patience(lease_seconds(job, tools), stop=request.stop, worth=is_brief)
    with leased(job, tools, row, patience) as lease:
        return _Ordered(job, tools, lease, request, row, order).run(make_writer)


class _Ordered:
    def __init__(self, job: Job, tools: Tools, lease: Lease, request: Request, row: RunRow, order: Order) -> None:
        self.job, self.tools, self.lease, self.request, self.row, self.order = job, tools, lease, request, row, order
        self.service = job.target.service
        self.began = tools.clock.monotonic()

    def run(self, make_writer: MakeWriter) -> RunReport:
        self.tools.state.start_run(self.row, self.job.config, self.job.digest)
        try:
            return self._run(make_writer)
        except BaseException as error:
            code = error.exit_code if isinstance(error, IwdsError) else 1
            with suppress(IwdsError):
                self._ended(
                    code, str(error) if isinstance(error, IwdsError) else f"ended by {type(error).__name__}", {}
                )
            raise

    def _run(self, make_writer: MakeWriter) -> RunReport:
        journal = self.tools.state.journal(self.row.id, self.service, self.lease)
        settle_open_intents(self.job, self.tools, journal, make_writer)
        plan, find = _planned(self.job, self.tools, self.request, self.order)
        moved: tuple[Moved, ...] = ()
        if self.request.approved:
            plan, moved = narrowed(plan, self.request.approved, find)
        keep(plan, self.job, self.tools)
        self.row = replace(self.row, plan=plan.id)
        if plan.violations:
            guards = ", ".join(dict.fromkeys(gauge.kind.value for gauge in plan.violations))
            run = self._ended(Refused.exit_code, f"held by the guard {guards}", summary_data(plan))
            return RunReport(run, plan, None, moved)
        if plan.changes and not self.request.confirm(plan):
            return RunReport(self._ended(0, "declined: nothing was changed", summary_data(plan)), plan, None, moved)
        counts, heard = self.order.counts, self.order.heard
        own = Own(self.lease, journal, self.request.stop, self._until(), counts=counts, heard=heard)
        applied, kept = self._applied(plan, own, make_writer)
        report = summary_data(plan) | moved_data(moved) | applied_data(applied) | dict(kept)
        if self.request.approved:
            report |= {APPLIED: self.request.approved.id}
        run = self._ended(_ending_code(plan, applied, moved), ending_words(plan, applied, moved), report)
        return RunReport(run, plan, applied, moved)

    def _applied(self, plan: Plan, own: Own, make_writer: MakeWriter) -> tuple[Applied, Mapping[str, Any]]:
        """The plan made true, and what follows from that; and what the order wants to be kept."""
        self.tools.state.take_over_holds(self.service, plan.made_at, self.row.id, self.lease)
        if not plan.changes:
            return Applied(), {}
        self.order.before(self.row, plan)
        applied = carry_out(plan, self.job, self.tools, own, make_writer)
        if not applied.stopped and (further := tuple(self.order.then(plan, applied))):
            # It completes what was approved, and nobody could have approved it: the login did not exist.
            rest = replace(plan, changes=further, basis=replace(plan.basis, approval=NOTHING_NEEDED))
            later = carry_out(rest, self.job, self.tools, own, make_writer)
            applied = _together(applied, later)
        return applied, self.order.after(self.row, plan, applied)

    def _until(self) -> float | None:
        """The monotonic time after which no further change is begun."""
        seconds = self.job.deadline if self.request.deadline is None else self.request.deadline
        return None if seconds is None else self.began + seconds

    def _ended(self, code: int, words: str, report: Mapping[str, Any]) -> RunRow:
        """Nothing is learnt from it: neither that the job was applied, nor a configuration, nor a reading."""
        ended, summary = self.tools.clock.now(), f"{self.order.words}: {words}"
        self.row = replace(self.row, ended=ended, exit_code=code, summary=summary, report=report)
        self.tools.state.finish_run(self.row)
        return self.row


def _together(first: Applied, later: Applied) -> Applied:
    return Applied(
        first.results + later.results,
        first.outcomes + later.outcomes,
        first.done + later.done,
        first.stopped or later.stopped,
    )


def _ending_code(plan: Plan, applied: Applied, moved: Sequence[Moved]) -> int:
    """0 where all that was ordered was made; what was not is a matter for who ordered it."""
    if not (plan.skips or moved or applied.outcomes or applied.stopped):
        return 0
    sent = applied.done or any(result in (Result.REJECTED, Result.UNKNOWN) for _, result, _ in applied.outcomes)
    return 4 if sent or applied.stopped else Refused.exit_code


def _planned(job: Job, tools: Tools, request: Request, order: Order) -> tuple[Plan, Find]:
    """The plan, and how somebody whom it is about stands."""
    waist = tools.waist()
    try:
        return _Planning(job, tools, request, order, waist).plan()
    finally:
        waist.close()


class _Planning:
    def __init__(self, job: Job, tools: Tools, request: Request, order: Order, waist: Waist) -> None:
        self.job, self.tools, self.request, self.order, self.waist = job, tools, request, order, waist
        self.now = tools.clock.now()
        self.holds = tools.state.open_holds(job.target.service)

    def plan(self) -> tuple[Plan, Find]:
        job, service = self.job, self.job.target.service
        memory = self.tools.state.memory(job.name, service, self.now - RECENT)
        refuse_orphans(job, self.tools.state, memory)
        existing = job.target.read_groups()
        groups = {group.name: group for group in existing if self._concerns(group)}
        kept = self._kept()
        reading = ServiceReading(job.target, self.tools.progress, self.request.stop)
        proof = reading.read(kept, [group.id for group in groups.values()])
        refuse_unproven(proof)
        world = self._world(groups)
        tally = self.waist.join(world)
        if tally.another_service:
            raise another_service(job, tally)
        by_id = {group.id: group for group in existing}
        proposed = self.order.propose(Found(world, kept.logins, kept.rows, kept.groups(), by_id))
        populations = Populations(tally.population, tally.members, {}, memory.recent)
        rulings = standing(job, self.tools, counts=self.order.counts)
        facts = Facts(self._basis(proof, tally, memory, proposed), populations, job.limits, rulings, job.lifetime)
        head = (secrets.token_hex(4), job.name, str(service), self.now)
        return assemble(head, proposed.decisions, facts, self.request.selection), kept.standing

    def _concerns(self, group: Group) -> bool:
        return group.id in self.order.concern.groups or group.name in self.order.concern.group_names

    def _kept(self) -> "_Kept":
        kept = _Kept(self.waist, self.order.concern)
        rows = with_ended_holds(self.tools.state.ledger(self.job.target.service), self.holds, self.now)
        self.waist.add_ledger(kept.remembered(rows))
        return kept

    def _world(self, groups: Mapping[str, Group]) -> World:
        holds: Sequence[HoldRow] = self.holds
        # A group of the concern need not be governed any more, so that the job's rules say nothing of it.
        return replace(world_of(self.job, {}, frozenset(), holds, (), self.now), groups=groups)

    def _basis(self, proof: Proof, tally: Tally, memory: JobMemory, proposed: Proposed) -> Basis:
        """No source was asked: neither first run nor changed configuration hold anything back."""
        rule = rule_of(self.job, self.tools)
        whole = sum(rule.approval.part(change) is not None for change in proposed.whole)
        return Basis(
            sources=(),
            service=proof,
            tally=tally,
            config_digest=self.job.digest,
            config_changed=False,
            first_run=False,
            accepted_by=memory.accepted_by,
            notes=(*proposed.notes, *([rule.note] if rule.note else [])),
            approval=rule.approval,
            to_approve=max(rule.counted, whole),
            parts=self.job.parts,
            ordered=self.order.words,
        )


@dataclass(slots=True)
class _Kept:
    """A waist that keeps in memory whom an order is about."""

    waist: Waist
    concern: Concern
    rows: dict[int, LedgerRow] = field(default_factory=dict)
    logins: dict[int, Login] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)

    def remembered(self, rows: Iterable[LedgerRow]) -> Iterator[LedgerRow]:
        """The ledger as it passes by. All of it passes before the first login does."""
        for row in rows:
            if row.login_id in self.concern.logins or row.anchor in self.concern.anchors:
                self.rows[row.login_id] = row
            yield row

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Take in logins, streamed."""
        self.waist.add_logins(map(self._login, logins))

    def _login(self, login: Login) -> Login:
        concern = self.concern
        if login.id in concern.logins or login.id in self.rows or fold(login.login) in concern.names:
            self.logins[login.id] = login
        return login

    def forget_logins(self) -> None:
        """They are read anew."""
        self.logins.clear()
        self.waist.forget_logins()

    def add_members(self, members: Iterable[Membership]) -> None:
        """Take in memberships, streamed; all logins are in by now."""
        self.waist.add_members(map(self._member, members))

    def _member(self, member: Membership) -> Membership:
        if member.login_id in self.logins:
            self.members.setdefault(member.login_id, set()).add(member.group_id)
        return member

    def forget_members(self) -> None:
        """They are read anew."""
        self.members.clear()
        self.waist.forget_members()

    def groups(self) -> dict[int, frozenset[int]]:
        """Ids of the groups of the concern that each login is in."""
        return {login_id: frozenset(groups) for login_id, groups in self.members.items()}

    def standing(self, subject: Subject) -> Standing:
        """How somebody of the concern stands on the service; no directory was asked about them."""
        groups = frozenset(self.members.get(subject.login_id or 0, ()))
        return Standing(login=self.logins.get(subject.login_id or 0), groups=groups)
