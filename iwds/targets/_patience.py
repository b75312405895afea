"""How often a question is asked again, and how long to wait before: for what can be repeated without harm."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

BASE = 0.5
"""Seconds: the first wait is at most this long, and each further one at most twice the one before."""
LONGEST = 30.0
"""Seconds that one wait takes at most. A service that asks for more is given up for now."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Exponential backoff with full jitter, so that clients that failed together do not come back together.

    Attributes:
        attempts: how often a call is made at most.
        sleep: waits for so many seconds.
        between: a random number between two others.
    """

    attempts: int = 3
    sleep: Callable[[float], None] = time.sleep
    between: Callable[[float, float], float] = SystemRandom().uniform

    def waits(self, tried: int, asked: float | None) -> bool:
        """Wait until the next attempt; False, at once, where there is to be none.

        Args:
            tried: how many attempts were made.
            asked: seconds that the service asked us to wait; None where it did not.
        """
        if tried >= self.attempts or (asked or 0) > LONGEST:
            return False
        jitter = self.between(0, min(LONGEST, BASE * 2 ** (tried - 1)))
        self.sleep(min(LONGEST, (asked or 0) + jitter))
        return True
