"""What every `State` keeps of people's rulings about single changes."""

from dataclasses import replace
from datetime import datetime, timedelta

from iwds.core.change import Subject
from iwds.core.rulings import Ruling, Said, approval_of, rejection_of
from iwds.ports import Result, State, Withdrawal
from tests.contract.state_tools import NOON, OTHER, SERVICE, Place, create

LATER = NOON + timedelta(hours=2)
KIM = Said("kim", "desk-1", "new colleagues", NOON, LATER, "plan 3f9c12ab", "staff", "T-1")
BACK = Withdrawal("zoe", "desk-2", "too early", NOON, "T-2")


def approval(number: int, said: Said = KIM, people: int = 1) -> Ruling:
    return approval_of(create(number), said, people)


def standing(state: State, now: datetime = NOON) -> list[Ruling]:
    """All that stand, as they were placed."""
    return [replace(row, id=0) for row in state.open_rulings(SERVICE, now)]


class RulingsContract:
    """A ruling stands until its end, or until somebody takes it back; the audit has both."""

    def test_what_was_placed_stands_as_it_was_placed(self, state: State, place: Place) -> None:
        other = place.open()
        rejection = replace(rejection_of(create(2), KIM), subject=Subject("zoë.2", None, 2))
        placed = [approval(1, people=2), rejection]
        state.place_rulings(SERVICE, placed)
        state.place_rulings(SERVICE, [])
        assert standing(other) == placed
        assert state.open_rulings(OTHER, NOON) == []
        other.close()

    def test_it_ends_at_its_end(self, state: State) -> None:
        state.place_rulings(SERVICE, [approval(1)])
        assert standing(state, LATER - timedelta(seconds=1)) == [approval(1)]
        assert standing(state, LATER) == []

    def test_those_about_one_person_are_found_by_the_person(self, state: State) -> None:
        state.place_rulings(SERVICE, [approval(1), approval(2)])
        found = state.open_rulings(SERVICE, NOON, create(2).subject.key)
        assert [row.words for row in found] == [approval(2).words]

    def test_what_is_withdrawn_stands_no_more_and_the_rest_does(self, state: State) -> None:
        state.place_rulings(SERVICE, [approval(number) for number in range(1, 1_203)])
        state.place_rulings(OTHER, [approval(1)])
        ids = [row.id for row in state.open_rulings(SERVICE, NOON)]
        foreign = [row.id for row in state.open_rulings(OTHER, NOON)]
        assert state.withdraw_rulings(SERVICE, [*ids[2:], *foreign], BACK) == 1_200
        assert state.withdraw_rulings(SERVICE, ids[2:], BACK) == 0
        assert standing(state) == [approval(1), approval(2)]
        assert len(state.open_rulings(OTHER, NOON)) == 1

    def test_the_audit_says_who_decided_what_and_who_took_it_back(self, state: State) -> None:
        state.place_rulings(SERVICE, [approval(1), rejection_of(create(1), KIM)])
        state.withdraw_rulings(SERVICE, [row.id for row in state.open_rulings(SERVICE, NOON)][:1], BACK)
        told = [(row.action, row.who, row.host, row.reason, row.ticket, row.result) for row in state.audit("ZOË.1")]
        words = approval(1).words
        assert told == [
            ("undo approve", "zoe", "desk-2", "too early", "T-2", Result.DONE),
            ("reject", "kim", "desk-1", "new colleagues", "T-1", Result.DONE),
            ("approve", "kim", "desk-1", "new colleagues", "T-1", Result.DONE),
        ]
        details = [row.detail for row in state.audit("zoë.1")]
        assert details[0] == f"{words}; was approved by kim until Sun 22 Nov 2026 14:00: new colleagues"
        assert details[2] == f"{words} (plan 3f9c12ab) until Sun 22 Nov 2026 14:00"

    def test_plans_are_listed_the_latest_first_with_how_many_changes_wait(self, state: State) -> None:
        for number, (job, waiting) in enumerate([("staff", 0), ("staff", 3), ("guests", 1)]):
            state.save_plan(f"p{number}", job, SERVICE, NOON + timedelta(hours=number), "{}", waiting=waiting)
        assert [(row.id, row.job, row.waiting) for row in state.plans()] == [
            ("p2", "guests", 1), ("p1", "staff", 3), ("p0", "staff", 0),
        ]  # fmt: skip
        assert [row.id for row in state.plans("staff", limit=1)] == ["p1"]
        assert [row.id for row in state.plans(waiting=True)] == ["p2", "p1"]
        assert state.plans()[0].made == NOON + timedelta(hours=2)
        assert state.plans()[0].service == str(SERVICE)
