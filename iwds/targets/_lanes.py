"""Calls side by side, and their results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

AHEAD = 2
"""How many calls per lane may be under way or wait, answered, for their turn: lanes stay busy, and memory flat."""


class Lanes:
    """As many calls at once as there are lanes; one lane is the caller's own thread.

    Use it in `with`: at its end calls that were not begun are dropped, those under way have ended, and so have the
    threads.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def ordered(self, calls: Iterable[Callable[[], T]]) -> Generator[T, None, None]:
        """The result of each call, in their order. Raises the first error in that order.

        No more than `AHEAD` calls per lane are begun before the result of the first of them is taken.
        """
        if self._count == 1:
            for call in calls:
                yield call()
            return
        begun: deque[Future[T]] = deque()
        try:
            for call in calls:
                begun.append(self._begin(call))
                if len(begun) == AHEAD * self._count:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()

    def _begin(self, call: Callable[[], T]) -> "Future[T]":
        if self._threads is None:  # most listings have one page and need no thread
            self._threads = ThreadPoolExecutor(self._count, "iwds-reading")
        return self._threads.submit(call)
