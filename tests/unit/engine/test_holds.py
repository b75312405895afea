"""Exemptions: no run takes anything from somebody whom a person holds."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from iwds.core.change import Kind
from iwds.core.decision import Reason
from iwds.core.plan import Plan
from iwds.core.policy import Hold, HoldKind, Leaver, Policy
from iwds.ports import HoldRow, Result
from tests.unit.engine.rehearsal import OURS, Rehearsal

DAY = 86_400
WAITS = Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=timedelta(days=30))


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    """Three people, all made by a run; whoever leaves is deleted after thirty days."""
    rehearsal = Rehearsal()
    rehearsal.configure(policy=WAITS)
    for who in ("ann", "bob", "cy"):
        rehearsal.hire(who, ("vpn",), mail=f"{who}@x.y", role="1")
    assert rehearsal.run().exit_code == 0
    yield rehearsal
    rehearsal.close()


def held(stage: Rehearsal, days: float | None = 10) -> None:
    """Ann is exempt."""
    until = None if days is None else stage.clock.now() + timedelta(days=days)
    hold = Hold("zoe", "on leave", until, HoldKind.EXEMPT)
    stage.state.place_hold(stage.job.target.service, HoldRow(stage.login("ann").id, hold, "", stage.clock.now()))


def test_somebody_who_left_stays_active_and_nobody_has_to_decide(stage: Rehearsal) -> None:
    held(stage)
    stage.leave("ann")
    report = stage.run()
    assert report.exit_code == 0
    (skip,) = report.plan.skips
    assert (skip.reason, skip.detail[:12]) == (Reason.EXEMPT, "held by zoe ")
    assert stage.login("ann").status == 0


def test_nothing_is_taken_and_everything_else_goes_on(stage: Rehearsal) -> None:
    held(stage)
    before = stage.login("ann")
    stage.change("ann", ("wiki",), uid="ann.lee", mail="", sn="Lee", role="0", disabled="yes")
    assert stage.run().exit_code == 0
    after = stage.login("ann")
    assert (after.login, after.mail, after.role, after.status) == ("ann", before.mail, 1, 0)
    assert after.name == "Lee"
    assert stage.groups_of("ann") == {"vpn", "wiki"}


def test_an_exemption_counts_for_no_guard(stage: Rehearsal) -> None:
    held(stage)
    stage.leave("ann")
    assert [gauge.observed for gauge in stage.plan().basis.gauges if gauge.kind.value == "lock"] in ([], [0])


def test_after_its_end_the_first_run_says_so_once_and_does_what_waited(stage: Rehearsal) -> None:
    held(stage)
    stage.leave("ann")
    stage.run()
    stage.clock.passed += 11 * DAY
    report = stage.run()
    assert [note for note in report.plan.basis.notes if note.startswith("ann is exempt no more: held by zoe until")]
    assert report.plan.count() == {Kind.LOCK: 1}
    assert stage.state.open_holds(stage.job.target.service) == []
    assert not stage.ledger()["ann"].locked or stage.login("ann").status == 1
    assert stage.run().plan.basis.notes == ()


def test_the_grace_counts_anew_after_a_hold(stage: Rehearsal) -> None:
    stage.leave("ann")
    stage.run()
    held(stage, 60)
    stage.clock.passed += 20 * DAY
    stage.run()
    assert stage.ledger()["ann"].left_at is None
    stage.clock.passed += 41 * DAY
    assert stage.run().plan.changes == ()
    assert stage.ledger()["ann"].left_at == stage.clock.now()


def test_the_end_of_an_exemption_makes_no_lock_ours(stage: Rehearsal) -> None:
    stage.by_hand("ann", status=1)
    held(stage, 1)
    stage.clock.passed += 2 * DAY
    stage.run()
    assert not stage.ledger()["ann"].locked
    assert stage.login("ann").status == 1


def test_a_hold_that_comes_during_the_run_is_seen_before_the_removal(stage: Rehearsal) -> None:
    stage.leave("ann")

    def hold(_: Plan) -> bool:
        held(stage)
        return True

    report = stage.run(confirm=hold)
    assert report.applied
    ((_, result, why),) = report.applied.outcomes
    assert (result, why[:12]) == (Result.HELD, "held by zoe ")
    assert stage.login("ann").status == 0


def test_a_lock_and_an_exemption_stand_side_by_side(stage: Rehearsal) -> None:
    service, number = stage.job.target.service, stage.login("ann").id
    held(stage)
    stage.state.place_hold(service, HoldRow(number, Hold("kim", "phone lost"), "", stage.clock.now()))
    assert {row.hold.kind for row in stage.state.open_holds(service)} == {HoldKind.LOCK, HoldKind.EXEMPT}
    stage.state.lift_hold(service, number, "kim", stage.clock.now(), HoldKind.EXEMPT)
    (left,) = stage.state.open_holds(service)
    assert left.hold.by == "kim"
