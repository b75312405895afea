"""What a job may do, as values: the leaver's fate, adoption, creation, and the facts of the service it works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from iwds.core.model import BUILTIN_ROLES, Account, Group, Login, Role
from iwds.core.recognition import BY_NAME, NOTHING_SAID, Decisions, Matching
from iwds.core.words import until_words

FULL_WITHIN, MOST_CHANGED = timedelta(hours=25), 2_000
"""How long a job may run on what changed before everybody is read again, and how many it looks at one by one."""
VERIFY_ROLES_EVERY = 14
"""In how many days every role that we remember is looked at again, unless the job says otherwise."""


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time where nobody says it: no grace has passed."""
CENTURY = timedelta(days=36_500)
"""The grace where nobody says it."""


class Leaver(StrEnum):
    """What becomes of a login of ours whose person is gone; `core/leaving.py` says who is."""

    KEEP = "keep"
    LOCK = "lock"
    LOCK_THEN_DELETE = "lock-then-delete"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a job beside its mapping.

    Attributes:
        provisioning_id: the tag that the job creates logins with; its own creations and adoptions are kept under it.
        leaver: lock by default; what deletes must be written out.
        delete_after: the grace between lock and deletion under `LOCK_THEN_DELETE`.
        adopt: tags of other origins (0 console, 1 API or IWDS, …) whose logins may be adopted where one person of a
            proven reading explains them.
        untagged_creations: create with `loginCreate` where the service does not know `loginCreateBySource`.
    """

    provisioning_id: int
    leaver: Leaver = Leaver.LOCK
    adopt: frozenset[int] = frozenset()
    untagged_creations: bool = False
    delete_after: timedelta = CENTURY

    def may_adopt(self, login: Login) -> bool:
        """Whether a login that nobody remembers may become ours where one person explains it."""
        return login.created_by == self.provisioning_id or login.created_by in self.adopt


@dataclass(frozen=True, slots=True)
class Rota:
    """Whose roles in groups are looked at although we remember them: each login's turn comes every so many days.

    Attributes:
        every: in how many days everybody has had a turn; 1 for everybody each day.
        day: the day of the run as a number, one more than the day before.
    """

    every: int = VERIFY_ROLES_EVERY
    day: int = 0

    def turn_of(self, login_id: int) -> bool:
        """Whether it is this login's turn."""
        return login_id % self.every == self.day % self.every


class HoldKind(StrEnum):
    """What a person holds against every run."""

    LOCK = "lock"
    """The helpdesk's lock: no run makes the login active, whatever the directory says."""
    EXEMPT = "exempt"
    """No run takes anything away from the login, whatever the directory says."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a person decided about one login, against every run until its end.

    Attributes:
        until: when it ends, with time zone; None for not before somebody lifts it.
    """

    by: str
    reason: str
    until: datetime | None = None
    kind: HoldKind = HoldKind.LOCK

    def stands(self, now: datetime) -> bool:
        """Whether it has not ended yet."""
        return self.until is None or now < self.until

    def __str__(self) -> str:
        until = f" until {until_words(self.until)}" if self.until else ""
        verb = "locked" if self.kind is HoldKind.LOCK else "held"
        return f"{verb} by {self.by}{until}: {self.reason}"


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
        exempt: what holds every removal from a login, by login id.
        roles: the number of each role in a group that the target knows, by name.
        rota: whose remembered roles are looked at again in this run.
        now: the time of the run.
        matching: how people whom we do not remember are recognised.
        decisions: whose login is whose, as people said.
        edited: whether the configuration is another one than that last applied, so that a difference may be its doing.
    """

    policy: Policy
    realms: frozenset[str]
    groups: Mapping[str, Group]
    exclusive: frozenset[int] = frozenset()
    protected: frozenset[str] = frozenset()
    tagged: bool = True
    states_enabled: bool = False
    holds: Mapping[int, Hold] = field(default_factory=dict)
    exempt: Mapping[int, Hold] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=lambda: BUILTIN_ROLES)
    rota: Rota = Rota()
    now: datetime = LONG_AGO
    matching: Matching = BY_NAME
    decisions: Decisions = NOTHING_SAID
    edited: bool = False

    @property
    def governed(self) -> frozenset[int]:
        """Ids of the groups whose memberships this job looks at."""
        return frozenset(group.id for group in self.groups.values())

    def group_ids(self, names: frozenset[str]) -> frozenset[int]:
        """Ids of the groups of these names; names that the service does not have are left out."""
        return frozenset(self.groups[name].id for name in names if name in self.groups)

    def roles_wanted(self, account: Account) -> dict[int, int]:
        """The number of the role that an account wants in each group that it governs it in, by group id."""
        of = account.groups or frozenset()
        return {
            self.groups[name].id: self.roles[role]
            for name, role in account.group_roles
            if name in of and name in self.groups
        }

    def own_names(self, *numbers: int | None) -> tuple[tuple[int, str], ...]:
        """Names of those among these roles that not every service has, for sentences."""
        named = {number: name for name, number in self.roles.items() if number not in tuple(Role)}
        return tuple((number, named[number]) for number in numbers if number in named)
