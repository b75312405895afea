"""What only a changed configuration takes away waits for a person; what the directory says goes on the same night."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iwds.cli.plan_text import plan_lines
from iwds.core.causes import Cause
from iwds.core.change import DeleteLogin, Evidence, Write
from iwds.core.configuration import digest_of, grace_of
from iwds.core.decision import Reason
from iwds.core.guards import DEFAULTS, OUT_OF_SCOPE, RETAGGED, GuardKind
from iwds.core.model import Absent, Account, Anchor, Entry, Status, Unmapped
from iwds.core.plan import Plan, Selection
from iwds.core.policy import CENTURY, Hold, HoldKind, Leaver, Policy
from iwds.core.previous import Places
from iwds.core.restored import NOTE
from iwds.engine import judging, parting
from iwds.engine.job import Earlier
from iwds.engine.running import RunReport
from iwds.errors import ConfigurationError, ServiceUnavailable, SourceUnavailable
from iwds.ports import HoldRow
from iwds.sources.memory import MemorySource
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

PLACES = Places(
    {
        "mapping": "staff.yaml", "scope": "staff.yaml:1", "groups": "staff.yaml:20", "groups vpn": "staff.yaml:21",
        "enabled": "staff.yaml:9", "sources": "config.yaml:3", "leavers": "config.yaml:30",
    }
)  # fmt: skip

DAY = 86_400


@dataclass(frozen=True)
class ScopedRules(PlainRules):
    """The plain rules, with a clause that leaves a department out, and rules that take a group or a mail from it."""

    outside: str = ""
    clause: str = "not in a department that counts (staff.yaml:14)"
    attributes: frozenset[str] = field(default_factory=lambda: PlainRules().attributes | {"department"})
    without_vpn: str = ""
    without_mail: str = ""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        department = (entry.attrs.get("department") or ("",))[0]
        if isinstance(made, Unmapped) or not department:
            return made
        if department == self.outside:
            return Unmapped(entry.anchor, entry.name, Absent.OUT_OF_SCOPE, self.clause, made.login)
        if department == self.without_vpn:
            made = replace(made, groups=(made.groups or frozenset()) - {"vpn"})
        return replace(made, mail="") if department == self.without_mail else made


@dataclass(frozen=True)
class RivalRules(ScopedRules):
    """Rules that give two people one name."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        return replace(made, login="team") if isinstance(made, Account) and made.login in ("ann", "bob") else made


@dataclass(frozen=True)
class MisfitRules(ScopedRules):
    """Rules that make an account of nobody."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        return Unmapped(entry.anchor, entry.name, Absent.INVALID, "no date", "")


class Configured(Rehearsal):
    """A rehearsal whose configurations of earlier can be understood again."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.earlier: dict[str, Earlier | None] = {}
        self.number = 0
        self.now_is(ScopedRules())

    def now_is(
        self,
        rules: PlainRules | None = None,
        leavers: Leaver | None = None,
        source: MemorySource | None = None,
        grace: timedelta | None = None,
        adopt: frozenset[int] = frozenset(),
    ) -> None:
        """From now on the job has this configuration."""
        rules = rules or self.job.rules  # type: ignore[assignment]
        policy = Policy(OURS, leavers or self.job.policy.leaver, adopt, delete_after=grace or CENTURY)
        self.source = source or self.source
        data = {"mapping": repr(rules), "sources": {"staff": id(self.source)}, "leavers": policy.leaver.value}
        data |= {"adopt": sorted(adopt)}
        data |= {"delete_after": grace.total_seconds()} if grace else {}
        text = json.dumps(data)
        self.earlier[text] = Earlier(rules, (self.source,), policy, {})  # type: ignore[arg-type]
        self.configure(
            rules=rules, policy=policy, sources=(self.source,), digest=digest_of(data), deciding=text,
            earlier=self._earlier, places=PLACES,
        )  # fmt: skip

    def _earlier(self, text: str) -> Earlier | None:
        for known, earlier in self.earlier.items():
            if known == text:
                return earlier
        return self._mixed(text)

    def _mixed(self, text: str) -> Earlier | None:
        data = json.loads(text)
        for known, earlier in self.earlier.items():
            other = json.loads(known)
            if earlier and other["mapping"] == data["mapping"] and other["sources"] == data["sources"]:
                grace = grace_of(data) or CENTURY
                return replace(earlier, policy=Policy(OURS, Leaver(data["leavers"]), delete_after=grace))
        return None

    def forget_earlier(self) -> None:
        """What was accepted cannot be understood any more."""
        self.earlier = dict.fromkeys(self.earlier)

    def status(self, who: str) -> Status:
        return Status(self.login(who).status or 0)


