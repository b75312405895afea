"""What always holds for leavers and for whom a person holds, whatever the readings say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.change import DeleteLogin, removes
from iwds.core.decide import decide
from iwds.core.decision import Proposal
from iwds.core.join import join
from iwds.core.leaving import Departures
from iwds.core.matching import Match
from iwds.core.model import Status
from iwds.core.policy import Hold, HoldKind, Leaver
from tests.property.worlds import HOLDS, OURS, Readings, readings

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EXEMPT = {number: Hold("zoe", "on leave", None, HoldKind.EXEMPT) for number in HOLDS}
ages = st.none() | st.integers(0, 60).map(lambda days: NOON - timedelta(days=days))


@given(readings(), st.frozensets(st.sampled_from(sorted(HOLDS))))
def test_nothing_is_taken_from_a_login_that_a_person_holds(given_: Readings, spared: frozenset[int]) -> None:
    held = {number: hold for number, hold in EXEMPT.items() if number not in spared}
    world = replace(given_.world, exempt=held)
    cases, _ = join(given_.people, given_.rows, given_.logins, given_.members, world)
    for case in cases:
        for decision in decide(given_.read(case), world):
            if isinstance(decision, Proposal) and decision.change.subject.login_id in held:
                assert decision.exempt or not removes(decision.change)


@given(readings(), st.integers(1, 60), st.data())
def test_nobody_is_deleted_but_who_is_gone_locked_and_past_the_grace(
    given_: Readings, days: int, data: st.DataObject
) -> None:
    policy = replace(given_.world.policy, leaver=Leaver.LOCK_THEN_DELETE, delete_after=timedelta(days=days))
    world = replace(given_.world, policy=policy, now=NOON)
    rows = [replace(row, left_at=data.draw(ages)) for row in given_.rows]
    cases, _ = join(given_.people, rows, given_.logins, given_.members, world)
    marked = {row.login_id for row in rows if row.left_at and row.owner == OURS}
    departures, deleted = Departures(marked, world), set()
    seen = {person.anchor for person in given_.people}
    for case in cases:
        departures.see(case)
        for decision in decide(given_.read(case), world):
            if isinstance(decision, Proposal) and isinstance(decision.change, DeleteLogin):
                assert case.match is Match.LEAVER
                assert case.row is not None
                assert case.row.left_at is not None
                assert case.row.left_at + policy.delete_after <= NOON
                assert case.row.anchor not in seen
                assert decision.change.before.status == Status.LOCKED
                deleted.add(decision.change.before.id)
    graces = departures.graces()
    assert deleted.isdisjoint(graces.end | graces.begin | graces.with_lock)
    assert {row.login_id for row in rows if row.login_id in marked and row.anchor in seen} <= graces.end
