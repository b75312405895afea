"""What every `State` keeps of the helpdesk: its locks, and who did what."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iwds.core.policy import Hold, HoldKind
from iwds.errors import LeaseLost
from iwds.ports import AuditRow, HoldRow, Result, State
from tests.contract.state_tools import NOON, OTHER, SERVICE, Place, begin, fill, row

LATER = NOON + timedelta(hours=2)
LATEST = NOON + timedelta(hours=3)


def hold(login_id: int = 1, until: datetime | None = LATER, by: str = "zoë", foreign: bool = False) -> HoldRow:
    """Somebody's phone was lost."""
    return HoldRow(login_id, Hold(by, "phone lost", until), "T-1", NOON, foreign)


def action(name: str = "Zoë", login_id: int = 1, at: datetime = NOON, service: str = str(SERVICE)) -> AuditRow:
    """A lock."""
    return AuditRow(0, at, service, login_id, name, "lock", "until noon", "root", "desk-1", "phone lost", "T-1")


class HoldContract:
    """A lock of the helpdesk until it is lifted, replaced, or taken over by a run."""

    def test_a_hold_is_open_until_it_is_lifted(self, state: State) -> None:
        state.place_hold(SERVICE, hold())
        assert state.open_hold(SERVICE, 1) == hold()
        state.lift_hold(SERVICE, 1, "root", NOON)
        state.lift_hold(SERVICE, 1, "root", NOON)
        assert state.open_hold(SERVICE, 1) is None
        assert state.open_holds(SERVICE) == []

    def test_another_process_sees_it_at_once(self, state: State, place: Place) -> None:
        other = place.open()
        state.place_hold(SERVICE, hold())
        assert other.open_hold(SERVICE, 1) == hold()
        other.close()

    def test_it_is_of_one_login_of_one_service(self, state: State) -> None:
        state.place_hold(SERVICE, hold())
        assert state.open_hold(SERVICE, 2) is None
        assert state.open_hold(OTHER, 1) is None
        assert state.open_holds(OTHER) == []

    def test_a_new_one_replaces_what_is_open_for_the_same_login(self, state: State) -> None:
        for placed in (hold(2), hold(1), hold(1, None, "root")):
            state.place_hold(SERVICE, placed)
        assert state.open_holds(SERVICE) == [hold(1, None, "root"), hold(2)]

    def test_a_run_whose_lease_is_lost_takes_nothing_over(self, state: State) -> None:
        late = state.lease(SERVICE, "r1", 60)
        late.release()
        state.place_hold(SERVICE, hold())
        with pytest.raises(LeaseLost):
            state.take_over_holds(SERVICE, LATER, "r1", late)
        assert state.open_holds(SERVICE) == [hold()]

    def test_what_has_ended_is_lifted_by_the_run_that_finds_it(self, state: State, place: Place) -> None:
        fill(begin(state, "r0"), [row(1), row(2), row(3), row(4)])
        for placed in (hold(1), hold(2, LATEST), hold(3, None), hold(4, foreign=True), hold(5)):
            state.place_hold(SERVICE, placed)
        place.wait(61)
        state.take_over_holds(SERVICE, LATER, "r1", state.lease(SERVICE, "r1", 60))
        assert state.open_holds(SERVICE) == [hold(2, LATEST), hold(3, None)]
        assert [kept.login_id for kept in state.ledger(SERVICE) if kept.locked] == [1]

    def test_what_has_ended_may_be_lifted_for_some_logins_alone(self, state: State, place: Place) -> None:
        fill(begin(state, "r0"), [row(1), row(2)])
        for placed in (hold(1), hold(2)):
            state.place_hold(SERVICE, placed)
        place.wait(61)
        state.take_over_holds(SERVICE, LATER, "r1", state.lease(SERVICE, "r1", 60), [2])
        assert state.open_holds(SERVICE) == [hold(1)]
        assert [kept.login_id for kept in state.ledger(SERVICE) if kept.locked] == [2]

    def test_after_a_backup_was_put_back_no_lock_counts_as_ours_and_no_grace_has_begun(
        self, state: State, place: Place
    ) -> None:
        fill(begin(state, "r0"), [replace(row(1), locked=True, groups=frozenset({5})), replace(row(2), left_at=NOON)])
        place.wait(61)
        lease = state.lease(SERVICE, "r1", 60)
        state.place_hold(OTHER, hold(1))
        state.place_hold(SERVICE, hold(1))
        state.note_restored(SERVICE, lease)
        assert state.open_hold(OTHER, 1) == hold(1)
        state.take_over_holds(SERVICE, LATER, "r1", lease)
        kept = [(each.locked, each.groups, each.left_at) for each in state.ledger(SERVICE)]
        assert kept == [(False, frozenset(), None)] * 2
        lease.release()
        with pytest.raises(LeaseLost):
            state.note_restored(SERVICE, lease)

    def test_an_exemption_and_a_lock_of_one_login_know_nothing_of_each_other(self, state: State, place: Place) -> None:
        fill(begin(state, "r0"), [row(1)])
        exempt = HoldRow(1, Hold("kim", "on leave", LATER, HoldKind.EXEMPT), "", NOON)
        state.place_hold(SERVICE, exempt)
        state.place_hold(SERVICE, hold(1, LATEST))
        assert state.open_hold(SERVICE, 1) == hold(1, LATEST)
        assert state.open_hold(SERVICE, 1, HoldKind.EXEMPT) == exempt
        place.wait(61)
        state.take_over_holds(SERVICE, LATER, "r1", state.lease(SERVICE, "r1", 60))
        assert state.open_holds(SERVICE) == [hold(1, LATEST)]
        assert [kept.login_id for kept in state.ledger(SERVICE) if kept.locked] == []
        state.place_hold(SERVICE, exempt)
        state.lift_hold(SERVICE, 1, "kim", NOON, HoldKind.EXEMPT)
        assert state.open_holds(SERVICE) == [hold(1, LATEST)]


class AuditContract:
    """Who did what to whom, when, why, and how it ended."""

    def test_an_action_is_there_before_its_outcome_and_after_it(self, state: State) -> None:
        kept = state.note_action(action())
        assert state.audit() == [replace(action(), id=kept)]
        state.note_outcome(kept, Result.REJECTED, "the service said no", LATER)
        (told,) = state.audit()
        assert (told.result, told.error, told.ended) == (Result.REJECTED, "the service said no", LATER)

    def test_the_latest_comes_first_and_no_more_than_asked_for(self, state: State) -> None:
        for at in (LATER, NOON, LATEST):
            state.note_action(action(at=at))
        assert [told.at for told in state.audit()] == [LATEST, LATER, NOON]
        assert [told.at for told in state.audit(limit=1)] == [LATEST]
        assert [told.at for told in state.audit(since=LATER)] == [LATEST, LATER]

    def test_it_is_found_by_login_id_by_name_in_any_case_and_by_service(self, state: State) -> None:
        state.note_action(action())
        state.note_action(action("Eve", 2, service=str(OTHER)))
        assert [told.name for told in state.audit("ZOË")] == ["Zoë"]
        assert [told.name for told in state.audit(2)] == ["Eve"]
        assert [told.name for told in state.audit(service=str(OTHER))] == ["Eve"]
        assert state.audit(2, service=str(SERVICE)) == []

    def test_of_two_at_the_same_moment_the_one_noted_later_comes_first(self, state: State) -> None:
        ids = [state.note_action(action()) for _ in range(3)]
        assert [told.id for told in state.audit()] == ids[::-1]
