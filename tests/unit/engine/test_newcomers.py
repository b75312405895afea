"""Somebody new under a matching by more than the name: made by day only where no other login can be theirs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.alone import ANOTHER, MOVED, RIVALS, STRANGER
from iwds.core.model import Anchor, Origin
from iwds.core.normal import render_extra
from iwds.core.plan import Selection
from iwds.core.policy import Leaver, Policy
from iwds.core.recognition import BY_NAME, By, Matching, MatchRule, hashed, stored_form
from iwds.engine.job import Incremental
from iwds.engine.resync import Wish, resync
from iwds.engine.running import RunReport
from iwds.errors import OutcomeUnknown, ServiceUnavailable
from iwds.sources._memoryfeed import Changes
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

ANCHOR, LOGIN, MAIL = MatchRule(By.ANCHOR), MatchRule(By.LOGIN), MatchRule(By.MAIL)
AS_ENTRA = Matching((ANCHOR, LOGIN), "iwds")
BY_ALL = Matching((ANCHOR, MAIL, LOGIN), "iwds")
ADOPTS = Policy(OURS, adopt=frozenset({0}))


@pytest.fixture
def stage(stage: Rehearsal) -> Rehearsal:
    """Two people with logins of ours and two logins of others, before the night."""
    stage.source.told = Changes()
    stage.configure(incremental=Incremental(), rules=PlainRules(matching=BY_ALL), policy=ADOPTS)
    for who in ("ada", "bob"):
        stage.hire(who, ("vpn",), mail=f"{who}@example.org")
    for who in ("alien", "other"):
        stage.target.state.add(who, mail="shared@example.org")
    return stage


def stored(who: str) -> str:
    """The extra fields of a login that carries somebody's id."""
    return render_extra((("iwds", stored_form(Anchor("here", who))),))


def night(stage: Rehearsal, **request: Any) -> RunReport:
    stage.clock.passed += 60
    return stage.run(**request)


def day(stage: Rehearsal, *newcomers: str, **request: Any) -> RunReport:
    for who in newcomers:
        stage.hire(who, mail=f"{who}@example.org")
    stage.clock.passed += 60
    return stage.run(changes=True, **request)


def why(done: RunReport) -> set[str]:
    """Why whoever is new waits."""
    return {skip.detail for skip in done.plan.skips}


class TestSomebodyNew:
    @pytest.mark.parametrize("matching", [BY_ALL, AS_ENTRA, Matching((MAIL, LOGIN))])
    def test_gets_their_login_in_the_run_of_what_changed(self, stage: Rehearsal, matching: Matching) -> None:
        stage.configure(rules=PlainRules(matching=matching))
        night(stage)
        done = day(stage, "kim", "lee")
        assert (done.run.summary, done.exit_code) == ("changes of 2 people: 2 done", 0)
        assert day(stage, "max").run.summary == "changes of 1 person: 1 done"
        assert stage.ledger().keys() == {"ada", "bob", "kim", "lee", "max"}
        # What the day has made, a night finds as it should be.
        assert night(stage).run.report["changes"] == {}

    def test_costs_one_question_to_the_service_and_nobody_else_any(self, stage: Rehearsal) -> None:
        night(stage)
        asked: list[str] = []
        stage.target.state.ask = asked.append
        stage.change("ada", mail="new@example.org")
        day(stage)
        assert "count" not in asked
        day(stage, "kim", "lee")
        assert asked.count("count") == 1

    @pytest.mark.parametrize("fields", [{"extra": stored("kim")}, {"mail": " KIM@example.org"}])
    def test_waits_where_a_login_of_others_may_be_theirs(self, stage: Rehearsal, fields: dict[str, str]) -> None:
        theirs = stage.target.state.add("k.kim", **fields)
        night(stage)
        done = day(stage, "kim", "lee")
        assert (why(done), set(stage.ledger())) == ({STRANGER}, {"ada", "bob", "lee"})
        assert done.exit_code == 0
        night(stage)
        row = stage.ledger()["kim"]
        assert (row.login_id, row.origin) == (theirs.id, Origin.ADOPTED)

    def test_waits_where_a_login_of_ours_carries_their_id(self, stage: Rehearsal) -> None:
        night(stage)
        stage.by_hand("ada", extra=stored("kim"))
        night(stage)
        service, kept = stage.job.target.service, stage.state.strangers("staff", stage.job.target.service)
        assert kept
        theirs = hashed(By.ANCHOR, stored_form(Anchor("here", "kim")), kept.kept_by)
        assert stage.state.are_strangers("staff", service, [theirs])
        # Whoever has such a login waits, and so is looked at with them.
        assert len(why(day(stage, "kim"))) == 2
        assert "kim" not in stage.ledger()

    def test_may_have_the_mail_address_of_somebody_who_has_a_login(self, stage: Rehearsal) -> None:
        night(stage)
        night(stage)
        stage.hire("kim", mail="ada@example.org")
        assert day(stage).run.summary == "changes of 1 person: 1 done"

    def test_waits_for_who_else_wants_the_login_where_that_cannot_be_asked(self, stage: Rehearsal) -> None:
        night(stage)
        stage.configure(rules=replace(PlainRules(matching=BY_ALL), login_is_written=False))
        assert why(day(stage, "kim")) == {RIVALS}

    def test_is_adopted_by_name_unless_that_takes_everybodys_mail_address(self, stage: Rehearsal) -> None:
        night(stage)
        assert why(day(stage, "alien")) == {ANOTHER}
        stage.configure(rules=PlainRules(matching=AS_ENTRA))
        night(stage)
        day(stage, "other")
        assert stage.ledger()["other"].origin is Origin.ADOPTED

    def test_is_asked_about_in_a_resync_too_and_no_longer_than_everybodys_reading_counts(
        self, stage: Rehearsal
    ) -> None:
        night(stage)
        night(stage)
        nothing: Any = None  # nobody asks for a code

        def one(who: str) -> set[str]:
            stage.hire(who, mail=f"{who}@example.org")
            wish = Wish(who, wait=0.0)
            return {
                skip.detail for skip in resync(stage.job, stage.tools, stage.writer, lambda: nothing, wish).plan.skips
            }

        assert one("kim") == set()
        stage.clock.passed += timedelta(hours=26).total_seconds()
        assert one("lee") == {ANOTHER}


