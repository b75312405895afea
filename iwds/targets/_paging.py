"""Listings in pages that stay true while others write to the service: each page begins with a line already known.

A page is a look at one moment, and the listing may move between two of them. So every page but the first begins at the
last line of the page before. Both must show the same line there: id and name, which is what listings are sorted by.
Then whoever stands behind it stands on this page or a later one, whatever happened before it, and in whatever order
the pages were asked for. docs/readings.md has the argument, and what it does not cover.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeAlias

from iwds.core.ids import IdSet
from iwds.core.model import Proof
from iwds.errors import ServiceUnproven
from iwds.soap.envelope import Answer
from iwds.targets._lanes import Lanes

SMALLEST = 2
"""Lines of a page: one that it shares with its neighbour, and a new one."""
MOST_READINGS = 3
"""How often a listing that moves while it is read is read."""

Lines: TypeAlias = tuple[Answer, int]
"""A page, and how many of its first lines were on the page before."""
_Line: TypeAlias = tuple[int, str]


class Page(Protocol):
    """Asks for one page: offset and number of lines."""

    def __call__(self, offset: int, lines: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What is read page by page.

    Attributes:
        page: asks for a page.
        size: lines per page, at least `SMALLEST`.
        names: the column that it is sorted by.
        of: which listing it is, for a problem.
    """

    page: Page
    size: int
    names: str = "login"
    of: str = ""


@dataclass(slots=True)
class Tally:
    """What a reading has seen so far; its proof is written from it.

    Attributes:
        moved: whether one of the problems is that the listing moved, so that another reading may be proven.
    """

    asked: str
    count: int = 0
    problems: list[str] = field(default_factory=list)
    moved: bool = False
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def proof(self, reason: str) -> Proof:
        """The proof; `reason` is why the reading is believed where nothing speaks against it."""
        return Proof(
            name="service",
            realm="",
            asked=self.asked,
            count=self.count,
            reasons=() if self.problems else (reason,),
            problems=tuple(self.problems),
            taken_at=self.taken_at,
        )


def paged(listing: Listing, tally: Tally, lanes: Lanes, first: Answer | None = None) -> Generator[Lines, None, None]:
    """All pages of a listing, fetched ahead in lanes and looked at in order.

    Whatever does not fit together becomes a problem of the tally, and ends the listing. The count of the first page is
    what is expected; it is verified once more behind the last line, unless one page held everything and had room for
    more. `first` is the first page, where it was fetched already.
    """
    walk, page, size = _Walk(listing, tally), listing.page, listing.size
    start = page(offset=0, lines=size) if first is None else first
    if not walk.accepts(start, 0, size):
        return
    yield start, 0
    last = walk.count - 1
    offsets = range(size - 1, last, size - 1)
    with closing(lanes.ordered(partial(page, offset=offset, lines=size) for offset in offsets)) as answers:
        for offset, answer in zip(offsets, answers, strict=True):
            if not walk.accepts(answer, offset, size):
                return
            yield answer, 1
    if walk.count >= size:
        walk.accepts(page(offset=last, lines=SMALLEST), last, SMALLEST)


class _Walk:
    """What the pages have shown so far, and whether the next one fits."""

    def __init__(self, listing: Listing, tally: Tally) -> None:
        self.count = -1  # until the first page tells
        self._listing, self._tally = listing, tally
        self._seen = IdSet()
        self._last: _Line | None = None

    def accepts(self, answer: Answer, offset: int, lines: int) -> bool:
        """Whether a page fits to those before it; if not, the tally says why."""
        nonsense = self._nonsense(answer)
        problem = nonsense or self._movement(answer, offset, lines)
        if problem:
            self._tally.problems.append(f"{self._listing.of}{problem}, at line {offset}")
            self._tally.moved = not nonsense
        return not problem

    def _nonsense(self, answer: Answer) -> str | None:
        """What no movement explains."""
        count, ids = answer.numbers.get("count"), answer.number_arrays.get("id")
        if count is None or ids is None or self._listing.names not in answer.text_arrays:
            return "the answer has no count, no ids or no names"
        if any(number is None or number <= 0 for number in ids):
            return "a line came without an id"
        return None

    def _movement(self, answer: Answer, offset: int, lines: int) -> str | None:
        count, found = answer.numbers["count"], self._lines(answer)
        if self.count < 0:
            self.count = count
        if count != self.count:
            return f"the count changed from {self.count} to {count} while it was read"
        if len(found) != min(lines, count - offset):
            return f"{len(found)} lines came where {min(lines, count - offset)} must be"
        known = 0 if self._last is None else 1
        if known and found[0] != self._last:
            return "another line came than the page before had there"
        if not all(self._seen.add(number) for number, _ in found[known:]):
            return "a line came twice"
        self._last = found[-1] if found else None
        return None

    def _lines(self, answer: Answer) -> list[_Line]:
        """Id and name of each line."""
        ids = (number for number in answer.number_arrays["id"] if number is not None)
        return list(zip(ids, answer.text_arrays[self._listing.names], strict=True))


def whole(listing: Listing, asked: str) -> Sequence[Lines]:
    """All pages of a short listing, read again where it moved. Raises `ServiceUnproven` where they do not fit."""
    for _ in range(MOST_READINGS):
        tally = Tally(asked)
        with Lanes(1) as lanes:
            pages = list(paged(listing, tally, lanes))
        if not tally.moved:
            break
    if tally.problems:
        raise ServiceUnproven(
            f"{asked}: {'; '.join(tally.problems)}", "Try again: nothing follows from such a reading."
        )
    return pages
