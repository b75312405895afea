"""Our own memory: ledger, runs, plans, journal, leases, the helpdesk's locks and its audit; and the time."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from iwds.core.change import Change
from iwds.core.doubt import Baseline
from iwds.core.model import Anchor, LedgerRow, Proof, Service
from iwds.core.policy import Hold, HoldKind
from iwds.core.recognition import MatchDecision


class Clock(Protocol):
    """The time, so that tests can choose it."""

    def now(self) -> datetime:
        """The current time with time zone."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        ...


class Result(StrEnum):
    """What happened to one change."""

    DONE = "done"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    HELD = "held"
    NOT_TRIED = "not-tried"
    SUPERSEDED = "superseded"
    """Its end was never learned, and by now the next reading of the service shows what counts."""


LedgerEffect = Callable[[LedgerRow | None], LedgerRow | None]
"""From the ledger row before to the row after; None deletes it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one intended change.

    Attributes:
        intent: the id that `Journal.intend` gave it.
        error: one sentence, empty for done. Never a secret or a code.
        login_id: the login it was made to, 0 where there is none.
        effect: what it did to the ledger, committed together with the outcome; None for nothing.
    """

    intent: int
    result: Result
    error: str = ""
    attempts: int = 1
    login_id: int = 0
    effect: LedgerEffect | None = None


class Lease(Protocol):
    """The right to write to one service, fenced by an epoch. Lost when not renewed in time."""

    @property
    def epoch(self) -> int:
        """Grows by one with every new holder."""
        ...

    def outlives(self, seconds: float) -> bool:
        """Whether the lease certainly lasts that long. Thread-safe, asks no database."""
        ...

    def renew(self) -> None:
        """Prolong it; `LeaseLost` where somebody else holds it by now."""
        ...

    def release(self) -> None:
        """Give it back. May be called twice."""
        ...


class Journal(Protocol):
    """Intent before the call, outcome after. One thread writes; each method is one transaction, fenced by the lease."""

    def intend(self, changes: Sequence[tuple[int, Change]], exempt: Collection[str] = ()) -> Sequence[int]:
        """Record (phase, change) pairs before anything is sent; returns an intent id for each, in order.

        `exempt` names the guards that do not watch this plan, and so do not count these changes in later runs.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record outcomes and their ledger effects; `LeaseLost` where the epoch is not ours any more."""
        ...


@dataclass(frozen=True, slots=True)
class JobMemory:
    """What a new run of a job has to know of the earlier ones.

    Attributes:
        applied_before: whether any run of this job was ever applied to this service.
        accepted: digest of the configuration last applied; empty where none was.
        configuration: what of it decides (`core.configuration`); empty where that was not kept yet.
        accepted_by: the run that accepted it; empty where that was not kept yet.
        baselines: what is kept of each source's last proven reading.
        recent: how many changes were made in the window asked for, or may have been, that a guard watched, by guard
            (`guards.counter`).
    """

    applied_before: bool
    accepted: str
    baselines: Mapping[str, Baseline]
    recent: Mapping[str, int]
    configuration: str = ""
    accepted_by: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the history shows it. `report` is the run's JSON report, {} while it is running."""

    id: str
    job: str
    service: str
    command: str
    who: str
    started: datetime
    ended: datetime | None
    exit_code: int | None
    plan: str
    summary: str
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One intended change of a run of a job and what became of it.

    `result` is None where the process died in between.
    """

    id: int
    run: str
    phase: int
    change: Mapping[str, Any]
    result: Result | None
    error: str
    job: str


@dataclass(frozen=True, slots=True)
class Told:
    """One intended change as it is told about a person: when, in which run of which job, and what became of it."""

    at: datetime
    run: str
    job: str
    who: str
    change: Mapping[str, Any]
    result: Result | None
    error: str


@dataclass(frozen=True, slots=True)
class Unmailed:
    """An activation link that may never have been mailed.

    Attributes:
        intent: the mail that was intended.
        login: the login's name, as last known.
        result: what became of it; None where the process died, and the next run has not looked yet.
    """

    intent: int
    login_id: int
    login: str
    result: Result | None


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold as remembered. It is open until somebody lifts it, or until a run finds that it has ended.

    Attributes:
        foreign: somebody else had locked the login before: its end gives it back to nobody.
        lifted_by: who lifted or replaced it, or the run that found it ended; empty while it is open.
    """

    login_id: int
    hold: Hold
    ticket: str
    made_at: datetime
    foreign: bool = False
    lifted_at: datetime | None = None
    lifted_by: str = ""


