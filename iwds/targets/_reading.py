"""Readings of the service: pages in a fixed order and size, and the proof that the service's own counts give."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from iwds.core.model import Login, Proof
from iwds.errors import ServiceUnavailable, ServiceUnproven
from iwds.soap.envelope import Answer

T = TypeVar("T")


class Page(Protocol):
    """Asks for one page: offset and number of lines."""

    def __call__(self, offset: int, lines: int) -> Answer: ...


@dataclass(slots=True)
class Tally:
    """What a reading has seen so far; its proof is written from it."""

    asked: str
    count: int = 0
    problems: list[str] = field(default_factory=list)
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


class Reading(Generic[T]):
    """A one-shot reading: iterate it to its end, then ask for its proof."""

    def __init__(self, items: Callable[[Tally], Iterator[T]], asked: str, reason: Callable[[Tally], str]) -> None:
        self._items = items
        self._asked = asked
        self._reason = reason
        self._tally: Tally | None = None
        self._ended = False

    def __iter__(self) -> Iterator[T]:
        if self._tally is not None:
            raise RuntimeError("a reading can be iterated only once")
        self._tally = Tally(self._asked)
        return self._run(self._tally)

    def finish(self) -> Proof:
        """The proof; `RuntimeError` where the iteration has not ended, or ended with an error."""
        if self._tally is None or not self._ended:
            raise RuntimeError("the proof of a reading exists only after its last item")
        return self._tally.proof(self._reason(self._tally))

    def _run(self, tally: Tally) -> Iterator[T]:
        for item in self._items(tally):
            tally.count += 1
            yield item
        self._ended = True


class IdSet:
    """Which ids were seen. Ids of one service lie close together, and so take a few bits each instead of 60 bytes."""

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Remember an id; False where it was there already."""
        block, bit = number >> 6, 1 << (number & 63)
        before = self._blocks.get(block, 0)
        self._blocks[block] = before | bit
        return not before & bit


def paged(page: Page, size: int, tally: Tally, of: str = "") -> Iterator[Answer]:
    """All pages of a listing. Whatever does not fit together becomes a problem of the tally, and ends the listing.

    The count of the first page is what is expected. A page that has another count, too few lines, or a line of an
    earlier page, means that the listing moved while it was read.
    """
    seen, read, expected = IdSet(), 0, None
    while expected is None or read < expected:
        answer = page(offset=read, lines=size)
        expected = answer.numbers.get("count") if expected is None else expected
        problem = _problem(answer, expected, min(size, (expected or 0) - read), seen)
        if problem:
            tally.problems.append(f"{of}{problem}, at line {read}")
            return
        read += answer.numbers["n"]
        yield answer


def _problem(answer: Answer, expected: int | None, lines: int, seen: IdSet) -> str | None:
    count, ids = answer.numbers.get("count"), answer.number_arrays.get("id")
    if count is None or expected is None or ids is None:
        return "the answer has no count, or no ids"
    if count != expected:
        return f"the count changed from {expected} to {count} while it was read"
    if len(ids) != lines:
        return f"{len(ids)} lines came where {lines} must be"
    if any(number is None or number <= 0 or not seen.add(number) for number in ids):
        return "a line came twice, or without an id"
    return None


def logins_of(answer: Answer) -> Iterator[Login]:
    """The logins on a page. A column that is absent is None in each of them.

    Raises `ServiceUnavailable` where ids or names are absent.
    """
    numbers, texts = answer.number_arrays, answer.text_arrays
    ids = [number for number in numbers.get("id", ()) if number is not None]
    if len(ids) != answer.numbers.get("n") or "login" not in texts:
        raise ServiceUnavailable("the service answered with logins that have no id, or no name", "Try again later.")
    unknown = [None] * len(ids)
    columns = zip(
        ids,
        texts["login"],
        *(texts.get(name, unknown) for name in ("firstname", "name", "mail", "phone")),
        *(numbers.get(name, unknown) for name in ("role", "status")),
        texts.get("extrafields", unknown),
        numbers.get("createdby", unknown),
        map(activated, texts.get("code", unknown)),
        numbers.get("lastauthdate", unknown),
        strict=True,
    )
    return (Login(*fields) for fields in columns)


def activated(code: str | None) -> bool | None:
    """Whether a login's code was used. What an unused one is good for, and the code itself, stay here."""
    return None if code is None else code.strip().lower() == "ok"


def whole(page: Page, size: int, asked: str) -> Sequence[Answer]:
    """All pages of a short listing. Raises `ServiceUnproven` where they do not fit together."""
    tally = Tally(asked)
    pages = list(paged(page, size, tally))
    if tally.problems:
        raise ServiceUnproven(
            f"{asked}: {'; '.join(tally.problems)}", "Try again: nothing follows from such a reading."
        )
    return pages
