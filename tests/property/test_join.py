"""The scratch file's join equals the obvious one, and the order of inputs changes nothing."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.matching import Case, Tally, join
from iwds.core.model import Membership
from iwds.state.scratch import ScratchWaist
from tests.property.worlds import Readings, readings


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


@given(readings(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_nothing(world: Readings, random: object) -> None:
    expected, tally = by_scratch(world)
    for part in (world.people, world.rows, world.logins):
        random.shuffle(part)  # type: ignore[attr-defined]
    found, counted = by_scratch(world)

    assert in_order(found) == in_order(expected)
    assert counted == tally
