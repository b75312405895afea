"""Python's collector of cycles, called seldom while much is read.

It looks at what is alive whenever some hundreds of objects more were made than went, which is many times for each page
of entries; and a reading makes no cycle. Reference counting gives everything back at once, as always.
"""

import gc
import threading
from types import TracebackType

_SELDOM = 20_000
"""Objects instead of hundreds: more than a page of 500 entries is made of."""


class _Seldom:
    """While at least one reading is inside, the collector is called seldom; then again as before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before, *others = gc.get_threshold()
                # 0 is a collector that somebody switched off
                gc.set_threshold(self._before and max(_SELDOM, self._before), *others)
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                gc.set_threshold(self._before, *gc.get_threshold()[1:])


seldom = _Seldom()
"""For `with`; may be entered by several threads at once."""
