"""A plan of what changed: the people in question are looked at one by one, and one plan is made of all of them.

Neither a directory nor the service is read whole, so that it asks for fifty people where fifty changed. What only a
reading of everybody can prove is left to the next run that reads everybody, and said so (`core.alone`). It accepts no
configuration and is no measure for a reading.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from iwds.core.alone import absent_alone, made_alone
from iwds.core.approval import Approval
from iwds.core.assembly import Facts, assemble
from iwds.core.decision import Decision, Proposal
from iwds.core.guards import Populations
from iwds.core.matching import Graces, Tally, believed, retagged
from iwds.core.model import Anchor, LedgerRow, Login, Proof, Status
from iwds.core.plan import Basis, Plan, Selection
from iwds.engine.alone import alone_with, population, refuse_another_service
from iwds.engine.changed import Shown, Sought, settings_of, waits_for_approval
from iwds.engine.job import Job, Tools
from iwds.engine.one import gather
from iwds.engine.ruling import rule_of, standing
from iwds.engine.seeking import Candidate
from iwds.engine.sighting import One
from iwds.engine.surroundings import Around, refuse_orphans
from iwds.engine.together import decided
from iwds.engine.unsettled import told_unmailed, unmailed
from iwds.errors import Stopped
from iwds.ports import Due


@dataclass(frozen=True, slots=True)
class PlannedChanges:
    """A plan of what changed, and what its run has to note.

    Attributes:
        due: of whom the rules make something else by time alone, before everybody is read again.
        logins: ids of the logins that our memory has for the people who were looked at.
        people: whom it looked at, with what was shown of them as far as it is still so.
    """

    plan: Plan
    tally: Tally
    due: tuple[Due, ...]
    logins: frozenset[int]
    people: Mapping[Anchor, Shown]


def plan_of_changes(
    job: Job, tools: Tools, found: Sought, around: Around, selection: Selection, stop: threading.Event
) -> PlannedChanges:
    """Look at everybody in question, decide and assemble; `stop` ends it with `Stopped`.

    Raises what could not be asked: nothing is planned then, and the next run sees the same people again.
    """
    return _Planning(job, tools, found, around, stop).planned(selection)


class _Planning:
    def __init__(self, job: Job, tools: Tools, found: Sought, around: Around, stop: threading.Event) -> None:
        self.job, self.tools, self.found, self.around, self.stop = job, tools, found, around, stop
        refuse_orphans(job, tools.state, self.around.memory)
        self.looked = 0

    def planned(self, selection: Selection) -> PlannedChanges:
        ones = self._looks()
        refuse_another_service(self.job, self.tools, ones)
        decisions = [each for one in ones for each in self._made(one)]
        basis = self._basis(ones, decisions)
        populations = Populations(basis.tally.population, {}, {}, self.around.memory.recent)
        facts = Facts(basis, populations, self.job.limits, standing(self.job, self.tools), self.job.lifetime)
        head = (secrets.token_hex(4), self.job.name, str(self.job.target.service), self.around.now)
        logins = frozenset(row.login_id for one in ones for row in one.rows)
        plan, noted = assemble(head, decisions, facts, selection), self._noted(basis.tally, ones)
        people = {one.who.anchor: _still(self._shown(one), one) for one in ones if one.who.anchor}
        return PlannedChanges(plan, noted, tuple(self._due(ones)), logins, people)

    def _looks(self) -> list[One]:
        """Everybody, in lanes; what could not be asked of anybody is raised."""
        self.around.world(frozenset())  # asked once, before the lanes ask for it side by side
        with ThreadPoolExecutor(self.job.target.lanes, thread_name_prefix="looks") as lanes:
            ones = list(lanes.map(self._look, self.found.people))
        return decided(ones, self.job, self.tools, self.around)

    def _look(self, anchor: Anchor) -> One:
        if self.stop.is_set():
            raise Stopped("stopped on request while people were looked at; nothing was changed")
        one = gather(self.job, self.tools, Candidate(anchor, None, str(anchor), ""), self.around)
        for error in one.failed.values():
            raise error
        self.looked += 1
        self.tools.progress("people", self.looked, len(self.found.people))
        return one

    def _made(self, one: One) -> list[Decision]:
        """What is made of somebody who was looked at alone; the rest waits for a run that reads everybody."""
        shown = self._shown(one)
        alone = alone_with(self.job, one, shown.left)
        gone = one.tombstone or (shown.gone and not one.sightings)
        return [*made_alone(one.decisions, alone), *absent_alone(one.on_absence, gone)]

    def _shown(self, one: One) -> Shown:
        return self.found.people[one.who.anchor] if one.who.anchor else Shown()

    def _basis(self, ones: Sequence[One], decisions: Sequence[Decision]) -> Basis:
        rule = rule_of(self.job, self.tools)
        deltas = self.found.deltas.items()
        blind = (f"{name} does not show who was deleted: {delta.blind}" for name, delta in deltas if delta.blind)
        told = (f"{name}: {note}" for name, delta in deltas for note in delta.notes)
        notes = [*told_unmailed(unmailed(self.job, self.tools)), *filter(None, [rule.note]), *blind, *told]
        logins = sum(len(one.logins) for one in ones)
        return Basis(
            sources=tuple(self._proofs(ones)),
            service=Proof("service", "", "logins by id", logins, ("read by id",), (), self.around.now),
            tally=self._tally(ones),
            config_digest=self.job.digest,
            config_changed=False,
            first_run=False,
            approval=rule.approval,
            # What needs two people in the plan of everybody needs them of some people too.
            to_approve=max(rule.counted, self._to_approve(rule.approval, decisions)),
            parts=self.job.parts,
            notes=tuple(notes),
            looked_at=len(ones),
        )

    def _to_approve(self, rule: Approval, decisions: Sequence[Decision]) -> int:
        """How many need approval, with those who wait for it since earlier runs: many pieces are no way past two."""
        own = sum(isinstance(d, Proposal) and not d.meanwhile and rule.part(d.change) is not None for d in decisions)
        others = (each for who, each in self.found.waiting.items() if who not in self.found.people)
        return own + sum(waits_for_approval(each) for each in others)

    def _proofs(self, ones: Sequence[One]) -> Iterator[Proof]:
        for source in self.job.sources:
            seen = [each for one in ones for each in one.sightings if each.source == source.name]
            realm = seen[0].entry.anchor.realm if seen else ""
            yield Proof(source.name, realm, "people by id", len(seen), ("read by id",), (), self.around.now)

    def _tally(self, ones: Sequence[One]) -> Tally:
        pairs = list(_pairs(ones))
        return Tally(
            people=sum(one.counts is not None for one in ones),
            logins=sum(len(one.logins) for one in ones),
            rows=sum(len(one.rows) for one in ones),
            retagged=sum(retagged(row, login) for row, login in pairs),
            population=population(self.job, self.tools),
        )

    def _noted(self, tally: Tally, ones: Sequence[One]) -> Tally:
        """The same with what our memory has to follow, as after every reading."""
        pairs = list(_pairs(ones))
        opened = (row.login_id for row, login in pairs if row.locked and login.status == Status.ACTIVE)
        tags: Mapping[int, int] = {
            row.login_id: login.created_by for row, login in pairs if row.tag is None and login.created_by is not None
        }
        back = frozenset(row.login_id for one in ones if one.counts for row in one.rows if row.left_at)
        return replace(tally, tags=tags, unlocked=frozenset(opened), graces=Graces(end=back))

    def _due(self, ones: Sequence[One]) -> Iterator[Due]:
        until = self.found.read_at + settings_of(self.job).full_within
        for one in ones:
            at = self._due_at(one, until)
            if at and one.who.anchor:
                yield Due(one.who.anchor, at)

    def _due_at(self, one: One, until: datetime) -> datetime | None:
        return self.job.rules.due(one.counts.entry, self.around.now, until) if one.counts else None


def _still(shown: Shown, one: One) -> Shown:
    """What was shown of somebody, without what their entry denies: if it is hidden later, that proves nothing anew."""
    groups = frozenset[str]().union(*(each.entry.groups or () for each in one.sightings))
    return Shown(shown.left - groups, shown.gone and not one.sightings)


def _pairs(ones: Sequence[One]) -> Iterator[tuple[LedgerRow, Login]]:
    """Rows with the logins that they are believed to mean."""
    for one in ones:
        logins = {login.id: login for login in one.logins}
        for row in one.rows:
            if row.login_id in logins and believed(row, logins[row.login_id]):
                yield row, logins[row.login_id]
