"""The groups of one Entra tenant: from the pages of their listing to who is in which of them, nested ones included.

A group comes on many pages, each with some of its members, in any order. Pages are taken newest first: what a newer one
says of a group or of a membership stands against every older one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from iwds.sources._graphproperties import Row
from iwds.sources._groups import Groups

GROUP = "#microsoft.graph.group"
COUNTED = frozenset({"#microsoft.graph.user", GROUP})
"""Who counts: devices, service principals and contacts have no login."""
_HIDING = "hiddenmembership"


def names_of(key: str, display_name: object) -> tuple[str, ...]:
    """What a mapping may call a group: by its id, and by its display name unless that looks like a distinguished name.

    Anybody may call a group of theirs `x=Admins`, which as a distinguished name would be one of the name `Admins`.
    """
    named = isinstance(display_name, str) and display_name.strip() and "=" not in display_name
    return (key, str(display_name)) if named else (key,)


def hides(row: Row) -> bool:
    """Whether a group shows its members to nobody without a permission of its own."""
    return str(row.get("visibility", "")).lower() == _HIDING


class GraphGroups:
    """Every group of a tenant and everybody's place in them. `close` it."""

    def __init__(self) -> None:
        self._groups = Groups()
        self._names: dict[str, tuple[str, ...]] = {}
        self._numbers: dict[str, int] = {}
        self._dead: set[str] = set()
        self._left: set[tuple[str, str]] = set()
        self._hiding: set[str] = set()
        self._shown: set[str] = set()
        self._named = lru_cache(maxsize=4096)(self._named_uncached)

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, rows: Iterable[Row]) -> None:
        """The groups of one page, newest first."""
        for row in rows:
            key = str(row.get("id", "")).lower()
            if "@removed" in row:
                if key not in self._numbers:
                    self._dead.add(key)
            elif key and key not in self._dead:
                self._add(key, row)

    def of(self, people: Sequence[str]) -> list[frozenset[str]]:
        """All groups of each of these people, who are given by id: by each name that a mapping may call them."""
        return [self._named(found) for found in self._groups.of_each(people)]

    def direct(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group with the ids of those of its members who count."""
        return zip(self._groups.names(), self._groups.direct(), strict=True)

    def names(self, key: str) -> tuple[str, ...]:
        """What a mapping may call a group, by its id."""
        return self._names[key]

    def unread(self) -> frozenset[str]:
        """The names of groups whose members are hidden, and of those that they are in: who is in them is not known."""
        hidden = self._hiding - self._shown
        return frozenset(
            chain.from_iterable(self._names[key] for found in self._groups.of_each([*hidden]) for key in found)
        ).union(*(self._names[key] for key in hidden))

    def hidden(self) -> int:
        """How many groups hide their members."""
        return len(self._hiding - self._shown)

    def ambiguous(self) -> list[str]:
        """The names that several groups have."""
        counts = Counter(name for names in self._names.values() for name in names[1:])
        return sorted(name for name, times in counts.items() if times > 1)

    def have_members(self) -> bool:
        """Whether any group names anybody."""
        return self._groups.have_members()

    def nobody(self) -> tuple[int, list[str]]:
        """How many memberships lead to nobody who was asked for, and the ids of a few."""
        return self._groups.nobody()

    def close(self) -> None:
        """Give back the temporary file. May be called twice."""
        self._groups.close()

    def _add(self, key: str, row: Row) -> None:
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._groups.add(key, ())
        if len(self._names.get(key, ())) < 2:  # a row that only has members has no name
            self._names[key] = names_of(key, row.get("displayName"))
        if hides(row):
            self._hiding.add(key)
        members = row.get("members@delta")
        if isinstance(members, list) and members:
            self._groups.also(self._numbers[key], self._of_slice(key, members))

    def _of_slice(self, key: str, members: list[Row]) -> Iterator[str]:
        """Whom a part of the members names, and no newer part took out again."""
        for member in reversed(members):
            if member.get("@odata.type") not in COUNTED:
                continue
            self._shown.add(key)
            child = str(member.get("id", "")).lower()
            if "@removed" in member:
                self._left.add((key, child))
            elif not self._left or (key, child) not in self._left:
                yield child

    def _named_uncached(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(chain.from_iterable(self._names[key] for key in keys))
