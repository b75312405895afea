"""What the tests of the state share: a clock, people, runs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from iwds.core.change import CreateLogin, Subject
from iwds.core.model import Account, Anchor, LedgerRow, Origin, Proof, Service
from iwds.ports import Journal, LedgerEffect, Outcome, Result, RunRow, State

SERVICE = Service("mfa.example.org", 10408)
OTHER = Service("mfa.example.org", 1)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self._at = 0.0

    def now(self) -> datetime:
        """Noon, and what has passed."""
        return NOON + timedelta(seconds=self._at)

    def monotonic(self) -> float:
        """Seconds since noon."""
        return self._at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._at += seconds


class Place(Protocol):
    """A database as a test sees it."""

    def open(self) -> State:
        """The state as one more process sees it."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass, on this machine and in the database."""
        ...


def anchor(number: int) -> Anchor:
    """Who the person with this number is."""
    return Anchor("realm-1", f"entry-{number}")


def row(number: int, *groups: int) -> LedgerRow:
    """The ledger row of login `number`, which is the person with the same number."""
    return LedgerRow(
        login_id=number,
        anchor=anchor(number),
        owner=42,
        origin=Origin.CREATED,
        login=f"zoë.{number}",
        groups=frozenset(groups),
        written={"mail": "a1b2c3"},
    )


def create(number: int) -> CreateLogin:
    """The creation of the login of a person."""
    account = Account(anchor(number), f"zoë.{number}", mail=f"{number}@example.org", groups=frozenset({"Staff"}))
    return CreateLogin(Subject(account.login, account.anchor), account, "joined")


def to(after: LedgerRow | None) -> LedgerEffect:
    """An effect that ends in one row, whatever was before."""
    return lambda _: after


def run_row(run_id: str, job: str = "staff", started: datetime = NOON, service: Service = SERVICE) -> RunRow:
    """A run that begins."""
    return RunRow(run_id, job, str(service), "run staff", "root", started, None, None, "", "", {})


def begin(state: State, run_id: str, service: Service = SERVICE) -> Journal:
    """A run that holds the lease of a service for a minute, and its journal."""
    state.start_run(run_row(run_id, service=service), "jobs: {}", "digest")
    return state.journal(run_id, service, state.lease(service, f"run {run_id}", 60))


def fill(journal: Journal, rows: Sequence[LedgerRow]) -> None:
    """Make these rows the ledger's."""
    ids = journal.intend([(4, create(r.login_id)) for r in rows])
    made = [Outcome(i, Result.DONE, login_id=r.login_id, effect=to(r)) for i, r in zip(ids, rows, strict=True)]
    journal.settle(made)


def proof(name: str, count: int, realm: str = "realm-1", problems: tuple[str, ...] = ()) -> Proof:
    """What a reading ends with."""
    return Proof(name, realm, "all people", count, ("a trailer",), problems, NOON, {"mail": count})
