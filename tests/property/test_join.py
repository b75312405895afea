"""The scratch file's join equals the obvious one, and the order of inputs changes nothing."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.core.join import join
from iwds.core.matching import Case, Match, Tally, is_protected
from iwds.core.model import Absent, Account, Anchor, LedgerRow, Login, Membership, Origin, Unmapped
from iwds.core.policy import Policy, Rota, World
from iwds.core.recognition import By, Matching, MatchRule, decisions_of
from iwds.state.scratch import ScratchWaist
from tests.property.worlds import GROUPS, OURS, Readings, decisions, matchings, readings, settle, stored


def in_order(cases: Iterable[Case]) -> list[Case]:
    def key(case: Case) -> tuple[str, str, int, int]:
        who = case.account or case.absent
        login_id, row_id = (case.login.id if case.login else 0), (case.row.login_id if case.row else 0)
        return case.match, str(who.anchor) if who else "", login_id, row_id

    return sorted(cases, key=key)


def memberships(world: Readings) -> Iterable[Membership]:
    return (Membership(i, g) for i, groups in world.members.items() for g in groups)


def by_scratch(world: Readings, before: Readings | None = None) -> tuple[list[Case], Tally]:
    """What the waist finds; `before` is what came of the service first and was forgotten."""
    waist = ScratchWaist()
    try:
        waist.add_people(world.people)
        if before is not None:
            waist.add_logins(before.logins)
            waist.forget_logins()
            waist.add_members(memberships(before))
            waist.forget_members()
        waist.add_logins(world.logins)
        waist.add_ledger(world.rows)
        waist.add_members(memberships(world))
        tally = waist.join(world.world)
        return list(waist.cases()), tally
    finally:
        waist.close()


@given(readings())
def test_the_scratch_file_finds_the_same_cases_as_the_obvious_join(world: Readings) -> None:
    expected, tally = join(world.people, world.rows, world.logins, world.members, world.world)
    found, counted = by_scratch(world)

    assert in_order(found) == in_order(expected)
    assert counted == tally


FORMS = ("ann", "ann", "Ann2", "ann3", "anna2")


@st.composite
def namesakes(draw: st.DrawFn) -> Readings:
    """Several people of few names who are numbered, and logins and rows that may be anybody's by any rule."""
    name, mails = st.sampled_from(FORMS), st.sampled_from(("a@x", "b@x", ""))
    longest = draw(st.sampled_from((4, 20, 20)))
    whose = [Anchor("r1", who) for who in "abcd"]
    rules = World(
        Policy(OURS, adopt=frozenset({0})),
        frozenset({"r1"}),
        {},
        protected=draw(st.sampled_from(_PROTECTED)),
        matching=draw(st.just(Matching()) | matchings),
        decisions=draw(st.just(decisions_of(())) | decisions),
    )
    everybody: list[Account | Unmapped] = []
    for anchor in whose[: draw(st.integers(1, 3))]:
        numbering = draw(st.sampled_from((longest, longest, longest, None)))
        account = Account(anchor, draw(name), mail=draw(mails), enabled=True, numbering=numbering)
        reason = draw(st.sampled_from((None, None, None, None, *Absent)))
        everybody.append(Unmapped(anchor, "dn", reason, "why", account.login) if reason else account)
    logins = []
    for number in range(101, 101 + draw(st.integers(0, 3))):
        tag = draw(st.sampled_from((0, OURS, 30)))
        held = draw(st.just("") | stored)
        logins.append(Login(number, draw(name), "", "", draw(mails), "", 0, 0, held, tag))
    rows = [
        LedgerRow(number, draw(st.sampled_from(whose)), OURS, Origin.CREATED, draw(name), OURS)
        for number in draw(st.sets(st.integers(101, 105), max_size=2))
    ]
    return Readings(everybody, rows, logins, {}, rules, {})


_PROTECTED = (frozenset[str](), frozenset[str](), frozenset({"ann"}), frozenset({"ann2"}))


@given(namesakes())
def test_both_give_people_of_one_name_the_same_logins(world: Readings) -> None:
    expected, tally = join(world.people, world.rows, world.logins, world.members, world.world)
    found, counted = by_scratch(world)

    assert in_order(found) == in_order(expected)
    assert counted == tally


_ANN = Account(Anchor("r1", "a"), "ann", mail="a@x", enabled=True, numbering=20)
_BEA = replace(_ANN, anchor=Anchor("r1", "b"), mail="b@x")
_ROW = LedgerRow(101, _BEA.anchor, OURS, Origin.CREATED, "ann", OURS)
_LOGIN = Login(101, "ann", "", "", "b@x", "", 0, 0, "", OURS)


