"""By what the logins that are not ours are recognised, as a run of everybody saw them, and what we made since."""

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from iwds.core.change import Evidence, Kind
from iwds.core.model import Service
from iwds.ports import Lease, Result, RunRow, Strangers
from iwds.state.engine import Database
from iwds.state.leases import fence
from iwds.state.tables import intent, outcome, run, stranger, stranger_mark

_AT_ONCE = 5_000
"""Hashes that are written by one statement, in a transaction of its own."""
_CREATED = (Kind.CREATE.value, f"{Kind.CREATE.value},{Kind.PROMOTE.value}")
"""What the journal calls a creation, that of an administrator too."""
_MADE_NO_DIFFERENCE = (Result.REJECTED, Result.HELD, Result.NOT_TRIED)


def keep(database: Database, run_id: str, hashes: Iterable[bytes], lease: Lease) -> int:
    """Keep hashes under a run's id; the id of the last intent of all before that."""
    with database.reading() as connection:
        last = connection.execute(select(func.max(intent.c.id))).scalar() or 0
        job, service = connection.execute(select(run.c.job, run.c.service).where(run.c.id == run_id)).one()
    key, rest = {"job": job, "service": service, "kept_by": run_id}, iter(hashes)
    while some := list(islice(rest, _AT_ONCE)):
        with database.writing() as connection:
            fence(connection, service, lease.epoch)
            connection.execute(insert(stranger), [key | {"hash": each} for each in some])
    return last


def kept(database: Database, key: dict[str, str]) -> Strangers | None:
    """What counts for a job and a service."""
    columns = stranger_mark.c.kept_by, stranger_mark.c.read_at, stranger_mark.c.matching, stranger_mark.c.logins
    with database.reading() as connection:
        found = connection.execute(select(*columns, stranger_mark.c.intent).filter_by(**key)).one_or_none()
    return Strangers(*found) if found else None


def are_kept(database: Database, key: dict[str, str], hashes: Collection[bytes]) -> bool:
    """Whether any of these is among what counts for a job and a service."""
    counts = select(stranger_mark.c.kept_by).filter_by(**key).scalar_subquery()
    wanted = select(stranger.c.hash).filter_by(**key).where(stranger.c.kept_by == counts, stranger.c.hash.in_(hashes))
    with database.reading() as connection:
        return connection.execute(wanted.limit(1)).first() is not None


def made_since(database: Database, service: Service, after: int) -> int | None:
    """Creations without deletions, known to be made; None where one may have been made, or a login was let go of."""
    since = select(outcome.c.result, intent.c.kind, func.count()).join_from(intent, run, run.c.id == intent.c.run)
    ours = since.outerjoin(outcome, outcome.c.intent == intent.c.id).where(
        run.c.service == str(service), intent.c.id > after
    )
    counted = ours.where(intent.c.kind.in_((*_CREATED, Kind.DELETE.value))).group_by(outcome.c.result, intent.c.kind)
    ordered = intent.c.change["evidence"].as_string() == Evidence.ORDERED.value
    let_go = ours.where(intent.c.kind == Kind.FORGET.value, ordered).group_by(outcome.c.result, intent.c.kind)
    with database.reading() as connection:
        made = [tuple(each) for each in connection.execute(counted)]
        if connection.execute(let_go).first() is not None:
            return None
    return _sum(made)


def _sum(made: Iterable[tuple[Any, ...]]) -> int | None:
    """The counts of (result, kind, how many), each with its sign."""
    total = 0
    for result, kind, number in made:
        if result == Result.DONE:
            total += number if kind in _CREATED else -number
        elif result not in _MADE_NO_DIFFERENCE:
            return None
    return total


def learn(connection: Connection, row: RunRow, strangers: Strangers | None) -> None:
    """What counts from the end of a run of everybody on; what other runs have kept is thrown away."""
    key = {"job": row.job, "service": row.service}
    mine = [strangers.kept_by] if strangers else []
    connection.execute(delete(stranger).filter_by(**key).where(stranger.c.kept_by.not_in(mine)))
    connection.execute(delete(stranger_mark).filter_by(**key))
    if strangers:
        counts = {"matching": strangers.matching, "logins": strangers.logins, "intent": strangers.intent}
        mark = {"kept_by": strangers.kept_by, "read_at": strangers.read_at, **counts}
        connection.execute(insert(stranger_mark).values({**key, **mark}))
