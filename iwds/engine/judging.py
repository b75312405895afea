"""Whose doing each removal is: the directory's, or that of whoever changed the configuration.

Only people who would lose something are looked at again, by id, and only so many of them: the others wait.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from iwds.core.causes import Cause
from iwds.core.change import Evidence, removes
from iwds.core.decision import Decision, Proposal
from iwds.core.doubt import without
from iwds.core.matching import Case
from iwds.core.model import Account, Anchor, Entry, Group, Unmapped, fold
from iwds.core.policy import World
from iwds.core.previous import Before, explained, judged
from iwds.engine.job import Earlier, Job
from iwds.errors import AccessRefused, ConfigurationError, ForeignRealm, Unavailable
from iwds.ports import Source

MOST_JUDGED = 2_000
"""How many people are looked at under the configuration last applied; far fewer than this stop a run by a guard."""
MOST_LOOKED_FOR = 500
"""How many people who were not read are looked for by id, to tell who is gone from who moved."""


@dataclass(frozen=True, slots=True)
class Then:
    """The configuration last applied, ready to be asked.

    Attributes:
        earlier: rules, sources and policy.
        world: the facts of today under that policy.
    """

    earlier: Earlier
    world: World


def then_of(earlier: Earlier, world: World, existing: Mapping[str, Group]) -> Then:
    """The configuration last applied over the facts of today; `existing` are all groups of the service by name."""
    rules = earlier.rules
    groups = {name: existing[name] for name in rules.groups if name in existing}
    return Then(
        earlier,
        replace(
            world,
            policy=earlier.policy,
            groups=groups,
            exclusive=frozenset(group.id for name, group in groups.items() if rules.groups[name]),
            protected=frozenset(map(fold, rules.protected)),
            states_enabled=rules.states_enabled,
            roles=earlier.roles,
            matching=rules.matching,
        ),
    )


@dataclass(slots=True)
class Judging:
    """The second look at cases that would take something away.

    Attributes:
        job: today's configuration.
        now: the time by which expiry is decided.
        withheld: what of each source is not believed in this run, by its name.
        changed: whether the configuration differs from the one last applied.
        then: that one; None where it is not known.
        judged: how many people were looked at so far.
        looked_for: how many people were looked for so far.
    """

    job: Job
    now: datetime
    withheld: Mapping[str, Collection[str]]
    changed: bool
    then: Then | None
    judged: int = 0
    looked_for: int = 0

    def of(self, case: Case, decisions: Sequence[Decision]) -> Iterator[Decision]:
        """The decisions with their causes; and, where the configuration changed, with what is its doing told apart."""
        takes = [d.change for d in decisions if isinstance(d, Proposal) and removes(d.change)]
        if not takes:
            yield from decisions
            return
        unseen = any(change.evidence is Evidence.UNSEEN for change in takes)
        told = explained(case, decisions, self._absence(takes[0].subject.anchor) if unseen else Cause.NOT_READ)
        if self.changed:
            told = judged(case, told, self._before(takes[0].subject.anchor), self.job.places)
        yield from told

    def _absence(self, anchor: Anchor | None) -> Cause:
        """What is known of somebody who was not read."""
        self.looked_for += 1
        if anchor is None or self.looked_for > MOST_LOOKED_FOR:
            return Cause.NOT_READ
        try:
            found = list(_found(self.job.sources, anchor))
            selected = any(_selects(source, anchor) for source, _ in found)
        except (Unavailable, AccessRefused):
            return Cause.NOT_READ
        if not found:
            return Cause.GONE
        return Cause.NOT_READ if selected else Cause.MOVED

    def _before(self, anchor: Anchor | None) -> Before | None:
        """The person under the configuration last applied; None where nobody can tell."""
        self.judged += 1
        if self.then is None or anchor is None or self.judged > MOST_JUDGED:
            return None
        try:
            person = self._person(anchor, self.then.earlier)
            return Before(person, self.then.world, self.then.earlier.doubted)
        except (Unavailable, AccessRefused, ConfigurationError):
            return None

    def _person(self, anchor: Anchor, earlier: Earlier) -> Account | Unmapped | None:
        """What its rules make of the entry as it is now, in the first source that its base and filter find it in."""
        for source, entry in _found(earlier.sources, anchor, earlier.rules.attributes):
            if _selects(source, anchor):
                withheld = frozenset(self.withheld.get(source.name, ()))
                mapped = earlier.rules.map(without(entry, withheld), self.now)
                return self.job.target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped
        return None


def _found(
    sources: Sequence[Source], anchor: Anchor, attributes: Collection[str] = ()
) -> Iterator[tuple[Source, Entry]]:
    """A person's entry in each source that answers for their directory; `ForeignRealm` where none does."""
    foreign: list[ForeignRealm] = []
    for source in sources:
        try:
            entry = source.find(anchor, attributes)
        except ForeignRealm as error:
            foreign.append(error)
            continue
        if entry:
            yield source, entry
    if len(foreign) == len(sources):
        raise foreign[0]


def _selects(source: Source, anchor: Anchor) -> bool:
    try:
        return source.selects(anchor)
    except ForeignRealm:
        return False  # whether any source answers for them at all was asked before
