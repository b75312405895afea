"""Who stands for whom: people, ledger rows and logins joined into cases.

`join` is the obvious join in memory. The engine's scratch file answers the same question for a million people; a
property test holds the two equal. Our own memory goes first: a ledger row leads from a
person to a login, as long as that login still looks like the one we remember, by its name or by its tag. Names are
compared only between people and logins that our memory says nothing about. So somebody new with an old colleague's name
is never handed that colleague's login.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from iwds.core.model import Absent, Account, Anchor, LedgerRow, Login, Role, Status, Unmapped, fold
from iwds.core.normal import parse_extra
from iwds.core.policy import World

DOUBTED_FLOOR, DOUBTED_RATIO = 3, 0.25
"""More ledger rows than this that are not believed mean another service, not a few strange logins."""


class Match(StrEnum):
    """How the parts of a case belong together."""

    OURS = "ours"
    """The person's ledger row names this login, and it is still that login."""
    NAMED = "named"
    """Nobody's row names this login; it carries the person's login name."""
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

    @property
    def another_service(self) -> bool:
        """Whether so many rows are not believed that the ledger must be another service's."""
        return self.unbelieved > max(DOUBTED_FLOOR, DOUBTED_RATIO * self.rows)


def believed(row: LedgerRow, login: Login) -> bool:
    """Whether a row still means this login: it carries the name or the tag that we last saw."""
    return fold(row.login) == fold(login.login) or (row.tag is not None and row.tag == login.created_by)


def agrees(account: Account, row: LedgerRow, login: Login, member_of: frozenset[int], world: World) -> bool:
    """Whether nothing differs that the account governs. A field that was not read never agrees.

    Roles in groups are not part of it: no reading of all logins shows them.
    """
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


RIVALS = frozenset({Absent.INVALID, Absent.EXCLUDED})
"""Whoever has no account for such a reason today may have one tomorrow, and then wants the same login."""


def settle_collisions(
    people: Iterable[Account | Unmapped], owners: Set[tuple[str, Anchor]]
) -> list[Account | Unmapped]:
    """Each person, accounts as duplicates where several want one name: the owner stays, no new one gets it.

    Args:
        people: one per anchor; of those without an account the `RIVALS` count as wanting their login.
        owners: (folded login name, anchor) where the anchor's believed row names a login that carries it.
    """
    listed = list(people)
    wanted = Counter(fold(p.login) for p in listed if isinstance(p, Account) or (p.reason in RIVALS and p.login))
    return [
        duplicate(person, wanted[fold(person.login)])
        if isinstance(person, Account)
        and wanted[fold(person.login)] > 1
        and (fold(person.login), person.anchor) not in owners
        else person
        for person in listed
    ]


def duplicate(account: Account, people: int) -> Unmapped:
    """The verdict on one of several people who want the same login."""
    detail = f"{people} people want the login {fold(account.login)}"
    return Unmapped(account.anchor, account.login, Absent.DUPLICATE, detail, account.login)


def second_login(account: Account, row: LedgerRow) -> Unmapped:
    """The verdict on a further login of ours that stands for somebody who has one already: left for a person."""
    detail = f"{account.login} has another login of ours"
    return Unmapped(account.anchor, account.login, Absent.DUPLICATE, detail, row.login)


def retagged(row: LedgerRow, login: Login) -> bool:
    """Whether a login's tag changed since it was first read back: somebody else writes to it."""
    return row.tag is not None and login.created_by is not None and row.tag != login.created_by


def join(
    people: Iterable[Account | Unmapped],
    rows: Iterable[LedgerRow],
    logins: Iterable[Login],
    members: Mapping[int, frozenset[int]],
    world: World,
) -> tuple[list[Case], Tally]:
    """All cases that do not agree, and the tally.

    Args:
        people: everybody read, at most one per anchor (the first wins).
        rows: the ledger of this service.
        logins: everything on the service.
        members: login id -> governed groups it is in.
        world: the job's rules and the service's groups.
    """
    return _Join(people, rows, logins, members, world).run()


