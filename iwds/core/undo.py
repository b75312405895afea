"""The inverse of what a run really did, login by login, as far as it still stands.

    the run                      is undone by                          only where
    wrote fields                 writing back what was there           the service still has what the run wrote
    locked, unlocked             the opposite                          nobody else changed it; our locks alone
    put into, took out of        the opposite                          nobody else did; our memberships alone
    changed a role in a group    the role that was there               it is still the run's
    created                      a deletion                            nobody has begun to use it
    deleted                      a creation, with an inactive code     the person has no login, and the name is free
    adopted                      forgetting it; nothing is sent        it is still ours
    forgot, as ordered           adopting it again; nothing is sent    the job may adopt it
    mailed                       nothing: it has been read
    forgot                       nothing: somebody else did that

What others changed since is left alone and listed with what it is now. What is there no more, such as the devices of a
deleted login, is listed too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, assert_never

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.ledger import fingerprint
from iwds.core.model import Account, Activation, AtCreation, Group, LedgerRow, Login, Origin, Role, Status, fold
from iwds.core.normal import merge_extra, parse_extra
from iwds.core.orders import order, order_write
from iwds.core.policy import World
from iwds.core.words import field_words, many, role_words


class Step(NamedTuple):
    """One change that a run made, and the login it was made to; 0 where that is not known."""

    change: Change
    login_id: int


class Place(NamedTuple):
    """Being in a group: in which role, None where that is not known."""

    role: int | None


@dataclass(slots=True)
class GroupNet:
    """What a run did to one membership, on balance; None stands for being outside."""

    group: Group
    before: Place | None
    after: Place | None
    names: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class Net:
    """What a run did to one login, on balance.

    Attributes:
        before, after: the login before the first write of the run and after its last one; None where it wrote nothing.
        groups: the memberships that it changed, by group id.
        noted: the memberships that it adopted, by group id.
        mailed: whether it mailed an activation link.
        forgot: whether it noted that somebody else had taken something away.
        disowned: whether it forgot the login because somebody ordered that.
        left: the memberships that it forgot so, by group id.
    """

    subject: Subject
    login_id: int
    created: CreateLogin | None = None
    deleted: DeleteLogin | None = None
    adopted: Adopt | None = None
    before: Login | None = None
    after: Login | None = None
    groups: dict[int, GroupNet] = field(default_factory=dict)
    noted: dict[int, Group] = field(default_factory=dict)
    mailed: bool = False
    forgot: bool = False
    disowned: bool = False
    left: dict[int, Group] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        """Take one more change of the run into account; they come in the order in which they were made."""
        match change:
            case CreateLogin():
                self.created = change
            case DeleteLogin():
                self.deleted = change
            case Adopt():
                self.adopted = change
            case Write():
                self.before, self.after = self.before or change.before, change.after
            case AddToGroup():
                self._moved(change.group, None, Place(change.role or 0), change.names)
            case RemoveFromGroup():
                self._moved(change.group, Place(change.role), None)
            case SetGroupRole():
                self._moved(change.group, Place(change.before), Place(change.after), change.names)
            case AdoptMembership():
                self.noted[change.group.id] = change.group
            case SendActivation():
                self.mailed = True
            case Forget(evidence=Evidence.ORDERED, group=Group() as group):
                self.left[group.id] = group
            case Forget(evidence=Evidence.ORDERED):
                self.disowned = True
            case Forget():
                self.forgot = True
            case _:
                assert_never(change)

    def _moved(
        self, group: Group, before: Place | None, after: Place | None, names: tuple[tuple[int, str], ...] = ()
    ) -> None:
        known = self.groups.setdefault(group.id, GroupNet(group, before, after))
        known.after, known.names = after, names or known.names


def nets(steps: Iterable[Step]) -> list[Net]:
    """What a run did, login by login, in the order in which it came to them."""
    found: dict[tuple[str, int], Net] = {}
    for change, login_id in steps:
        number = login_id or change.subject.login_id or 0
        found.setdefault((change.subject.key, number), Net(change.subject, number)).take(change)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand now with one login that a run changed.

    Attributes:
        login: as it is; None where it is gone.
        row: our memory of it.
        roles: its roles by group id, of the groups that are asked about and that it is in.
        loss: what a deletion would take; asked for where the run created it.
        again: the login of ours that the person of a deleted login has now, with `row` and `roles` of that one.
        holder: who carries the login name that would come back.
        groups: all groups of the service, by id.
    """

    login: Login | None
    row: LedgerRow | None
    world: World
    roles: Mapping[int, int] = field(default_factory=dict)
    loss: Loss | None = None
    again: Login | None = None
    holder: Callable[[str], Login | None] = lambda _: None
    groups: Mapping[int, Group] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing comes to for one login.

    Attributes:
        decisions: what would be made, and what is left alone.
        lost: what cannot come back, each a sentence.
        locks: whether the login has to be locked once it is created again.
    """

    decisions: tuple[Decision, ...] = ()
    lost: tuple[str, ...] = ()
    locks: bool = False


def undone(net: Net, now: Now, why: str) -> Undone:
    """How to undo what a run did to one login; `why` is what the changes say of themselves."""
    lost = _lost(net)
    if now.row is not None and net.subject.anchor not in (None, now.row.anchor):
        return Undone((_skip(net, "it is somebody else's login now", Reason.FOREIGN),), lost)
    if net.deleted:
        return _created_again(net, net.deleted, now, why)
    if net.created:
        return Undone((_deleted(net, net.created, now, why),) if now.login else (), lost)
    if now.login is None:
        return Undone((_skip(net, f"login {net.login_id} no longer exists"),) if _did(net) else (), lost)
    before, now = _adopted_again(net, now, now.login, why)
    assert now.login is not None  # noqa: S101 - it is the same
    decisions = [*before, *_written_back(net, now, now.login, why), *_moved_back(net, now, now.login, why)]
    return Undone((*decisions, *_forgotten(net, now, now.login, why)), lost)


def _did(net: Net) -> bool:
    return bool(net.after or net.groups or net.disowned or net.left)


def _lost(net: Net) -> tuple[str, ...]:
    mailed = ("the activation link was mailed, and cannot be called back",) if net.mailed else ()
    forgot = ("it was only noted what somebody else took away",) if net.forgot else ()
    return (*mailed, *forgot)


def _skip(net: Net, detail: str, reason: Reason = Reason.CHANGED) -> Skip:
    return Skip(replace(net.subject, login_id=net.login_id or None), reason, detail)


def _here(net: Net, login: Login) -> Subject:
    return replace(net.subject, login=login.login, login_id=login.id)


# --- fields ---------------------------------------------------------------------------------------------------------


def _written_back(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    """The fields that the run wrote, each back where it still is what the run wrote."""
    if net.before is None or net.after is None:
        return
    after, changed = login, list[str]()
    for name in WRITTEN_FIELDS:
        old, new, held = (getattr(each, name) for each in (net.before, net.after, login))
        if old == new or held == old:
            continue
        value, moved = _back(name, old, new, held)
        after = replace(after, **{name: value})
        if moved:
            changed.append(f"{field_words(name)} is {_said(name, held)} now, the run made it {_said(name, new)}")
    if changed:
        yield _skip(net, "; ".join(changed))
    if after == login:
        return
    holder = now.holder(after.login) if fold(after.login) != fold(login.login) else None
    write = Write(_here(net, login), login, after, why)
    waits_for = holder.id if holder and holder.id != login.id else None
    yield from order_write(write, now.row, now.world, waits_for)


def _back(name: str, old: Any, new: Any, held: Any) -> tuple[Any, bool]:
    """What one field becomes, and whether others changed it since; the extra fields are looked at key by key."""
    if name == "extra":
        return _extra_back(old, new, held)
    return (old, False) if held == new else (held, True)


def _extra_back(old: str | None, new: str | None, held: str | None) -> tuple[str | None, bool]:
    """The extra fields with what the run changed put back, key by key, and whether others changed any of them."""
    before, made, there = (parse_extra(text or "") for text in (old, new, held))
    if before is None or made is None or there is None:
        return (old, False) if held == new else (held, True)
    ours = [key for key in before.keys() | made.keys() if before.get(key) != made.get(key)]
    ours = [key for key in ours if there.get(key) != before.get(key)]
    still = tuple((key, before.get(key, "")) for key in sorted(ours) if there.get(key) == made.get(key))
    return merge_extra(held or "", still), len(still) < len(ours)


def _said(name: str, value: object) -> str:
    """A field's value in words; those of the extra fields would fill a page."""
    match name:
        case "status":
            return "locked" if value == Status.LOCKED else "active"
        case "role" if isinstance(value, int):
            return role_words(value)
        case "extra":
            return "different"
        case _:
            return str(value) if value else "empty"


