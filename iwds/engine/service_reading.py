"""Reading a whole service, for every plan that rests on all of it: logins, then memberships, each until it stands."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Protocol, TypeVar

from iwds.core.model import Login, Membership, Proof
from iwds.engine.job import Progress
from iwds.errors import ServiceUnproven, Stopped
from iwds.ports import Listing, ReadStream, T_co, TargetReader

T = TypeVar("T")

TICK = 500
"""How many items lie between two words of progress."""
MOST_READINGS = 3
"""How often the service is read where it moves while it is read; then it is not proven."""
_TIMES = {2: "twice", 3: "three times"}


class Basin(Protocol):
    """What a reading of the service is poured into; a waist is one."""

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Take in logins, streamed."""
        ...

    def forget_logins(self) -> None:
        """Forget them: they are read anew."""
        ...

    def add_members(self, members: Iterable[Membership]) -> None:
        """Take in memberships, streamed."""
        ...

    def forget_members(self) -> None:
        """Forget them: they are read anew."""
        ...


class ServiceReading:
    """One reading of one service; `stop` ends it with `Stopped`."""

    def __init__(self, target: TargetReader, progress: Progress, stop: threading.Event) -> None:
        self.target, self.progress, self.stop = target, progress, stop

    def read(self, basin: Basin, groups: Collection[int]) -> Proof:
        """Logins, then the memberships of these groups; each is read anew where it moved, and people are not."""
        proof = self._settled("service", self.target.read_logins, basin.add_logins, basin.forget_logins)
        if not proof.proven:
            return proof
        second = self._settled(
            "memberships", lambda: self.target.read_memberships(groups), basin.add_members, basin.forget_members
        )
        return replace(proof, reasons=proof.reasons + second.reasons, problems=second.problems)

    def counted(self, what: str, stream: ReadStream[T_co]) -> Iterator[T_co]:
        """The same items, with a word of progress now and then."""
        done = 0
        for item in stream:
            yield item
            done += 1
            if done % TICK == 0:
                self.progress(what, done, None)
                self.stop_if_asked(what)
        self.progress(what, done, done)

    def stop_if_asked(self, what: str) -> None:
        """`Stopped` where somebody asked for it; nothing was changed yet."""
        if self.stop.is_set():
            raise Stopped(f"stopped on request while reading {what}; nothing was changed")

    def _settled(
        self, what: str, read: Callable[[], Listing[T]], add: Callable[[Iterable[T]], None], forget: Callable[[], None]
    ) -> Proof:
        """The proof of the first reading under which nothing moved, or of the last that was tried."""
        times = 0
        while True:
            times += 1
            with closing(read()) as listing:
                add(self.counted(what, listing))
                proof = listing.finish()
            if not listing.moved or times == MOST_READINGS:
                return _read_often(proof, what, times)
            self.stop_if_asked(what)
            forget()


def refuse_unproven(proof: Proof) -> None:
    """`ServiceUnproven` where the reading of the service is not believed."""
    if not proof.proven:
        raise ServiceUnproven(
            f"the reading of the service is not believed: {'; '.join(proof.problems)}",
            "nothing was planned or changed; run it again, and if this stays: iwds check",
        )


def _read_often(proof: Proof, what: str, times: int) -> Proof:
    """The proof, which says so where the listing was read more than once."""
    if times == 1:
        return proof
    note = f"{what}: read {_TIMES[times]} because it moved"
    if proof.problems:
        return replace(proof, problems=(*proof.problems, note))
    return replace(proof, reasons=(*proof.reasons, note))