def case_of_person(
    account: Account, row: LedgerRow | None, login: Login | None, context: "Context", world: World
) -> Case | None:
    """The case of somebody who is to have an account, or None where nothing differs.

    Args:
        account: as it should be.
        row: the first ledger row of this person.
        login: the login that the row names, if it exists.
        context: what the row and the name lead to on the service.
        world: the job's rules.
    """
    if row is None or login is None:
        return with_roles_asked(_case_without_row(account, row, context), world)
    if not believed(row, login):
        return Case(Match.DOUBTED, account, row, login, member_of=context.member_of)
    holder = context.named.id if context.named and context.named.id != login.id else None
    case = with_roles_asked(Case(Match.OURS, account, row, login, member_of=context.member_of, holder=holder), world)
    return case if case.asked or not agrees(account, row, login, context.member_of, world) else None


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds one person on the service.

    Attributes:
        named: the login with the lowest id that carries the wanted name.
        named_has_row: whether any ledger row names that login.
        claimed: whether somebody out of scope has that login name in the directory too.
        member_of: governed groups of the row's login, or else of `named`.
    """

    named: Login | None = None
    named_has_row: bool = False
    claimed: bool = False
    member_of: frozenset[int] = frozenset()


def _case_without_row(account: Account, row: LedgerRow | None, context: Context) -> Case:
    """The case of somebody without a row, or whose row names a login that is gone."""
    login, gone = context.named, row.login_id if row else None
    if login is None:
        return Case(Match.NEWCOMER, account, row, gone=gone)
    if context.named_has_row or context.claimed:
        return Case(Match.TAKEN, account, row, login, holder=login.id, gone=gone)
    return Case(Match.NAMED, account, row, login, member_of=context.member_of, gone=gone)


def case_of_row(row: LedgerRow, login: Login | None, absent: Unmapped | None, member_of: frozenset[int]) -> Case:
    """The case of a ledger row whose person has no account, or has another login of ours."""
    if login is None:
        return Case(Match.GONE, row=row, absent=absent, gone=row.login_id)
    match = Match.LEAVER if believed(row, login) else Match.DOUBTED
    return Case(match, row=row, login=login, absent=absent, member_of=member_of)


class _Join:
    """The obvious join, one dictionary per question."""

    def __init__(
        self,
        people: Iterable[Account | Unmapped],
        rows: Iterable[LedgerRow],
        logins: Iterable[Login],
        members: Mapping[int, frozenset[int]],
        world: World,
    ) -> None:
        self.world, self.members = world, members
        self.logins = {login.id: login for login in logins}
        self.by_name = {fold(login.login): login for login in sorted(self.logins.values(), key=lambda login: -login.id)}
        self.rows = {row.login_id: row for row in rows}
        self.row_of = {row.anchor: row for row in sorted(self.rows.values(), key=lambda row: -row.login_id)}
        self.stands_for = {
            row.login_id: row.anchor
            for row in self.rows.values()
            if row.login_id in self.logins and believed(row, self.logins[row.login_id])
        }
        self.people = self._verdicts(people)
        self.claimed = {
            fold(p.login)
            for p in self.people.values()
            if isinstance(p, Unmapped) and p.reason is Absent.OUT_OF_SCOPE and p.login
        }

    def _verdicts(self, people: Iterable[Account | Unmapped]) -> dict[Anchor, Account | Unmapped]:
        first: dict[Anchor, Account | Unmapped] = {}
        for person in people:
            first.setdefault(person.anchor, person)
        owners = {(fold(self.logins[i].login), anchor) for i, anchor in self.stands_for.items()}
        return {p.anchor: p for p in settle_collisions(first.values(), owners)}

    def run(self) -> tuple[list[Case], Tally]:
        cases = [case for person in self.people.values() if (case := self._person(person))]
        named = {case.login.id for case in cases if case.match is Match.NAMED and case.login}
        cases += [case for row in self.rows.values() if (case := self._leftover_row(row))]
        unexplained = self.logins.keys() - self.rows.keys() - named
        cases += [
            Case(Match.UNMATCHED, login=self.logins[i], member_of=self._groups_of(self.logins[i])) for i in unexplained
        ]
        return cases, self._tally()

    def _person(self, person: Account | Unmapped) -> Case | None:
        row = self.row_of.get(person.anchor)
        if isinstance(person, Unmapped):
            return None if row or person.reason is Absent.OUT_OF_SCOPE else Case(Match.UNMAPPED, absent=person)
        login = self.logins.get(row.login_id) if row else None
        named = self.by_name.get(fold(person.login))
        whose = login or named
        context = Context(
            named=named,
            named_has_row=named is not None and named.id in self.rows,
            claimed=fold(person.login) in self.claimed,
            member_of=self._groups_of(whose) if whose else frozenset(),
        )
        return case_of_person(person, row, login, context, self.world)

    def _groups_of(self, login: Login) -> frozenset[int]:
        return self.members.get(login.id, frozenset())

    def _leftover_row(self, row: LedgerRow) -> Case | None:
        person = self.people.get(row.anchor)
        if isinstance(person, Account) and self.row_of[row.anchor] is row:
            return None
        absent = second_login(person, row) if isinstance(person, Account) else person
        login = self.logins.get(row.login_id)
        return case_of_row(row, login, absent, self._groups_of(login) if login else frozenset())

    def _tally(self) -> Tally:
        absent: dict[str, int] = {}
        for person in self.people.values():
            if isinstance(person, Unmapped):
                absent[person.reason.value] = absent.get(person.reason.value, 0) + 1
        ours = [(self.rows[i], self.logins[i]) for i in self.stands_for]
        members: dict[int, int] = {}
        for group in (g for groups in self.members.values() for g in groups):
            members[group] = members.get(group, 0) + 1
        return Tally(
            people=len(self.people),
            absent=absent,
            logins=len(self.logins),
            rows=len(self.rows),
            unbelieved=len(self.rows) - len(self.stands_for),
            retagged=sum(retagged(row, login) for row, login in ours),
            retags={
                row.login_id: login.created_by
                for row, login in ours
                if login.created_by is not None and retagged(row, login)
            },
            population=sum(
                row.owner == self.world.policy.provisioning_id and login.status == Status.ACTIVE for row, login in ours
            ),
            administrators=sum(
                login.role == Role.ADMINISTRATOR and login.status == Status.ACTIVE for login in self.logins.values()
            ),
            members=members,
            unlocked=frozenset(row.login_id for row, login in ours if row.locked and login.status == Status.ACTIVE),
            tags={
                row.login_id: login.created_by
                for row, login in ours
                if row.tag is None and login.created_by is not None
            },
        )
