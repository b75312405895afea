"""What became of groups: from the pages of their changes to the members that each has now.

A group comes on many pages, in any order, with members that came and members that left. Of a group and of a membership
the newest word counts. Where one was said to come and to go, Graph is asked what is true now.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from iwds.ports import Members
from iwds.sources._graphgroups import COUNTED, names_of
from iwds.sources._graphproperties import Row

CALLED = "="
"""Before the name of a group, which is kept beside its members: whoever is renamed or deleted had another name."""

Present = Callable[[str], frozenset[str] | None]
"""The members of a group as Graph has them now, and how it is called; None where there is no such group."""


def called(group: str, display_name: object) -> frozenset[str]:
    """What is kept of how a group is called."""
    return frozenset(CALLED + name for name in names_of(group, display_name)[1:])


def names(kept: frozenset[str]) -> Iterator[str]:
    """How a group was called of which this was kept."""
    return (each.removeprefix(CALLED) for each in kept if each.startswith(CALLED))


def only_members(kept: frozenset[str]) -> frozenset[str]:
    """Its members."""
    return frozenset(each for each in kept if not each.startswith(CALLED))


@dataclass(slots=True)
class _Said:
    """What was said of one group."""

    there: bool | None = None
    doubted: bool = False
    named: bool = False
    called: frozenset[str] = frozenset()
    members: dict[str, bool] = field(default_factory=dict)

    def add(self, key: str, row: Row, everybody: set[str]) -> None:
        there = "@removed" not in row
        self.doubted |= self.there is not None and self.there != there
        self.there = there if self.there is None else self.there
        if "displayName" in row and not self.named:
            self.named, self.called = True, called(key, row["displayName"])
        listed = row.get("members@delta")
        for member in reversed(listed if isinstance(listed, list) else []):
            self._member(member, everybody)

    def _member(self, member: Row, everybody: set[str]) -> None:
        if member.get("@odata.type") not in COUNTED:
            return
        key, there = str(member.get("id", "")).lower(), "@removed" not in member
        everybody.add(key)
        self.doubted |= self.members.setdefault(key, there) != there

    def now(self, known: frozenset[str]) -> frozenset[str]:
        """What is kept from now on, where this was kept before."""
        came = {key for key, there in self.members.items() if there}
        went = self.members.keys() - came
        return (only_members(known) - went) | came | (self.called if self.named else known - only_members(known))


class Moves:
    """The changes of groups. `add` every page, newest first.

    Attributes:
        everybody: the ids of all who came into a group or left one.
    """

    def __init__(self) -> None:
        self.everybody: set[str] = set()
        self._groups: dict[str, _Said] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """The groups of one page, newest first."""
        for row in rows:
            if key := str(row.get("id", "")).lower():
                self._groups.setdefault(key, _Said()).add(key, row, self.everybody)

    def now(self, known: Members, present: Present) -> dict[str, frozenset[str] | None]:
        """What is kept of each group from now on; without those of which nothing changed that is kept.

        Args:
            known: what was kept before.
            present: asked about groups of which two things were said, or of which nothing was kept.
        """
        found = {key: self._now(key, said, known(key), present) for key, said in self._groups.items()}
        return {key: now for key, now in found.items() if now != known(key)}

    def _now(self, key: str, said: _Said, known: frozenset[str] | None, present: Present) -> frozenset[str] | None:
        if said.doubted or (said.there and known is None):
            return present(key)  # a group that was restored may be told with those members alone who came since
        return said.now(known or frozenset()) if said.there else None
