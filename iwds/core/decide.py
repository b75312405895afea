"""What one case leads to: changes that would be made, and steps deliberately not taken, each with its reason.

Only our ledger makes a login ours. With a row, the login is kept equal to its person, or becomes a leaver's. Without
one the tag is all there is, and a tag never justifies taking anything away:

    the tag is        somebody has this name             nobody does
    ours              adopt                              skip `orphan`
    another's         skip `foreign`, or adopt where     skip `foreign`
                      the job lists that origin

Where more than one person or login is meant (`core/recognise.py`), nothing is done until somebody decides.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, assert_never

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    CreateLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
    removes,
    role_kinds,
)
from iwds.core.decision import WITHOUT_ACCOUNT, Decision, Nobody, Proposal, Reason, Skip, kept_by, subject_of
from iwds.core.leaving import left_behind
from iwds.core.ledger import EXTRA, fingerprint, held_value
from iwds.core.locks import with_locks_kept
from iwds.core.matching import Case, Match, extra_held, extra_wanted, is_protected
from iwds.core.model import Absent, Account, Activation, Group, LedgerRow, Login, Origin, Status, fold
from iwds.core.modes import governed
from iwds.core.normal import merge_extra, parse_extra
from iwds.core.policy import World
from iwds.core.recognise import contradicts
from iwds.core.words import field_words, role_words


def decide(case: Case, world: World) -> Iterator[Decision]:
    """What a case leads to, before guards are looked at; of whom a person made exempt each removal says so."""
    exempt = world.exempt.get(case.login.id) if case.login else None
    for decision in _decided(case, world):
        if exempt and isinstance(decision, Proposal) and removes(decision.change):
            yield replace(decision, exempt=str(exempt))
        else:
            yield decision


def _decided(case: Case, world: World) -> Iterator[Decision]:
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
        case Match.AMBIGUOUS:
            yield _ambiguous(case, world)
        case Match.NEWCOMER:
            yield from _newcomer(case, world)
        case Match.TAKEN:
            yield from _taken(case, world)
        case Match.LEAVER:
            yield from left_behind(case, world)
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


def _forget(case: Case) -> Forget:
    anchor = (case.row or case.account or Nobody).anchor
    name = case.row.login if case.row else case.account.login if case.account else str(anchor)
    return Forget(Subject(name, anchor, case.gone), f"login {case.gone} no longer exists on the service")


def _ours(case: Case, world: World) -> Iterator[Decision]:
    account, row = _parts(case)
    subject = subject_of(case)
    if row.owner != world.policy.provisioning_id:
        yield kept_by(subject, row.owner)
    elif is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
    else:
        yield from _kept_equal(case, account, row, world)
        yield from _groups(case, world)


def _parts(case: Case) -> tuple[Account, LedgerRow]:
    """Account and row of a case that has both."""
    assert case.account is not None  # noqa: S101 - the match is between an account
    assert case.row is not None  # noqa: S101 - and its row
    return case.account, case.row


def _kept_equal(case: Case, account: Account, row: LedgerRow, world: World) -> Iterator[Decision]:
    """The one write that makes the login equal to the account."""
    login, subject = case.login, subject_of(case)
    assert login is not None  # noqa: S101 - the callers matched a login
    if contradicts(account, login, world):
        detail = "the login stores the anchor of somebody else, and it stays so until somebody decides: iwds match"
        yield Skip(subject, Reason.AMBIGUOUS, detail)
        account = replace(account, extra=tuple(pair for pair in account.extra if pair[0] != world.matching.key))
    after, problem = _wanted(account, login)
    if problem:
        yield Skip(subject, Reason.INVALID, problem)
    after, locked = with_locks_kept(login, after, row, world.holds.get(login.id))
    if locked:
        yield Skip(subject, Reason.LOCKED_ELSEWHERE, locked)
    if after == login:
        return
    unread = [field_words(f) for f in WRITTEN_FIELDS if getattr(login, f) is None]
    if unread:
        yield Skip(subject, Reason.UNPROVEN, f"{', '.join(unread)} not read, and an update overwrites every field")
        return
    write = Write(subject, login, after, "")
    write = replace(
        write, because=_because(write, account, row, world), evidence=Evidence.SEEN if removes(write) else None
    )
    renamed = fold(after.login) != fold(login.login)
    yield Proposal(write, case.holder if renamed else None)


def _wanted(account: Account, login: Login) -> tuple[Login, str]:
    """The login as the account wants it, and what cannot be done about it."""
    account = governed(account, login)
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


def _because(write: Write, account: Account, row: LedgerRow, world: World) -> str:
    """Why the login differs: somebody touched the service, or the directory moved on."""
    by_hand: list[str] = []
    moved: list[str] = []
    for name in _parts_changed(write):
        held = held_value(write.before, name)
        known = row.written.get(name)
        touched = known is not None and known != fingerprint(int(held) if isinstance(held, int) else held)
        (by_hand if touched else moved).append(field_words(name))
    by_hand, moved = _extra_at_once(by_hand), _extra_at_once(moved)
    words = []
    if write.after.status != write.before.status:
        words.append(
            "enabled in the directory, and in scope" if account.enabled else "disabled or expired in the directory"
        )
    if moved:
        first = row.origin is Origin.ADOPTED and not row.written
        where = "in the directory or by the mapping" if world.edited else "in the directory"
        words.append(f"{', '.join(moved)} {'differs' if first else 'changed'} {where}")
    if by_hand:
        words.append(f"{', '.join(by_hand)} changed by hand on the service")
    return "; ".join(words)


def _parts_changed(write: Write) -> Iterator[str]:
    """What a write changes, but for the lock; of the extra fields each key, as the ledger calls it."""
    for name in fields_changed(write):
        if name == "extra":
            old, new = (parse_extra(login.extra or "") or {} for login in (write.before, write.after))
            yield from (EXTRA + key for key in sorted(old | new) if old.get(key, "") != new.get(key, ""))
        elif name != "status":
            yield name


def _extra_at_once(names: list[str]) -> list[str]:
    """The same with the extra fields in a word: which of them is said where the change is."""
    return list(dict.fromkeys(field_words("extra") if name.startswith(EXTRA) else name for name in names))


def _groups(case: Case, world: World) -> Iterator[Decision]:
    """Memberships gained, lost, adopted and left alone, and the roles in them, in the order of group names."""
    account, row = _parts(case)
    if account.groups is None:
        return
    wanted = world.group_ids(account.groups)
    for name in sorted(world.groups):
        group = world.groups[name]
        state = (group.id in wanted, group.id in case.member_of, group.id in row.groups)
        yield from _membership(case, group, state, world)
        if group.id in case.asked:
            yield from _role(case, group, world)


def _membership(case: Case, group: Group, state: tuple[bool, bool, bool], world: World) -> Iterator[Decision]:
    """What becomes of one membership: (wanted, there, made by us)."""
    subject = subject_of(case)
    match state:
        case (True, False, _):
            yield Proposal(_joined(subject, _parts(case)[0], group, world))
        case (True, True, False):
            because = "somebody made it and the directory explains it"
            yield Proposal(AdoptMembership(subject, group, because, role=case.roles.get(group.id)))
        case (False, True, ours) if ours or group.id in world.exclusive:
            because = f"no directory group puts them into {group.name}"
            role = _parts(case)[1].group_roles.get(group.id)
            yield Proposal(RemoveFromGroup(subject, group, because, Evidence.SEEN, role=role))
        case (False, True, False):
            yield Skip(subject, Reason.FOREIGN_MEMBERSHIP, f"{group.name}: somebody else put them in")
        case (False, False, True):
            # Somebody took our membership away and the directory agrees: only our memory has to follow.
            yield Proposal(Forget(subject, f"somebody else took them out of {group.name} already", group=group))
        case _:
            pass


def _joined(subject: Subject, account: Account, group: Group, world: World) -> AddToGroup:
    role = world.roles_wanted(account).get(group.id)
    because = f"the directory puts them into {group.name}"
    return AddToGroup(subject, group, because, role=role, names=world.own_names(role))


def _role(case: Case, group: Group, world: World) -> Iterator[Decision]:
    """What becomes of a role in a group that had to be read; one that could not be read is left as it is."""
    account, row = _parts(case)
    wanted, held = world.roles_wanted(account)[group.id], case.roles.get(group.id)
    if held is None:
        yield Skip(subject_of(case), Reason.UNPROVEN, f"{group.name}: the role there could not be read")
    elif held != wanted:
        names = world.own_names(held, wanted)
        by_hand = row.group_roles.get(group.id) == wanted
        because = "changed by hand on the service" if by_hand else f"{role_words(wanted, names)} in the directory"
        evidence = Evidence.SEEN if Kind.DEMOTE in role_kinds(held, wanted) else None
        yield Proposal(SetGroupRole(subject_of(case), group, held, wanted, because, evidence, names))


def _named(case: Case, world: World) -> Iterator[Decision]:
    """A login that nobody's row names and that carries this person's name."""
    account, login, subject = case.account, case.login, subject_of(case)
    assert account is not None  # noqa: S101 - the match is by account
    assert login is not None  # noqa: S101 - and login name
    if is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
        return
    if not world.policy.may_adopt(login):
        yield Skip(subject, Reason.FOREIGN, f"{_origin(login)}; this job does not adopt that origin")
        return
    explained = world.group_ids(account.groups) & case.member_of if account.groups is not None else frozenset()
    because = f"{_origin(login)}; {case.rule}" if case.rule else f"{_origin(login)} and one person explains it"
    adoption = Adopt(subject, login, tuple(sorted(explained)), because, roles=tuple(sorted(case.roles.items())))
    yield Proposal(adoption)
    owner = world.policy.provisioning_id
    row = LedgerRow(login.id, account.anchor, owner, Origin.ADOPTED, login.login, groups=explained)
    adopted = replace(case, row=row)
    yield from _kept_equal(adopted, account, row, world)
    yield from _groups(adopted, world)


def _ambiguous(case: Case, world: World) -> Skip:
    """Somebody who may have a login, and nobody knows which: not matched, and not created either."""
    if is_protected(case, world):
        return Skip(subject_of(case), Reason.PROTECTED, "the mapping protects this login")
    if not case.candidates:
        return Skip(subject_of(case), Reason.UNPROVEN, case.why)
    logins = ", ".join(f"{login.login} (#{login.id})" for login in case.candidates[:_SHOWN])
    more = ", …" if len(case.candidates) > _SHOWN else ""
    return Skip(subject_of(case), Reason.AMBIGUOUS, f"{case.why}: {logins}{more}; say whose it is: iwds match")


_SHOWN = 3
"""How many candidates the reason of a skip names; `iwds match` shows more."""


def _origin(login: Login) -> str:
    if login.created_by is None:
        return "of unknown origin"
    return {0: "made in the console", 1: "made by the API (tag 1)"}.get(login.created_by, f"tag {login.created_by}")


def _newcomer(case: Case, world: World) -> Iterator[Decision]:
    account, subject = case.account, subject_of(case)
    assert account is not None  # noqa: S101 - only an account makes a newcomer
    if is_protected(case, world):
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
        # without what says only how a login that is there may be changed
        made = replace(account, enabled=True, modes=(), numbering=None)
        yield from _created(subject, made, because, case.holder, world)


def _created(
    subject: Subject, account: Account, because: str, waits_for: int | None, world: World
) -> Iterator[Decision]:
    yield Proposal(CreateLogin(subject, account, because), waits_for)
    wanted = world.group_ids(account.groups or frozenset())
    for name in sorted(world.groups):
        if world.groups[name].id in wanted:
            yield Proposal(_joined(subject, account, world.groups[name], world))
    if account.at_creation.activation is Activation.LINK:
        yield Proposal(SendActivation(subject, "new logins get their link by mail"))


def _taken(case: Case, world: World) -> Iterator[Decision]:
    """A newcomer whose name stands for somebody else: created only where that name is given up in the same plan."""
    yield from _newcomer(replace(case, match=Match.NEWCOMER, login=None), world)


def _doubted(case: Case) -> Skip:
    assert case.row is not None  # noqa: S101 - the row is what is doubted
    assert case.login is not None  # noqa: S101 - because of this login
    detail = f"login {case.row.login_id} was {case.row.login} and is {case.login.login} now, with another tag"
    return Skip(replace(subject_of(case), anchor=case.row.anchor), Reason.FOREIGN, detail)


def _unmatched(case: Case, world: World) -> Skip:
    assert case.login is not None  # noqa: S101 - an unmatched login is a login
    ours = case.login.created_by == world.policy.provisioning_id
    if case.why:
        return Skip(subject_of(case), Reason.AMBIGUOUS, case.why)
    if ours:
        return Skip(subject_of(case), Reason.ORPHAN, "our tag, but no person explains it and we do not remember it")
    return Skip(subject_of(case), Reason.FOREIGN, _origin(case.login))


def _unmapped(case: Case) -> Iterator[Decision]:
    """People without account and row: listed, but for those who are simply out of scope and only counted."""
    assert case.absent is not None  # noqa: S101 - being absent is what makes the case
    if case.absent.reason is not Absent.OUT_OF_SCOPE:
        yield Skip(subject_of(case), WITHOUT_ACCOUNT[case.absent.reason], case.absent.detail)
