"""A job as the engine sees it: adapters behind ports, and the rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from iwds.core.approval import NOTHING_NEEDED, Approval
from iwds.core.configuration import parts_of
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Service
from iwds.core.plan import Lifetime, Plan
from iwds.core.policy import FULL_WITHIN, MOST_CHANGED, VERIFY_ROLES_EVERY, Hold, HoldKind, Policy
from iwds.core.previous import NOWHERE, Places
from iwds.engine.budget import FailureBudget
from iwds.ports import Clock, Rules, Source, State, TargetReader, TargetWriter, Waist

LEASE_SECONDS = 120.0
"""How long a run that died keeps its service from others, where nothing else is configured."""

Progress = Callable[[str, int, int | None], None]
"""Told what is going on: (what, how many done, of how many or None)."""


def silent(what: str, done: int, total: int | None) -> None:
    """A progress that nobody watches."""


def _untold(_: Plan, __: bool) -> None:
    """Nobody wants to know of plans."""


@dataclass(frozen=True, slots=True)
class Incremental:
    """How far a job may run on what changed alone.

    Attributes:
        most: how many people are looked at one by one; where there are more, everybody is read.
        full_within: how long after everybody was read they are read again.
    """

    most: int = MOST_CHANGED
    full_within: timedelta = FULL_WITHIN


@dataclass(frozen=True, slots=True)
class Earlier:
    """A configuration of earlier, as far as it decides over access.

    Attributes:
        rules: its mapping, compiled again.
        sources: with its bases and filters, over the connections of today.
        policy: what it allowed.
        roles: the numbers of roles in groups that it knew.
        doubted: the parts of its mapping that a library decides which was another version then, each with that library.
    """

    rules: Rules
    sources: Sequence[Source]
    policy: Policy
    roles: Mapping[str, int]
    doubted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that planning one job needs. There is no writer in it.

    Attributes:
        name: as configured.
        sources: where people are, in the order of precedence.
        rules: the compiled mapping.
        target: the reading half of the service.
        policy: what the job may do.
        limits: of every guard.
        digest: of mapping, scope, sources and policy; see `settings.digest`.
        deciding: what the digest was made of, as text; see `core.configuration`.
        earlier: what such a text of earlier meant; None where it cannot be understood any more.
        places: where each part of the configuration stands.
        config: the effective configuration without secrets, as text.
        verify_roles_every: in how many days every role in a group that we remember is looked at again.
        failure_budget: when a run that fails stops.
        deadline: seconds after which a run begins no further change; None for no limit.
        approval: what needs somebody's approval. It decides nothing about who has access, so it is not in the digest.
        lifetime: how long a plan of this job is good for, and how long it is kept.
        incremental: how far it may run on what changed alone; None where it may not, and keeps nothing for it.
    """

    name: str
    sources: Sequence[Source]
    rules: Rules
    target: TargetReader
    policy: Policy
    limits: Mapping[GuardKind, Limit]
    digest: str
    config: str = ""
    deciding: str = ""
    earlier: Callable[[str], Earlier | None] = lambda _: None
    places: Places = NOWHERE
    verify_roles_every: int = VERIFY_ROLES_EVERY
    failure_budget: FailureBudget = field(default_factory=FailureBudget)
    deadline: float | None = None
    approval: Approval = NOTHING_NEEDED
    lifetime: Lifetime = field(default_factory=Lifetime)
    incremental: Incremental | None = None

    @property
    def parts(self) -> Mapping[str, str]:
        """The digest of each part of the configuration that decides; see `core.configuration.parts_of`."""
        return parts_of(self.deciding)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine needs beside the job.

    Attributes:
        state: our own memory.
        clock: the time.
        waist: makes an empty waist.
        progress: told what is going on.
        lease_seconds: how long the lease of a service lasts without being renewed.
        planned: told each plan of everybody once it is made, and whether it was made under the lease with everything
            open settled (`alone` of `make_plan`).
    """

    state: State
    clock: Clock
    waist: Callable[[], Waist]
    progress: Progress = silent
    lease_seconds: float = LEASE_SECONDS
    planned: Callable[[Plan, bool], None] = _untold

    def hold(self, service: Service, login_id: int, kind: HoldKind = HoldKind.LOCK) -> Hold | None:
        """The hold of this kind that stands on a login right now."""
        row = self.state.open_hold(service, login_id, kind)
        return row.hold if row and row.hold.stands(self.clock.now()) else None


MakeWriter = Callable[[], TargetWriter]
"""Builds the writing half of the service; called only when something is really to be written."""
