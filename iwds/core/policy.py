"""What a job may do, as values: the leaver's fate, adoption, creation, and the facts of the service it works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from iwds.core.model import Group


class Leaver(StrEnum):
    """What becomes of a login of ours whose person is gone."""

    KEEP = "keep"
    LOCK = "lock"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a job beside its mapping.

    Attributes:
        provisioning_id: the tag that the job creates logins with; its own creations and adoptions are kept under it.
        leaver: lock by default; delete must be written out.
        adopt: tags of other origins (0 console, 1 API or IWDS, …) whose logins may be adopted where one person of a
            proven reading explains them.
        untagged_creations: create with `loginCreate` where the service does not know `loginCreateBySource`.
    """

    provisioning_id: int
    leaver: Leaver = Leaver.LOCK
    adopt: frozenset[int] = frozenset()
    untagged_creations: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The helpdesk's lock on one login: until its end no run makes the login active, whatever the directory says.

    Attributes:
        until: when it ends, with time zone; None for not before somebody lifts it.
    """

    by: str
    reason: str
    until: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it has not ended yet."""
        return self.until is None or now < self.until

    def __str__(self) -> str:
        until = f" until {self.until:%Y-%m-%d %H:%M %Z}" if self.until else ""
        return f"locked by {self.by}{until}: {self.reason}"


@dataclass(frozen=True, slots=True)
class World:
    """What a decision about one person has to know beside that person.

    Attributes:
        policy: the job's rules.
        realms: the realms that answered in this run.
        groups: the service's groups that the mapping governs and that exist, by name.
        exclusive: ids of the groups from which a membership that we did not make is taken away too.
        protected: folded login names that are never touched.
        tagged: whether the service can create logins with a provisioningId.
        states_enabled: whether the mapping says who is enabled; then nobody is created of whom that is not known.
        holds: the helpdesk's locks that stand, by login id.
    """

    policy: Policy
    realms: frozenset[str]
    groups: Mapping[str, Group]
    exclusive: frozenset[int] = frozenset()
    protected: frozenset[str] = frozenset()
    tagged: bool = True
    states_enabled: bool = False
    holds: Mapping[int, Hold] = field(default_factory=dict)

    @property
    def governed(self) -> frozenset[int]:
        """Ids of the groups whose memberships this job looks at."""
        return frozenset(group.id for group in self.groups.values())

    def group_ids(self, names: frozenset[str]) -> frozenset[int]:
        """Ids of the groups of these names; names that the service does not have are left out."""
        return frozenset(self.groups[name].id for name in names if name in self.groups)
