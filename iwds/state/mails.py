"""Activation links that may never have been mailed: no reading shows a mail, so a person has to look."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from iwds.core.change import Kind
from iwds.ports import Result, Unmailed
from iwds.state.engine import Database
from iwds.state.journal import nobody_works_on_it
from iwds.state.tables import intent, lease, login, outcome, run

_SETTLED = (Result.DONE.value, Result.SUPERSEDED.value)


def unmailed(database: Database, job: str, since: datetime) -> Sequence[Unmailed]:
    """Mails without a good end whose login was created by the same run and is still ours, oldest first.

    What a run is just working on is left out.
    """
    made, end_of_made = intent.alias("made"), outcome.alias("end_of_made")
    with database.reading() as connection:
        idle = nobody_works_on_it(database.now(connection))
        wanted = (
            select(intent.c.id, login.c.login_id, login.c.login, outcome.c.result)
            .select_from(intent)
            .join(run, run.c.id == intent.c.run)
            .join(lease, lease.c.service == run.c.service)
            .join(made, and_(made.c.run == intent.c.run, made.c.subject == intent.c.subject))
            .join(end_of_made, end_of_made.c.intent == made.c.id)
            .join(login, and_(login.c.service == run.c.service, login.c.login_id == end_of_made.c.login_id))
            .outerjoin(outcome, outcome.c.intent == intent.c.id)
            .where(run.c.job == job, intent.c.at >= since, intent.c.kind == Kind.MAIL.value)
            .where(made.c.kind.startswith(Kind.CREATE.value), end_of_made.c.result == Result.DONE.value)
            .where(or_(and_(outcome.c.intent.is_(None), idle), outcome.c.result.not_in(_SETTLED)))
            .order_by(intent.c.id)
        )
        return [
            Unmailed(number, login_id, name, None if result is None else Result(result))
            for number, login_id, name, result in connection.execute(wanted)
        ]
