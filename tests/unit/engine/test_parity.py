"""Night after night beside another tool: what it did about what we withheld, and how long anything is accepted."""

from datetime import timedelta

import pytest

from iwds.core.parity import Parity
from iwds.core.policy import Policy
from iwds.engine.parity import Compared, Wish, accepted_now, compare, take_back
from iwds.errors import Refused, UsageError
from iwds.ports import Result
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

A_DAY = 86_400.0


@pytest.fixture
def beside(stage: Rehearsal) -> Rehearsal:
    """Three people who are disabled, each with a login that the other tool made and left active."""
    stage.configure(policy=Policy(OURS, adopt=frozenset({1})))
    for who in ("ann", "bob", "cy"):
        stage.hire(who, mail="", sn="", role="0", disabled="yes")
        stage.target.state.add(who, created_by=1)
    return stage


def night(stage: Rehearsal, *wishes: Wish) -> Compared:
    stage.clock.passed += A_DAY
    return compare(stage.job, stage.tools, wishes)


def test_what_became_of_each_removal_that_was_withheld_is_told(beside: Rehearsal) -> None:
    assert [each.login for each in night(beside).judged.withheld] == ["ann", "bob", "cy"]
    del beside.target.state.logins[beside.login("ann").id]
    beside.by_hand("bob", status=1)
    beside.change("cy", disabled="")
    found = night(beside)
    assert {each.what.login: each.now for each in found.settled} == {
        "ann": "the login is gone: somebody else deleted it",
        "bob": "the login is locked: by somebody else",
        "cy": "nothing asks for it any more: the directory or the service changed",
    }
    assert night(beside).settled == []


def test_what_the_other_tool_leaves_alone_is_told_since_when(beside: Rehearsal) -> None:
    first = night(beside)
    (ann, *_) = first.judged.withheld
    night(beside)
    third = night(beside)
    assert (third.since[ann], third.settled) == (first.plan.made_at, [])


def test_a_removal_that_still_waits_for_another_reason_or_beside_another_is_not_told_as_gone(beside: Rehearsal) -> None:
    night(beside)
    beside.change("cy", disabled="", scope="out-of-scope")
    beside.change("bob", role="0", disabled="", sn="Bob")
    beside.change("ann", uid="anna")
    found = night(beside)
    assert {each.what.login: each.now for each in found.settled} == {
        "bob": "something else is asked for of this login now",
        "cy": "nothing asks for it any more: the directory or the service changed",
        "ann": "nothing asks for it any more: the directory or the service changed",
    }


def test_what_the_configuration_stopped_asking_for_is_not_put_down_to_the_directory(beside: Rehearsal) -> None:
    night(beside)
    beside.configure(digest="configuration 2")
    for who in ("ann", "bob", "cy"):
        beside.change(who, scope="excluded")
    assert {each.now for each in night(beside).settled} == {
        "nothing asks for it any more: the configuration, the directory or the service changed"
    }


def test_after_a_first_run_no_removal_is_told_as_gone_that_is_made(beside: Rehearsal) -> None:
    night(beside)
    beside.run()
    found = night(beside)
    assert [each.subject.login for each in found.judged.open] == ["ann", "bob", "cy"]
    assert found.settled == []


def test_a_group_that_the_service_lacks_is_a_difference(beside: Rehearsal) -> None:
    beside.configure(rules=PlainRules(groups={"vpn": False, "wikki": False}))
    (found,) = night(beside).judged.open
    assert "the service has no group wikki" in found.words


def test_nothing_is_written_whatever_is_accepted_and_however_often_somebody_looks(beside: Rehearsal) -> None:
    calls = beside.calls()
    beside.hire("new", mail="", sn="", role="0", disabled="")
    assert night(beside).judged.parity is Parity.DIFFERENT
    assert night(beside, Wish("NEW", "joins on Monday")).judged.parity is Parity.SAME
    assert (calls, beside.writers, beside.ledger()) == ([], 0, {})
    assert [row.result for row in beside.state.audit()] == [Result.DONE]


def test_what_is_accepted_ends(beside: Rehearsal) -> None:
    beside.hire("new", mail="", sn="", role="0", disabled="")
    assert night(beside, Wish("new", "on leave", beside.clock.now() + timedelta(days=3))).streak.nights == 1
    assert night(beside).streak.nights == 2
    ended = night(beside)
    assert (ended.judged.parity, ended.streak.nights, ended.broke) == (Parity.DIFFERENT, 0, 2)
    assert accepted_now(beside.job, beside.tools) == []


def test_an_end_too_far_away_accepts_nothing(beside: Rehearsal) -> None:
    beside.hire("new", mail="", sn="", role="0", disabled="")
    with pytest.raises(UsageError, match="more than 400 days away"):
        night(beside, Wish("new", "for ever", beside.clock.now() + timedelta(days=500)))
    assert accepted_now(beside.job, beside.tools) == []


def test_on_a_reading_in_doubt_nothing_is_accepted(beside: Rehearsal) -> None:
    beside.hire("new", mail="", sn="", role="0", disabled="")
    beside.source.problems = ("the line broke off",)
    with pytest.raises(Refused, match="nothing was accepted: the reading of staff is not proven complete"):
        night(beside, Wish("new", "on leave"))
    assert accepted_now(beside.job, beside.tools) == []


def test_a_wish_that_nothing_differs_for_is_told(beside: Rehearsal) -> None:
    (unmet,) = night(beside, Wish("nobody", "a slip")).unmet
    assert unmet.login == "nobody"


def test_what_is_taken_back_counts_again_and_what_was_never_accepted_cannot_be(beside: Rehearsal) -> None:
    beside.hire("new", mail="", sn="", role="0", disabled="")
    night(beside, Wish("new", "on leave"))
    with pytest.raises(UsageError, match=r'no difference of nwe is accepted \(did you mean "new"\?\)'):
        take_back(beside.job, beside.tools, "nwe", "a slip")
    assert [row.subject.login for row in take_back(beside.job, beside.tools, "new", "back already")] == ["new"]
    assert night(beside).judged.parity is Parity.DIFFERENT


def test_a_difference_that_is_accepted_is_made_all_the_same(beside: Rehearsal) -> None:
    beside.hire("new", mail="", sn="", role="0", disabled="")
    night(beside, Wish("new", "the old tool cannot"))
    beside.run()
    assert beside.login("new").created_by == OURS


def test_another_configuration_begins_the_nights_anew(beside: Rehearsal) -> None:
    night(beside)
    assert night(beside).streak.nights == 2
    beside.configure(digest="configuration 2")
    assert night(beside).streak.nights == 1
