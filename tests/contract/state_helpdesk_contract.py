"""What every `State` keeps of the helpdesk: its locks, and who did what."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iwds.core.change import SendActivation
from iwds.core.model import Anchor
from iwds.core.policy import Hold, HoldKind
from iwds.core.recognition import MatchDecision
from iwds.errors import LeaseLost
from iwds.ports import AuditRow, HoldRow, Outcome, Result, State
from tests.contract.state_tools import NOON, OTHER, SERVICE, Place, begin, create, fill, row

LATER = NOON + timedelta(hours=2)
LATEST = NOON + timedelta(hours=3)


def hold(login_id: int = 1, until: datetime | None = LATER, by: str = "zoë", foreign: bool = False) -> HoldRow:
    """Somebody's phone was lost."""
    return HoldRow(login_id, Hold(by, "phone lost", until), "T-1", NOON, foreign)


def action(name: str = "Zoë", login_id: int = 1, at: datetime = NOON, service: str = str(SERVICE)) -> AuditRow:
    """A lock."""
    return AuditRow(0, at, service, login_id, name, "lock", "until noon", "root", "desk-1", "phone lost", "T-1")


def said(login_id: int = 1) -> MatchDecision:
    """A login of the console is Zoë's."""
    return MatchDecision(login_id, "zoe", Anchor("here", "z"), "kim", "asked her", NOON)


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


class LinksContract:
    """To whom a link was mailed of late, or was to be: by a run or by the helpdesk."""

    def by_hand(self, state: State, login_id: int, result: Result | None, detail: str = "link by mail") -> None:
        tried = replace(action(login_id=login_id, at=LATER), action="code", detail=detail)
        kept = state.note_action(tried)
        if result:
            state.note_outcome(kept, result, "", LATER)

    def test_are_those_of_the_helpdesk_however_they_ended_but_for_those_that_never_left(self, state: State) -> None:
        ends = (Result.DONE, Result.REJECTED, Result.UNKNOWN, None, Result.NOT_TRIED)
        for login_id, result in enumerate(ends, 1):
            self.by_hand(state, login_id, result)
        assert state.links_tried(SERVICE, NOON) == {
            1: Result.DONE, 2: Result.REJECTED, 3: Result.UNKNOWN, 4: Result.UNKNOWN,
        }  # fmt: skip

    def test_are_those_of_runs_too(self, state: State) -> None:
        journal = begin(state, "r1")
        ends = (Result.DONE, Result.UNKNOWN, Result.NOT_TRIED)
        for login_id, result in enumerate(ends, 1):
            made, mail = journal.intend([(4, create(login_id)), (4, SendActivation(create(login_id).subject, "new"))])
            journal.settle([Outcome(made, Result.DONE, login_id=login_id), Outcome(mail, result, login_id=login_id)])
        assert state.links_tried(SERVICE, NOON) == {1: Result.DONE, 2: Result.UNKNOWN}
        assert state.links_tried(OTHER, NOON) == state.links_tried(SERVICE, NOON + timedelta(days=1)) == {}

    def test_end_as_the_latest_of_them(self, state: State) -> None:
        for result in (Result.UNKNOWN, Result.REJECTED, Result.DONE):
            self.by_hand(state, 1, result)
        assert state.links_tried(SERVICE, NOON) == {1: Result.DONE}

    def test_are_no_codes_no_other_services_and_nothing_older(self, state: State) -> None:
        self.by_hand(state, 1, Result.DONE, "made active")
        self.by_hand(state, 2, Result.DONE)
        assert state.links_tried(OTHER, NOON) == {}
        assert state.links_tried(SERVICE, LATEST) == {}
        assert state.links_tried(SERVICE, LATER) == {2: Result.DONE}


class MatchContract:
    """Whose a login is, as somebody said, until it is forgotten or said anew."""

    def test_what_was_said_stands_until_it_is_forgotten(self, state: State) -> None:
        state.keep_match(SERVICE, said())
        assert state.matches(SERVICE) == [said()]
        state.forget_match(SERVICE, 1, "root", LATER)
        state.forget_match(SERVICE, 1, "root", LATER)
        assert state.matches(SERVICE) == []

    def test_what_is_said_anew_replaces_it(self, state: State) -> None:
        nobodys = replace(said(), anchor=None, reason="nobody knows it")
        for each in (said(2), said(), nobodys):
            state.keep_match(SERVICE, each)
        assert state.matches(SERVICE) == [nobodys, said(2)]

    def test_it_is_of_one_login_of_one_service(self, state: State) -> None:
        state.keep_match(SERVICE, said())
        state.forget_match(SERVICE, 2, "root", LATER)
        state.forget_match(OTHER, 1, "root", LATER)
        assert (state.matches(SERVICE), state.matches(OTHER)) == ([said()], [])

    def test_another_process_sees_it_at_once(self, state: State, place: Place) -> None:
        other = place.open()
        state.keep_match(SERVICE, said())
        assert other.matches(SERVICE) == [said()]
        other.close()


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
