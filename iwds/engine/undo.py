"""Undo a run: what it really did, read from its journal, is put back where it still stands.

The journal says what was there before, and nothing else: whose a login is now, who locked it, who holds it and what
others changed since is read afresh (`engine.ordered`, `core.undo`). What was undone is rejected until a date, so that
the next run does not do it again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from iwds.core.change import (
    Change,
    CreateLogin,
    DeleteLogin,
    Kind,
    SendActivation,
    Subject,
    Write,
    fields_changed,
    kinds,
)
from iwds.core.decision import Decision, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.document import change_from_data
from iwds.core.model import Login, fold
from iwds.core.net import Net, Now, Step, Undone, nets
from iwds.core.plan import UNDO_OF, Plan, chosen_part
from iwds.core.rulings import Ruling, Verdict, ends_access
from iwds.core.undo import inverse, undone
from iwds.core.undo_logins import is_locked, lock, locked_anew
from iwds.engine.applying import Applied, may_stand, was_sent
from iwds.engine.job import Job, MakeWriter, Tools
from iwds.engine.leasing import UNDO, lease_seconds
from iwds.engine.ordered import Concern, Found, Order, Proposed, carry_out_order, preview
from iwds.engine.rejections import KEPT, Rejections
from iwds.engine.running import Request, RunReport
from iwds.engine.who import caller
from iwds.errors import LeaseHeld, LoginUnknown, Refused, UsageError
from iwds.ports import IntentRow, Result, RunRow, State, Told


@dataclass(frozen=True, slots=True)
class Wish:
    """Which part of a run is to be undone, and for how long it is not done again.

    Attributes:
        only: kinds of the run's changes (`create`, `update`, …); empty for all.
        logins: login names as they were or are, `#` and an id, or ids of entries; empty for everybody.
        groups: names of groups: only what the run did to their members; empty for everything.
        until: until when no run does again what is undone; None for the next one.
        ticket: kept with that.
    """

    only: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    until: datetime | None = None
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """What cannot come back of one person, each a sentence."""

    login: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What undoing a run would do, or did.

    Attributes:
        rejected: how many rejections keep later runs from doing it again.
        report: None where it was only looked at.
    """

    run: RunRow
    plan: Plan
    lost: tuple[Lost, ...]
    rejected: int = 0
    report: RunReport | None = None


def run_to_undo(state: State, run_id: str) -> RunRow:
    """The run; `UsageError` where there is none, or where it wrote nothing."""
    run = state.run(run_id)
    if run is None:
        raise UsageError(f'no run is called "{run_id}"', "see the runs: iwds history")
    if not any(map(_did, state.intents(run.id))):
        raise UsageError(f"run {run.id} changed nothing, so there is nothing to undo", f"see: iwds show {run.id}")
    return run


def look(job: Job, tools: Tools, run: RunRow, wish: Wish, request: Request) -> Looked:
    """What undoing a run would do. Changes nothing; the plan is kept.

    Raises as `ordered.preview`, `UsageError` where the run was on another service or nothing fits, and `Refused` where
    it is still under way.
    """
    _refuse_unfit(job, tools, run)
    undoing = _Undoing(job, tools, run, wish, request.selection.reason)
    plan = preview(job, tools, request, undoing.order())
    return Looked(run, plan, tuple(undoing.lost), len(undoing.rejections().made(plan)))


def undo(job: Job, tools: Tools, make_writer: MakeWriter, run: RunRow, wish: Wish, request: Request) -> Looked:
    """Undo a run, under the lease of the service. Raises as `look`, and `LeaseHeld`."""
    _refuse_unfit(job, tools, run)
    undoing = _Undoing(job, tools, run, wish, request.selection.reason)
    report = carry_out_order(job, tools, make_writer, request, undoing.order())
    return Looked(run, report.plan, tuple(undoing.lost), report.run.report.get(KEPT, 0), report)


def _refuse_unfit(job: Job, tools: Tools, run: RunRow) -> None:
    service = job.target.service
    if run.service != str(service):
        raise UsageError(f"run {run.id} was on {run.service}, and job {job.name} works on {service} now")
    if run.ended is None:
        _refuse_under_way(job, tools, run)


