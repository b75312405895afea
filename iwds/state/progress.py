"""How far jobs have read what changed: marks, the members of groups, and who has to be looked at again."""

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select

from iwds.core.model import Anchor, Service
from iwds.ports import Learnt, Lease, Mark, RunRow, Waiting
from iwds.state import strangers
from iwds.state.engine import Database
from iwds.state.leases import fence
from iwds.state.tables import due, run, source_group, source_mark, waiting

_AT_ONCE = 1_000
"""Groups, or people, that are written by one statement."""

Job = tuple[str, Service]
"""A job's name and its service."""
_Key = Mapping[str, str]


def marks(database: Database, job: Job) -> dict[str, Mark]:
    """The mark of each source."""
    columns = source_mark.c.source, source_mark.c.mark, source_mark.c.taken_at, source_mark.c.read_at
    with database.reading() as connection:
        found = connection.execute(select(*columns, source_mark.c.kept_by).filter_by(**_key(job))).all()
    return {source: Mark(*values) for source, *values in found}


def known_members(database: Database, job: Job, source: str, group: str) -> frozenset[str] | None:
    """The direct members that were kept of a group, by the run of the mark that counts."""
    kept = select(source_mark.c.kept_by).filter_by(**_key(job), source=source).scalar_subquery()
    named = select(source_group.c.members).filter_by(**_key(job), source=source, name=group)
    with database.reading() as connection:
        packed = connection.execute(named.where(source_group.c.kept_by == kept)).scalar_one_or_none()
    return None if packed is None else _unpacked(packed)


def keep_members(
    database: Database, run_id: str, source: str, groups: Iterable[tuple[str, frozenset[str]]], lease: Lease
) -> None:
    """Keep groups under a run's id, some of them in one transaction; of one that comes twice what came last.

    What runs kept that left no mark is thrown away: nobody else runs under this lease, and they may be many nights.
    Pages of a directory repeat what moves meanwhile, and bases within each other repeat what is below both.
    """
    rest, seen = iter(groups), set[str]()
    while some := list(islice(rest, _AT_ONCE)):
        with database.writing() as connection:
            job, service = connection.execute(select(run.c.job, run.c.service).where(run.c.id == run_id)).one()
            fence(connection, service, lease.epoch)
            key = {"job": job, "service": service, "source": source, "kept_by": run_id}
            if not seen:
                _forget_of_dead_runs(connection, {"job": job, "service": service}, run_id)
            now = dict(some)
            for name in seen.intersection(now):
                _forget(connection, source_group, {**key, "name": name})
            rows = [key | {"name": name, "members": _packed(members)} for name, members in now.items()]
            connection.execute(insert(source_group), rows)
            seen.update(now)


def _forget_of_dead_runs(connection: Connection, key: _Key, run_id: str) -> None:
    """The members of groups that runs kept before this one, but for those of marks that count."""
    counting = select(source_mark.c.kept_by).filter_by(**key)
    others = source_group.c.kept_by != run_id, source_group.c.kept_by.not_in(counting)
    connection.execute(delete(source_group).filter_by(**key).where(*others))


def read_waiting(database: Database, job: Job) -> Sequence[Waiting]:
    """Everybody who waits, in the order of their anchors."""
    columns = waiting.c.realm, waiting.c.entry, waiting.c.why, waiting.c.since, waiting.c.left_groups, waiting.c.gone
    wanted = select(*columns).filter_by(**_key(job)).order_by(waiting.c.realm, waiting.c.entry)
    with database.reading() as connection:
        found = connection.execute(wanted).all()
    return [
        Waiting(Anchor(realm, entry), tuple(why), since, frozenset(left), gone)
        for realm, entry, why, since, left, gone in found
    ]


def read_due(database: Database, job: Job, until: datetime) -> Sequence[Anchor]:
    """Whoever is due until then, in the order of their anchors."""
    wanted = select(due.c.realm, due.c.entry).filter_by(**_key(job)).where(due.c.at <= until)
    with database.reading() as connection:
        return [Anchor(*both) for both in connection.execute(wanted.order_by(due.c.realm, due.c.entry))]


def learn(connection: Connection, row: RunRow, learnt: Learnt) -> None:
    """Keep what a run leaves, as a part of the transaction that records its end."""
    key = {"job": row.job, "service": row.service}
    everybody = learnt.looked_at is None
    for source, mark in learnt.marks.items():
        _forget(connection, source_mark, key | {"source": source})
        connection.execute(insert(source_mark).values(_mark(key, source, mark)))
    for source, groups in learnt.groups.items():
        _change_groups(connection, key | {"source": source, "kept_by": learnt.marks[source].kept_by}, groups)
    if everybody:
        _forget_the_rest(connection, key, learnt)
        strangers.learn(connection, row, learnt.strangers)
    for table in (waiting, due):
        _forget_people(connection, table, key, learnt.looked_at)
    _insert(connection, waiting, (_waiting(key, each) for each in learnt.waiting))
    _insert(connection, due, (_person(key, each.anchor) | {"at": each.at} for each in learnt.due))


def _forget_the_rest(connection: Connection, key: _Key, learnt: Learnt) -> None:
    """Marks of sources that have none any more, and the members of groups that earlier runs have kept."""
    connection.execute(delete(source_mark).filter_by(**key).where(source_mark.c.source.not_in(learnt.marks)))
    kept = {mark.kept_by for mark in learnt.marks.values()}
    connection.execute(delete(source_group).filter_by(**key).where(source_group.c.kept_by.not_in(kept)))


def _change_groups(connection: Connection, key: _Key, groups: Mapping[str, frozenset[str] | None]) -> None:
    for name, members in groups.items():
        _forget(connection, source_group, {**key, "name": name})
        if members is not None:
            connection.execute(insert(source_group).values({**key, "name": name, "members": _packed(members)}))


def _forget(connection: Connection, table: Table, key: _Key) -> None:
    connection.execute(delete(table).filter_by(**key))


def _forget_people(connection: Connection, table: Table, key: _Key, people: Collection[Anchor] | None) -> None:
    if people is None:
        _forget(connection, table, key)
    elif people:
        one = and_(table.c.realm == bindparam("of_realm"), table.c.entry == bindparam("of_entry"))
        rows = [{"of_realm": each.realm, "of_entry": each.id} for each in people]
        connection.execute(delete(table).filter_by(**key).where(one), rows)


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, _AT_ONCE)):
        connection.execute(insert(table), some)


def _key(job: Job) -> dict[str, str]:
    return {"job": job[0], "service": str(job[1])}


def _mark(key: _Key, source: str, mark: Mark) -> dict[str, Any]:
    times = {"taken_at": mark.taken_at, "read_at": mark.read_at}
    return {**key, "source": source, "mark": mark.text, **times, "kept_by": mark.kept_by}


def _waiting(key: _Key, each: Waiting) -> dict[str, Any]:
    said = {"why": list(each.why), "since": each.since, "left_groups": sorted(each.left), "gone": each.gone}
    return _person(key, each.anchor) | said


def _person(key: _Key, anchor: Anchor) -> dict[str, Any]:
    return {**key, "realm": anchor.realm, "entry": anchor.id}


def _packed(members: frozenset[str]) -> bytes:
    return zlib.compress(json.dumps(sorted(members)).encode())


def _unpacked(packed: bytes) -> frozenset[str]:
    return frozenset(json.loads(zlib.decompress(packed)))
