"""Leavers over days and nights: locked at once, kept whole, deleted after the grace and never on doubt."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iwds.core.change import CreateLogin, Kind
from iwds.core.decision import Reason
from iwds.core.devices import Device, DeviceKind, DeviceState
from iwds.core.model import Entry, Status
from iwds.core.plan import Plan
from iwds.core.policy import Leaver, Policy
from iwds.core.words import describe
from iwds.engine import parting
from iwds.errors import ServiceUnavailable
from iwds.ports import Result
from tests.unit.engine.rehearsal import OURS, Rehearsal

GRACE = timedelta(days=30)
WAITS = Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=GRACE)
EVERYBODY = ("ann", "bob", "cy", "dee")


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    """Four people, all made by a run; whoever leaves is deleted after thirty days."""
    rehearsal = Rehearsal()
    rehearsal.configure(policy=WAITS)
    for who in EVERYBODY:
        rehearsal.hire(who, ("vpn", "wiki"), mail=f"{who}@x.y", role="1")
    assert rehearsal.run().exit_code == 0
    rehearsal.run()
    yield rehearsal
    rehearsal.close()


def later(stage: Rehearsal, days: float) -> None:
    stage.clock.passed += days * 86_400


def night(stage: Rehearsal, days: float = 1) -> Plan:
    later(stage, days)
    return stage.run().plan


def left_at(stage: Rehearsal, who: str = "ann") -> datetime | None:
    return stage.ledger()[who].left_at


def is_there(stage: Rehearsal, who: str = "ann") -> bool:
    return who in {login.login for login in stage.target.state.logins.values()}


def outside(stage: Rehearsal, who: str) -> None:
    """Somebody is still in the directory, and not where the source looks."""
    moved = stage.entry(who)
    stage.source.entries.remove(moved)
    stage.source.elsewhere.append(moved)


def returns(stage: Rehearsal, entry: Entry) -> bool:
    """Somebody is back, between the plan and the last look."""
    stage.source.entries.append(entry)
    return True


def no_longer_proven(stage: Rehearsal) -> None:
    stage.source.problems = ("page 2 never came",)


class TestALeaver:
    def test_is_locked_at_once_and_keeps_groups_and_role(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        plan = night(stage)
        assert plan.count() == {Kind.LOCK: 1}
        assert (stage.login("ann").status, stage.login("ann").role) == (1, 1)
        assert stage.groups_of("ann") == {"vpn", "wiki"}
        assert left_at(stage) == stage.clock.now()

    def test_is_deleted_after_the_grace_and_not_a_moment_before(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        for _ in range(29):
            assert night(stage).changes == ()
        later(stage, 0.999)
        assert stage.run().plan.changes == ()
        plan = night(stage, 0.001)
        assert plan.count() == {Kind.DELETE: 1}
        assert not is_there(stage)
        assert "ann" not in stage.ledger()
        assert night(stage).changes == ()

    def test_who_comes_back_within_the_grace_has_everything_as_it_was(self, stage: Rehearsal) -> None:
        entry, before = stage.entry("ann"), stage.login("ann")
        row, groups = stage.ledger()["ann"], stage.groups_of("ann")
        stage.leave("ann")
        night(stage)
        later(stage, 29)
        stage.source.entries.append(entry)
        assert stage.run().plan.count() == {Kind.UNLOCK: 1}
        assert (stage.login("ann"), stage.groups_of("ann")) == (before, groups)
        assert stage.ledger()["ann"] == row
        stage.leave("ann")
        later(stage, 2)
        assert stage.run().plan.count() == {Kind.LOCK: 1}
        assert left_at(stage) == stage.clock.now()

    def test_who_came_back_as_somebody_disabled_has_no_grace_any_more(self, stage: Rehearsal) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        night(stage)
        stage.source.entries.append(replace(entry, attrs={**entry.attrs, "disabled": ("yes",)}))
        assert night(stage, 31).changes == ()
        assert left_at(stage) is None
        stage.source.entries.remove(stage.entry("ann"))
        assert night(stage).changes == ()
        assert left_at(stage) == stage.clock.now()

    def test_who_was_seen_on_a_night_that_a_guard_stopped_begins_again(self, stage: Rehearsal) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        night(stage)
        stage.source.entries.append(entry)
        stage.configure(limits={kind: replace(limit, cap=0) for kind, limit in stage.job.limits.items()})
        assert night(stage).violations
        assert left_at(stage) is None

    def test_who_was_unlocked_by_hand_is_locked_again_and_the_grace_begins_anew(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        stage.by_hand("ann", status=0)
        assert night(stage, 40).count() == {Kind.LOCK: 1}
        assert left_at(stage) == stage.clock.now()
        assert night(stage, 29).changes == ()

    def test_whose_login_was_used_since_the_lock_waits_for_a_whole_grace_again(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        later(stage, 40)
        stage.by_hand("ann", last_seen=int(stage.clock.now().timestamp()) - 60)
        assert stage.run().plan.changes == ()
        assert left_at(stage) == stage.clock.now()

    def test_whom_somebody_unlocks_during_the_run_is_not_deleted(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        later(stage, 31)

        def unlocked(plan: Plan) -> bool:
            stage.by_hand("ann", status=0)
            return True

        report = stage.run(confirm=unlocked)
        assert report.applied
        assert [(r, why) for _, r, why in report.applied.outcomes] == [
            (Result.HELD, "status changed on the service since it was read")
        ]
        assert is_there(stage)

    def test_who_is_back_during_the_run_is_not_deleted(self, stage: Rehearsal) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        night(stage)
        later(stage, 31)
        report = stage.run(confirm=lambda _: returns(stage, entry))
        assert report.applied
        assert report.applied.results == {Result.HELD: 1}
        assert is_there(stage)


class TestTheGraceOfALeaver:
    def test_does_not_begin_on_an_unproven_reading(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", status=1)
        stage.leave("ann")
        no_longer_proven(stage)
        night(stage)
        assert left_at(stage) is None
        stage.source.problems = ()
        night(stage)
        assert left_at(stage) == stage.clock.now()

    def test_ends_in_no_deletion_while_the_absence_is_not_proven(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        no_longer_proven(stage)
        plan = night(stage, 60)
        assert plan.changes == ()
        assert [skip.reason.value for skip in plan.skips] == ["unproven"]
        assert is_there(stage)

    def test_does_not_begin_where_a_guard_stopped_the_lock(self, stage: Rehearsal) -> None:
        wide = stage.job.limits
        stage.configure(limits={kind: replace(limit, cap=0) for kind, limit in wide.items()})
        stage.leave("ann")
        assert night(stage).violations
        assert left_at(stage) is None
        stage.configure(limits=wide)
        assert night(stage, 60).count() == {Kind.LOCK: 1}

    def test_does_not_begin_where_the_lock_was_not_made(self, stage: Rehearsal) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        later(stage, 1)
        stage.run(confirm=lambda _: returns(stage, entry))
        assert stage.login("ann").status == 0
        assert left_at(stage) is None

    def test_does_not_begin_while_a_changed_configuration_waits(self, stage: Rehearsal) -> None:
        stage.change("bob", disabled="yes")
        night(stage)
        stage.configure(digest="configuration 2")
        stage.leave("ann")
        stage.leave("bob")
        night(stage)
        assert [left_at(stage, who) for who in ("ann", "bob")] == [None, None]

    def test_does_not_begin_in_a_plan_a_report_or_a_declined_run(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", status=1)
        stage.leave("ann")
        stage.plan()
        stage.run(report=True)
        assert left_at(stage) is None
        stage.leave("bob")
        stage.run(confirm=lambda _: False)
        assert left_at(stage) is None

    def test_of_somebody_whom_the_policy_before_had_locked_begins_with_the_new_one(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.LOCK))
        stage.leave("ann")
        night(stage)
        later(stage, 90)
        stage.run()
        assert left_at(stage) is None
        stage.configure(policy=WAITS, digest="configuration 2")
        assert night(stage).changes == ()
        assert left_at(stage) == stage.clock.now()
        assert night(stage, 29).changes == ()
        assert night(stage, 1).count() == {Kind.DELETE: 1}

    def test_is_forgotten_under_a_policy_that_has_none(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        night(stage)
        stage.configure(policy=Policy(OURS, Leaver.LOCK))
        night(stage)
        assert left_at(stage) is None


class TestWhomTheDirectoryStillKnows:
    @pytest.mark.parametrize("policy", [Leaver.LOCK, Leaver.LOCK_THEN_DELETE, Leaver.DELETE])
    @pytest.mark.parametrize("known", ["disabled", "scope"])
    def test_is_locked_and_never_deleted(self, stage: Rehearsal, policy: Leaver, known: str) -> None:
        stage.configure(policy=Policy(OURS, policy, delete_after=GRACE))
        stage.change("ann", None, **{known: "out-of-scope"})
        assert night(stage).count() == {Kind.LOCK: 1}
        for _ in range(3):
            assert night(stage, 40).changes == ()
        assert is_there(stage)

    @pytest.mark.parametrize("policy", [Leaver.LOCK_THEN_DELETE, Leaver.DELETE])
    def test_is_locked_where_they_moved_out_of_base_or_filter(self, stage: Rehearsal, policy: Leaver) -> None:
        stage.configure(policy=Policy(OURS, policy, delete_after=GRACE))
        outside(stage, "ann")
        assert night(stage).count() == {Kind.LOCK: 1}
        for _ in range(3):
            plan = night(stage, 40)
            assert (plan.changes, plan.held) == ((), ())
        assert is_there(stage)


class TestADeletion:
    """Of somebody who has been locked for a month."""

    @pytest.fixture
    def due(self, stage: Rehearsal) -> Rehearsal:
        phone = Device(DeviceKind.AUTHENTICATOR, 7, DeviceState.ACTIVE, "phone")
        stage.target.state.devices[stage.login("ann").id] = (phone, replace(phone, id=8))
        stage.by_hand("ann", last_seen=int(datetime(2026, 1, 2, tzinfo=UTC).timestamp()))
        stage.leave("ann")
        night(stage)
        later(stage, 31)
        return stage

    def test_says_what_is_lost_for_good(self, due: Rehearsal) -> None:
        (change,) = due.plan().changes
        assert describe(change) == (
            "delete ann with 2 devices (2 Authenticator), groups vpn, wiki, last login 2026-01-02"
        )

    def test_is_held_while_that_cannot_be_read(self, due: Rehearsal) -> None:
        def busy(_: str) -> None:
            raise ServiceUnavailable("busy")

        due.target.state.ask = busy
        report = due.run()
        assert (report.exit_code, report.plan.changes) == (3, ())
        (skip,) = report.plan.held
        assert (skip.reason.value, skip.detail) == (
            "unproven",
            "what would be lost for good could not be read: busy",
        )
        assert is_there(due)

    def test_waits_beyond_what_one_run_looks_into(self, due: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parting, "MOST", 0)
        report = due.run()
        assert [skip.reason.value for skip in report.plan.held] == ["unproven"]
        assert is_there(due)

    def test_that_a_person_approved_is_not_made_where_more_would_be_lost_by_now(self, due: Rehearsal) -> None:
        approved = due.plan()
        number = due.login("ann").id
        due.target.state.devices[number] = due.target.state.devices[number][:1]
        report = due.run(approved=approved)
        assert (report.exit_code, len(report.moved)) == (3, 1)
        assert is_there(due)
        due.target.state.devices[number] = due.target.state.devices[number] * 2
        due.run(approved=approved)
        assert not is_there(due)


def test_whoever_is_disabled_is_locked_although_they_cannot_be_mapped_any_more(stage: Rehearsal) -> None:
    """Who leaves often loses the attribute that the login is made of, or gets a name that the service cannot hold."""
    stage.change("ann", uid="", disabled="yes")
    stage.change("bob", uid="cy", disabled="yes")
    stage.change("dee", uid="")
    night(stage)
    locked = {login.login for login in stage.target.state.logins.values() if login.status == Status.LOCKED}
    assert locked == {"ann", "bob"}
    stage.change("ann", uid="ann", disabled="")
    night(stage)
    assert stage.login("ann").status == Status.ACTIVE


class TestWhoeverMovesToAnotherJobOfTheService:
    def test_is_locked_by_the_one_and_foreign_to_the_other_until_their_login_was_deleted(
        self, stage: Rehearsal
    ) -> None:
        contractors = stage.job
        staff = replace(contractors, name="staff", policy=Policy(OURS + 1))
        stage.change("ann", scope="out-of-scope")
        assert night(stage).count() == {Kind.LOCK: 1}

        stage.job = staff
        stage.change("ann", scope="")
        (skip,) = (skip for skip in stage.plan().skips if skip.subject.login == "ann")
        assert (skip.reason, skip.change) == (Reason.FOREIGN, None)

        del stage.target.state.logins[stage.login("ann").id]
        assert [change.subject.login for change in stage.plan().changes if isinstance(change, CreateLogin)] == ["ann"]