def _refuse_under_way(job: Job, tools: Tools, run: RunRow) -> None:
    """A run without an end is under way, or its process died: whoever gets the lease knows that it is not under way."""
    try:
        tools.state.lease(job.target.service, f"{caller()} {UNDO}", lease_seconds(job, tools)).release()
    except LeaseHeld as error:
        raise Refused(f"run {run.id} has not ended: {error.message}", "undo it once it has ended") from error


def _did(row: IntentRow) -> bool:
    """Whether a run did something, or may have."""
    return row.result is Result.DONE or may_stand(row.result, row.error)


@dataclass(slots=True)
class _Undoing:
    """One undoing of one run.

    `lost` is that of the last plan, `locks` whom it gives a login that has to end locked, and `relocked` whose lock is
    another hand's by now, with what shows that.
    """

    job: Job
    tools: Tools
    run: RunRow
    wish: Wish
    reason: str
    lost: list[Lost] = field(default_factory=list)
    locks: set[str] = field(default_factory=set)
    relocked: Mapping[int, str] = field(default_factory=dict)

    def order(self) -> Order:
        """The order; whom it is about is everybody of the run, also those of whom an end is not known yet."""
        rows = [(change, row) for change, row in self._chosen() if _did(row)]
        if not rows:
            raise UsageError(f"nothing that run {self.run.id} did fits", f"see what it did: iwds show {self.run.id}")
        concern = _concern(Step(change, row.login_id) for change, row in rows)
        rejections = self.rejections()
        return Order(
            f"{UNDO_OF}{self.run.id}",
            concern,
            self.propose,
            before=rejections.before,
            counts=lambda ruling: rejections.counts(ruling) and not self._spares_a_lock(ruling),
            then=self.then,
            after=rejections.after,
        )

    def rejections(self) -> Rejections:
        """Those that keep later runs from doing it again."""
        return Rejections(self.job, self.tools, self.run, self.wish.until, self.reason, self.wish.ticket)

    def _spares_a_lock(self, ruling: Ruling) -> bool:
        """Whether a ruling would leave somebody active who is given back a login that was locked."""
        return ruling.verdict is Verdict.REJECTED and ruling.subject.key in self.locks and ends_access(ruling)

    def _chosen(self) -> Iterator[tuple[Change, IntentRow]]:
        for row in self.tools.state.intents(self.run.id):
            change = change_from_data(row.change)
            part = chosen_part(change, self.wish.only)
            if part and _is_about(part, row.login_id, self.wish):
                yield part, row

    def propose(self, found: Found) -> Proposed:
        """What follows from the journal as it is now: the end of some changes may just have been settled."""
        self.lost, self.locks = [], set()
        steps, decisions = list[Step](), list[Decision]()
        for change, row in self._chosen():
            if _known(row) or (_did(row) and isinstance(change, SendActivation)):
                steps.append(Step(change, row.login_id))
            elif _did(row):
                detail = f"nobody knows whether run {self.run.id} did it; see how it is, and put it right by hand"
                decisions.append(Skip(change.subject, Reason.UNPROVEN, detail, change))
        run_nets = nets(steps)
        self.relocked = self._relocked(run_nets, found)
        for number, net in enumerate(run_nets, 1):
            self.tools.progress("undo", number, len(run_nets))
            decisions += self._decided(net, found)
        return Proposed(decisions, tuple(self._notes()), self._whole())

    def _whole(self) -> Iterator[Change]:
        """What undoing the whole run would be, however much of it is chosen, and stands by now."""
        rows = (row for row in self.tools.state.intents(self.run.id) if _known(row))
        for net in nets(Step(change_from_data(row.change), row.login_id) for row in rows):
            yield from inverse(net)

    def _relocked(self, run_nets: Sequence[Net], found: Found) -> Mapping[int, str]:
        """Whose lock somebody else made anew since ours, by login id, and what shows that; nobody else tells us so."""
        locked = {net.login_id: net.subject for net in run_nets if is_locked(net) and net.login_id in found.logins}
        if not locked:
            return {}
        anchors = dict.fromkeys(subject.anchor for subject in locked.values() if subject.anchor)
        ours = _locked_at(self.tools.state.changes_about(self.job.target.service, anchors))
        helpdesk = self.tools.state.last_actions(self.job.target.service, ("lock", "unlock"))
        told = {n: locked_anew(found.logins[n], ours.get(n), helpdesk.get(n)) for n in locked}
        return {number: why for number, why in told.items() if why}

    def _decided(self, net: Net, found: Found) -> Sequence[Decision]:
        result: Undone = undone(net, self._now(net, found), f"undoes run {self.run.id}")
        if result.lost:
            self.lost.append(Lost(net.subject.login, result.lost))
        if result.locks:
            self.locks.add(net.subject.key)
        return result.decisions

    def _now(self, net: Net, found: Found) -> Now:
        target, login = self.job.target, found.logins.get(net.login_id)
        row, roles = found.rows.get(net.login_id), dict[int, int]()
        loss, other = None, None
        if net.deleted and net.subject.anchor and (row := found.of(net.subject.anchor)):
            other = found.logins[row.login_id]
            roles = dict.fromkeys(found.groups_of(other.id), 0)
        elif net.created and login:
            loss, roles = self._loss(login), dict.fromkeys(found.groups_of(login.id), 0)
        elif login and (inside := found.groups_of(login.id) & (net.groups.keys() | net.left.keys())):
            roles = dict(target.roles_in(inside, login.id))
        relocked = self.relocked.get(net.login_id, "")
        return Now(login, row, found.world, roles, loss, other, found.named, found.existing, relocked)

    def _loss(self, login: Login) -> Loss | None:
        try:
            return self.job.target.loss(login.id)
        except LoginUnknown:
            return None

    def _notes(self) -> Iterator[str]:
        """What cannot come back, for whoever looks at the plan later."""
        for each in self.lost:
            yield f"{each.login} cannot get back: {'; '.join(each.what)}"

    def then(self, _: Plan, applied: Applied) -> Sequence[Change]:
        """Whoever was locked when they were deleted is locked again, once they have a login."""
        created = (c for c in applied.done if isinstance(c, CreateLogin) and c.subject.key in self.locks)
        return [write for change in created if (write := self._lock(change))]

    def _lock(self, change: CreateLogin) -> Write | None:
        service = self.job.target.service
        for row in self.tools.state.find_rows(service, anchor=change.subject.anchor):
            login = self.job.target.login(row.login_id, row.login)
            if login and fold(login.login) == fold(change.account.login):
                return lock(Subject(login.login, change.subject.anchor, login.id), login, change.because)
        return None