BY_MAIL = "by mail"
"""How the detail of an action ends that mailed a link."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One action on one login: the intent, and what became of it.

    Attributes:
        id: ours; 0 before it is kept.
        name: the login's name when it was made.
        action: `lock`, `code`, …
        detail: what about it, in words; never a code, a PIN or a link.
        who: the person behind the command, as the machine `host` knows them.
        ended: when its outcome was known; None where the process died before.
        result: None where the process died before it was known.
        error: one sentence, empty for done.
    """

    id: int
    at: datetime
    service: str
    login_id: int
    name: str
    action: str
    detail: str
    who: str
    host: str
    reason: str
    ticket: str
    ended: datetime | None = None
    result: Result | None = None
    error: str = ""


class Holds(Protocol):
    """What people decided about single logins: the helpdesk's locks, and exemptions from removals."""

    def place_hold(self, service: Service, row: HoldRow) -> None:
        """Keep a hold; one of its kind that is open for the same login is lifted by it."""
        ...

    def lift_hold(self, service: Service, login_id: int, by: str, at: datetime, kind: HoldKind = HoldKind.LOCK) -> None:
        """Lift what is open of this kind for a login; nothing where nothing is."""
        ...

    def open_hold(self, service: Service, login_id: int, kind: HoldKind = HoldKind.LOCK) -> HoldRow | None:
        """The open hold of this kind of one login, ended or not; a cheap question."""
        ...

    def open_holds(self, service: Service) -> Sequence[HoldRow]:
        """All open holds of every kind, ended or not, in the order of login ids."""
        ...

    def take_over_holds(
        self, service: Service, now: datetime, run_id: str, lease: Lease, logins: Collection[int] | None = None
    ) -> None:
        """Lift those that have ended, of all logins or of some. Their locks count as made by a run from now on.

        Not so those that were another's.
        """
        ...


class Matches(Protocol):
    """What people said about whose a login is."""

    def keep_match(self, service: Service, said: MatchDecision) -> None:
        """Keep it; what stands about the same login is forgotten."""
        ...

    def forget_match(self, service: Service, login_id: int, by: str, at: datetime) -> None:
        """Forget what stands about a login; nothing where nothing does."""
        ...

    def matches(self, service: Service) -> Sequence[MatchDecision]:
        """All that stand, in the order of login ids."""
        ...


