"""Plans that a named person asks for: no directory is asked, and everything else stays."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.change import AddToGroup, Change, Evidence, RemoveFromGroup, Subject, Write
from iwds.core.decision import Proposal, Reason
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Role, Status
from iwds.core.orders import order, order_write
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Hold, HoldKind
from iwds.engine.leasing import DRIFT
from iwds.engine.ordered import Concern, Found, Order, Proposed, carry_out_order, order_exit_code, preview
from iwds.engine.running import Request, RunReport
from iwds.errors import LeaseHeld, ServiceUnproven
from iwds.ports import HoldRow
from tests.unit.engine.rehearsal import WIDE, PlainRules, Rehearsal


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    stage = Rehearsal()
    for who in ("ann", "bob", "cy"):
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", role="")
    stage.run()
    yield stage
    stage.close()


def written(stage: Rehearsal, *names: str, **fields: Any) -> Order:
    """An order that writes these fields to these logins."""
    ids = frozenset(stage.login(name).id for name in names)

    def propose(found: Found) -> Proposed:
        writes = [
            Write(Subject(login.login, None, login.id), login, replace(login, **fields), "as ordered")
            for login in found.logins.values()
        ]
        decisions = [each for w in writes for each in order_write(w, found.rows.get(w.before.id), found.world)]
        return Proposed(decisions, ("seen",))

    return Order("test of orders", Concern(logins=ids), propose)


def ordered(stage: Rehearsal, wish: Order, **request: Any) -> RunReport:
    return carry_out_order(stage.job, stage.tools, stage.writer, Request(DRIFT, **request), wish)


def reasons(plan: Plan) -> set[Reason]:
    return {skip.reason for skip in plan.skips}


class TestAnOrder:
    def test_is_planned_kept_and_shown_without_changing_anything(self, stage: Rehearsal) -> None:
        plan = preview(stage.job, stage.tools, Request(DRIFT), written(stage, "ann", mail="x@example.org"))
        assert order_exit_code(plan) == 2
        assert plan.basis.ordered == "test of orders"
        assert plan.basis.notes == ("seen",)
        assert stage.state.plan(plan.id)
        assert stage.login("ann").mail == "ann@example.org"
        assert stage.state.runs()[0].command == "run"

    def test_is_applied_and_recorded(self, stage: Rehearsal) -> None:
        report = ordered(stage, written(stage, "ann", status=1))
        assert report.exit_code == 0
        assert stage.login("ann").status == Status.LOCKED
        assert stage.ledger()["ann"].locked
        row = stage.state.run(report.run.id)
        assert row is not None
        assert (row.command, row.summary) == (DRIFT, "test of orders: 1 done")
        assert [change.evidence for change in report.plan.changes] == [Evidence.ORDERED]

    def test_asks_no_directory(self, stage: Rehearsal) -> None:
        stage.source.entries.clear()
        stage.source.problems = ("half of it is missing",)
        assert ordered(stage, written(stage, "ann", status=1)).exit_code == 0

    def test_is_not_held_back_by_a_changed_configuration_nor_accepts_it(self, stage: Rehearsal) -> None:
        stage.configure(digest="configuration 2")
        assert ordered(stage, written(stage, "ann", status=1)).exit_code == 0
        assert stage.plan().basis.config_changed

    def test_may_be_made_before_the_first_run_and_does_not_end_it(self) -> None:
        stage = Rehearsal()
        stage.hire("ann", ("vpn",))
        login = stage.target.state.add("ann", created_by=20)
        ordered(stage, written(stage, "ann", mail="x@example.org"))
        assert stage.target.state.logins[login.id].mail == ""
        assert stage.plan().basis.first_run
        stage.close()

    def test_changes_nothing_where_whoever_is_asked_declines(self, stage: Rehearsal) -> None:
        report = ordered(stage, written(stage, "ann", status=1), confirm=lambda _: False)
        assert (report.exit_code, report.applied) == (0, None)
        assert stage.login("ann").status == Status.ACTIVE

    def test_makes_only_what_was_seen_before_and_is_still_true(self, stage: Rehearsal) -> None:
        seen = preview(stage.job, stage.tools, Request(DRIFT), written(stage, "ann", "bob", status=1))
        stage.by_hand("bob", status=1)
        report = ordered(stage, written(stage, "ann", "bob", "cy", status=1), approved=seen)
        assert [stage.login(who).status for who in ("ann", "bob", "cy")] == [1, 1, 0]
        assert len(report.moved) == 1
        assert report.exit_code == 4

    def test_settles_first_what_an_earlier_run_left_open(self, stage: Rehearsal) -> None:
        stage.change("ann", mail="new@example.org")
        stage.fail("update", RuntimeError("killed"), after=True)
        with pytest.raises(RuntimeError):
            stage.run()
        assert stage.state.unsettled(stage.job.target.service)
        stage.target.state.after = lambda _: None
        ordered(stage, written(stage, "bob", status=1))
        assert not stage.state.unsettled(stage.job.target.service)

    def test_gets_what_follows_from_what_was_made(self, stage: Rehearsal) -> None:
        group = next(group for group in stage.target.state.groups.values() if group.name == "wiki")
        told: list[object] = []

        def then(plan: Plan, applied: Any) -> list[Change]:
            told.append(len(applied.done))
            return [AddToGroup(change.subject, group, "follows") for change in plan.changes]

        def after(_: Any, __: Any, applied: Any) -> None:
            told.append(len(applied.done))

        wish = replace(written(stage, "ann", status=1), before=lambda row, _: told.append(row.command))
        report = ordered(stage, replace(wish, then=then, after=after))
        assert stage.groups_of("ann") == {"vpn", "wiki"}
        assert told == [DRIFT, 1, 2]
        assert report.run.report["results"] == {"done": 2}


class TestWhatStandsAgainstAnOrder:
    def test_a_service_whose_reading_is_not_believed(self, stage: Rehearsal) -> None:
        stage.target.state.problems = ("a page is missing",)
        stage.clock.passed = 1
        with pytest.raises(ServiceUnproven):
            ordered(stage, written(stage, "ann", status=1))
        assert stage.state.runs()[0].exit_code == ServiceUnproven.exit_code

    def test_a_guard(self, stage: Rehearsal) -> None:
        stage.configure(limits={**WIDE, GuardKind.LOCK: Limit(0, 0.0, None)})
        report = ordered(stage, written(stage, "ann", status=1))
        assert report.exit_code == 3
        assert order_exit_code(report.plan) == 3
        assert stage.login("ann").status == Status.ACTIVE
        assert "ordered" in next(gauge for gauge in report.plan.violations).causes
        lifted = Selection(allow={"lock": 1}, reason="the auditor asked")
        assert ordered(stage, written(stage, "ann", status=1), selection=lifted).exit_code == 0

    def test_the_last_two_administrators(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", role=int(Role.ADMINISTRATOR))
        stage.by_hand("bob", role=int(Role.ADMINISTRATOR))
        report = ordered(stage, written(stage, "ann", status=1))
        assert report.exit_code == 3
        assert reasons(report.plan) == {Reason.PROTECTED}
        assert stage.login("ann").status == Status.ACTIVE

    def test_that_the_login_is_not_ours(self, stage: Rehearsal) -> None:
        stage.target.state.add("console")
        assert reasons(ordered(stage, written(stage, "console", status=1)).plan) == {Reason.FOREIGN}

    def test_that_it_is_another_login_by_now(self, stage: Rehearsal) -> None:
        stage.run()
        stage.by_hand("ann", login="somebody", created_by=0)
        assert reasons(ordered(stage, written(stage, "somebody", status=1)).plan) == {Reason.FOREIGN}

    def test_that_another_job_keeps_it(self, stage: Rehearsal) -> None:
        stage.configure(policy=replace(stage.job.policy, provisioning_id=21))
        assert reasons(ordered(stage, written(stage, "ann", status=1)).plan) == {Reason.FOREIGN}

    def test_that_the_mapping_protects_it(self, stage: Rehearsal) -> None:
        stage.configure(rules=PlainRules(protected=frozenset({"ann"})))
        assert reasons(ordered(stage, written(stage, "ann", status=1)).plan) == {Reason.PROTECTED}

    def test_a_hold_against_removals(self, stage: Rehearsal) -> None:
        held(stage, "ann", HoldKind.EXEMPT)
        report = ordered(stage, written(stage, "ann", status=1, mail="x@example.org"))
        assert reasons(report.plan) == {Reason.EXEMPT}
        assert (stage.login("ann").status, stage.login("ann").mail) == (Status.ACTIVE, "x@example.org")
        assert report.exit_code == 4

    def test_a_hold_against_removals_from_groups(self, stage: Rehearsal) -> None:
        held(stage, "ann", HoldKind.EXEMPT)
        login, group = stage.login("ann"), next(iter(stage.target.state.groups.values()))

        def propose(found: Found) -> Proposed:
            leave = RemoveFromGroup(Subject("ann", None, login.id), group, "as ordered")
            return Proposed([order(leave, found.logins[login.id], found.rows.get(login.id), found.world)])

        wish = Order("test", Concern(logins=frozenset({login.id}), groups=frozenset({group.id})), propose)
        assert reasons(ordered(stage, wish).plan) == {Reason.EXEMPT}

    def test_a_lock_of_the_helpdesk(self, stage: Rehearsal) -> None:
        ordered(stage, written(stage, "ann", status=1))
        held(stage, "ann", HoldKind.LOCK)
        report = ordered(stage, written(stage, "ann", status=0))
        assert reasons(report.plan) == {Reason.LOCKED_ELSEWHERE}
        assert report.exit_code == 3

    def test_a_lock_that_somebody_else_made(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", status=1)
        assert reasons(ordered(stage, written(stage, "ann", status=0)).plan) == {Reason.LOCKED_ELSEWHERE}

    def test_but_not_the_lock_of_a_hold_that_has_ended(self, stage: Rehearsal) -> None:
        held(stage, "ann", HoldKind.LOCK)
        stage.by_hand("ann", status=1)
        stage.clock.passed = timedelta(days=2).total_seconds()
        assert ordered(stage, written(stage, "ann", status=0)).exit_code == 0
        assert not stage.ledger()["ann"].locked

    def test_a_field_that_was_not_read(self, stage: Rehearsal) -> None:
        stage.by_hand("ann", phone=None)
        assert reasons(ordered(stage, written(stage, "ann", status=1)).plan) == {Reason.UNPROVEN}

    def test_another_run_that_holds_the_service(self, stage: Rehearsal) -> None:
        stage.state.lease(stage.job.target.service, "somebody", 600)
        with pytest.raises(LeaseHeld):
            ordered(stage, written(stage, "ann", status=1))


def held(stage: Rehearsal, who: str, kind: HoldKind) -> None:
    now = stage.clock.now()
    hold = Hold("joe", "phone lost", now + timedelta(days=1), kind)
    stage.state.place_hold(stage.job.target.service, HoldRow(stage.login(who).id, hold, "", now))


def test_an_ordered_proposal_says_so() -> None:
    """`order` alone decides on evidence: nobody who proposes can claim another."""
    stage = Rehearsal()
    stage.hire("ann", ("vpn",))
    stage.run()
    login, row = stage.login("ann"), stage.ledger()["ann"]
    seen: list[Any] = []

    def propose(found: Found) -> Proposed:
        group = next(iter(stage.target.state.groups.values()))
        change = RemoveFromGroup(Subject("ann", row.anchor, login.id), group, "x", Evidence.UNSEEN)
        seen.append(order(change, login, row, found.world))
        return Proposed(())

    preview(stage.job, stage.tools, Request(DRIFT), Order("test", Concern(), propose))
    assert isinstance(seen[0], Proposal)
    assert seen[0].change.evidence is Evidence.ORDERED
    stage.close()
