"""Rulings: a run makes what people approved, and nothing that somebody rejected, whenever they said so."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from iwds.cli.plan_text import plan_lines
from iwds.core.approval import Approval, Needed
from iwds.core.change import Adopt, Change
from iwds.core.chosen import Part
from iwds.core.decision import Reason
from iwds.core.guards import OUT_OF_SCOPE
from iwds.core.plan import Plan, Selection
from iwds.core.rulings import Said, approval_of, rejection_of
from iwds.core.words import describe
from iwds.engine.approving import Approving
from iwds.engine.resync import Wish, preview
from iwds.engine.who import caller
from iwds.errors import UsageError
from iwds.ports import Result, Withdrawal
from tests.unit.engine.rehearsal import Rehearsal

DAY = 86_400
REMOVALS = Approval(Needed.REMOVALS)
Decide = Callable[..., None]


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    """Three people, all made by a run."""
    rehearsal = Rehearsal()
    for who in ("ann", "bob", "cy"):
        rehearsal.hire(who, ("vpn",), mail=f"{who}@x.y")
    assert rehearsal.run().exit_code == 0
    rehearsal.clock.passed += 1
    yield rehearsal
    rehearsal.close()


def said(stage: Rehearsal, by: str = "kim", days: float = 7) -> Said:
    now = stage.clock.now()
    return Said(by, "desk-1", "as agreed", now, now + timedelta(days=days), "plan 3f9c", stage.job.name)


def approve(stage: Rehearsal, *changes: Change, by: str = "kim", people: int = 1) -> None:
    rows = [approval_of(change, said(stage, by), people) for change in changes]
    stage.state.place_rulings(stage.job.target.service, rows)


def reject(stage: Rehearsal, *changes: Change, days: float = 7) -> None:
    rows = [rejection_of(change, said(stage, days=days)) for change in changes]
    stage.state.place_rulings(stage.job.target.service, rows)


def locked(stage: Rehearsal) -> set[str]:
    return {who for who in ("ann", "bob", "cy") if stage.login(who).status == 1}


def reasons(plan: Plan) -> list[tuple[str, Reason]]:
    return [(skip.subject.login, skip.reason) for skip in plan.skips]


class TestWhereRemovalsNeedApproval:
    @pytest.fixture(autouse=True)
    def rule(self, stage: Rehearsal) -> None:
        stage.configure(approval=REMOVALS)

    def test_the_run_does_the_rest_leaves_the_plan_waiting_and_says_so(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        stage.change("bob", mail="new@x.y")
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (4, "1 done, 1 waits for approval")
        assert report.run.report["succeeded"]
        assert locked(stage) == set()
        (row,) = stage.state.plans(limit=1)
        assert (row.id, row.waiting) == (report.plan.id, 1)
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (3, "nothing was changed, 1 waits for approval")

    def test_the_next_run_makes_what_is_approved_and_still_true(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        stage.change("bob", mail="")
        approve(stage, *stage.plan().unapproved)
        stage.by_hand("bob", mail="third@x.y")
        report = stage.run()
        assert report.applied
        assert [describe(change) for change in report.applied.done] == ["lock ann: status active > locked"]
        assert reasons(report.plan) == [("bob", Reason.UNAPPROVED)]

    def test_a_saved_plan_is_applied_as_far_as_it_was_approved_since(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        stage.leave("bob")
        plan = stage.plan()
        approve(stage, next(change for change in plan.unapproved if change.subject.login == "ann"))
        report = stage.run(approved=plan)
        assert locked(stage) == {"ann"}
        assert (report.moved, report.exit_code) == ((), 4)

    def test_a_looser_rule_counts_from_the_second_run_on_however_many_runs_told_of_none(self, stage: Rehearsal) -> None:
        stage.run()
        for number in range(60):
            row = replace(stage.run_row(), id=f"early{number}", started=stage.clock.now())
            stage.state.start_run(row, "", "")
            stage.state.finish_run(replace(row, ended=stage.clock.now(), exit_code=5, summary="the directory is away"))
            stage.clock.passed += 60
        stage.configure(approval=Approval())
        stage.leave("ann")
        assert (stage.run().exit_code, locked(stage)) == (3, set())
        assert (stage.run().exit_code, locked(stage)) == (0, {"ann"})

    def test_what_the_same_person_approved_in_another_job_waits_in_this_one(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        plan = stage.plan()
        now = stage.clock.now()
        other = replace(said(stage, caller()), job="another", made_at=now)
        stage.state.place_rulings(stage.job.target.service, [approval_of(each, other) for each in plan.unapproved])
        assert Approving(plan, stage.job, stage.tools).to_approve(Part()).changes == plan.unapproved

    def test_an_approval_that_is_taken_back_during_the_run_lets_nothing_go(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        approve(stage, *stage.plan().unapproved)

        def take_back(plan: Plan) -> bool:
            assert plan.changes
            service, now = stage.job.target.service, stage.clock.now()
            ids = [row.id for row in stage.state.open_rulings(service, now)]
            stage.state.withdraw_rulings(service, ids, Withdrawal("zoe", "desk-2", "no", now))
            return True

        report = stage.run(confirm=take_back)
        assert report.applied
        assert report.applied.results == {Result.HELD: 1}
        assert report.applied.outcomes[0][2] == "its approval does not stand any more"
        assert locked(stage) == set()

    def test_a_resync_asks_for_it_too_and_for_two_people_where_the_last_run_did(self, stage: Rehearsal) -> None:
        stage.configure(approval=Approval(Needed.REMOVALS, two_people_above=1))
        for who in ("ann", "bob"):
            stage.change(who, disabled="yes")
        lock = stage.run().plan.unapproved[0]
        approve(stage, lock)
        looked = preview(stage.job, stage.tools, Wish(lock.subject.login))
        assert (looked.plan.changes, looked.plan.basis.approvers) == ((), 2)
        approve(stage, lock, by="zoe")
        assert preview(stage.job, stage.tools, Wish(lock.subject.login)).plan.changes == (lock,)

    def test_a_rule_that_asks_for_less_counts_from_the_second_run_on_and_is_told(self, stage: Rehearsal) -> None:
        stage.run()
        stage.configure(approval=Approval())
        stage.leave("ann")
        stage.clock.passed += 1
        report = stage.run()
        assert report.exit_code == 3
        (note,) = [note for note in report.plan.basis.notes if "approval" in note]
        assert note.startswith("what needs approval changed since the last run: it was removals, and is nothing;")
        stage.clock.passed += 1
        report = stage.run()
        assert locked(stage) == {"ann"}
        assert not any("approval" in note for note in report.plan.basis.notes)

    def test_a_rule_that_asks_for_more_counts_at_once(self, stage: Rehearsal) -> None:
        stage.run()
        stage.configure(approval=Approval(Needed.EVERYTHING))
        stage.hire("dee")
        assert reasons(stage.run().plan) == [("dee", Reason.UNAPPROVED)]

    def test_the_gate_of_a_changed_configuration_stays_closed_and_open_it_is_not_enough(self, stage: Rehearsal) -> None:
        stage.configure(digest="configuration 2")
        stage.change("ann", scope="out-of-scope")
        lets = Selection(allow={OUT_OF_SCOPE: 1}, reason="meant")
        report = stage.run(selection=lets)
        assert reasons(report.plan) == [("ann", Reason.UNAPPROVED)]
        approve(stage, *report.plan.unapproved)
        assert reasons(stage.run().plan) == [("ann", Reason.HELD)]
        stage.run(selection=lets)
        assert locked(stage) == {"ann"}
        assert not stage.plan().basis.config_changed


def test_a_first_run_of_which_nothing_was_approved_is_none() -> None:
    stage = Rehearsal()
    stage.configure(approval=Approval(Needed.EVERYTHING))
    stage.hire("ann")
    assert stage.run().exit_code == 3
    plan = stage.plan()
    assert plan.basis.first_run
    approve(stage, *plan.unapproved)
    stage.run()
    assert stage.login("ann")
    assert not stage.plan().basis.first_run
    stage.close()


class TestARejection:
    def test_is_kept_by_every_run_until_its_end(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        reject(stage, *stage.plan().changes, days=2)
        assert reasons(stage.run().plan) == [("ann", Reason.REJECTED)]
        assert stage.run().exit_code == 0
        stage.clock.passed += 2 * DAY
        stage.run()
        assert locked(stage) == {"ann"}

    def test_that_comes_during_the_run_holds_what_is_not_made_yet(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        stage.hire("dee")

        def think_again(plan: Plan) -> bool:
            reject(stage, *plan.changes)
            return True

        report = stage.run(confirm=think_again)
        assert report.applied
        assert report.applied.done == []
        errors = {error[:15] for _, _, error in report.applied.outcomes}
        assert "rejected by kim" in errors <= {"rejected by kim", "the login was n"}

    def test_of_what_only_the_changed_configuration_takes_keeps_it_from_being_accepted(self, stage: Rehearsal) -> None:
        stage.configure(digest="configuration 2")
        stage.change("ann", scope="out-of-scope")
        reject(stage, *(skip.change for skip in stage.plan().skips if skip.change))
        stage.run()
        assert stage.plan().basis.config_changed

    def test_of_an_adoption_keeps_what_the_changed_configuration_takes_of_them_from_being_accepted(
        self, stage: Rehearsal
    ) -> None:
        stage.configure(policy=replace(stage.job.policy, adopt=frozenset({0})), digest="configuration 2")
        stage.target.state.add("zed", mail="zed@x.y")
        stage.hire("zed", mail="")
        reject(stage, *(skip.change for skip in stage.plan().skips if isinstance(skip.change, Adopt)), days=2)
        assert reasons(stage.run().plan) == [("zed", Reason.REJECTED), ("zed", Reason.REJECTED)]
        stage.clock.passed += 2 * DAY
        stage.run()
        assert stage.login("zed").mail == "zed@x.y"

    @pytest.mark.parametrize("others", [0, 1])
    def test_of_what_the_changed_configuration_takes_is_accepted_by_the_number_on_the_page(
        self, stage: Rehearsal, others: int
    ) -> None:
        stage.configure(digest="configuration 2")
        stage.change("ann", scope="out-of-scope")
        reject(stage, *(skip.change for skip in stage.plan().skips if skip.change))
        if others:
            stage.change("bob", scope="out-of-scope")
        plan = stage.plan()
        page = "\n".join(line.plain for line in plan_lines(plan))
        (number,) = re.findall(r"--allow out-of-scope=(\d+)", page)
        report = stage.run(selection=Selection(allow={OUT_OF_SCOPE: int(number)}, reason="meant"), approved=plan)
        assert report.exit_code == 0, report.run.summary
        assert locked(stage) == ({"bob"} if others else set())
        assert not stage.plan().basis.config_changed


class TestWhatIsChosenOfAPlan:
    @pytest.fixture
    def plan(self, stage: Rehearsal) -> Plan:
        stage.configure(approval=REMOVALS)
        stage.leave("ann")
        stage.change("bob", ())
        stage.change("cy", mail="new@x.y")
        return stage.plan()

    def approving(self, stage: Rehearsal, plan: Plan) -> Approving:
        return Approving(plan, stage.job, stage.tools)

    @pytest.mark.parametrize(
        ("part", "whose"),
        [
            (Part(), ["ann", "bob"]),
            (Part(logins=frozenset({"ANN", "#0"})), ["ann"]),
            (Part(groups=frozenset({"VPN", "none"})), ["bob"]),
            (Part(only=frozenset({"lock"})), ["ann"]),
            (Part(only=frozenset({"remove"}), groups=frozenset({"vpn"})), ["bob"]),
        ],
    )
    def test_is_by_person_group_and_kind(self, stage: Rehearsal, plan: Plan, part: Part, whose: list[str]) -> None:
        chosen = self.approving(stage, plan).to_approve(part).changes
        assert sorted(change.subject.login for change in chosen) == whose

    def test_is_by_id_too(self, stage: Rehearsal, plan: Plan) -> None:
        part = Part(logins=frozenset({f"#{stage.login('ann').id}"}))
        assert len(self.approving(stage, plan).to_approve(part).changes) == 1

    def test_is_refused_where_nothing_fits(self, stage: Rehearsal, plan: Plan) -> None:
        both = Part(frozenset({"ann"}), frozenset({"vpn"}))
        with pytest.raises(UsageError, match="nothing of plan"):
            self.approving(stage, plan).to_approve(both)
        with pytest.raises(UsageError, match="nothing of plan"):
            self.approving(stage, plan).to_approve(Part(logins=frozenset({"cy"})))
        with pytest.raises(UsageError, match="nothing of plan"):
            self.approving(stage, plan).to_reject(both, stage.clock.now())

    def test_may_be_rejected_whether_it_waits_or_not(self, stage: Rehearsal, plan: Plan) -> None:
        assert len(self.approving(stage, plan).to_reject(Part(), stage.clock.now()).changes) == 3

    def test_was_approved_before_by_the_same_person_and_counts_once(self, stage: Rehearsal, plan: Plan) -> None:
        approving = self.approving(stage, plan)
        wanted = approving.to_approve(Part(logins=frozenset({"ann"})))
        approve(stage, *wanted.changes, by=caller())
        again = self.approving(stage, plan).to_approve(Part())
        assert ([change.subject.login for change in again.changes], again.already) == (["bob"], 1)

    def test_tells_how_far_it_has_come(self, stage: Rehearsal, plan: Plan) -> None:
        ann, bob = sorted(plan.unapproved, key=lambda change: change.subject.login)
        approve(stage, ann, by="zoe")
        progress = self.approving(stage, plan).progress()
        assert (progress.waiting, progress.approved, progress.open, progress.by) == (2, 1, 1, ("zoe",))
        reject(stage, bob)
        progress = self.approving(stage, plan).progress()
        assert (progress.rejected, progress.open) == (1, 0)
        assert self.approving(stage, plan).to_approve(Part()).rejected == 1

    def test_is_not_approved_once_it_was_made(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        plan = stage.plan()
        assert stage.run().exit_code == 0
        stage.configure(approval=REMOVALS)
        with pytest.raises(UsageError, match="made already, by run"):
            self.approving(stage, plan).to_approve(Part())
        with pytest.raises(UsageError, match="made already, by run"):
            self.approving(stage, plan).to_reject(Part(), stage.clock.now() + timedelta(days=2))

    def test_is_approved_by_a_rule_that_came_later_if_it_was_never_made(self, stage: Rehearsal) -> None:
        stage.leave("ann")
        plan = stage.plan()
        stage.configure(approval=REMOVALS)
        assert [change.subject.login for change in self.approving(stage, plan).to_approve(Part()).changes] == ["ann"]

    def test_is_rejected_again_only_for_longer(self, stage: Rehearsal, plan: Plan) -> None:
        ann = Part(logins=frozenset({"ann"}))
        reject(stage, *self.approving(stage, plan).to_reject(ann, stage.clock.now()).changes, days=7)
        later = self.approving(stage, stage.plan())
        with pytest.raises(UsageError, match=r"that is rejected by kim until .*: as agreed") as error:
            later.to_reject(ann, stage.clock.now() + timedelta(days=5))
        assert error.value.advice
        assert "--undo" in error.value.advice
        assert len(later.to_reject(ann, stage.clock.now() + timedelta(days=9)).changes) == 1

    def test_is_asked_for_by_its_nearest_name_where_nobody_has_the_name(self, stage: Rehearsal, plan: Plan) -> None:
        with pytest.raises(UsageError, match='did you mean "bob"'):
            self.approving(stage, plan).to_approve(Part(logins=frozenset({"bobb"})))
