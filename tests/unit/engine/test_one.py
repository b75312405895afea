"""A look at one person says what a run would do with them, and changes nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from iwds.core.change import Change, CreateLogin, Evidence, Kind, Write, kinds
from iwds.core.decision import Proposal, Reason, Skip
from iwds.core.guards import Populations
from iwds.core.matching import Match
from iwds.core.model import Absent, Account, Anchor, Unmapped
from iwds.core.plan import Plan
from iwds.core.policy import Leaver, Policy
from iwds.engine.one import SeveralFit, person_view
from iwds.engine.plan_of_one import plan_of, takes_administrator
from iwds.engine.sighting import One
from iwds.errors import ServiceUnavailable, SourceUnavailable, UsageError
from iwds.sources.memory import MemorySource
from tests.unit.engine.rehearsal import OURS, Rehearsal

EVERYBODY = ("ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hal")


def view(stage: Rehearsal, text: str) -> One:
    return person_view(stage.job, stage.tools, text)


def planned(stage: Rehearsal, one: One) -> Plan:
    return plan_of(one, stage.job, stage.tools, Populations(0, {}, {}, {}), administrators=9)


def settle(stage: Rehearsal, *people: str) -> None:
    for who in people or EVERYBODY:
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", sn=who.title())
    stage.run()


class TestWhatARunWouldDo:
    @pytest.mark.parametrize(
        "happens",
        [
            lambda stage: None,
            lambda stage: stage.change("ada", mail="new@example.org"),
            lambda stage: stage.change("ada", disabled="yes"),
            lambda stage: stage.change("ada", scope="out-of-scope"),
            lambda stage: stage.change("ada", scope="excluded"),
            lambda stage: stage.change("ada", groups=("wiki",)),
            lambda stage: stage.change("ada", groups=()),
            lambda stage: stage.change("ada", uid="ada.new"),
            lambda stage: stage.change("ada", uid="bob"),
            lambda stage: stage.change("bob", uid="ada"),
            lambda stage: stage.change("ada", role="2"),
            lambda stage: stage.by_hand("ada", status=1),
            lambda stage: stage.by_hand("ada", mail="by hand"),
            lambda stage: stage.by_hand("ada", login="renamed", created_by=0),
            lambda stage: stage.hire("ida", ("vpn",)),
            lambda stage: stage.change("ada", sn=""),
        ],
    )
    def test_is_what_a_plan_of_everybody_holds_for_this_person(
        self, stage: Rehearsal, happens: Callable[[Rehearsal], None]
    ) -> None:
        settle(stage)
        happens(stage)
        plan = stage.plan()

        for who in ("ada", "bob", "ida") if len(stage.source.entries) > len(EVERYBODY) else ("ada", "bob"):
            one = view(stage, f"here/{who}")
            mine = planned(stage, one)
            assert _of(mine.changes, who) == _of(plan.changes, who)
            assert {s for s in mine.skips if _is(s.subject.anchor, who)} == {
                s for s in plan.skips if _is(s.subject.anchor, who)
            }

    def test_is_nothing_where_nothing_differs(self, stage: Rehearsal) -> None:
        settle(stage)
        one = view(stage, "ada")

        assert (one.cases, one.decisions, one.on_absence, dict(one.failed)) == ((), (), (), {})
        assert one.login == stage.login("ada")
        assert one.member_of[stage.login("ada").id]
        assert isinstance(one.person, Account)
        assert stage.writers == 1, "the run's"

    def test_waits_where_only_a_changed_configuration_asks_for_it(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.configure(digest="configuration 2")
        stage.change("ada", disabled="yes")
        plan = planned(stage, view(stage, "ada"))

        assert not any(Kind.LOCK in kinds(change) for change in plan.changes)
        assert [skip.reason for skip in plan.skips] == [Reason.HELD]


class TestWhoeverIsNotFound:
    def test_is_no_leaver_by_that(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.leave("ada")
        one = view(stage, "ada")

        assert one.sightings == ()
        assert one.decisions == ()
        (lock,) = one.on_absence
        assert isinstance(lock, Proposal)
        assert lock.change.evidence is Evidence.UNSEEN
        assert planned(stage, one).changes == ()

    def test_and_left_the_base_is_found_there_and_no_leaver_by_that(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.source.elsewhere.append(stage.entry("ada"))
        stage.leave("ada")
        one = view(stage, "ada")

        assert [each.selected for each in one.sightings] == [False]
        assert (one.counts, one.person, one.decisions) == (None, None, ())
        (lock,) = one.on_absence
        assert isinstance(lock, Proposal)
        assert isinstance(lock.change, Write)
        assert lock.change.cause == "moved"

    def test_is_asked_for_a_tombstone_where_our_memory_knows_them_and_no_source_has_them(
        self, stage: Rehearsal
    ) -> None:
        settle(stage)
        other = MemorySource("other", [], realm="here")
        stage.configure(sources=(MemorySource("abroad", [], realm="abroad"), stage.source, other))
        stage.leave("ada")
        assert not view(stage, "ada").tombstone
        other.tombstones.add(Anchor("here", "ada"))
        other.tombstones.add(Anchor("here", "bob"))
        assert [view(stage, who).tombstone for who in ("ada", "bob")] == [True, False]

    def test_and_whose_tombstone_cannot_be_asked_for_is_not_decided(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.leave("ada")

        def broken(anchor: Anchor) -> bool:
            raise SourceUnavailable("gone")

        stage.source.deleted = broken  # type: ignore[method-assign]
        one = view(stage, "ada")
        assert (list(one.failed), one.tombstone, one.on_absence) == (["staff"], False, ())

    def test_is_deleted_only_by_a_run_that_would_look_at_what_is_lost(self, stage: Rehearsal) -> None:
        stage.configure(policy=Policy(OURS, Leaver.DELETE))
        settle(stage)
        stage.leave("ada")
        (delete,) = view(stage, "ada").on_absence

        assert delete.change is not None
        assert Kind.DELETE in kinds(delete.change)
        assert stage.login("ada")

    def test_anywhere_is_a_wrong_command_line(self, stage: Rehearsal) -> None:
        settle(stage)
        with pytest.raises(UsageError, match="nobody is found for 308700000") as number:
            person_view(stage.job, stage.tools, "308700000")
        assert "if it is the number of a login: '#308700000'" in number.value.advice
        with pytest.raises(UsageError, match="nobody is found for zoe in staff"):
            view(stage, "zoe")
        with pytest.raises(UsageError):
            view(stage, "")


class TestRivals:
    def test_of_one_login_are_found_so_that_nobody_new_gets_it(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida", login="x")
        stage.hire("ida2")
        stage.change("ida2", uid="IDA")
        one = view(stage, "here/ida")

        assert [each.entry.anchor.id for each in one.rivals] == ["ida2"]
        assert isinstance(one.person, Unmapped)
        assert one.person.reason is Absent.DUPLICATE
        assert not any(isinstance(each, Proposal) for each in one.decisions)

    def test_that_no_run_reads_are_none(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("ida")
        gone = replace(stage.entry("ida"), anchor=Anchor("here", "old"))
        stage.source.elsewhere.append(gone)

        assert any(isinstance(p.change, CreateLogin) for p in _proposals(view(stage, "here/ida")))

    def test_do_not_take_the_login_from_whom_it_stands_for(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("bob", uid="ada")

        assert view(stage, "here/ada").decisions == ()
        assert isinstance(view(stage, "here/bob").person, Unmapped)


class TestTheLogin:
    def test_of_somebody_else_who_has_the_name_is_not_theirs(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("ada", uid="ada2")
        stage.hire("zed")
        stage.change("zed", uid="ada")

        assert view(stage, "here/ada").login == stage.login("ada")
        assert view(stage, "here/zed").login is None
        assert [case.match for case in view(stage, "here/zed").cases] == [Match.TAKEN]

    def test_of_somebody_else_is_not_that_of_whom_the_mapping_leaves_out(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.hire("zed", scope="out-of-scope")
        stage.change("zed", uid="ada")

        assert view(stage, "here/zed").login is None

    def test_is_still_told_where_the_directory_is_down(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.by_hand("bob", login="by hand")
        stage.source.fail_after = 0

        assert view(stage, "bob").login == stage.login("by hand")


class TestNaming:
    @pytest.mark.parametrize("text", ["ada", "ADA", "ada@example.org", "cn=ada", "here/ada"])
    def test_one_person_by_login_mail_name_and_anchor(self, stage: Rehearsal, text: str) -> None:
        settle(stage)

        assert view(stage, text).who.anchor == Anchor("here", "ada")

    def test_one_person_by_the_id_of_their_login(self, stage: Rehearsal) -> None:
        settle(stage)

        assert view(stage, f"#{stage.login('ada').id}").who.anchor == Anchor("here", "ada")

    def test_whoever_has_left_by_what_we_remember(self, stage: Rehearsal) -> None:
        settle(stage)
        number = stage.login("ada").id
        stage.leave("ada")
        del stage.target.state.logins[number]

        assert view(stage, "Ada").rows == (stage.state.ledger_row(stage.job.target.service, number),)
        assert view(stage, "here/ada").login is None

    def test_a_login_that_nobody_explains(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.leave("ada")
        number = stage.login("ada").id
        stage.by_hand("ada", login="console", created_by=0)
        stage.hire("ada")
        stage.target.state.logins[99] = replace(stage.login("console"), id=99, login="other")
        one = view(stage, "#99")

        assert number != 99
        assert (one.who.anchor, one.login) == (None, stage.target.state.logins[99])
        assert [each.reason for each in one.decisions if isinstance(each, Skip)] == [Reason.FOREIGN]

    def test_several_people_are_not_guessed_between(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.change("bob", mail="ada@example.org")
        with pytest.raises(SeveralFit) as told:
            view(stage, "ada@example.org")

        assert [(each.name, each.login_name) for each in told.value.candidates] == [
            ("cn=ada", "ada"),
            ("cn=bob", "bob"),
        ]
        assert told.value.exit_code == 3


class TestWhatDoesNotAnswer:
    def test_leaves_what_is_still_known_and_decides_nothing(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.source.fail_after = 0
        one = view(stage, "ada")

        assert list(one.failed) == ["staff"]
        assert one.login == stage.login("ada")
        assert (one.rows[0].login, one.decisions, one.on_absence) == ("ada", (), ())

    def test_may_be_the_service(self, stage: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
        settle(stage)

        def down(*_: object) -> None:
            raise ServiceUnavailable("down")

        monkeypatch.setattr(type(stage.job.target), "named", down)
        one = view(stage, "ada")

        assert list(one.failed) == ["service"]
        assert one.counts is not None
        assert (one.rows[0].login, one.decisions) == ("ada", ())

    def test_is_told_where_nobody_was_found_for_that(self, stage: Rehearsal) -> None:
        settle(stage)
        stage.source.fail_after = 0
        with pytest.raises(SourceUnavailable):
            view(stage, "zoe")


def test_the_first_source_whose_base_finds_them_counts(stage: Rehearsal) -> None:
    settle(stage)
    old = replace(stage.entry("ada"), attrs={**stage.entry("ada").attrs, "sn": ("Old",)})
    stage.source.entries.remove(stage.entry("ada"))
    stage.source.elsewhere.append(old)
    second = type(stage.source)("second", [replace(old, attrs={**old.attrs, "sn": ("New",)})], realm="here")
    stage.configure(sources=(stage.source, second))
    one = view(stage, "ada")

    assert [(each.source, each.selected) for each in one.sightings] == [("staff", False), ("second", True)]
    assert isinstance(one.person, Account)
    assert one.person.name == "New"


def test_whoever_takes_an_administrator_away_must_know_how_many_there_are(stage: Rehearsal) -> None:
    settle(stage)
    stage.by_hand("ada", role=2)
    assert not takes_administrator(view(stage, "bob"))
    stage.change("ada", role="0")
    assert takes_administrator(view(stage, "ada"))


def _proposals(one: One) -> list[Proposal]:
    return [each for each in one.decisions if isinstance(each, Proposal)]


def _is(anchor: Anchor | None, who: str) -> bool:
    return anchor == Anchor("here", who)


def _of(changes: tuple[Change, ...], who: str) -> list[Change]:
    return [change for change in changes if _is(change.subject.anchor, who)]
