"""What one case leads to: changes that would be made, and steps deliberately not taken, each with its reason.

Only our ledger makes a login ours. With a row, the login is kept equal to its person, or becomes a leaver's. Without
one the tag is all there is, and a tag never justifies taking anything away:

    the tag is        somebody has this name             nobody does
    ours              adopt                              skip `orphan`
    another's         skip `foreign`, or adopt where     skip `foreign`
                      the job lists that origin
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never

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
    Subject,
    Write,
    fields_changed,
    removes,
)
from iwds.core.ledger import fingerprint
from iwds.core.matching import Case, Match, extra_held, extra_wanted
from iwds.core.model import Absent, Account, Activation, Group, LedgerRow, Login, Origin, Status, fold
from iwds.core.normal import merge_extra
from iwds.core.policy import Leaver, World
from iwds.core.words import field_words


class Reason(StrEnum):
    """Why a step is not taken."""

    FOREIGN = "foreign"
    ORPHAN = "orphan"
    TAKEN = "taken"
    PROTECTED = "protected"
    EXCLUDED = "excluded"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    HELD = "held"
    POLICY = "policy"
    UNPROVEN = "unproven"
    UNTAGGED = "untagged"
    LOCKED_ELSEWHERE = "locked-elsewhere"
    FOREIGN_MEMBERSHIP = "foreign-membership"
    FIRST_RUN = "first-run"


@dataclass(frozen=True, slots=True)
class Skip:
    """A step deliberately not taken. `change` is what would have been made, where there is such a step."""

    subject: Subject
    reason: Reason
    detail: str
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that would be made; `waits_for` is the login that must give up its name first."""

    change: Change
    waits_for: int | None = None


Decision = Proposal | Skip

_ABSENT = {Absent.EXCLUDED: Reason.EXCLUDED, Absent.INVALID: Reason.INVALID, Absent.DUPLICATE: Reason.DUPLICATE}


def decide(case: Case, world: World) -> Iterator[Decision]:
    """What a case leads to, before guards and holds are looked at."""
    hold = None if case.gone is None else world.holds.get(case.gone)
    if hold and case.account:
        # Deleting a locked login on the service must not be a way to a fresh one that is not locked.
        yield Skip(subject_of(case), Reason.LOCKED_ELSEWHERE, f"{hold}; and their login was deleted since")
        return
    if case.gone is not None and case.row and case.row.owner == world.policy.provisioning_id:
        yield Proposal(_forget(case))
    match case.match:
        case Match.OURS:
            yield from _ours(case, world)
        case Match.NAMED:
            yield from _named(case, world)
        case Match.NEWCOMER:
            yield from _newcomer(case, world)
        case Match.TAKEN:
            yield from _taken(case, world)
        case Match.LEAVER:
            yield from _leaver(case, world)
        case Match.DOUBTED:
            yield _doubted(case)
        case Match.UNMATCHED:
            yield _unmatched(case, world)
        case Match.UNMAPPED:
            yield from _unmapped(case)
        case Match.GONE:
            pass
        case _:
            assert_never(case.match)


def subject_of(case: Case) -> Subject:
    """Whom a case is about, named as the service names them, or else as they should be named."""
    login = case.login.login if case.login and case.match is not Match.TAKEN else None
    name = login or (case.account and case.account.login) or (case.absent and case.absent.login)
    anchor = (case.account or case.absent or case.row or _Nobody).anchor
    login_id = case.login.id if case.login and case.match is not Match.TAKEN else None
    return Subject(name or (case.row.login if case.row else str(anchor)), anchor, login_id)


class _Nobody:
    """Stands in where no person belongs to a login."""

    anchor = None


def _forget(case: Case) -> Forget:
    anchor = (case.row or case.account or _Nobody).anchor
    name = case.row.login if case.row else case.account.login if case.account else str(anchor)
    return Forget(Subject(name, anchor, case.gone), f"login {case.gone} no longer exists on the service")


