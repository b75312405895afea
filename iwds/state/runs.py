"""Runs, their readings and plans, and what a run leaves for the next one."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, func, insert, or_, select, update

from iwds.core.configuration import libraries_changed
from iwds.core.doubt import Baseline
from iwds.core.model import Proof, Service, View
from iwds.errors import Refused, UsageError
from iwds.ports import JobMemory, Learnt, Lease, PlanRow, Result, RunRow
from iwds.state.engine import Database
from iwds.state.leases import fence
from iwds.state.progress import learn
from iwds.state.tables import intent, job, outcome, plan, reading, run

MEMORY = timedelta(days=7)
"""How far back the largest reading counts: who loses a few people every night is noticed all the same."""
_AT_ONCE = 50
"""How many plans are forgotten in one transaction: a document may have megabytes."""
_SHOWN = 5
"""How many candidates are named where the beginning of an id is that of several."""

_COLUMNS = (
    run.c.id,
    run.c.job,
    run.c.service,
    run.c.command,
    run.c.who,
    run.c.started,
    run.c.ended,
    run.c.exit_code,
    run.c.plan,
    run.c.summary,
    run.c.report,
)


def start_run(database: Database, row: RunRow, config: str, config_digest: str) -> None:
    """Record that a run begins."""
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    values |= {"report": dict(row.report), "config": config, "config_digest": config_digest}
    with database.writing() as connection:
        connection.execute(insert(run).values(values))


def finish_run(
    database: Database,
    row: RunRow,
    accepted: tuple[bool, tuple[str, str]],
    learnt: Learnt | None,
    lease: Lease | None,
) -> None:
    """Record how a run ended, and what later runs learn of it, in one fenced transaction.

    `accepted` is whether it was applied, and the configuration that counts from now on: its digest, empty for none, and
    what of it decides.
    """
    end = {"ended": row.ended or database.clock.now(), "exit_code": row.exit_code, "plan": row.plan}
    with database.writing() as connection:
        if lease:
            fence(connection, row.service, lease.epoch)
        said = {"command": row.command, "summary": row.summary, "report": dict(row.report)}
        connection.execute(update(run).where(run.c.id == row.id).values(**end, **said))
        _remember(connection, row, *accepted)
        if learnt:
            learn(connection, row, learnt)


def _remember(connection: Connection, row: RunRow, applied: bool, accepted: tuple[str, str]) -> None:
    """Keep that the job was applied, and the configuration that counts as accepted; neither is ever taken back."""
    learnt: dict[str, Any] = {"applied_before": True} if applied else {}
    key = {"job": row.job, "service": row.service}
    digest, configuration = accepted
    if digest:
        known = select(job.c.accepted, job.c.accepted_by, job.c.configuration).filter_by(**key)
        before = connection.execute(known).one_or_none()
        learnt |= {"accepted": digest, "configuration": configuration}
        if before is None or not before.configuration or _differs(before, digest, configuration):
            learnt["accepted_by"] = row.id  # the run from which on it counts, not the last one under it
    if not learnt:
        return
    if not connection.execute(update(job).filter_by(**key).values(learnt)).rowcount:
        connection.execute(insert(job).values({"applied_before": False, "accepted": ""} | key | learnt))


def _differs(before: Any, digest: str, configuration: str) -> bool:
    return before.accepted != digest or bool(libraries_changed(before.configuration, configuration))


def save_readings(database: Database, run_id: str, proofs: Sequence[Proof], fewer: bool, lease: Lease | None) -> None:
    """Record the proofs of a run's readings; `fewer`: somebody accepted that there are fewer people now."""
    if proofs:
        with database.writing() as connection:
            if lease:
                service = connection.execute(select(run.c.service).where(run.c.id == run_id)).scalar_one()
                fence(connection, service, lease.epoch)
            connection.execute(insert(reading), [_reading(run_id, proof) | {"fewer": fewer} for proof in proofs])


def _reading(run_id: str, proof: Proof) -> dict[str, Any]:
    return {
        "run": run_id,
        "name": proof.name,
        "realm": proof.realm,
        "asked": proof.asked,
        "count": proof.count,
        "proven": proof.proven,
        "reasons": list(proof.reasons),
        "problems": list(proof.problems),
        "presence": dict(proof.presence),
        "taken_at": proof.taken_at,
        "view": asdict(proof.view),
    }


def memory(database: Database, job_name: str, service: Service, since: datetime) -> JobMemory:
    """What earlier runs of a job left; `recent` counts from `since` on."""
    key = {"job": job_name, "service": str(service)}
    known = select(job.c.applied_before, job.c.accepted, job.c.configuration, job.c.accepted_by).filter_by(**key)
    with database.reading() as connection:
        applied_before, accepted, configuration, by = connection.execute(known).one_or_none() or (False, "", None, None)
        return JobMemory(
            applied_before=applied_before,
            accepted=accepted,
            baselines=_baselines(connection, key),
            recent=_recent(connection, key, since),
            configuration=configuration or "",
            accepted_by=by or "",
        )


_MADE = (Result.DONE.value, Result.UNKNOWN.value, Result.SUPERSEDED.value)
"""Results of what was made, or may have been; without an outcome it may have been too."""


def _recent(connection: Connection, key: Mapping[str, str], since: datetime) -> dict[str, int]:
    """What guards count of the journal, so that a process that is killed is counted like one that ends."""
    made = or_(outcome.c.intent.is_(None), outcome.c.result.in_(_MADE))
    found = connection.execute(
        select(intent.c.guards, func.count())
        .join(run, run.c.id == func.coalesce(intent.c.run, ""))  # by time, and not through all that runs ever meant
        .outerjoin(outcome, outcome.c.intent == intent.c.id)
        .where(run.c.job == key["job"], run.c.service == key["service"])
        .where(intent.c.at >= since, intent.c.guards != "", made)
        .group_by(intent.c.guards)
    )
    counts: Counter[str] = Counter()
    for guards, count in found:
        counts.update(dict.fromkeys(guards.split("\n"), count))
    return dict(counts)


