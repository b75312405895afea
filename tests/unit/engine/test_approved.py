"""Which saved plans may be applied, what is said of the others, and what of one is no longer true."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iwds.core.decision import Reason
from iwds.core.model import Service
from iwds.core.moved import Drift
from iwds.core.plan import Lifetime, Plan
from iwds.core.plan_document import plan_from_data, plan_to_data
from iwds.core.policy import Hold, HoldKind
from iwds.core.previous import Places
from iwds.engine.approved import CLOCKS, good_until, refuse_unfit
from iwds.engine.running import plan_only
from iwds.errors import Refused, Unavailable, UsageError
from iwds.ports import HoldRow
from tests.unit.engine.rehearsal import Rehearsal

DECIDING = json.dumps(
    {
        "mapping": "m1",
        "sources": {"staff": {}},
        "order": ["staff"],
        "leavers": "lock",
        "adopt": [],
        "provisioning_id": 20,
    }
)
PLACES = Places({"mapping": "staff.yaml:1", "leavers": "config.yaml:9", "service": "config.yaml:4"})


@pytest.fixture
def saved(stage: Rehearsal) -> Plan:
    """The plan of a newcomer, as it comes back from its document."""
    stage.configure(deciding=DECIDING, places=PLACES)
    stage.hire("ann")
    return _read(plan_only(stage.job, stage.tools))


def _read(plan: Plan) -> Plan:
    return plan_from_data(json.loads(json.dumps(plan_to_data(plan))))


def check(stage: Rehearsal, plan: Plan, kept: Plan | None = None, later: timedelta = timedelta()) -> None:
    refuse_unfit(plan, kept, stage.job, plan.made_at + later)


class TestAPlan:
    def test_of_today_passes_from_our_memory_and_from_a_file(self, stage: Rehearsal, saved: Plan) -> None:
        check(stage, saved, saved)
        check(stage, saved, None)

    def test_of_another_service_is_refused_with_both_and_where_it_is_configured(
        self, stage: Rehearsal, saved: Plan
    ) -> None:
        other = replace(saved, service=str(Service("mfa.example", 7)))
        with pytest.raises(UsageError, match=r"is for MFA service mfa\.example#7, .* works on \S+ \(config\.yaml:4\)"):
            check(stage, other)

    def test_of_another_configuration_is_refused_with_what_differs_and_where_it_stands(
        self, stage: Rehearsal, saved: Plan
    ) -> None:
        changed = json.dumps({**json.loads(DECIDING), "mapping": "m2", "leavers": "delete"})
        stage.configure(deciding=changed, digest="another")
        with pytest.raises(UsageError, match=r"plan was made: mapping \(staff\.yaml:1\), leavers \(config\.yaml:9\)$"):
            check(stage, saved)

    def test_that_is_too_old_to_know_the_parts_is_refused_all_the_same(self, stage: Rehearsal, saved: Plan) -> None:
        old = replace(saved, basis=replace(saved.basis, parts={}, config_digest="another"))
        with pytest.raises(UsageError, match="mapping, scope, sources or policy"):
            check(stage, old)

    def test_in_a_file_that_is_not_the_one_that_we_keep_is_refused(self, stage: Rehearsal, saved: Plan) -> None:
        altered = replace(saved, valid_until=saved.made_at + timedelta(days=99))
        with pytest.raises(UsageError, match=f"not the plan that is kept as {saved.id}"):
            check(stage, altered, saved)

    def test_that_was_made_in_the_future_is_refused(self, stage: Rehearsal, saved: Plan) -> None:
        with pytest.raises(Refused, match="made in the future"):
            check(stage, saved, later=-CLOCKS - timedelta(seconds=1))
        check(stage, saved, later=-CLOCKS)


class TestTheEnd:
    @pytest.mark.parametrize("from_memory", [True, False])
    def test_is_the_last_moment_at_which_a_plan_is_refused(
        self, stage: Rehearsal, saved: Plan, from_memory: bool
    ) -> None:
        kept = saved if from_memory else None
        check(stage, saved, kept, timedelta(hours=72, seconds=-1))
        with pytest.raises(Refused, match="was good until") as caught:
            check(stage, saved, kept, timedelta(hours=72))
        assert (caught.value.exit_code, caught.value.advice) == (3, "look at a new one: iwds plan staff")

    def end(self, stage: Rehearsal, saved: Plan, file: timedelta | None, job: timedelta) -> datetime:
        stage.configure(lifetime=Lifetime(valid=job))
        until = None if file is None else saved.made_at + file
        return good_until(replace(saved, valid_until=until), None, stage.job)

    def test_of_a_file_from_elsewhere_is_the_earlier_of_what_it_says_and_what_the_job_allows(
        self, stage: Rehearsal, saved: Plan
    ) -> None:
        hour, day = timedelta(hours=1), timedelta(days=1)
        assert self.end(stage, saved, hour, day) == saved.made_at + hour
        assert self.end(stage, saved, day, hour) == saved.made_at + hour
        assert self.end(stage, saved, None, hour) == saved.made_at + hour

    def test_of_a_plan_that_we_keep_is_the_one_that_we_keep(self, stage: Rehearsal, saved: Plan) -> None:
        stage.configure(lifetime=Lifetime(valid=timedelta(hours=1)))
        assert good_until(saved, saved, stage.job) == saved.valid_until
        old = replace(saved, valid_until=None)
        assert good_until(old, old, stage.job) == saved.made_at + timedelta(hours=1)


class TestWhatMoved:
    def told(self, stage: Rehearsal, approved: Plan) -> list[tuple[str, Drift, str]]:
        report = stage.run(approved=approved)
        skips = [skip for skip in report.plan.skips if skip.reason is Reason.MOVED]
        assert sorted(skip.detail for skip in skips) == sorted(each.told for each in report.moved)
        listed = report.run.report["moved"]["listed"]
        assert [row[1:] for row in listed] == [[each.drift.value, each.told] for each in report.moved]
        matters = any(each.matters for each in report.moved)
        assert ("moved" in report.run.summary) is matters
        assert (report.exit_code in (3, 4)) is matters
        return [(each.change.subject.login, each.drift, each.told) for each in report.moved]

    def staff(self, stage: Rehearsal) -> None:
        for who in ("ann", "bob", "cal", "dan"):
            stage.hire(who, ("vpn",), mail=f"{who}@old", disabled="")
        stage.run()
        stage.run()

    def test_on_either_side_is_told_person_by_person_and_the_rest_is_made(self, stage: Rehearsal) -> None:
        self.staff(stage)
        for who in ("ann", "bob", "cal"):
            stage.change(who, mail=f"{who}@new")
        stage.change("dan", disabled="yes")
        approved = stage.plan()
        stage.by_hand("ann", mail="c@x")
        stage.by_hand("bob", mail="bob@new")
        stage.change("dan", disabled="")
        assert self.told(stage, approved) == [
            ("dan", Drift.WITHDRAWN, "in the directory, in scope and not disabled"),
            ("ann", Drift.SET, "somebody set mail to c@x in the meantime"),
            ("bob", Drift.ALREADY, "it is so already"),
        ]
        assert stage.login("cal").mail == "cal@new"
        assert stage.login("ann").mail == "c@x"

    def test_of_people_who_agree_in_everything_is_known_too(self, stage: Rehearsal) -> None:
        """They are no case any more: the readings themselves are asked."""
        self.staff(stage)
        stage.change("ann", ("vpn", "wiki"))
        approved = stage.plan()
        run = stage.run().run
        assert self.told(stage, approved) == [("ann", Drift.ALREADY, f"made by run {run.id}")]

    def test_is_nothing_where_a_run_made_all_of_it_and_the_rest_is_told(self, stage: Rehearsal) -> None:
        self.staff(stage)
        stage.hire("eve", ("vpn",), mail="eve@new")
        stage.change("ann", ("wiki",), mail="ann@new")
        stage.change("bob", mail="bob@new", disabled="yes")
        approved = stage.plan()
        first = stage.run(approved=approved)
        assert (first.exit_code, first.run.report["applies"]) == (0, approved.id)
        again = stage.run(approved=approved)
        done = len(again.moved)
        assert (again.exit_code, again.run.summary) == (0, f"nothing to do: {done} made before by run {first.run.id}")
        stage.by_hand("bob", mail="c@x")
        third = stage.run(approved=approved)
        assert third.exit_code == 3
        assert (
            third.run.summary == f"nothing was changed, 1 held, 1 moved, {done - 1} made before by run {first.run.id}"
        )

    def test_by_a_hold_is_told_with_whose_it_is(self, stage: Rehearsal) -> None:
        self.staff(stage)
        stage.change("ann", disabled="yes")
        approved = stage.plan()
        hold = Hold("boss", "on leave", stage.clock.now() + timedelta(days=9), HoldKind.EXEMPT)
        row = HoldRow(stage.login("ann").id, hold, "", stage.clock.now())
        stage.state.place_hold(stage.job.target.service, row)
        ((who, drift, told),) = self.told(stage, approved)
        assert (who, drift) == ("ann", Drift.WAITS)
        assert told.startswith("now exempt: ")
        assert "boss" in told

    def test_of_somebody_who_left_with_their_login_is_told(self, stage: Rehearsal) -> None:
        self.staff(stage)
        stage.change("ann", mail="ann@new")
        approved = stage.plan()
        number = stage.login("ann").id
        del stage.target.state.logins[number]
        stage.target.state.members = {pair: r for pair, r in stage.target.state.members.items() if pair[1] != number}
        assert [told for _, _, told in self.told(stage, approved)] == ["the login is gone"]


class TestOldPlans:
    def test_are_forgotten_at_the_end_of_a_run(self, stage: Rehearsal) -> None:
        old = plan_only(stage.job, stage.tools)
        stage.clock.passed = timedelta(days=91).total_seconds()
        report = stage.run()
        assert stage.state.plan(old.id) == ""
        assert stage.state.plan(report.plan.id)
        stage.clock.passed *= 2
        stage.run()
        assert stage.state.plan(report.plan.id) == ""
        assert stage.state.run(report.run.id) == report.run

    def test_that_cannot_be_forgotten_are_no_failure_of_the_run(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(_: datetime) -> int:
            raise Unavailable("the disk is full")

        monkeypatch.setattr(stage.state, "forget_plans", fails)
        assert stage.run().exit_code == 0
