"""The role of a login in a group: when it is looked at, and what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.change import AddToGroup, Adopt, AdoptMembership, Change, Evidence, SetGroupRole
from iwds.core.decide import decide
from iwds.core.decision import Decision, Reason
from iwds.core.matching import Case, Match, is_settled
from iwds.core.model import Account, LedgerRow, Login
from iwds.core.plan import Basis
from iwds.core.policy import Policy, Rota, World
from tests.unit.core.made import (
    GROUPS,
    VPN,
    WIKI,
    account,
    assembled,
    basis,
    cases,
    changes,
    facts,
    login,
    proof,
    reasons,
    row,
    subject,
    world,
)

AUDITOR = 17
NEVER = Rota(every=1000, day=999)
"""In these tests it is nobody's turn unless they say so."""


def rules(**fields: Any) -> World:
    named = {"user": 0, "manager": 1, "administrator": 2, "auditor": AUDITOR}
    return world(**{"roles": named, "rota": NEVER, **fields})


def ann(role: str | None = "manager", **fields: Any) -> Account:
    """Ann is to be in vpn, with this role; None where it is not known."""
    roles = () if role is None else (("vpn", role),)
    return account(**{"groups": frozenset({"vpn"}), "group_roles": roles, **fields})


def ours(known: int | None = None, **fields: Any) -> LedgerRow:
    return row(**{"groups": frozenset({1}), "group_roles": {} if known is None else {1: known}, **fields})


def asked(who: Account, *rows: LedgerRow, on: World | None = None, theirs: Login | None = None) -> set[int]:
    """In which groups ann's role would be read; she is in vpn on the service."""
    found = cases([who], rows, [theirs or login()], {1: frozenset({1})}, on or rules())
    return {group for case in found for group in case.asked}


class TestWhenItIsLookedAt:
    def test_where_we_do_not_know_it_or_remember_another_one(self) -> None:
        assert asked(ann(), ours()) == {1}
        assert asked(ann(), ours(0)) == {1}

    def test_not_where_we_remember_it_as_it_should_be(self) -> None:
        assert asked(ann(), ours(1)) == set()
        assert asked(ann("user"), ours(0)) == set()

    def test_else_when_it_is_the_logins_turn(self) -> None:
        turns = [asked(ann(), ours(1), on=rules(rota=Rota(14, day))) for day in range(700_000, 700_028)]
        assert turns.count({1}) == 2
        assert turns.index({1}) + 14 == 27 - turns[::-1].index({1})
        assert asked(ann(), ours(1), on=rules(rota=Rota(1, 5))) == {1}

    def test_not_where_the_mapping_does_not_govern_it_or_does_not_know_it_today(self) -> None:
        assert asked(ann(None), ours(0), on=rules(rota=Rota(1))) == set()
        assert asked(account(group_roles=(("vpn", "manager"),)), ours(0)) == set()

    def test_not_where_they_are_no_member_yet(self) -> None:
        wiki = account(groups=frozenset({"vpn", "wiki"}), group_roles=(("vpn", "user"), ("wiki", "user")))
        assert asked(wiki, ours()) == {1}

    def test_not_in_a_group_that_the_service_does_not_have(self) -> None:
        gone = account(groups=frozenset({"vpn", "gone"}), group_roles=(("gone", "manager"),))
        assert asked(gone, ours()) == set()

    def test_not_of_logins_that_are_none_of_our_business(self) -> None:
        assert asked(ann(), ours(owner=30)) == set()
        assert asked(ann(), ours(), on=rules(protected=frozenset({"ann"}))) == set()
        assert asked(ann(), theirs=login(created_by=0)) == set()
        assert asked(ann(), ours(), theirs=login(1, "bob", created_by=0)) == set()

    def test_of_logins_that_would_be_adopted(self) -> None:
        assert asked(ann()) == {1}
        assert asked(ann(), theirs=login(created_by=0), on=rules(policy=Policy(20, adopt=frozenset({0})))) == {1}


def read(who: Account, held: int | None, *rows: LedgerRow, there: bool = True) -> list[Decision]:
    """What follows where this role was read in vpn, or none."""
    on = rules()
    found = cases([who], rows, [login()], {1: frozenset({1}) if there else frozenset()}, on)
    roles = {} if held is None else {1: held}
    return [d for case in found for d in decide(replace(case, roles=roles if case.asked else {}), on)]


