"""The steps a plan can hold, what each of them is called, what it takes away, and the order they are made in.

Order, one phase after the other, with a barrier after each:

    0  adopt, forget             nothing is sent; whatever follows may rely on whose a login is
    1  lock, demote, leave       what must not wait is made first: access that should be gone
    2  delete                    frees login names, and perhaps seats, for what follows
    3  rename                    frees and takes names, in the order of dependency
    4  create                    each new login at once with its groups and its activation
    5  move                      per person gains before losses, so that nobody stands without either
    6  unlock and the rest       what may wait is made last
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import TypeAlias, assert_never

from iwds.core.devices import Loss
from iwds.core.model import Account, Anchor, Group, Login, Role, Status, fold
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


class Phase(IntEnum):
    """When a change is made; the table is in the module's docstring."""

    ADOPT = 0
    TAKE = 1
    DELETE = 2
    RENAME = 3
    CREATE = 4
    MOVE = 5
    REST = 6


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
    """Overwrite one login: the one write that a person gets in a run."""

    subject: Subject
    before: Login
    after: Login
    because: str
    evidence: Evidence | None = None


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


@dataclass(frozen=True, slots=True)
class RemoveFromGroup:
    """Take a login out of a group of the service."""

    subject: Subject
    group: Group
    because: str
    evidence: Evidence | None = None


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
    back = {f: getattr(write.before, f) for f in fields_changed(write) if field_kind(write, f) in drop}
    rest = replace(write, after=replace(write.after, **back))
    if not fields_changed(rest):
        return None
    return rest if removes(rest) else replace(rest, evidence=None)


def only(write: Write, kept: Iterable[Kind]) -> Write | None:
    """The part of a write that is of some kinds; None where there is no such part."""
    return without(write, frozenset(Kind) - frozenset(kept))


_WRITE_PHASE = {
    Kind.LOCK: Phase.TAKE,
    Kind.DEMOTE: Phase.TAKE,
    Kind.RENAME: Phase.RENAME,
}


def phase_of(change: Change, moves: bool, new: bool) -> Phase:
    """The phase of one change.

    Args:
        change: the change.
        moves: whether the same person also gains a group in this plan.
        new: whether the same person's login is created in this plan.
    """
    match change:
        case Adopt() | AdoptMembership() | Forget():
            return Phase.ADOPT
        case DeleteLogin():
            return Phase.DELETE
        case CreateLogin() | SendActivation():
            return Phase.CREATE
        case AddToGroup():
            return Phase.CREATE if new else Phase.MOVE
        case RemoveFromGroup():
            return Phase.MOVE if moves else Phase.TAKE
        case SetGroupRole():
            return Phase.TAKE if removes(change) else Phase.REST
        case Write():
            return min((_WRITE_PHASE.get(kind, Phase.REST) for kind in kinds(change)), default=Phase.REST)
        case _:
            assert_never(change)


def step_of(change: Change) -> int:
    """The place of a change among the steps of one person in one phase: gains before losses, mail last."""
    match change:
        case Forget():
            return -1
        case Adopt() | CreateLogin() | Write() | DeleteLogin():
            return 0
        case AdoptMembership() | AddToGroup() | SetGroupRole():
            return 1
        case RemoveFromGroup():
            return 2
        case SendActivation():
            return 3
        case _:
            assert_never(change)


def ordered(changes: Iterable[Change]) -> tuple[tuple[Phase, Change], ...]:
    """All changes with their phases, in the order they are made in; the order of the input does not matter."""
    return tuple((phase, change) for phase, _, change in _placed(changes))


def batches(changes: Iterable[Change]) -> Iterator[tuple[Phase, list[Change]]]:
    """The same, cut where all that came before must be over: after a phase, and after a link of a chain of renames."""
    for (phase, _), items in groupby(_placed(changes), key=lambda item: item[:2]):
        yield phase, [change for *_, change in items]


def _placed(changes: Iterable[Change]) -> list[tuple[Phase, int, Change]]:
    """Each change with its phase and, for a rename, how many others must be over before it."""
    listed = list(changes)
    gainers = {c.subject.key for c in listed if isinstance(c, AddToGroup)}
    newcomers = {c.subject.key for c in listed if isinstance(c, CreateLogin)}
    phased = [(phase_of(c, c.subject.key in gainers, c.subject.key in newcomers), c) for c in listed]
    links = _rename_places(c for phase, c in phased if phase is Phase.RENAME and isinstance(c, Write))
    placed = [(phase, links.get(c.subject.login_id or 0, 0) if phase is Phase.RENAME else 0, c) for phase, c in phased]
    return sorted(placed, key=_place)


def _place(item: tuple[Phase, int, Change]) -> tuple[int, int, str, str, int, str, int]:
    phase, link, change = item
    who, group = change.subject, getattr(change, "group", None)
    return phase, link, fold(who.login), who.key, step_of(change), group.name if group else "", who.login_id or 0


def _rename_places(renames: Iterable[Write]) -> dict[int, int]:
    """Login id -> how many renames must come first, because each frees the name that the next one takes."""
    by_old_name = {fold(w.before.login): w for w in renames}
    places: dict[int, int] = {}
    for write in by_old_name.values():
        chain, seen = write, {write.before.id}
        depth = 0
        while (follows := by_old_name.get(fold(chain.after.login))) is not None and follows.before.id not in seen:
            chain, depth = follows, depth + 1
            seen.add(chain.before.id)
        places[write.before.id] = depth
    return places


def rename_cycles(renames: Iterable[Write]) -> frozenset[int]:
    """Ids of the logins whose renames wait for each other in a circle, so that no order serves."""
    following = {fold(w.before.login): (fold(w.after.login), w.before.id) for w in renames}
    circular: set[int] = set()
    for start in following:
        path: list[str] = []
        name = start
        while name in following and name not in path:
            path.append(name)
            name = following[name][0]
        if name == start and path:
            circular.update(following[step][1] for step in path)
    return frozenset(circular)