def _ours(case: Case, world: World) -> Iterator[Decision]:
    account, row = _parts(case)
    subject = subject_of(case)
    if row.owner != world.policy.provisioning_id:
        yield Skip(subject, Reason.FOREIGN, f"kept by the job with provisioningId {row.owner}")
    elif _is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
    else:
        yield from _kept_equal(case, account, row, world)
        yield from _groups(subject, account, case.member_of, row.groups, world)


def _parts(case: Case) -> tuple[Account, LedgerRow]:
    """Account and row of a case that has both."""
    assert case.account is not None  # noqa: S101 - the match is between an account
    assert case.row is not None  # noqa: S101 - and its row
    return case.account, case.row


def _is_protected(case: Case, world: World) -> bool:
    names = {fold(part.login) for part in (case.account, case.login, case.row) if part}
    return not names.isdisjoint(world.protected)


def _kept_equal(case: Case, account: Account, row: LedgerRow, world: World) -> Iterator[Decision]:
    """The one write that makes the login equal to the account."""
    login, subject = case.login, subject_of(case)
    assert login is not None  # noqa: S101 - the callers matched a login
    after, problem = _wanted(account, login)
    if problem:
        yield Skip(subject, Reason.INVALID, problem)
    hold = world.holds.get(login.id)
    if after.status == Status.ACTIVE and login.status == Status.LOCKED and (hold or not row.locked):
        locked = str(hold) if hold else "locked by somebody else, and stays so until they unlock it"
        yield Skip(subject, Reason.LOCKED_ELSEWHERE, locked)
        after = replace(after, status=login.status)
    if after == login:
        return
    if hold and after.status != Status.LOCKED:
        # Their lock is just being made, or another hand undid it: an update says active or locked in any case.
        yield Skip(subject, Reason.LOCKED_ELSEWHERE, f"{hold}; but the login is active, so it is left as it is")
        return
    unread = [field_words(f) for f in WRITTEN_FIELDS if getattr(login, f) is None]
    if unread:
        yield Skip(subject, Reason.UNPROVEN, f"{', '.join(unread)} not read, and an update overwrites every field")
        return
    write = Write(subject, login, after, "")
    write = replace(write, because=_because(write, account, row), evidence=Evidence.SEEN if removes(write) else None)
    renamed = fold(after.login) != fold(login.login)
    yield Proposal(write, case.holder if renamed else None)


def _wanted(account: Account, login: Login) -> tuple[Login, str]:
    """The login as the account wants it, and what cannot be done about it."""
    wanted = {
        "firstname": account.firstname,
        "name": account.name,
        "mail": account.mail,
        "phone": account.phone,
        "role": None if account.role is None else int(account.role),
        "status": None if account.enabled is None else int(Status.ACTIVE if account.enabled else Status.LOCKED),
    }
    known: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    after = replace(login, **known)
    if fold(account.login) != fold(login.login):
        after = replace(after, login=account.login)
    if not account.extra or extra_wanted(account) == extra_held(login.extra, account):
        return after, ""
    merged = None if login.extra is None else merge_extra(login.extra, account.extra)
    if merged is None:
        return after, "the extra fields on the service cannot be read, so they are left as they are"
    return replace(after, extra=merged), ""


def _because(write: Write, account: Account, row: LedgerRow) -> str:
    """Why the login differs: somebody touched the service, or the directory moved on."""
    by_hand: list[str] = []
    moved: list[str] = []
    for name in fields_changed(write):
        if name == "status":
            continue
        held = getattr(write.before, name)
        known = row.written.get(name)
        touched = known is not None and known != fingerprint(int(held) if isinstance(held, int) else held)
        (by_hand if touched else moved).append(field_words(name))
    words = []
    if write.after.status != write.before.status:
        words.append("enabled again in the directory" if account.enabled else "disabled or expired in the directory")
    if moved:
        first = row.origin is Origin.ADOPTED and not row.written
        words.append(f"{', '.join(moved)} {'differs' if first else 'changed'} in the directory")
    if by_hand:
        words.append(f"{', '.join(by_hand)} changed by hand on the service")
    return "; ".join(words)