@pytest.fixture
def stage() -> Iterator[Configured]:
    configured = Configured()
    for who in ("ann", "bob", "cy", "dee"):
        configured.hire(who, ("vpn",), mail=f"{who}@x.y", department="it")
    assert configured.run().exit_code == 0
    yield configured
    configured.close()


def locked(stage: Configured) -> set[str]:
    return {login.login for login in stage.target.state.logins.values() if login.status == Status.LOCKED}


def held(plan: Plan) -> dict[str, str]:
    """Who waits at the gate, and the cause."""
    return {
        skip.subject.login: getattr(skip.change, "cause", "")
        for skip in plan.held
        if skip.change and skip.change.evidence is Evidence.RULE
    }


def accept(stage: Configured, number: int, **allow: int) -> RunReport:
    return stage.run(selection=Selection(allow={OUT_OF_SCOPE: number, **allow}, reason="the new rules"))


class TestAChangedScope:
    def test_holds_those_whom_only_it_leaves_out_and_lets_the_directory_go_on(self, stage: Configured) -> None:
        stage.change("ann", department="sales")
        assert stage.run().exit_code == 0
        stage.now_is(ScopedRules(outside="sales"))
        stage.change("bob", disabled="yes")
        stage.leave("cy")
        stage.change("dee", groups=())
        report = stage.run()
        assert report.exit_code == 4
        assert held(report.plan) == {"ann": "rule staff.yaml:14"}
        assert locked(stage) == {"bob", "cy"}
        assert stage.groups_of("dee") == set()

    def test_waits_whatever_its_number_until_that_number_is_accepted(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(outside="it"))
        for _ in range(2):
            assert stage.run().exit_code == 3
        assert accept(stage, 3).exit_code == 3
        assert locked(stage) == set()
        assert accept(stage, 4).exit_code == 0
        assert locked(stage) == {"ann", "bob", "cy", "dee"}
        assert not stage.plan().basis.config_changed

    def test_that_was_accepted_takes_later_people_out_as_the_directory_says(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(outside="sales"))
        assert stage.run().exit_code == 0
        stage.change("ann", department="sales")
        assert stage.run().exit_code == 0
        assert locked(stage) == {"ann"}

    def test_tells_since_which_run_and_what_changed(self, stage: Configured) -> None:
        (first,) = stage.state.runs()
        stage.run()
        stage.now_is(ScopedRules(outside="it"))
        basis = stage.plan().basis
        assert (basis.accepted_by, basis.aspects) == (first.id, ("mapping",))

    def test_is_not_accepted_by_a_run_whose_memory_is_older_than_the_service(self, stage: Configured) -> None:
        stage.change("ann", department="sales")
        stage.run()
        stage.now_is(ScopedRules(outside="sales"))
        stage.hire("eve")
        stage.target.state.add("eve", created_by=OURS)
        report = stage.run()
        assert NOTE in report.plan.basis.notes
        assert held(stage.run().plan) == {"ann": "rule staff.yaml:14"}
        assert locked(stage) == set()

    def test_counts_causes_in_the_gauges(self, stage: Configured) -> None:
        stage.change("ann", department="sales")
        stage.run()
        stage.now_is(ScopedRules(outside="sales"))
        stage.change("bob", disabled="yes")
        stage.leave("cy")
        (lock,) = [gauge for gauge in stage.plan().basis.gauges if gauge.kind == "lock"]
        assert lock.causes == {"disabled": 1, "gone": 1, "rule staff.yaml:14": 1}


