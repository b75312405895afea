"""What a batch comes to for one login: changes, and steps deliberately not taken, as of every order of a named person.

A batch makes logins of its own (`BATCH_REALM`) and looks after them. Of a login that a directory answers for it writes
fields and groups, and leaves its beginning, its end and its locks to that directory: the next run would undo them. What
nobody remembers it leaves alone, unless whoever orders the batch names that origin. What is already so is no decision.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from iwds.core.alone import OLDER
from iwds.core.batch_people import BATCH_REALM, Wish
from iwds.core.batch_table import Action
from iwds.core.change import (
    AddToGroup,
    Adopt,
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
    fields_changed,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.locks import with_locks_kept
from iwds.core.model import Account, Activation, Group, LedgerRow, Login, Origin, fold
from iwds.core.normal import merge_extra, parse_extra
from iwds.core.orders import objection, order, order_write
from iwds.core.policy import World
from iwds.core.words import field_words

CREATED, DELETED, MAILED = "created", "deleted", "mailed"
"""What a row may want beside fields and groups; see `parts`."""
_DOUBTED = "an earlier run may have made it; the batch looks before it goes on"


@dataclass(frozen=True, slots=True)
class Now:
    """How one login of a batch stands now.

    Attributes:
        login: the one that carries the name; None where there is none.
        row: our memory of it.
        earlier: our memory of the login that a batch made for this name, whatever became of it.
        still: whether that one exists, under whatever name.
        account: the login as it is to be made, as the service can hold it; its fields are those of an update too.
        member_of: ids of the groups of the batch that it is in.
        roles: its roles in those of them where the batch says one.
        loss: what goes with it, where it is to be deleted; None where that could not be read.
        doubted: whether a call of an earlier run may have made it, and no run has looked yet.
        adopt: origins whose logins the batch takes over.
        ours: the tag of what the runs of a directory by the same job make; None where there are none.
    """

    world: World
    account: Account
    groups: Mapping[str, Group]
    login: Login | None = None
    row: LedgerRow | None = None
    earlier: LedgerRow | None = None
    still: bool = False
    member_of: frozenset[int] = frozenset()
    roles: Mapping[int, int] = field(default_factory=dict)
    loss: Loss | None = None
    doubted: bool = False
    adopt: Collection[int] = frozenset()
    ours: int | None = None


def decisions_of(wish: Wish, now: Now, file: str) -> Iterator[Decision]:
    """What a wish comes to. A login that has to be there and is not is the caller's complaint."""
    why = wish.because(file)
    if now.login is None:
        if wish.create:
            yield from _created(wish, now, why)
    elif wish.create and not _made_by_a_batch(now):
        yield _occupied(now, now.login)
    else:
        yield from _of_login(wish, now, now.login, why)


def _made_by_a_batch(now: Now) -> bool:
    return now.row is not None and now.row.anchor.realm == BATCH_REALM


# --- somebody new -----------------------------------------------------------------------------------------------------


def _created(wish: Wish, now: Now, why: str) -> Iterator[Decision]:
    subject, account = Subject(now.account.login, wish.anchor), now.account
    creation = CreateLogin(subject, account, why, Evidence.ORDERED)
    if against := _against_creating(wish, now):
        yield Skip(subject, *against, creation)
        return
    if now.earlier is not None:
        gone = Subject(now.earlier.login, wish.anchor, now.earlier.login_id)
        yield Proposal(Forget(gone, f"login {now.earlier.login_id} no longer exists on the service"))
    yield Proposal(creation)
    for name in sorted(wish.joins):
        yield Proposal(_joined(subject, wish, now.groups[name], now.world, why))
    if wish.activation is Activation.LINK:
        yield Proposal(SendActivation(subject, why, Evidence.ORDERED))


def _against_creating(wish: Wish, now: Now) -> tuple[Reason, str] | None:
    world, earlier = now.world, now.earlier
    if fold(wish.login) in world.protected:
        return Reason.PROTECTED, "the mapping protects this login"
    if earlier is not None and now.still:
        return Reason.TAKEN, _renamed(earlier)
    if earlier is not None and (hold := world.holds.get(earlier.login_id)):
        return Reason.LOCKED_ELSEWHERE, f"{hold}; and their login was deleted since"
    if not world.tagged and not world.policy.untagged_creations:
        return Reason.UNTAGGED, "the service cannot tag what it creates, and untagged_creations is not set"
    return None


def _renamed(earlier: LedgerRow) -> str:
    return f"login {earlier.login_id} was made for this name, and has another one now"


