"""The life of a leaver, one night at a time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.core.change import DeleteLogin, Evidence, Subject
from iwds.core.decide import decide
from iwds.core.decision import Proposal, Reason, Skip
from iwds.core.leaving import Departures, Fate, fate, lock_instead
from iwds.core.matching import Case, Graces, Match
from iwds.core.model import Absent, LedgerRow, Unmapped
from iwds.core.policy import Hold, HoldKind, Leaver, Policy
from tests.unit.core.made import NOON, OURS, anchor, login, reasons, row, world

GRACE = timedelta(days=30)
WAITS = Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=GRACE)
RULES = replace(world(WAITS), now=NOON)
SEEN = Unmapped(anchor(), "cn=ann", Absent.OUT_OF_SCOPE, "because", "ann")


def leaver(left_at: datetime | None = None, **fields: Any) -> Case:
    """Ann is gone, and her login is locked."""
    return Case(Match.LEAVER, row=replace(row(), left_at=left_at), login=login(**{"status": 1, **fields}))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (leaver(status=0), Fate.LOCK),
        (leaver(NOON - 2 * GRACE, status=0), Fate.LOCK),
        (leaver(), Fate.BEGIN),
        (leaver(NOON), Fate.WAIT),
        (leaver(NOON - GRACE + timedelta(seconds=1)), Fate.WAIT),
        (leaver(NOON - GRACE), Fate.DELETE),
        (leaver(NOON - GRACE, last_seen=int((NOON - GRACE).timestamp())), Fate.DELETE),
        (leaver(NOON - GRACE, last_seen=int((NOON - GRACE).timestamp()) + 1), Fate.BEGIN),
        (leaver(NOON - GRACE, last_seen=0), Fate.DELETE),
        (leaver(NOON - GRACE, last_seen=None), Fate.DELETE),
        (replace(leaver(NOON - GRACE), absent=SEEN), Fate.REST),
        (replace(leaver(NOON - GRACE, status=0), absent=SEEN), Fate.LOCK),
    ],
)
def test_lock_wait_delete(case: Case, expected: Fate) -> None:
    assert fate(case, RULES) is expected


@pytest.mark.parametrize(
    ("policy", "expected"), [(Leaver.KEEP, Fate.KEEP), (Leaver.LOCK, Fate.REST), (Leaver.DELETE, Fate.DELETE)]
)
def test_another_policy_knows_no_grace(policy: Leaver, expected: Fate) -> None:
    assert fate(leaver(NOON - GRACE), replace(RULES, policy=Policy(OURS, policy))) is expected


def test_nobody_is_deleted_where_nobody_says_what_time_it_is() -> None:
    assert fate(leaver(NOON - 100 * GRACE), world(WAITS)) is Fate.WAIT


def test_the_plan_says_what_is_waited_for() -> None:
    (waits,) = decide(leaver(NOON), RULES)
    (begins,) = decide(leaver(), RULES)
    assert reasons([waits, begins]) == ["policy", "policy"]
    assert f"locked, deleted from {NOON + GRACE:%Y-%m-%d} on if they stay away" in repr(waits)
    assert "locked, and the grace before the deletion begins" in repr(begins)


class TestTheGrace:
    def after(self, case: Case | None, policy: Policy = WAITS, **rules: Any) -> Graces:
        departures = Departures({1}, replace(RULES, policy=policy, **rules))
        if case:
            departures.see(case)
        return departures.graces()

    def test_begins_with_the_lock_or_where_they_are_locked_already(self) -> None:
        assert self.after(leaver(status=0)).with_lock == {1}
        assert self.after(leaver()).begin == {1}

    def test_goes_on_while_they_stay_away(self) -> None:
        for left_at in (NOON, NOON - GRACE):
            assert self.after(leaver(left_at)) == Graces()

    @pytest.mark.parametrize(
        "case",
        [
            None,
            replace(leaver(NOON), absent=SEEN),
            replace(leaver(NOON), match=Match.DOUBTED),
            replace(leaver(NOON), row=None),
            replace(leaver(NOON), row=replace(row(), owner=30)),
            leaver(NOON, status=0),
        ],
    )
    def test_ends_where_they_are_seen_again_or_unlocked_or_not_ours(self, case: Case | None) -> None:
        assert self.after(case).end == {1}

    def test_ends_under_a_policy_without_one_and_for_a_protected_login(self) -> None:
        assert self.after(leaver(NOON), Policy(OURS, Leaver.LOCK)).end == {1}
        assert self.after(leaver(NOON), protected=frozenset({"ann"})).end == {1}

    def test_ends_for_whom_a_hold_exempts_so_that_nobody_is_deleted_on_the_day_on_which_it_ends(self) -> None:
        exempt = {1: Hold("ann", "on leave", kind=HoldKind.EXEMPT)}
        assert self.after(leaver(), exempt=exempt).begin == frozenset()
        assert self.after(leaver(NOON), exempt=exempt) == self.after(None)

    def test_neither_begins_nor_ends_where_nobody_asked_for_them(self) -> None:
        elsewhere: LedgerRow = replace(row(anchor=anchor(realm="elsewhere")))
        assert self.after(replace(leaver(), row=elsewhere)) == Graces()


def test_who_moved_is_not_locked_instead_where_a_field_was_not_read() -> None:
    found = login(phone=None)
    delete = DeleteLogin(Subject("ann", anchor(), found.id), found, (), "gone", Evidence.UNSEEN)
    left = lock_instead(Proposal(delete), delete, "cn=ann", locked=False)
    assert isinstance(left, Skip)
    assert left.reason is Reason.UNPROVEN