def _groups(
    subject: Subject, account: Account, member_of: frozenset[int], ours: frozenset[int], world: World
) -> Iterator[Decision]:
    """Memberships gained, lost, adopted and left alone, in the order of group names."""
    if account.groups is None:
        return
    wanted = world.group_ids(account.groups)
    for name in sorted(world.groups):
        group = world.groups[name]
        yield from _membership(subject, group, (group.id in wanted, group.id in member_of, group.id in ours), world)


def _membership(subject: Subject, group: Group, state: tuple[bool, bool, bool], world: World) -> Iterator[Decision]:
    """What becomes of one membership: (wanted, there, made by us)."""
    match state:
        case (True, False, _):
            yield Proposal(AddToGroup(subject, group, f"the directory puts them into {group.name}"))
        case (True, True, False):
            yield Proposal(AdoptMembership(subject, group, "somebody made it and the directory explains it"))
        case (False, True, ours) if ours or group.id in world.exclusive:
            because = f"no directory group puts them into {group.name}"
            yield Proposal(RemoveFromGroup(subject, group, because, Evidence.SEEN))
        case (False, True, False):
            yield Skip(subject, Reason.FOREIGN_MEMBERSHIP, f"{group.name}: somebody else put them in")
        case (False, False, True):
            # Somebody took our membership away and the directory agrees: only our memory has to follow.
            yield Proposal(Forget(subject, f"somebody else took them out of {group.name} already", group=group))
        case _:
            pass


def _named(case: Case, world: World) -> Iterator[Decision]:
    """A login that nobody's row names and that carries this person's name."""
    account, login, subject = case.account, case.login, subject_of(case)
    assert account is not None  # noqa: S101 - the match is by account
    assert login is not None  # noqa: S101 - and login name
    if _is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
        return
    if login.created_by != world.policy.provisioning_id and login.created_by not in world.policy.adopt:
        yield Skip(subject, Reason.FOREIGN, f"{_origin(login)}; this job does not adopt that origin")
        return
    explained = world.group_ids(account.groups) & case.member_of if account.groups is not None else frozenset()
    because = f"{_origin(login)} and one person explains it"
    yield Proposal(Adopt(subject, login, tuple(sorted(explained)), because))
    row = LedgerRow(
        login.id, account.anchor, world.policy.provisioning_id, Origin.ADOPTED, login.login, groups=explained
    )
    yield from _kept_equal(replace(case, row=row), account, row, world)
    yield from _groups(subject, account, case.member_of, explained, world)


def _origin(login: Login) -> str:
    if login.created_by is None:
        return "of unknown origin"
    return {0: "made in the console", 1: "made by the API (tag 1)"}.get(login.created_by, f"tag {login.created_by}")


def _newcomer(case: Case, world: World) -> Iterator[Decision]:
    account, subject = case.account, subject_of(case)
    assert account is not None  # noqa: S101 - only an account makes a newcomer
    if _is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
    elif account.enabled is False:
        yield Skip(subject, Reason.POLICY, "disabled or expired in the directory, never had a login")
    elif account.enabled is None and world.states_enabled:
        yield Skip(subject, Reason.UNPROVEN, "whether they are enabled could not be read")
    elif not world.tagged and not world.policy.untagged_creations:
        yield Skip(
            subject, Reason.UNTAGGED, "the service cannot tag what it creates, and untagged_creations is not set"
        )
    else:
        because = "their login was deleted on the service" if case.gone else "in the directory, no login yet"
        yield from _created(subject, replace(account, enabled=True), because, case.holder, world)


