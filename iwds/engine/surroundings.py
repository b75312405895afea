"""What a decision about anybody rests on beside that person, the same for a plan of everybody and a look at one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

from iwds.core.configuration import libraries_changed, tag_before
from iwds.core.matching import Tally
from iwds.core.model import Group, LedgerRow, fold
from iwds.core.policy import Hold, HoldKind, Rota, World
from iwds.core.recognition import MatchDecision, decisions_of
from iwds.engine.job import Job, Tools
from iwds.errors import ConfigurationError
from iwds.ports import HoldRow, JobMemory, State

RECENT = timedelta(hours=20)
"""Guards count what was applied in this time before, so that a limit cannot be crossed in small steps."""


class Around:
    """What a look at anybody rests on beside them, asked once for as many people as are looked at.

    Attributes:
        now: the time by which expiry is decided.
        holds: what people hold, ended or not.
        memory: what earlier runs of the job left.
    """

    def __init__(self, job: Job, tools: Tools) -> None:
        self._job, self._state, self._service = job, tools.state, job.target.service
        self.now = tools.clock.now()
        self.holds = tools.state.open_holds(self._service)
        self.memory = tools.state.memory(job.name, self._service, self.now - RECENT)

    @cached_property
    def existing(self) -> Sequence[Group]:
        """All groups of the service. Raises like `TargetReader.read_groups`."""
        return self._job.target.read_groups()

    @cached_property
    def _world(self) -> World:
        said = self._state.matches(self._service)
        groups = governed(self._job, self.existing)
        world = world_of(self._job, groups, frozenset(), self.holds, said, self.now)
        return replace(world, edited=has_changed(self._job, self.memory))

    def world(self, realms: frozenset[str]) -> World:
        """The facts of now, where these directories were asked; raises as `existing`."""
        return replace(self._world, realms=realms)


def governed(job: Job, existing: Iterable[Group]) -> dict[str, Group]:
    """The service's groups that the mapping governs, by name; those that do not exist are left out."""
    by_name = {group.name: group for group in existing}
    return {name: by_name[name] for name in job.rules.groups if name in by_name}


def world_of(
    job: Job,
    groups: Mapping[str, Group],
    realms: frozenset[str],
    holds: Sequence[HoldRow],
    said: Iterable[MatchDecision],
    now: datetime,
) -> World:
    """The facts of now: the job's rules, the groups that it governs, who was asked, and what people hold and said."""
    return World(
        policy=job.policy,
        realms=realms,
        groups=groups,
        exclusive=frozenset(group.id for name, group in groups.items() if job.rules.groups[name]),
        protected=frozenset(map(fold, job.rules.protected)),
        tagged=job.target.knows_tagged_creation(),
        states_enabled=job.rules.states_enabled,
        holds=_standing(holds, HoldKind.LOCK, now),
        exempt=_standing(holds, HoldKind.EXEMPT, now),
        roles=job.target.group_roles,
        rota=Rota(job.verify_roles_every, now.toordinal()),
        now=now,
        matching=job.rules.matching,
        decisions=decisions_of(said),
    )


def _standing(holds: Sequence[HoldRow], kind: HoldKind, now: datetime) -> dict[int, Hold]:
    return {row.login_id: row.hold for row in reversed(holds) if row.hold.kind is kind and row.hold.stands(now)}


def with_ended_holds(rows: Iterable[LedgerRow], holds: Iterable[HoldRow], now: datetime) -> Iterator[LedgerRow]:
    """The ledger, with the locks of holds that have ended as our own: the run that applies takes them over."""
    locks = (row for row in holds if row.hold.kind is HoldKind.LOCK)
    ended = {row.login_id for row in locks if not row.foreign and not row.hold.stands(now)}
    for row in rows:
        yield replace(row, locked=True) if row.login_id in ended else row


def has_changed(job: Job, memory: JobMemory) -> bool:
    """Whether the configuration is another one than that last applied, or a library that decides about its values."""
    upgraded = bool(libraries_changed(memory.configuration, job.deciding))
    return memory.applied_before and (memory.accepted != job.digest or upgraded)


def refuse_orphans(job: Job, state: State, memory: JobMemory) -> None:
    """Under another provisioning id nobody of the last one would ever be looked at again, leavers among them."""
    old, new = tag_before(memory.configuration), job.policy.provisioning_id
    if old in (None, new):
        return
    ours = sum(row.owner == old for row in state.ledger(job.target.service))
    if ours:
        raise ConfigurationError(
            f"the provisioning_id of the target is {new} now, and was {old}: {ours:,} logins of {job.name}"
            f" carry {old}, and nobody would keep them any more",
            f"put `provisioning_id: {old}` back; to leave those logins alone for good, give the job another name",
        )


def another_service(job: Job, tally: Tally) -> ConfigurationError:
    """What is wrong where so many of the logins that we remember are not there."""
    return ConfigurationError(
        f"{tally.unbelieved} of {tally.rows} logins that we remember for {job.target.service} are not there or"
        " are not the ones we knew: this is another service, or it was filled anew",
        "look at url and service_id of the target; nothing was planned or changed",
    )