# --- groups ---------------------------------------------------------------------------------------------------------


def _moved_back(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    for number, each in sorted(net.groups.items()):
        held = Place(now.roles[number]) if number in now.roles else None
        if number not in now.groups:
            yield _skip(net, f"the group {each.group.name} no longer exists")
        elif _like(held, each.before):
            continue
        elif not _like(held, each.after):
            yield _skip(
                net, f"{each.group.name}: {_place(held, each)} now, the run left them {_place(each.after, each)}"
            )
        else:
            yield _membership(_here(net, login), each, held, now, login, why)


def _like(one: Place | None, other: Place | None) -> bool:
    """Whether two places are the same, as far as the role in them is known."""
    if one is None or other is None:
        return one is other
    return None in (one.role, other.role) or one.role == other.role


def _place(place: Place | None, net: GroupNet) -> str:
    if place is None:
        return "outside"
    return f"in it as {role_words(place.role, net.names)}" if place.role is not None else "in it"


def _membership(subject: Subject, net: GroupNet, held: Place | None, now: Now, login: Login, why: str) -> Decision:
    """The opposite of what the run did to one membership that is still as it left it."""
    ours = now.row is not None and net.group.id in now.row.groups
    if held is None:
        assert net.before is not None  # noqa: S101 - else nothing would differ
        role = net.before.role or None
        return order(AddToGroup(subject, net.group, why, role=role, names=net.names), login, now.row, now.world)
    if not ours:
        return Skip(subject, Reason.FOREIGN_MEMBERSHIP, f"{net.group.name}: the membership is not ours any more")
    if net.before is None:
        return order(RemoveFromGroup(subject, net.group, why, role=held.role), login, now.row, now.world)
    assert held.role is not None  # noqa: S101 - it was read
    assert net.before.role is not None  # noqa: S101 - else nothing would differ
    role_change = SetGroupRole(subject, net.group, held.role, net.before.role, why, names=net.names)
    return order(role_change, login, now.row, now.world)


# --- our memory -----------------------------------------------------------------------------------------------------


def _forgotten(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    """What was adopted, forgotten again; nothing is sent."""
    subject, row = _here(net, login), now.row
    if row is None:
        return
    if net.adopted:
        if row.origin is Origin.ADOPTED:
            yield order(Forget(subject, why), login, row, now.world)
        return
    for number, group in sorted(net.noted.items()):
        if number in row.groups:
            yield order(Forget(subject, why, group=group), login, row, now.world)


def _adopted_again(net: Net, now: Now, login: Login, why: str) -> tuple[list[Decision], Now]:
    """What somebody had ordered to be forgotten, adopted again; and how things stand once that is done."""
    subject, anchor, row = _here(net, login), net.subject.anchor, now.row
    if net.disowned and row is None and anchor is not None:
        adoption = Adopt(subject, login, (), why, Evidence.ORDERED)
        if fold(login.login) in now.world.protected:
            return [Skip(subject, Reason.PROTECTED, "the mapping protects this login", adoption)], now
        if not now.world.policy.may_adopt(login):
            return [Skip(subject, Reason.FOREIGN, "this job does not adopt logins of its origin", adoption)], now
        row = LedgerRow(login.id, anchor, now.world.policy.provisioning_id, Origin.ADOPTED, login.login)
        return [Proposal(adoption)], replace(now, row=row)
    missing = [group for number, group in sorted(net.left.items()) if row and number not in row.groups]
    there = [group for group in missing if group.id in now.roles]
    return [order(AdoptMembership(subject, group, why), login, row, now.world) for group in there], now


# --- a creation -----------------------------------------------------------------------------------------------------


def _deleted(net: Net, created: CreateLogin, now: Now, why: str) -> Decision:
    """The deletion of what was created, where nobody has begun to use it."""
    login = now.login
    assert login is not None  # noqa: S101 - asked by the caller
    subject = _here(net, login)
    if used := list(_used(created, login, now)):
        return Skip(
            subject, Reason.CHANGED, f"in use: {'; '.join(used)}. To end their access: iwds login lock {login.login}"
        )
    deletion = DeleteLogin(subject, login, tuple(sorted(now.roles)), why, lost=now.loss)
    return order(deletion, login, now.row, now.world)


def _used(created: CreateLogin, login: Login, now: Now) -> Iterator[str]:
    """What speaks for somebody having begun to use a login that we created."""
    if login.activated is not False:
        yield "activated" if login.activated else "the service does not tell whether it was activated"
    if login.last_seen:
        yield "somebody authenticated with it"
    if hold := now.world.holds.get(login.id):
        yield str(hold)
    if now.loss is None:
        yield "what it has could not be read"
        return
    if now.loss.devices:
        yield many(sum(number for _, number in now.loss.devices), "device")
    if now.row is None:
        return  # not ours any more, which the order itself finds out
    names = {now.groups[number].name: number for number in now.row.groups if number in now.groups}
    for name, role in now.loss.groups:
        if name not in names:
            yield f"somebody else put them into {name}"
        elif role != (now.row.group_roles.get(names[name]) or 0):
            yield f"{role_words(role)} in {name}, by another hand"
    if fields := [*_by_others(login, now.row), *_extra_by_others(created.account, login)]:
        yield f"{', '.join(map(field_words, fields))} changed by another hand"


def _by_others(login: Login, row: LedgerRow) -> Iterator[str]:
    for name, known in row.written.items():
        value = getattr(login, name)
        if fingerprint(int(value) if isinstance(value, int) else value) != known:
            yield name


def _extra_by_others(account: Account, login: Login) -> Iterator[str]:
    held = parse_extra(login.extra or "")
    if held is None or {key for key, value in held.items() if value} - {key for key, _ in account.extra}:
        yield "extra"


# --- a deletion -----------------------------------------------------------------------------------------------------


def _created_again(net: Net, deleted: DeleteLogin, now: Now, why: str) -> Undone:
    """The creation of what was deleted, under our tag; or the rest of it, where an earlier undoing was cut off."""
    image = net.before or deleted.before
    if now.again is not None:
        return _completed(net, deleted, image, now, now.again, why)
    if against := _against_creating(net, image, now):
        return Undone((_skip(net, against[1], against[0]),), _lost(net))
    subject = replace(net.subject, login=image.login, login_id=None)
    holder = now.holder(image.login)
    creation = CreateLogin(subject, _account(net, image), why, Evidence.ORDERED)
    joined, missing = _memberships(deleted, now)
    joins = [AddToGroup(subject, group, why, Evidence.ORDERED, role=role or None) for group, role in joined]
    decisions = (Proposal(creation, holder.id if holder else None), *map(Proposal, joins))
    return Undone(decisions, (*_lost(net), *_gone_for_good(deleted, now, missing)), image.status == Status.LOCKED)


def _against_creating(net: Net, image: Login, now: Now) -> tuple[Reason, str] | None:
    if net.subject.anchor is None:
        return Reason.FOREIGN, "nobody remembers whose login it was"
    if fold(image.login) in now.world.protected:
        return Reason.PROTECTED, "the mapping protects this login"
    if not now.world.tagged and not now.world.policy.untagged_creations:
        return Reason.UNTAGGED, "the service cannot tag what it creates, and untagged_creations is not set"
    return None


def _account(net: Net, image: Login) -> Account:
    """The deleted login as an account; nobody can use it before the helpdesk makes its code active."""
    assert net.subject.anchor is not None  # noqa: S101 - asked by the caller
    return Account(
        anchor=net.subject.anchor,
        login=image.login,
        firstname=image.firstname,
        name=image.name,
        mail=image.mail,
        phone=image.phone,
        role=Role(image.role) if image.role in tuple(Role) else None,
        enabled=True,
        extra=tuple((parse_extra(image.extra or "") or {}).items()),
        at_creation=AtCreation(activation=Activation.INACTIVE),
    )


def _memberships(deleted: DeleteLogin, now: Now) -> tuple[list[tuple[Group, int]], list[str]]:
    """The groups that the login was in and that exist, with its role in each; and the names of those that do not."""
    by_name = {group.name: group for group in now.groups.values()}
    if deleted.lost is None:
        there = [(now.groups[number], 0) for number in deleted.groups if number in now.groups]
        return there, [f"group {number}" for number in deleted.groups if number not in now.groups]
    named = deleted.lost.groups
    return [(by_name[n], role) for n, role in named if n in by_name], [n for n, _ in named if n not in by_name]


def _gone_for_good(deleted: DeleteLogin, now: Now, missing: list[str]) -> Iterator[str]:
    """What a creation does not bring back."""
    devices = sum(number for _, number in deleted.lost.devices) if deleted.lost else 0
    yield f"its id #{deleted.before.id}, {many(devices, 'device') if deleted.lost else 'devices'}, PIN and password"
    yield "second and third login, language and access profile, which nobody can read"
    if deleted.before.created_by != now.world.policy.provisioning_id:
        yield f"its origin: it had the tag {deleted.before.created_by}, and gets ours"
    if missing:
        yield f"groups that no longer exist: {', '.join(missing)}"


def _completed(net: Net, deleted: DeleteLogin, image: Login, now: Now, again: Login, why: str) -> Undone:
    """The rest of a creation that was cut off; whoever has begun to use a new login is left alone."""
    subject = _here(net, again)
    cut_off = again.activated is False and fold(again.login) == fold(image.login) and now.row is not None
    if not cut_off:
        detail = f"they have a login again: {again.login} (#{again.id})"
        return Undone((Skip(subject, Reason.CHANGED, detail),), _lost(net))
    joined, missing = _memberships(deleted, now)
    joins = [AddToGroup(subject, group, why, role=role or None) for group, role in joined if group.id not in now.roles]
    decisions: list[Decision] = [order(join, again, now.row, now.world) for join in joins]
    if image.status == Status.LOCKED and again.status != Status.LOCKED:
        decisions += order_write(lock(subject, again, why), now.row, now.world)
    return Undone(tuple(decisions), (*_lost(net), *_gone_for_good(deleted, now, missing)))


def lock(subject: Subject, login: Login, why: str) -> Write:
    """The lock of a login that was locked when it was deleted."""
    return Write(subject, login, replace(login, status=int(Status.LOCKED)), why, Evidence.ORDERED)


# --- what would do it again -------------------------------------------------------------------------------------------


def again(change: Change) -> Change | None:
    """What the next run would do to undo the undoing; None for what no run does by itself."""
    subject, why = change.subject, change.because
    match change:
        case Write():
            return replace(change, before=change.after, after=change.before)
        case DeleteLogin():
            assert subject.anchor is not None  # noqa: S101 - what was created has a person
            return CreateLogin(subject, Account(subject.anchor, subject.login), why)
        case CreateLogin(account=account):
            gone = Login(0, account.login)
            return DeleteLogin(subject, gone, (), why)
        case AddToGroup(group=group):
            return RemoveFromGroup(subject, group, why)
        case RemoveFromGroup(group=group, role=role):
            return AddToGroup(subject, group, why, role=role or None)
        case SetGroupRole():
            return replace(change, before=change.after, after=change.before)
        case Forget(group=None):
            return Adopt(subject, Login(subject.login_id or 0, subject.login), (), why)
        case Forget(group=Group() as group):
            return AdoptMembership(subject, group, why)
        case _:
            return None
