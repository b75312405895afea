"""The source side of a plan: everybody is read, and every doubt about it is looked into before anything is taken.

What a reading says against itself has no override. What merely differs from the last proven reading waits for a
person: an attribute or group that far fewer people have is withheld, other eyes make the reading unproven, and one
allowance, by number and with a reason, makes what is seen now the measure of later readings.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from iwds.core.change import Change, Evidence, removes
from iwds.core.doubt import (
    Baseline,
    Faded,
    carried,
    deletions_possible,
    deserted,
    faded,
    impossible,
    other_eyes,
    set_back,
    without,
)
from iwds.core.guards import UNREADABLE, VIEW
from iwds.core.model import Account, Entry, Proof, Unmapped
from iwds.engine.groups_read import count_groups, presence_in
from iwds.engine.job import Job
from iwds.engine.onlooking import Onlooker
from iwds.errors import AccessRefused, Unavailable
from iwds.ports import ReadStream, Rules, Source, Waist

MOST_READINGS = 3
"""How often people are read where something fades that was not withheld yet; then the reading is not proven."""

Counted = Callable[[str, ReadStream[Entry]], Iterable[Entry]]
"""The entries of a stream as they come, while somebody is told how far it is."""


@dataclass(frozen=True, slots=True)
class People:
    """The readings of a job's sources.

    Attributes:
        job: sources and rules.
        waist: where the people go.
        now: the time by which expiry is decided.
        baselines: what is kept of each source's last proven reading.
        allow: what a person accepted for this one plan, by gate.
        counted: tells somebody how far it is.
        before: the rules last applied, where today's are others. What they read is read and counted too: whoever would
            be removed is judged by it, and what an account may not see any more must not speak against anybody.
        onlooker: shown everybody who is read.
    """

    job: Job
    waist: Waist
    now: datetime
    baselines: Mapping[str, Baseline]
    allow: Mapping[str, int]
    counted: Counted
    before: Rules | None = None
    onlooker: Onlooker = field(default_factory=Onlooker)

    def read(self) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
        """The proofs, and a sentence for each attribute or group that is withheld.

        Where something faded, everybody is read once more without it: who was mapped with it cannot be mended.
        """
        withheld: dict[str, dict[str, Faded]] = {source.name: {} for source in self.job.sources}
        times = 0
        while True:
            times += 1
            proofs = [self._read_source(source, withheld[source.name]) for source in self.job.sources]
            found = {proof.name: faded(proof, self.baselines.get(proof.name)) for proof in proofs}
            if not any(found.values()) or self._accepted(found, withheld):
                break
            if times == MOST_READINGS:
                proofs = [_doubted(proof, map(_restless, found[proof.name])) for proof in proofs]
                break
            for name, new in found.items():
                withheld[name] |= {each.key: each for each in new}
            self.waist.forget_people()
            self.onlooker.forget_people()
        return tuple(self._with_other_eyes(proofs)), tuple(self._notes(withheld))

    def _accepted(self, found: Mapping[str, Sequence[Faded]], withheld: Mapping[str, Mapping[str, Faded]]) -> bool:
        if any(withheld.values()):
            return False  # what fades only now was in nobody's number
        return sum(map(len, found.values())) <= self.allow.get(UNREADABLE, 0)

    def _read_source(self, source: Source, withheld: Mapping[str, Faded]) -> Proof:
        keys, members = withheld.keys(), Counter[str]()
        stream = source.read(self._attributes - keys)
        self.waist.add_people(self._mapped(source.name, stream, keys, members))
        proof = stream.finish()
        if groups := presence_in(members, self._rules):
            proof = replace(proof, presence={**proof.presence, **groups})
        return carried(proof, self.baselines.get(source.name), frozenset(keys))

    @property
    def _rules(self) -> tuple[Rules, ...]:
        return (self.job.rules, self.before) if self.before else (self.job.rules,)

    @property
    def _attributes(self) -> frozenset[str]:
        return frozenset[str]().union(*(rules.attributes for rules in self._rules))

    def _mapped(
        self, name: str, stream: ReadStream[Entry], withheld: Collection[str], members: Counter[str]
    ) -> Iterator[Account | Unmapped]:
        rules, target, keys, named_by = self.job.rules, self.job.target, frozenset(withheld), self._rules
        for entry in self.counted(name, stream):
            count_groups(members, entry, named_by)
            believed = without(entry, keys)
            mapped = rules.map(believed, self.now)
            made = target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped
            self.onlooker.person(name, believed, made)
            yield made

    def _with_other_eyes(self, proofs: Sequence[Proof]) -> Iterator[Proof]:
        said = {proof.name: list(other_eyes(proof, self.baselines.get(proof.name))) for proof in proofs}
        back = {proof.name: set_back(proof, self.baselines.get(proof.name)) for proof in proofs}
        yield from (_doubted(p, filter(None, [back[p.name]])) for p in _gated(proofs, said, self.allow))

    def _notes(self, withheld: Mapping[str, Mapping[str, Faded]]) -> Iterator[str]:
        number = sum(map(len, withheld.values()))
        for name, each in ((name, each) for name, found in withheld.items() for each in found.values()):
            yield (
                f"{name}: {each.sentence(self.baselines[name].taken_at)}; if it is true:"
                f" --allow {UNREADABLE}={number} --reason TEXT"
            )

    def confirmed(self, proofs: Sequence[Proof], changes: Iterable[Change]) -> tuple[Proof, ...]:
        """The proofs after a second look, which is taken only where something would be taken from somebody."""
        removals = [change for change in changes if removes(change)]
        if not removals:
            return tuple(proofs)
        unseen = [change for change in removals if change.evidence is Evidence.UNSEEN]
        sources = dict(zip((source.name for source in self.job.sources), self.job.sources, strict=True))
        proofs = [_doubted(p, self._second_count(sources[p.name], p)) for p in proofs]
        if unseen:
            said = {p.name: list(self._hidden_places(sources[p.name], p)) for p in proofs}
            proofs = _gated(proofs, said, self.allow)
            proofs = [self._disproved(sources[p.name], p, unseen) for p in proofs]
        return tuple(proofs)

    def _second_count(self, source: Source, proof: Proof) -> Sequence[str]:
        if not proof.proven:
            return ()
        try:
            return source.confirm(proof)
        except (Unavailable, AccessRefused) as error:
            return (f"it could not be asked a second time: {error}",)

    def _hidden_places(self, source: Source, proof: Proof) -> Iterator[str]:
        for place, people in deserted(proof, self.baselines.get(source.name)).items():
            try:
                hidden = not source.shows(place)
            except (Unavailable, AccessRefused):
                hidden = True
            if hidden:
                yield (
                    f"{people:,} people were below {place} in the last proven reading, none is now, and the place"
                    " itself is not seen either: removed, renamed or hidden from the account"
                )

    def _disproved(self, source: Source, proof: Proof, unseen: Sequence[Change]) -> Proof:
        """Whether more people are gone than the server's change counter admits; asked by id only where that may be."""
        anchors = [c.subject.anchor for c in unseen if c.subject.anchor and c.subject.anchor.realm == proof.realm]
        possible = deletions_possible(proof, self.baselines.get(source.name))
        if possible is not None and len(anchors) > possible:
            try:
                gone = sum(source.find(anchor, ()) is None for anchor in anchors)
            except (Unavailable, AccessRefused) as error:
                return _doubted(proof, [f"people could not be looked for by id: {error}"])
            if gone > possible:
                proof = _doubted(proof, [impossible(gone, possible)])
        return replace(proof, view=replace(proof.view, gone=len(anchors)))


def _doubted(proof: Proof, problems: Iterable[str]) -> Proof:
    return replace(proof, problems=(*proof.problems, *problems))


def _gated(proofs: Sequence[Proof], said: Mapping[str, Sequence[str]], allow: Mapping[str, int]) -> list[Proof]:
    """The proofs with what was said against them as problems, or as accepted where a person allowed that many."""
    number = sum(map(len, said.values()))
    if number and number <= allow.get(VIEW, 0):
        return [replace(p, reasons=(*p.reasons, *(f"accepted: {each}" for each in said[p.name]))) for p in proofs]
    way = f"; if that is right: --allow {VIEW}={number} --reason TEXT"
    return [_doubted(proof, [each + way for each in said[proof.name]]) for proof in proofs]


def _restless(found: Faded) -> str:
    return f"{found.key}: fewer people have it with every reading, {found.now:,} in this one"
