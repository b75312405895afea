"""What comparisons with another tool have found."""

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from iwds.core.model import Service
from iwds.core.parity import Look, Parity, Withheld
from iwds.state.engine import Database
from iwds.state.tables import parity as table


def note_parity(database: Database, whose: tuple[str, Service], look: Look, kept_since: datetime) -> None:
    """Keep one look, and delete those of the same job from before `kept_since`."""
    job, service = whose
    values = {
        "job": job,
        "service": str(service),
        "at": look.at,
        "found": look.parity.value,
        "digest": look.digest,
        "plan": look.plan,
        "differences": look.differences,
        "accepted": look.accepted,
        "withheld": [astuple(each) for each in look.withheld],
    }
    old = table.c.job == job, table.c.service == str(service), table.c.at < kept_since
    with database.writing() as connection:
        connection.execute(delete(table).where(*old))
        connection.execute(insert(table).values(values))


def parities(database: Database, job: str, service: Service, limit: int) -> Sequence[Look]:
    """The latest looks first."""
    wanted = select(table).where(table.c.job == job, table.c.service == str(service))
    with database.reading() as connection:
        found = connection.execute(wanted.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit))
        return [_look(row) for row in found]


def _look(row: Any) -> Look:
    withheld = tuple(Withheld(*each) for each in row.withheld)
    return Look(row.at, Parity(row.found), row.digest, row.plan, row.differences, row.accepted, withheld)
