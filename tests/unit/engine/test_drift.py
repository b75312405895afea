"""Who was changed by hand on the service, since when, and what becomes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.change import Kind, Subject, Write, kinds
from iwds.core.decision import Reason
from iwds.core.drift import DriftKind, How
from iwds.core.drift_next import Then
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Account, Anchor, Mode, Role, Status
from iwds.core.policy import Hold, HoldKind, Policy
from iwds.core.previous import Places
from iwds.core.rulings import Said, rejection_of
from iwds.engine.actions import Why
from iwds.engine.drift import Asked, Found, Survey, survey
from iwds.engine.drift_asking import ask
from iwds.engine.drift_keep import keep, kept_by
from iwds.engine.drift_revert import revert
from iwds.engine.leasing import DRIFT, UNDO
from iwds.engine.locks import lock, unlock
from iwds.engine.ordered import carry_out_order, preview
from iwds.engine.running import Request, RunReport
from iwds.engine.undo import Wish, undo
from iwds.errors import ConfigurationError, ServiceUnproven, UsageError
from iwds.ports import HoldRow, Outcome, Result
from tests.unit.engine.desk import Helpdesk
from tests.unit.engine.rehearsal import OURS, WIDE, PlainRules

GOVERNED = Places(dict.fromkeys(("name", "mail", "role", "login"), "staff.yaml:1"))
PEOPLE = ("ann", "bob", "cy", "dee", "eve", "fay")


def wait(stage: Helpdesk, hours: float = 1) -> None:
    stage.clock.passed += hours * 3600


def run(stage: Helpdesk) -> RunReport:
    wait(stage)
    report = stage.run()
    wait(stage)
    return report


@pytest.fixture
def stage() -> Iterator[Helpdesk]:
    """Six people after their first run, whose tags were read back by a second one."""
    made = Helpdesk()
    made.configure(places=GOVERNED)
    for who in PEOPLE:
        made.hire(who, ("vpn",), mail=f"{who}@example.org", role="", sn=who.title())
    run(made)
    run(made)
    yield made
    made.close()


def look(stage: Helpdesk, **asked: Any) -> Survey:
    wait(stage)
    return survey(stage.job, stage.tools, Asked(**asked), kept_by(stage.job, stage.tools))


def listed(stage: Helpdesk, **asked: Any) -> list[tuple[str, str]]:
    """Who differs and where, by name: the ids that the service gave them are in no order of ours."""
    return sorted((each.name, each.drift.what) for each in look(stage, **asked).drift)


def only(stage: Helpdesk, **asked: Any) -> Found:
    (found,) = look(stage, **asked).drift
    return found


def told(stage: Helpdesk) -> Found:
    (found,) = ask(stage.job, stage.tools, look(stage).drift)
    return found


def join(stage: Helpdesk, who: str, group: int, role: int = 0) -> None:
    stage.target.state.members[group, stage.login(who).id] = role


class TestTheList:
    def test_is_empty_after_a_run(self, stage: Helpdesk) -> None:
        made = look(stage)
        assert (made.found, made.logins, made.ours) == ([], 6, 6)

    def test_has_what_somebody_changed_by_hand_and_nothing_else(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org", phone="not governed")
        stage.by_hand("bob", role=2)
        stage.by_hand("cy", status=1)
        join(stage, "dee", 2)
        del stage.target.state.members[1, stage.login("eve").id]
        stage.by_hand("fay", login="fae", created_by=0)
        stage.target.state.add("console", mail="theirs")
        kinds = {(each.name, each.drift.kind) for each in look(stage).drift}
        assert kinds == {
            ("ann", DriftKind.FIELD), ("bob", DriftKind.ROLE), ("cy", DriftKind.LOCKED), ("dee", DriftKind.JOINED),
            ("eve", DriftKind.LEFT), ("fae", DriftKind.STRANGER),
        }  # fmt: skip

    def test_has_a_login_that_is_renamed_retagged_or_gone(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", login="anna")
        stage.by_hand("bob", created_by=0)
        del stage.target.state.logins[stage.login("cy").id]
        assert listed(stage) == [("anna", "login"), ("bob", "tag"), ("cy", "login")]

    def test_is_not_believed_where_a_login_is_there_that_the_reading_missed(self, stage: Helpdesk) -> None:
        login = stage.login("ann")
        del stage.target.state.logins[login.id]
        object.__setattr__(stage.job, "target", _Missing(stage.job.target, login))
        with pytest.raises(ServiceUnproven, match="its reading did not show it"):
            look(stage)

    def test_is_not_made_from_a_reading_that_is_not_proven_or_of_another_service(self, stage: Helpdesk) -> None:
        stage.target.state.problems = ["the count changed"]
        with pytest.raises(ServiceUnproven, match="the count changed"):
            look(stage)
        stage.target.state.problems = []
        stage.target.state.logins.clear()
        with pytest.raises(ConfigurationError, match="another service"):
            look(stage)
        assert stage.state.last_look("staff", stage.job.target.service) is None

    def test_leaves_out_what_other_jobs_keep(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        stage.configure(policy=Policy(30))
        assert (listed(stage), look(stage).ours) == ([], 0)

    def test_leaves_out_what_the_mapping_no_longer_governs(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        join(stage, "ann", 2)
        stage.configure(places=Places({}), rules=PlainRules(groups={"vpn": False}))
        assert listed(stage) == []

    def test_says_which_groups_are_missing(self, stage: Helpdesk) -> None:
        stage.configure(rules=PlainRules(groups={"vpn": False, "wiki": False, "typo": False}))
        assert look(stage).missing == ("typo",)

    def test_can_be_cut_down_to_a_login_a_group_a_field_or_a_time(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org", role=2)
        join(stage, "bob", 2)
        assert listed(stage, group="wiki") == [("bob", "group 2")]
        assert listed(stage, what="role") == [("ann", "role")]
        assert listed(stage, who="bob") == listed(stage, who=f"#{stage.login('bob').id}") == [("bob", "group 2")]
        first = stage.clock.now()
        wait(stage)
        stage.by_hand("cy", mail="hand@example.org")
        assert listed(stage, since=first) == [("cy", "mail")]

    def test_knows_somebody_by_the_name_that_another_hand_gave_them(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", login="anna")
        assert listed(stage, who="anna") == listed(stage, who="ann") == [("anna", "login")]

    @pytest.mark.parametrize(
        ("asked", "words"),
        [({"who": "nobody"}, "no login that staff looks after"), ({"group": "vpm"}, 'did you mean "vpn"'),
         ({"what": "phone"}, "looks after no field phone"), ({"who": "#1"}, "no login that staff")],
    )  # fmt: skip
    def test_is_refused_where_nobody_or_nothing_is_meant(
        self, stage: Helpdesk, asked: dict[str, str], words: str
    ) -> None:
        with pytest.raises(UsageError, match=words):
            look(stage, **asked)

    def test_has_roles_in_groups_where_they_are_asked_for_and_says_of_how_many_they_were_not(
        self, stage: Helpdesk
    ) -> None:
        stage.configure(rules=PlainRules(group_roles={"vpn": frozenset({"user", "manager"})}))
        for who in PEOPLE:
            stage.change(who, vpn_role="manager")
        run(stage)
        join(stage, "ann", 1, role=2)
        made = look(stage)
        assert (made.drift, made.roles_of) == ([], (0, 6))
        made = look(stage, roles=True)
        assert [(each.name, each.drift.now, each.trace.was) for each in made.drift] == [("ann", 2, 1)]
        assert made.roles_of == (6, 0)
        assert only(stage, who="ann").drift.kind is DriftKind.GROUP_ROLE

    def test_leaves_out_whom_a_run_is_at_work_on_or_left_open(self, stage: Helpdesk) -> None:
        service, login = stage.job.target.service, stage.login("ann")
        stage.by_hand("ann", mail="new@example.org")
        stage.state.start_run(stage.run_row(), "", "")
        journal = stage.state.journal("r1", service, stage.state.lease(service, "run r1", 60))
        write = Write(
            Subject("ann", Anchor("here", "ann"), login.id), login, stage.login("ann"), "the directory says so"
        )
        (intent,) = journal.intend([(6, write)])
        made = look(stage)
        assert (made.found, made.moving) == ([], 1)
        journal.settle([Outcome(intent, Result.REJECTED, "NOK:SN", login_id=login.id)])
        assert listed(stage) == [("ann", "mail")]


class _Missing:
    """A reader whose answer for one login is not in its listing."""

    def __init__(self, reader: Any, login: Any) -> None:
        self._reader, self._login = reader, login

    def login(self, login_id: int, name: str) -> Any:
        return self._login if login_id == self._login.id else self._reader.login(login_id, name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class TestTheHelpdesk:
    def test_locks_and_unlocks_without_making_drift(self, stage: Helpdesk) -> None:
        lock(stage.desk(), stage.login("ann"), None, Why("lost", ""))
        assert listed(stage) == []
        unlock(stage.desk(), stage.login("ann"), Why("found", ""))
        stage.change("bob", disabled="yes")
        run(stage)
        unlock(stage.desk(), stage.login("bob"), Why("needed", ""))
        made = look(stage)
        assert (made.drift, made.helpdesk) == ([], 1)

    def test_is_told_from_the_console(self, stage: Helpdesk) -> None:
        stage.change("ann", disabled="yes")
        run(stage)
        stage.by_hand("ann", status=0)
        stage.by_hand("bob", status=1)
        assert [(each.name, each.drift.kind) for each in look(stage).drift] == [
            ("ann", DriftKind.UNLOCKED), ("bob", DriftKind.LOCKED),
        ]  # fmt: skip


class TestSinceWhen:
    def test_is_between_the_last_write_and_the_first_look(self, stage: Helpdesk) -> None:
        wrote = stage.state.runs()[-1]
        stage.by_hand("ann", mail="hand@example.org")
        found = only(stage)
        assert found.since.after is not None
        assert (found.since.after.run, found.trace.how) == (wrote.id, How.CREATED)
        first = found.since.before.at
        assert only(stage).since.before.at == first, "a later look does not move it"

    def test_is_after_the_last_look_without_it(self, stage: Helpdesk) -> None:
        look(stage)
        before = stage.clock.now()
        stage.by_hand("ann", mail="hand@example.org")
        found = only(stage)
        assert found.since.after is not None
        assert (found.since.after.at, found.since.after.run) == (before, "")

    def test_is_after_the_last_run_that_would_have_put_it_back(self, stage: Helpdesk) -> None:
        last = stage.state.runs()[0]
        stage.by_hand("ann", mail="hand@example.org")
        found = told(stage)
        assert found.next is not None
        assert found.next.then is Then.PUTS_BACK
        assert found.since.after is not None
        assert found.since.after.run == last.id

    def test_is_not_after_a_run_that_left_it(self, stage: Helpdesk) -> None:
        service, number = stage.job.target.service, stage.login("ann").id
        made = Hold("zoe", "project", None, HoldKind.EXEMPT)
        stage.state.place_hold(service, HoldRow(number, made, "", stage.clock.now()))
        stage.by_hand("ann", role=1)
        run(stage)
        found = told(stage)
        assert found.next is not None
        assert found.next.then is Then.WAITS
        stage.state.lift_hold(service, number, "zoe", stage.clock.now(), HoldKind.EXEMPT)
        found = told(stage)
        assert found.next is not None
        assert found.next.then is Then.PUTS_BACK
        assert found.since.after is not None
        assert found.since.after.run == stage.state.runs()[-1].id, "the run that made the login"

    def test_of_an_adopted_login_says_that_nobody_wrote_it(self, stage: Helpdesk) -> None:
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        stage.target.state.add("gil", mail="gil@example.org")
        stage.hire("gil", (), mail="gil@example.org", role="")
        run(stage)
        stage.by_hand("gil", mail="hand@example.org")
        found = only(stage)
        assert (found.trace.how, found.trace.was) == (How.ADOPTED, "gil@example.org")


class TestTheDirectory:
    def test_agrees_and_that_is_remembered_until_somebody_changes_it_again(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        stage.change("ann", mail="hand@example.org")
        found = told(stage)
        assert found.next is not None
        assert found.next.then is Then.AGREES
        made = look(stage)
        assert (made.drift, [each.agreed for each in made.found]) == ([], [True])
        stage.by_hand("ann", mail="again@example.org")
        assert listed(stage) == [("ann", "mail")]

    def test_waits_where_another_tool_retagged_a_login_so_that_runs_hold_every_removal(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", role=2)
        stage.by_hand("bob", mail="hand@example.org")
        stage.by_hand("cy", created_by=0)
        made = look(stage)
        assert made.retagged == 1
        steps = {each.name: each.next for each in ask(stage.job, stage.tools, made.drift, made.retagged)}
        assert steps["ann"]
        assert (steps["ann"].then, steps["ann"].why) == (
            Then.WAITS,
            "held: another tool retagged 1 of our logins",
        )
        assert steps["bob"]
        assert steps["bob"].then is Then.PUTS_BACK
        run(stage)
        assert (stage.login("ann").role, stage.login("bob").mail) == (2, "bob@example.org")
        assert (look(stage, who="cy").retagged, look(stage, who="ann").retagged) == (1, 0)

    def test_is_not_needed_and_where_it_does_not_answer_nothing_is_told_of_it(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        stage.source.elsewhere.clear()
        stage.source.entries.clear()
        assert listed(stage) == [("ann", "mail")]
        assert told(stage).next is not None


class TestKeeping:
    def test_lets_it_stay_through_runs_until_its_end(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        end = stage.clock.now() + timedelta(days=2)
        made = keep(stage.job, stage.tools, [told(stage)], end, ("they asked", "T-1"))
        assert [ruling.said.until for _, ruling in made.kept] == [end]
        report = run(stage)
        assert (stage.login("ann").mail, report.plan.changes) == ("hand@example.org", ())
        assert {skip.reason for skip in report.plan.skips} == {Reason.REJECTED}
        kept = look(stage)
        assert (kept.drift, ["they asked" in each.kept for each in kept.found]) == ([], [True])
        wait(stage, 48)
        assert listed(stage) == [("ann", "mail")]
        run(stage)
        assert stage.login("ann").mail == "ann@example.org"

    def test_is_about_this_very_change_and_not_about_the_next_one(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        keep(stage.job, stage.tools, [told(stage)], None, ("they asked", ""))
        stage.change("ann", mail="new@example.org")
        run(stage)
        assert stage.login("ann").mail == "new@example.org", "what the directory wants differently goes on"
        stage.by_hand("ann", mail="other@example.org")
        assert listed(stage) == [("ann", "mail")]

    @pytest.mark.parametrize("how", ["group", "left", "gone", "role", "lock"])
    def test_holds_for_whatever_was_done(self, stage: Helpdesk, how: str) -> None:
        number = stage.login("ann").id
        if how == "group":
            stage.configure(rules=PlainRules(groups={"vpn": False, "wiki": True}))
            join(stage, "ann", 2)
        elif how == "left":
            del stage.target.state.members[1, number]
        elif how == "gone":
            del stage.target.state.logins[number]
        else:
            stage.by_hand("ann", **({"role": 2} if how == "role" else {"status": 1}))
        keep(stage.job, stage.tools, [told(stage)], None, ("on purpose", ""))
        before = (dict(stage.target.state.logins), dict(stage.target.state.members))
        run(stage)
        assert (stage.target.state.logins, stage.target.state.members) == before
        assert listed(stage) == []

    def test_does_not_hide_what_somebody_changes_after_it(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        keep(stage.job, stage.tools, [told(stage)], None, ("they asked", ""))
        stage.by_hand("ann", mail="other@example.org")
        found = told(stage)
        assert found.next is not None
        assert (found.next.then, found.drift.now) == (Then.WAITS, "other@example.org")
        assert "they asked" in found.next.why
        run(stage)
        assert stage.login("ann").mail == "other@example.org"

    def test_says_what_no_run_would_touch_anyway_and_has_an_end(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", created_by=0)
        found = told(stage)
        assert [each.name for each in keep(stage.job, stage.tools, [found], None, ("x", "")).left] == ["ann"]
        with pytest.raises(UsageError, match="more than 400 days away"):
            keep(stage.job, stage.tools, [found], stage.clock.now() + timedelta(days=401), ("x", ""))

    def test_also_counts_a_rejection_of_what_would_put_it_back(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        now = stage.clock.now()
        said = Said("kim", "desk-1", "in review", now, now + timedelta(days=1), "plan 3f9c", "staff")
        (change,) = stage.plan().changes
        stage.state.place_rulings(stage.job.target.service, [rejection_of(change, said)])
        assert listed(stage) == []


class TestPuttingBack:
    def put(self, stage: Helpdesk, **request: Any) -> RunReport:
        order = revert(stage.job, stage.tools, list(ask(stage.job, stage.tools, look(stage).drift)))
        report = carry_out_order(stage.job, stage.tools, stage.writer, Request(DRIFT, **request), order)
        wait(stage)
        return report

    def test_leaves_no_drift_and_moves_nothing_else(self, stage: Helpdesk) -> None:
        before = (dict(stage.target.state.logins), dict(stage.target.state.members))
        stage.by_hand("ann", mail="hand@example.org", name="Hand", role=1)
        stage.by_hand("bob", login="rob")
        join(stage, "dee", 2)
        del stage.target.state.members[1, stage.login("eve").id]
        report = self.put(stage)
        assert (report.applied and report.applied.outcomes, report.plan.skips) == ([], ())
        assert (stage.target.state.logins, stage.target.state.members) == before
        assert listed(stage) == []
        assert run(stage).plan.changes == ()

    def test_locks_again_whom_somebody_unlocked(self, stage: Helpdesk) -> None:
        stage.change("ann", disabled="yes")
        run(stage)
        stage.by_hand("ann", status=0)
        assert self.put(stage).exit_code == 0
        assert stage.login("ann").status == Status.LOCKED
        assert stage.ledger()["ann"].locked

    def test_takes_nobody_out_whom_we_put_in_before_our_memory_was_put_back(self, stage: Helpdesk) -> None:
        service = stage.job.target.service
        lease = stage.state.lease(service, "db restored", 600)
        stage.state.note_restored(service, lease)
        lease.release()
        found = look(stage).drift
        assert {each.drift.kind for each in found} == {DriftKind.JOINED}
        plan = preview(stage.job, stage.tools, Request(DRIFT), revert(stage.job, stage.tools, found))
        assert plan.changes == ()
        assert "6 differences left: as the journal says we put or found them there" in plan.basis.notes[0]

    def test_takes_nobody_out_of_what_was_only_adopted_and_disowned(self, stage: Helpdesk) -> None:
        stage.change("ann", ("vpn", "wiki"))
        join(stage, "ann", 2)
        adopted = run(stage).run
        undo(stage.job, stage.tools, stage.writer, adopted, Wish(), Request(UNDO))
        plan = preview(stage.job, stage.tools, Request(DRIFT), revert(stage.job, stage.tools, look(stage).drift))
        assert plan.changes == ()

    def test_leaves_what_cannot_come_back_and_says_so(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", created_by=0, mail="hand@example.org")
        del stage.target.state.logins[stage.login("bob").id]
        stage.by_hand("cy", status=1)
        order = revert(stage.job, stage.tools, look(stage).drift)
        plan = preview(stage.job, stage.tools, Request(DRIFT), order)
        notes = " ".join(plan.basis.notes)
        assert "which other tool writes to it: ann tag" in notes
        assert "deleted with its devices" in notes
        assert [(skip.reason, skip.subject.login) for skip in plan.skips if skip.subject.login == "cy"] == [
            (Reason.LOCKED_ELSEWHERE, "cy")
        ]

    def test_says_where_the_next_run_writes_something_else(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        stage.change("ann", mail="new@example.org")
        report = self.put(stage)
        assert stage.login("ann").mail == "ann@example.org"
        assert "the next run writes that: ann" in " ".join(report.plan.basis.notes)

    def test_leaves_what_changed_again_since_it_was_listed(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        stage.by_hand("bob", mail="hand@example.org")
        stage.by_hand("cy", mail="hand@example.org")
        order = revert(stage.job, stage.tools, look(stage).drift)
        stage.by_hand("ann", mail="again@example.org")
        stage.by_hand("bob", mail="bob@example.org")
        del stage.target.state.logins[stage.login("cy").id]
        plan = preview(stage.job, stage.tools, Request(DRIFT), order)
        assert plan.changes == ()
        notes = " ".join(plan.basis.notes)
        assert "changed once more since it was listed: ann" in notes
        assert "as we wrote it by now: bob" in notes
        assert "the login is gone: cy" in notes

    def test_puts_back_a_role_in_a_group(self, stage: Helpdesk) -> None:
        stage.configure(rules=PlainRules(group_roles={"vpn": frozenset({"user", "manager"})}))
        stage.change("ann", vpn_role="manager")
        run(stage)
        join(stage, "ann", 1, role=2)
        order = revert(stage.job, stage.tools, look(stage, roles=True).drift)
        carry_out_order(stage.job, stage.tools, stage.writer, Request(DRIFT), order)
        assert stage.role_in("vpn", "ann") == Role.MANAGER

    def test_is_stopped_by_a_guard(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", role=2)
        stage.configure(limits={**WIDE, GuardKind.DEMOTE: Limit(0, 0.0, None)})
        report = self.put(stage)
        assert (report.exit_code, stage.login("ann").role) == (3, 2)

    def test_gives_a_name_back_only_where_nobody_else_has_it(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", login="anna")
        stage.target.state.add("ann")
        report = self.put(stage)
        assert [skip.reason for skip in report.plan.skips] == [Reason.TAKEN]
        assert stage.login("anna").created_by == OURS

    def test_is_a_write_that_later_runs_know_as_ours(self, stage: Helpdesk) -> None:
        stage.by_hand("ann", mail="hand@example.org")
        report = self.put(stage)
        assert [kinds(change) for change in report.plan.changes] == [frozenset({Kind.UPDATE})]
        stage.by_hand("ann", mail="again@example.org")
        assert only(stage).trace.how is How.WRITTEN


def test_a_field_that_a_mode_leaves_stays_listed_though_runs_write_others(stage: Helpdesk) -> None:
    class IfEmpty(PlainRules):
        def map(self, entry: Any, now: Any) -> Any:
            made = super().map(entry, now)
            assert isinstance(made, Account)
            return replace(made, modes=(("mail", Mode.IF_EMPTY),))

    stage.configure(rules=IfEmpty())
    stage.by_hand("ann", mail="hand@example.org")
    stage.change("ann", sn="Married")
    run(stage)
    assert (stage.login("ann").name, stage.login("ann").mail) == ("Married", "hand@example.org")
    found = told(stage)
    assert found.next is not None
    assert (found.drift.what, found.next.then, found.next.why) == ("mail", Then.LEAVES, "mode: if-empty")
    assert found.since.before.run == stage.state.runs()[0].id, "that run saw it first"
