"""From a job to a plan: read both sides, join, decide, assemble. Nothing here can change the service."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from iwds.core.assembly import Facts, assemble
from iwds.core.change import Adopt, CreateLogin
from iwds.core.configuration import aspects_changed
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal
from iwds.core.guards import Populations
from iwds.core.leaving import Departures
from iwds.core.matching import Case, Graces, Match, Tally, is_settled
from iwds.core.model import Group, LedgerRow, Proof
from iwds.core.moved import Find
from iwds.core.nearest import close
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.policy import HoldKind, World
from iwds.core.restored import NOTE, is_older, without_doubtful
from iwds.engine.groups_read import told_empty
from iwds.engine.job import Job, Tools
from iwds.engine.judging import Judging, then_of
from iwds.engine.onlooking import Onlooker, Shown
from iwds.engine.parting import Parting
from iwds.engine.people import People
from iwds.engine.role_reading import RoleReading
from iwds.engine.ruling import rule_of, standing
from iwds.engine.service_reading import ServiceReading, refuse_unproven
from iwds.engine.surroundings import (
    RECENT,
    another_service,
    governed,
    has_changed,
    refuse_orphans,
    with_ended_holds,
    world_of,
)
from iwds.engine.unsettled import told_unmailed, unmailed
from iwds.errors import ConfigurationError, ServiceUnproven, Stopped
from iwds.ports import JobMemory, Waist

Watch = Callable[[Case, World], None]
"""Shown every case that does not agree, as it is decided."""
Narrow = Callable[[Plan, Find], Plan]
"""Given a plan, and what was read of anybody, while that can still be asked; gives the plan that counts."""


@dataclass(frozen=True, slots=True)
class Readings:
    """The proofs of everything that was read."""

    sources: tuple[Proof, ...]
    service: Proof


def _unwatched(_: Case, __: World) -> None:
    """Nobody looks at single cases."""


def _whole(plan: Plan, _: Find) -> Plan:
    """Nothing is cut off."""
    return plan


def make_plan(
    job: Job,
    tools: Tools,
    selection: Selection | None = None,
    stop: threading.Event | None = None,
    *,
    alone: bool = False,
    watch: Watch = _unwatched,
    narrow: Narrow = _whole,
    onlooker: Onlooker | None = None,
) -> tuple[Plan, Tally]:
    """Read, join, decide and assemble; `stop` ends the reading with `Stopped`, `watch` is shown every case.

    `onlooker` is shown everybody and every login that is read, such as a `Marking`.

    `narrow` makes the plan that counts of the one that was assembled, such as its intersection with a saved one.

    `alone` says that the lease is held and that everything open was settled: only then does a login that our memory
    lacks mean that it is an older one.

    Returns the plan, and the tally with the tags that our memory lacks. Raises `ServiceUnproven` where the service's
    reading contradicts itself, `ConfigurationError` where the ledger belongs to another service or the job has no
    sources, `Unavailable` and `AccessRefused` where something cannot be read at all.
    """
    if not job.sources:
        advice = f"give it the rows of a file: iwds batch FILE.csv --job {job.name}"
        raise ConfigurationError(f"job {job.name} has no sources, so nobody can be read", advice)
    waist = tools.waist()
    try:
        planning = _Planning(job, tools, waist, stop or threading.Event(), watch, onlooker or Onlooker())
        plan, tally = planning.plan(selection or Selection(), alone)
        tools.planned(plan, alone)
        return narrow(plan, waist.standing), tally
    finally:
        waist.close()


class _Planning:
    def __init__(
        self,
        job: Job,
        tools: Tools,
        waist: Waist,
        stop: threading.Event,
        watch: Watch,
        onlooker: Onlooker,
    ) -> None:
        self.job, self.tools, self.waist, self.stop, self.watch = job, tools, waist, stop, watch
        self.onlooker = onlooker
        self.now = tools.clock.now()
        self.holds = tools.state.open_holds(job.target.service)
        self.notes = [*told_unmailed(unmailed(job, tools))]
        self.roles: dict[tuple[int, int], int] = {}
        self.marked: set[int] = set()
        self.lacking: tuple[str, ...] = ()
        self.graces = Graces()
        self.reading = ServiceReading(job.target, tools.progress, stop)
        self.rule = rule_of(job, tools)
        self.notes += [self.rule.note] if self.rule.note else []

    def plan(self, selection: Selection, alone: bool) -> tuple[Plan, Tally]:
        job, service = self.job, self.job.target.service
        memory = self.tools.state.memory(job.name, service, self.now - RECENT)
        self.notes += [*self._ended_exemptions(), *job.rules.ended(self.now)]
        refuse_orphans(job, self.tools.state, memory)
        changed = has_changed(job, memory)
        earlier = job.earlier(memory.configuration) if changed and memory.configuration else None
        before = earlier.rules if earlier else None
        counted = self.reading.counted
        people = People(job, self.waist, self.now, memory.baselines, selection.allow, counted, before, self.onlooker)
        existing = job.target.read_groups()
        self.onlooker.groups(existing)
        groups = self._governed(existing)
        readings = self._read(groups, people)
        realms = frozenset(proof.realm for proof in readings.sources)
        said = self.tools.state.matches(service)
        world = replace(world_of(job, groups, realms, self.holds, said, self.now), edited=changed)
        withheld = {proof.name: proof.withheld for proof in readings.sources}
        then = then_of(earlier, world, {group.name: group for group in existing}) if earlier else None
        judging = Judging(job, self.now, withheld, changed, then)
        tally = self.waist.join(world)
        if tally.another_service:
            raise another_service(job, tally)
        self.onlooker.joined(self.waist, tally.logins)
        self.notes += tally.unfit
        decisions, differing, ours = self._decide(world, judging)
        if alone and memory.applied_before and is_older(decisions, job.policy.provisioning_id):
            tally, decisions = replace(tally, older=True), list(without_doubtful(decisions))
            self.notes.append(NOTE)
        proposed = (d.change for d in decisions if isinstance(d, Proposal) and not d.exempt)
        readings = replace(readings, sources=people.confirmed(readings.sources, proposed))
        if memory.applied_before and all(proof.proven for proof in readings.sources):
            decisions = self._parted(decisions)
        agreed = tally.people - sum(tally.absent.values()) - differing
        basis = replace(self._basis(readings, tally, memory), agreed=agreed, matched=agreed + ours)
        populations = self._populations(basis, decisions, memory)
        facts = Facts(basis, populations, job.limits, standing(job, self.tools), job.lifetime)
        plan_id = secrets.token_hex(4)
        plan = assemble((plan_id, job.name, str(service), self.now), decisions, facts, selection)
        return plan, replace(tally, roles=self.roles, graces=self.graces)

    def _governed(self, existing: Sequence[Group]) -> dict[str, Group]:
        """The service's groups that the mapping governs; those that do not exist become a note."""
        groups = governed(self.job, existing)
        self.lacking = tuple(sorted(self.job.rules.groups.keys() - groups.keys()))
        if self.lacking:
            known = [group.name for group in existing]
            told = ", ".join(name + close(name, known) for name in self.lacking)
            self.notes.append(f"the service has no group {told}: such memberships are not made")
        return groups

    def _ended_exemptions(self) -> Iterator[str]:
        """Told until a run takes note of it."""
        for row in self.holds:
            if row.hold.kind is HoldKind.EXEMPT and not row.hold.stands(self.now):
                known = self.tools.state.ledger_row(self.job.target.service, row.login_id)
                yield f"{known.login if known else f'login {row.login_id}'} is exempt no more: {row.hold}"

    def _read(self, groups: dict[str, Group], people: People) -> Readings:
        """Both sides at the same time: they are different machines."""
        self.notes += self.onlooker.begin()
        self.waist.add_ledger(self._remembered())
        basin = Shown(self.waist, self.onlooker)
        with ThreadPoolExecutor(2) as threads:
            everybody = threads.submit(people.read)
            service = threads.submit(self.reading.read, basin, [group.id for group in groups.values()])
            sources, notes = everybody.result()
            self.notes += notes
            readings = Readings(sources, service.result())
        refuse_unproven(readings.service)
        return readings

    def _remembered(self) -> Iterator[LedgerRow]:
        """The ledger; whose grace has begun is remembered."""
        for row in with_ended_holds(self.tools.state.ledger(self.job.target.service), self.holds, self.now):
            if row.left_at and row.owner == self.job.policy.provisioning_id:
                self.marked.add(row.login_id)
            yield row

    def _decide(self, world: World, judging: Judging) -> tuple[list[Decision], int, int]:
        """What every case leads to, how many of the cases have an account, and how many of these a login of ours."""
        decisions: list[Decision] = []
        differing = ours = 0
        reading = RoleReading(self.job.target, self._told_of_roles)
        departures = Departures(self.marked, world)
        for case in reading.of(self.waist.cases()):
            self.watch(case, world)
            self._remember_roles(case, world)
            if is_settled(case, world):
                continue
            self._look_for(case)
            differing += case.account is not None
            ours += case.match is Match.OURS and case.row is not None and case.row.owner == world.policy.provisioning_id
            decisions.extend(judging.of(case, list(decide(case, world))))
            departures.see(case)
        self.graces = departures.graces()
        if reading.unread:
            told = f"{reading.unread:,} of {reading.asked:,} logins"
            self.notes.append(f"roles in groups that could not be read stay as they are: those of {told}")
        return decisions, differing, ours

    def _parted(self, decisions: Sequence[Decision]) -> list[Decision]:
        """With what each deletion would take for good; whoever is still in the directory is locked instead."""
        parting = Parting(self.job, self._told_of_deletions)
        parted = parting.of(decisions)
        self.graces = replace(self.graces, end=self.graces.end | parting.seen)
        return parted

    def _told_of_deletions(self, asked: int) -> None:
        self.tools.progress("deletions", asked, None)
        self.reading.stop_if_asked("what deletions would take")

    def _told_of_roles(self, asked: int) -> None:
        self.tools.progress("roles", asked, None)
        if self.stop.is_set():
            raise Stopped("stopped on request while reading roles; nothing was changed")

    def _remember_roles(self, case: Case, world: World) -> None:
        """Of what was read, what our memory lacks: then the next run need not ask again."""
        if not case.roles or case.account is None or case.row is None or case.login is None:
            return
        wanted = world.roles_wanted(case.account)
        for group, role in case.roles.items():
            if role == wanted[group] != case.row.group_roles.get(group):
                self.roles[case.login.id, group] = role

    def _look_for(self, case: Case) -> None:
        """A login of ours that the reading did not show must really be gone, or the reading missed it."""
        if case.row is None or case.gone is None:
            return
        if self.job.target.login(case.gone, case.row.login) is not None:
            raise ServiceUnproven(
                f"the service answers for login {case.gone} ({case.row.login}), and its reading did not show it",
                "somebody changed the service while it was read: nothing was planned; run it again",
            )

    def _basis(self, readings: Readings, tally: Tally, memory: JobMemory) -> Basis:
        changed = has_changed(self.job, memory)
        basis = self._facts(readings, tally, memory, changed)
        if basis.misfits:
            new = changed or basis.first_run
            told = "this mapping counts as not applied until somebody lets it pass" if new else "they are left alone"
            self.notes.append(f"{basis.misfits:,} of {tally.people:,} people cannot be mapped: {told}")
        self.notes += self._unknown_groups(readings) if changed or basis.first_run else ()
        return replace(basis, notes=tuple(self.notes))

    def _unknown_groups(self, readings: Readings) -> Iterator[str]:
        if all(proof.proven for proof in readings.sources):
            yield from told_empty(self.job.rules, [proof.presence for proof in readings.sources])

    def _facts(self, readings: Readings, tally: Tally, memory: JobMemory, changed: bool) -> Basis:
        return Basis(
            sources=readings.sources,
            service=readings.service,
            tally=tally,
            config_digest=self.job.digest,
            config_changed=changed,
            first_run=not memory.applied_before,
            aspects=aspects_changed(memory.configuration, self.job.deciding) if changed else (),
            accepted_by=memory.accepted_by if changed else "",
            approval=self.rule.approval,
            parts=self.job.parts,
            lacking=self.lacking,
        )

    def _populations(self, basis: Basis, decisions: Sequence[Decision], memory: JobMemory) -> Populations:
        active = basis.tally.population
        if basis.first_run:
            active += sum(isinstance(d, Proposal) and isinstance(d.change, CreateLogin | Adopt) for d in decisions)
        before = memory.baselines
        sources = {p.name: (before[p.name].most, p.count) for p in basis.sources if p.name in before}
        return Populations(active, basis.tally.members, sources, memory.recent)