def _baselines(connection: Connection, key: Mapping[str, str]) -> dict[str, Baseline]:
    """What the last proven reading of each source said; the service's own readings carry no realm."""
    proven = select(reading.c.name, func.max(reading.c.id).label("last")).join(run, run.c.id == reading.c.run)
    proven = proven.where(run.c.job == key["job"], run.c.service == key["service"])
    last = proven.where(reading.c.proven, reading.c.realm != "").group_by(reading.c.name).subquery()
    rows = connection.execute(select(reading).join(last, last.c.last == reading.c.id)).all()
    return {row.name: _baseline(row, _most(connection, key, row)) for row in rows}


def _baseline(row: Row[Any], most: int) -> Baseline:
    said = row._mapping
    return Baseline(row.realm, said["count"], most, row.taken_at, row.presence, View(**(row.view or {})))


def _most(connection: Connection, key: Mapping[str, str], last: Row[Any]) -> int:
    """The most people in a proven reading of a week, counted from the last time somebody accepted fewer."""
    week = select(reading.c.id, reading.c.count, reading.c.fewer).join(run, run.c.id == reading.c.run)
    week = week.where(run.c.job == key["job"], run.c.service == key["service"], reading.c.proven)
    week = week.where(reading.c.name == last.name, reading.c.realm == last.realm)
    week = week.where(reading.c.taken_at > last.taken_at - MEMORY, reading.c.id <= last.id)
    found = week.subquery()
    accepted = select(func.max(found.c.id)).where(found.c.fewer).scalar_subquery()
    most = select(func.max(found.c.count)).where(found.c.id >= func.coalesce(accepted, 0))
    return int(connection.execute(most).scalar_one())


def latest_runs(
    database: Database, job_name: str | None, limit: int, without: Collection[str] = (), telling: str = ""
) -> Sequence[RunRow]:
    """The latest runs first; those of the commands `without`, and whose report has no key `telling`, are left out."""
    wanted = select(*_COLUMNS).order_by(run.c.started.desc(), run.c.id.desc()).limit(limit)
    if job_name is not None:
        wanted = wanted.where(run.c.job == job_name)
    if without:
        wanted = wanted.where(run.c.command.not_in(without))
    if telling:
        wanted = wanted.where(run.c.report[telling].as_string().is_not(None))
    with database.reading() as connection:
        return [RunRow(*values) for values in connection.execute(wanted)]


def find_run(database: Database, beginning: str) -> RunRow | None:
    """One run by id or unique beginning of it."""
    with database.reading() as connection:
        run_id = _find(connection, run, beginning)
        row = connection.execute(select(*_COLUMNS).where(run.c.id == run_id)).one_or_none()
    return RunRow(*row) if row else None


def save_plan(database: Database, row: PlanRow, document: str) -> None:
    """Keep a plan document. The same one may come again; another one under the same id may not."""
    with database.writing() as connection:
        kept = connection.execute(select(plan.c.document).where(plan.c.id == row.id)).scalar_one_or_none()
        if kept is None:
            connection.execute(insert(plan).values(asdict(row) | {"document": document}))
        elif kept != document:
            raise Refused(f"another plan is already kept under the id {row.id}", "make a new plan: iwds plan JOB")


def latest_plans(database: Database, job_name: str | None, limit: int, waiting: bool) -> Sequence[PlanRow]:
    """The latest plans first; those that had something to approve, or all."""
    of_all = func.coalesce(plan.c.waiting, 0)
    wanted = select(plan.c.id, plan.c.job, plan.c.service, plan.c.made, of_all)
    if job_name is not None:
        wanted = wanted.where(plan.c.job == job_name)
    if waiting:
        wanted = wanted.where(of_all > 0)
    with database.reading() as connection:
        found = connection.execute(wanted.order_by(plan.c.made.desc(), plan.c.id.desc()).limit(limit))
        return [PlanRow(*values) for values in found]


def find_plan(database: Database, beginning: str) -> str | None:
    """A plan document by id or unique beginning of it."""
    with database.reading() as connection:
        plan_id = _find(connection, plan, beginning)
        return connection.execute(select(plan.c.document).where(plan.c.id == plan_id)).scalar_one_or_none()


def forget_plans(database: Database, made_before: datetime) -> int:
    """Delete the documents of older plans; their ids stay, to say so. Nobody waits long for so few in a transaction."""
    old = select(plan.c.id).where(plan.c.made < made_before, plan.c.document != "").limit(_AT_ONCE)
    forgotten = 0
    while True:
        with database.writing() as connection:
            ids = list(connection.execute(old).scalars())
            connection.execute(update(plan).where(plan.c.id.in_(ids)).values(document=""))
        forgotten += len(ids)
        if len(ids) < _AT_ONCE:
            return forgotten


def _find(connection: Connection, table: Table, beginning: str) -> str:
    """The one id that begins so, or `beginning` itself; `UsageError` where there are several."""
    ids: Column[str] = table.c.id
    like = select(ids).where(ids.startswith(beginning, autoescape=True)).order_by(ids).limit(_SHOWN + 1)
    # SQLite's LIKE does not tell upper from lower case.
    found = [one for one in connection.execute(like).scalars() if one.startswith(beginning)]
    if beginning in found or not found:
        return beginning
    if len(found) > 1:
        more = " and more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"{beginning} could be {', '.join(found[:_SHOWN])}{more}", f"type more of the {table.name}'s id"
        )
    return found[0]
