"""The scratch file's join equals the obvious one, and the order of inputs changes nothing."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.core.join import join
from iwds.core.matching import Case, Match, Tally, is_protected
from iwds.core.model import Account, Anchor, Membership
from iwds.core.policy import Policy, Rota, World
from iwds.state.scratch import ScratchWaist
from tests.property.worlds import GROUPS, OURS, Readings, readings, settle


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
