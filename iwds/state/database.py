"""Opening and upgrading the state database."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from iwds.core.change import Subject
from iwds.core.model import Anchor, LedgerRow, Proof, Service
from iwds.core.parity import Look
from iwds.core.policy import HoldKind
from iwds.core.recognition import MatchDecision
from iwds.core.rulings import Ruling
from iwds.ports import (
    AuditRow,
    Clock,
    HoldRow,
    IntentRow,
    JobMemory,
    Journal,
    Learnt,
    Lease,
    Mark,
    PlanRow,
    RefusedBind,
    Result,
    RunRow,
    Sighting,
    State,
    Strangers,
    Told,
    Unmailed,
    Waiting,
    Withdrawal,
)
from iwds.state import (
    helpdesk,
    journal,
    leases,
    ledger,
    mails,
    matches,
    parities,
    progress,
    refusals,
    rulings,
    runs,
    schema,
    sightings,
    strangers,
)
from iwds.state.engine import Database, connect, told


def open_state(url: str, *, clock: Clock) -> State:
    """Our memory at `url`: `sqlite:///PATH`, `sqlite://` (in memory, gone at `close`) or `postgresql://…`.

    A new, empty database gets its tables; a SQLite file is made readable by its owner alone.

    Raises:
        ConfigurationError: the URL, the file or the database's revision does not fit; the advice says what to do.
        Unavailable: the database does not answer.
    """
    database = Database(url, clock)
    try:
        _prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlState(database)


def upgrade(url: str) -> tuple[str, str]:
    """Bring the database at `url` to the newest revision, with whatever else it holds.

    Returns:
        The revision before, empty for none, and the one after.
    """
    engine, name = connect(url)
    try:
        with told(name):
            with engine.connect() as connection:
                found = schema.revision(connection)
            schema.require_known(found, name)
            schema.migrate(engine)
    finally:
        engine.dispose()
    return found, schema.REVISIONS[-1]


def _prepare(database: Database) -> None:
    """Give a new database its tables; refuse one that is not as we need it."""
    with database.reading() as connection:
        found, empty = schema.revision(connection), schema.is_empty(connection)
    if empty:
        with told(database.name):
            schema.migrate(database.engine)
    else:
        schema.require_current(found, database.name)


class SqlState:
    """`State` on SQLAlchemy. Thread-safe; a journal is for one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, service: Service, holder: str, seconds: float) -> Lease:
        """Take the lease of a service; `LeaseHeld` (naming holder and since when) where it is taken."""
        return leases.take(self._database, service, holder, seconds)

    def ledger(self, service: Service) -> Iterator[LedgerRow]:
        """All rows of a service in the order of login ids, streamed."""
        return ledger.read_ledger(self._database, service)

    def ledger_row(self, service: Service, login_id: int) -> LedgerRow | None:
        """The row of one login; None where it is not ours."""
        with self._database.reading() as connection:
            return ledger.rows_of(connection, service, [login_id]).get(login_id)

    def count_unlocked(self, service: Service, owner: int) -> int:
        """How many rows of a job are there that we have not locked; counted in the database."""
        with self._database.reading() as connection:
            return ledger.count_unlocked(connection, service, owner)

    def find_rows(self, service: Service, *, anchor: Anchor | None = None, text: str = "") -> Sequence[LedgerRow]:
        """The rows that stand for an anchor, or whose login name or entry id a text is, in the order of login ids."""
        with self._database.reading() as connection:
            return ledger.find_rows(connection, service, anchor, text)

    def changes_of(self, service: Service, anchor: Anchor | None, login_id: int | None, limit: int) -> Sequence[Told]:
        """The latest intents first, of all jobs, about a person; about a login by its id where that is nobody."""
        if anchor is None and login_id is None:
            return ()
        return journal.changes_of(self._database, service, Subject("", anchor, login_id), limit)

    def changes_about(self, service: Service, anchors: Collection[Anchor]) -> Iterator[Told]:
        """The intents of all jobs about many people, each person's oldest first, streamed; without mails."""
        return journal.changes_about(self._database, service, anchors)

    def note_tags(self, service: Service, tags: Mapping[int, int], lease: Lease) -> None:
        """Record what `created_by` reads back as, instead of what was remembered: login id -> tag."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            ledger.note_tags(connection, service, tags)

    def note_unlocked(self, service: Service, login_ids: Collection[int], lease: Lease) -> None:
        """Forget our locks on logins that somebody else has unlocked since."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            ledger.note_unlocked(connection, service, login_ids)

    def note_restored(self, service: Service, lease: Lease) -> None:
        """Forget which locks and memberships were ours, and which graces have begun."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            ledger.note_restored(connection, service)
            helpdesk.note_restored(connection, service)

    def note_roles(self, service: Service, roles: Mapping[tuple[int, int], int], lease: Lease) -> None:
        """Record roles that were read as they should be, in memberships of ours: (login id, group id) -> role."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            ledger.note_roles(connection, service, roles)

    def note_left(self, service: Service, login_ids: Collection[int], at: datetime | None, lease: Lease) -> None:
        """Record since when these logins' people are gone; None for no more."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            ledger.note_left(connection, service, login_ids, at)

    def memory(self, job: str, service: Service, since: datetime) -> JobMemory:
        """What earlier runs left; `recent` counts from `since` on."""
        return runs.memory(self._database, job, service, since)

    def start_run(self, run: RunRow, config: str, config_digest: str) -> None:
        """Record that a run begins; `config` is the effective configuration without secrets, as text."""
        runs.start_run(self._database, run, config, config_digest)

    def save_readings(
        self, run_id: str, proofs: Sequence[Proof], fewer: bool = False, lease: Lease | None = None
    ) -> None:
        """Record the proofs of a run's readings; see `State.save_readings`."""
        runs.save_readings(self._database, run_id, proofs, fewer, lease)

    def finish_run(
        self,
        run: RunRow,
        *,
        applied: bool = False,
        accepted: str = "",
        configuration: str = "",
        lease: Lease | None = None,
        learnt: Learnt | None = None,
    ) -> None:
        """Record how a run ended; see `State.finish_run`."""
        runs.finish_run(self._database, run, (applied, (accepted, configuration)), learnt, lease)

    def marks(self, job: str, service: Service) -> Mapping[str, Mark]:
        """The mark of each source."""
        return progress.marks(self._database, (job, service))

    def known_members(self, job: str, service: Service, source: str, group: str) -> frozenset[str] | None:
        """The direct members that were kept of a group; None where it is not known."""
        return progress.known_members(self._database, (job, service), source, group)

    def keep_members(
        self, run_id: str, source: str, groups: Iterable[tuple[str, frozenset[str]]], lease: Lease
    ) -> None:
        """Keep every group with its direct members; see `Progress.keep_members`."""
        progress.keep_members(self._database, run_id, source, groups, lease)

    def keep_strangers(self, run_id: str, hashes: Iterable[bytes], lease: Lease) -> int:
        """Keep what logins that are not ours are recognised by; see `Progress.keep_strangers`."""
        return strangers.keep(self._database, run_id, hashes, lease)

    def strangers(self, job: str, service: Service) -> Strangers | None:
        """How the logins that are not ours were kept; None where they were not."""
        return strangers.kept(self._database, {"job": job, "service": str(service)})

    def are_strangers(self, job: str, service: Service, hashes: Collection[bytes]) -> bool:
        """Whether any of these is among those kept."""
        return strangers.are_kept(self._database, {"job": job, "service": str(service)}, hashes)

    def made_since(self, service: Service, intent: int) -> int | None:
        """How many logins there are more by what was made after this intent; see `Progress.made_since`."""
        return strangers.made_since(self._database, service, intent)

    def waiting(self, job: str, service: Service) -> Sequence[Waiting]:
        """Everybody who waits, in the order of their anchors."""
        return progress.read_waiting(self._database, (job, service))

    def due(self, job: str, service: Service, until: datetime) -> Sequence[Anchor]:
        """Whoever is due until then, in the order of their anchors."""
        return progress.read_due(self._database, (job, service), until)

    def runs(
        self, job: str | None = None, limit: int = 20, *, without: Collection[str] = (), telling: str = ""
    ) -> Sequence[RunRow]:
        """The latest runs first, but for those of the commands `without`; of all, or whose report tells something."""
        return runs.latest_runs(self._database, job, limit, without, telling)

    def run(self, run_id: str) -> RunRow | None:
        """One run by id or unique beginning of it; `UsageError` where it is that of several."""
        return runs.find_run(self._database, run_id)

    def intents(self, run_id: str) -> Iterator[IntentRow]:
        """The journal of a run in the order of intent."""
        return journal.intents(self._database, run_id)

    def journal(self, run_id: str, service: Service, lease: Lease) -> Journal:
        """The journal of a run that holds the lease."""
        return journal.SqlJournal(self._database, run_id, service, lease)

    def unsettled(self, service: Service) -> Sequence[IntentRow]:
        """Intents of ended or dead runs with no outcome, or an unknown one, that no later run has settled."""
        return journal.unsettled(self._database, service)

    def unmailed(self, job: str, service: str, since: datetime) -> Sequence[Unmailed]:
        """Links of a job's logins of which no run knows that they were mailed, those intended from `since` on."""
        return mails.unmailed(self._database, (job, service), since)

    def links_tried(self, service: Service, since: datetime) -> Mapping[int, Result]:
        """To whom a link was mailed from `since` on, or was to be: login id -> how the latest try ended."""
        return mails.links_tried(self._database, service, since)

    def save_plan(
        self, plan_id: str, job: str, service: Service, made: datetime, document: str, *, waiting: int = 0
    ) -> None:
        """Keep a plan document (JSON text); `Refused` where another one is kept under this id."""
        runs.save_plan(self._database, PlanRow(plan_id, job, str(service), made, waiting), document)

    def plans(self, job: str | None = None, limit: int = 20, *, waiting: bool = False) -> Sequence[PlanRow]:
        """The plans that are kept, the latest first; with `waiting` those that had something to approve."""
        return runs.latest_plans(self._database, job, limit, waiting)

    def plan(self, plan_id: str) -> str | None:
        """A plan document by id or unique beginning of it, empty once forgotten; `UsageError` for one of several."""
        return runs.find_plan(self._database, plan_id)

    def forget_plans(self, made_before: datetime) -> int:
        """Delete the documents of plans that were made before, a few at a time; see `State.forget_plans`."""
        return runs.forget_plans(self._database, made_before)

    def place_hold(self, service: Service, row: HoldRow) -> None:
        """Keep a hold; one that is open for the same login is lifted by it."""
        helpdesk.place_hold(self._database, service, row)

    def lift_hold(self, service: Service, login_id: int, by: str, at: datetime, kind: HoldKind = HoldKind.LOCK) -> None:
        """Lift what is open of this kind for a login; nothing where nothing is."""
        helpdesk.lift_hold(self._database, service, (login_id, kind), (by, at))

    def open_hold(self, service: Service, login_id: int, kind: HoldKind = HoldKind.LOCK) -> HoldRow | None:
        """The open hold of this kind of one login, ended or not; a cheap question."""
        return helpdesk.open_hold(self._database, service, (login_id, kind))

    def open_holds(self, service: Service) -> Sequence[HoldRow]:
        """All open holds, ended or not, in the order of login ids."""
        return helpdesk.open_holds(self._database, service)

    def take_over_holds(
        self, service: Service, now: datetime, run_id: str, lease: Lease, logins: Collection[int] | None = None
    ) -> None:
        """Lift those that have ended, of all logins or of some. Their locks count as made by a run from now on."""
        with self._database.writing() as connection:
            leases.fence(connection, service, lease.epoch)
            helpdesk.take_over_holds(connection, service, (now, run_id), logins)

    def place_rulings(self, service: Service, rows: Sequence[Ruling]) -> None:
        """Keep what people decided about single changes, and each in the audit, all of it or nothing."""
        rulings.place(self._database, service, rows)

    def open_rulings(self, service: Service, now: datetime, who: str | None = None) -> Sequence[Ruling]:
        """All that are neither withdrawn nor over, the oldest first; those about one person by `Subject.key`."""
        return rulings.standing(self._database, service, now, who)

    def withdraw_rulings(self, service: Service, ids: Collection[int], by: Withdrawal) -> int:
        """Take back those that are open, and note each in the audit; returns how many there were."""
        return rulings.withdraw(self._database, service, ids, by)

    def keep_match(self, service: Service, said: MatchDecision) -> None:
        """Keep whose a login is; what stands about the same login is forgotten."""
        matches.keep_match(self._database, service, said)

    def forget_match(self, service: Service, login_id: int, by: str, at: datetime) -> None:
        """Forget what stands about a login; nothing where nothing does."""
        matches.forget_match(self._database, service, login_id, (by, at))

    def matches(self, service: Service) -> Sequence[MatchDecision]:
        """All that stand, in the order of login ids."""
        return matches.matches(self._database, service)

    def note_action(self, row: AuditRow) -> int:
        """Keep what is about to be done; returns its id."""
        return helpdesk.note_action(self._database, row)

    def note_outcome(self, action_id: int, result: Result, error: str, at: datetime) -> None:
        """Keep what became of it."""
        helpdesk.note_outcome(self._database, action_id, result, error, at)

    def audit(
        self, login: int | str | None = None, *, service: str = "", since: datetime | None = None, limit: int = 50
    ) -> Sequence[AuditRow]:
        """The latest actions first, of one login by id or by the name that it then had."""
        return helpdesk.read_audit(self._database, login, service, since, limit)

    def last_actions(self, service: Service, actions: Collection[str]) -> Mapping[int, tuple[str, datetime]]:
        """Of each login the last of these actions that was done, or may have been, and when."""
        return helpdesk.last_actions(self._database, service, actions)

    def last_look(self, job: str, service: Service) -> datetime | None:
        """When a whole look at the logins of a job was taken last."""
        return sightings.last_look(self._database, job, service)

    def note_sightings(
        self, job: str, service: Service, at: datetime, found: Collection[Sighting]
    ) -> Mapping[tuple[int, str], Sighting]:
        """Keep what a look at this time shows; returns each as it is known now, by login id and `what`."""
        return sightings.note_sightings(self._database, (job, service), at, found)

    def note_agreed(self, job: str, service: Service, found: Collection[tuple[int, str]]) -> None:
        """Record that the directory wants what the service has."""
        sightings.note_agreed(self._database, (job, service), found)

    def end_look(self, job: str, service: Service, at: datetime) -> None:
        """Record that a whole look was taken, and forget what it did not show any more."""
        sightings.end_look(self._database, (job, service), at)

    def note_parity(self, job: str, service: Service, look: Look, kept_since: datetime) -> None:
        """Keep what a comparison with another tool found; forget those of the job from before."""
        parities.note_parity(self._database, (job, service), look, kept_since)

    def parities(self, job: str, service: Service, limit: int = 400) -> Sequence[Look]:
        """What comparisons with another tool found, the latest first."""
        return parities.parities(self._database, job, service, limit)

    def refused_bind(self, source: str, servers: Collection[str], account: str, secret: bytes) -> RefusedBind | None:
        """What stands against this account with this secret, at this source or at one of these servers."""
        return refusals.standing(self._database, (source, servers, account), secret)

    def note_refused_bind(self, refused: RefusedBind, secret: bytes) -> None:
        """Keep it instead of what stood against this source; where it is the same again, since when stays."""
        refusals.note(self._database, refused, secret)

    def forget_refused_bind(self, source: str, servers: Collection[str], account: str) -> None:
        """Forget what stood against this source, and against this account at these servers."""
        refusals.forget(self._database, (source, servers, account))

    def refused_binds(self) -> Sequence[RefusedBind]:
        """All that stand, in the order of their sources."""
        return refusals.all_standing(self._database)

    def close(self) -> None:
        """Give back the database. May be called twice."""
        self._database.close()
