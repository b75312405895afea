"""Rulings, each kept together with its line in the audit. What is withdrawn stays, and says by whom."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from iwds.core.change import Subject
from iwds.core.model import Anchor, Service, fold
from iwds.core.rulings import Ruling, Said, Verdict
from iwds.core.words import until_words
from iwds.ports import Result, Withdrawal
from iwds.state.engine import Database
from iwds.state.tables import audit, audit_outcome
from iwds.state.tables import ruling as table

_ASKED_AT_ONCE = 500
"""Ids in one question; databases limit the parameters of a statement."""
_ACTIONS = {Verdict.APPROVED: "approve", Verdict.REJECTED: "reject", Verdict.ACCEPTED: "accept difference"}


def place(database: Database, service: Service, rows: Sequence[Ruling]) -> None:
    """Keep rulings, and each in the audit, in one transaction."""
    if not rows:
        return
    notes = [_note(service, row, (_ACTIONS[row.verdict], _detail(row)), _by(row.said)) for row in rows]
    with database.writing() as connection:
        connection.execute(insert(table), [_values(service, row) for row in rows])
        _audit(connection, notes)


def standing(database: Database, service: Service, now: datetime, who: str | None) -> Sequence[Ruling]:
    """All that are open, in the order they were made in; of one person, or of everybody."""
    wanted = select(table).where(table.c.service == str(service), table.c.until > now, table.c.withdrawn_at.is_(None))
    if who is not None:
        wanted = wanted.where(table.c.subject == who)
    with database.reading() as connection:
        return [_ruling(found) for found in connection.execute(wanted.order_by(table.c.id))]


def withdraw(database: Database, service: Service, ids: Collection[int], by: Withdrawal) -> int:
    """Take back those that are open, in one transaction."""
    ordered = sorted(ids)
    parts = [ordered[start : start + _ASKED_AT_ONCE] for start in range(0, len(ordered), _ASKED_AT_ONCE)]
    with database.writing() as connection:
        return sum(_withdraw(connection, service, part, by) for part in parts)


def _withdraw(connection: Connection, service: Service, ids: Sequence[int], by: Withdrawal) -> int:
    open_ones = table.c.service == str(service), table.c.withdrawn_at.is_(None), table.c.until > by.at
    which = *open_ones, table.c.id.in_(ids)
    rows = [_ruling(found) for found in connection.execute(select(table).where(*which).order_by(table.c.id))]
    did = [(row, (f"undo {_ACTIONS[row.verdict]}", f"{row.words}; was {row}")) for row in rows]
    _audit(connection, [_note(service, row, what, by) for row, what in did])
    connection.execute(update(table).where(*which).values(withdrawn_at=by.at, withdrawn_by=by.by))
    return len(rows)


def _by(said: Said) -> Withdrawal:
    return Withdrawal(said.by, said.host, said.reason, said.made_at, said.ticket)


def _detail(row: Ruling) -> str:
    return f"{row.words} ({row.said.source}) until {until_words(row.said.until)}"


def _note(service: Service, row: Ruling, what: tuple[str, str], by: Withdrawal) -> dict[str, Any]:
    """The line in the audit for what somebody did about one change."""
    action, detail = what
    return {
        "at": by.at,
        "service": str(service),
        "login_id": row.subject.login_id or 0,
        "name": row.subject.login,
        "folded": fold(row.subject.login),
        "action": action,
        "detail": detail,
        "who": by.by,
        "host": by.host,
        "reason": by.reason,
        "ticket": by.ticket,
    }


def _audit(connection: Connection, notes: Sequence[dict[str, Any]]) -> None:
    """Keep what was done. It is done with it: nothing is sent to any service."""
    if not notes:
        return
    ids: Iterable[int] = connection.execute(insert(audit).returning(audit.c.id), notes).scalars()
    at = notes[0]["at"]
    done = [{"audit": kept, "at": at, "result": Result.DONE.value, "error": ""} for kept in ids]
    connection.execute(insert(audit_outcome), done)


def _values(service: Service, row: Ruling) -> dict[str, Any]:
    anchor, said = row.subject.anchor, row.said
    return {
        "service": str(service),
        "job": said.job,
        "verdict": row.verdict.value,
        "subject": row.subject.key,
        "login": row.subject.login,
        "login_id": row.subject.login_id,
        "realm": anchor.realm if anchor else None,
        "entry_id": anchor.id if anchor else None,
        "marks": sorted(row.marks),
        "words": row.words,
        "people": row.people,
        "source": said.source,
        "who": said.by,
        "host": said.host,
        "reason": said.reason,
        "ticket": said.ticket,
        "made_at": said.made_at,
        "until": said.until,
        "withdrawn_by": "",
    }


def _ruling(found: Any) -> Ruling:
    anchor = Anchor(found.realm, found.entry_id) if found.realm is not None else None
    said = Said(
        found.who, found.host, found.reason, found.made_at, found.until, found.source, found.job, found.ticket
    )  # fmt: skip
    return Ruling(
        verdict=Verdict(found.verdict),
        marks=frozenset(found.marks),
        subject=Subject(found.login, anchor, found.login_id),
        words=found.words,
        said=said,
        people=found.people,
        id=found.id,
    )
