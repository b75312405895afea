"""Roles in groups, from a night's plan to our memory of them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from iwds.core.change import Evidence, SetGroupRole, Subject
from iwds.core.decision import Reason
from iwds.core.model import Anchor
from iwds.engine import role_check, role_reading
from iwds.engine.role_check import role_findings
from iwds.engine.settle import settled_by_reading
from iwds.engine.verify import Verifier
from iwds.errors import AccessRefused, OutcomeUnknown, Rejected, ServiceUnavailable, Stopped
from iwds.ports import Result
from tests.unit.core.made import VPN
from tests.unit.engine.rehearsal import Rehearsal

AUDITOR = 17
DAY = timedelta(days=1) / timedelta(seconds=1)


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    """The mapping governs the roles in vpn; ann is a manager there, bob an auditor, cy a plain user, all by a run."""
    rehearsal = Rehearsal(group_roles={"auditor": AUDITOR})
    govern(rehearsal)
    for who, role in (("ann", "manager"), ("bob", "auditor"), ("cy", "")):
        rehearsal.hire(who, ("vpn", "wiki"), vpn_role=role, mail=f"{who}@x.y")
    assert rehearsal.run().exit_code == 0
    yield rehearsal
    rehearsal.close()


def govern(stage: Rehearsal, *groups: str) -> None:
    governed = dict.fromkeys(groups or ("vpn",), frozenset({"user", "manager", "auditor"}))
    stage.configure(rules=replace(stage.job.rules, group_roles=governed), verify_roles_every=1000)  # type: ignore[type-var]


def asked(stage: Rehearsal) -> list[str]:
    """From now on, every question about one login's roles."""
    seen: list[str] = []
    stage.target.state.ask = seen.append
    return seen


def known(stage: Rehearsal, who: str) -> dict[int, int]:
    return dict(stage.ledger()[who].group_roles)


class TestARun:
    def test_gives_a_role_with_the_membership_and_remembers_it(self, stage: Rehearsal) -> None:
        assert [stage.role_in("vpn", who) for who in ("ann", "bob", "cy")] == [1, AUDITOR, 0]
        assert [known(stage, who) for who in ("ann", "bob", "cy")] == [{1: 1}, {1: AUDITOR}, {1: 0}]
        questions = asked(stage)
        assert stage.plan().changes == ()
        assert questions == []

    def test_changes_a_role_and_remembers_it(self, stage: Rehearsal) -> None:
        stage.change("ann", vpn_role="")
        stage.change("cy", vpn_role="auditor")
        report = stage.run()
        assert (report.exit_code, report.run.summary) == (0, "2 done")
        assert [stage.role_in("vpn", who) for who in ("ann", "cy")] == [0, AUDITOR]
        assert [known(stage, who) for who in ("ann", "cy")] == [{1: 0}, {1: AUDITOR}]

    def test_looks_at_what_it_remembers_when_it_is_its_turn(self, stage: Rehearsal) -> None:
        stage.configure(verify_roles_every=14)
        stage.target.state.members[1, stage.login("ann").id] = 2
        nights = []
        for _ in range(14):
            stage.clock.passed += DAY
            nights.append([change.subject.login for change in stage.plan().changes])
        assert sorted(nights) == [[]] * 13 + [["ann"]]

    def test_counts_people_whose_role_is_right_among_those_who_are_as_they_should_be(self, stage: Rehearsal) -> None:
        stage.configure(verify_roles_every=1)
        questions = asked(stage)
        basis = stage.plan().basis
        assert len(questions) == 3
        assert (basis.agreed, basis.matched) == (3, 3)

    def test_learns_the_roles_of_before_in_one_night(self, stage: Rehearsal) -> None:
        govern(stage, "wiki")
        for who in ("ann", "bob", "cy"):
            stage.change(who, wiki_role="")
        stage.target.state.members[2, stage.login("bob").id] = 2
        stage.change("bob", wiki_role="manager")
        questions = asked(stage)
        assert len(stage.plan().changes) == 1
        assert stage.run().exit_code == 0
        assert len(questions) == 3 + 3 + 1  # a plan keeps nothing; the last is the look before the demotion
        assert known(stage, "ann")[2] == 0
        assert known(stage, "bob")[2] == 1
        questions.clear()
        assert stage.run().run.summary == "nothing to do"
        assert questions == []

    def test_asks_once_for_all_groups_of_a_person(self, stage: Rehearsal) -> None:
        govern(stage, "vpn", "wiki")
        stage.configure(verify_roles_every=1)
        stage.change("ann", wiki_role="manager")
        questions = asked(stage)
        found = [change for change in stage.plan().changes if isinstance(change, SetGroupRole)]
        assert [(change.subject.login, change.group.name) for change in found] == [("ann", "wiki")]
        assert len(questions) == 3

    def test_adopts_a_membership_with_its_role(self, stage: Rehearsal) -> None:
        stage.change("ann", ("wiki",))
        stage.run()
        stage.target.state.members[1, stage.login("ann").id] = 1
        stage.change("ann", ("vpn", "wiki"))
        assert stage.run().run.summary == "1 done"
        assert known(stage, "ann") == {1: 1}

    def test_ignores_roles_in_groups_that_are_not_governed(self, stage: Rehearsal) -> None:
        stage.target.state.members[2, stage.login("ann").id] = 2
        stage.configure(verify_roles_every=1)
        assert stage.plan().changes == ()
        assert stage.role_in("wiki", "bob") == 0

    def test_never_changes_a_role_that_is_not_known_in_the_directory_today(self, stage: Rehearsal) -> None:
        stage.source.unreadable = frozenset({"vpn_role"})
        stage.configure(verify_roles_every=1)
        questions = asked(stage)
        assert stage.plan().changes == ()
        assert questions == []

    def test_that_is_stopped_while_it_reads_roles_ends(self, stage: Rehearsal) -> None:
        stop = threading.Event()
        stage.configure(verify_roles_every=1)
        stage.target.state.ask = lambda _: stop.set()
        with pytest.raises(Stopped, match="while reading roles"):
            stage.run(stop=stop)


