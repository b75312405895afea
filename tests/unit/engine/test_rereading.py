"""A service that moves while it is read is read again, three times at most; then nothing follows from it."""

import threading
from collections.abc import Callable, Collection

import pytest

from iwds.core.change import CreateLogin
from iwds.core.model import Entry
from iwds.engine.planning import make_plan
from iwds.errors import ServiceUnproven, Stopped
from iwds.ports import ReadStream
from tests.unit.engine.rehearsal import Rehearsal

LOGINS, MEMBERSHIPS = "service", "memberships"


def moves(stage: Rehearsal, *readings: bool, meanwhile: Callable[[], object] = lambda: None) -> list[bool]:
    """Which of the next readings of the service will have moved, oldest first; the others rest."""
    left = list(readings)

    def moved() -> bool:
        if left and left.pop(0):
            meanwhile()
            return True
        return False

    stage.target.state.moved = moved
    return left


def test_a_service_that_rests_is_read_once(stage: Rehearsal) -> None:
    stage.hire("ann")
    assert not any("because it moved" in reason for reason in stage.plan().basis.service.reasons)


@pytest.mark.parametrize(
    ("readings", "note"),
    [
        ((True,), "service: read twice because it moved"),
        ((True, True), "service: read three times because it moved"),
        ((False, True), "memberships: read twice because it moved"),
        ((False, True, True), "memberships: read three times because it moved"),
    ],
)
def test_a_reading_that_moved_is_made_again_and_the_proof_says_so(
    stage: Rehearsal, readings: tuple[bool, ...], note: str
) -> None:
    stage.hire("ann")
    left = moves(stage, *readings)
    plan = stage.plan()
    assert [reason for reason in plan.basis.service.reasons if "moved" in reason] == [note]
    assert plan.basis.service.proven
    assert left == []


def test_both_may_have_moved(stage: Rehearsal) -> None:
    moves(stage, True, False, True)
    reasons = [reason for reason in stage.plan().basis.service.reasons if "moved" in reason]
    assert reasons == ["service: read twice because it moved", "memberships: read twice because it moved"]


@pytest.mark.parametrize("readings", [(True, True, True), (False, True, True, True)], ids=[LOGINS, MEMBERSHIPS])
def test_what_moved_three_times_is_not_proven(stage: Rehearsal, readings: tuple[bool, ...]) -> None:
    stage.hire("ann")
    left = moves(stage, *readings, True)
    with pytest.raises(ServiceUnproven, match="read three times because it moved"):
        stage.run()
    assert left == [True]
    assert stage.target.state.logins == {}


def test_only_movement_is_answered_with_another_reading(stage: Rehearsal) -> None:
    stage.target.state.problems = ["the answer has no count"]
    asked = moves(stage, False, False, False)
    with pytest.raises(ServiceUnproven) as caught:
        stage.plan()
    assert "because it moved" not in str(caught.value)
    assert len(asked) == 2


def test_only_the_last_reading_counts(stage: Rehearsal) -> None:
    """A login that is gone in the second reading is created anew, and one that came is matched."""
    stage.hire("ann")
    stage.hire("bob")
    stage.target.state.add("ann", created_by=20)
    gone = stage.login("ann").id

    def swap() -> None:
        del stage.target.state.logins[gone]
        stage.target.state.add("bob", created_by=20)

    moves(stage, True, meanwhile=swap)
    plan = stage.plan()
    assert [change.account.login for change in plan.changes if isinstance(change, CreateLogin)] == ["ann"]
    assert plan.basis.tally.logins == plan.basis.service.count == 1


def test_only_the_last_reading_of_memberships_counts(stage: Rehearsal) -> None:
    stage.hire("ann", ("vpn",))
    stage.run()
    vpn, ann = 1, stage.login("ann").id
    moves(stage, False, True, meanwhile=lambda: stage.target.state.members.pop((vpn, ann), None))
    plan = stage.plan()
    assert plan.basis.tally.members == {}
    assert plan.changes


def test_people_are_not_read_again(stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    read, times = stage.source.read, []

    def counted(attributes: Collection[str]) -> ReadStream[Entry]:
        times.append(1)
        return read(attributes)

    monkeypatch.setattr(stage.source, "read", counted)
    stage.hire("ann")
    moves(stage, True, True)
    assert stage.plan().basis.tally.people == 1
    assert len(times) == 1


def test_nothing_is_read_again_after_a_request_to_stop(stage: Rehearsal) -> None:
    stop = threading.Event()
    left = moves(stage, True, True, meanwhile=stop.set)
    with pytest.raises(Stopped):
        make_plan(stage.job, stage.tools, stop=stop)
    assert left == [True]
