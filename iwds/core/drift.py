"""Drift: where the service differs from what we last wrote to it, whatever the directory wants by now.

What we wrote is in the ledger as a hash of each field, and in the journal as it was. Only what we manage counts: fields
that the mapping governs, groups that it names, and whether a login is locked. Another spelling of the same value is no
difference. What the helpdesk did through us is none either, and neither is a login that another job keeps.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
    Write,
)
from iwds.core.ledger import EXTRA, created_login, marks
from iwds.core.matching import believed, retagged
from iwds.core.model import Group, LedgerRow, Login, Origin, Status, fold
from iwds.core.normal import parse_extra

Value = str | int | None


class DriftKind(StrEnum):
    """What somebody else did to a login of ours, the gravest first."""

    ROLE = "role"
    """Its role on the service changed."""
    GROUP_ROLE = "group-role"
    """Its role in a group changed."""
    UNLOCKED = "unlocked"
    JOINED = "joined"
    """It is in a group that we look after, and we did not put it there."""
    TAG = "tag"
    """Another tool writes to it."""
    STRANGER = "stranger"
    """Neither its name nor its tag is what we knew: it may be somebody else's by now."""
    GONE = "gone"
    LOCKED = "locked"
    RENAMED = "renamed"
    LEFT = "left"
    """It is not in a group any more that we put it into."""
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Managed:
    """What of a login is ours to look after, in one job.

    Attributes:
        owner: the provisioningId of the job.
        fields: fields of `Login` that the mapping governs, login and status among them.
        extra: keys of the extra fields that it governs.
        groups: the groups that it names and that exist, by id.
        roles: ids of those in which it governs roles.
        held: ids of logins that the helpdesk holds locked.
    """

    owner: int
    fields: frozenset[str]
    extra: frozenset[str] = frozenset()
    groups: Mapping[int, Group] = field(default_factory=dict)
    roles: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference.

    Attributes:
        what: which part of the login: a field, `extra KEY`, `group ID`, `role in ID`, `tag` or `login`.
        now: what the service has; None for nothing.
        was: what we know that it was; None where only `mark` tells, or for nothing.
        mark: the hash of what we wrote; empty where `was` is all there is to know.
        group: the group, where it is about one.
    """

    kind: DriftKind
    what: str
    now: Value
    was: Value = None
    mark: str = ""
    group: Group | None = None

    def is_was(self, value: Value) -> bool:
        """Whether a value is the one that we wrote."""
        if self.mark:
            return marks(value, self.mark)
        return value == self.was or (self.what == "login" and _folded(value) == _folded(self.was))


IN, OUT = "in", "out"
"""What a membership is."""


def drift_of(
    row: LedgerRow,
    login: Login | None,
    member_of: frozenset[int],
    managed: Managed,
    roles: Mapping[int, int] | None = None,
) -> Iterator[Drift]:
    """Where a login of ours is not as we left it.

    Args:
        row: our memory of it.
        login: as it is; None where it does not exist any more.
        member_of: ids of the managed groups that it is in.
        managed: what is ours to look after.
        roles: its roles as they were read, by group id; None where nobody asked.
    """
    if row.owner != managed.owner:
        return
    if login is None:
        yield Drift(DriftKind.GONE, "login", None, row.login)
    elif not believed(row, login):
        yield Drift(DriftKind.STRANGER, "login", login.login, row.login)
    else:
        if retagged(row, login):
            yield Drift(DriftKind.TAG, "tag", login.created_by, row.tag)
        yield from _fields(row, login, managed)
        yield from _extra(row, login, managed)
        yield from _groups(row, member_of, managed)
        yield from _roles(row, roles or {}, managed)


def _fields(row: LedgerRow, login: Login, managed: Managed) -> Iterator[Drift]:
    for name in WRITTEN_FIELDS:
        now, mark = getattr(login, name), row.written.get(name)
        if name not in managed.fields or now is None:
            continue
        if name == "login" and fold(now) != fold(row.login):
            yield Drift(DriftKind.RENAMED, name, now, row.login)
        elif mark is not None and not marks(now, mark):
            yield Drift(_kind(name, now), name, int(now) if isinstance(now, int) else now, mark=mark)


def _kind(name: str, now: Value) -> DriftKind:
    match name:
        case "login":
            return DriftKind.RENAMED
        case "role":
            return DriftKind.ROLE
        case "status":
            return DriftKind.LOCKED if now == Status.LOCKED else DriftKind.UNLOCKED
        case _:
            return DriftKind.FIELD


def _extra(row: LedgerRow, login: Login, managed: Managed) -> Iterator[Drift]:
    """Of the extra fields, which are shared with others, those that we wrote."""
    held = None if login.extra is None else parse_extra(login.extra)
    for key in sorted(managed.extra) if held is not None else ():
        mark, now = row.written.get(EXTRA + key), (held or {}).get(key, "")
        if mark is not None and not marks(now, mark):
            yield Drift(DriftKind.FIELD, EXTRA + key, now, mark=mark)


def _groups(row: LedgerRow, member_of: frozenset[int], managed: Managed) -> Iterator[Drift]:
    for number, group in managed.groups.items():
        ours, there = number in row.groups, number in member_of
        if ours and not there:
            yield Drift(DriftKind.LEFT, f"group {number}", OUT, IN, group=group)
        elif there and not ours:
            yield Drift(DriftKind.JOINED, f"group {number}", IN, OUT, group=group)


def _roles(row: LedgerRow, roles: Mapping[int, int], managed: Managed) -> Iterator[Drift]:
    for number in sorted(managed.roles & row.groups & roles.keys()):
        was = row.group_roles.get(number)
        if was is not None and was != roles[number]:
            yield Drift(DriftKind.GROUP_ROLE, f"role in {number}", roles[number], was, group=managed.groups[number])


def _folded(value: Value) -> Value:
    return fold(value) if isinstance(value, str) else value


# --- since when -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, and the run that it is known by; empty for a look that was no run's."""

    at: datetime
    run: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """One change about a login in the journal. `done`: it was made, and the service had been as its before says."""

    at: datetime
    run: str
    change: Change
    done: bool

    @property
    def moment(self) -> Moment:
        """When, and in which run."""
        return Moment(self.at, self.run)


