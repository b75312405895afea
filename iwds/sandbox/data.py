"""The data file as its tables' owners share it: one connection, transactions, and the time.

The connection is used from one thread (the event loop); several processes may have the same file open. The time is the
machine's, put forward by what the file says: so a running service follows `iwds sandbox clock` at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iwds.sandbox.schema import connect, prepare


class Data:
    """The open file. `service_id` and `max_logins` that are None stay as the file has them.

    `clock` returns seconds since 1970.
    """

    def __init__(self, path: str, service_id: int | None, max_logins: int | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.db = connect(path)
        try:
            self.service_id, self.max_logins = prepare(self.db, service_id, max_logins, int(clock()))
        except BaseException:
            self.db.close()
            raise

    def now(self) -> int:
        """Seconds since 1970, on this service's clock."""
        return int(self._clock()) + self.ahead

    @property
    def ahead(self) -> int:
        """How many seconds this service's clock is ahead of the machine's."""
        return int(self.db.execute("SELECT ahead FROM clock").fetchone()[0])

    def advance(self, seconds: int) -> None:
        """Put the clock forward, for every process that has the file open."""
        self.db.execute("UPDATE clock SET ahead = ahead + ?", (seconds,))

    def reset_clock(self) -> None:
        """Set the clock to the machine's own time."""
        self.db.execute("UPDATE clock SET ahead = 0")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it; inside another transaction it is a part of that one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
