"""The parts of our own memory: runs, journal, leases, holds, matches, audit, refused binds; and the time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from iwds.core.change import Change
from iwds.core.doubt import Baseline
from iwds.core.model import LedgerRow, Service
from iwds.core.parity import Look
from iwds.core.policy import Hold, HoldKind
from iwds.core.recognition import MatchDecision
from iwds.core.rulings import Ruling


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
class PlanRow:
    """A plan that is kept, without its document; `waiting` is how many of its changes wait for approval."""

    id: str
    job: str
    service: str
    made: datetime
    waiting: int


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One intended change of a run of a job and what became of it.

    `result` is None where the process died in between; `login_id` is the login that it was made to, 0 for none
    that is known.
    """

    id: int
    run: str
    phase: int
    change: Mapping[str, Any]
    result: Result | None
    error: str
    job: str
    login_id: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """One intended change as it is told about a person: when, in which run of which job, and what became of it.

    `login_id` is the login that it was made to, as far as that is known, and `ended` when its outcome was.
    """

    at: datetime
    run: str
    job: str
    who: str
    change: Mapping[str, Any]
    result: Result | None
    error: str
    login_id: int | None = None
    ended: datetime | None = None


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


RULE_REPORTED = "approval"
"""Under which key of its report a run keeps the rule about approvals that it found, and how many changes it counted."""

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


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Who takes rulings back, when and why; `host` is the machine that knows them."""

    by: str
    host: str
    reason: str
    at: datetime
    ticket: str = ""


class Ruled(Protocol):
    """What people decided about single changes (`core.rulings`); thousands at once are normal. The audit has it all."""

    def place_rulings(self, service: Service, rows: Sequence[Ruling]) -> None:
        """Keep them, and each in the audit, all of it or nothing."""
        ...

    def open_rulings(self, service: Service, now: datetime, who: str | None = None) -> Sequence[Ruling]:
        """All that are neither withdrawn nor over, the oldest first; those about one person by `Subject.key`."""
        ...

    def withdraw_rulings(self, service: Service, ids: Collection[int], by: Withdrawal) -> int:
        """Take back those that are open, and note each in the audit; returns how many there were."""
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

    def last_actions(self, service: Service, actions: Collection[str]) -> Mapping[int, tuple[str, datetime]]:
        """Of each login the last of these actions that was done, or may have been, and when: login id -> both."""
        ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that differs from what we last wrote, as a look at the service of a job showed it.

    Attributes:
        what: which part of the login.
        held: a short hash of what the service has there.
        equal_at: the last look before that did not show it; None where there was none.
        seen_at: the first look that showed it so.
        agreed: whether the directory was asked since and wants what the service has.
    """

    login_id: int
    what: str
    held: str
    equal_at: datetime | None = None
    seen_at: datetime | None = None
    agreed: bool = False


class Sightings(Protocol):
    """What looks for drift have shown, so that it can be told since when."""

    def last_look(self, job: str, service: Service) -> datetime | None:
        """When a whole look at the logins of a job was taken last."""
        ...

    def note_sightings(
        self, job: str, service: Service, at: datetime, found: Collection[Sighting]
    ) -> Mapping[tuple[int, str], Sighting]:
        """Keep what a look at this time shows; returns each as it is known now, by login id and `what`.

        What shows the same as before keeps since when, and whether the directory agreed.
        """
        ...

    def note_agreed(self, job: str, service: Service, found: Collection[tuple[int, str]]) -> None:
        """Record that the directory wants what the service has; `found` are login ids with their `what`."""
        ...

    def end_look(self, job: str, service: Service, at: datetime) -> None:
        """Record that a whole look was taken at this time, and forget what it did not show any more."""
        ...


class Parities(Protocol):
    """What comparisons with another tool have found (`core.parity`), night after night."""

    def note_parity(self, job: str, service: Service, look: Look, kept_since: datetime) -> None:
        """Keep what one comparison found, and forget those of the same job from before `kept_since`."""
        ...

    def parities(self, job: str, service: Service, limit: int = 400) -> Sequence[Look]:
        """What comparisons found, the latest first."""
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
