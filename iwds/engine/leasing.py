"""The lease of a service as a run holds it: taken, perhaps after some waiting, kept alive, given back."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from iwds.engine.job import Job, Tools
from iwds.engine.who import caller, host
from iwds.errors import IwdsError, LeaseHeld
from iwds.ports import Lease

RENEW_EVERY = 30.0
"""Seconds between two renewals of the lease; a shorter lease is renewed four times in its life."""
ASK_EVERY = 1.0
"""Seconds between two questions whether a lease is free by now."""
RESYNC = "resync"
"""The command of a run that is about one person, in the history and at the end of the lease's holder."""
UNDO, DRIFT, BATCH = "undo", "drift", "batch"
"""The commands of runs that a named person ordered (`engine.ordered`)."""
CHANGES = "changes"
"""That of one that looks only at people of whom something changed, or was to."""
_BRIEF = (RESYNC, CHANGES)
APART = (RESYNC, UNDO, DRIFT, BATCH, CHANGES)
"""Commands of runs that read no directory whole, and so say nothing of how the job fares."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How somebody waits for a lease that another holds.

    Attributes:
        seconds: how long at most.
        told: called once, with who holds it, when the waiting begins.
        stop: ends the waiting.
        worth: whether it is worth waiting for this holder.
    """

    seconds: float
    told: Callable[[LeaseHeld], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    worth: Callable[[LeaseHeld], bool] = lambda _: True


def lease_seconds(job: Job, tools: Tools) -> float:
    """As configured; but four calls always fit into one lease."""
    return max(tools.lease_seconds, 4 * job.target.timeout)


def is_brief(error: LeaseHeld) -> bool:
    """Whether who holds the service looks after one person or a few, and so will be done in seconds."""
    return error.holder.endswith(tuple(f" {command}" for command in _BRIEF))


def taken(job: Job, tools: Tools, command: str, patience: Patience) -> Lease:
    """The lease of the job's service; `LeaseHeld` where it is not free in time."""
    holder = f"{caller()}@{host()} pid {os.getpid()}" + (f" {command}" if command in _BRIEF else "")
    until = tools.clock.monotonic() + patience.seconds
    waiting = False
    while True:
        try:
            return tools.state.lease(job.target.service, holder, lease_seconds(job, tools))
        except LeaseHeld as error:
            left = until - tools.clock.monotonic()
            if left <= 0 or not patience.worth(error):
                raise
            if not waiting:
                patience.told(error)
            waiting = True
            if patience.stop.wait(min(ASK_EVERY, left)):
                raise


@contextmanager
def kept_alive(lease: Lease, seconds: float) -> Iterator[None]:
    """The lease is renewed by a thread until the end, and given back then."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(min(RENEW_EVERY, seconds / 4)):
            # A busy database is asked again; a lease that is lost meets the fence at the next batch, which says so.
            with suppress(IwdsError):
                lease.renew()

    keeper = threading.Thread(target=keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        # Where our memory cannot be written to, the lease runs out by itself; how the run ended is what is to be told.
        with suppress(IwdsError):
            lease.release()
