"""Hypothesis strategies for small worlds: few names and ids, so that everything collides with everything."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hypothesis import strategies as st

from iwds.core.matching import Case
from iwds.core.model import (
    BUILTIN_ROLES,
    Absent,
    Account,
    Anchor,
    Group,
    LedgerRow,
    Login,
    Mode,
    Origin,
    Role,
    Unmapped,
)
from iwds.core.policy import Hold, Leaver, Policy, Rota, World
from iwds.core.recognition import By, MatchDecision, Matching, MatchRule, decisions_of, stored_form

GROUPS = {name: Group(number, name) for number, name in enumerate(("vpn", "mail", "wiki"), start=1)}
NAMES = ("ann", "bob", "Ann", "cy", "dee", "eve", "ann2", "Ann3")
OURS = 20
HOLDS = dict.fromkeys((*range(101, 107), *range(201, 206)), Hold("ann", "phone lost"))
"""The helpdesk's lock on every login that there can be."""

anchors = st.builds(Anchor, st.sampled_from(("r1", "r2")), st.sampled_from(("a", "b", "c", "d", "e", "f")))
group_names = st.frozensets(st.sampled_from((*GROUPS, "missing")))
group_ids = st.frozensets(st.sampled_from((1, 2, 3)))
tags = st.sampled_from((0, 1, OURS))
texts = st.sampled_from(("", "x", "y", "X"))
KEY = "anchor"
"""Where anchors are stored."""
stored = anchors.map(lambda anchor: f'{{ "{KEY}":"{stored_form(anchor)}" }}')
extras = st.sampled_from(((), (("k", "v"),), (("k", ""),)))

ROLES = {**BUILTIN_ROLES, "auditor": 17}
role_numbers = st.sampled_from((0, 1, 2, 17, 18))


def _account(roles: Mapping[str, str], **fields: Any) -> Account:
    """An account with these roles in those of its groups in which they are governed and known."""
    groups = fields["groups"] or frozenset()
    return Account(
        **fields, group_roles=tuple((group, role) for group, role in sorted(roles.items()) if group in groups)
    )


def _pair(field: str, mode: Mode) -> tuple[str, Mode]:
    return field, mode


MODED = ("firstname", "name", "mail", "phone", "role", "extra k")
modes = (
    st.just(tuple((field, Mode.ALWAYS) for field in MODED))
    | st.just(())
    | st.tuples(*(st.sampled_from(tuple(Mode)).map(partial(_pair, field)) for field in MODED))
)
accounts = st.builds(
    _account,
    roles=st.just({}) | st.dictionaries(st.sampled_from((*GROUPS, "missing")), st.sampled_from(tuple(ROLES))),
    anchor=anchors,
    login=st.sampled_from(NAMES),
    firstname=st.none() | texts,
    name=st.none() | texts,
    mail=st.none() | texts,
    phone=st.none() | texts,
    role=st.none() | st.sampled_from(tuple(Role)),
    enabled=st.none() | st.booleans(),
    groups=st.none() | group_names,
    extra=extras,
    modes=modes,
)
unmapped = st.builds(
    Unmapped,
    anchors,
    st.just("dn"),
    st.sampled_from(tuple(Absent)),
    st.just("why"),
    st.sampled_from(("", *NAMES)),
    mail=st.none() | texts,
)
people = st.lists(accounts | accounts | accounts | unmapped, max_size=6, unique_by=lambda p: p.anchor)


def logins_of(numbers: list[int]) -> st.SearchStrategy[list[Login]]:
    """One login per number; names may fold alike, as on a service that we do not trust to prevent it."""
    return st.tuples(*(_login(number) for number in numbers)).map(list)


def _login(number: int) -> st.SearchStrategy[Login]:
    return st.builds(
        Login,
        id=st.just(number),
        login=st.sampled_from(NAMES),
        firstname=texts,
        name=texts,
        mail=texts,
        phone=st.none() | texts,
        role=st.sampled_from((0, 1, 2)),
        status=st.sampled_from((0, 1)),
        extra=stored | st.sampled_from(("", '{ "k":"v" }', '{ "k":"w","z":"1" }', "broken")),
        created_by=st.none() | tags,
    )


def rows_of(numbers: list[int]) -> st.SearchStrategy[list[LedgerRow]]:
    """At most one ledger row per number."""
    return st.tuples(*(_row(number) for number in numbers)).map(list)


def _row(number: int) -> st.SearchStrategy[LedgerRow]:
    return st.builds(
        LedgerRow,
        login_id=st.just(number),
        anchor=anchors,
        owner=st.sampled_from((OURS, OURS, 30)),
        origin=st.sampled_from(tuple(Origin)),
        login=st.sampled_from(NAMES),
        tag=st.none() | tags,
        locked=st.booleans(),
        groups=group_ids,
        group_roles=st.dictionaries(st.sampled_from((1, 2, 3)), role_numbers),
    )


@dataclass(frozen=True)
class Readings:
    """Everything that a join takes; and the roles in groups that can be read, by login and group id."""

    people: list[Account | Unmapped]
    rows: list[LedgerRow]
    logins: list[Login]
    members: Mapping[int, frozenset[int]]
    world: World
    roles: Mapping[int, Mapping[int, int]]

    def read(self, case: Case) -> Case:
        """A case with the roles that it asks for, as far as they can be read."""
        if case.login is None:
            return case
        readable = self.roles[case.login.id]
        return replace(case, roles={group: readable[group] for group in case.asked & readable.keys()})