class How(StrEnum):
    """How we came to know what a login was."""

    CREATED = "created"
    ADOPTED = "adopted"
    """Nobody wrote it: so it was when it became ours."""
    WRITTEN = "written"
    REMEMBERED = "remembered"
    """Our memory says so, and the journal does not say since when."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the journal tells of one difference.

    Attributes:
        known: whether what we wrote is known as it was, and not only by its hash.
        was: what we wrote, where it is known.
        wrote: when that was; None where the journal does not say.
        equal: the last moment at which the service is known to have had it.
        seen: the first moment after it at which a run saw what the service has now.
    """

    known: bool
    was: Value
    how: How = How.REMEMBERED
    wrote: Moment | None = None
    equal: Moment | None = None
    seen: Moment | None = None


def traced(drift: Drift, row: LedgerRow, history: Iterable[Made]) -> Trace:
    """What the changes of one login, the oldest first, tell of a difference."""
    tracing = _Tracing(drift, Trace(not drift.mark, drift.was))
    for made in history:
        if drift.kind in _WHOLE:
            tracing.there(made)
        else:
            tracing.take(made)
    found = tracing.trace
    if drift.kind is DriftKind.JOINED and tracing.last == IN:
        # The journal says that we put or found them there: our memory was put back, or somebody ordered it to forget.
        return Trace(False, None, seen=found.seen)
    if found.how is How.REMEMBERED and row.origin is Origin.ADOPTED and drift.kind is DriftKind.JOINED:
        return Trace(found.known, found.was, How.ADOPTED, found.wrote, found.equal, found.seen)
    return found


_WHOLE = frozenset({DriftKind.GONE, DriftKind.STRANGER, DriftKind.TAG})
"""What is about the login as a whole: whatever was done to it shows that it was there."""
_NOTHING = object()
"""Where a change says nothing of a part of the login."""


class _Tracing:
    def __init__(self, drift: Drift, trace: Trace) -> None:
        self.drift, self.trace = drift, trace
        self.last: object = _NOTHING
        """What the last change of it left."""

    def there(self, made: Made) -> None:
        if made.done:
            self._set(equal=made.moment)

    def take(self, made: Made) -> None:
        before, after = _sides(made.change, self.drift)
        if before is not _NOTHING:
            self._held(before, made)
        if made.done and after is not _NOTHING and (before is _NOTHING or after != before):
            self._written(after, made)

    def _held(self, value: object, made: Made) -> None:
        """What a run found on the service before it wrote."""
        if self._is_was(value):
            if made.done:  # the last look before the call saw it too
                self._set(equal=made.moment, seen=None)
        elif self.trace.seen is None and value == self.drift.now:
            self._set(seen=made.moment)

    def _written(self, value: object, made: Made) -> None:
        self.last = value
        if not self._is_was(value):
            return  # something older, which we overwrote since
        how = {CreateLogin: How.CREATED, Adopt: How.ADOPTED, AdoptMembership: How.ADOPTED}.get(type(made.change))
        assert value is None or isinstance(value, str | int)  # noqa: S101 - sides are values
        self.trace = Trace(True, value, how or How.WRITTEN, made.moment, made.moment)

    def _is_was(self, value: object) -> bool:
        return (value is None or isinstance(value, str | int)) and self.drift.is_was(value)

    def _set(self, **moments: Moment | None) -> None:
        old = self.trace
        equal, seen = moments.get("equal", old.equal), moments.get("seen", old.seen)
        self.trace = Trace(old.known, old.was, old.how, old.wrote, equal, seen)