@dataclass(frozen=True)
class NamedByMail(ScopedRules):
    """The login is what stands before the @."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        return replace(made, login=(made.mail or "").partition("@")[0]) if isinstance(made, Account) else made


class TestANameThatIsTaken:
    """An edit that renames only somebody whose new name is another's renames nobody today, and is not accepted."""

    @pytest.fixture
    def stage(self, stage: Configured) -> Configured:
        stage.change("ann", mail="info@x.y")
        assert stage.run().exit_code == 0
        stage.target.state.add("info", created_by=0)
        stage.now_is(NamedByMail())
        return stage

    def test_waits_at_the_gate_when_the_name_is_free(self, stage: Configured) -> None:
        assert stage.run().exit_code == 0
        del stage.target.state.logins[stage.login("info").id]
        plan = stage.run().plan
        assert (plan.changes, [skip.reason for skip in plan.held]) == ((), [Reason.HELD])
        assert stage.login("ann").mail == "info@x.y"

    def test_is_taken_then_where_a_person_accepted_that_beforehand(self, stage: Configured) -> None:
        assert "--allow out-of-scope=0" in "\n".join(map(str, plan_lines(stage.plan())))
        assert accept(stage, 0).exit_code == 0
        del stage.target.state.logins[stage.login("info").id]
        assert stage.run().exit_code == 0
        assert stage.login("info").mail == "info@x.y"


class TestRulesThatHardlyAnybodyFits:
    """A slip in a mapping takes nothing from anybody, and is not accepted by that."""

    @pytest.fixture
    def stage(self, stage: Configured) -> Configured:
        for number in range(22):
            stage.hire(f"u{number:02}")
        assert stage.run(selection=Selection(allow={GuardKind.CREATE: 99}, reason="the new ones")).exit_code == 0
        stage.change("ann", department="sales")
        stage.now_is(MisfitRules())
        return stage

    def test_wait_for_somebody_who_looks_and_take_nothing(self, stage: Configured) -> None:
        report = stage.run()
        assert report.exit_code == 3
        assert any("26 of 26 people cannot be mapped" in note for note in report.plan.basis.notes)
        assert stage.plan().basis.config_changed
        assert locked(stage) == set()

    def test_are_accepted_by_who_lets_that_pass(self, stage: Configured) -> None:
        assert "--allow out-of-scope=0" in "\n".join(map(str, plan_lines(stage.plan())))
        assert accept(stage, 0).exit_code == 0
        assert not stage.plan().basis.config_changed

    def test_say_of_a_difference_that_it_may_be_theirs(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(without_mail="it"))
        stage.change("bob", sn="Lee")
        (write,) = [c for c in stage.plan().changes if c.subject.login == "bob"]
        assert write.because == "last name, mail changed in the directory or by the mapping"


class TestTwoWhoWantOneNewName:
    """Only the mapping makes them rivals; neither is renamed when the other leaves."""

    @pytest.fixture
    def stage(self, stage: Configured) -> Configured:
        stage.now_is(RivalRules())
        assert stage.run().exit_code == 0
        stage.leave("bob")
        return stage

    def test_wait_at_the_gate_when_one_of_them_leaves(self, stage: Configured) -> None:
        assert held(stage.run().plan).keys() == {"ann"}
        assert "ann" in {login.login for login in stage.target.state.logins.values()}

    def test_are_renamed_then_where_a_person_accepted_that_beforehand(self, stage: Configured) -> None:
        stage.hire("bob")
        assert "--allow out-of-scope=0" in "\n".join(map(str, plan_lines(stage.plan())))
        assert accept(stage, 0).exit_code == 0
        stage.leave("bob")
        stage.run()
        assert "team" in {login.login for login in stage.target.state.logins.values()}


