"""One run from lease to report."""

import os
import pwd
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.change import CreateLogin, Kind, Subject, Write
from iwds.core.decision import Reason
from iwds.core.guards import DEFAULTS
from iwds.core.model import Account, Anchor, Group, Origin, Status
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Hold, Leaver, Policy
from iwds.engine import leasing, planning, service_reading
from iwds.engine.job import LEASE_SECONDS
from iwds.engine.running import RunReport, plan_exit_code, plan_only
from iwds.engine.unsettled import settle_open_intents
from iwds.errors import (
    Busy,
    ConfigurationError,
    LeaseHeld,
    LeaseLost,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServiceUnproven,
    SourceUnavailable,
    Unavailable,
)
from iwds.ports import HoldRow, Result
from iwds.state.leases import SqlLease
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

DOUBT = OutcomeUnknown("no answer")


def settled(stage: Rehearsal, *people: str) -> Rehearsal:
    """These people have their logins, and an applied run lies behind."""
    for who in people:
        stage.hire(who, mail=f"{who}@x.y")
    assert stage.run().exit_code == 0
    return stage


class TestExitCodes:
    def test_0_where_everything_was_made(self, stage: Rehearsal) -> None:
        stage.hire("ann", ("vpn",))
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (0, "2 done")
        assert stage.groups_of("ann") == {"vpn"}

    def test_0_where_there_is_nothing_to_do(self, stage: Rehearsal) -> None:
        settled(stage, "ann")
        report = stage.run()
        assert (report.exit_code, report.run.summary, stage.writers) == (0, "nothing to do", 1)

    def test_0_where_a_person_declines(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        report = stage.run(confirm=lambda plan: False)
        assert (report.exit_code, report.applied, stage.writers) == (0, None, 0)
        assert stage.plan().basis.first_run

    def test_3_where_a_guard_trips_and_then_nothing_is_made(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh").configure(limits=DEFAULTS)
        for who in "abcde":
            stage.change(who, disabled="yes")
        stage.hire("zoe")
        calls = stage.calls()
        report = stage.run()
        assert (report.exit_code, report.run.summary, calls) == (3, "held by the guard lock", [])
        assert stage.writers == 1

    def test_3_where_everything_is_held(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob").leave("ann")
        stage.source.problems = ["cut short"]
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (
            3,
            "nothing was changed, 1 held; the reading of staff is not proven",
        )

    def test_a_reading_that_is_not_proven_is_never_nothing_to_do(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob")
        stage.source.problems = ["cut short"]
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (3, "nothing was changed; the reading of staff is not proven")

    def test_3_where_the_last_look_holds_everything(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob").leave("ann")

        def comes_back(_: Plan) -> bool:
            stage.hire("ann")
            return True

        report = stage.run(confirm=comes_back)
        assert report.applied is not None
        assert (report.exit_code, report.applied.results) == (3, {Result.HELD: 1})
        assert stage.login("ann").status == Status.ACTIVE

    def test_4_where_something_was_made_and_something_waits(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob").leave("ann")
        stage.source.problems = ["cut short"]
        stage.hire("cy")
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (
            4,
            "1 done, 1 held by the plan; the reading of staff is not proven",
        )

    def test_4_where_the_service_is_full_and_the_report_says_how_many_wait(self) -> None:
        stage = Rehearsal(max_logins=2, lanes=1)
        for number in range(39):
            stage.hire(f"u{number}")
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (4, "2 done, service full, 37 wait")
        assert report.run.report["waiting_for_seats"] == 37
        stage.close()

    def test_4_where_something_failed(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        stage.fail("create", Rejected("no"))
        assert stage.run().exit_code == 4

    def test_4_where_it_was_stopped(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        stop = threading.Event()
        stop.set()
        report = stage.run(stop=stop)
        assert (report.exit_code, report.run.summary) == (4, "1 not tried; stopped on request")
        assert stage.target.state.logins == {}

    def test_of_a_plan(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh")
        assert plan_exit_code(plan_only(stage.job, stage.tools)) == 0
        stage.hire("zoe")
        assert plan_exit_code(stage.plan()) == 2
        stage.leave("zoe")
        stage.leave("a")
        stage.source.problems = ["cut short"]
        assert plan_exit_code(stage.plan()) == 3


class TestAReportOnlyRun:
    def test_never_builds_a_writer_and_still_remembers_its_plan(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        report = stage.run(report=True)
        assert (report.exit_code, stage.writers, stage.target.state.logins) == (2, 0, {})
        assert report.run.summary == "report only: 1 change would be made"
        assert stage.state.plan(report.plan.id) is not None

    def test_is_no_applied_run(self, stage: Rehearsal) -> None:
        stage.run(report=True)
        assert stage.plan().basis.first_run


class TestAConfiguration:
    """Counts as applied once nothing that it asks for is held back."""

    def test_of_a_first_run_does(self, stage: Rehearsal) -> None:
        settled(stage, "ann")
        assert not stage.plan().basis.config_changed

    def test_that_removes_nothing_is_accepted_by_the_run(self, stage: Rehearsal) -> None:
        settled(stage, "ann").configure(digest="configuration 2")
        assert stage.plan().basis.config_changed
        assert stage.run().exit_code == 0
        assert not stage.plan().basis.config_changed

    def test_that_removes_waits_until_its_number_is_accepted(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob").configure(digest="configuration 2")
        stage.change("ann", scope="out-of-scope")
        assert stage.run().exit_code == 3
        assert stage.run().exit_code == 3
        assert stage.login("ann").status == Status.ACTIVE
        accepted = Selection(frozenset({"rule"}), {"out-of-scope": 1}, "the new scope")
        assert stage.run(selection=accepted).exit_code == 0
        assert stage.login("ann").status == Status.LOCKED
        assert not stage.plan().basis.config_changed

    def test_is_not_accepted_by_a_run_that_chose_something_else(self, stage: Rehearsal) -> None:
        settled(stage, "ann").configure(digest="configuration 2")
        stage.run(selection=Selection(frozenset({"create"})))
        assert stage.plan().basis.config_changed

    def test_is_not_accepted_by_a_run_without_proof(self, stage: Rehearsal) -> None:
        settled(stage, "ann").configure(digest="configuration 2")
        stage.source.problems = ["cut short"]
        stage.run()
        assert stage.plan().basis.config_changed


class TestCounts:
    """Later runs' guards count what earlier ones made."""

    def test_in_small_steps_nobody_gets_past_a_limit(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh").configure(limits=DEFAULTS)
        for who in "abc":
            stage.change(who, disabled="yes")
        assert stage.run().exit_code == 0
        stage.change("d", disabled="yes")
        assert stage.run().exit_code == 3
        stage.clock.passed += 21 * 3600
        assert stage.run().exit_code == 0

    def test_what_was_allowed_by_hand_does_not_count(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh").configure(limits=DEFAULTS)
        for who in "abcd":
            stage.change(who, disabled="yes")
        assert stage.run(selection=Selection(allow={"lock": 4}, reason="sold")).exit_code == 0
        stage.change("e", disabled="yes")
        assert stage.run().exit_code == 0

    def test_clearing_one_field_counts_for_that_field(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh").configure(limits=DEFAULTS)
        for who in "abc":
            stage.change(who, mail="")
        assert stage.run().exit_code == 0
        stage.change("d", mail="")
        assert [(gauge.of, gauge.recent) for gauge in stage.plan().violations] == [("mail", 3)]

    def test_creations_of_a_first_run_do_not_count(self, stage: Rehearsal) -> None:
        settled(stage, *(f"u{n}" for n in range(60))).configure(limits=DEFAULTS)
        stage.hire("zoe")
        assert stage.plan().violations == ()

    def test_people_missing_against_the_last_proven_reading_are_counted(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh").configure(limits=DEFAULTS, policy=Policy(OURS, Leaver.KEEP))
        stage.run()
        for who in "abcd":
            stage.leave(who)
        assert [gauge.kind.value for gauge in stage.plan().violations] == ["vanished"]


class TestAnApprovedPlan:
    def test_is_made_and_nothing_beside_it(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        approved = stage.plan()
        stage.hire("bob")
        report = stage.run(approved=approved)
        assert {login.login for login in stage.target.state.logins.values()} == {"ann"}
        assert report.exit_code == 4
        assert [skip.subject.login for skip in report.plan.held] == ["bob"]

    def test_of_which_nothing_is_true_any_more_changes_nothing(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        approved = stage.plan()
        stage.leave("ann")
        report = stage.run(approved=approved)
        assert (report.exit_code, len(report.moved)) == (3, 1)


class TestWhatAnEarlierRunLeftOpen:
    def dead(self, stage: Rehearsal, *changes: CreateLogin | Write) -> None:
        """A run that wrote its intents and died."""
        service = stage.job.target.service
        lease = stage.state.lease(service, "dead", LEASE_SECONDS)
        row = replace(stage.run_row(), id="dead")
        stage.state.start_run(row, "", "")
        stage.state.journal("dead", service, lease).intend([(4, change) for change in changes])
        lease.release()

    def settle(self, stage: Rehearsal, run_id: str = "next") -> int:
        service = stage.job.target.service
        lease = stage.state.lease(service, "next", LEASE_SECONDS)
        stage.state.start_run(replace(stage.run_row(), id=run_id), "", "")
        try:
            journal = stage.state.journal(run_id, service, lease)
            return settle_open_intents(stage.job, stage.tools, journal, stage.writer)
        finally:
            lease.release()

    def creation(self, who: str) -> CreateLogin:
        account = Account(Anchor("here", who), who, enabled=True)
        return CreateLogin(Subject(who, account.anchor), account, "new")

    def test_is_ours_where_a_read_shows_that_it_was_made(self, stage: Rehearsal) -> None:
        self.dead(stage, self.creation("ann"))
        stage.target.state.add("ann", created_by=OURS)
        assert self.settle(stage) == 1
        assert list(stage.ledger()) == ["ann"]
        assert self.settle(stage, "later") == 0

    def test_is_not_ours_where_it_was_not_made_or_carries_another_tag(self, stage: Rehearsal) -> None:
        self.dead(stage, self.creation("ann"), self.creation("bob"))
        stage.target.state.add("bob", created_by=1)
        assert self.settle(stage) == 2
        assert stage.ledger() == {}
        results = {intent.result for intent in stage.state.intents("dead")}
        assert results == {Result.REJECTED, Result.SUPERSEDED}

    def test_never_gives_a_newcomer_the_login_of_somebody_else(self, stage: Rehearsal) -> None:
        """The name was to be given up by a rename that did not come about."""
        settled(stage, "ann")
        other = replace(self.creation("ann"), subject=Subject("ann", Anchor("here", "second ann")))
        self.dead(stage, other)
        self.settle(stage)
        assert list(stage.ledger()) == ["ann"]

    @pytest.mark.parametrize("after", [False, True])
    def test_is_settled_before_the_next_plan_and_nobody_is_created_twice(
        self, stage: Rehearsal, after: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.hire("ann", ("vpn",))
        stage.fail("create", DOUBT, after=after)
        blind = SourceUnavailable("the service cannot be read either")
        with monkeypatch.context() as patch:
            patch.setattr(type(stage.target.reader), "named", _raising(blind))
            first = stage.run()
        assert first.applied is not None
        assert first.applied.results == {Result.UNKNOWN: 1, Result.NOT_TRIED: 1}
        assert (first.exit_code, stage.ledger()) == (4, {})
        second = stage.run()
        assert second.exit_code == 0
        assert [login.login for login in stage.target.state.logins.values()] == ["ann"]
        assert (list(stage.ledger()), stage.groups_of("ann")) == (["ann"], {"vpn"})
        if after:  # it was recognised as our own creation, and not adopted like somebody else's
            assert (stage.ledger()["ann"].origin, second.plan.count()) == (Origin.CREATED, {Kind.ADD: 1})
        assert stage.plan().changes == ()


def _raising(error: Exception) -> object:
    def method(*_: object) -> str:
        raise error

    return method


class TestTroubleBeforeThePlan:
    def test_an_unproven_reading_of_the_service_ends_the_run(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        stage.target.state.problems = ["the count changed"]
        with pytest.raises(ServiceUnproven):
            stage.run()
        (row,) = stage.state.runs()
        assert (row.exit_code, "not believed" in row.summary, stage.writers) == (3, True, 0)

    def test_a_source_that_does_not_answer_ends_the_run(self, stage: Rehearsal) -> None:
        stage.source.fail_after = 0
        with pytest.raises(SourceUnavailable):
            stage.run()
        assert stage.state.runs()[0].exit_code == 75

    def test_another_service_under_the_same_name_ends_the_run(self, stage: Rehearsal) -> None:
        settled(stage, *"abcdefgh")
        stage.target.state.logins.clear()
        with pytest.raises(ConfigurationError, match="another service"):
            stage.run()

    def test_a_lease_that_is_held_ends_the_run_before_anything_is_read(self, stage: Rehearsal) -> None:
        lease = stage.state.lease(stage.job.target.service, "somebody", LEASE_SECONDS)
        with pytest.raises(LeaseHeld, match="somebody"):
            stage.run()
        (row,) = stage.state.runs()
        assert (row.exit_code, row.ended, "held by somebody since" in row.summary) == (3, stage.clock.now(), True)
        lease.release()
        assert stage.run().exit_code == 0

    def test_what_nobody_expected_is_recorded_and_raised(self, stage: Rehearsal) -> None:
        stage.hire("ann")
        with pytest.raises(ZeroDivisionError):
            stage.run(confirm=lambda plan: bool(1 / 0))
        assert stage.state.runs()[0].summary == "ended by ZeroDivisionError"

    def test_a_group_that_the_service_does_not_have_is_a_note(self, stage: Rehearsal) -> None:
        del stage.target.state.groups[2]
        assert stage.plan().basis.notes == ("the service has no group wiki: such memberships are not made",)

    def test_a_group_that_is_written_a_little_differently_is_named_in_the_note(self, stage: Rehearsal) -> None:
        stage.target.state.groups[2] = Group(2, "wikis")
        told = 'the service has no group wiki (did you mean "wikis"?): such memberships are not made'
        assert stage.plan().basis.notes == (told,)

    def test_whoever_the_rules_named_until_a_day_that_is_over_is_a_note(self, stage: Rehearsal) -> None:
        stage.configure(rules=PlainRules(notes=("`exclude` of bob ended",)))
        assert stage.plan().basis.notes == ("`exclude` of bob ended",)


def test_a_lease_that_is_lost_while_applying_ends_the_run(stage: Rehearsal) -> None:
    stage.hire("ann")

    def lose(_: object) -> bool:
        stage.clock.passed += LEASE_SECONDS + 1
        stage.state.lease(stage.job.target.service, "somebody else", LEASE_SECONDS)
        return True

    with pytest.raises(LeaseLost):
        stage.run(confirm=lose)
    assert stage.target.state.logins == {}
    assert stage.state.runs()[0].exit_code == 4


def test_a_run_that_lost_its_lease_before_its_end_does_not_say_that_the_job_was_applied(stage: Rehearsal) -> None:
    """It was paused when everything was made, and another run is at work by now."""
    stage.hire("ann")
    unmailed = type(stage.state).unmailed

    def late(*asked: Any) -> Any:
        stage.clock.passed += LEASE_SECONDS + 1
        stage.state.lease(stage.job.target.service, "somebody else", LEASE_SECONDS)
        return unmailed(*asked)

    def confirm(_: Plan) -> bool:
        patch.setattr(type(stage.state), "unmailed", late)
        return True

    with pytest.MonkeyPatch.context() as patch, pytest.raises(LeaseLost):
        stage.run(confirm=confirm)
    assert list(stage.ledger()) == ["ann"]
    assert stage.state.runs()[0].exit_code == 4
    assert stage.plan().basis.first_run


def test_a_lease_that_cannot_be_given_back_hides_nothing(stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.hire("ann")
    monkeypatch.setattr(SqlLease, "release", _raising(Unavailable("the database is gone")))
    assert stage.run().run.summary == "1 done"


class TestWhileItRuns:
    """The lease is renewed by a thread of its own."""

    def watched(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> RunReport:
        """A run that waits, before it applies, until the thread has renewed the lease."""
        renewed, renew = threading.Event(), SqlLease.renew

        def watch(lease: SqlLease) -> None:
            if threading.current_thread().name != "lease":
                return renew(lease)
            renewed.set()
            if error:
                raise error
            return renew(lease)

        def confirm(_: Plan) -> bool:
            return renewed.wait(10)

        monkeypatch.setattr(leasing, "RENEW_EVERY", 0.001)
        monkeypatch.setattr(SqlLease, "renew", watch)
        stage.hire("ann")
        return stage.run(confirm=confirm)

    def test_the_lease_is_kept_alive(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.watched(stage, monkeypatch).run.summary == "1 done"

    def test_a_lease_that_cannot_be_renewed_is_left_to_the_fence(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.watched(stage, monkeypatch, LeaseLost("somebody else")).run.summary == "1 done"

    def test_whoever_looks_on_is_told_how_far_it_is(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service_reading, "TICK", 2)
        for who in "abc":
            stage.hire(who)
        told: list[tuple[str, int, int | None]] = []
        planning.make_plan(stage.job, replace(stage.tools, progress=lambda *said: told.append(said)))
        assert [said for said in told if said[0] == "staff"] == [("staff", 2, None), ("staff", 3, 3)]


class TestWho:
    def test_is_whoever_called_sudo(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SUDO_USER", "ada")
        monkeypatch.setattr(os, "getuid", lambda: 0)
        assert stage.run().run.who == "ada"

    def test_is_not_hidden_by_claiming_to_be_somebody_else(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only root can have been made by sudo alone; everybody else may have written the variable themselves."""
        monkeypatch.setenv("SUDO_USER", "ada")
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        assert stage.run().run.who == "ada as 4711"

    def test_is_else_the_user_of_the_process_by_name_or_by_number(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SUDO_USER", raising=False)
        monkeypatch.setenv("LOGNAME", "bob")
        assert stage.run().run.who == pwd.getpwuid(os.getuid()).pw_name
        monkeypatch.setattr(pwd, "getpwuid", _raising(KeyError("no such user")))
        assert stage.run().run.who == str(os.getuid())


class TestAHold:
    """The helpdesk's lock on somebody's login."""

    def held(self, stage: Rehearsal, minutes: float | None = 60, foreign: bool = False) -> Rehearsal:
        """Ann is locked by the helpdesk."""
        settled(stage, "ann", "bob")
        until = None if minutes is None else stage.clock.now() + timedelta(minutes=minutes)
        stage.by_hand("ann", status=1)
        hold = HoldRow(stage.login("ann").id, Hold("zoe", "phone lost", until), "", stage.clock.now(), foreign)
        stage.state.place_hold(stage.job.target.service, hold)
        return stage

    def test_is_undone_by_no_run_before_its_end_and_alarms_nobody(self, stage: Rehearsal) -> None:
        self.held(stage)
        stage.change("ann", mail="new@x.y")
        report = stage.run()
        assert report.exit_code == 0
        (skip,) = report.plan.skips
        assert (skip.reason, skip.detail[:14]) == (Reason.LOCKED_ELSEWHERE, "locked by zoe ")
        assert (stage.login("ann").status, stage.login("ann").mail) == (1, "new@x.y")

    def test_is_undone_by_the_first_run_after_its_end_as_its_plan_said(self, stage: Rehearsal) -> None:
        self.held(stage, minutes=10)
        stage.clock.passed = 10 * 60
        planned = plan_only(stage.job, stage.tools)
        assert planned.count() == {Kind.UNLOCK: 1}
        report = stage.run()
        assert report.plan.changes == planned.changes
        assert stage.login("ann").status == 0
        assert stage.state.open_holds(stage.job.target.service) == []
        stage.by_hand("ann", status=1)
        assert stage.run().plan.changes == ()  # a lock of the console since is the console's

    def test_of_a_login_that_somebody_else_had_locked_gives_it_back_to_nobody(self, stage: Rehearsal) -> None:
        self.held(stage, minutes=10, foreign=True)
        stage.clock.passed = 10 * 60
        for _ in range(2):
            assert [skip.reason for skip in stage.run().plan.skips] == [Reason.LOCKED_ELSEWHERE]
        assert stage.login("ann").status == 1

    def test_without_an_end_stays_until_it_is_lifted(self, stage: Rehearsal) -> None:
        self.held(stage, minutes=None)
        stage.clock.passed = 400 * 24 * 3600
        assert stage.run().plan.changes == ()
        stage.state.lift_hold(stage.job.target.service, stage.login("ann").id, "zoe", stage.clock.now())
        stage.by_hand("ann", status=0)
        assert stage.run().plan.skips == ()

    def test_that_came_after_the_plan_is_kept_by_the_run(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob")
        stage.change("ann", mail="new@x.y")
        service, ann = stage.job.target.service, stage.login("ann").id

        def lock(_: Plan) -> bool:
            stage.state.place_hold(service, HoldRow(ann, Hold("zoe", "phone lost"), "", stage.clock.now()))
            stage.by_hand("ann", status=1)
            return True

        report = stage.run(confirm=lock)
        assert (report.exit_code, stage.login("ann").status) == (3, 1)
        assert report.applied
        assert [(result, why) for _, result, why in report.applied.outcomes] == [
            (Result.HELD, "locked by zoe: phone lost")
        ]  # fmt: skip

    def test_that_came_while_the_run_was_writing_is_made_again_by_the_run(self, stage: Rehearsal) -> None:
        settled(stage, "ann", "bob")
        stage.change("ann", mail="new@x.y")
        service, ann = stage.job.target.service, stage.login("ann").id

        def meanwhile(_: str) -> None:
            stage.target.state.before = lambda _: None
            stage.state.place_hold(service, HoldRow(ann, Hold("zoe", "phone lost"), "", stage.clock.now()))
            stage.by_hand("ann", status=1)

        stage.target.state.before = meanwhile
        report = stage.run()
        assert (stage.login("ann").status, stage.login("ann").mail) == (1, "new@x.y")
        assert report.applied
        assert [why for _, _, why in report.applied.outcomes] == ["locked by zoe: phone lost, and locked again"]

    def crossed(self, stage: Rehearsal, *answers: BaseException | None, after: bool = False) -> None:
        """While a run writes to ann she is locked by the helpdesk; what becomes of this write and those that follow."""
        settled(stage, "ann", "bob")
        stage.change("ann", mail="new@x.y")
        service, ann, left = stage.job.target.service, stage.login("ann").id, list(answers)

        def answer(_: str) -> None:
            if left and (error := left.pop(0)):
                raise error

        def first(operation: str) -> None:
            stage.state.place_hold(service, HoldRow(ann, Hold("zoe", "phone lost"), "", stage.clock.now()))
            stage.by_hand("ann", status=1)
            stage.target.state.before = (lambda _: None) if after else answer
            if not after:
                answer(operation)

        stage.target.state.before = first
        if after:
            stage.target.state.after = answer

    @pytest.mark.parametrize("error", [NotSent("no way there"), Busy("later", 0), DOUBT])
    def test_is_made_again_by_the_run_although_its_first_attempt_fails(
        self, stage: Rehearsal, error: Exception
    ) -> None:
        self.crossed(stage, None, error)
        report = stage.run()
        assert (stage.login("ann").status, stage.login("ann").mail) == (1, "new@x.y")
        assert report.applied
        assert [why for _, _, why in report.applied.outcomes] == ["locked by zoe: phone lost, and locked again"]

    def test_is_made_again_by_the_run_although_its_write_got_no_answer(self, stage: Rehearsal) -> None:
        self.crossed(stage, DOUBT, after=True)
        report = stage.run()
        assert (stage.login("ann").status, stage.login("ann").mail) == (1, "new@x.y")
        assert report.applied
        assert report.applied.results == {Result.HELD: 1}

    def test_that_the_run_could_not_make_again_is_made_by_the_next_one(self, stage: Rehearsal) -> None:
        self.crossed(stage, None, *[DOUBT] * 20)
        report = stage.run()
        assert (report.exit_code, stage.login("ann").status) == (4, 0)
        assert report.applied
        ((_, result, why),) = report.applied.outcomes
        assert (result, "could not be locked again" in why) == (Result.UNKNOWN, True)
        stage.target.state.before = lambda _: None
        stage.run()
        assert stage.login("ann").status == 1

    def test_that_crossed_the_last_write_of_a_run_that_died_is_made_by_the_next_one(self, stage: Rehearsal) -> None:
        self.crossed(stage, None, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            stage.run()
        assert stage.login("ann").status == 0
        stage.run()
        assert stage.login("ann").status == 1

    def test_leaves_our_memory_true_where_the_run_renamed_the_login(self, stage: Rehearsal) -> None:
        self.crossed(stage)
        stage.change("ann", uid="anna")
        stage.run()
        assert stage.login("anna").status == 1
        assert (stage.ledger()["ann"].login, stage.ledger()["ann"].locked) == ("anna", False)

    def test_stands_in_the_way_of_no_lock_and_no_deletion(self, stage: Rehearsal) -> None:
        self.held(stage)
        stage.by_hand("ann", status=0)
        stage.change("ann", disabled="yes")
        assert stage.run().plan.count() == {Kind.LOCK: 1}
        stage.leave("ann")
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        assert stage.run().plan.count() == {Kind.DELETE: 1}


def test_the_tag_of_what_we_created_is_noted_by_the_next_run(stage: Rehearsal) -> None:
    settled(stage, "ann")
    assert stage.ledger()["ann"].tag is None
    stage.run()
    assert stage.ledger()["ann"].tag == OURS


def test_logins_of_ours_that_another_tool_retagged_hold_every_removal(stage: Rehearsal) -> None:
    settled(stage, "ann", "bob")
    stage.run()
    stage.by_hand("bob", created_by=30)
    stage.leave("ann")
    report = stage.run()
    assert report.exit_code == 3
    assert [skip.reason for skip in report.plan.skips] == [Reason.HELD]
