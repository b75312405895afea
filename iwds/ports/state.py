"""Our own memory as a whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from iwds.core.model import Anchor, LedgerRow, Proof, Service
from iwds.ports.memory import (
    Audit,
    Holds,
    IntentRow,
    JobMemory,
    Journal,
    Lease,
    Matches,
    Parities,
    PlanRow,
    Refusals,
    RefusedBind,
    Result,
    Ruled,
    RunRow,
    Sightings,
    Told,
    Unmailed,
)
from iwds.ports.progress import Learnt, Progress


class State(Holds, Ruled, Matches, Audit, Sightings, Parities, Refusals, Progress, Protocol):
    """Our own memory: ledger, runs, plans, journal, leases, what people did and decided, and who is not let in."""

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

    def changes_about(self, service: Service, anchors: Collection[Anchor]) -> Iterator[Told]:
        """The intents of all jobs about many people, each person's oldest first, streamed; without mails."""
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
        learnt: Learnt | None = None,
    ) -> None:
        """Record how a run ended.

        Args:
            run: the row with `ended`, `exit_code`, `summary` and `report` filled in.
            applied: whether the run wrote, or would have written had there been anything to do.
            accepted: the configuration digest that counts as applied from now on; empty to leave it as it was.
            configuration: what of that configuration decides; kept with the digest.
            lease: what later runs learn is fenced by it: `LeaseLost`, and nothing recorded, where it is not ours any
                more. None for a run that holds none, and has nothing to teach.
            learnt: how far it read what changed, and who is to be looked at again; None to leave that as it was.
        """
        ...

    def runs(
        self, job: str | None = None, limit: int = 20, *, without: Collection[str] = (), telling: str = ""
    ) -> Sequence[RunRow]:
        """The latest runs first; those of the commands `without` are left out.

        With `telling` only those whose report has something under this key, however far back.
        """
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

    def save_plan(
        self, plan_id: str, job: str, service: Service, made: datetime, document: str, *, waiting: int = 0
    ) -> None:
        """Keep a plan document (JSON text); `waiting` is how many of its changes wait for approval."""
        ...

    def plans(self, job: str | None = None, limit: int = 20, *, waiting: bool = False) -> Sequence[PlanRow]:
        """The plans that are kept, the latest first; with `waiting` those that had something to approve."""
        ...

    def plan(self, plan_id: str) -> str | None:
        """A plan document by id or unique beginning of it; empty where it was forgotten."""
        ...

    def forget_plans(self, made_before: datetime) -> int:
        """Delete the documents of plans that were made before; their ids stay. How many there were."""
        ...

    def refused_binds(self) -> Sequence[RefusedBind]:
        """All that stand, in the order of their sources."""
        ...

    def close(self) -> None:
        """Give back the database. May be called twice."""
        ...
