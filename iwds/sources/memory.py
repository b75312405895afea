"""Source kind `memory`: people given in code or in the configuration, for tests and rehearsals.

sources:
  rehearsal:
    kind: memory
    realm: rehearsal
    people:
      - {id: "1", name: Ada Lovelace, attributes: {uid: ada, mail: [ada@example.org]}, groups: [cn=vpn]}
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from iwds.core.dn import is_under, normalise_dn
from iwds.core.model import Anchor, Entry, Proof, View, fold
from iwds.errors import SourceUnavailable
from iwds.ports import MOST_FOUND, Finding, ignored
from iwds.sources._check import differs, foreign
from iwds.sources._memoryfeed import Changes, MemoryFeed
from iwds.sources._stream import Canaries, Stream, Tally, only

SELECTING = frozenset({"realm", "people"})
"""The settings that say who is read, and what of them."""
BINDS = False


class Person(BaseModel):
    """One person in the configuration. Groups left out are not known; an empty list is known to be none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    name: str = ""
    attributes: Mapping[str, str | tuple[str, ...]] = {}
    groups: tuple[str, ...] | None = None


class Settings(BaseModel):
    """The settings of a source of kind `memory`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["memory"]
    realm: str = Field(default="memory", min_length=1)
    people: tuple[Person, ...] = ()


class MemorySource:
    """A source over entries in memory.

    Attributes:
        entries: the people; may be changed between readings. An attribute that an entry lacks is absent, known to be
            empty.
        elsewhere: people whom no reading gives and `find` knows, as if they had left the base or the filter.
        tombstones: people of whom it shows that they were deleted.
        unreadable: attributes (lower-case) that are not known of anybody, and are missing in every entry.
        hidden: attributes (lower-case) and groups that look as if nobody had them, as under an access rule; `groups`
            for all groups.
        hidden_places: names of which nothing at or below is seen, neither by a reading nor by id.
        canaries: entries that must be in every reading.
        view: from where the readings are taken.
        missed: how many entries more a second count finds than the reading gave.
        problems: sentences that speak against every reading from now on.
        fail_after: after how many entries a reading breaks off with `SourceUnavailable`; None for never. 0 also makes
            `find` fail, as a directory does that cannot be reached.
        told: what it tells of changes; None where it does not.
    """

    def __init__(
        self, name: str, entries: Iterable[Entry], realm: str = "memory", elsewhere: Iterable[Entry] = ()
    ) -> None:
        self._name = name
        self._realm = realm
        self.entries: list[Entry] = list(entries)
        self.elsewhere: list[Entry] = list(elsewhere)
        self.tombstones: set[Anchor] = set()
        self.unreadable: frozenset[str] = frozenset()
        self.hidden: frozenset[str] = frozenset()
        self.hidden_places: frozenset[str] = frozenset()
        self.canaries: Sequence[str] = ()
        self.view = View()
        self.missed: int = 0
        self.problems: Sequence[str] = ()
        self.fail_after: int | None = None
        self.told: Changes | None = None

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    @property
    def answered_by(self) -> str:
        """Nothing but this process."""
        return "memory"

    @property
    def indexed(self) -> bool:
        """As a directory is."""
        return True

    def read(self, attributes: Collection[str]) -> Stream:
        """All people, as they are in memory when the iteration begins."""
        tally = Tally(self._name, frozenset(attributes), Canaries(self.canaries), self.view)
        return Stream(self._entries(tally), lambda: self._proof(tally))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """The entry with this anchor."""
        self._ours(anchor)
        everybody = filter(self._seen, (*self.entries, *self.elsewhere))
        return next((self._shown(entry, attributes) for entry in everybody if entry.anchor == anchor), None)

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """Those whose name or id a text is, or whose value in one of these attributes."""
        self._fail_at(0)
        everybody = filter(self._seen, (*self.entries, *self.elsewhere))
        meant = (entry for entry in everybody if _is_meant(entry, text, frozenset(by) - self.unreadable - self.hidden))
        return [self._shown(entry, attributes) for entry in islice(meant, MOST_FOUND)]

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """Every group names its people itself here."""
        entry = self.find(anchor, ())
        return {group: (group,) for group in (entry.groups if entry else None) or ()}

    def selects(self, anchor: Anchor) -> bool:
        """Whether a reading would give this person."""
        self._ours(anchor)
        return any(entry.anchor == anchor for entry in self.entries if self._seen(entry))

    def deleted(self, anchor: Anchor) -> bool:
        """Whether it has a tombstone of this person."""
        self._ours(anchor)
        return anchor in self.tombstones

    def changes(self, attributes: Collection[str]) -> MemoryFeed | None:  # noqa: ARG002 - all of them are told
        """Told where `told` says so."""
        self._fail_at(0)
        if self.told is None:
            return None
        everybody = {entry.anchor: entry for entry in (*self.elsewhere, *self.entries)}
        return MemoryFeed(self._realm, everybody, self.tombstones, self.told)

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Count again."""
        self._fail_at(0)
        again = sum(map(self._seen, self.entries)) + self.missed
        return () if again == proof.count else (differs("people", proof.count, again),)

    def shows(self, place: str) -> bool:
        """Whether a place is not hidden."""
        self._fail_at(0)
        return not any(is_under(place, hidden) for hidden in self.hidden_places)

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterator[Finding]:
        """How many people there are, which attributes nobody has, and what speaks against them."""
        yield Finding(True, "people", f"{len(self.entries)} in memory")
        for entry in self.entries:
            see(entry)
        for attribute in sorted(attributes):
            if not any(entry.attrs.get(attribute) for entry in self.entries):
                yield Finding(True, "attributes", f"nobody has {attribute}", warning=True)
        for problem in self.problems:
            yield Finding(False, "proof", problem)

    def close(self) -> None:
        """Nothing to give back."""

    def _entries(self, tally: Tally) -> Iterator[Entry]:
        for number, entry in enumerate(tuple(filter(self._seen, self.entries))):
            self._fail_at(number)
            shown = self._shown(entry, tally.attributes)
            tally.saw([shown])
            tally.canaries.saw(entry.name, entry.anchor.id, entry.attrs)
            yield shown
        self._fail_at(tally.count)

    def _ours(self, anchor: Anchor) -> None:
        self._fail_at(0)
        if anchor.realm != self._realm:
            raise foreign(self._name, self._realm, anchor)

    def _seen(self, entry: Entry) -> bool:
        return not any(is_under(normalise_dn(entry.name), place) for place in self.hidden_places)

    def _shown(self, entry: Entry, attributes: Collection[str]) -> Entry:
        known = only(entry, frozenset(attributes) - self.unreadable)
        attrs = {name: () if name in self.hidden else values for name, values in known.attrs.items()}
        return replace(known, attrs=attrs, groups=None if known.groups is None else self._left(known.groups))

    def _left(self, groups: frozenset[str]) -> frozenset[str]:
        return frozenset() if "groups" in self.hidden else groups - self.hidden

    def _fail_at(self, number: int) -> None:
        if self.fail_after is not None and self.fail_after <= number:
            raise SourceUnavailable(f"{self._name}: the reading broke off after {number} entries, as it was told to.")

    def _proof(self, tally: Tally) -> Proof:
        tally.reasons.append(f"all {tally.count} entries in memory were read")
        for problem in self.problems:
            tally.doubts.say(problem)
        return tally.proof(self._realm, "every entry in memory")


def connect(name: str, settings: Settings) -> MemorySource:
    """The source that these settings describe."""
    entries = [_entry(settings.realm, person) for person in settings.people]
    return MemorySource(name, entries, settings.realm)


def _entry(realm: str, person: Person) -> Entry:
    attrs = {
        attribute.lower(): (values,) if isinstance(values, str) else values
        for attribute, values in person.attributes.items()
    }
    groups = None if person.groups is None else frozenset(normalise_dn(group) for group in person.groups)
    return Entry(Anchor(realm, person.id), person.name or person.id, attrs, groups)


def _is_meant(entry: Entry, text: str, by: Collection[str]) -> bool:
    """Whether a text is an entry's name or id, or a value of one of these attributes."""
    if not text:
        return False
    values = (fold(value) for attribute in by for value in entry.attrs.get(attribute, ()))
    return text == entry.anchor.id or normalise_dn(text) == normalise_dn(entry.name) or fold(text) in values
