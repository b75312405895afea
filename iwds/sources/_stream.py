"""What every source's reading is made of: a one-shot stream, and the tally that its proof is written from."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from iwds.core.model import Entry, Proof

NAMED = 3
"""How many examples a problem names before it says how many more there are."""


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
        if len(self.examples) < NAMED:
            self.examples.append(example)

    def text(self, sentence: str) -> str:
        if not self.examples:
            return sentence
        more = self.count - len(self.examples)
        return f"{sentence}: {'; '.join(self.examples)}" + (f" and {more} more" if more else "")


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


@dataclass(slots=True)
class Tally:
    """Counts what came and collects what speaks against it.

    Attributes:
        name: the source's name in the configuration.
        attributes: what was asked for, lower-case; presence is counted for these.
    """

    name: str
    attributes: Collection[str]
    count: int = 0
    presence: Counter[str] = field(default_factory=Counter)
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    reasons: list[str] = field(default_factory=list)
    doubts: Doubts = field(default_factory=Doubts)

    def saw(self, entry: Entry) -> None:
        """Count an entry that is handed on, and which of its attributes have a value."""
        self.count += 1
        values = entry.attrs
        self.presence.update([attribute for attribute in self.attributes if values.get(attribute)])

    def proof(self, realm: str, asked: str) -> Proof:
        """The proof as it stands. `asked` is the question in words or as a search."""
        return Proof(
            name=self.name,
            realm=realm,
            asked=asked,
            count=self.count,
            reasons=tuple(self.reasons),
            problems=self.doubts.sentences(),
            taken_at=self.taken_at,
            presence={attribute: self.presence[attribute] for attribute in sorted(self.attributes)},
        )


def only(entry: Entry, attributes: Collection[str]) -> Entry:
    """The entry with these attributes: an absent one is known to be empty, an unreadable one stays missing."""
    return Entry(entry.anchor, entry.name, {name: entry.attrs.get(name, ()) for name in attributes}, entry.groups)