def _joined(subject: Subject, wish: Wish, group: Group, world: World, why: str) -> AddToGroup:
    role = role_number(world.roles, wish.joins[group.name])
    return AddToGroup(subject, group, why, Evidence.ORDERED, role, world.own_names(role))


def role_number(roles: Mapping[str, int], name: str) -> int | None:
    """The number of a role by its name, whatever its case; None where the target knows none of that name."""
    return next((number for known, number in roles.items() if fold(known) == fold(name)), None)


def _occupied(now: Now, login: Login) -> Skip:
    """A login of this name that no batch made: whose it is, is not for a batch to say."""
    subject = Subject(login.login, now.row.anchor if now.row else None, login.id)
    if now.row is None and now.doubted:
        return Skip(subject, Reason.UNPROVEN, _DOUBTED)
    whose = f"kept for {now.row.anchor}" if now.row else "not ours"
    return Skip(subject, Reason.TAKEN, f"the login exists already as #{login.id}, {whose}")


# --- somebody who has a login -----------------------------------------------------------------------------------------


def _of_login(wish: Wish, now: Now, login: Login, why: str) -> Iterator[Decision]:
    row = now.row
    if row is None:
        adoption = _adopted(wish, now, login, why)
        yield adoption
        if isinstance(adoption, Skip):
            return
        row = LedgerRow(login.id, wish.anchor, now.world.policy.provisioning_id, Origin.ADOPTED, login.login)
    subject = Subject(login.login, row.anchor, login.id)
    if against := _against(wish, row, login, now.world):
        yield Skip(subject, *against)
    elif wish.delete:
        yield _deleted(subject, now, row, login, why)
    elif wish.create and (differs := _differs(now.account, login)):
        detail = f"exists already as #{login.id}, with another {', '.join(map(field_words, differs))}: use update"
        yield Skip(subject, Reason.CHANGED, detail)
    else:
        yield from _written(wish, now, row, login, why)
        yield from _groups(wish, now, row, login, why)


def _adopted(wish: Wish, now: Now, login: Login, why: str) -> Decision:
    """A login that nobody remembers, taken over where its origin was named."""
    adoption = Adopt(Subject(login.login, wish.anchor, login.id), login, (), why, Evidence.ORDERED)
    if fold(login.login) in now.world.protected:
        return Skip(adoption.subject, Reason.PROTECTED, "the mapping protects this login", adoption)
    if now.doubted:
        return Skip(adoption.subject, Reason.UNPROVEN, _DOUBTED, adoption)
    if now.earlier is not None and now.still:
        return Skip(adoption.subject, Reason.TAKEN, _renamed(now.earlier), adoption)
    if login.created_by is not None and login.created_by == now.ours:
        # Somebody of the directory, most likely: a batch must not get to decide about them by what was forgotten.
        return Skip(adoption.subject, Reason.HELD, OLDER, adoption)
    if login.created_by is None or login.created_by not in now.adopt:
        origin = "of unknown origin" if login.created_by is None else f"to take it over: --adopt {login.created_by}"
        return Skip(adoption.subject, Reason.FOREIGN, f"no run of ours made it; {origin}", adoption)
    return Proposal(adoption)


def _against(wish: Wish, row: LedgerRow, login: Login, world: World) -> tuple[Reason, str] | None:
    """Why a batch may not touch a login."""
    if against := objection(login, row, world):
        return against
    if row.anchor.realm != BATCH_REALM and (wish.delete or wish.status is not None):
        return Reason.FOREIGN, (
            f"the directory {row.anchor.realm} decides whether they may log in, and the next run would undo it;"
            f" change it there, or: iwds login lock {login.login}"
        )
    return None


def _deleted(subject: Subject, now: Now, row: LedgerRow, login: Login, why: str) -> Decision:
    deletion = DeleteLogin(subject, login, tuple(sorted(now.member_of)), why, Evidence.ORDERED, lost=now.loss)
    if hold := now.world.holds.get(login.id):
        # Deleting a locked login must not be a way to a fresh one that is not locked.
        return Skip(subject, Reason.LOCKED_ELSEWHERE, str(hold), deletion)
    if now.loss is None:
        return Skip(subject, Reason.UNPROVEN, "what would be lost for good could not be read", deletion)
    return order(deletion, login, row, now.world)


def _differs(account: Account, login: Login) -> list[str]:
    """The fields of a login that are not as a batch would have made them; those that it says nothing of may differ."""
    held = parse_extra(login.extra or "") or {}
    wanted = {name: getattr(account, name) for name in ("firstname", "name", "mail", "phone", "role")}
    differs = [name for name, value in wanted.items() if value is not None and value != getattr(login, name)]
    return differs + (["extra"] if any(held.get(key) != value for key, value in account.extra) else [])


