"""What every source's reading is made of: a one-shot stream, and the tally that its proof is written from."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from iwds.core.dn import normalise_dn, parent
from iwds.core.model import Entry, Proof, View, fold

PLACES = 200
"""Of so many places in the tree the people are counted; of more, those with the most people."""
CANARY = "a canary, which must always be there and be selected, did not come"
LOGIN_ATTRIBUTES = ("uid", "samaccountname", "userprincipalname")
"""By which attributes a canary may be named beside its name and its id."""
NAMED = 3
"""How many examples a problem names before it says how many more there are."""
LISTED = 10
"""How many it names where somebody asked for them."""


class Stream:
    """A one-shot reading of entries: iterate it to its end, then ask for its proof.

    Args:
        entries: the entries; closing the iterator early must give back what it holds.
        proof: makes the proof once the entries are exhausted.
    """

    def __init__(self, entries: Iterator[Entry], proof: Callable[[], Proof]) -> None:
        self._entries = entries
        self._proof = proof
        self._begun = False
        self._ended = False

    def __iter__(self) -> Iterator[Entry]:
        if self._begun:
            raise RuntimeError("a reading can be iterated only once")
        self._begun = True
        return self._run()

    def _run(self) -> Iterator[Entry]:
        yield from self._entries
        self._ended = True

    def finish(self) -> Proof:
        """The proof; `RuntimeError` where the iteration has not ended, or ended with an error."""
        if not self._ended:
            raise RuntimeError("the proof of a reading exists only after its last item")
        return self._proof()


@dataclass(slots=True)
class _Doubt:
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if len(self.examples) < LISTED:
            self.examples.append(example)

    def text(self, sentence: str) -> str:
        if not self.examples:
            return sentence
        more = self.count - len(self.examples[:NAMED])
        return f"{sentence}: {'; '.join(self.examples[:NAMED])}" + (f" and {more} more" if more else "")

    def lines(self, sentence: str) -> str:
        if not self.examples:
            return sentence
        more = self.count - len(self.examples)
        first = [f"{sentence} ({self.count}):", *self.examples]
        return "\n".join([*first, f"and {more} more"] if more else first)


@dataclass(slots=True)
class Doubts:
    """What speaks against a reading."""

    _kinds: dict[str, _Doubt] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many sentences there are; none means that there is no doubt."""
        return len(self._kinds)

    def say(self, sentence: str) -> None:
        """A sentence that speaks against the reading as a whole."""
        self._kinds.setdefault(sentence, _Doubt())

    def name(self, kind: str, example: str) -> None:
        """One more thing of a kind that speaks against the reading; the first few are named in its sentence."""
        self._kinds.setdefault(kind, _Doubt()).add(example)

    def sentences(self) -> tuple[str, ...]:
        """All of it in the order in which it came up, each a sentence."""
        return tuple(doubt.text(kind) for kind, doubt in self._kinds.items())

    def listed(self) -> tuple[str, ...]:
        """The same, each with more examples, one in a line."""
        return tuple(doubt.lines(kind) for kind, doubt in self._kinds.items())

    def take(self, others: "Doubts") -> None:
        """Everything that another reading had against itself."""
        self._kinds.update(others._kinds)


class Canaries:
    """Entries that must be in every reading, named by distinguished name, id or login.

    Attributes:
        attributes: what has to be asked of each entry to know them, lower-case.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._waiting = {self._key(name): name for name in names}
        self.attributes = frozenset(LOGIN_ATTRIBUTES if any("=" not in name for name in names) else ())

    def saw(self, dn: str, key: str, attrs: Mapping[str, tuple[str, ...]]) -> None:
        """Tick an entry off, where it is one of them."""
        if not self._waiting:
            return
        logins = (fold(value) for attribute in self.attributes for value in attrs.get(attribute, ()))
        for known in (normalise_dn(dn), fold(key), *logins):
            self._waiting.pop(known, None)

    def missing(self) -> tuple[str, ...]:
        """Those that did not come."""
        return tuple(self._waiting.values())

    @staticmethod
    def _key(name: str) -> str:
        return normalise_dn(name) if "=" in name else fold(name)


@dataclass(slots=True)
class Tally:
    """Counts what came and collects what speaks against it.

    Attributes:
        name: the source's name in the configuration.
        attributes: what was asked for, lower-case; presence is counted for these.
        canaries: entries that must come.
        view: from where the reading is taken, as far as the source knows it; the places are counted here.
    """

    name: str
    attributes: Collection[str]
    canaries: Canaries = field(default_factory=Canaries)
    view: View = field(default_factory=View)
    count: int = 0
    presence: Counter[str] = field(default_factory=Counter)
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    reasons: list[str] = field(default_factory=list)
    doubts: Doubts = field(default_factory=Doubts)
    _places: Counter[str] = field(default_factory=Counter)

    def saw(self, entries: Sequence[Entry]) -> None:
        """Count entries that are handed on, and for each attribute how many of them have a value."""
        self.count += len(entries)
        every = [entry.attrs for entry in entries]
        for attribute in self.attributes:
            self.presence[attribute] += len([1 for attrs in every if attrs.get(attribute)])
        self._places.update(parent(entry.name) for entry in entries)

    def problems(self, doubts: Iterable[str]) -> tuple[str, ...]:
        """What speaks against the reading: these doubts, and the canaries that did not come."""
        return (*doubts, *(f"{CANARY}: {name}" for name in self.canaries.missing()))

    def counted(self, count: int, presence: Mapping[str, int]) -> None:
        """The same of so many who were counted already, and who stand nowhere in a tree."""
        self.count += count
        for attribute, present in presence.items():
            self.presence[attribute] += present

    def proof(self, realm: str, asked: str) -> Proof:
        """The proof as it stands. `asked` is the question in words or as a search."""
        places: Counter[str] = Counter()
        for place, people in self._places.items():
            if place:
                places[normalise_dn(place)] += people
        return Proof(
            name=self.name,
            realm=realm,
            asked=asked,
            count=self.count,
            reasons=tuple(self.reasons),
            problems=self.problems(self.doubts.sentences()),
            taken_at=self.taken_at,
            presence={attribute: self.presence[attribute] for attribute in sorted(self.attributes)},
            view=replace(self.view, places=dict(places.most_common(PLACES))),
        )


def only(entry: Entry, attributes: Collection[str]) -> Entry:
    """The entry with these attributes: an absent one is known to be empty, an unreadable one stays missing."""
    return Entry(entry.anchor, entry.name, {name: entry.attrs.get(name, ()) for name in attributes}, entry.groups)
