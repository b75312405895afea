"""What a reading does not show is not believed to be gone because nobody complained."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from iwds.core.change import RemoveFromGroup
from iwds.core.doubt import Baseline
from iwds.core.guards import DEFAULTS
from iwds.core.model import Anchor, Proof, Status, View
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Leaver, Policy
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources.memory import MemorySource
from tests.unit.engine.rehearsal import OURS, Rehearsal

STAFF = tuple("abcdefghij")
DC = View(server="dc1", began=100, ended=120)


@pytest.fixture
def stage(stage: Rehearsal) -> Rehearsal:
    """Ten people with mail, all in vpn, half of them managers; one applied run lies behind."""
    for number, who in enumerate(STAFF):
        stage.hire(who, ("vpn",), mail=f"{who}@x.y", role=str(int(number < 5)))
        move(stage, who, "ou=paris" if number < 4 else "ou=rome")
    stage.source.view = DC
    assert stage.run().exit_code == 0
    return stage


def move(stage: Rehearsal, who: str, place: str) -> None:
    """The person's entry stands in this place of the tree from now on."""
    old = stage.entry(who)
    stage.source.entries = [replace(e, name=f"cn={who},{place}") if e is old else e for e in stage.source.entries]


def measure(stage: Rehearsal) -> Baseline:
    """What is kept of the last proven reading."""
    return stage.state.memory("staff", stage.job.target.service, stage.clock.now()).baselines["staff"]


def steps(plan: Plan) -> list[str]:
    return [type(change).__name__ for change in plan.changes]


def problems(plan: Plan) -> str:
    return " ".join(plan.basis.sources[0].problems)