class TestWhatCannotBeRead:
    @pytest.fixture
    def demoted(self, stage: Rehearsal) -> Rehearsal:
        stage.change("ann", vpn_role="")
        stage.change("bob", mail="new@x.y")
        return stage

    def test_a_role_stays_as_it_is_and_the_rest_goes_on(self, demoted: Rehearsal) -> None:
        def fail(_: str) -> None:
            raise ServiceUnavailable("no answer")

        demoted.target.state.ask = fail
        report = demoted.run()
        assert (report.exit_code, report.run.summary) == (4, "1 done, 1 held by the plan")
        assert [(skip.subject.login, skip.reason) for skip in report.plan.skips] == [("ann", Reason.UNPROVEN)]
        assert "could not be read stay as they are: those of 1 of 1 logins" in report.plan.basis.notes[0]
        assert (demoted.role_in("vpn", "ann"), known(demoted, "ann")) == (1, {1: 1})

    def test_refused_access_ends_the_run(self, demoted: Rehearsal) -> None:
        def refuse(_: str) -> None:
            raise AccessRefused("not this service")

        demoted.target.state.ask = refuse
        with pytest.raises(AccessRefused):
            demoted.run()

    def test_a_service_that_fails_again_and_again_is_asked_no_more(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(role_reading, "FAILURES_FLOOR", 0)
        monkeypatch.setattr(role_reading, "FAILURES_RATIO", 0)
        stage.target.reader._settings = stage.target.reader._settings.model_copy(update={"lanes": 1})
        stage.configure(verify_roles_every=1)
        questions: list[str] = []

        def fail(question: str) -> None:
            questions.append(question)
            raise ServiceUnavailable("no answer")

        stage.target.state.ask = fail
        plan = stage.plan()
        assert len(questions) == 1
        assert len(plan.held) == 3


def subject(stage: Rehearsal) -> Subject:
    return Subject("ann", Anchor("here", "ann"), stage.login("ann").id)


def demotion(stage: Rehearsal, evidence: Evidence | None = Evidence.SEEN) -> SetGroupRole:
    return SetGroupRole(subject(stage), VPN, 1, 0, "user in the directory", evidence)


class TestTheLastLook:
    def objection(self, stage: Rehearsal, change: SetGroupRole) -> str:
        return Verifier(stage.job, stage.clock).objection(change)

    def test_passes_where_directory_and_service_are_as_they_were(self, stage: Rehearsal) -> None:
        stage.change("ann", vpn_role="")
        assert self.objection(stage, demotion(stage)) == ""

    def test_holds_a_demotion_that_the_directory_no_longer_asks_for(self, stage: Rehearsal) -> None:
        assert "has changed in the directory" in self.objection(stage, demotion(stage))
        stage.change("ann", scope="excluded")
        assert "has changed in the directory" in self.objection(stage, demotion(stage))

    def test_holds_a_demotion_where_the_role_is_another_or_the_membership_gone(self, stage: Rehearsal) -> None:
        stage.change("ann", vpn_role="")
        member = (1, stage.login("ann").id)
        stage.target.state.members[member] = 2
        assert self.objection(stage, demotion(stage)) == "their role in vpn changed on the service since it was read"
        del stage.target.state.members[member]
        assert self.objection(stage, demotion(stage)) == "no member of vpn any more"

    def test_is_taken_before_a_promotion_too(self, stage: Rehearsal) -> None:
        member = (1, stage.login("ann").id)
        promotion = SetGroupRole(subject(stage), VPN, 0, 1, "manager in the directory")
        stage.target.state.members[member] = 0
        assert self.objection(stage, promotion) == ""
        stage.target.state.members[member] = 2
        assert "changed on the service" in self.objection(stage, promotion)


class TestACallWithoutAnAnswer:
    @pytest.mark.parametrize(
        ("held", "result"),
        [(0, Result.DONE), (1, Result.REJECTED), (None, Result.REJECTED), (2, Result.UNKNOWN)],
    )
    def test_is_settled_by_reading_the_role(self, stage: Rehearsal, held: int | None, result: Result) -> None:
        member = (1, stage.login("ann").id)
        del stage.target.state.members[member]
        if held is not None:
            stage.target.state.members[member] = held
        found = settled_by_reading(demotion(stage), member[1], stage.job.target, lambda _: None)
        assert found == (result, member[1])

    def test_that_had_its_effect_is_done_and_remembered(self, stage: Rehearsal) -> None:
        stage.change("ann", vpn_role="")
        stage.fail("set_role_in", OutcomeUnknown("no answer"), after=True)
        assert stage.run().exit_code == 0
        assert known(stage, "ann") == {1: 0}

    def test_that_was_refused_is_made_the_next_time(self, stage: Rehearsal) -> None:
        stage.change("ann", vpn_role="auditor")
        stage.fail("set_role_in", Rejected("no"))
        assert stage.run().exit_code == 4
        assert known(stage, "ann") == {1: 1}
        assert stage.run().exit_code == 0
        assert stage.role_in("vpn", "ann") == AUDITOR


class TestTheCheck:
    def test_tells_the_roles_in_use_and_what_reading_them_takes(self, stage: Rehearsal) -> None:
        stage.configure(verify_roles_every=2)
        found = list(role_findings(stage.job))
        assert found[0].detail == "vpn: user (0) 1, manager (1) 1, auditor (17) 1; 3 of 3 members were asked"
        assert "at most 3 calls in a first night" in found[1].detail
        assert "and 2 in a usual one" in found[1].detail
        assert not any(finding.warning for finding in found)

    def test_warns_of_a_role_that_the_mapping_gives_to_nobody(self, stage: Rehearsal) -> None:
        stage.target.state.members[1, stage.login("cy").id] = 18
        first = next(role_findings(stage.job))
        assert first.ok
        assert first.warning
        assert "role 18 (18) 1" in first.detail
        assert "no line of the mapping gives role 18 there" in first.advice

    def test_asks_about_a_few_members_only(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(role_check, "SAMPLE", 2)
        questions = asked(stage)
        assert next(role_findings(stage.job)).detail.endswith("2 of 3 members were asked")
        assert len(questions) == 2

    def test_is_silent_where_no_role_is_governed_and_brief_where_nobody_is_a_member(self, stage: Rehearsal) -> None:
        stage.configure(rules=replace(stage.job.rules, group_roles={}))  # type: ignore[type-var]
        assert list(role_findings(stage.job)) == []
        stage.target.state.members.clear()
        govern(stage)
        assert [finding.detail[:35] for finding in role_findings(stage.job)] == [
            "vpn: none; 0 of 0 members were aske",
            "nobody is in these groups yet, so t",
        ]


def test_logins_of_others_keep_their_roles(stage: Rehearsal) -> None:
    theirs = stage.target.state.add("zoe", created_by=0)
    stage.target.state.members[1, theirs.id] = 2
    stage.hire("zoe", ("vpn",), vpn_role="")
    stage.run()
    assert stage.role_in("vpn", "zoe") == 2