def _created(
    subject: Subject, account: Account, because: str, waits_for: int | None, world: World
) -> Iterator[Decision]:
    yield Proposal(CreateLogin(subject, account, because), waits_for)
    wanted = world.group_ids(account.groups or frozenset())
    for name in sorted(world.groups):
        if world.groups[name].id in wanted:
            group = world.groups[name]
            yield Proposal(AddToGroup(subject, group, f"the directory puts them into {name}"))
    if account.at_creation.activation is Activation.LINK:
        yield Proposal(SendActivation(subject, "new logins get their link by mail"))


def _taken(case: Case, world: World) -> Iterator[Decision]:
    """A newcomer whose name stands for somebody else: created only where that name is given up in the same plan."""
    yield from _newcomer(replace(case, match=Match.NEWCOMER, login=None), world)


def _leaver(case: Case, world: World) -> Iterator[Decision]:
    row, login, subject = case.row, case.login, subject_of(case)
    assert row is not None  # noqa: S101 - a leaver is a row
    assert login is not None  # noqa: S101 - whose login is there
    if row.owner != world.policy.provisioning_id:
        yield Skip(subject, Reason.FOREIGN, f"kept by the job with provisioningId {row.owner}")
    elif case.absent is None and row.anchor.realm not in world.realms:
        yield Skip(subject, Reason.UNPROVEN, f"directory {row.anchor.realm} was not asked in this run")
    elif case.absent and case.absent.reason is not Absent.OUT_OF_SCOPE:
        yield Skip(subject, _ABSENT[case.absent.reason], f"{case.absent.detail}; keeps what they have")
    elif _is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
    else:
        yield from _left(case, subject, login, world)


def _left(case: Case, subject: Subject, login: Login, world: World) -> Iterator[Decision]:
    """The policy for a leaver, applied."""
    evidence = Evidence.SEEN if case.absent else Evidence.UNSEEN
    because = f"out of scope: {case.absent.detail}" if case.absent else "no longer in the directory"
    match world.policy.leaver:
        case Leaver.KEEP:
            yield Skip(subject, Reason.POLICY, f"{because}; leavers are kept")
        case Leaver.DELETE:
            yield Proposal(DeleteLogin(subject, login, tuple(sorted(case.member_of)), because, evidence))
        case Leaver.LOCK if login.status == Status.LOCKED:
            pass
        case Leaver.LOCK if any(getattr(login, f) is None for f in WRITTEN_FIELDS):
            yield Skip(subject, Reason.UNPROVEN, "not every field was read, and an update overwrites every field")
        case Leaver.LOCK:
            after = replace(login, status=int(Status.LOCKED))
            yield Proposal(Write(subject, login, after, because, evidence))
        case _:
            assert_never(world.policy.leaver)


def _doubted(case: Case) -> Skip:
    assert case.row is not None  # noqa: S101 - the row is what is doubted
    assert case.login is not None  # noqa: S101 - because of this login
    detail = f"login {case.row.login_id} was {case.row.login} and is {case.login.login} now, with another tag"
    return Skip(replace(subject_of(case), anchor=case.row.anchor), Reason.FOREIGN, detail)


def _unmatched(case: Case, world: World) -> Skip:
    assert case.login is not None  # noqa: S101 - an unmatched login is a login
    ours = case.login.created_by == world.policy.provisioning_id
    if ours:
        return Skip(subject_of(case), Reason.ORPHAN, "our tag, but no person explains it and we do not remember it")
    return Skip(subject_of(case), Reason.FOREIGN, _origin(case.login))


def _unmapped(case: Case) -> Iterator[Decision]:
    """People without account and row: listed, but for those who are simply out of scope and only counted."""
    assert case.absent is not None  # noqa: S101 - being absent is what makes the case
    if case.absent.reason is not Absent.OUT_OF_SCOPE:
        yield Skip(subject_of(case), _ABSENT[case.absent.reason], case.absent.detail)