readable_roles = st.dictionaries(st.sampled_from((1, 2, 3)), role_numbers)
numbers = st.lists(st.integers(101, 106), unique=True, max_size=5)


@st.composite
def readings(draw: st.DrawFn) -> Readings:
    """Any readings at all."""
    longest = draw(st.sampled_from((None, None, 4, 20)))
    everybody = [
        replace(p, numbering=draw(st.sampled_from((longest, longest, None)))) if isinstance(p, Account) else p
        for p in draw(people)
    ]
    logins = draw(numbers.flatmap(logins_of))
    rows = draw(numbers.flatmap(rows_of))
    members = {login.id: draw(group_ids) for login in logins}
    roles = {login.id: draw(readable_roles) for login in logins}
    world = draw(worlds)
    settled = draw(st.lists(st.sampled_from(everybody), unique_by=lambda p: p.anchor)) if everybody else []
    for number, person in enumerate([*(p for p in settled if isinstance(p, Account)), *draw(leavers)], start=201):
        login, row, groups = draw(disturbed(*settle(person, number, world)))
        roles[number] = draw(st.just(world.roles_wanted(person)) | readable_roles)
        logins.append(login)
        rows.append(row)
        members[number] = groups
    return Readings(everybody, rows, logins, members, world, roles)


def settle(account: Account, number: int, world: World) -> tuple[Login, LedgerRow, frozenset[int]]:
    """A login that agrees with an account, the row that says that it is ours, and its memberships."""
    login = Login(
        number,
        account.login,
        account.firstname or "",
        account.name or "",
        account.mail or "",
        account.phone or "",
        int(account.role or 0),
        int(account.enabled is False),
        '{ "k":"v" }' if ("k", "v") in account.extra else "",
        OURS,
    )
    groups = world.group_ids(account.groups or frozenset())
    row = LedgerRow(number, account.anchor, OURS, Origin.CREATED, account.login, OURS, groups=groups)
    return login, replace(row, group_roles=world.roles_wanted(account)), groups


leavers = st.lists(
    accounts.map(lambda account: replace(account, anchor=Anchor("r1", f"gone {account.login}"))),
    max_size=2,
    unique_by=lambda account: account.anchor,
)
"""People who have a login of ours and are in no reading."""

_BY_HAND: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"status": 1},
    {"status": 0},
    {"role": 2},
    {"mail": "z"},
    {"login": "zed"},
)


@st.composite
def disturbed(
    draw: st.DrawFn, login: Login, row: LedgerRow, groups: frozenset[int]
) -> tuple[Login, LedgerRow, frozenset[int]]:
    """The same after somebody's hand was on the service; or a row of another job."""
    touched = replace(login, **draw(st.sampled_from(_BY_HAND)))
    ours = draw(st.sampled_from((row.groups, row.groups, frozenset({1, 2, 3}), frozenset())))
    owner = draw(st.sampled_from((OURS, OURS, OURS, 30)))
    there = draw(st.sampled_from((groups, groups, frozenset({1, 2, 3}), frozenset({2}), frozenset())))
    known = draw(st.sampled_from((row.group_roles, row.group_roles, {}, {1: 17, 2: 0})))
    return touched, replace(row, groups=ours, owner=owner, locked=draw(st.booleans()), group_roles=known), there


policies = st.builds(
    Policy, provisioning_id=st.just(OURS), leaver=st.sampled_from(tuple(Leaver)), adopt=st.frozensets(tags)
)
rules = st.lists(
    st.builds(MatchRule, st.sampled_from(tuple(By)), st.booleans()), min_size=1, unique_by=lambda rule: rule.by
).map(tuple)
matchings = st.builds(Matching, rules, st.sampled_from((KEY, KEY, ""))).map(
    lambda matching: replace(matching, key=KEY) if matching.by(By.ANCHOR) else matching
)
decisions = st.lists(
    st.builds(
        MatchDecision,
        st.sampled_from((*range(101, 107), 201)),
        st.just("then"),
        st.none() | anchors,
        st.just("joe"),
        st.just("asked them"),
        st.just(datetime(2026, 11, 1, tzinfo=UTC)),
    ),
    max_size=3,
    unique_by=lambda said: said.login_id,
).map(decisions_of)
worlds = st.builds(
    World,
    policy=policies,
    realms=st.sampled_from((frozenset({"r1"}), frozenset({"r1", "r2"}))),
    groups=st.just(GROUPS),
    exclusive=st.frozensets(st.sampled_from((1, 2))),
    protected=st.frozensets(st.sampled_from(("ann", "eve"))),
    holds=st.just({})
    | st.frozensets(st.sampled_from(sorted(HOLDS))).map(lambda ids: {number: HOLDS[number] for number in ids}),
    roles=st.just(ROLES),
    rota=st.builds(Rota, every=st.sampled_from((1, 2, 14)), day=st.integers(0, 3)),
    matching=st.just(Matching()) | matchings,
    decisions=st.just(decisions_of(())) | decisions,
)
