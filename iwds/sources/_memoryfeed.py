"""What changed among people in memory: two states of them are compared."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from iwds.core.model import Anchor, Entry
from iwds.errors import MarkLost
from iwds.ports import Delta, Members


@dataclass(slots=True)
class Changes:
    """What a source in memory tells of changes.

    Attributes:
        blind: why it does not see deletions; empty where it does.
        notes: what it says besides.
        lost: why it can go on from no mark any more; empty where it can.
        moments: everybody's entry, and whose tombstones there were, when each mark was taken.
    """

    blind: str = ""
    notes: tuple[str, ...] = ()
    lost: str = ""
    moments: dict[str, tuple[Mapping[Anchor, Entry], frozenset[Anchor]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryFeed:
    """Tells what changed of entries as they are now; `tombstones` are those who were deleted."""

    realm: str
    entries: Mapping[Anchor, Entry]
    tombstones: Collection[Anchor]
    changes: Changes

    def mark(self) -> str:
        """The number of the moment."""
        self._refuse()
        mark = str(len(self.changes.moments) + 1)
        self.changes.moments[mark] = (self.entries, frozenset(self.tombstones))
        return mark

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group by the people who are in it, by their ids."""
        yield from self._members().items()

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """Whose entry is another one than then, and which groups have other members than are known."""
        self._refuse()
        if mark not in self.changes.moments:
            raise MarkLost(f"nothing is known of the mark {mark}")
        before, buried = self.changes.moments[mark]
        people = {a.id for a in before.keys() | self.entries.keys() if before.get(a) != self.entries.get(a)}
        gone = {each.id for each in set(self.tombstones) - buried if each not in self.entries}
        people -= {a.id for a in before.keys() - self.entries.keys()}  # nobody tells of an entry that is not there
        groups = self._changed_groups(before, known)
        left: dict[str, set[str]] = {}
        for group, members in groups.items():
            for who in (known(group) or frozenset()) - (members or frozenset()):
                left.setdefault(who, set()).add(group)
        people |= left.keys()
        if len(people) > most:
            raise MarkLost(f"{len(people):,} people changed, and at most {most:,} are looked at one by one")
        return Delta(
            people=frozenset(people),
            gone=frozenset() if self.changes.blind else frozenset(gone),
            left={who: frozenset(names) for who, names in left.items()},
            groups=groups,
            mark=self.mark(),
            blind=self.changes.blind,
            notes=self.changes.notes,
        )

    def _changed_groups(self, before: Mapping[Anchor, Entry], known: Members) -> dict[str, frozenset[str] | None]:
        now = self._members()
        names = now.keys() | {name for entry in before.values() for name in entry.groups or ()}
        return {name: now.get(name) for name in sorted(names) if now.get(name) != known(name)}

    def _members(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for anchor, entry in self.entries.items():
            for name in entry.groups or ():
                found.setdefault(name, set()).add(anchor.id)
        return {name: frozenset(members) for name, members in sorted(found.items())}

    def _refuse(self) -> None:
        if self.changes.lost:
            raise MarkLost(self.changes.lost)
