"""The values that everything else speaks about: entries, accounts, logins, readings, ledger rows.

`None` in a field always means *not known* or *not governed*; the empty string means *known to be empty*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Role(IntEnum):
    """What a login may do on the service; the numbers are the provisioning API's."""

    USER = 0
    MANAGER = 1
    ADMINISTRATOR = 2


BUILTIN_ROLES: Mapping[str, int] = {role.name.lower(): int(role) for role in Role}
"""The roles that every service knows, on the service itself and in each of its groups; others are a group's own."""


class Status(IntEnum):
    """Whether a login may authenticate; the numbers are the provisioning API's."""

    ACTIVE = 0
    LOCKED = 1


class Activation(StrEnum):
    """What a new login gets to enrol with (the API's codetype 0, 1, 2)."""

    CODE = "code"
    INACTIVE = "inactive"
    LINK = "link"


class Mode(StrEnum):
    """How a governed field of a login is written."""

    ALWAYS = "always"
    """Overwritten by a value, and emptied where the source is empty."""
    IF_EMPTY = "if-empty"
    """Written only where the service has nothing, and never emptied."""
    NEVER_CLEAR = "never-clear"
    """Overwritten by a value, and never emptied."""


@dataclass(frozen=True, slots=True, order=True)
class Anchor:
    """What a person is known by for ever: the directory's own identity and the entry's id in it.

    `realm` is what the directory says of itself (naming context UUID, domain SID, a configured name for files),
    never the name of a source in a configuration.
    """

    realm: str
    id: str

    def __str__(self) -> str:
        return f"{self.realm}/{self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory object as read.

    Attributes:
        anchor: who it is.
        name: what a person calls it: the distinguished name, or file and line.
        attrs: values by lower-case attribute name. A missing name was not asked for or not readable; an empty
            tuple was asked for and is absent.
        groups: groups that it is in, nested ones included, as normalised distinguished names or plain names;
            None where they are not known.
        enabled: what the directory itself says natively, None where only the mapping can tell.
        unread: groups, as the mapping writes them or as in `groups`, of which it is not known whether the person is in
            them.
    """

    anchor: Anchor
    name: str
    attrs: Mapping[str, tuple[str, ...]]
    groups: frozenset[str] | None = None
    enabled: bool | None = None
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AtCreation:
    """What can be given when a login is created and never read or changed afterwards."""

    activation: Activation = Activation.INACTIVE
    language: str = "en"
    access: int = 1
    login2: str = ""
    login3: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A login as it should be. A field that is None is not governed for this person, or not known today.

    `groups` are names of groups of the service; `extra` holds only the keys that the mapping governs. `group_roles` are
    pairs of a group and the name of the role there, for those of `groups` whose role is governed and known. `modes` are
    pairs of a field, or `extra KEY`, and how it is written; see `core.modes` for those that are missing. `numbering` is
    the longest login that may be made of this one by a number behind it, where somebody else has it; None where nobody
    gets another login than the one that the mapping makes.
    """

    anchor: Anchor
    login: str
    firstname: str | None = None
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    role: Role | None = None
    enabled: bool | None = None
    groups: frozenset[str] | None = None
    extra: tuple[tuple[str, str], ...] = ()
    at_creation: AtCreation = AtCreation()
    group_roles: tuple[tuple[str, str], ...] = ()
    modes: tuple[tuple[str, Mode], ...] = ()
    numbering: int | None = None


class Absent(StrEnum):
    """Why a person who was read has no account."""

    OUT_OF_SCOPE = "out-of-scope"
    EXCLUDED = "excluded"
    INVALID = "invalid"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A person who was read and gets no account, and why.

    Attributes:
        login: as far as it is known, for people to read.
        disabled: whether the directory says that they are disabled or expired. Whoever is excluded is not asked.
        mail: as far as it is known; then nobody else is recognised by it.
    """

    anchor: Anchor
    name: str
    reason: Absent
    detail: str
    login: str = ""
    disabled: bool = False
    mail: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Which MFA service: the host of its API and the service id. Never the target's name in a configuration."""

    host: str
    id: int

    def __str__(self) -> str:
        return f"{self.host}#{self.id}"


