"""Everybody in a job's sources, mapped by two sets of rules: who would change, and how. The service is not asked."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iwds.core.comparison import Difference, Turn, differences
from iwds.core.model import Account, Entry, Proof, Unmapped
from iwds.engine.job import Job, Progress
from iwds.ports import Rules

TICK = 500
"""How many people lie between two words of progress."""


@dataclass(frozen=True, slots=True)
class Turned:
    """One difference of one person."""

    name: str
    login: str
    difference: Difference


@dataclass(slots=True)
class Comparing:
    """One reading of a job's sources under two sets of rules.

    Memory does not grow with the people, so whoever is in two sources is counted twice.

    Attributes:
        people: how many were read.
        changed: how many of them differ in anything.
        counts: how many differ in what.
        proofs: what the readings say of themselves, once `turned` has ended.
        numbers: whether either of the two gives a number to somebody whose login is another's.
    """

    job: Job
    old: Rules
    new: Rules
    now: datetime
    progress: Progress
    people: int = 0
    changed: int = 0
    counts: Counter[tuple[Turn, str]] = field(default_factory=Counter)
    proofs: list[Proof] = field(default_factory=list)
    numbers: bool = False

    def turned(self) -> Iterator[Turned]:
        """Every difference, as the people are read. Raises `Unavailable` and `AccessRefused`."""
        for source in self.job.sources:
            stream = source.read(self.old.attributes | self.new.attributes)
            for number, entry in enumerate(stream, 1):
                if number % TICK == 0:
                    self.progress(source.name, number, None)
                self.people += 1
                yield from self._of(entry)
            self.proofs.append(stream.finish())

    def _of(self, entry: Entry) -> Iterator[Turned]:
        old, new = self._mapped(self.old, entry), self._mapped(self.new, entry)
        found = list(differences(old, new))
        self.changed += bool(found)
        self.numbers = self.numbers or any(isinstance(made, Account) and made.numbering for made in (old, new))
        for each in found:
            self.counts[each.turn, each.what] += 1
            yield Turned(entry.name, old.login or new.login, each)

    def _mapped(self, rules: Rules, entry: Entry) -> Account | Unmapped:
        made = rules.map(entry, self.now)
        return self.job.target.normalise(made, entry.name) if isinstance(made, Account) else made

    @property
    def doubts(self) -> Mapping[str, tuple[str, ...]]:
        """What speaks against the readings, by source."""
        return {proof.name: proof.problems for proof in self.proofs if proof.problems}
