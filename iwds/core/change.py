"""The steps a plan can hold, what each of them is called, and what it takes away."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from iwds.core.devices import Loss
from iwds.core.model import Account, Anchor, Group, Login, Role, Status
from iwds.core.normal import parse_extra

WRITTEN_FIELDS = ("login", "firstname", "name", "mail", "phone", "role", "status", "extra")
"""The fields that one update overwrites, in the words of `Login`."""


class Evidence(StrEnum):
    """What a removal rests on."""

    SEEN = "seen"
    """The entry itself was read and says so: disabled, expired, out of scope, out of the group."""
    RULE = "rule"
    """Mapping, scope, sources or policy differ from those last applied."""
    UNSEEN = "unseen"
    """The person was not found."""
    ORDERED = "ordered"
    """A named person asked for it."""


class Kind(StrEnum):
    """What a change is called for guards, counts and words. One write may be several."""

    ADOPT = "adopt"
    ADOPT_GROUP = "adopt-group"
    FORGET = "forget"
    CREATE = "create"
    DELETE = "delete"
    LOCK = "lock"
    UNLOCK = "unlock"
    DEMOTE = "demote"
    PROMOTE = "promote"
    RENAME = "rename"
    CLEAR = "clear"
    UPDATE = "update"
    GROUP_ROLE = "group-role"
    """A role in a group that is neither user, manager nor administrator, for somebody who was a plain user there."""
    ADD = "add"
    REMOVE = "remove"
    MAIL = "mail"


REMOVALS = frozenset({Kind.LOCK, Kind.DELETE, Kind.DEMOTE, Kind.REMOVE, Kind.RENAME, Kind.CLEAR})
"""The kinds that take something away, and so pass four locks before they are made."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a change is about. `login_id` is None while the login does not exist yet."""

    login: str
    anchor: Anchor | None = None
    login_id: int | None = None

    @property
    def key(self) -> str:
        """One person's key: all steps with the same key are made in one lane, in order."""
        return str(self.anchor) if self.anchor else f"login {self.login_id}"


@dataclass(frozen=True, slots=True)
class CreateLogin:
    """Create a login, tagged with the job's provisioningId."""

    subject: Subject
    account: Account
    because: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Overwrite one login: the one write that a person gets in a run. `cause`: see `core.causes`, for what it takes."""

    subject: Subject
    before: Login
    after: Login
    because: str
    evidence: Evidence | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class DeleteLogin:
    """Delete a login; its devices are gone for good.

    `lost` is what goes with it, as the service told when this was planned; None where nobody asked.
    """

    subject: Subject
    before: Login
    groups: tuple[int, ...]
    because: str
    evidence: Evidence | None = None
    cause: str = ""
    lost: Loss | None = None


@dataclass(frozen=True, slots=True)
class AddToGroup:
    """Add a login to a group of the service.

    Attributes:
        role: the role there; None where the mapping does not govern it, or does not know it today: then it is 0.
        names: names of roles that not every service has, by number, for sentences.
    """

    subject: Subject
    group: Group
    because: str
    evidence: Evidence | None = None
    role: int | None = None
    names: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SetGroupRole:
    """Change the role of a login in a group that it is in.

    `before` is the role as it was read; `names` are the names of roles that not every service has, for sentences.
    """

    subject: Subject
    group: Group
    before: int
    after: int
    because: str
    evidence: Evidence | None = None
    names: tuple[tuple[int, str], ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class RemoveFromGroup:
    """Take a login out of a group of the service.

    `role` is the role there as we know it, for who puts them back; None where we do not.
    """

    subject: Subject
    group: Group
    because: str
    evidence: Evidence | None = None
    cause: str = ""
    role: int | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take an existing login, and the memberships that the directory explains, into our ledger. Nothing is sent.

    `roles` are its roles as they were read, as (group id, role), in those of the groups where they are governed.
    """

    subject: Subject
    login: Login
    groups: tuple[int, ...]
    because: str
    evidence: Evidence | None = None
    roles: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptMembership:
    """Take a membership that somebody made and the directory explains into our ledger. Nothing is sent.

    `role` is the role there as it was read; None where it is not governed or was not read.
    """

    subject: Subject
    group: Group
    because: str
    evidence: Evidence | None = None
    role: int | None = None


