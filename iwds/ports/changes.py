"""What changed at a source since a mark, where the directory can tell."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Members = Callable[[str], frozenset[str] | None]
"""The direct members that were kept of a group, all by the names that the source gives them; None for no such one."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What a directory says has changed; everybody named here is still to be read, one by one.

    Attributes:
        people: ids, as in anchors, of entries that are new or changed, or whose groups are. Some may be nobody, or
            somebody whom the configuration does not select: whoever reads them finds out.
        gone: ids of entries that the directory itself shows to be deleted.
        left: of each id the groups, as `Entry.groups` names them, that it was shown to have left.
        groups: the direct members that changed groups have now, by the source's own names, to be kept instead of what
            was known of them; None for a group that is gone.
        mark: from where on to ask the next time; empty where the directory gave none: the old one still counts.
        blind: why deletions are not seen, with the right that is missing; empty where they are.
        notes: what whoever runs this should know of it, each a sentence: a mark that will soon be too old, somebody who
            may not be seen.
    """

    people: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    left: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    mark: str = ""
    blind: str = ""
    notes: tuple[str, ...] = ()


class Feed(Protocol):
    """Tells what changed. A mark is text that means something to its source alone, and holds no secret.

    It is bound to everything that it depends on: the server where that matters, the account, what is asked, and where.
    """

    @property
    def realm(self) -> str:
        """Of which directory the ids are."""
        ...

    def mark(self) -> str:
        """The mark of the present. Raises like `Source.read`, and `MarkLost` where the directory gives none."""
        ...

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group that matters with its direct members now, streamed; read after `mark` and before the people."""
        ...

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """What changed since a mark.

        Args:
            mark: what `mark` or an earlier delta gave.
            known: what was kept of the groups' members.
            most: how many people may have changed.

        Raises `MarkLost` where the mark is foreign, expired or garbage, where the directory cannot go on from it, and
        where more people changed than `most`: then everybody is to be read. Else raises like `Source.read`.
        """
        ...