@pytest.mark.parametrize(
    ("people", "rows", "logins"),
    [
        ([_ANN], [], [replace(_LOGIN, login="ann2")]),
        ([_ANN], [], [replace(_LOGIN, login="ann12")]),
        ([_ANN], [], [_LOGIN]),
        ([_ANN], [], [replace(_LOGIN, mail="a@x")]),
        ([_ANN], [_ROW], []),
        ([_ANN, _BEA], [_ROW], [_LOGIN]),
        ([_ANN, _BEA], [replace(_ROW, login="bea")], [replace(_LOGIN, created_by=0)]),
        ([_ANN, replace(_BEA, login="ann2")], [], []),
        ([replace(_ANN, login="annabell", numbering=8)], [], [replace(_LOGIN, login="annabe10")]),
        ([replace(_ANN, login="annabell", numbering=13)], [], [replace(_LOGIN, login="annabel100000")]),
    ],
)
def test_both_settle_each_way_in_which_a_name_may_be_somebody_elses(
    people: list[Account | Unmapped], rows: list[LedgerRow], logins: list[Login]
) -> None:
    """Each is one that a query may leave out; random ones are seldom just that."""
    rules = World(Policy(OURS), frozenset({"r1"}), {})
    world = Readings(people, rows, logins, {}, rules, {})
    expected, tally = join(world.people, world.rows, world.logins, world.members, world.world)
    found, counted = by_scratch(world)

    assert in_order(found) == in_order(expected)
    assert counted == tally


def test_both_know_the_mail_address_of_somebody_who_gets_no_login_for_doubt() -> None:
    """Else it might be the same as anybody's, and nobody would be recognised by theirs any more."""
    cleo = replace(_BEA, anchor=Anchor("r1", "c"), login="cleo", mail="c@x")
    logins = [replace(_LOGIN, login="ann2"), replace(_LOGIN, id=102, login="c", mail="c@x")]
    rules = World(Policy(OURS), frozenset({"r1"}), {}, matching=Matching((MatchRule(By.LOGIN), MatchRule(By.MAIL))))
    world = Readings([_ANN, cleo], [], logins, {}, rules, {})
    expected, tally = join(world.people, world.rows, world.logins, world.members, world.world)

    assert {case.match for case in expected} == {Match.UNMAPPED, Match.NAMED, Match.UNMATCHED}
    found, counted = by_scratch(world)
    assert (in_order(found), counted) == (in_order(expected), tally)


@given(readings(), readings())
def test_a_reading_that_was_forgotten_leaves_no_trace(world: Readings, before: Readings) -> None:
    expected, tally = by_scratch(world)
    found, counted = by_scratch(world, before)

    assert in_order(found) == in_order(expected)
    assert counted == tally


@pytest.mark.parametrize("known", [{}, {1: 0}, {1: 1}])
@pytest.mark.parametrize("day", [0, 1])
def test_both_ask_for_a_role_of_somebody_who_agrees_otherwise(known: dict[int, int], day: int) -> None:
    """Rare among random readings: nothing else makes a case of them."""
    ann = Account(Anchor("r1", "a"), "ann", groups=frozenset({"vpn"}), group_roles=(("vpn", "manager"),))
    rules = World(Policy(OURS), frozenset({"r1"}), GROUPS, rota=Rota(2, day))
    login, row, groups = settle(ann, 102, rules)
    world = Readings([ann], [replace(row, group_roles=known)], [login], {102: groups}, rules, {})
    expected, tally = join(world.people, world.rows, world.logins, world.members, world.world)

    assert [case.asked for case in expected] == ([{1}] if day == 0 or known != {1: 1} else [])
    assert by_scratch(world) == (expected, tally)


@given(readings())
def test_a_role_is_asked_for_where_it_is_governed_and_not_known_to_be_right_or_due(world: Readings) -> None:
    cases, _ = join(world.people, world.rows, world.logins, world.members, world.world)
    for case in cases:
        if case.match is Match.OURS and case.account and case.row and case.login:
            wanted, known = world.world.roles_wanted(case.account), case.row.group_roles
            there = {group for group in wanted if group in case.member_of}
            mine = case.row.owner == OURS and not is_protected(case, world.world)
            due = world.world.rota.turn_of(case.login.id)
            expected = {group for group in there if due or known.get(group) != wanted[group]} if mine else set()
            assert case.asked == expected


@given(readings(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_nothing(world: Readings, random: object) -> None:
    expected, tally = by_scratch(world)
    for part in (world.people, world.rows, world.logins):
        random.shuffle(part)  # type: ignore[attr-defined]
    found, counted = by_scratch(world)

    assert in_order(found) == in_order(expected)
    assert counted == tally
