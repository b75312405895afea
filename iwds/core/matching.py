"""Who stands for whom: what a case is, and what of a person, a ledger row and a login agrees.

Our own memory goes first: a ledger row leads from a person to a login, as long as that login still looks like the one
we remember, by its name or by its tag. Names are compared only between people and logins that our memory says nothing
about. So somebody new with an old colleague's name is never handed that colleague's login.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from iwds.core.model import Account, LedgerRow, Login, Status, Unmapped, fold
from iwds.core.modes import governed
from iwds.core.normal import parse_extra
from iwds.core.policy import World

DOUBTED_FLOOR, DOUBTED_RATIO = 3, 0.25
"""More ledger rows than this that are not believed mean another service, not a few strange logins."""


class Match(StrEnum):
    """How the parts of a case belong together."""

    OURS = "ours"
    """The person's ledger row names this login, and it is still that login."""
    NAMED = "named"
    """Nobody's row names this login; it is recognised as the person's: by its name, another rule, or a decision."""
    AMBIGUOUS = "ambiguous"
    """Nobody's row names the person, and whether a login is theirs is for somebody to decide."""
    NEWCOMER = "newcomer"
    """No login."""
    TAKEN = "taken"
    """The login that carries the person's name stands for somebody else, or may."""
    DOUBTED = "doubted"
    """The row names a login that is no longer the one we knew."""
    LEAVER = "leaver"
    """A login of ours whose person has no account."""
    GONE = "gone"
    """A row whose login no longer exists on the service."""
    UNMATCHED = "unmatched"
    """A login that no row and no person explains."""
    UNMAPPED = "unmapped"
    """A person without an account and without a row, and not merely out of scope."""


@dataclass(frozen=True, slots=True)
class Case:
    """One person's account, login and ledger row that do not agree.

    Attributes:
        match: how they belong together.
        account: as it should be, if the person is to have one.
        row: our memory.
        login: as it is.
        absent: why a person who was read has no account; None where the person was not read at all.
        member_of: ids of the governed groups that the login is in.
        holder: id of the other login that now carries the name that this account wants.
        gone: id of a login of this person that somebody deleted on the service.
        asked: ids of the groups in which the role of the login has to be read before the case is decided.
        roles: the roles that were read, by group id.
        rule: by what the login was recognised, for people; empty for its name.
        why: why somebody has to decide whose it is.
        candidates: the logins among which they decide.
    """

    match: Match
    account: Account | None = None
    row: LedgerRow | None = None
    login: Login | None = None
    absent: Unmapped | None = None
    member_of: frozenset[int] = frozenset()
    holder: int | None = None
    gone: int | None = None
    asked: frozenset[int] = frozenset()
    roles: Mapping[int, int] = field(default_factory=dict)
    rule: str = ""
    why: str = ""
    candidates: tuple[Login, ...] = ()


@dataclass(frozen=True, slots=True)
class Graces:
    """What a run that is applied has to remember of leavers, by the ids of their logins.

    Attributes:
        begin: those who are gone and whose login is locked already: their grace begins with this run.
        with_lock: those who are gone and whose login is to be locked: it begins when the lock is made.
        end: those whose grace counts no more: they came back, or are held, or the policy has none.
    """

    begin: frozenset[int] = frozenset()
    with_lock: frozenset[int] = frozenset()
    end: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a join counted on both sides.

    Attributes:
        people: everybody read.
        absent: people without an account, by reason.
        logins: all logins on the service.
        rows: ledger rows of this service.
        unbelieved: rows whose login is gone or is no longer the one we knew.
        retagged: believed rows whose tag changed since it was first read back: a second writer.
        population: active logins that are this job's.
        administrators: active administrators on the whole service.
        members: members per governed group.
        tags: tags to remember, for rows that have none yet: login id -> tag.
        retags: tags that changed since they were first read back: login id -> the new tag.
        unlocked: logins that we locked and somebody else has unlocked since.
        roles: roles in groups to remember, which are as they should be: (login id, group id) -> role.
        graces: whose grace before a deletion begins or ends.
        older: whether our memory turned out to be older than the service; see `core.restored`.
        unfit: a sentence for each decision of a person about a login that cannot be followed.
    """

    people: int = 0
    absent: Mapping[str, int] = field(default_factory=dict)
    logins: int = 0
    rows: int = 0
    unbelieved: int = 0
    retagged: int = 0
    population: int = 0
    administrators: int = 0
    members: Mapping[int, int] = field(default_factory=dict)
    tags: Mapping[int, int] = field(default_factory=dict)
    retags: Mapping[int, int] = field(default_factory=dict)
    unlocked: frozenset[int] = frozenset()
    roles: Mapping[tuple[int, int], int] = field(default_factory=dict)
    graces: Graces = Graces()
    older: bool = False
    unfit: tuple[str, ...] = ()

    @property
    def another_service(self) -> bool:
        """Whether so many rows are not believed that the ledger must be another service's."""
        return self.unbelieved > max(DOUBTED_FLOOR, DOUBTED_RATIO * self.rows)