class TestWhomAPersonHolds:
    """An edit that takes only from them takes nothing today, and is not accepted by that."""

    @pytest.fixture
    def stage(self, stage: Configured) -> Configured:
        hold = Hold("zoe", "on leave", stage.clock.now() + timedelta(days=10), HoldKind.EXEMPT)
        service = stage.job.target.service
        stage.change("ann", department="sales")
        assert stage.run().exit_code == 0
        stage.state.place_hold(service, HoldRow(stage.login("ann").id, hold, "", stage.clock.now()))
        stage.now_is(ScopedRules(outside="sales"))
        return stage

    def test_is_spared_by_name_and_by_cause(self, stage: Configured) -> None:
        report = stage.run()
        (skip,) = report.plan.skips
        assert (skip.reason, getattr(skip.change, "cause", "")) == (Reason.EXEMPT, "rule staff.yaml:14")
        assert report.exit_code == 0

    def test_is_named_once_where_something_else_of_the_same_person_goes_on(self, stage: Configured) -> None:
        stage.change("ann", sn="New")
        stage.now_is(ScopedRules(without_mail="sales"))
        plan = stage.run().plan
        assert [(skip.reason, bool(skip.change)) for skip in plan.skips] == [(Reason.EXEMPT, True)]
        assert (stage.login("ann").name, stage.login("ann").mail) == ("New", "ann@x.y")

    def test_waits_at_the_gate_when_the_hold_ends(self, stage: Configured) -> None:
        for _ in range(2):
            stage.run()
        stage.clock.passed += 11 * DAY
        report = stage.run()
        assert held(report.plan) == {"ann": "rule staff.yaml:14"}
        assert locked(stage) == set()

    def test_loses_it_then_where_a_person_accepted_that_beforehand(self, stage: Configured) -> None:
        assert "iwds apply" in "\n".join(map(str, plan_lines(stage.plan())))
        assert accept(stage, 0).exit_code == 0
        assert not stage.plan().basis.config_changed
        stage.clock.passed += 11 * DAY
        assert stage.run().exit_code == 0
        assert locked(stage) == {"ann"}

    def test_does_not_keep_what_the_directory_says_waiting(self, stage: Configured) -> None:
        stage.leave("bob")
        assert stage.run().exit_code == 0
        assert locked(stage) == {"bob"}


class TestAWrite:
    def test_is_parted_into_what_the_directory_asks_for_and_what_the_rules_do(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(without_mail="it"))
        stage.change("ann", disabled="yes")
        report = stage.run()
        assert held(report.plan).keys() == {"ann", "bob", "cy", "dee"}
        assert (stage.status("ann"), stage.login("ann").mail) == (Status.LOCKED, "ann@x.y")

    def test_is_one_write_again_where_both_may_be_made(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(without_mail="it"))
        stage.change("ann", disabled="yes")
        calls = stage.calls()
        assert accept(stage, 4).exit_code == 0
        assert (stage.status("ann"), stage.login("ann").mail) == (Status.LOCKED, "")
        assert calls.count("update") == 4

    def test_of_another_field_goes_on(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(without_mail="it"))
        stage.change("ann", sn="Berg")
        stage.run()
        assert stage.login("ann").name == "Berg"


def test_a_group_that_only_the_rules_take_is_kept_and_one_that_the_directory_takes_is_lost(stage: Configured) -> None:
    stage.change("ann", department="sales")
    stage.run()
    stage.now_is(ScopedRules(without_vpn="sales"))
    stage.change("bob", groups=())
    report = stage.run()
    assert held(report.plan) == {"ann": "rule staff.yaml:21"}
    assert (stage.groups_of("ann"), stage.groups_of("bob")) == ({"vpn"}, set())