class Audit(Protocol):
    """Who did what to whom, when, why, and how it ended. Nothing is ever changed or taken out."""

    def note_action(self, row: AuditRow) -> int:
        """Keep what is about to be done; returns its id."""
        ...

    def note_outcome(self, action_id: int, result: Result, error: str, at: datetime) -> None:
        """Keep what became of it."""
        ...

    def audit(
        self, login: int | str | None = None, *, service: str = "", since: datetime | None = None, limit: int = 50
    ) -> Sequence[AuditRow]:
        """The latest actions first, of one login by id or by the name that it then had."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedBind:
    """An account that a directory does not let in with the secret that we have.

    Attributes:
        source: the source's name in the configuration.
        server: URL of the server that said so.
        account: as which it was tried; empty where a certificate alone says who we are.
        code: the LDAP result code, 49.
        said: why, in words, with what the server sent. Never the secret.
        since: when it was refused first with this secret.
    """

    source: str
    server: str
    account: str
    code: int
    said: str
    since: datetime


class Refusals(Protocol):
    """What directories refused. Asked before every bind: to try a wrong password again locks the account."""

    def refused_bind(self, source: str, servers: Collection[str], account: str, secret: bytes) -> RefusedBind | None:
        """What stands against this account with this secret, at this source or at one of these servers.

        None where nothing does: another secret is worth a try.
        """
        ...

    def note_refused_bind(self, refused: RefusedBind, secret: bytes) -> None:
        """Keep it instead of what stood against this source; where it is the same again, since when stays."""
        ...

    def forget_refused_bind(self, source: str, servers: Collection[str], account: str) -> None:
        """The account was let in: forget what stood against this source, and against it at these servers."""
        ...


class State(Holds, Matches, Audit, Refusals, Protocol):
    """Our own memory: ledger, runs, plans, journal, leases, what the helpdesk did, and who is not let in."""

    def lease(self, service: Service, holder: str, seconds: float) -> Lease:
        """Take the lease of a service; `LeaseHeld` (naming holder and since when) where it is taken."""
        ...

    def ledger(self, service: Service) -> Iterator[LedgerRow]:
        """All rows of a service in the order of login ids, streamed."""
        ...

    def ledger_row(self, service: Service, login_id: int) -> LedgerRow | None:
        """The row of one login; None where it is not ours."""
        ...

    def count_unlocked(self, service: Service, owner: int) -> int:
        """How many rows of a job are there that we have not locked; counted in the database."""
        ...

    def find_rows(self, service: Service, *, anchor: Anchor | None = None, text: str = "") -> Sequence[LedgerRow]:
        """The rows that stand for an anchor, or whose login name or entry id a text is, in the order of login ids.

        Names are compared without case, on SQLite only that of ASCII. All rows are looked through, in the database.
        """
        ...

    def changes_of(self, service: Service, anchor: Anchor | None, login_id: int | None, limit: int) -> Sequence[Told]:
        """The latest intents first, of all jobs, about a person; about a login by its id where that is nobody."""
        ...

    def note_tags(self, service: Service, tags: Mapping[int, int], lease: Lease) -> None:
        """Record what `created_by` reads back as, instead of what was remembered: login id -> tag."""
        ...

    def note_unlocked(self, service: Service, login_ids: Collection[int], lease: Lease) -> None:
        """Forget our locks on logins that somebody else has unlocked since."""
        ...

    def note_restored(self, service: Service, lease: Lease) -> None:
        """Forget which locks and memberships were ours, and which graces have begun: this memory is a backup.

        Others came after it was made. So no hold gives its lock back any more, either.
        """
        ...

    def note_roles(self, service: Service, roles: Mapping[tuple[int, int], int], lease: Lease) -> None:
        """Record roles that were read as they should be, in memberships of ours: (login id, group id) -> role."""
        ...

    def note_left(self, service: Service, login_ids: Collection[int], at: datetime | None, lease: Lease) -> None:
        """Record since when these logins' people are gone; None for no more."""
        ...

    def memory(self, job: str, service: Service, since: datetime) -> JobMemory:
        """What earlier runs left; `recent` counts from `since` on."""
        ...

    def start_run(self, run: RunRow, config: str, config_digest: str) -> None:
        """Record that a run begins; `config` is the effective configuration without secrets, as text."""
        ...

    def save_readings(
        self, run_id: str, proofs: Sequence[Proof], fewer: bool = False, lease: Lease | None = None
    ) -> None:
        """Record the proofs of a run's readings, which later ones are measured by; fenced as in `finish_run`.

        `fewer`: somebody accepted that there are fewer people now.
        """
        ...

    def finish_run(
        self,
        run: RunRow,
        *,
        applied: bool = False,
        accepted: str = "",
        configuration: str = "",
        lease: Lease | None = None,
    ) -> None:
        """Record how a run ended.

        Args:
            run: the row with `ended`, `exit_code`, `summary` and `report` filled in.
            applied: whether the run wrote, or would have written had there been anything to do.
            accepted: the configuration digest that counts as applied from now on; empty to leave it as it was.
            configuration: what of that configuration decides; kept with the digest.
            lease: what later runs learn is fenced by it: `LeaseLost`, and nothing recorded, where it is not ours any
                more. None for a run that holds none, and has nothing to teach.
        """
        ...

    def runs(self, job: str | None = None, limit: int = 20, *, without: Collection[str] = ()) -> Sequence[RunRow]:
        """The latest runs first; those of the commands `without` are left out."""
        ...

    def run(self, run_id: str) -> RunRow | None:
        """One run by id or unique beginning of it."""
        ...

    def intents(self, run_id: str) -> Iterator[IntentRow]:
        """The journal of a run in the order of intent."""
        ...

    def journal(self, run_id: str, service: Service, lease: Lease) -> Journal:
        """The journal of a run that holds the lease."""
        ...

    def unsettled(self, service: Service) -> Sequence[IntentRow]:
        """Intents of ended or dead runs with no outcome, or an unknown one, that no later run has settled."""
        ...

    def unmailed(self, job: str, service: str, since: datetime) -> Sequence[Unmailed]:
        """Activation links of logins that a job created and still keeps, of which no run knows that they were mailed.

        Oldest first; those that were to be mailed from `since` on. `service` is one as text.
        """
        ...

    def links_tried(self, service: Service, since: datetime) -> Mapping[int, Result]:
        """To whom a run or the helpdesk mailed a link from `since` on, or tried: login id -> how the latest try ended.

        `Result.UNKNOWN` also where the process died before it knew.
        """
        ...

    def save_plan(self, plan_id: str, job: str, service: Service, made: datetime, document: str) -> None:
        """Keep a plan document (JSON text)."""
        ...

    def plan(self, plan_id: str) -> str | None:
        """A plan document by id or unique beginning of it."""
        ...

    def refused_binds(self) -> Sequence[RefusedBind]:
        """All that stand, in the order of their sources."""
        ...

    def close(self) -> None:
        """Give back the database. May be called twice."""
        ...