@dataclass(frozen=True, slots=True)
class Login:
    """An account as it is on the service. None: the element was absent from the answer.

    Attributes:
        extra: the extra fields as the service wrote them, echoed unchanged where the mapping governs none.
        created_by: 0 console, 1 API or IWDS, other provisioning sources above.
        activated: True once a code was used, False while it was not; the code itself never enters.
        last_seen: last authentication in seconds since 1970, 0 for never.
    """

    id: int
    login: str
    firstname: str | None = None
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    role: int | None = None
    status: int | None = None
    extra: str | None = None
    created_by: int | None = None
    activated: bool | None = None
    last_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the service. Groups and policies are made in the vendor's console; no call creates them."""

    id: int
    name: str
    policy: int = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """One login in one group of the service."""

    login_id: int
    group_id: int


class Origin(StrEnum):
    """How a login became ours."""

    CREATED = "created"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """Our memory of one login that is ours.

    Attributes:
        owner: the provisioningId under which it was created or adopted.
        login: the login name when we last saw or wrote it.
        tag: `created_by` as first read back after it became ours; None until then.
        locked: True when the lock on it was set by a run of ours.
        groups: ids of the groups whose membership we made or adopted.
        group_roles: number of the role that we last wrote, adopted or read as it should be, by group id; a group is
            missing where we never knew it.
        written: a short hash of each field as we last wrote or adopted it, by field name.
        left_at: since when the person is gone and the login locked, as a run on proven readings saw both; None where
            they are not, or where no deletion follows from it.
    """

    login_id: int
    anchor: Anchor
    owner: int
    origin: Origin
    login: str
    tag: int | None = None
    locked: bool = False
    groups: frozenset[int] = frozenset()
    written: Mapping[str, str] = field(default_factory=dict)
    group_roles: Mapping[int, int] = field(default_factory=dict)
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class View:
    """From where a reading was taken, and what else was seen from there; kept to compare the next reading with.

    Attributes:
        account: who the directory says that we are; empty where it does not say.
        server: which server's change counter the two numbers are; empty where it has none.
        began: the counter before the first entry was read.
        ended: the counter after the last one.
        places: people directly below each entry of the tree that holds some, by its normalised name.
        mark: what the source needs to ask the same question again; it means nothing to anybody else.
        gone: people of ours of whom this reading showed nothing, and no look by id either.
    """

    account: str = ""
    server: str = ""
    began: int = 0
    ended: int = 0
    places: Mapping[str, int] = field(default_factory=dict)
    mark: str = ""
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a reading is believed, or why not.

    Attributes:
        name: the source as configured, or `service`.
        realm: which directory answered; empty for the service.
        asked: the question in words or as a search, for people.
        count: how many people or logins came.
        reasons: why it is believed; each a sentence.
        problems: why it is not; each a sentence. Any problem makes it unproven.
        presence: in how many entries each attribute had a value; and how many people were in any group, and in each
            group that the mapping names (see `core.doubt`).
        taken_at: when the first answer came, with time zone.
        view: from where it was taken.
        withheld: keys of `presence` that are taken for unreadable in this run; what `presence` says of them is what
            the last proven reading said.
    """

    name: str
    realm: str
    asked: str
    count: int
    reasons: tuple[str, ...]
    problems: tuple[str, ...]
    taken_at: datetime
    presence: Mapping[str, int] = field(default_factory=dict)
    view: View = field(default_factory=View)
    withheld: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """True where nothing speaks against it and something speaks for it."""
        return bool(self.reasons) and not self.problems


def fold(login: str) -> str:
    """A login name as it is compared: two names that fold alike are one name. Input is expected in NFC."""
    return login.strip().casefold()