class TestWhatFollows:
    def test_a_role_that_is_as_it_should_be_leads_to_nothing(self) -> None:
        assert read(ann(), 1, ours()) == []

    def test_a_role_that_could_not_be_read_is_left_as_it_is(self) -> None:
        found = read(ann(), None, ours(0))
        assert (changes(found), reasons(found)) == ([], ["unproven"])

    @pytest.mark.parametrize(
        ("held", "role", "number", "names", "evidence"),
        [
            (0, "manager", 1, (), None),
            (1, "administrator", 2, (), None),
            (2, "manager", 1, (), Evidence.SEEN),
            (AUDITOR, "user", 0, ((AUDITOR, "auditor"),), Evidence.SEEN),
            (0, "auditor", AUDITOR, ((AUDITOR, "auditor"),), None),
            (18, "auditor", AUDITOR, ((AUDITOR, "auditor"),), Evidence.SEEN),
        ],
    )
    def test_another_role_is_changed(
        self, held: int, role: str, number: int, names: tuple[tuple[int, str], ...], evidence: Evidence | None
    ) -> None:
        because = f"{role} in the directory"
        expected = SetGroupRole(subject(), VPN, held, number, because, evidence, names)
        assert changes(read(ann(role), held, ours())) == [expected]

    def test_a_role_that_we_wrote_and_is_another_now_was_changed_by_hand(self) -> None:
        case = Case(Match.OURS, ann(), ours(1), login(), member_of=frozenset({1}), asked=frozenset({1}), roles={1: 2})
        (change,) = changes(decide(case, rules()))
        assert change.because == "changed by hand on the service"

    def test_whoever_joins_gets_the_role_and_a_plain_one_where_it_is_not_known(self) -> None:
        def joined(who: Account) -> Change:
            (change,) = changes(read(who, None, row(), there=False))
            return change

        because = "the directory puts them into vpn"
        assert joined(ann("auditor")) == AddToGroup(
            subject(), VPN, because, role=AUDITOR, names=((AUDITOR, "auditor"),)
        )  # fmt: skip
        assert joined(ann("user")) == AddToGroup(subject(), VPN, because, role=0)
        assert joined(ann(None)) == AddToGroup(subject(), VPN, because)

    def test_whoever_is_created_gets_it_too(self) -> None:
        on = rules()
        (case,) = cases([ann("manager", enabled=True)], rules=on)
        assert [c.role for c in changes(decide(case, on)) if isinstance(c, AddToGroup)] == [1]

    def test_a_membership_is_adopted_with_its_role_before_that_is_changed(self) -> None:
        found = changes(read(ann(), AUDITOR, row()))
        assert [type(change) for change in found] == [AdoptMembership, SetGroupRole]
        assert isinstance(found[0], AdoptMembership)
        assert found[0].role == AUDITOR

    def test_a_login_is_adopted_with_its_roles(self) -> None:
        found = changes(read(ann(), 1))
        assert [change.roles for change in found if isinstance(change, Adopt)] == [((1, 1),)]
        assert not any(isinstance(change, SetGroupRole) for change in found)

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (basis(), None),
            (basis(config_changed=True), Reason.HELD),
            (basis(sources=(proof(problems=("cut short",)),)), Reason.UNPROVEN),
            (basis(first_run=True), Reason.FIRST_RUN),
        ],
    )
    def test_a_demotion_passes_the_locks_of_every_removal(self, given: Basis, reason: Reason | None) -> None:
        demotion = SetGroupRole(subject(), VPN, 1, 0, "user in the directory", Evidence.SEEN)
        promotion = SetGroupRole(subject("bob", 2), VPN, 0, AUDITOR, "auditor in the directory")
        plan = assembled([demotion, promotion], facts(given))
        assert list(plan.changes) == [demotion, promotion][reason is not None :]
        assert [skip.reason for skip in plan.skips] == ([reason] if reason else [])


class TestACaseThatIsNone:
    def settled(self, who: Account, held: dict[int, int], *rows: LedgerRow, **fields: Any) -> list[bool]:
        on = rules()
        found = cases([who], rows, [login(**fields)], {1: frozenset({1})}, on)
        return [is_settled(replace(case, roles=held), on) for case in found]

    def test_where_the_roles_that_were_read_are_right_and_nothing_else_differs(self) -> None:
        assert self.settled(ann(), {1: 1}, ours()) == [True]

    def test_is_one_after_all_where_a_role_or_anything_else_differs_or_was_not_read(self) -> None:
        assert self.settled(ann(), {1: 2}, ours()) == [False]
        assert self.settled(ann(), {}, ours()) == [False]
        assert self.settled(ann(mail="a@x.y"), {1: 1}, ours()) == [False]
        assert self.settled(ann(), {1: 1}) == [False]


def test_the_order_of_groups_is_that_of_their_names() -> None:
    both = account(groups=frozenset(GROUPS), group_roles=(("vpn", "manager"), ("wiki", "manager")))
    members = frozenset({1, 2})
    case = Case(Match.OURS, both, row(groups=members), login(), member_of=members, asked=members, roles={1: 0, 2: 0})
    found = [change.group for change in changes(decide(case, rules())) if isinstance(change, SetGroupRole)]
    assert found == [VPN, WIKI]
