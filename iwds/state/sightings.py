"""What looks for drift have shown: since which look something differs from what we last wrote."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from iwds.core.model import Service
from iwds.ports import Sighting
from iwds.state.engine import Database
from iwds.state.tables import look, sighting

_AT_ONCE = 500
"""Login ids in one question; databases limit the parameters of a statement."""

_THIS = and_(
    sighting.c.job == bindparam("of_job"),
    sighting.c.service == bindparam("of_service"),
    sighting.c.login_id == bindparam("of_login"),
    sighting.c.what == bindparam("of_what"),
)


def last_look(database: Database, job: str, service: Service) -> datetime | None:
    """When a whole look was taken last."""
    with database.reading() as connection:
        return _last_look(connection, _key(job, service))


def _last_look(connection: Connection, key: Mapping[str, str]) -> datetime | None:
    return connection.execute(select(look.c.at).filter_by(**key)).scalar_one_or_none()


def note_sightings(
    database: Database, whose: tuple[str, Service], at: datetime, found: Collection[Sighting]
) -> dict[tuple[int, str], Sighting]:
    """Keep what a look at this time shows; returns each as it is known now."""
    key, told = _key(*whose), {}
    with database.writing() as connection:
        before = _last_look(connection, key)
        for some in _batches(found):
            known = _known(connection, key, {each.login_id for each in some})
            same = {(e.login_id, e.what): known.get((e.login_id, e.what)) for e in some}
            now = [
                was if (was := same[each.login_id, each.what]) and was.held == each.held else _new(each, before, at)
                for each in some
            ]
            told.update({(each.login_id, each.what): each for each in now})
            _write(connection, key, at, now, known.keys())
    return told


def _new(each: Sighting, before: datetime | None, at: datetime) -> Sighting:
    return Sighting(each.login_id, each.what, each.held, before, at)


def _known(connection: Connection, key: Mapping[str, str], logins: Collection[int]) -> dict[tuple[int, str], Sighting]:
    columns = (sighting.c[name] for name in ("login_id", "what", "held", "equal_at", "seen_at", "agreed"))
    wanted = select(*columns).filter_by(**key).where(sighting.c.login_id.in_(logins))
    return {(row.login_id, row.what): Sighting(*row) for row in connection.execute(wanted)}


def _write(
    connection: Connection,
    key: Mapping[str, str],
    at: datetime,
    now: Collection[Sighting],
    known: Collection[tuple[int, str]],
) -> None:
    new = [each for each in now if (each.login_id, each.what) not in known]
    if new:
        connection.execute(insert(sighting), [{**key, **_values(each, at)} for each in new])
    kept = [each for each in now if (each.login_id, each.what) in known]
    if kept:
        changed = ("held", "equal_at", "seen_at", "last_at", "agreed")
        rewrite = update(sighting).where(_THIS).values({name: bindparam(f"to_{name}") for name in changed})
        rows = ((each, _values(each, at)) for each in kept)
        connection.execute(
            rewrite,
            [_this(key, each.login_id, each.what) | {f"to_{n}": values[n] for n in changed} for each, values in rows],
        )


def _values(each: Sighting, at: datetime) -> dict[str, Any]:
    names = ("login_id", "what", "held", "equal_at", "seen_at", "agreed")
    return {name: getattr(each, name) for name in names} | {"last_at": at}


def note_agreed(database: Database, whose: tuple[str, Service], found: Collection[tuple[int, str]]) -> None:
    """Record that the directory wants what the service has."""
    if found:
        key = _key(*whose)
        with database.writing() as connection:
            rows = [_this(key, login_id, what) for login_id, what in found]
            connection.execute(update(sighting).where(_THIS).values(agreed=True), rows)


def end_look(database: Database, whose: tuple[str, Service], at: datetime) -> None:
    """Record that a whole look was taken, and forget what it did not show any more."""
    key = _key(*whose)
    with database.writing() as connection:
        connection.execute(delete(sighting).filter_by(**key).where(sighting.c.last_at < at))
        if not connection.execute(update(look).filter_by(**key).values(at=at)).rowcount:
            connection.execute(insert(look).values(**key, at=at))


def _key(job: str, service: Service) -> dict[str, str]:
    return {"job": job, "service": str(service)}


def _this(key: Mapping[str, str], login_id: int, what: str) -> dict[str, Any]:
    return {"of_job": key["job"], "of_service": key["service"], "of_login": login_id, "of_what": what}


def _batches(found: Collection[Sighting]) -> Iterator[list[Sighting]]:
    rest = iter(found)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
