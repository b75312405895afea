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

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

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
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.model import Account, Group, LedgerRow, Login, Origin, Status, fold
from iwds.core.net import GroupNet, Net, Now, Place, Undone, here, left_alone, lost_with
from iwds.core.normal import merge_extra, parse_extra
from iwds.core.orders import order, order_write
from iwds.core.undo_logins import created_again, deleted_again
from iwds.core.words import field_words, role_words


def undone(net: Net, now: Now, why: str) -> Undone:
    """How to undo what a run did to one login; `why` is what the changes say of themselves."""
    lost = lost_with(net)
    if now.row is not None and net.subject.anchor not in (None, now.row.anchor):
        return Undone((left_alone(net, "it is somebody else's login now", Reason.FOREIGN),), lost)
    if net.deleted:
        return created_again(net, net.deleted, now, why)
    if net.created:
        return Undone((deleted_again(net, net.created, now, why),) if now.login else (), lost)
    if now.login is None:
        return Undone((left_alone(net, f"login {net.login_id} no longer exists"),) if _did(net) else (), lost)
    before, now = _adopted_again(net, now, now.login, why)
    assert now.login is not None  # noqa: S101 - it is the same
    decisions = [*before, *_written_back(net, now, now.login, why), *_moved_back(net, now, now.login, why)]
    return Undone((*decisions, *_forgotten(net, now, now.login, why)), lost)


def _did(net: Net) -> bool:
    return bool(net.after or net.groups or net.disowned or net.left)


def _written_back(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    """The fields that the run wrote, each back where it still is what the run wrote."""
    if net.before is None or net.after is None:
        return
    after, changed = login, list[str]()
    for name in WRITTEN_FIELDS:
        old, new, held = (getattr(each, name) for each in (net.before, net.after, login))
        if old == new or held == old:
            continue
        if name == "status" and held == new and now.relocked:
            changed.append(f"locked anew by another hand: {now.relocked}")
            continue
        value, moved = _back(name, old, new, held)
        after = replace(after, **{name: value})
        if moved:
            changed.append(f"{field_words(name)} is {_said(name, held)} now, the run made it {_said(name, new)}")
    if changed:
        yield left_alone(net, "; ".join(changed))
    if after == login:
        return
    holder = now.holder(after.login) if fold(after.login) != fold(login.login) else None
    write = Write(here(net, login), login, after, why)
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


def _moved_back(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    for number, each in sorted(net.groups.items()):
        held = Place(now.roles[number]) if number in now.roles else None
        if number not in now.groups:
            yield left_alone(net, f"the group {each.group.name} no longer exists")
        elif _like(held, each.before):
            continue
        elif not _like(held, each.after):
            yield left_alone(
                net, f"{each.group.name}: {_place(held, each)} now, the run left them {_place(each.after, each)}"
            )
        else:
            yield _membership(here(net, login), each, held, now, login, why)


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


def _forgotten(net: Net, now: Now, login: Login, why: str) -> Iterator[Decision]:
    """What was adopted, forgotten again; nothing is sent."""
    subject, row = here(net, login), now.row
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
    subject, anchor, row = here(net, login), net.subject.anchor, now.row
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


def inverse(net: Net) -> Iterator[Change]:
    """What undoing all of this would be, if nobody had changed anything since."""
    if whole := net.deleted or net.created:
        yield from filter(None, [again(whole)])
        lost = net.deleted.groups if net.deleted else ()
        yield from (AddToGroup(net.subject, Group(number, ""), "") for number in lost)
        return
    if net.before and net.after and net.before != net.after:
        yield Write(net.subject, net.after, net.before, "")
    opposites = (_opposite(net.subject, each) for each in net.groups.values())
    yield from (change for change in opposites if change)
    if net.disowned:
        yield Adopt(net.subject, Login(net.login_id, net.subject.login), (), "")
    yield from (AdoptMembership(net.subject, group, "") for group in net.left.values())


def _opposite(subject: Subject, net: GroupNet) -> Change | None:
    if net.before is None:
        return RemoveFromGroup(subject, net.group, "") if net.after else None
    if net.after is None:
        return AddToGroup(subject, net.group, "")
    return SetGroupRole(subject, net.group, net.after.role or 0, net.before.role or 0, "")


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