def _known(row: IntentRow) -> bool:
    """Whether it is known what a change left on the service: it was made, or sent and partly taken back."""
    return row.result is Result.DONE or was_sent(row.result, row.error)


def _locked_at(history: Iterable[Told]) -> Mapping[int, datetime]:
    """When runs of ours locked logins last, by login id."""
    last = dict[int, datetime]()
    for told in history:
        change = change_from_data(dict(told.change))
        if told.login_id and told.result is Result.DONE and Kind.LOCK in kinds(change):
            last[told.login_id] = told.ended or told.at
    return last


def _concern(steps: Iterable[Step]) -> Concern:
    """Whom the changes of a run are about."""
    logins, names, groups, group_names = set[int](), set[str](), set[int](), set[str]()
    anchors = set()
    for change, login_id in steps:
        logins |= {login_id, change.subject.login_id or 0} - {0}
        anchors |= {change.subject.anchor} if change.subject.anchor else set()
        match change:
            case Write() if "login" in fields_changed(change):
                names.add(fold(change.before.login))
            case DeleteLogin():
                names.add(fold(change.before.login))
                groups |= set(change.groups)
                group_names |= {name for name, _ in change.lost.groups} if change.lost else set()
            case _:
                groups |= {group.id} if (group := getattr(change, "group", None)) else set()
    return Concern(*map(frozenset, (logins, anchors, names, groups, group_names)))  # type: ignore[arg-type]


def _is_about(change: Change, login_id: int, wish: Wish) -> bool:
    group = getattr(change, "group", None)
    if wish.groups and (group is None or fold(group.name) not in map(fold, wish.groups)):
        return False
    return not wish.logins or not _names(change, login_id).isdisjoint(map(fold, wish.logins))


def _names(change: Change, login_id: int) -> set[str]:
    """What somebody may call the person that a change is about."""
    who = change.subject
    names = {who.login, f"#{login_id or who.login_id}", who.anchor.id if who.anchor else ""}
    if isinstance(change, Write):
        names |= {change.before.login, change.after.login}
    return {fold(name) for name in names}
