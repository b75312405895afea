"""What every `State` keeps of looks for drift, and which of the helpdesk's actions was the last one."""

from datetime import datetime, timedelta

import pytest

from iwds.ports import AuditRow, Result, Sighting, State
from tests.contract.state_tools import NOON, OTHER, SERVICE

LATER, LATEST = NOON + timedelta(hours=1), NOON + timedelta(hours=2)


def look(state: State, at: datetime, *found: tuple[int, str, str]) -> dict[tuple[int, str], Sighting]:
    """One whole look."""
    told = state.note_sightings("staff", SERVICE, at, [Sighting(*each) for each in found])
    state.end_look("staff", SERVICE, at)
    return dict(told)


class SightingsContract:
    """Since when something differs."""

    def test_a_difference_is_between_the_last_look_without_it_and_the_first_one_with_it(self, state: State) -> None:
        assert state.last_look("staff", SERVICE) is None
        assert look(state, NOON, (1, "mail", "a")) == {(1, "mail"): Sighting(1, "mail", "a", None, NOON)}
        seen = look(state, LATER, (1, "mail", "a"), (1, "role", "b"), (2, "mail", "a"))
        assert seen == {
            (1, "mail"): Sighting(1, "mail", "a", None, NOON),
            (1, "role"): Sighting(1, "role", "b", NOON, LATER),
            (2, "mail"): Sighting(2, "mail", "a", NOON, LATER),
        }
        assert state.last_look("staff", SERVICE) == LATER

    def test_another_value_is_another_difference(self, state: State) -> None:
        look(state, NOON, (1, "mail", "a"))
        assert look(state, LATER, (1, "mail", "b"))[1, "mail"] == Sighting(1, "mail", "b", NOON, LATER)
        assert look(state, LATEST, (1, "mail", "b"))[1, "mail"].seen_at == LATER

    def test_what_a_whole_look_does_not_show_any_more_is_forgotten(self, state: State) -> None:
        look(state, NOON, (1, "mail", "a"))
        state.note_sightings("staff", SERVICE, LATER, [Sighting(2, "mail", "a")])
        assert state.last_look("staff", SERVICE) == NOON, "a look at somebody is no look at everybody"
        state.end_look("staff", SERVICE, LATER)
        assert look(state, LATEST, (1, "mail", "a"))[1, "mail"] == Sighting(1, "mail", "a", LATER, LATEST)

    def test_that_the_directory_agreed_is_kept_until_the_value_changes(self, state: State) -> None:
        look(state, NOON, (1, "mail", "a"), (2, "mail", "a"))
        state.note_agreed("staff", SERVICE, [(1, "mail")])
        state.note_agreed("staff", SERVICE, [])
        assert [each.agreed for each in look(state, LATER, (1, "mail", "a"), (2, "mail", "a")).values()] == [
            True,
            False,
        ]
        assert not look(state, LATEST, (1, "mail", "b"))[1, "mail"].agreed

    def test_other_jobs_and_services_have_their_own(self, state: State) -> None:
        look(state, NOON, (1, "mail", "a"))
        state.end_look("others", SERVICE, LATER)
        assert state.last_look("others", SERVICE) == LATER
        assert state.last_look("staff", OTHER) is None
        assert look(state, LATEST, (1, "mail", "a"))[1, "mail"].seen_at == NOON

    def test_thousands_are_noted_at_once(self, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("iwds.state.sightings._AT_ONCE", 7)
        many = [(number, what, "a") for number in range(50) for what in ("mail", "name")]
        assert len(look(state, NOON, *many)) == 100
        assert {each.seen_at for each in look(state, LATER, *many).values()} == {NOON}

    def test_the_last_action_of_each_login_is_the_one_that_may_have_been_done(self, state: State) -> None:
        def act(login_id: int, action: str, result: Result | None, service: object = SERVICE) -> None:
            row = AuditRow(0, LATER, str(service), login_id, "ann", action, "", "zoe", "desk-1", "lost", "")
            kept = state.note_action(row)
            if result:
                state.note_outcome(kept, result, "", LATEST)

        act(1, "unlock", Result.DONE)
        act(1, "lock", Result.DONE)
        act(1, "code", Result.DONE)
        act(1, "unlock", Result.REJECTED)
        act(2, "lock", Result.DONE)
        act(2, "unlock", None)
        act(3, "unlock", Result.DONE, OTHER)
        found = state.last_actions(SERVICE, ["lock", "unlock"])
        assert found == {1: ("lock", LATER), 2: ("unlock", LATER)}
