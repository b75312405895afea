"""A listing in pages, while others delete, create and rename: what a proven reading cannot lack, and what it can."""

from bisect import insort
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from iwds.errors import ServiceUnproven
from iwds.soap.envelope import Answer
from iwds.targets._lanes import Lanes
from iwds.targets._paging import Listing, Tally, paged, whole

T = TypeVar("T")

NAMES = st.integers(0, 40).map(lambda number: f"u{number:02}")
DELETE, CREATE, RENAME = "delete", "create", "rename"


@dataclass(frozen=True)
class Move:
    """What somebody does: delete the login at a place, create one, or give the one at a place another name."""

    kind: str
    place: int
    name: str


MOVES = st.lists(st.builds(Move, st.sampled_from((DELETE, CREATE, RENAME)), st.integers(0, 30), NAMES), max_size=4)


@dataclass
class Service:
    """The service's listing, sorted by name as it promises; `script` is what happens before each page."""

    names: Iterable[str]
    script: list[list[Move]] = field(default_factory=list)
    pages: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = sorted((name, number) for number, name in enumerate(self.names, 1))
        self.next_id = len(self.rows) + 1
        self.settled = set(self.rows)

    def __call__(self, offset: int, lines: int) -> Answer:
        for move in self.script.pop(0) if self.script else []:
            self.make(move)
        self.pages.append((offset, lines))
        return answer(len(self.rows), self.rows[offset : offset + lines])

    def make(self, move: Move) -> None:
        """One move; one that the service would refuse does nothing."""
        if move.kind != DELETE and any(name == move.name for name, _ in self.rows):
            return
        if move.kind == CREATE:
            insort(self.rows, (move.name, self.next_id))
            self.next_id += 1
        elif self.rows:
            row = self.rows.pop(move.place % len(self.rows))
            self.settled.discard(row)
            if move.kind == RENAME:
                insort(self.rows, (move.name, row[1]))


def answer(count: int, rows: list[tuple[str, int]]) -> Answer:
    ids: list[int | None] = [number for _, number in rows]
    return Answer("OK", {"count": count, "n": len(rows)}, {}, {"id": ids}, {"login": [name for name, _ in rows]})


class Shuffled(Lanes):
    """Lanes whose calls happen in an order of Hypothesis' choice, as far as real lanes may run ahead."""

    def __init__(self, data: st.DataObject, ahead: int) -> None:
        super().__init__(1)
        self.data, self.ahead = data, ahead

    def ordered(self, calls: Iterable[Callable[[], T]]) -> Generator[T, None, None]:
        waiting = list(enumerate(calls))
        done: dict[int, T] = {}
        for number in range(len(waiting)):
            while number not in done:
                window = [call for call in waiting if call[0] not in done and call[0] < number + self.ahead]
                chosen, call = self.data.draw(st.sampled_from(window))
                done[chosen] = call()
            yield done.pop(number)


def read(listing: Service, size: int, lanes: Lanes) -> tuple[list[tuple[str, int]], Tally]:
    tally = Tally("all")
    rows = []
    for page, known in paged(Listing(listing, size), tally, lanes):
        lines = [number for number in page.number_arrays["id"] if number is not None]
        rows.extend(list(zip(page.text_arrays["login"], lines, strict=True))[known:])
    return rows, tally


@given(
    names=st.sets(NAMES, max_size=25),
    script=st.lists(MOVES, max_size=12),
    size=st.integers(2, 6),
    ahead=st.integers(1, 4),
    data=st.data(),
)
def test_a_proven_reading_lacks_nobody_who_stayed_as_they_were(
    names: set[str], script: list[list[Move]], size: int, ahead: int, data: st.DataObject
) -> None:
    listing = Service(sorted(names), [[], *script])
    rows, tally = read(listing, size, Shuffled(data, ahead))
    event("moved" if tally.moved else "proven")
    assert bool(tally.problems) == tally.moved
    if not tally.problems:
        assert listing.settled <= set(rows)
        assert len({number for _, number in rows}) == len(rows)


@given(data=st.data(), names=st.sets(NAMES, min_size=6, max_size=25), size=st.integers(2, 5))
def test_moves_that_keep_the_count_and_most_shared_lines_lose_nobody_who_stayed(
    data: st.DataObject, names: set[str], size: int
) -> None:
    """What chance rarely finds: as many created as deleted, and renames, all before one page."""
    listing = Service(sorted(names))
    pages = len(names) // (size - 1) + 1
    script: list[list[Move]] = [[] for _ in range(pages + 1)]
    free = data.draw(st.permutations(sorted({f"u{number:02}" for number in range(41)} - names)))
    for name in free[: data.draw(st.integers(1, 3))]:
        when = data.draw(st.integers(1, pages))
        script[when] += [Move(DELETE, data.draw(st.integers(0, 30)), ""), Move(CREATE, 0, name)]
        if data.draw(st.booleans()):
            script[when].append(Move(RENAME, data.draw(st.integers(0, 30)), free[-1]))
    listing.script = script
    rows, tally = read(listing, size, Lanes(1))
    event("moved" if tally.moved else "proven")
    assert tally.problems or listing.settled <= set(rows)


@given(names=st.sets(NAMES, max_size=41), size=st.integers(2, 45), lanes=st.integers(1, 3))
def test_a_listing_that_nobody_moves_is_proven_and_whole(names: set[str], size: int, lanes: int) -> None:
    listing = Service(sorted(names))
    with Lanes(lanes) as calls:
        rows, tally = read(listing, size, calls)
    assert tally.problems == []
    assert rows == sorted(listing.settled)


