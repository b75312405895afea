"""Mails with links: those that may never have been sent, and to whom one went of late. No reading shows a mail."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, union_all

from iwds.core.change import Kind
from iwds.core.model import Service
from iwds.ports import BY_MAIL, Result, Unmailed
from iwds.state.engine import Database
from iwds.state.journal import nobody_works_on_it
from iwds.state.tables import UtcTime, audit, audit_outcome, intent, lease, login, outcome, run

_ASKED_AT_ONCE = 500
"""Mails in one question; databases limit the parameters of a statement."""

_SETTLED = (Result.DONE.value, Result.SUPERSEDED.value)
_IDLE = nobody_works_on_it(bindparam("now", type_=UtcTime))
_OPEN = (
    select(intent.c.id, intent.c.run, intent.c.subject, outcome.c.result)
    .select_from(intent)
    .join(run, run.c.id == func.coalesce(intent.c.run, ""))  # by time, and not through all that runs ever meant
    .join(lease, lease.c.service == run.c.service)
    .outerjoin(outcome, outcome.c.intent == intent.c.id)
    .where(intent.c.at >= bindparam("since", type_=UtcTime), intent.c.kind == Kind.MAIL.value)
    .where(run.c.job == bindparam("of_job"), run.c.service == bindparam("of_service"))
    .where(or_(and_(outcome.c.intent.is_(None), _IDLE), outcome.c.result.not_in(_SETTLED)))
    .order_by(intent.c.id)
)
_CREATED = (
    select(intent.c.run, intent.c.subject, login.c.login_id, login.c.login)
    .select_from(intent)
    .join(outcome, outcome.c.intent == intent.c.id)
    .join(login, login.c.login_id == outcome.c.login_id)
    .where(login.c.service == bindparam("of_service"), outcome.c.result == Result.DONE.value)
    .where(intent.c.kind.startswith(Kind.CREATE.value))
)


def unmailed(database: Database, job: tuple[str, str], since: datetime) -> Sequence[Unmailed]:
    """Mails without a good end whose login was created by the same run and is still ours, oldest first.

    What a run is just working on is left out. `job` is a job's name and its service.
    """
    name, service = job
    with database.reading() as connection:
        values = {"now": database.now(connection), "since": since, "of_job": name, "of_service": service}
        found = connection.execute(_OPEN, values).all()
        created = {(made.run, made.subject): made for made in _created(connection, service, found)}
    return [
        Unmailed(mail.id, made.login_id, made.login, None if mail.result is None else Result(mail.result))
        for mail in found
        if (made := created.get((mail.run, mail.subject)))
    ]


def _created(connection: Connection, service: str, mails: Sequence[Any]) -> Iterator[Any]:
    """The creations that go with these mails, so far as they were made: a few people's, never everybody's."""
    for start in range(0, len(mails), _ASKED_AT_ONCE):
        some = mails[start : start + _ASKED_AT_ONCE]
        theirs = intent.c.run.in_({mail.run for mail in some}), intent.c.subject.in_({mail.subject for mail in some})
        yield from connection.execute(_CREATED.where(*theirs), {"of_service": service})


_NOT_SENT = (Result.NOT_TRIED.value, Result.HELD.value)
_BY_RUNS = (
    select(outcome.c.login_id, outcome.c.result, intent.c.at)
    .select_from(intent)
    .join(outcome, outcome.c.intent == intent.c.id)
    .join(run, run.c.id == intent.c.run)
    .where(intent.c.at >= bindparam("since", type_=UtcTime), intent.c.kind == Kind.MAIL.value)
    .where(run.c.service == bindparam("of_service"), outcome.c.login_id != 0)
    .where(outcome.c.result.not_in(_NOT_SENT))
)
_BY_PEOPLE = (
    select(audit.c.login_id, audit_outcome.c.result, audit.c.at)
    .select_from(audit)
    .outerjoin(audit_outcome, audit_outcome.c.audit == audit.c.id)
    .where(audit.c.at >= bindparam("since", type_=UtcTime), audit.c.service == bindparam("of_service"))
    .where(audit.c.action == "code", audit.c.detail.endswith(BY_MAIL))
    .where(or_(audit_outcome.c.result.is_(None), audit_outcome.c.result.not_in(_NOT_SENT)))
)
_TRIED = union_all(_BY_RUNS, _BY_PEOPLE).order_by("at")


def links_tried(database: Database, service: Service, since: datetime) -> Mapping[int, Result]:
    """How the latest mail with a link to each login ended, of those from `since` on; a login without one is missing."""
    with database.reading() as connection:
        found = connection.execute(_TRIED, {"since": since, "of_service": str(service)})
        return {login_id: Result(result) if result else Result.UNKNOWN for login_id, result, _ in found}
