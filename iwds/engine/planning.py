"""From a job to a plan: read both sides, join, decide, assemble. Nothing here can change the service."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from iwds.core.assembly import Facts, assemble
from iwds.core.change import Adopt, CreateLogin
from iwds.core.decide import Decision, Proposal, decide
from iwds.core.guards import Populations
from iwds.core.matching import Case, Match, Tally
from iwds.core.model import Account, Entry, Group, Proof, Unmapped, fold
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.policy import World
from iwds.core.restored import NOTE, is_older, without_doubtful
from iwds.engine.job import Job, Tools
from iwds.engine.unsettled import told_unmailed, unmailed
from iwds.errors import ConfigurationError, ServiceUnproven, Stopped
from iwds.ports import JobMemory, ReadStream, Source, T_co, Waist

RECENT = timedelta(hours=20)
"""Guards count what was applied in this time before, so that a limit cannot be crossed in small steps."""
TICK = 500
"""How many items lie between two words of progress."""


@dataclass(frozen=True, slots=True)
class Readings:
    """The proofs of everything that was read."""

    sources: tuple[Proof, ...]
    service: Proof


def make_plan(
    job: Job,
    tools: Tools,
    selection: Selection | None = None,
    stop: threading.Event | None = None,
    *,
    alone: bool = False,
) -> tuple[Plan, Tally]:
    """Read, join, decide and assemble; `stop` ends the reading with `Stopped`.

    `alone` says that the lease is held and that everything open was settled: only then does a login that our memory
    lacks mean that it is an older one.

    Returns the plan, and the tally with the tags that our memory lacks. Raises `ServiceUnproven` where the service's
    reading contradicts itself, `ConfigurationError` where the ledger belongs to another service, `Unavailable` and
    `AccessRefused` where something cannot be read at all.
    """
    waist = tools.waist()
    try:
        return _Planning(job, tools, waist, stop or threading.Event()).plan(selection or Selection(), alone)
    finally:
        waist.close()


class _Planning:
    def __init__(self, job: Job, tools: Tools, waist: Waist, stop: threading.Event) -> None:
        self.job, self.tools, self.waist, self.stop = job, tools, waist, stop
        self.now = tools.clock.now()
        self.notes = [*told_unmailed(unmailed(job, tools))]

    def plan(self, selection: Selection, alone: bool) -> tuple[Plan, Tally]:
        job, service = self.job, self.job.target.service
        groups = self._governed(job.target.read_groups())
        readings = self._read(groups)
        world = self._world(groups, readings)
        tally = self.waist.join(world)
        if tally.another_service:
            raise self._another_service(tally)
        memory = self.tools.state.memory(job.name, service, self.now - RECENT)
        decisions, differing, ours = self._decide(world)
        if alone and memory.applied_before and is_older(decisions, job.policy.provisioning_id):
            tally, decisions = replace(tally, older=True), list(without_doubtful(decisions))
            self.notes.append(NOTE)
        agreed = tally.people - sum(tally.absent.values()) - differing
        basis = replace(self._basis(readings, tally, memory), agreed=agreed, matched=agreed + ours)
        facts = Facts(basis, self._populations(basis, decisions, memory), job.limits)
        plan_id = secrets.token_hex(4)
        return assemble((plan_id, job.name, str(service), self.now), decisions, facts, selection), tally

    def _governed(self, existing: Sequence[Group]) -> dict[str, Group]:
        """The service's groups that the mapping governs; those that do not exist become a note."""
        by_name = {group.name: group for group in existing}
        missing = sorted(self.job.rules.groups.keys() - by_name.keys())
        if missing:
            self.notes.append(f"the service has no group {', '.join(missing)}: such memberships are not made")
        return {name: by_name[name] for name in self.job.rules.groups if name in by_name}

    def _world(self, groups: dict[str, Group], readings: Readings) -> World:
        job = self.job
        return World(
            policy=job.policy,
            realms=frozenset(proof.realm for proof in readings.sources),
            groups=groups,
            exclusive=frozenset(group.id for name, group in groups.items() if job.rules.groups[name]),
            protected=frozenset(map(fold, job.rules.protected)),
            tagged=job.target.knows_tagged_creation(),
            states_enabled=job.rules.states_enabled,
        )

    def _read(self, groups: dict[str, Group]) -> Readings:
        """Both sides at the same time: they are different machines."""
        self.waist.add_ledger(self.tools.state.ledger(self.job.target.service))
        with ThreadPoolExecutor(2) as threads:
            people = threads.submit(lambda: tuple(self._read_source(source) for source in self.job.sources))
            service = threads.submit(self._read_service, groups)
            readings = Readings(people.result(), service.result())
        if not readings.service.proven:
            raise ServiceUnproven(
                f"the reading of the service is not believed: {'; '.join(readings.service.problems)}",
                "nothing was planned or changed; run it again, and if this stays: iwds check",
            )
        return readings

    def _read_source(self, source: Source) -> Proof:
        stream = source.read(self.job.rules.attributes)
        self.waist.add_people(self._mapped(source.name, stream))
        return stream.finish()

    def _mapped(self, name: str, stream: ReadStream[Entry]) -> Iterator[Account | Unmapped]:
        rules, target, now = self.job.rules, self.job.target, self.now
        for entry in self._counted(name, stream):
            mapped = rules.map(entry, now)
            yield target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped

    def _counted(self, what: str, stream: ReadStream[T_co]) -> Iterator[T_co]:
        done = 0
        for item in stream:
            yield item
            done += 1
            if done % TICK == 0:
                self.tools.progress(what, done, None)
                if self.stop.is_set():
                    raise Stopped(f"stopped on request while reading {what}; nothing was changed")
        self.tools.progress(what, done, done)

    def _read_service(self, groups: dict[str, Group]) -> Proof:
        logins = self.job.target.read_logins()
        self.waist.add_logins(self._counted("service", logins))
        members = self.job.target.read_memberships([group.id for group in groups.values()])
        self.waist.add_members(self._counted("memberships", members))
        proof, second = logins.finish(), members.finish()
        return replace(proof, reasons=proof.reasons + second.reasons, problems=proof.problems + second.problems)

    def _another_service(self, tally: Tally) -> ConfigurationError:
        return ConfigurationError(
            f"{tally.unbelieved} of {tally.rows} logins that we remember for {self.job.target.service} are not there or"
            " are not the ones we knew: this is another service, or it was filled anew",
            "look at url and service_id of the target; nothing was planned or changed",
        )

    def _decide(self, world: World) -> tuple[list[Decision], int, int]:
        """What every case leads to, how many of the cases have an account, and how many of these a login of ours."""
        decisions: list[Decision] = []
        differing = ours = 0
        for case in self.waist.cases():
            self._look_for(case)
            differing += case.account is not None
            ours += case.match is Match.OURS and case.row is not None and case.row.owner == world.policy.provisioning_id
            decisions.extend(decide(case, world))
        return decisions, differing, ours

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
        return Basis(
            sources=readings.sources,
            service=readings.service,
            tally=tally,
            config_digest=self.job.digest,
            config_changed=memory.applied_before and memory.accepted != self.job.digest,
            first_run=not memory.applied_before,
            notes=tuple(self.notes),
        )

    def _populations(self, basis: Basis, decisions: Sequence[Decision], memory: JobMemory) -> Populations:
        active = basis.tally.population
        if basis.first_run:
            active += sum(isinstance(d, Proposal) and isinstance(d.change, CreateLogin | Adopt) for d in decisions)
        counts = memory.counts
        sources = {p.name: (counts[p.name], p.count) for p in basis.sources if p.name in counts}
        return Populations(active, basis.tally.members, sources, memory.recent)