class TestAChangedBase:
    def test_holds_those_whom_it_does_not_read_any_more(self, stage: Configured) -> None:
        everybody = stage.source
        part = MemorySource("staff", everybody.entries[2:], "here", everybody.entries[:2])
        stage.now_is(source=part)
        stage.source.entries = [entry for entry in stage.source.entries if entry.anchor.id != "dee"]
        everybody.entries = [entry for entry in everybody.entries if entry.anchor.id != "dee"]
        report = stage.run()
        assert held(report.plan) == dict.fromkeys(("ann", "bob"), "rule config.yaml:3")
        assert locked(stage) == {"dee"}

    def test_holds_everybody_of_whom_the_old_source_does_not_answer(self, stage: Configured) -> None:
        everybody = stage.source
        stage.now_is(source=MemorySource("staff", everybody.entries[1:], "here"))
        everybody.fail_after = 0
        report = stage.run()
        assert held(report.plan).keys() == {"ann"}
        assert locked(stage) == set()

    def test_waits_with_all_that_the_last_one_would_not_take_where_that_takes_something_else(
        self, stage: Configured
    ) -> None:
        """The old base still reads her, with an empty mail that night; that is no lock that could stand in."""
        stage.now_is(leavers=Leaver.DELETE)
        stage.leave("dee")
        accept(stage, 1)
        everybody = stage.source
        stage.change("ann", mail="")
        stage.now_is(source=MemorySource("staff", everybody.entries[1:], "here", everybody.entries[:1]))
        for _ in range(2):
            assert held(stage.run().plan) == {"ann": "rule config.yaml:3"}
        assert locked(stage) == set()


