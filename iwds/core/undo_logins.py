"""Undoing the two that begin and end a login: a creation is deleted, and a deletion created again, with limits.

A login that somebody has begun to use is not deleted, whoever created it. One that was deleted comes back as another
one: what went with it is named, and nobody can use it before the helpdesk makes its code active.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from iwds.core.change import AddToGroup, CreateLogin, DeleteLogin, Evidence, Subject, Write
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.ledger import held_value, marks
from iwds.core.model import Account, Activation, AtCreation, Group, LedgerRow, Login, Role, Status, fold
from iwds.core.net import Net, Now, Undone, here, left_alone, lost_with
from iwds.core.normal import parse_extra
from iwds.core.orders import order, order_write
from iwds.core.words import field_words, many, role_words


def deleted_again(net: Net, created: CreateLogin, now: Now, why: str) -> Decision:
    """The deletion of what was created, where nobody has begun to use it."""
    login = now.login
    assert login is not None  # noqa: S101 - asked by the caller
    subject = here(net, login)
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
        if not marks(held_value(login, name), known):
            yield name


def _extra_by_others(account: Account, login: Login) -> Iterator[str]:
    held = parse_extra(login.extra or "")
    if held is None or {key for key, value in held.items() if value} - {key for key, _ in account.extra}:
        yield "extra"


def created_again(net: Net, deleted: DeleteLogin, now: Now, why: str) -> Undone:
    """The creation of what was deleted, under our tag; or the rest of it, where an earlier undoing was cut off."""
    image = net.before or deleted.before
    if now.again is not None:
        return _completed(net, deleted, image, now, now.again, why)
    if against := _against_creating(net, image, now):
        return Undone((left_alone(net, against[1], against[0]),), lost_with(net))
    subject = replace(net.subject, login=image.login, login_id=None)
    holder = now.holder(image.login)
    creation = CreateLogin(subject, _account(net, image), why, Evidence.ORDERED)
    joined, missing = _memberships(deleted, now)
    joins = [AddToGroup(subject, group, why, Evidence.ORDERED, role=role or None) for group, role in joined]
    decisions = (Proposal(creation, holder.id if holder else None), *map(Proposal, joins))
    return Undone(decisions, (*lost_with(net), *_gone_for_good(deleted, now, missing)), image.status == Status.LOCKED)


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
    number, name = deleted.before.id, deleted.before.login
    yield f"its id #{number}, {_devices(deleted)}, PIN and password: iwds login code {name}"
    yield "second and third login, language and access profile, which nobody can read"
    if deleted.before.created_by != now.world.policy.provisioning_id:
        yield f"its origin: it had the tag {deleted.before.created_by}, and gets ours"
    if missing:
        yield f"groups that no longer exist: {', '.join(missing)}"


def _devices(deleted: DeleteLogin) -> str:
    devices = sum(number for _, number in deleted.lost.devices) if deleted.lost else 0
    return many(devices, "device") if devices else "devices"


def _completed(net: Net, deleted: DeleteLogin, image: Login, now: Now, again: Login, why: str) -> Undone:
    """The rest of a creation that was cut off; whoever has begun to use a new login is left alone."""
    subject = here(net, again)
    cut_off = again.activated is False and fold(again.login) == fold(image.login) and now.row is not None
    if not cut_off:
        detail = f"they have a login again: {again.login} (#{again.id})"
        return Undone((Skip(subject, Reason.CHANGED, detail),), lost_with(net))
    joined, missing = _memberships(deleted, now)
    joins = [AddToGroup(subject, group, why, role=role or None) for group, role in joined if group.id not in now.roles]
    decisions: list[Decision] = [order(join, again, now.row, now.world) for join in joins]
    if image.status == Status.LOCKED and again.status != Status.LOCKED:
        decisions += order_write(lock(subject, again, why), now.row, now.world)
    lost = (*lost_with(net), *_gone_for_good(deleted, now, missing))
    return Undone(tuple(decisions), lost, image.status == Status.LOCKED)


def is_locked(net: Net) -> bool:
    """Whether a run locked a login that was active."""
    if net.before is None or net.after is None:
        return False
    return net.before.status != Status.LOCKED == net.after.status


def locked_anew(login: Login, ours: datetime | None, helpdesk: tuple[str, datetime] | None) -> str:
    """What shows that a locked login was unlocked after a run of ours locked it last; empty where nothing does.

    The service does not say who locked a login, or when. Whoever used it was let in, and of the helpdesk we know.

    Args:
        login: as it is.
        ours: when a run of ours locked it last; None where that is not known.
        helpdesk: the last lock or unlock of the helpdesk, and when.
    """
    if login.status != Status.LOCKED or ours is None:
        return ""
    if login.last_seen is not None and login.last_seen > ours.timestamp():
        return "they used it after the run locked it"
    return "the helpdesk had unlocked it" if helpdesk and helpdesk[0] == "unlock" and helpdesk[1] > ours else ""


def lock(subject: Subject, login: Login, why: str) -> Write:
    """The lock of a login that was locked when it was deleted."""
    return Write(subject, login, replace(login, status=int(Status.LOCKED)), why, Evidence.ORDERED)