@dataclass(frozen=True, slots=True)
class SendActivation:
    """Mail the activation link of a login that was just created. Made at most once."""

    subject: Subject
    because: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop from our ledger what somebody else took away on the service. Nothing is sent.

    `group` is the membership that is gone; None where the whole login is.
    """

    subject: Subject
    because: str
    evidence: Evidence | None = None
    group: Group | None = None


Change: TypeAlias = (
    CreateLogin
    | Write
    | DeleteLogin
    | AddToGroup
    | SetGroupRole
    | RemoveFromGroup
    | Adopt
    | AdoptMembership
    | SendActivation
    | Forget
)


def fields_changed(write: Write) -> tuple[str, ...]:
    """The fields that a write changes, in the order of `WRITTEN_FIELDS`."""
    return tuple(f for f in WRITTEN_FIELDS if getattr(write.before, f) != getattr(write.after, f))


def field_kind(write: Write, field: str) -> Kind:
    """What the change of one field of a write is called."""
    before, after = getattr(write.before, field), getattr(write.after, field)
    match field:
        case "login":
            return Kind.RENAME
        case "status":
            return Kind.LOCK if after == Status.LOCKED else Kind.UNLOCK
        case "role":
            return Kind.DEMOTE if after < before else Kind.PROMOTE
        case "extra":
            return Kind.CLEAR if _keys_lost(before, after) else Kind.UPDATE
        case _:
            return Kind.CLEAR if after == "" else Kind.UPDATE


def _keys_lost(before: str | None, after: str | None) -> bool:
    """Whether any extra field had a value and has none."""
    old, new = parse_extra(before or "") or {}, parse_extra(after or "") or {}
    return any(value and not new.get(key) for key, value in old.items())


def role_kinds(before: int, after: int) -> frozenset[Kind]:
    """What another role in a group is called.

    Of the three that every service has, each includes those below it. What a custom one includes nobody can tell from
    outside: leaving it, or leaving manager or administrator for it, may take something away and so is a demotion.
    """
    known = tuple(Role)
    if before in known and after in known:
        return frozenset({Kind.DEMOTE if after < before else Kind.PROMOTE})
    lost = {Kind.DEMOTE} if before != Role.USER else set[Kind]()
    return frozenset(lost | _gained(after))


def _gained(role: int | None) -> set[Kind]:
    """What is gained with a role in a group; nothing with that of a plain user."""
    if role in (Role.MANAGER, Role.ADMINISTRATOR):
        return {Kind.PROMOTE}
    return {Kind.GROUP_ROLE} if role else set()


def kinds(change: Change) -> frozenset[Kind]:
    """What a change is called; several words for a write that does several things."""
    match change:
        case CreateLogin():
            promotes = change.account.role in (Role.MANAGER, Role.ADMINISTRATOR)
            return frozenset({Kind.CREATE, Kind.PROMOTE} if promotes else {Kind.CREATE})
        case Write():
            return frozenset(field_kind(change, f) for f in fields_changed(change))
        case DeleteLogin():
            return frozenset({Kind.DELETE})
        case AddToGroup():
            return frozenset({Kind.ADD} | _gained(change.role))
        case SetGroupRole():
            return role_kinds(change.before, change.after)
        case RemoveFromGroup():
            return frozenset({Kind.REMOVE})
        case Adopt():
            return frozenset({Kind.ADOPT})
        case AdoptMembership():
            return frozenset({Kind.ADOPT_GROUP})
        case SendActivation():
            return frozenset({Kind.MAIL})
        case Forget():
            return frozenset({Kind.FORGET})
        case _:
            assert_never(change)


def removes(change: Change) -> bool:
    """Whether a change takes anything away."""
    return not REMOVALS.isdisjoint(kinds(change))


def without(write: Write, dropped: Iterable[Kind]) -> Write | None:
    """The same write without the fields of some kinds; None where nothing is left of it."""
    drop = frozenset(dropped)
    return fields_only(write, [f for f in fields_changed(write) if field_kind(write, f) not in drop])


def only(write: Write, kept: Iterable[Kind]) -> Write | None:
    """The part of a write that is of some kinds; None where there is no such part."""
    return without(write, frozenset(Kind) - frozenset(kept))


def fields_only(write: Write, kept: Iterable[str]) -> Write | None:
    """The part of a write that changes some fields; None where there is no such part."""
    keep = frozenset(kept)
    back = {f: getattr(write.before, f) for f in fields_changed(write) if f not in keep}
    rest = replace(write, after=replace(write.after, **back))
    if not fields_changed(rest):
        return None
    return rest if removes(rest) else replace(rest, evidence=None, cause="")