def _written(wish: Wish, now: Now, row: LedgerRow, login: Login, why: str) -> Iterator[Decision]:
    """The one write that makes the login as the batch wants it."""
    if wish.create:
        return  # what it would have made is there
    subject = Subject(login.login, row.anchor, login.id)
    texts = {name: getattr(now.account, name) or "" for name in wish.fields}
    role = {} if wish.role is None else {"role": int(wish.role)}
    status = {} if wish.status is None else {"status": int(wish.status)}
    after = replace(login, **texts, **role, **status)  # type: ignore[arg-type]
    if wish.extra:
        made = dict(now.account.extra)
        wanted = tuple((key, made.get(key, "")) for key in wish.extra)
        merged = None if login.extra is None else merge_extra(login.extra, wanted)
        if merged is None:
            detail = "the extra fields on the service cannot be read, so they are left as they are"
            yield Skip(subject, Reason.INVALID, detail, Write(subject, login, replace(login, extra=""), why))
        else:
            after = replace(after, extra=merged)
    if after != login:
        yield from _parted(Write(subject, login, after, why), row, now.world)


def _parted(write: Write, row: LedgerRow, world: World) -> Iterator[Decision]:
    """What becomes of a write; what a lock of another hand keeps from being made is told by its own fields."""
    after, locked = with_locks_kept(write.before, write.after, row, world.holds.get(write.before.id))
    for decision in order_write(write, row, world):
        if isinstance(decision, Skip) and locked and decision.detail == locked:
            back = {name: getattr(write.before, name) for name in fields_changed(replace(write, after=after))}
            withheld = replace(write, after=replace(write.after, **back), evidence=Evidence.ORDERED)
            yield replace(decision, change=withheld)
        else:
            yield decision


def _groups(wish: Wish, now: Now, row: LedgerRow, login: Login, why: str) -> Iterator[Decision]:
    subject, world = Subject(login.login, row.anchor, login.id), now.world
    for name in sorted(wish.joins):
        group = now.groups[name]
        if group.id not in now.member_of:
            yield order(_joined(subject, wish, group, world, why), login, row, world)
        elif (role := role_number(world.roles, wish.joins[name])) is not None:
            yield from _role(subject, group, role, now, row, login, why)
    for name in sorted(wish.leaves):
        group = now.groups[name]
        if group.id in now.member_of:
            leaving = RemoveFromGroup(subject, group, why, role=row.group_roles.get(group.id))
            yield order(leaving, login, row, world)


def _role(
    subject: Subject, group: Group, role: int, now: Now, row: LedgerRow, login: Login, why: str
) -> Iterator[Decision]:
    held, world = now.roles.get(group.id), now.world
    if held is None:
        change = AddToGroup(subject, group, why, Evidence.ORDERED, role, world.own_names(role))
        yield Skip(subject, Reason.UNPROVEN, f"{group.name}: the role there could not be read", change)
    elif held != role:
        yield order(SetGroupRole(subject, group, held, role, why, names=world.own_names(held, role)), login, row, world)


# --- which row wants what ---------------------------------------------------------------------------------------------


def parts(change: Change) -> frozenset[str]:
    """What a change makes, in words that the rows of a batch want: `created`, `mail`, `group VPN`, …"""
    match change:
        case CreateLogin():
            return frozenset({CREATED})
        case DeleteLogin():
            return frozenset({DELETED})
        case SendActivation():
            return frozenset({MAILED})
        case Write():
            return frozenset(fields_changed(change))
        case AddToGroup() | SetGroupRole() | RemoveFromGroup():
            return frozenset({f"group {change.group.name}"})
        case _:
            return frozenset()


def wanted_parts(wish: Wish) -> Mapping[int, frozenset[str]]:
    """Of each row of a wish what it wants, by line."""
    return {row.line: frozenset(_wanted(wish, index)) for index, row in enumerate(wish.rows)}


def _wanted(wish: Wish, index: int) -> Iterator[str]:
    row = wish.rows[index]
    yield from (f"group {name}" for name in row.groups)
    match row.action:
        case Action.CREATE:
            yield CREATED
            if row.activation is Activation.LINK:
                yield MAILED
        case Action.DELETE:
            yield DELETED
        case Action.LOCK | Action.UNLOCK:
            yield "status"
        case Action.UPDATE:
            yield from row.fields
            yield from ["role"] if row.role is not None else []
            yield from ["extra"] if row.extra else []
        case _:
            pass
