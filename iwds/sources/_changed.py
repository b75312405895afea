"""What OpenLDAP's feeds collect: entries that changed, wherever they are now, and ids that are not shown any more.

Whole naming contexts are asked about, and no filter is: so whoever left the bases or the filter comes as the entry that
it is now, and is looked at by us.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from iwds.errors import MarkLost
from iwds.sources._csn import Csns, server_of
from iwds.sources._decode import Shaped


@dataclass(frozen=True, slots=True)
class Place:
    """How far the changes in one naming context went.

    Attributes:
        told: as the naming context says it; empty where it does not.
        seen: as the entries say it, where they were asked.
        late: the last of the changes that were seen: others of their time may still come.
        floor: what no change is newer than that may still come and is not newer than these.
    """

    told: Csns = field(default_factory=dict)
    seen: Csns = field(default_factory=dict)
    late: frozenset[str] = frozenset()
    floor: str = ""

    @property
    def newest(self) -> str:
        """Of the last change."""
        return max((*self.told.values(), *self.seen.values()))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"told": dict(self.told), "seen": dict(self.seen), "late": sorted(self.late), "floor": self.floor}


def place_of(said: Any) -> Place:
    """A place from JSON; `ValueError`, `LookupError` or `TypeError` where it is none."""
    told, seen = dict(said["told"]), dict(said["seen"])
    csns = [*told.items(), *seen.items()]
    if not csns or not all(server and server_of(csn) == server for server, csn in csns):
        raise ValueError(said)
    return Place(told, seen, frozenset(said["late"]), str(said["floor"]))


@dataclass(slots=True)
class Found:
    """All that changed, until it is too much.

    Attributes:
        attributes: what to ask of an entry, lower-case.
        most: how many may have changed; `MarkLost` above it.
        page_size: entries per page, where there are pages.
        entries: as they are now.
        left: ids of entries of which the server says that they do not belong to what it shows any more.
        unnamed: whether others may have left that it does not name.
        after: of each naming context what all changes since then are newer than.
    """

    attributes: tuple[str, ...]
    most: int
    page_size: int = 0
    entries: list[Shaped] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    unnamed: bool = False
    after: list[str] = field(default_factory=list)

    def changed(self, entry: Shaped) -> None:
        """Add an entry."""
        self.entries.append(entry)
        self._bound()

    def named(self, ids: Collection[str]) -> None:
        """Add ids."""
        self.left.update(ids)
        self._bound()

    def _bound(self) -> None:
        if len(self.entries) + len(self.left) > self.most:
            raise MarkLost(f"More than {self.most:,} entries changed.")
