"""When something changes by the passing of time alone."""

from collections.abc import Callable
from datetime import datetime, timedelta

EXACT = timedelta(minutes=1)
"""How exactly the moment is found."""


def first_change(value_at: Callable[[datetime], object], now: datetime, until: datetime) -> datetime | None:
    """The moment, at most a minute late, from which on a value is another one than now; None where it is not `until`.

    What changes and changes back before `until` is not found.
    """
    first = value_at(now)
    if until <= now or value_at(until) == first:
        return None
    before, after = now, until
    while after - before > EXACT:
        middle = before + (after - before) / 2
        if value_at(middle) == first:
            before = middle
        else:
            after = middle
    return after
