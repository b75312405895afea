"""Holds and the audit."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from iwds.core.model import Service, fold
from iwds.core.policy import Hold, HoldKind
from iwds.ports import AuditRow, HoldRow, Result
from iwds.state.engine import Database
from iwds.state.tables import audit, audit_outcome, hold, login

_OPEN = (
    select(
        hold.c.id,
        hold.c.login_id,
        hold.c.kind,
        hold.c.who,
        hold.c.reason,
        hold.c.until,
        hold.c.ticket,
        hold.c.made_at,
        hold.c.foreign,
        hold.c.lifted_at,
        hold.c.lifted_by,
    )
    .where(hold.c.lifted_at.is_(None))
    # Where two people made one at the same moment, the longer one counts.
    .order_by(hold.c.login_id, hold.c.until.is_not(None), hold.c.until.desc())
)


def place_hold(database: Database, service: Service, row: HoldRow) -> None:
    """Keep a hold instead of what is open of its kind for the same login."""
    values = {
        "service": str(service),
        "login_id": row.login_id,
        "kind": row.hold.kind.value,
        "until": row.hold.until,
        "reason": row.hold.reason,
        "ticket": row.ticket,
        "who": row.hold.by,
        "made_at": row.made_at,
        "foreign": row.foreign,
        "lifted_by": "",
    }
    with database.writing() as connection:
        _lift(connection, service, (row.login_id, row.hold.kind), (row.hold.by, row.made_at))
        connection.execute(insert(hold).values(values))


def lift_hold(database: Database, service: Service, which: tuple[int, HoldKind], lifted: tuple[str, datetime]) -> None:
    """Lift what is open of a kind for a login; by whom, and when."""
    with database.writing() as connection:
        _lift(connection, service, which, lifted)


def _lift(connection: Connection, service: Service, which: tuple[int, HoldKind], lifted: tuple[str, datetime]) -> None:
    by, at = lifted
    connection.execute(update(hold).where(*_of(service, which)).values(lifted_by=by, lifted_at=at))


def _of(service: Service, which: tuple[int, HoldKind]) -> Sequence[ColumnElement[bool]]:
    """What is open of a kind for a login."""
    login_id, kind = which
    whose = hold.c.service == str(service), hold.c.login_id == login_id
    return *whose, hold.c.kind == kind.value, hold.c.lifted_at.is_(None)


def open_hold(database: Database, service: Service, which: tuple[int, HoldKind]) -> HoldRow | None:
    """The open hold of a kind of one login."""
    with database.reading() as connection:
        wanted = _OPEN.where(*_of(service, which)).limit(1)
        found = connection.execute(wanted).one_or_none()
    return _row(found) if found else None


def open_holds(database: Database, service: Service) -> Sequence[HoldRow]:
    """All open holds; of several for one login the longest comes first."""
    with database.reading() as connection:
        return [_row(found) for found in connection.execute(_OPEN.where(hold.c.service == str(service)))]


def _row(found: Any) -> HoldRow:
    what = Hold(found.who, found.reason, found.until, HoldKind(found.kind))
    return HoldRow(
        found.login_id, what, found.ticket, found.made_at, found.foreign, found.lifted_at, found.lifted_by
    )  # fmt: skip


def take_over_holds(
    connection: Connection, service: Service, by: tuple[datetime, str], logins: Collection[int] | None
) -> None:
    """Lift what has ended, of all logins or of some, and let the locks that they were count as a run's."""
    now, run_id = by
    ended = connection.execute(_OPEN.where(hold.c.service == str(service), hold.c.until <= now)).all()
    for found in ended:
        if logins is not None and found.login_id not in logins:
            continue
        connection.execute(update(hold).where(hold.c.id == found.id).values(lifted_at=now, lifted_by=f"run {run_id}"))
        if found.kind == HoldKind.LOCK and not found.foreign:
            ours = login.c.service == str(service), login.c.login_id == found.login_id
            connection.execute(update(login).where(*ours).values(locked=True))


def note_restored(connection: Connection, service: Service) -> None:
    """The end of no lock that is open gives anything back: somebody else may have locked the login since."""
    opened = hold.c.service == str(service), hold.c.lifted_at.is_(None), hold.c.kind == HoldKind.LOCK.value
    connection.execute(update(hold).where(*opened).values(foreign=True))


def note_action(database: Database, row: AuditRow) -> int:
    """Keep what is about to be done."""
    names = ("at", "service", "login_id", "name", "action", "detail", "who", "host", "reason", "ticket")
    values = {name: getattr(row, name) for name in names} | {"folded": fold(row.name)}
    with database.writing() as connection:
        made = connection.execute(insert(audit).values(values).returning(audit.c.id))
        return int(made.scalar_one())


def note_outcome(database: Database, action_id: int, result: Result, error: str, at: datetime) -> None:
    """Keep what became of it."""
    with database.writing() as connection:
        connection.execute(insert(audit_outcome).values(audit=action_id, at=at, result=result.value, error=error))


def read_audit(
    database: Database, login: int | str | None, service: str, since: datetime | None, limit: int
) -> Sequence[AuditRow]:
    """The latest actions first."""
    known = select(audit, audit_outcome.c.at.label("ended"), audit_outcome.c.result, audit_outcome.c.error)
    wanted = known.outerjoin_from(audit, audit_outcome).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if login is not None:
        wanted = wanted.where(audit.c.login_id == login if isinstance(login, int) else audit.c.folded == fold(login))
    if service:
        wanted = wanted.where(audit.c.service == service)
    if since is not None:
        wanted = wanted.where(audit.c.at >= since)
    with database.reading() as connection:
        return [_action(found) for found in connection.execute(wanted)]


def last_actions(database: Database, service: Service, actions: Collection[str]) -> dict[int, tuple[str, datetime]]:
    """Of each login the last of these actions that was done, or may have been, and when."""
    not_done = (Result.REJECTED.value, Result.NOT_TRIED.value, Result.HELD.value)
    last = (
        select(func.max(audit.c.id))
        .outerjoin_from(audit, audit_outcome)
        .where(audit.c.service == str(service), audit.c.action.in_(actions))
        .where(or_(audit_outcome.c.result.is_(None), audit_outcome.c.result.not_in(not_done)))
        .group_by(audit.c.login_id)
    )
    with database.reading() as connection:
        found = connection.execute(select(audit.c.login_id, audit.c.action, audit.c.at).where(audit.c.id.in_(last)))
        return {login_id: (action, at) for login_id, action, at in found}


def _action(found: Any) -> AuditRow:
    return AuditRow(
        id=found.id,
        at=found.at,
        service=found.service,
        login_id=found.login_id,
        name=found.name,
        action=found.action,
        detail=found.detail,
        who=found.who,
        host=found.host,
        reason=found.reason,
        ticket=found.ticket,
        ended=found.ended,
        result=Result(found.result) if found.result else None,
        error=found.error or "",
    )
