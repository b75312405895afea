"""How many calls a second are answered."""

import math
import time
from collections.abc import Callable


class Bucket:
    """Lets `per_second` calls through each second, and as many at once after a pause.

    Args:
        per_second: calls per second; below 1 for one in several seconds.
        clock: seconds that only grow.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._most = max(1.0, per_second)
        self._clock = clock
        self._left = self._most
        self._at = clock()

    def take(self) -> bool:
        """Whether one more call is let through now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def seconds_to_wait(self) -> int:
        """Whole seconds until a call is let through, at least 1: the unit of the header Retry-After."""
        return max(1, math.ceil((1 - self._left) / self._rate))
