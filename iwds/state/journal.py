"""The journal: the intent before the call, the outcome after, and what the outcome did to the ledger."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, insert, or_, select

from iwds.core.change import Change, Kind, Subject, kinds
from iwds.core.document import change_to_data
from iwds.core.guards import counters
from iwds.core.model import Anchor, LedgerRow, Service
from iwds.ports import IntentRow, Lease, Outcome, Result, Told
from iwds.state.engine import Database
from iwds.state.leases import fence
from iwds.state.ledger import replace_rows, rows_of
from iwds.state.tables import intent, lease, outcome, run
from iwds.state.tables import unsettled as unsettled_intent

_PAGE = 1_000
_FORGET = delete(outcome).where(outcome.c.intent == bindparam("of_intent"))
_SETTLED = delete(unsettled_intent).where(unsettled_intent.c.intent == bindparam("of_intent"))


class SqlJournal:
    """The journal of one run. One thread writes; each method is one transaction, fenced by the lease."""

    def __init__(self, database: Database, run_id: str, service: Service, held: Lease) -> None:
        self._database = database
        self._run = run_id
        self._service = service
        self._lease = held

    def intend(self, changes: Sequence[tuple[int, Change]], exempt: Collection[str] = ()) -> Sequence[int]:
        """Record (phase, change) pairs before anything is sent; returns an intent id for each, in order."""
        if not changes:
            return ()
        with self._database.writing() as connection:
            fence(connection, self._service, self._lease.epoch)
            first = self._next_seq(connection)
            rows = [
                self._intent(seq, phase, change) | {"guards": "\n".join(counters(change, exempt))}
                for seq, (phase, change) in enumerate(changes, first)
            ]
            connection.execute(insert(intent), rows)
            # Asked for, not returned by the insert: databases return many ids in an order of their own, or not at all.
            mine = select(intent.c.id).where(intent.c.run == self._run, intent.c.seq >= first).order_by(intent.c.seq)
            ids = connection.execute(mine).scalars().all()
            connection.execute(insert(unsettled_intent), [{"intent": each} for each in ids])
            return ids

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record outcomes and their ledger effects; `LeaseLost` where the epoch is not ours any more.

        An intent may be settled again, by this run or a later one: the last word wins. Effects on the same login
        follow each other in the order given.
        """
        if not outcomes:
            return
        with self._database.writing() as connection:
            fence(connection, self._service, self._lease.epoch)
            self._record(connection, outcomes)
            self._take_effect(connection, outcomes)

    def _next_seq(self, connection: Connection) -> int:
        last = connection.execute(select(func.max(intent.c.seq)).where(intent.c.run == self._run)).scalar()
        return 0 if last is None else last + 1

    def _intent(self, seq: int, phase: int, change: Change) -> dict[str, Any]:
        return {
            "run": self._run,
            "seq": seq,
            "epoch": self._lease.epoch,
            "at": self._database.clock.now(),
            "phase": int(phase),
            "subject": change.subject.key,
            "login_id": change.subject.login_id,
            "kind": ",".join(sorted(kinds(change))),
            "change": change_to_data(change),
        }

    def _record(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        last = {o.intent: o for o in outcomes}
        connection.execute(_FORGET, [{"of_intent": o} for o in last])
        connection.execute(insert(outcome), [self._outcome(o) for o in last.values()])
        connection.execute(_SETTLED, [{"of_intent": o} for o in last])
        if still := [{"intent": o.intent} for o in last.values() if o.result is Result.UNKNOWN]:
            connection.execute(insert(unsettled_intent), still)

    def _outcome(self, settled: Outcome) -> dict[str, Any]:
        return {
            "intent": settled.intent,
            "result": settled.result.value,
            "error": settled.error,
            "attempts": settled.attempts,
            "login_id": settled.login_id,
            "settled_by": self._run,
            "settled_at": self._database.clock.now(),
        }

    def _take_effect(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        before = rows_of(connection, self._service, {o.login_id for o in outcomes if o.effect})
        replace_rows(connection, self._service, before, compose(before, outcomes))


def compose(before: Mapping[int, LedgerRow], outcomes: Iterable[Outcome]) -> dict[int, LedgerRow | None]:
    """The rows, by login id, after the effects of outcomes, one after the other; None where it is gone."""
    after: dict[int, LedgerRow | None] = {}
    for settled in outcomes:
        if settled.effect is None:
            continue
        row = settled.effect(after[settled.login_id] if settled.login_id in after else before.get(settled.login_id))
        if row is not None and row.login_id != settled.login_id:
            raise ValueError(f"the outcome of login {settled.login_id} makes a ledger row of login {row.login_id}")
        after[settled.login_id] = row
    return after


def intents(database: Database, run_id: str) -> Iterator[IntentRow]:
    """The journal of a run in the order of intent, page after page."""
    seq = -1
    while True:
        wanted = _JOINED.where(intent.c.run == run_id, intent.c.seq > seq).order_by(intent.c.seq).limit(_PAGE)
        with database.reading() as connection:
            page = connection.execute(wanted).all()
        if not page:
            return
        yield from map(_row, page)
        seq = page[-1].seq


def changes_of(database: Database, service: Service, whom: Subject, limit: int) -> Sequence[Told]:
    """The latest intents first that were about somebody; about a login by its id where that is nobody."""
    by_id = or_(intent.c.login_id == whom.login_id, outcome.c.login_id == whom.login_id)
    about = intent.c.subject == whom.key if whom.anchor else by_id
    wanted = (
        select(intent.c.at, run.c.id, run.c.job, run.c.who, intent.c.change, outcome.c.result, outcome.c.error)
        .join_from(intent, run, run.c.id == intent.c.run)
        .outerjoin(outcome, outcome.c.intent == intent.c.id)
        .where(run.c.service == str(service), about)
        .order_by(intent.c.id.desc())
        .limit(limit)
    )
    with database.reading() as connection:
        rows = connection.execute(wanted).all()
    return [Told(*row[:5], None if row.result is None else Result(row.result), row.error or "") for row in rows]


_ASKED_AT_ONCE = 300
"""People in one question; databases limit the parameters of a statement."""


def changes_about(database: Database, service: Service, anchors: Collection[Anchor]) -> Iterator[Told]:
    """The intents about many people, each person's oldest first; without mails."""
    rest = iter(anchors)
    while some := [str(anchor) for anchor in islice(rest, _ASKED_AT_ONCE)]:
        wanted = (
            _TOLD.where(intent.c.subject.in_(some), run.c.service == str(service))
            .where(intent.c.kind != Kind.MAIL.value)
            .order_by(intent.c.id)
        )
        with database.reading() as connection:
            found = connection.execute(wanted).all()
        for at, run_id, job, who, change, result, error, made, login_id, ended in found:
            known = None if result is None else Result(result)
            yield Told(at, run_id, job, who, change, known, error or "", made or login_id, ended)


_TOLD: Select[Any] = (
    select(
        intent.c.at, run.c.id, run.c.job, run.c.who, intent.c.change, outcome.c.result, outcome.c.error,
        outcome.c.login_id.label("made"), intent.c.login_id, outcome.c.settled_at,
    )
    .join_from(intent, run, run.c.id == intent.c.run)
    .outerjoin(outcome, outcome.c.intent == intent.c.id)
)  # fmt: skip


def unsettled(database: Database, service: Service) -> Sequence[IntentRow]:
    """Intents whose end is not known and that nobody is working on.

    A run works on its intents while the lease under whose epoch it wrote them is held and the run has not ended: what
    it has no outcome for is in flight.
    """
    with database.reading() as connection:
        wanted = (
            _JOINED.join(lease, lease.c.service == run.c.service)
            .where(
                intent.c.id.in_(select(unsettled_intent.c.intent)),
                run.c.service == str(service),
                nobody_works_on_it(database.now(connection)),
            )
            .order_by(intent.c.id)
        )
        return [_row(values) for values in connection.execute(wanted)]


def nobody_works_on_it(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Of an intent, joined with its run and the lease of its service: whether no run is at work on it any more."""
    at_work = and_(lease.c.epoch == intent.c.epoch, lease.c.expires_at > now, run.c.ended.is_(None))
    return or_(lease.c.expires_at.is_(None), ~at_work)


_JOINED: Select[Any] = (
    select(
        intent.c.id, intent.c.run, intent.c.seq, intent.c.phase, intent.c.change, outcome.c.result, outcome.c.error,
        outcome.c.login_id, run.c.job,
    )
    .join_from(intent, run, run.c.id == intent.c.run)
    .outerjoin(outcome, outcome.c.intent == intent.c.id)
)  # fmt: skip


def _row(values: Any) -> IntentRow:
    result = None if values.result is None else Result(values.result)
    return IntentRow(
        values.id, values.run, values.phase, values.change, result, values.error or "", values.job, values.login_id or 0
    )  # fmt: skip