class TestTheNumberOfLogins:
    """Nobody is made where it is not what follows from the last night."""

    @pytest.mark.parametrize("by_hand", ["added", "deleted"])
    def test_tells_that_another_hand_was_there(self, stage: Rehearsal, by_hand: str) -> None:
        night(stage)
        if by_hand == "added":
            stage.target.state.add("later", extra=stored("kim"))
        else:
            del stage.target.state.logins[stage.login("alien").id]
        assert why(day(stage, "kim")) == {MOVED}
        assert night(stage).exit_code == 0
        assert day(stage, "lee").run.summary == "changes of 1 person: 1 done"

    def test_is_right_after_what_the_night_itself_has_made_and_deleted(self, stage: Rehearsal) -> None:
        stage.configure(policy=replace(ADOPTS, leaver=Leaver.DELETE))
        night(stage)
        stage.hire("cleo", mail="cleo@example.org")
        stage.leave("ada")
        assert night(stage).run.report["changes"] == {"create": 1, "delete": 1}
        assert day(stage, "kim").run.summary == "changes of 1 person: 1 done"

    def test_is_right_after_a_creation_without_an_answer(self, stage: Rehearsal) -> None:
        night(stage)
        stage.fail("create", OutcomeUnknown("nobody knows"), after=True)
        day(stage, "kim")
        assert day(stage, "lee").exit_code == 0
        assert {"kim", "lee"} <= set(stage.ledger())

    def test_ends_the_run_where_it_is_not_told(self, stage: Rehearsal) -> None:
        def silent(question: str) -> None:
            if question == "count":
                raise ServiceUnavailable("no answer")

        night(stage)
        stage.target.state.ask = silent
        with pytest.raises(ServiceUnavailable):
            day(stage, "kim")
        assert "kim" not in stage.ledger()


class TestWhatWasKept:
    @pytest.mark.parametrize("other", [BY_NAME, AS_ENTRA, Matching((ANCHOR, replace(MAIL, exact=True), LOGIN), "iwds")])
    def test_counts_for_the_matching_of_then(self, stage: Rehearsal, other: Matching) -> None:
        stage.configure(rules=PlainRules(matching=other))
        night(stage)
        stage.configure(rules=PlainRules(matching=BY_ALL))
        assert why(day(stage, "kim")) == {ANOTHER}

    def test_is_nothing_before_a_run_of_everybody_has_ended(self, stage: Rehearsal) -> None:
        stage.configure(rules=PlainRules(matching=BY_NAME))
        night(stage)
        stage.configure(rules=PlainRules(matching=BY_ALL))
        night(stage, selection=Selection(only=frozenset({"update"})))
        assert why(day(stage, "kim")) == {ANOTHER}

    def test_stays_where_a_later_reading_is_not_proven(self, stage: Rehearsal) -> None:
        stage.target.state.add("k.kim", extra=stored("kim"))
        night(stage)
        stage.source.problems = ("cut",)
        stage.by_hand("k.kim", extra="")
        night(stage)
        stage.source.problems = ()
        assert why(day(stage, "kim")) == {STRANGER}
