"""Calls side by side: in order, not too far ahead, and nothing is left running."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import pytest

from iwds.targets._lanes import AHEAD, Lanes

LANES = 3


def running() -> int:
    return sum(thread.name.startswith("iwds-reading") for thread in threading.enumerate())


def calls(begun: list[int]) -> Iterator[Callable[[], int]]:
    """Calls without end, each of which notes that it was made, and returns its number."""

    def call(number: int) -> int:
        begun.append(number)
        return number

    return (partial(call, number) for number in count())


@pytest.mark.parametrize("lanes", [1, LANES])
def test_results_come_in_the_order_of_the_calls(lanes: int) -> None:
    with Lanes(lanes) as calls_at_once:
        numbers = list(calls_at_once.ordered(partial(int, number) for number in range(50)))
    assert numbers == list(range(50))


def test_lanes_are_used_at_the_same_time() -> None:
    together = threading.Barrier(LANES)
    with Lanes(LANES) as lanes:
        assert len(list(lanes.ordered([lambda: together.wait(10)] * LANES))) == LANES


def test_no_more_is_begun_than_a_few_calls_per_lane() -> None:
    begun: list[int] = []
    with Lanes(LANES) as lanes:
        results = lanes.ordered(calls(begun))
        for taken in range(1, 20):
            next(results)
            assert len(begun) <= AHEAD * LANES + taken - 1


def test_one_lane_is_the_callers_own_thread_and_begins_nothing_ahead() -> None:
    begun: list[int] = []
    with Lanes(1) as lanes:
        results = lanes.ordered(calls(begun))
        assert [next(results), next(results)] == begun == [0, 1]
        assert list(lanes.ordered([threading.current_thread])) == [threading.current_thread()]


def test_the_first_error_in_order_is_raised_and_what_was_not_begun_is_dropped() -> None:
    begun: list[int] = []
    later = calls(begun)

    def fail() -> int:
        raise ZeroDivisionError

    def each() -> Iterator[Callable[[], int]]:
        yield next(later)
        yield fail
        yield from later

    with pytest.raises(ZeroDivisionError), Lanes(LANES) as lanes:
        list(lanes.ordered(each()))
    assert running() == 0
    assert len(begun) <= AHEAD * LANES + 1


def test_an_abandoned_reading_leaves_no_thread_behind() -> None:
    def reading() -> Iterator[int]:
        with Lanes(LANES) as lanes:
            yield from lanes.ordered(calls([]))

    numbers = reading()
    assert next(numbers) == 0
    assert running() > 0
    del numbers
    assert running() == 0
