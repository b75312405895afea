"""When a run gives up before its plan is made: too much fails, the service is silent, or its time is over."""

import threading
from dataclasses import dataclass

from iwds.ports import Clock


@dataclass(frozen=True, slots=True)
class FailureBudget:
    """What a job lets go wrong before its run stops.

    Attributes:
        floor: so many failed changes are no reason to stop, whatever the plan's size.
        ratio: of the changes of a plan, as many as this may fail where that is more than `floor`.
        silent: after so many changes in a row for which the service could not be reached, it is not asked further.
    """

    floor: int = 10
    ratio: float = 0.1
    silent: int = 5

    def allowed(self, changes: int) -> int:
        """How many of so many changes may fail."""
        return max(self.floor, int(self.ratio * changes))


class Spending:
    """What one application of a plan has used of its budget and of its time. Thread-safe.

    Args:
        budget: what the job allows.
        changes: how many changes the plan has.
        until: the clock's monotonic time at which no further change is begun; None for no deadline.
        clock: counts on while the machine is suspended.
    """

    def __init__(self, budget: FailureBudget, changes: int, until: float | None, clock: Clock) -> None:
        self._budget, self._changes, self._until, self._clock = budget, changes, until, clock
        self._began = clock.monotonic()
        self._silent = 0
        self._lock = threading.Lock()

    def reached(self, it_was: bool) -> None:
        """Whether the service could be reached for a change."""
        with self._lock:
            self._silent = 0 if it_was else self._silent + 1

    def reason_to_stop(self, failures: int) -> str:
        """Why no further change is begun after so many failed ones; empty where nothing speaks against it."""
        allowed = self._budget.allowed(self._changes)
        if failures > allowed:
            return f"{failures} of {self._changes} changes failed, more than the {allowed} of the failure budget"
        if self._silent >= self._budget.silent:
            return f"the service could not be reached for {self._silent} changes in a row"
        if self._until is not None and self._clock.monotonic() >= self._until:
            return DEADLINE
        return ""

    def left_over(self, made: int, waiting: int) -> str:
        """How many changes wait after the deadline, and how long they will take, told by the pace so far."""
        seconds = self._clock.monotonic() - self._began
        pace = f", about {words(seconds / made * waiting)} of work at this pace" if made and seconds > 0 else ""
        return f"{DEADLINE}; {waiting} wait for the next run{pace}"


DEADLINE = "deadline reached"


def words(seconds: float) -> str:
    """A length of time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