class TestAConfigurationIsNotAcceptedUnseen:
    """What it takes does not come up in a run that could not read what decides it."""

    def test_while_an_attribute_is_withheld(self, stage: Configured) -> None:
        stage.now_is(ScopedRules(outside="it"))
        stage.source.hidden = frozenset({"department"})
        report = stage.run()
        assert (report.plan.basis.withheld, held(report.plan)) == (("staff: department",), {})
        stage.source.hidden = frozenset()
        assert held(stage.run().plan).keys() == {"ann", "bob", "cy", "dee"}
        assert locked(stage) == set()

    def test_while_it_is_not_known_whether_those_who_would_be_deleted_are_gone(
        self, stage: Configured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.now_is(leavers=Leaver.DELETE)
        stage.leave("dee")
        accept(stage, 1)
        everybody = stage.source
        stage.now_is(source=MemorySource("staff", everybody.entries[1:], "here", everybody.entries[:1]))
        with monkeypatch.context() as night:
            night.setattr(stage.target.reader.__class__, "loss", _not_now)
            night.setattr(parting, "find_entries", lambda *_: iter(()))
            assert {skip.reason for skip in stage.run().plan.held} == {Reason.UNPROVEN}
        assert held(stage.run().plan) == {"ann": "rule config.yaml:3"}
        assert locked(stage) == set()


def _not_now(*_: object) -> None:
    raise ServiceUnavailable("down")


def test_an_adoption_waits_with_what_it_would_take(stage: Configured) -> None:
    """Once the login were ours, the configuration last applied would take the same, and nothing would wait any more."""
    stage.target.state.add("max", created_by=0, mail="max@x.y")
    stage.hire("max", mail="", disabled="yes", department="it")
    stage.run()
    stage.now_is(adopt=frozenset({0}))
    for _ in range(2):
        report = stage.run()
        assert held(report.plan).keys() == {"max"}
        assert report.plan.changes == ()
    assert accept(stage, 1).exit_code == 0
    assert (stage.login("max").mail, locked(stage)) == ("", {"max"})


class TestAChangedPolicyForLeavers:
    def test_slipped_in_on_a_quiet_night_still_waits_when_somebody_leaves(self, stage: Configured) -> None:
        stage.now_is(leavers=Leaver.DELETE)
        assert stage.run().exit_code == 0
        assert stage.plan().basis.aspects == ("leavers",)
        stage.leave("ann")
        report = stage.run()
        assert held(report.plan) == {"ann": "rule config.yaml:30"}

    def test_locks_at_once_whom_the_old_one_would_have_locked(self, stage: Configured) -> None:
        stage.now_is(leavers=Leaver.DELETE)
        stage.run()
        stage.leave("ann")
        stage.run()
        assert locked(stage) == {"ann"}

    def test_renames_nobody_meanwhile_whom_only_the_old_configuration_reads(self, stage: Configured) -> None:
        everybody = stage.source
        stage.change("ann", uid="anna")
        stage.now_is(leavers=Leaver.DELETE, source=MemorySource("staff", everybody.entries[1:], "here"))
        plan = stage.run().plan
        assert held(plan).keys() == {"ann"}
        assert plan.changes == ()

    def test_counts_as_accepted_once_a_person_let_a_deletion_through(self, stage: Configured) -> None:
        stage.now_is(leavers=Leaver.DELETE)
        stage.leave("ann")
        report = accept(stage, 1)
        assert [type(change) for change in report.plan.changes] == [DeleteLogin]
        stage.leave("bob")
        assert stage.run().exit_code == 0
        assert {login.login for login in stage.target.state.logins.values()} == {"cy", "dee"}

    def test_holds_people_whom_a_run_had_locked_before(self, stage: Configured) -> None:
        stage.leave("ann")
        assert stage.run().exit_code == 0
        stage.now_is(leavers=Leaver.DELETE)
        assert held(stage.run().plan).keys() == {"ann"}
        assert locked(stage) == {"ann"}

    def test_with_a_shorter_grace_deletes_nobody_before_the_longer_one_has_passed(self, stage: Configured) -> None:
        stage.now_is(leavers=Leaver.LOCK_THEN_DELETE, grace=timedelta(days=30))
        stage.leave("bob")
        stage.run()
        stage.clock.passed += 31 * 86_400
        assert held(stage.run().plan) == {"bob": "rule config.yaml:30"}
        assert accept(stage, 1).exit_code == 0
        stage.leave("ann")
        assert stage.run().exit_code == 0
        stage.clock.passed += 10 * 86_400
        stage.now_is(leavers=Leaver.LOCK_THEN_DELETE, grace=timedelta(days=5))
        assert held(stage.run().plan) == {"ann": "rule config.yaml:30"}
        stage.clock.passed += 21 * 86_400
        assert stage.run().exit_code == 0
        assert {login.login for login in stage.target.state.logins.values()} == {"cy", "dee"}

    def test_that_is_milder_is_accepted_at_once(self, stage: Configured) -> None:
        stage.now_is(leavers=Leaver.KEEP)
        stage.run()
        assert not stage.plan().basis.config_changed
        stage.now_is(leavers=Leaver.LOCK)
        stage.leave("ann")
        assert held(stage.run().plan).keys() == {"ann"}


class TestARenamedJob:
    def test_takes_nothing_that_nobody_accepted_on_its_second_run_either(self, stage: Configured) -> None:
        stage.change("ann", department="sales")
        stage.configure(name="renamed")
        stage.now_is(ScopedRules(outside="sales"))
        assert stage.run().plan.basis.first_run
        report = stage.run()
        assert not report.plan.basis.first_run
        assert held(report.plan).keys() == {"ann"}
        assert locked(stage) == set()
        assert accept(stage, 1).exit_code == 0
        assert locked(stage) == {"ann"}
        stage.leave("bob")
        assert stage.run().exit_code == 0
        assert locked(stage) == {"ann", "bob"}

    def test_that_takes_nothing_on_its_first_run_goes_on_as_before(self, stage: Configured) -> None:
        stage.configure(name="renamed")
        assert stage.run().exit_code == 0
        stage.leave("ann")
        assert stage.run().exit_code == 0
        assert locked(stage) == {"ann"}


class TestAnotherProvisioningId:
    def test_is_refused_while_logins_carry_the_last_one(self, stage: Configured) -> None:
        stage.job = replace(stage.job, deciding='{"provisioning_id": 20, "leavers": "lock"}', digest="20")
        assert stage.run().exit_code == 0
        stage.configure(policy=replace(stage.job.policy, provisioning_id=30), deciding="{}", digest="30")
        stage.leave("ann")
        calls = stage.calls()
        with pytest.raises(ConfigurationError, match=r"is 30 now, and was 20: 4 logins of staff carry 20"):
            stage.run()
        assert calls == []
        stage.configure(name="others")
        assert stage.run().exit_code == 0


class TestWhatCannotBeJudged:
    def test_waits_where_nothing_is_known_of_the_old_configuration(self, stage: Configured) -> None:
        stage.forget_earlier()
        stage.now_is(ScopedRules(outside="sales"))
        stage.forget_earlier()
        stage.leave("ann")
        assert held(stage.run().plan).keys() == {"ann"}
        assert accept(stage, 1).exit_code == 0
        assert not stage.plan().basis.config_changed

    def test_waits_where_there_are_too_many(self, stage: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(judging, "MOST_JUDGED", 1)
        stage.now_is(ScopedRules(outside="sales"))
        stage.leave("ann")
        stage.leave("bob")
        assert len(held(stage.run().plan)) == 1

    def test_is_not_what_an_account_may_not_see_any_more(self, stage: Configured) -> None:
        """The old rules read an attribute that the new ones do not, and that the directory hides that night."""
        for number in range(20):
            stage.hire(f"u{number}", department="it", wing="north")
        old = ScopedRules(attributes=ScopedRules().attributes | {"wing"})
        stage.now_is(old)
        assert stage.run().exit_code == 0
        stage.now_is(ScopedRules(outside="it"))
        stage.source.hidden = frozenset({"wing"})
        plan = stage.run().plan
        assert plan.basis.withheld == ("staff: wing",)
        assert locked(stage) == set()


class TestCausesOfAnAbsence:
    def cause(self, stage: Configured) -> str:
        (change,) = stage.plan().changes
        assert isinstance(change, Write)
        return change.cause

    def test_gone_where_nothing_is_found_by_id(self, stage: Configured) -> None:
        stage.leave("ann")
        assert self.cause(stage) == Cause.GONE

    def test_moved_where_the_entry_is_outside_the_base(self, stage: Configured) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        stage.source.elsewhere.append(entry)
        assert self.cause(stage) == Cause.MOVED

    def test_not_looked_for_where_there_are_too_many(self, stage: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(judging, "MOST_LOOKED_FOR", 0)
        stage.leave("ann")
        assert self.cause(stage) == Cause.NOT_READ

    def test_of_which_base_and_filter_give_no_answer_ends_no_run(
        self, stage: Configured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = stage.entry("ann")
        stage.leave("ann")
        stage.source.elsewhere.append(entry)

        def silent(_: Anchor) -> bool:
            raise SourceUnavailable("gone")

        monkeypatch.setattr(stage.source, "selects", silent)
        assert self.cause(stage) == Cause.NOT_READ


class TestARetaggedLogin:
    def test_is_accepted_by_number_and_its_new_tag_is_remembered(self, stage: Configured) -> None:
        stage.run()  # it reads the tags back
        stage.by_hand("bob", created_by=7)
        stage.leave("ann")
        stage.run()
        assert locked(stage) == set()
        stage.run(selection=Selection(allow={RETAGGED: 1}, reason="it is ours"))
        assert locked(stage) == {"ann"}
        stage.leave("cy")
        stage.run()
        assert locked(stage) == {"ann", "cy"}

    def test_is_not_accepted_by_a_smaller_number(self, stage: Configured) -> None:
        stage.run()  # it reads the tags back
        for who in ("bob", "cy"):
            stage.by_hand(who, created_by=7)
        stage.leave("ann")
        stage.run(selection=Selection(allow={RETAGGED: 1}, reason="it is ours"))
        assert locked(stage) == set()
        assert stage.plan().basis.tally.retagged == 2


def test_a_small_company_has_its_managers_on_the_first_run() -> None:
    stage = Rehearsal()
    stage.configure(limits=DEFAULTS)
    for number in range(38):
        stage.hire(f"u{number}", role="1" if number < 3 else "0")
    assert stage.run().exit_code == 0
    stage.close()


def test_a_group_nested_by_mistake_makes_nobody_an_administrator() -> None:
    stage = Rehearsal()
    stage.configure(limits=DEFAULTS)
    for number in range(40):
        stage.hire(f"u{number}", role="0")
    assert stage.run().exit_code == 0
    for number in range(40):
        stage.change(f"u{number}", role="2")
    calls = stage.calls()
    assert (stage.run().exit_code, calls) == (3, [])
    stage.close()
