"""Activation links that may never have been mailed: no reading shows a mail, so a person has to look."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, or_, select

from iwds.core.change import Kind
from iwds.ports import Result, Unmailed
from iwds.state.engine import Database
from iwds.state.journal import nobody_works_on_it
from iwds.state.tables import UtcTime, intent, lease, login, outcome, run

_SETTLED = (Result.DONE.value, Result.SUPERSEDED.value)
_MADE, _END_OF_MADE = intent.alias("made"), outcome.alias("end_of_made")
_IDLE = nobody_works_on_it(bindparam("now", type_=UtcTime))
_UNMAILED = (
    select(intent.c.id, login.c.login_id, login.c.login, outcome.c.result)
    .select_from(intent)
    .join(run, run.c.id == intent.c.run)
    .join(lease, lease.c.service == run.c.service)
    .join(_MADE, and_(_MADE.c.run == intent.c.run, _MADE.c.subject == intent.c.subject))
    .join(_END_OF_MADE, _END_OF_MADE.c.intent == _MADE.c.id)
    .join(login, and_(login.c.service == run.c.service, login.c.login_id == _END_OF_MADE.c.login_id))
    .outerjoin(outcome, outcome.c.intent == intent.c.id)
    .where(run.c.job == bindparam("of_job"), run.c.service == bindparam("of_service"))
    .where(intent.c.at >= bindparam("since", type_=UtcTime), intent.c.kind == Kind.MAIL.value)
    .where(_MADE.c.kind.startswith(Kind.CREATE.value), _END_OF_MADE.c.result == Result.DONE.value)
    .where(or_(and_(outcome.c.intent.is_(None), _IDLE), outcome.c.result.not_in(_SETTLED)))
    .order_by(intent.c.id)
)


def unmailed(database: Database, job: tuple[str, str], since: datetime) -> Sequence[Unmailed]:
    """Mails without a good end whose login was created by the same run and is still ours, oldest first.

    What a run is just working on is left out. `job` is a job's name and its service.
    """
    name, service = job
    with database.reading() as connection:
        values = {"now": database.now(connection), "since": since, "of_job": name, "of_service": service}
        return [
            Unmailed(number, login_id, login_name, None if result is None else Result(result))
            for number, login_id, login_name, result in connection.execute(_UNMAILED, values)
        ]