def believed(row: LedgerRow, login: Login) -> bool:
    """Whether a row still means this login: it carries the name or the tag that we last saw."""
    return fold(row.login) == fold(login.login) or (row.tag is not None and row.tag == login.created_by)


def agrees(account: Account, row: LedgerRow, login: Login, member_of: frozenset[int], world: World) -> bool:
    """Whether nothing differs that the account governs and may change. A field that was not read never agrees.

    Roles in groups are not part of it: no reading of all logins shows them.
    """
    account = governed(account, login)
    status = None if account.enabled is None else Status.ACTIVE if account.enabled else Status.LOCKED
    pairs = (
        (fold(account.login), fold(login.login)),
        (account.firstname, login.firstname),
        (account.name, login.name),
        (account.mail, login.mail),
        (account.phone, login.phone),
        (account.role, login.role),
        (status, login.status),
        (extra_wanted(account), extra_held(login.extra, account)),
    )
    if any(want is not None and want != has for want, has in pairs):
        return False
    if account.groups is None:
        return True
    wanted = world.group_ids(account.groups)
    return wanted == member_of and wanted == row.groups & world.governed


def is_protected(case: Case, world: World) -> bool:
    """Whether the mapping protects the login of a case, by any of its names."""
    names = {fold(part.login) for part in (case.account, case.login, case.row) if part}
    return not names.isdisjoint(world.protected)


def with_roles_asked(case: Case, world: World) -> Case:
    """The same case with the groups in which the role has to be read: of ours and of what we would adopt.

    A role is looked at where it is governed, the login is a member, and we do not remember it as it should be; and
    else when it is the login's turn.
    """
    account, login = case.account, case.login
    if account is None or not account.group_roles or login is None or is_protected(case, world):
        return case
    known: Mapping[int, int] = {}
    if case.match is Match.OURS and case.row and case.row.owner == world.policy.provisioning_id:
        known = {} if world.rota.turn_of(login.id) else case.row.group_roles
    elif case.match is not Match.NAMED or not world.policy.may_adopt(login):
        return case
    wanted = world.roles_wanted(account)
    asked = {group for group, role in wanted.items() if group in case.member_of and known.get(group) != role}
    return replace(case, asked=frozenset(asked))


def is_settled(case: Case, world: World) -> bool:
    """Whether nothing differs after all in a case that was one only because roles had to be read."""
    if case.match is not Match.OURS or case.account is None or case.row is None or case.login is None:
        return False
    wanted = world.roles_wanted(case.account)
    return all(case.roles.get(group) == wanted[group] for group in case.asked) and agrees(
        case.account, case.row, case.login, case.member_of, world
    )


def extra_wanted(account: Account) -> tuple[tuple[str, str], ...] | None:
    """The governed extra fields in a comparable form; None where none is governed. Empty means absent."""
    return tuple(sorted((k, v) for k, v in account.extra if v)) if account.extra else None


def extra_held(raw: str | None, account: Account) -> tuple[tuple[str, str], ...] | None:
    """The same fields as the service holds them; None where they cannot be read."""
    held = None if raw is None else parse_extra(raw)
    if held is None:
        return None
    return tuple(sorted((k, held[k]) for k, _ in account.extra if held.get(k)))


def retagged(row: LedgerRow, login: Login) -> bool:
    """Whether a login's tag changed since it was first read back: somebody else writes to it."""
    return row.tag is not None and login.created_by is not None and row.tag != login.created_by