@pytest.mark.parametrize(
    ("people", "pages"),
    [
        (0, [(0, 4)]),
        (3, [(0, 4)]),
        (4, [(0, 4), (3, 2)]),
        (5, [(0, 4), (3, 4), (4, 2)]),
        (7, [(0, 4), (3, 4), (6, 2)]),
        (8, [(0, 4), (3, 4), (6, 4), (7, 2)]),
    ],
)
def test_every_page_begins_with_the_last_line_of_the_one_before_and_nothing_comes_behind_the_last(
    people: int, pages: list[tuple[int, int]]
) -> None:
    listing = Service([f"u{number}" for number in range(people)])
    read(listing, 4, Lanes(1))
    assert listing.pages == pages


def seen_before_page(number: int, *moves: Move) -> tuple[list[tuple[str, int]], Tally]:
    """A reading of u00 to u08 in pages of four, where somebody moves before page `number`."""
    listing = Service([f"u{count:02}" for count in range(9)], [[] for _ in range(number)])
    listing.script.append(list(moves))
    return read(listing, 4, Lanes(1))


@pytest.mark.parametrize(
    ("moves", "problem"),
    [
        ([Move(DELETE, 0, "")], "the count changed from 9 to 8"),
        ([Move(CREATE, 0, "a")], "the count changed from 9 to 10"),
        ([Move(DELETE, 0, ""), Move(CREATE, 0, "z")], "another line came"),
        ([Move(RENAME, 8, "a")], "another line came"),
        ([Move(RENAME, 0, "z")], "another line came"),
        ([Move(RENAME, 3, "u03b")], "another line came"),
        ([Move(RENAME, 0, "z"), Move(CREATE, 0, "a"), Move(DELETE, 8, "")], "a line came twice"),
    ],
    ids=[
        "a deletion",
        "a creation",
        "a deletion before and a creation behind",
        "a rename from behind to before",
        "a rename from before to behind",
        "a rename of the shared line in its place",
        "a rename from before to behind that others make up for",
    ],
)
def test_a_move_across_a_page_is_noticed(moves: list[Move], problem: str) -> None:
    _, tally = seen_before_page(1, *moves)
    assert tally.moved
    (said,) = tally.problems
    assert said.startswith(problem)


@pytest.mark.parametrize(
    "moves",
    [
        [Move(DELETE, 0, ""), Move(CREATE, 0, "a")],
        [Move(DELETE, 8, ""), Move(CREATE, 0, "z")],
        [Move(RENAME, 0, "u01b")],
        [Move(RENAME, 8, "z")],
    ],
    ids=["one for one before", "one for one behind", "a rename before", "a rename behind"],
)
def test_a_move_that_crosses_no_page_is_harmless(moves: list[Move]) -> None:
    rows, tally = seen_before_page(1, *moves)
    assert tally.problems == []
    assert {f"u{number:02}" for number in range(2, 8)} <= {name for name, _ in rows}


def test_a_shared_line_with_another_name_is_another_line() -> None:
    """Its id alone would do for a join across u04 and u05, who stayed: it moved behind them."""
    away = [
        Move(DELETE, 0, ""),
        Move(DELETE, 0, ""),
        Move(RENAME, 1, "u05b"),
        Move(CREATE, 0, "y"),
        Move(CREATE, 0, "z"),
    ]
    rows, tally = seen_before_page(1, *away)
    assert tally.moved
    assert len(rows) == 4


def test_a_login_that_is_renamed_while_two_others_make_up_for_it_may_be_missing() -> None:
    """The limit: nobody who stayed is missing, but one who moved is. Ours are looked for by id, see _look_for."""
    rows, tally = seen_before_page(1, Move(DELETE, 0, ""), Move(RENAME, 7, "a"), Move(CREATE, 0, "z"))
    assert tally.problems == []
    assert 9 not in {number for _, number in rows}


def test_a_count_that_cannot_be_met_is_a_movement_and_ends_the_reading() -> None:
    tally = Tally("all")
    page = answer(3, [("a", 1)])
    assert list(paged(Listing(lambda offset, lines: page, 4), tally, Lanes(1))) == []
    assert (tally.problems, tally.moved) == (["1 lines came where 3 must be, at line 0"], True)


@pytest.mark.parametrize("broken", [answer(1, [("a", 0)]), Answer("OK", {"n": 0}, {}, {"id": []}, {"login": []})])
def test_nonsense_is_no_movement(broken: Answer) -> None:
    tally = Tally("all")
    assert list(paged(Listing(lambda offset, lines: broken, 4), tally, Lanes(1))) == []
    assert tally.problems
    assert not tally.moved


def test_a_short_listing_is_read_again_until_nothing_moves_in_it() -> None:
    names = [f"u{number}" for number in range(6)]
    listing = Service(names, [[], [Move(DELETE, 0, "")], [], [Move(DELETE, 0, "")]])
    pages = whole(Listing(listing, 4), "all")
    assert sum(len(page.number_arrays["id"]) - known for page, known in pages) == 4


def test_a_short_listing_that_never_rests_is_not_proven() -> None:
    restless = Service([f"u{number}" for number in range(20)], [[Move(DELETE, 0, "")]] * 20)
    with pytest.raises(ServiceUnproven, match="the count changed"):
        whole(Listing(restless, 4), "all")
    assert len(restless.pages) == 6
