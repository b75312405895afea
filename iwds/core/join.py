"""People, ledger rows and logins joined into cases, and the verdicts on people who want one login.

`join` is the obvious join in memory. The engine's scratch file answers the same question for a million people; a
property test holds the two equal.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from iwds.core.around import Surroundings, unfit_decisions
from iwds.core.matching import Case, Match, Tally, agrees, believed, retagged, with_roles_asked
from iwds.core.model import Absent, Account, Anchor, LedgerRow, Login, Role, Status, Unmapped, fold
from iwds.core.naming import RIVALS, Claim, Known, settle_names, unnamed
from iwds.core.policy import World
from iwds.core.recognise import LOCATED, Around, Recognition, recognise, told_login


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
    disabled = account.enabled is False
    return Unmapped(account.anchor, account.login, Absent.DUPLICATE, detail, account.login, disabled, account.mail)


def second_login(account: Account, row: LedgerRow) -> Unmapped:
    """The verdict on a further login of ours that stands for somebody who has one already: left for a person."""
    detail = f"{account.login} {_SECOND}"
    disabled = account.enabled is False
    return Unmapped(account.anchor, account.login, Absent.DUPLICATE, detail, row.login, disabled, account.mail)


_SECOND = "has another login of ours"


def is_second(absent: Unmapped) -> bool:
    """Whether a verdict is that on a further login, and not on the person."""
    return absent.reason is Absent.DUPLICATE and absent.detail.endswith(_SECOND)


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
        row: the first ledger row of this person, of those whose login exists where there is any.
        login: the login that the row names, if it exists.
        context: what the row and the name lead to on the service.
        world: the job's rules.
    """
    if row is None or login is None:
        return with_roles_asked(_case_without_row(account, row, context, world), world)
    if not believed(row, login):
        return Case(Match.DOUBTED, account, row, login, member_of=context.groups_of(login.id))
    holder = context.named if context.named != login.id else None
    groups = context.groups_of(login.id)
    case = with_roles_asked(Case(Match.OURS, account, row, login, member_of=groups, holder=holder), world)
    return case if case.asked or not agrees(account, row, login, groups, world) else None


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds one person on the service.

    Attributes:
        around: everybody else, and all logins.
        named: id of the login with the lowest id that carries the wanted name.
        groups_of: the governed groups of a login.
    """

    around: Around
    named: int | None
    groups_of: Callable[[int], frozenset[int]]


def _case_without_row(account: Account, row: LedgerRow | None, context: Context, world: World) -> Case:
    """The case of somebody without a row, or whose row names a login that is gone."""
    found, gone = recognise(account, context.around, world), row.login_id if row else None
    if found.why:
        return Case(Match.AMBIGUOUS, account, row, gone=gone, why=found.why, candidates=found.candidates)
    if found.login:
        return _recognised(account, row, found, context)
    if found.holder:
        return Case(Match.TAKEN, account, row, found.holder, holder=found.holder.id, gone=gone)
    return Case(Match.NEWCOMER, account, row, gone=gone)


def _recognised(account: Account, row: LedgerRow | None, found: Recognition, context: Context) -> Case:
    login, gone = found.login, row.login_id if row else None
    assert login is not None  # noqa: S101 - the caller found one
    holder = context.named if context.named != login.id else None
    groups = context.groups_of(login.id)
    return Case(Match.NAMED, account, row, login, member_of=groups, holder=holder, gone=gone, rule=found.rule)


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
        # of several the first whose login exists: who has another one of ours gets none in place of one that is gone
        kept = sorted(self.rows.values(), key=lambda row: (row.login_id in self.logins, -row.login_id))
        self.row_of = {row.anchor: row for row in kept}
        self.stands_for = {
            row.login_id: row.anchor
            for row in self.rows.values()
            if row.login_id in self.logins and believed(row, self.logins[row.login_id])
        }
        self.people = self._verdicts(people)
        self.around = Surroundings(self.people.values(), self.logins, self.rows.keys(), world)

    def _verdicts(self, people: Iterable[Account | Unmapped]) -> dict[Anchor, Account | Unmapped]:
        first: dict[Anchor, Account | Unmapped] = {}
        for person in people:
            first.setdefault(person.anchor, person)
        said = {
            i: said.anchor for i, said in self.world.decisions.of.items() if i in self.logins.keys() - self.rows.keys()
        }
        owners = {
            (fold(self.logins[i].login), anchor) for i, anchor in [*self.stands_for.items(), *said.items()] if anchor
        }
        named = first | {person.anchor: person for person in self._names(first)}
        return {p.anchor: p for p in settle_collisions(named.values(), owners)}

    def _names(self, people: Mapping[Anchor, Account | Unmapped]) -> Iterator[Account | Unmapped]:
        """Those who are numbered where others have their name, with the login they get."""
        numbered = {a: p for a, p in people.items() if isinstance(p, Account) and p.numbering is not None}
        around = Surroundings((), self.logins, self.rows.keys(), self.world)
        made = (self._claim(account, around) for account in numbered.values())
        claims = sorted(made, key=lambda claim: (fold(claim.login), claim.anchor))
        register = Known(people.values(), self.rows.values(), self.logins.values())
        for claim, login, doubt in settle_names(claims, register, self.world):
            account = numbered[claim.anchor]
            yield replace(account, login=login) if login else unnamed(account, doubt)

    def _claim(self, account: Account, around: Surroundings) -> Claim:
        row = self.row_of.get(account.anchor)
        held = self.logins[row.login_id] if row and row.login_id in self.stands_for else None
        told = held or told_login(account.anchor, around, self.world)
        return Claim(
            account.anchor, account.login, account.mail, account.numbering or 0, told.login if told else "",
            row.login if row else "",
        )  # fmt: skip

    def run(self) -> tuple[list[Case], Tally]:
        cases = [case for person in self.people.values() if (case := self._person(person))]
        named = {case.login.id for case in cases if case.match is Match.NAMED and case.login}
        asked = {login.id for case in cases for login in case.candidates}
        cases += [case for row in self.rows.values() if (case := self._leftover_row(row))]
        unexplained = self.logins.keys() - self.rows.keys() - named
        cases += [
            Case(Match.UNMATCHED, login=self.logins[i], member_of=self._groups_of(i), why=LOCATED if i in asked else "")
            for i in unexplained
        ]
        return cases, self._tally()

    def _person(self, person: Account | Unmapped) -> Case | None:
        row = self.row_of.get(person.anchor)
        if isinstance(person, Unmapped):
            return None if row or person.reason is Absent.OUT_OF_SCOPE else Case(Match.UNMAPPED, absent=person)
        login = self.logins.get(row.login_id) if row else None
        named = self.by_name.get(fold(person.login))
        return case_of_person(
            person, row, login, Context(self.around, named.id if named else None, self._groups_of), self.world
        )

    def _groups_of(self, login_id: int) -> frozenset[int]:
        return self.members.get(login_id, frozenset())

    def _leftover_row(self, row: LedgerRow) -> Case | None:
        person = self.people.get(row.anchor)
        if isinstance(person, Account) and self.row_of[row.anchor] is row:
            return None
        absent = second_login(person, row) if isinstance(person, Account) else person
        login = self.logins.get(row.login_id)
        return case_of_row(row, login, absent, self._groups_of(row.login_id))

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
            unfit=unfit_decisions(self.people, self.logins, self.rows, self.world),
        )
