"""What every `State` keeps, whatever database it is on: leases, fencing and the ledger here, runs next door."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from iwds.core.model import Anchor, LedgerRow, Origin
from iwds.errors import LeaseHeld, LeaseLost
from iwds.ports import Journal, LedgerEffect, Outcome, Result, State
from tests.contract.state_helpdesk_contract import AuditContract, HoldContract, LinksContract, MatchContract
from tests.contract.state_journal_contract import JournalContract, MailsContract, RunsContract
from tests.contract.state_parity_contract import ParityContract
from tests.contract.state_progress_contract import ProgressContract
from tests.contract.state_refusals_contract import RefusalContract
from tests.contract.state_rulings_contract import RulingsContract
from tests.contract.state_sightings_contract import SightingsContract
from tests.contract.state_tools import (
    NOON,
    OTHER,
    SERVICE,
    Place,
    anchor,
    begin,
    create,
    fill,
    row,
    run_row,
    to,
)


@pytest.fixture
def state(place: Place) -> Iterator[State]:
    """The state of the process that the test looks from."""
    opened = place.open()
    yield opened
    opened.close()


class LeaseContract:
    """At most one holder, and one that was replaced can write nothing."""

    def test_the_first_holder_gets_epoch_one(self, state: State) -> None:
        assert state.lease(SERVICE, "run 1", 60).epoch == 1

    def test_a_held_service_is_refused_and_says_by_whom_since_when_and_until_when(self, state: State) -> None:
        state.lease(SERVICE, "run 1 on host-a", 60)
        with pytest.raises(LeaseHeld, match=r"10408.*run 1 on host-a since \d{4}-.* UTC, until \d{4}-.* UTC") as held:
            state.lease(SERVICE, "run 2", 60)
        assert held.value.holder == "run 1 on host-a"

    def test_another_service_is_free(self, state: State) -> None:
        state.lease(SERVICE, "run 1", 60)
        assert state.lease(OTHER, "run 2", 60).epoch == 1

    def test_a_lease_that_ran_out_is_taken_under_a_higher_epoch(self, state: State, place: Place) -> None:
        state.lease(SERVICE, "run 1", 60)
        place.wait(61)
        assert state.lease(SERVICE, "run 2", 60).epoch == 2

    def test_a_released_lease_is_free_at_once_under_a_higher_epoch(self, state: State) -> None:
        first = state.lease(SERVICE, "run 1", 60)
        first.release()
        first.release()
        assert not first.outlives(0)
        assert state.lease(SERVICE, "run 2", 60).epoch == 2

    def test_a_late_release_does_not_free_the_next_holder(self, state: State, place: Place) -> None:
        late = state.lease(SERVICE, "run 1", 60)
        place.wait(61)
        state.lease(SERVICE, "run 2", 60)
        late.release()
        with pytest.raises(LeaseHeld, match="run 2"):
            state.lease(SERVICE, "run 3", 60)

    def test_a_renewed_lease_lasts_longer_for_its_holder_and_for_others(self, state: State, place: Place) -> None:
        mine = state.lease(SERVICE, "run 1", 60)
        place.wait(50)
        assert not mine.outlives(10)
        mine.renew()
        place.wait(50)
        assert mine.outlives(9)
        with pytest.raises(LeaseHeld):
            state.lease(SERVICE, "run 2", 60)

    def test_a_lease_outlives_nothing_that_ends_after_it(self, state: State, place: Place) -> None:
        mine = state.lease(SERVICE, "run 1", 60)
        assert mine.outlives(59)
        assert not mine.outlives(60)
        place.wait(60)
        assert not mine.outlives(0)

    def test_a_lease_that_ran_out_is_renewed_while_nobody_else_took_it(self, state: State, place: Place) -> None:
        mine = state.lease(SERVICE, "run 1", 60)
        place.wait(600)
        mine.renew()
        assert mine.outlives(59)

    def test_a_lease_that_somebody_took_is_lost(self, state: State, place: Place) -> None:
        mine = state.lease(SERVICE, "run 1", 60)
        place.wait(61)
        state.lease(SERVICE, "run 2", 60)
        with pytest.raises(LeaseLost, match="another run has taken it"):
            mine.renew()
        assert not mine.outlives(0)

    def test_of_many_that_ask_at_once_one_gets_it(self, place: Place) -> None:
        states = [place.open() for _ in range(4)]
        ready = threading.Barrier(len(states))

        def ask(number: int) -> bool:
            ready.wait()
            try:
                states[number].lease(SERVICE, f"run {number}", 60)
            except LeaseHeld:
                return False
            return True

        with ThreadPoolExecutor(len(states)) as pool:
            won = list(pool.map(ask, range(len(states))))
        for opened in states:
            opened.close()
        assert won.count(True) == 1


class FencingContract:
    """A run that wakes up inside its successor's can record nothing."""

    @pytest.fixture
    def woken(self, state: State, place: Place) -> Journal:
        """The journal of a run that slept until another one took its lease; the ledger holds login 1."""
        journal = begin(state, "old")
        fill(journal, [row(1)])
        place.wait(61)
        begin(state, "new")
        return journal

    def test_its_intents_are_refused_whole(self, state: State, woken: Journal) -> None:
        with pytest.raises(LeaseLost):
            woken.intend([(4, create(2))])
        assert len(list(state.intents("old"))) == 1

    def test_its_outcomes_are_refused_with_their_effects(self, state: State, woken: Journal) -> None:
        first = next(state.intents("old")).id
        with pytest.raises(LeaseLost):
            woken.settle([Outcome(first, Result.REJECTED, "late", login_id=1, effect=to(None))])
        assert [i.result for i in state.intents("old")] == [Result.DONE]
        assert list(state.ledger(SERVICE)) == [row(1)]

    def test_its_tags_are_refused(self, state: State, place: Place) -> None:
        old = state.lease(SERVICE, "old", 60)
        place.wait(61)
        state.lease(SERVICE, "new", 60)
        with pytest.raises(LeaseLost):
            state.note_tags(SERVICE, {1: 42}, old)

    def test_a_run_that_gave_its_lease_back_is_refused_too(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        journal = state.journal("r", SERVICE, lease)
        lease.release()
        with pytest.raises(LeaseLost):
            journal.intend([(4, create(1))])

    def test_a_lease_of_another_service_does_not_count(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        elsewhere = state.lease(OTHER, "r", 60)
        with pytest.raises(LeaseLost):
            state.journal("r", SERVICE, elsewhere).intend([(4, create(1))])


class LedgerContract:
    """Rows come back as they were made."""

    def test_rows_come_in_the_order_of_login_ids_over_all_pages(
        self, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("iwds.state.ledger._PAGE", 2)
        rows = [row(n, *range(n % 3)) for n in (7, -1, 5, 3, 2**40)]
        fill(begin(state, "r"), rows)
        assert list(state.ledger(SERVICE)) == sorted(rows, key=lambda r: r.login_id)

    def test_every_field_comes_back(self, state: State) -> None:
        full = replace(
            row(1, 9, 8), origin=Origin.ADOPTED, tag=42, locked=True, written={"a": "é", "b": '"'}, group_roles={9: 17}
        )  # fmt: skip
        fill(begin(state, "r"), [full])
        assert list(state.ledger(SERVICE)) == [full]

    def test_one_row_comes_alone(self, state: State) -> None:
        fill(begin(state, "r"), [row(1, 8), row(2, 9)])
        assert state.ledger_row(SERVICE, 2) == row(2, 9)
        assert state.ledger_row(SERVICE, 3) is None

    def test_rows_are_found_by_anchor_by_login_name_and_by_entry_id(self, state: State) -> None:
        second = replace(row(3, 7), anchor=anchor(1))
        fill(begin(state, "r"), [row(1, 8), row(2, 9), second])
        assert state.find_rows(SERVICE, anchor=anchor(1)) == [row(1, 8), second]
        assert state.find_rows(SERVICE, text="Zoë.2") == [row(2, 9)]
        assert state.find_rows(SERVICE, text="entry-2") == [row(2, 9)]
        assert state.find_rows(SERVICE, anchor=anchor(2), text="zoë.1") == [row(1, 8), row(2, 9)]
        for nobody in ("zoë", "%", "zoë._", "entry-%", ""):
            assert list(state.find_rows(SERVICE, text=nobody)) == []
        assert list(state.find_rows(SERVICE, anchor=Anchor("realm-2", "entry-1"))) == []
        assert list(state.find_rows(OTHER, anchor=anchor(1), text="zoë.1")) == []

    def test_services_are_apart(self, state: State) -> None:
        fill(begin(state, "r"), [row(1, 2)])
        assert list(state.ledger(OTHER)) == []

    def test_a_reader_that_stops_half_way_hinders_nobody(self, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("iwds.state.ledger._PAGE", 1)
        journal = begin(state, "r")
        fill(journal, [row(1), row(2)])
        reader = state.ledger(SERVICE)
        next(reader)
        fill(journal, [row(3)])
        assert [r.login_id for r in reader] == [2, 3]

    def test_the_tag_that_was_noted_last_counts(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        fill(state.journal("r", SERVICE, lease), [row(1), row(2)])
        state.note_tags(SERVICE, {1: 42, 5: 42}, lease)
        state.note_tags(SERVICE, {1: 7, 2: 7}, lease)
        state.note_tags(SERVICE, {}, lease)
        assert {r.login_id: r.tag for r in state.ledger(SERVICE)} == {1: 7, 2: 7}

    def test_the_rows_of_an_owner_that_we_have_not_locked_are_counted(self, state: State) -> None:
        fill(begin(state, "r"), [row(1), replace(row(2), locked=True), replace(row(3), owner=7), row(4)])
        assert state.count_unlocked(SERVICE, row(1).owner) == 2
        assert state.count_unlocked(SERVICE, 7) == 1
        assert state.count_unlocked(OTHER, 7) == 0

    def test_since_when_somebody_is_gone_is_kept_until_it_is_taken_back(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        fill(state.journal("r", SERVICE, lease), [row(1), row(2), row(3)])
        state.note_left(SERVICE, {1, 2, 9}, NOON, lease)
        state.note_left(SERVICE, {2}, None, lease)
        state.note_left(SERVICE, (), NOON, lease)
        assert {r.login_id: r.left_at for r in state.ledger(SERVICE)} == {1: NOON, 2: None, 3: None}
        assert list(state.ledger(OTHER)) == []
        lease.release()
        with pytest.raises(LeaseLost):
            state.note_left(SERVICE, {3}, NOON, lease)

    def test_a_role_in_a_group_is_remembered_changed_and_forgotten(self, state: State) -> None:
        journal = begin(state, "r")
        history: tuple[tuple[LedgerRow, dict[int, int]], ...] = (
            (row(1, 8, 9), {8: 1}),
            (row(1, 8, 9), {8: 0, 9: 17}),
            (row(1, 8, 9), {9: 17}),
            (row(1, 8), {}),
            (row(1, 8, 9), {}),
        )
        for member, roles in history:
            after = replace(member, group_roles=roles)
            fill(journal, [after])
            assert list(state.ledger(SERVICE)) == [after]
            assert state.ledger_row(SERVICE, 1) == after

    def test_roles_that_were_read_are_noted_in_memberships_of_ours_only(self, state: State) -> None:
        state.start_run(run_row("r"), "", "")
        lease = state.lease(SERVICE, "r", 60)
        fill(state.journal("r", SERVICE, lease), [row(1, 8, 9), row(2, 8)])
        state.note_roles(SERVICE, {(1, 8): 1, (2, 9): 1, (3, 8): 1}, lease)
        state.note_roles(SERVICE, {(1, 8): 17, (2, 8): 0}, lease)
        state.note_roles(SERVICE, {}, lease)
        noted = [replace(row(1, 8, 9), group_roles={8: 17}), replace(row(2, 8), group_roles={8: 0})]
        assert list(state.ledger(SERVICE)) == noted

    def test_a_login_that_is_gone_takes_its_memberships_along(self, state: State) -> None:
        journal = begin(state, "r")
        fill(journal, [row(1, 5, 6)])
        ids = journal.intend([(2, create(1))])
        journal.settle([Outcome(ids[0], Result.DONE, login_id=1, effect=to(None))])
        assert list(state.ledger(SERVICE)) == []
        fill(journal, [row(1)])
        assert list(state.ledger(SERVICE)) == [row(1)]

    def test_effects_on_one_login_follow_each_other_in_one_batch(self, state: State) -> None:
        journal = begin(state, "r")
        fill(journal, [row(2, 1)])
        ids = journal.intend([(5, create(2))] * 3)
        journal.settle(
            [
                Outcome(ids[0], Result.DONE, login_id=2, effect=_groups(lambda had: had | {7, 8})),
                Outcome(ids[1], Result.REJECTED, "no", login_id=2),
                Outcome(ids[2], Result.DONE, login_id=2, effect=_groups(lambda had: had - {1, 7})),
            ]
        )
        assert list(state.ledger(SERVICE)) == [row(2, 8)]

    def test_an_effect_on_another_login_than_its_outcome_s_is_refused_whole(self, state: State) -> None:
        journal = begin(state, "r")
        ids = journal.intend([(4, create(1))])
        with pytest.raises(ValueError, match="login 1 makes a ledger row of login 2"):
            journal.settle([Outcome(ids[0], Result.DONE, login_id=1, effect=to(row(2)))])
        assert [i.result for i in state.intents("r")] == [None]


def _groups(change: Callable[[frozenset[int]], frozenset[int]]) -> LedgerEffect:
    def effect(before: LedgerRow | None) -> LedgerRow | None:
        return before and replace(before, groups=change(before.groups))

    return effect


class StateContract(
    LeaseContract,
    FencingContract,
    LedgerContract,
    JournalContract,
    MailsContract,
    RunsContract,
    HoldContract,
    MatchContract,
    AuditContract,
    LinksContract,
    ParityContract,
    RefusalContract,
    RulingsContract,
    SightingsContract,
    ProgressContract,
):
    """The whole contract. A subclass gives the fixture `place`."""
