"""What the engine needs of the world, as protocols. Adapters implement them; nothing here has behaviour."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

from iwds.core.change import Change
from iwds.core.matching import Case, Tally
from iwds.core.model import (
    Account,
    Anchor,
    Entry,
    Group,
    LedgerRow,
    Login,
    Membership,
    Proof,
    Service,
    Unmapped,
)
from iwds.core.policy import World

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `iwds check`: what was looked at, whether it is well, what was seen and what to do."""

    ok: bool
    what: str
    detail: str
    advice: str = ""
    warning: bool = False
    """True for something that works and still deserves a look; `ok` is True then."""
    exit_code: int = 78
    """What `iwds check` exits with for it, where `ok` is False: 75 where trying again may help."""


class ReadStream(Protocol[T_co]):
    """A one-shot reading. Iterate it to its end, then ask `finish` for its proof.

    Errors while iterating: `Unavailable` and `AccessRefused` only; everything that merely makes the reading doubtful
    ends the iteration and becomes a problem of the proof.
    """

    def __iter__(self) -> Iterator[T_co]: ...

    def finish(self) -> Proof:
        """The proof; `RuntimeError` where the iteration has not ended."""
        ...


@runtime_checkable
class Source(Protocol):
    """Where people are. Never writes."""

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        ...

    def read(self, attributes: Collection[str]) -> ReadStream[Entry]:
        """All people, each with the attributes asked for (lower-case names), streamed."""
        ...

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by anchor, ignoring base and filter of the configuration.

        Returns None where the directory answers that there is no such entry, or where the realm is not this source's.
        Raises `SourceUnavailable` or `AccessRefused` where it cannot tell.
        """
        ...

    def selects(self, anchor: Anchor) -> bool:
        """Whether the configured base and filter find this person right now; raises like `find`."""
        ...

    def check(self, attributes: Collection[str]) -> Iterable[Finding]:
        """What can be said before a run: connection, rights, what is seen."""
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class TargetReader(Protocol):
    """The reading half of an MFA service. Cannot change anything."""

    @property
    def service(self) -> Service:
        """Which service this is; no call is made."""
        ...

    @property
    def provisioning_id(self) -> int:
        """The tag that this target's creations carry."""
        ...

    @property
    def untagged_creations(self) -> bool:
        """Whether logins may be created untagged where the service knows no other way."""
        ...

    @property
    def timeout(self) -> float:
        """The longest that one call may take, in seconds."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls may be under way at once; 1 where a delay between calls is set."""
        ...

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account as this service can hold it, or why it cannot. `name` is the entry's, for the message."""
        ...

    def read_logins(self) -> ReadStream[Login]:
        """All logins, streamed in pages; proven by the service's own counts."""
        ...

    def read_groups(self) -> Sequence[Group]:
        """All groups. Raises `ServiceUnproven` where the count contradicts itself."""
        ...

    def read_memberships(self, groups: Collection[int]) -> ReadStream[Membership]:
        """The members of these groups."""
        ...

    def login(self, login_id: int, name: str) -> Login | None:
        """One login as it is now, with every field that an update overwrites; `name` is where it was last seen.

        Returns None where the service says that the id does not exist.
        """
        ...

    def named(self, name: str) -> Login | None:
        """The login of this name, whatever its case, as it is now; or None."""
        ...

    def check(self) -> Iterable[Finding]:
        """What can be said before a run: certificate, service id, operations known, groups."""
        ...

    def knows_tagged_creation(self) -> bool:
        """Whether logins can be created with a provisioningId. Found out by a call that cannot succeed."""
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class TargetWriter(Protocol):
    """The writing half of an MFA service. Every method raises `CallFailed` or `AccessRefused`, and is thread-safe."""

    def create(self, account: Account) -> int:
        """Create a login under the configured provisioningId; returns its id. The activation code is dropped.

        The account was normalised. None fields are sent empty, `enabled` other than True is an error of the caller.
        """
        ...

    def update(self, login: Login) -> None:
        """Overwrite every field of `login.id` with `login`; no overwritten field may be None (`ValueError`)."""
        ...

    def delete(self, login_id: int) -> None:
        """Delete a login; its devices go with it."""
        ...

    def add_to_group(self, group_id: int, login_id: int) -> None:
        """Add a login to a group as a plain member (role 0)."""
        ...

    def remove_from_group(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        ...

    def send_activation(self, login_id: int) -> None:
        """Mail the activation link of a login created with `Activation.LINK`."""
        ...

    def close(self) -> None:
        """Give back connections. May be called twice."""
        ...


class Rules(Protocol):
    """The compiled rules of a job: entries in, accounts out. Pure but for the `now` it was compiled with."""

    @property
    def attributes(self) -> frozenset[str]:
        """Attributes (lower case) that the rules read; a source must ask for these and needs no others."""
        ...

    @property
    def digest(self) -> str:
        """A hash of the rules; a different text that means the same may differ, the same text never does."""
        ...

    @property
    def extra_keys(self) -> frozenset[str]:
        """Keys of the extra fields that the rules govern."""
        ...

    @property
    def groups(self) -> Mapping[str, bool]:
        """Names of the service groups that the rules govern -> whether membership is exclusive."""
        ...

    @property
    def states_enabled(self) -> bool:
        """Whether the rules say who is enabled."""
        ...

    @property
    def protected(self) -> frozenset[str]:
        """Logins on the service that are never touched, folded."""
        ...

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        """The account that the rules make of an entry, or why there is none. Never raises for bad data."""
        ...


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

    def intend(self, changes: Sequence[tuple[int, Change]]) -> Sequence[int]:
        """Record (phase, change) pairs before anything is sent; returns an intent id for each, in order."""
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
        counts: people per source in its last proven reading.
        recent: how many changes were applied in the window asked for without an override, by guard (`guards.counter`).
    """

    applied_before: bool
    accepted: str
    counts: Mapping[str, int]
    recent: Mapping[str, int]


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
    """One intended change of a run and what became of it; `result` is None where the process died in between."""

    id: int
    run: str
    phase: int
    change: Mapping[str, Any]
    result: Result | None
    error: str


class State(Protocol):
    """Our own memory: ledger, runs, plans, journal, leases."""

    def lease(self, service: Service, holder: str, seconds: float) -> Lease:
        """Take the lease of a service; `LeaseHeld` (naming holder and since when) where it is taken."""
        ...

    def ledger(self, service: Service) -> Iterator[LedgerRow]:
        """All rows of a service in the order of login ids, streamed."""
        ...

    def ledger_row(self, service: Service, login_id: int) -> LedgerRow | None:
        """The row of one login; None where it is not ours."""
        ...

    def note_tags(self, service: Service, tags: Mapping[int, int], lease: Lease) -> None:
        """Record what `created_by` reads back as for logins that have no tag yet: login id -> tag."""
        ...

    def note_unlocked(self, service: Service, login_ids: Collection[int], lease: Lease) -> None:
        """Forget our locks on logins that somebody else has unlocked since."""
        ...

    def memory(self, job: str, service: Service, since: datetime) -> JobMemory:
        """What earlier runs left; `recent` counts from `since` on."""
        ...

    def start_run(self, run: RunRow, config: str, config_digest: str) -> None:
        """Record that a run begins; `config` is the effective configuration without secrets, as text."""
        ...

    def save_readings(self, run_id: str, proofs: Sequence[Proof]) -> None:
        """Record the proofs of a run's readings."""
        ...

    def finish_run(self, run: RunRow, *, applied: bool, accepted: str, counted: Mapping[str, int]) -> None:
        """Record how a run ended.

        Args:
            run: the row with `ended`, `exit_code`, `summary` and `report` filled in.
            applied: whether the run wrote, or would have written had there been anything to do.
            accepted: the configuration digest that counts as applied from now on; empty to leave it as it was.
            counted: applied changes that were not overridden, by guard (`guards.counter`), for later runs' guards.
        """
        ...

    def runs(self, job: str | None = None, limit: int = 20) -> Sequence[RunRow]:
        """The latest runs first."""
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

    def save_plan(self, plan_id: str, job: str, service: Service, made: datetime, document: str) -> None:
        """Keep a plan document (JSON text)."""
        ...

    def plan(self, plan_id: str) -> str | None:
        """A plan document by id or unique beginning of it."""
        ...

    def close(self) -> None:
        """Give back the database. May be called twice."""
        ...


class Waist(Protocol):
    """Where readings meet: streams go in, the cases that differ come out. Thread-safe while it is filled."""

    def add_people(self, people: Iterable[Account | Unmapped]) -> None:
        """People as the mapping made them; of several with one anchor the first one counts."""
        ...

    def add_logins(self, logins: Iterable[Login]) -> None:
        """Everything on the service."""
        ...

    def add_members(self, members: Iterable[Membership]) -> None:
        """Memberships of the governed groups."""
        ...

    def add_ledger(self, rows: Iterable[LedgerRow]) -> None:
        """Our memory of this service."""
        ...

    def join(self, world: World) -> Tally:
        """Settle collisions and count; call it once, when everything is in."""
        ...

    def cases(self) -> Iterator[Case]:
        """The cases that do not agree, streamed; call it after `join`."""
        ...

    def close(self) -> None:
        """Throw everything away."""
        ...