class TestAnAttributeThatFarFewerPeopleHave:
    """is not readable, which is not the same as empty."""

    def test_clears_nothing(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        report = stage.run()
        assert report.plan.changes == ()
        assert {login.mail for login in stage.target.state.logins.values()} == {f"{who}@x.y" for who in STAFF}

    def test_demotes_nobody(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"role"})
        assert stage.run().plan.changes == ()

    def test_is_said_in_a_sentence_with_both_numbers_and_where_to_look(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        (note,) = stage.plan().basis.notes
        assert note.startswith("staff: mail: 10 people had mail on ")
        assert "0 now: taken for unreadable in this run" in note
        assert "rights of the account" in note
        assert "--allow unreadable=1 --reason TEXT" in note

    def test_wants_somebody_to_look_at_it(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        assert stage.run().exit_code == 3
        stage.hire("zoe", sn="Z")
        assert stage.run().exit_code == 4

    def test_leaves_everything_else_of_the_reading_believed(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        stage.leave("a")
        assert steps(stage.run().plan) == ["Write"]
        assert stage.login("a").status == Status.LOCKED

    def test_is_not_forgotten_until_the_next_night(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        for _ in range(3):
            assert stage.run().plan.changes == ()
        stage.source.hidden = frozenset()
        assert stage.run().exit_code == 0

    def test_is_believed_where_a_person_accepts_it_and_from_then_on(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        too_few = Selection(allow={"unreadable": 0}, reason="x")
        assert stage.plan(too_few).changes == ()
        assert stage.run(selection=Selection(allow={"unreadable": 1}, reason="no more mail")).exit_code == 0
        assert {login.mail for login in stage.target.state.logins.values()} == {""}
        assert stage.run().exit_code == 0

    def test_is_not_accepted_by_whoever_picks_out_a_part(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"mail"})
        stage.run(selection=Selection(frozenset({"create"}), {"unreadable": 1}, "x"))
        assert stage.plan().basis.withheld == ("staff: mail",)

    def test_is_withheld_from_the_last_look_too(self, stage: Rehearsal) -> None:
        """The rule of the plan says nothing about the mail; the last look must not ask for more than the plan did."""
        stage.source.hidden = frozenset({"scope"})
        stage.change("a", disabled="yes")
        assert stage.run().exit_code == 0
        asked: list[frozenset[str]] = []
        find = stage.source.find

        def watch(anchor: Anchor, attributes: frozenset[str]) -> object:
            asked.append(attributes)
            return find(anchor, attributes)

        stage.source.find = watch  # type: ignore[method-assign, assignment]
        stage.source.hidden = frozenset({"mail"})
        stage.change("b", disabled="yes")
        stage.run()
        assert [("mail" in each, "disabled" in each) for each in asked] == [(False, True)]

    def test_may_be_lost_by_a_few_without_a_question(self, stage: Rehearsal) -> None:
        for who in "abc":
            stage.change(who, mail="")
        assert stage.plan().basis.withheld == ()

    def test_that_fades_further_with_every_reading_makes_it_unproven(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rounds = iter(({"mail"}, {"mail", "role"}, {"mail", "role", "uid"}))
        read = stage.source.read

        def worse(attributes: frozenset[str]) -> object:
            stage.source.hidden = frozenset(next(rounds))
            return read(attributes)

        monkeypatch.setattr(stage.source, "read", worse)
        plan = stage.plan()
        assert plan.basis.unproven == ("staff",)
        assert "uid: fewer people have it with every reading, 0 in this one" in problems(plan)


class TestGroups:
    def test_of_everybody_that_are_gone_at_once_take_nobody_out(self, stage: Rehearsal) -> None:
        stage.source.hidden = frozenset({"groups"})
        report = stage.run()
        assert (report.plan.changes, report.plan.basis.withheld) == ((), ("staff: (groups)",))
        assert "10 people were in groups on " in report.plan.basis.notes[0]
        assert stage.groups_of("a") == {"vpn"}

    def test_one_that_nobody_is_in_any_more_takes_nobody_out(self, stage: Rehearsal) -> None:
        for who in STAFF:
            stage.change(who, ("vpn", "other"))
        stage.run()
        stage.source.hidden = frozenset({"vpn"})
        report = stage.run()
        assert (report.plan.changes, report.plan.basis.withheld) == ((), ("staff: (group) vpn",))
        assert "10 people were in vpn on " in report.plan.basis.notes[0]

    def test_are_remembered_one_by_one_while_all_of_them_are_withheld(self, stage: Rehearsal) -> None:
        for who in STAFF:
            stage.change(who, ("vpn", "other"))
        stage.run()
        stage.source.hidden = frozenset({"groups"})
        stage.run()
        stage.source.hidden = frozenset({"vpn"})
        assert stage.run().plan.basis.withheld == ("staff: (group) vpn",)

    def test_lose_single_members_as_ever(self, stage: Rehearsal) -> None:
        stage.change("a", ())
        assert [type(change) for change in stage.run().plan.changes] == [RemoveFromGroup]


class TestOtherEyes:
    @pytest.fixture
    def stage(self, stage: Rehearsal) -> Rehearsal:
        stage.source.view = View(account="dn:cn=reader")
        stage.run()
        stage.source.view = View(account="anonymous")
        stage.leave("a")
        return stage

    def test_make_a_reading_unproven(self, stage: Rehearsal) -> None:
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (3, ())
        assert "takes us for anonymous, and took us for dn:cn=reader on " in problems(report.plan)
        assert "--allow view=1 --reason TEXT" in problems(report.plan)

    def test_stay_doubted_night_after_night(self, stage: Rehearsal) -> None:
        assert [stage.run().exit_code for _ in range(3)] == [3, 3, 3]

    def test_are_believed_where_a_person_accepts_them_and_from_then_on(self, stage: Rehearsal) -> None:
        report = stage.run(selection=Selection(allow={"view": 1}, reason="new account"))
        assert report.exit_code == 0
        assert stage.login("a").status == Status.LOCKED
        assert "accepted: the directory takes us" in report.plan.basis.sources[0].reasons[-1]
        stage.leave("b")
        assert stage.run().exit_code == 0

    def test_that_nobody_names_are_no_difference(self, stage: Rehearsal) -> None:
        stage.source.view = View()
        assert stage.run().exit_code == 0


class TestAPlaceInTheTree:
    def test_that_is_not_seen_any_more_takes_nobodys_access(self, stage: Rehearsal) -> None:
        stage.source.hidden_places = frozenset({"ou=paris"})
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (3, ())
        assert "4 people were below ou=paris in the last proven reading, none is now" in problems(report.plan)

    def test_that_cannot_be_looked_at_is_not_seen(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(place: str) -> bool:
            raise AccessRefused("no")

        monkeypatch.setattr(stage.source, "shows", refused)
        for who in "abcd":
            stage.leave(who)
        assert "ou=paris" in problems(stage.plan())

    def test_that_is_seen_and_empty_is_believed(self, stage: Rehearsal) -> None:
        for who in "abcd":
            stage.leave(who)
        assert stage.run().exit_code == 0
        assert stage.login("a").status == Status.LOCKED

    def test_that_everybody_moved_out_of_is_nobodys_loss(self, stage: Rehearsal) -> None:
        for who in "abcd":
            move(stage, who, "ou=lyon")
        stage.source.hidden_places = frozenset({"ou=paris"})
        assert stage.run().exit_code == 0

    def test_that_was_really_removed_is_accepted_by_number(self, stage: Rehearsal) -> None:
        stage.source.hidden_places = frozenset({"ou=paris"})
        assert stage.run(selection=Selection(allow={"view": 1}, reason="Paris is closed")).exit_code == 0
        assert stage.login("a").status == Status.LOCKED


class TestTheSecondCount:
    def test_that_differs_makes_a_reading_unproven(self, stage: Rehearsal) -> None:
        stage.leave("a")
        stage.source.missed = 1
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (3, ())
        assert "the reading gave 9 people, and a second count 10" in problems(report.plan)

    def test_is_asked_only_where_something_would_be_taken(self, stage: Rehearsal) -> None:
        stage.hire("zoe")
        stage.source.missed = 1
        assert stage.run().exit_code == 0

    def test_is_asked_where_a_group_is_left_too(self, stage: Rehearsal) -> None:
        stage.change("a", ())
        stage.source.missed = 1
        assert stage.run().exit_code == 3

    def test_that_nobody_answers_makes_it_unproven_and_ends_no_run(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent(proof: Proof) -> Sequence[str]:
            raise SourceUnavailable("gone")

        monkeypatch.setattr(stage.source, "confirm", silent)
        stage.leave("a")
        stage.hire("zoe")
        report = stage.run()
        assert report.exit_code == 4
        assert "could not be asked a second time: gone" in problems(report.plan)
        assert stage.login("zoe").status == Status.ACTIVE


class TestAChangeCounter:
    """of one domain controller admits so many deletions and no more."""

    @pytest.fixture
    def stage(self, stage: Rehearsal) -> Rehearsal:
        stage.source.view = replace(DC, began=110, ended=102)
        for who in "abc":
            stage.leave(who)
        return stage

    def test_that_moved_less_than_people_are_gone_disproves_the_reading(self, stage: Rehearsal) -> None:
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (3, ())
        assert "3 people are nowhere in the directory" in problems(report.plan)
        assert "2 can have been deleted" in problems(report.plan)

    def test_that_moved_as_far_proves_nothing(self, stage: Rehearsal) -> None:
        stage.source.view = replace(DC, ended=103)
        assert stage.run().exit_code == 0

    def test_counts_nobody_who_is_found_by_id(self, stage: Rehearsal) -> None:
        stage.hire("c")
        stage.source.elsewhere = [stage.entry("c")]
        stage.leave("c")
        assert stage.run().exit_code == 0

    def test_of_another_server_or_of_a_restored_one_says_nothing(self, stage: Rehearsal) -> None:
        stage.source.view = replace(DC, server="dc2", ended=102)
        assert stage.run().exit_code == 0

    def test_that_was_set_back_disproves_the_reading(self, stage: Rehearsal) -> None:
        stage.source.view = replace(DC, began=80, ended=90)
        assert "stands at 90 and stood at 100" in problems(stage.plan())
        assert stage.plan(Selection(allow={"view": 9, "unreadable": 9}, reason="x")).basis.unproven == ("staff",)

    def test_does_not_count_those_who_were_gone_before(self, stage: Rehearsal) -> None:
        """A job that only reports sees the same leavers every night, and they are deleted only once."""
        stage.source.view = replace(DC, began=110, ended=112)
        stage.run(report=True)
        stage.source.view = replace(DC, began=112, ended=112)
        assert stage.plan().basis.unproven == ()
        assert stage.run().exit_code == 0

    def test_people_who_cannot_be_looked_for_make_it_unproven(
        self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent(anchor: Anchor, attributes: frozenset[str]) -> None:
            raise SourceUnavailable("gone")

        monkeypatch.setattr(stage.source, "find", silent)
        assert "people could not be looked for by id: gone" in problems(stage.plan())


class TestAnAbsence:
    """rests on every source of the job; a positive fact on its own."""

    @pytest.fixture
    def stage(self, stage: Rehearsal) -> Rehearsal:
        self.other = MemorySource("other", [], realm="here")
        stage.configure(sources=(stage.source, self.other))
        return stage

    def test_is_none_where_another_source_has_the_person(self, stage: Rehearsal) -> None:
        self.other.entries.append(stage.entry("a"))
        stage.leave("a")
        assert stage.run().exit_code == 0
        assert stage.login("a").status == Status.ACTIVE

    def test_is_not_believed_while_any_source_is_in_doubt(self, stage: Rehearsal) -> None:
        stage.leave("a")
        self.other.problems = ["cut short"]
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (3, ())

    def test_is_not_believed_while_a_source_of_another_realm_is_in_doubt(self, stage: Rehearsal) -> None:
        """They may have moved there; under which id they will come back is not known."""
        stranger = MemorySource("abroad", [], realm="abroad")
        stranger.problems = ["cut short"]
        stage.configure(sources=(stage.source, stranger))
        stage.leave("a")
        assert stage.run().plan.changes == ()

    def test_of_a_person_is_another_matter_than_what_their_own_source_says(self, stage: Rehearsal) -> None:
        self.other.problems = ["cut short"]
        stage.change("a", disabled="yes")
        stage.change("b", mail="new@x.y")
        stage.leave("c")
        report = stage.run(selection=Selection(frozenset({"seen", "update"})))
        assert [change.subject.login for change in report.plan.changes] == ["a", "b"]
        assert report.plan.held == ()
        assert stage.login("c").status == Status.ACTIVE


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(frozenset({"seen"})),
        Selection(frozenset({"unseen"})),
        Selection(frozenset({"lock"})),
        Selection(frozenset({"seen", "lock", "rule"}), dict.fromkeys([*(k.value for k in DEFAULTS)], 99), "x"),
        Selection(allow={"view": 99, "unreadable": 99, "out-of-scope": 99, "lock": 99, "vanished": 99}, reason="x"),
    ],
)
@pytest.mark.parametrize(
    ("doubt", "configuration", "leaver"),
    [
        ("problem", "configuration 1", Leaver.LOCK),
        ("canary", "configuration 2", Leaver.LOCK),
        ("count", "configuration 1", Leaver.DELETE),
        ("counter", "configuration 2", Leaver.DELETE),
    ],
)
def test_an_unproven_reading_has_no_override(
    stage: Rehearsal, selection: Selection, configuration: str, doubt: str, leaver: Leaver
) -> None:
    stage.configure(digest=configuration, policy=Policy(OURS, leaver))
    stage.leave("a")
    match doubt:
        case "problem":
            stage.source.problems = ["cut short"]
        case "canary":
            stage.source.canaries = ("zoe",)
        case "count":
            stage.source.missed = 1
        case _:
            stage.source.view = replace(DC, began=90, ended=99)
    before = dict(stage.target.state.logins)
    saved = stage.plan()
    report = stage.run(selection=selection)
    assert report.plan.basis.unproven == ("staff",)
    assert stage.target.state.logins == before
    stage.run(selection=selection, approved=saved)
    assert stage.target.state.logins == before


class TestCanaries:
    @pytest.mark.parametrize("name", ["a", "CN=A, OU=Paris", "A"])
    def test_are_known_by_id_by_login_and_by_name(self, stage: Rehearsal, name: str) -> None:
        stage.source.canaries = (name,)
        assert stage.plan().basis.unproven == ()
        stage.leave("a")
        plan = stage.plan()
        assert plan.basis.unproven == ("staff",)
        assert f"a canary, which must always be there and be selected, did not come: {name}" in problems(plan)


class TestTheMeasureOfLaterReadings:
    def test_is_kept_by_a_job_that_only_reports(self, stage: Rehearsal) -> None:
        stage.hire("zoe", mail="z@x.y")
        stage.run(report=True)
        assert (measure(stage).count, measure(stage).presence["mail"]) == (11, 11)

    def test_is_not_what_a_guard_stopped(self, stage: Rehearsal) -> None:
        stage.configure(limits=DEFAULTS)
        for who in STAFF[:8]:
            stage.leave(who)
        for report in (False, True):
            assert stage.run(report=report).exit_code == 3
            assert measure(stage).count == len(STAFF)

    def test_is_not_an_unproven_reading(self, stage: Rehearsal) -> None:
        stage.source.problems = ["cut short"]
        for who in STAFF[:8]:
            stage.leave(who)
        stage.run()
        assert measure(stage).count == len(STAFF)
        stage.source.problems = ()
        stage.configure(limits=DEFAULTS, policy=Policy(OURS, Leaver.KEEP))
        assert [gauge.kind.value for gauge in stage.plan().violations] == ["vanished"]

    def test_slow_erosion_is_seen_against_the_largest_reading(self, stage: Rehearsal) -> None:
        stage.configure(limits=DEFAULTS, policy=Policy(OURS, Leaver.KEEP))
        for who in STAFF[:3]:
            stage.leave(who)
            assert stage.run().exit_code == 0
        stage.leave(STAFF[3])
        assert [gauge.kind.value for gauge in stage.plan().violations] == ["vanished"]
        assert stage.run(selection=Selection(allow={"vanished": 4}, reason="sold")).exit_code == 0
        stage.leave(STAFF[4])
        assert stage.plan().violations == ()
