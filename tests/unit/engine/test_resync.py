"""A resync brings one person up to date, takes away only what was seen, and teaches later runs nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.alone import ANOTHER, DELETED
from iwds.core.change import CreateLogin, Evidence, Kind, kinds
from iwds.core.decision import Reason
from iwds.core.devices import Code
from iwds.core.document import change_to_data
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Account, Activation, Anchor, LedgerRow, Origin, Role, Status
from iwds.core.policy import Hold, HoldKind, Leaver, Policy
from iwds.core.recognition import By, MatchDecision, Matching, MatchRule
from iwds.engine import leasing, running
from iwds.engine.leasing import RESYNC
from iwds.engine.resync import Resynced, Wish, preview, resync
from iwds.engine.running import Request, plan_exit_code
from iwds.errors import (
    ConfigurationError,
    LeaseHeld,
    MemoryLost,
    OutcomeUnknown,
    Refused,
    Rejected,
    ServiceUnavailable,
    SourceUnavailable,
    UsageError,
)
from iwds.ports import HoldRow, Result
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

BY_NAME_OR_MAIL = Matching((MatchRule(By.LOGIN), MatchRule(By.MAIL)))
EVERYBODY = ("ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hal")


class Codes:
    """Creates like the memory target, and has a code for it."""

    def __init__(self, stage: Rehearsal, error: Exception | None = None) -> None:
        self.stage, self.error = stage, error

    def create(self, account: Account) -> tuple[int, Code]:
        number = self.stage.target.writer().create(account)
        if self.error:
            raise self.error
        return number, Code("123456789")


def now(stage: Rehearsal, who: str, **wish: Any) -> Resynced:
    codes: Any = Codes(stage)
    return resync(stage.job, stage.tools, stage.writer, lambda: codes, Wish(who, **{"wait": 0.0, **wish}))


def settle(stage: Rehearsal, *people: str) -> None:
    for who in people or EVERYBODY:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", sn=who.title())
    stage.run()
    stage.clock.passed += 60  # what follows is later in the history


def deleted(stage: Rehearsal, who: str) -> None:
    """Somebody is deleted, and the directory shows it."""
    stage.source.tombstones.add(stage.entry(who).anchor)
    stage.leave(who)


def hold(stage: Rehearsal, who: str) -> None:
    row = HoldRow(stage.login(who).id, Hold("zoe", "on leave", None, HoldKind.EXEMPT), "", stage.clock.now())
    stage.state.place_hold(stage.job.target.service, row)


def held(done: Resynced) -> set[Kind]:
    return {kind for skip in done.plan.held if skip.change for kind in kinds(skip.change)}


class TestAResync:
    def test_creates_somebody_new_with_their_groups_and_nobody_else(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",), mail="ida@example.org")
        stage.hire("joe", ("vpn",), mail="joe@example.org")
        done = now(stage, "ida@example.org")

        assert (done.exit_code, done.run.summary) == (0, "resync ida: 2 done")
        assert stage.groups_of("ida") == {"vpn"}
        assert stage.ledger()["ida"].login_id == stage.login("ida").id
        assert "joe" not in stage.ledger()

    def test_updates_unlocks_adopts_and_adds(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", mail="new@example.org", groups=("vpn", "wiki"))
        assert now(stage, "ada").exit_code == 0
        assert (stage.login("ada").mail, stage.groups_of("ada")) == ("new@example.org", {"vpn", "wiki"})

        stage.change("ada", disabled="yes")
        assert now(stage, "ada").exit_code == 0
        assert stage.login("ada").status == Status.LOCKED
        stage.change("ada", disabled="")
        assert now(stage, "ada").exit_code == 0
        assert stage.login("ada").status == Status.ACTIVE

        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        stage.target.state.add("kim", created_by=0)
        stage.hire("kim", ("vpn",), mail="kim@example.org")
        assert now(stage, "kim").exit_code == 0
        assert stage.ledger()["kim"].origin is Origin.ADOPTED

    @pytest.mark.parametrize(("field", "value"), [("disabled", "yes"), ("scope", "out-of-scope")])
    def test_locks_whom_the_entry_shows_as_disabled_or_out_of_scope(
        self, stage: Rehearsal, field: str, value: str
    ) -> None:
        settle(stage)
        stage.change("ada", None, **{field: value})
        assert now(stage, "ada").exit_code == 0
        assert stage.login("ada").status == Status.LOCKED

    def test_is_in_the_history_the_journal_and_the_audit_with_person_and_reason(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", disabled="yes")
        done = now(stage, "ada", reason="called", ticket="T-1")

        (row, _) = stage.state.runs()
        assert (row.command, row.job, row.summary, row.plan) == (RESYNC, "staff", "resync ada: 1 done", done.plan.id)
        assert "succeeded" not in row.report
        assert [intent.result for intent in stage.state.intents(row.id)] == [Result.DONE]
        (audit,) = stage.state.audit("ada")
        assert (audit.action, audit.login_id, audit.reason, audit.ticket) == (
            RESYNC, stage.login("ada").id, "called", "T-1",
        )  # fmt: skip
        assert audit.detail == f"run {row.id}: lock"
        assert audit.result is Result.DONE

    def test_that_has_nothing_to_do_says_so(self, stage: Rehearsal) -> None:
        settle(stage)
        done = now(stage, "ada")
        assert (done.exit_code, done.run.summary, done.plan.changes) == (0, "resync ada: nothing to do", ())
        assert not stage.state.audit("ada")

    def test_that_fails_tells_history_and_audit(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", mail="new@example.org")
        stage.fail("update", Rejected("the service said no"))
        done = now(stage, "ada")
        assert (done.exit_code, stage.state.runs()[0].summary) == (4, "resync ada: 1 rejected")
        (audit,) = stage.state.audit("ada")
        assert (audit.result, audit.error) == (Result.REJECTED, "the service said no")

    def test_that_breaks_off_leaves_its_end_in_the_history(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", mail="new@example.org")
        stage.fail("update", ServiceUnavailable("our memory is gone"))
        with pytest.raises(MemoryLost):
            now(stage, "ada")
        row = stage.state.runs()[0]
        assert (row.exit_code, row.summary) == (4, "resync ada: stopped while applying: our memory is gone")
        assert stage.state.audit("ada")[0].result is None

    def test_applies_only_what_was_approved_and_is_still_true(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", mail="new@example.org")
        seen = preview(stage.job, stage.tools, Wish("ada")).plan
        stage.change("ada", mail="newer@example.org", groups=("vpn", "wiki"))
        done = now(stage, "ada", approved=seen)

        assert (done.exit_code, len(done.moved)) == (3, 1)
        assert stage.login("ada").mail == "ada@example.org"
        assert stage.groups_of("ada") == {"vpn"}


class TestWhatWasNotSeen:
    def test_takes_nothing_away(self, stage: Rehearsal) -> None:
        """A cleared field, a lost group and a lesser role may all be what the account may not see today."""
        settle(stage)
        stage.change("ada", role="1")
        stage.run()
        stage.change("ada", mail="", role="", groups=(), sn="New")
        done = now(stage, "ada")

        assert done.exit_code == 4
        assert held(done) == {Kind.CLEAR, Kind.DEMOTE, Kind.REMOVE}
        login = stage.login("ada")
        assert (login.mail, login.role, login.name) == ("ada@example.org", Role.MANAGER, "New")
        assert stage.groups_of("ada") == {"vpn"}

    def test_locks_nobody_who_is_not_found(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.leave("ada")
        done = now(stage, "ada")

        assert (done.exit_code, done.run.summary) == (3, "resync ada: nothing was changed, 1 held")
        assert [skip.reason for skip in done.plan.skips] == [Reason.UNPROVEN]
        assert held(done) == {Kind.LOCK}
        assert stage.login("ada").status == Status.ACTIVE

    def test_locks_whom_the_directory_shows_to_be_deleted(self, stage: Rehearsal) -> None:
        settle(stage)
        deleted(stage, "ada")
        done = now(stage, "ada")

        (lock,) = done.plan.changes
        assert (done.exit_code, lock.evidence, lock.because) == (0, Evidence.SEEN, DELETED)
        assert stage.login("ada").status == Status.LOCKED
        assert [intent.result for intent in stage.state.intents(done.run.id)] == [Result.DONE]

    def test_begins_no_grace_by_a_tombstone_and_lets_in_who_is_restored(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.LOCK_THEN_DELETE))
        settle(stage)
        ada = stage.entry("ada")
        deleted(stage, "ada")
        now(stage, "ada")
        assert stage.ledger()["ada"].left_at is None
        assert stage.run().exit_code == 0
        assert stage.ledger()["ada"].left_at is not None

        stage.source.tombstones.clear()
        stage.source.entries.append(ada)
        assert now(stage, "ada").exit_code == 0
        assert stage.login("ada").status == Status.ACTIVE

    @pytest.mark.parametrize("leaver", [Leaver.KEEP, Leaver.DELETE])
    def test_locks_nobody_by_a_tombstone_where_the_policy_does_not_lock(self, stage: Rehearsal, leaver: Leaver) -> None:
        stage.configure(policy=Policy(OURS, leaver))
        settle(stage)
        deleted(stage, "ada")
        done = now(stage, "ada")
        (skip,) = done.plan.skips
        waits = "leavers are kept" if leaver is Leaver.KEEP else "only a run that reads everybody deletes"
        assert waits in skip.detail
        assert stage.login("ada").status == Status.ACTIVE

    @pytest.mark.parametrize(
        ("prepare", "reason"),
        [
            (lambda stage: stage.configure(rules=PlainRules(protected=frozenset({"ada"}))), Reason.PROTECTED),
            (lambda stage: hold(stage, "ada"), Reason.EXEMPT),
            (lambda stage: stage.by_hand("ada", role=2), Reason.UNPROVEN),
            (lambda stage: stage.configure(name="another"), Reason.FIRST_RUN),
            (lambda stage: stage.configure(digest="configuration 2"), Reason.HELD),
        ],
    )
    def test_locks_nobody_by_a_tombstone_whom_something_else_protects(
        self, stage: Rehearsal, prepare: Callable[[Rehearsal], None], reason: Reason
    ) -> None:
        settle(stage)
        prepare(stage)
        deleted(stage, "ada")
        assert [skip.reason for skip in now(stage, "ada").plan.skips] == [reason]
        assert stage.login("ada").status == Status.ACTIVE

    def test_is_stopped_where_somebody_is_restored_between_the_plan_and_its_end(self, stage: Rehearsal) -> None:
        settle(stage)
        ada = stage.entry("ada")
        deleted(stage, "ada")
        seen = preview(stage.job, stage.tools, Wish("ada")).plan
        assert len(seen.changes) == 1
        stage.source.entries.append(ada)
        done = now(stage, "ada", approved=seen)
        assert (done.exit_code, len(done.moved)) == (3, 1)
        assert stage.login("ada").status == Status.ACTIVE

    def test_locks_nobody_who_left_the_base_and_deletes_nobody(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        settle(stage)
        stage.source.elsewhere.append(stage.entry("ada"))
        stage.leave("ada")
        stage.leave("bob")
        assert [now(stage, who).exit_code for who in ("ada", "bob")] == [3, 3]
        assert [stage.login(who).status for who in ("ada", "bob")] == [Status.ACTIVE] * 2

    def test_locks_nobody_who_may_be_out_of_scope_for_what_is_hidden(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", scope="out-of-scope", groups=())
        stage.change("bob", scope="out-of-scope", mail="")
        assert [now(stage, who).exit_code for who in ("ada", "bob")] == [3, 3]
        stage.change("bob", mail="bob@example.org")
        assert now(stage, "bob").exit_code == 0

    def test_finds_nobody_where_nobody_is_known(self, stage: Rehearsal) -> None:
        settle(stage)
        with pytest.raises(UsageError, match="nobody is found for zoe") as caught:
            now(stage, "zoe")
        assert "no proof" in caught.value.advice

    def test_an_administrator_is_not_locked_by_who_cannot_count_them(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", role="2")
        stage.run()
        stage.change("ada", disabled="yes", mail="new@example.org")
        done = now(stage, "ada")

        assert (done.exit_code, held(done)) == (4, {Kind.LOCK})
        assert (stage.login("ada").status, stage.login("ada").mail) == (Status.ACTIVE, "new@example.org")

    @pytest.mark.parametrize("source", [True, False])
    def test_is_an_error_where_a_side_does_not_answer(
        self, stage: Rehearsal, source: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settle(stage)
        stage.change("ada", disabled="yes")

        def down(*_: Any) -> None:
            raise (SourceUnavailable if source else ServiceUnavailable)("does not answer")

        where: Any = stage.source if source else stage.job.target
        monkeypatch.setattr(where, "find" if source else "login", down)
        with pytest.raises((SourceUnavailable, ServiceUnavailable)):
            now(stage, "ada")
        assert stage.login("ada").status == Status.ACTIVE


class TestAName:
    def test_that_the_entry_says_is_taken_over(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", uid="ada.new")
        assert now(stage, "ada").exit_code == 0
        assert stage.ledger()["ada"].login == "ada.new"

    def test_that_is_made_of_several_attributes_waits(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(rules=replace(PlainRules(), login_attributes=frozenset({"uid", "mail"})))
        stage.change("ada", uid="ada.new")
        done = now(stage, "ada")
        assert (done.exit_code, held(done)) == (3, {Kind.RENAME})

    def test_that_somebody_else_wants_too_is_a_duplicate(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",))
        stage.hire("ida2", ("vpn",))
        stage.change("ida2", uid="ida")
        done = now(stage, "here/ida")
        assert [skip.reason for skip in done.plan.skips] == [Reason.DUPLICATE]
        assert not done.plan.changes

    def test_that_is_computed_waits_because_nobody_can_ask_who_else_wants_it(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(rules=replace(PlainRules(), login_is_written=False))
        stage.hire("ida", ("vpn",))
        done = now(stage, "ida")
        assert (done.exit_code, held(done)) == (3, {Kind.CREATE, Kind.ADD})
        assert "ida" not in stage.ledger()

    def test_that_is_computed_keeps_nothing_else_waiting(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(rules=replace(PlainRules(), login_is_written=False))
        stage.change("ada", uid="ada.new", mail="new@example.org")
        done = now(stage, "ada")
        assert (done.exit_code, held(done), stage.login("ada").mail) == (4, {Kind.RENAME}, "new@example.org")


class TestALoginThatIsTheirsAlready:
    """Somebody who has one, which no search by name shows, gets no second one."""

    def test_waits_where_the_one_that_we_knew_was_deleted_and_another_may_have_their_mail(
        self, stage: Rehearsal
    ) -> None:
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})), rules=PlainRules(matching=BY_NAME_OR_MAIL))
        settle(stage)
        del stage.target.state.logins[stage.login("ada").id]
        stage.target.state.add("a.lovelace", created_by=0, mail="ada@example.org")
        done = now(stage, "ada")

        assert (done.exit_code, {skip.detail for skip in done.plan.held}) == (3, {ANOTHER})
        stage.run()
        assert stage.ledger()["ada"].origin is Origin.ADOPTED

    def test_is_the_one_that_a_person_said(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
        settle(stage)
        stage.hire("zoe", ("vpn",))
        number = stage.target.state.add("z.legrand", created_by=0).id
        said = MatchDecision(number, "z.legrand", Anchor("here", "zoe"), "joe", "asked her", stage.clock.now())
        stage.state.keep_match(stage.job.target.service, said)
        now(stage, "zoe")

        row = stage.ledger()["zoe"]
        assert (row.login_id, row.origin) == (number, Origin.ADOPTED)


class TestLaterRuns:
    def test_are_taught_no_configuration_no_reading_and_no_first_run(self, stage: Rehearsal) -> None:
        stage.hire("ada", ("vpn",))
        now(stage, "ada")
        memory = stage.state.memory("staff", stage.job.target.service, stage.clock.now() - timedelta(days=1))
        assert (memory.applied_before, memory.accepted, dict(memory.baselines)) == (False, "", {})

        stage.change("ada", disabled="yes")
        done = now(stage, "ada")
        assert (done.exit_code, [s.reason for s in done.plan.skips]) == (0, [Reason.FIRST_RUN])

    def test_count_what_it_applied(self, stage: Rehearsal) -> None:
        settle(stage)
        for who in EVERYBODY[:3]:
            stage.change(who, disabled="yes")
            now(stage, who)
        stage.configure(limits={**stage.job.limits, GuardKind.LOCK: Limit(3, 0.0, None)})
        stage.change("dan", disabled="yes")
        (lock,) = [gauge for gauge in stage.plan().basis.gauges if gauge.kind is GuardKind.LOCK]
        assert (lock.observed, lock.recent, lock.tripped) == (1, 3, True)

    def test_are_not_accepted_by_what_a_changed_configuration_takes(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(digest="configuration 2")
        stage.change("ada", disabled="yes")
        done = now(stage, "ada")
        assert (done.exit_code, [s.reason for s in done.plan.skips]) == (3, [Reason.HELD])
        assert stage.plan().basis.config_changed

    def test_find_no_login_adopted_from_which_a_changed_configuration_takes(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(digest="configuration 2", policy=Policy(OURS, adopt=frozenset({0})))
        stage.target.state.add("kim", created_by=0, mail="kim@example.org")
        stage.hire("kim", mail="")
        assert now(stage, "kim").exit_code == 3
        assert "kim" not in stage.ledger()

    def test_find_no_intent_that_makes_a_person_this_jobs_doing(self, stage: Rehearsal) -> None:
        """A renamed job: what its resync changes must not make its first run accept what it takes from everybody."""
        settle(stage)
        stage.configure(name="renamed")
        stage.change("ada", mail="new@example.org")
        now(stage, "ada")
        stage.change("ada", disabled="yes")
        stage.run()
        memory = stage.state.memory("renamed", stage.job.target.service, stage.clock.now())
        assert (memory.applied_before, memory.accepted) == (True, "")


class TestTheGuards:
    def test_count_what_earlier_runs_and_resyncs_applied(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(limits={**stage.job.limits, GuardKind.LOCK: Limit(1, 0.0, None)})
        stage.change("ada", disabled="yes")
        stage.change("bob", disabled="yes")
        assert now(stage, "ada").exit_code == 0
        done = now(stage, "bob")
        assert (done.exit_code, done.run.summary, done.applied) == (3, "resync bob: held by the guard lock", None)
        assert stage.login("bob").status == Status.ACTIVE

    def test_take_no_larger_population_than_a_run_of_everybody(self, stage: Rehearsal) -> None:
        settle(stage)
        population = {gauge.population for gauge in preview(stage.job, stage.tools, Wish("ada")).plan.basis.gauges}
        assert population == {len(EVERYBODY)}, "its only run found nobody yet, and made everybody"
        stage.run()
        stage.by_hand("bob", status=1)
        stage.change("cleo", disabled="yes")
        stage.run()
        (lock,) = {gauge.population for gauge in preview(stage.job, stage.tools, Wish("ada")).plan.basis.gauges}
        assert lock == 7, "bob is locked by hand; cleo was there when the last run began, and still is one of 7"
        assert lock <= len(EVERYBODY) - 1

    def test_hold_all_removals_where_the_login_carries_another_tag(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.run()
        stage.by_hand("ada", created_by=7)
        stage.change("ada", disabled="yes")
        done = now(stage, "ada")
        assert (done.exit_code, [s.reason for s in done.plan.skips]) == (3, [Reason.HELD])

    def test_refuse_a_service_that_is_another_one(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.target.state.logins.clear()
        with pytest.raises(ConfigurationError, match="8 of 8 logins"):
            now(stage, "ada")

    def test_let_one_who_was_deleted_on_the_service_be_created_anew(self, stage: Rehearsal) -> None:
        settle(stage)
        del stage.target.state.logins[stage.login("ada").id]
        assert now(stage, "ada").exit_code == 0
        assert stage.ledger()["ada"].login_id == stage.login("ada").id

    def test_refuse_another_provisioning_id(self, stage: Rehearsal) -> None:
        stage.configure(deciding='{"provisioning_id": 20}')
        settle(stage)
        stage.configure(policy=Policy(21))
        with pytest.raises(ConfigurationError, match="was 20"):
            now(stage, "ada")

    def test_leave_a_login_with_our_tag_that_our_memory_lacks_to_the_next_run(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.target.state.add("ida", created_by=OURS, mail="old@example.org")
        stage.hire("ida", ("vpn",), mail="ida@example.org")
        done = now(stage, "ida")
        assert (done.exit_code, {s.reason for s in done.plan.held}) == (3, {Reason.HELD})
        assert "ida" not in stage.ledger()


class TestHoldsAndGraces:
    def test_that_ended_are_taken_over_for_this_person_alone(self, stage: Rehearsal) -> None:
        settle(stage)
        service, end = stage.job.target.service, stage.clock.now() + timedelta(hours=1)
        for who in ("ada", "bob"):
            stage.by_hand(who, status=1)
            row = HoldRow(stage.login(who).id, Hold("zoe", "lost", end), "", stage.clock.now())
            stage.state.place_hold(service, row)
        assert now(stage, "ada").exit_code == 0
        assert stage.login("ada").status == Status.LOCKED
        stage.clock.passed += 7200
        assert now(stage, "ada").exit_code == 0
        assert (stage.login("ada").status, stage.login("bob").status) == (Status.ACTIVE, Status.LOCKED)
        assert [row.login_id for row in stage.state.open_holds(service)] == [stage.login("bob").id]

    def test_an_exempt_login_keeps_everything(self, stage: Rehearsal) -> None:
        settle(stage)
        hold(stage, "ada")
        stage.change("ada", disabled="yes")
        done = now(stage, "ada")
        assert (done.exit_code, [s.reason for s in done.plan.skips]) == (0, [Reason.EXEMPT])

    def test_a_grace_ends_for_who_is_seen(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.LOCK_THEN_DELETE, delete_after=timedelta(days=9)))
        settle(stage)
        entries = [stage.entry("ada"), stage.entry("bob")]
        for who in ("ada", "bob"):
            stage.leave(who)
        stage.run()
        stage.source.entries += entries
        now(stage, "ada")
        assert (stage.ledger()["ada"].left_at, stage.login("ada").status) == (None, Status.ACTIVE)
        assert stage.ledger()["bob"].left_at is not None


class TestTheLease:
    def test_is_waited_for_and_who_holds_it_is_told_once(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leasing, "ASK_EVERY", 0.001)
        settle(stage)
        stage.change("ada", mail="new@example.org")
        lease = stage.state.lease(stage.job.target.service, "the night", 60)
        told: list[str] = []

        def tell(error: LeaseHeld) -> None:
            told.append(error.holder)
            lease.release()

        assert now(stage, "ada", wait=60.0, told=tell).exit_code == 0
        assert told == ["the night"]

    def test_that_does_not_come_in_time_is_an_end_of_3(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.state.lease(stage.job.target.service, "the night", 60)
        with pytest.raises(LeaseHeld, match="the night"):
            now(stage, "ada")
        assert (stage.state.runs()[0].command, stage.state.runs()[0].exit_code) == (RESYNC, 3)

    def test_is_not_taken_to_look(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", mail="new@example.org")
        stage.state.lease(stage.job.target.service, "the night", 60)
        looked = preview(stage.job, stage.tools, Wish("ada"))
        assert plan_exit_code(looked.plan) == 2
        assert len(stage.state.runs()) == 1
        assert stage.login("ada").mail == "ada@example.org"
        assert stage.state.plan(looked.plan.id)

    def test_of_a_resync_is_waited_for_by_the_night(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        settle(stage)
        lease = stage.state.lease(stage.job.target.service, f"zoe@here pid 1 {RESYNC}", 60)
        waited = []

        class Stop:
            def wait(self, seconds: float) -> bool:
                waited.append(seconds)
                lease.release()
                return False

            def is_set(self) -> bool:
                return False

        stop: Any = Stop()
        assert running.run(stage.job, stage.tools, stage.writer, Request("run", stop=stop)).exit_code == 0
        assert waited == [leasing.ASK_EVERY]


class TestWhatAnEarlierRunLeftOpen:
    def test_is_settled_for_this_person_alone(self, stage: Rehearsal) -> None:
        settle(stage)
        for who in ("ida", "joe"):
            stage.hire(who, ("vpn",), mail=f"{who}@example.org")
        plan = stage.plan()
        service = stage.job.target.service
        lease = stage.state.lease(service, "killed", 60)
        stage.state.start_run(stage.run_row(), "", "")
        journal = stage.state.journal("r1", service, lease)
        creations = [change for change in plan.changes if isinstance(change, CreateLogin)]
        journal.intend([(1, change) for change in creations])
        for change in creations:
            stage.target.writer().create(change.account)
        lease.release()

        assert now(stage, "ida").exit_code == 0
        assert "ida" in stage.ledger()
        assert "joe" not in stage.ledger()
        (open_still,) = stage.state.unsettled(service)
        assert open_still.change["subject"]["login"] == "joe"


class TestTheCode:
    def test_now_is_given_to_the_caller_and_is_nowhere_else(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",), mail="ida@example.org")
        done = now(stage, "ida", code=Activation.CODE)
        assert done.code is not None
        assert done.code.reveal() == "123456789"
        assert "123456789" not in repr(done)
        kept = [str(change_to_data(c)) for c in done.plan.changes] + [str(stage.state.plan(done.plan.id))]
        kept += [str(row) for row in (*stage.state.intents(done.run.id), *stage.state.audit(), *stage.state.runs())]
        assert not any("123456789" in text for text in kept)

    def test_that_never_came_is_not_made_up(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",), mail="ida@example.org")
        codes: Any = Codes(stage, OutcomeUnknown("the login was made and no code came"))
        wish = Wish("ida", code=Activation.CODE, wait=0)
        done = resync(stage.job, stage.tools, stage.writer, lambda: codes, wish)
        assert (done.exit_code, done.code) == (0, None)
        assert "ida" in stage.ledger()

    def test_as_a_link_is_mailed(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",), mail="ida@example.org")
        done = now(stage, "ida", code=Activation.LINK)
        assert (done.exit_code, done.code) == (0, None)
        assert stage.target.state.mails == [stage.login("ida").id]

    def test_as_a_link_needs_an_address(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", ("vpn",))
        with pytest.raises(Refused, match="no mail address"):
            now(stage, "ida", code=Activation.LINK)
        assert "ida" not in stage.ledger()

    def test_changes_nothing_for_who_is_there(self, stage: Rehearsal) -> None:
        settle(stage)
        done = now(stage, "ada", code=Activation.CODE)
        assert (done.exit_code, done.code, done.plan.changes) == (0, None, ())


def test_a_login_of_nobody_is_left_alone(stage: Rehearsal) -> None:
    settle(stage)
    stage.target.state.add("console", created_by=0)
    done = now(stage, "console")
    assert (done.exit_code, [s.reason for s in done.plan.skips]) == (0, [Reason.FOREIGN])


def test_a_row_counts_as_active_unless_we_locked_it(stage: Rehearsal) -> None:
    settle(stage, "ada", "bob")
    assert isinstance(stage.ledger()["ada"], LedgerRow)
    assert stage.state.count_unlocked(stage.job.target.service, OURS) == 2
    assert stage.state.count_unlocked(stage.job.target.service, OURS + 1) == 0
    assert Anchor("here", "ada") == stage.ledger()["ada"].anchor