def _sides(change: Change, drift: Drift) -> tuple[object, object]:
    """What a change found of a part of the login and what it left, each `_NOTHING` where it does not say."""
    if drift.group is not None:
        return _sides_of_group(change, drift, drift.group)
    match change:
        case CreateLogin(account=account):
            if drift.what.startswith(EXTRA):
                return _NOTHING, dict(account.extra).get(drift.what.removeprefix(EXTRA), "")
            return _NOTHING, part_of(created_login(account, 0), drift.what)
        case Adopt(login=login):
            return _NOTHING, part_of(login, drift.what)
        case Write(before=before, after=after):
            return part_of(before, drift.what), part_of(after, drift.what)
        case _:
            return _NOTHING, _NOTHING


def _sides_of_group(change: Change, drift: Drift, group: Group) -> tuple[object, object]:
    role = drift.kind is DriftKind.GROUP_ROLE
    match change:
        case CreateLogin():
            return _NOTHING, (_NOTHING if role else OUT)
        case Adopt(groups=groups, roles=roles) if group.id in groups:
            return _NOTHING, (dict(roles).get(group.id, _NOTHING) if role else IN)
        case AddToGroup() | AdoptMembership() if change.group.id == group.id:
            held = _NOTHING if isinstance(change, AdoptMembership) else OUT
            known = _NOTHING if change.role is None else change.role
            return (_NOTHING, known) if role else (held, IN)
        case SetGroupRole() if change.group.id == group.id:
            return (change.before, change.after) if role else (IN, IN)
        case RemoveFromGroup() if change.group.id == group.id and not role:
            return IN, OUT
        case Forget() if change.group == group and not role and change.evidence is not Evidence.ORDERED:
            return _NOTHING, OUT  # somebody else took them out; who orders us to forget takes nobody out
        case _:
            return _NOTHING, _NOTHING


def part_of(login: Login, what: str) -> Value:
    """One part of a login; None where it was not read or cannot be understood."""
    if what.startswith(EXTRA):
        held = parse_extra(login.extra or "")
        return None if held is None else held.get(what.removeprefix(EXTRA), "")
    value: Value = getattr(login, what)
    return int(value) if isinstance(value, int) else value


@dataclass(frozen=True, slots=True)
class Since:
    """Between which moments something came about. `after` is None where nobody knows of any before."""

    after: Moment | None
    before: Moment


def since(equal: Iterable[Moment | None], seen: Iterable[Moment | None], now: datetime) -> Since:
    """The narrowest interval: after the last moment known to be equal, and not after the first that showed it."""
    before = min((each for each in seen if each), key=_at, default=Moment(now))
    known = [each for each in equal if each and each.at <= before.at]
    return Since(max(known, key=_at, default=None), before)


def _at(moment: Moment) -> datetime:
    return moment.at


def by_helpdesk(drift: Drift, last: tuple[str, datetime] | None, trace: Trace) -> bool:
    """Whether a lock is as the helpdesk's last action left it, and no run has written it since.

    Args:
        drift: a difference.
        last: the last `lock` or `unlock` of this login through us, and when.
        trace: what the journal tells.
    """
    undone = {DriftKind.LOCKED: "lock", DriftKind.UNLOCKED: "unlock"}.get(drift.kind)
    if last is None or last[0] != undone:
        return False
    return trace.wrote is None or trace.wrote.at < last[1]


def without_held(drifts: Iterable[Drift], login_id: int, managed: Managed) -> Iterator[Drift]:
    """Without the lock that the helpdesk holds."""
    return (each for each in drifts if each.kind is not DriftKind.LOCKED or login_id not in managed.held)


def is_spelling(drift: Drift, trace: Trace) -> bool:
    """Whether a login only looks renamed: our memory knows its name, and the hash is of another case of it."""
    if drift.what != "login" or not drift.mark:
        return False
    return not trace.known or _folded(trace.was) == _folded(drift.now)
