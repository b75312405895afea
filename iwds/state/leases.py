"""Leases: at most one run writes to a service, and one that lost its lease without noticing can record nothing.

A paused process wakes up inside its successor's run and goes on; no clock prevents that. So every new holder gets a
higher epoch, and every transaction of a run first writes to the lease's row *where the epoch is still its own*: no
row means that somebody else came, and the transaction is undone. The row stays locked until the commit, so nobody
can come in between.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from iwds.core.model import Service
from iwds.errors import LeaseHeld, LeaseLost
from iwds.state.engine import Database
from iwds.state.tables import lease


class SqlLease:
    """A lease that is held. `outlives` counts on this machine's own clock, from before the database was asked."""

    def __init__(self, database: Database, service: Service, epoch: int, seconds: float, asked: float) -> None:
        self._database = database
        self._service = service
        self._epoch = epoch
        self._seconds = seconds
        self._until = asked + seconds

    @property
    def epoch(self) -> int:
        """Grows by one with every new holder."""
        return self._epoch

    def outlives(self, seconds: float) -> bool:
        """Whether the lease certainly lasts that long. Thread-safe, asks no database."""
        return self._database.clock.monotonic() + seconds < self._until

    def renew(self) -> None:
        """Prolong it; `LeaseLost` where somebody else holds it by now.

        One that has run out is still ours while nobody else took it.
        """
        asked = self._database.clock.monotonic()
        try:
            with self._database.writing() as connection:
                fence(connection, self._service, self._epoch)
                until = self._database.now(connection) + timedelta(seconds=self._seconds)
                connection.execute(_own(self._service, self._epoch).values(expires_at=until))
        except LeaseLost:
            self._until = asked
            raise
        self._until = asked + self._seconds

    def release(self) -> None:
        """Give it back. May be called twice, and does nothing to a later holder."""
        self._until = self._database.clock.monotonic()
        with self._database.writing() as connection:
            connection.execute(_own(self._service, self._epoch).values(expires_at=None))


def take(database: Database, service: Service, holder: str, seconds: float) -> SqlLease:
    """Take the lease of a service where it is free or has run out; `LeaseHeld` where it is not."""
    asked = database.clock.monotonic()
    try:
        epoch = _take(database, service, holder, seconds)
    except IntegrityError:  # the very first lease of this service was taken at the same moment by somebody else
        epoch = _take(database, service, holder, seconds)
    return SqlLease(database, service, epoch, seconds, asked)


def fence(connection: Connection, service: Service | str, epoch: int) -> None:
    """Go on only while the lease is ours, and keep it so until this transaction ends; `LeaseLost` otherwise."""
    held = connection.execute(_own(service, epoch).where(lease.c.expires_at.is_not(None)).values(epoch=epoch)).rowcount
    if not held:
        raise LeaseLost(
            f"the lease of {service} is no longer ours: another run has taken it",
            "iwds history shows who; what was sent without an answer is settled by the next run",
        )


def _own(service: Service | str, epoch: int) -> Update:
    return update(lease).where(lease.c.service == str(service), lease.c.epoch == epoch)


def _take(database: Database, service: Service, holder: str, seconds: float) -> int:
    """The new epoch."""
    with database.writing() as connection:
        now = database.now(connection)
        mine = {"holder": holder, "acquired_at": now, "expires_at": now + timedelta(seconds=seconds)}
        free = or_(lease.c.expires_at.is_(None), lease.c.expires_at <= now)
        taken = connection.execute(
            update(lease).where(lease.c.service == str(service), free).values(epoch=lease.c.epoch + 1, **mine)
        ).rowcount
        row = connection.execute(select(lease).where(lease.c.service == str(service))).one_or_none()
        if row is None:
            connection.execute(insert(lease).values(service=str(service), epoch=1, **mine))
            return 1
        if not taken:
            raise _held(service, row.holder, row.acquired_at, row.expires_at)
        return int(row.epoch)


def _held(service: Service, holder: str, since: datetime, until: datetime) -> LeaseHeld:
    return LeaseHeld(
        f"{service} is held by {holder} since {since:%Y-%m-%d %H:%M:%S} UTC, until {until:%Y-%m-%d %H:%M:%S} UTC",
        "wait for it to end; a run that died frees the service when its lease runs out",
        holder,
    )
