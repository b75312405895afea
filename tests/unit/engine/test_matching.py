"""Whose a login is, where the rules cannot tell, and what becomes of what a person says."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from iwds.core.change import Adopt
from iwds.core.model import Anchor
from iwds.core.policy import Policy
from iwds.core.recognition import By, Matching, MatchRule
from iwds.engine.actions import Why
from iwds.engine.matching import Doubts, doubts, say_nobodys, say_whose, take_back
from iwds.errors import Refused, UsageError
from tests.unit.engine.desk import WHY, Helpdesk
from tests.unit.engine.rehearsal import OURS, PlainRules

BY_MAIL = PlainRules(matching=Matching((MatchRule(By.LOGIN), MatchRule(By.MAIL))))


@pytest.fixture
def stage() -> Iterator[Helpdesk]:
    """Ann and Bob share an address, which a login of the console has; it is adopted where it is clear whose it is."""
    made = Helpdesk()
    made.configure(rules=BY_MAIL, policy=Policy(OURS, adopt=frozenset({0})))
    for who in ("ann", "bob"):
        made.hire(who, mail="team@x.y", sn="", role="0", disabled="")
    made.target.state.add("team", mail="team@x.y")
    yield made
    made.close()


def asked(stage: Helpdesk, whom: str = "") -> Doubts:
    return doubts(stage.job, stage.tools, whom)


def say(stage: Helpdesk, login: str, whom: str) -> None:
    say_whose(stage.desk(), stage.login(login), asked(stage, whom), WHY)


def test_a_login_is_listed_with_everybody_who_may_be_its_owner(stage: Helpdesk) -> None:
    (doubt,) = asked(stage).open
    assert doubt.login.login == "team"
    assert [(person.login, person.name) for person in doubt.people] == [("ann", "cn=ann"), ("bob", "cn=bob")]
    assert doubt.people[0].why == "bob has that mail address too"


def test_a_name_that_two_people_want_is_listed_with_the_login_that_has_it(stage: Helpdesk) -> None:
    stage.hire("cy", mail="cy@x.y", disabled="")
    stage.hire("dee", mail="dee@x.y", disabled="")
    stage.change("dee", uid="cy")
    stage.target.state.add("CY")
    (doubt,) = [each for each in asked(stage).open if each.login.login == "CY"]
    assert [person.anchor.id for person in doubt.people] == ["cy", "dee"]
    say(stage, "CY", "dee")
    adopted = [change for change in stage.plan().changes if isinstance(change, Adopt)]
    assert [change.subject.anchor for change in adopted] == [Anchor("here", "dee")]


def test_people_who_share_a_name_that_no_login_has_are_no_case(stage: Helpdesk) -> None:
    stage.hire("cy", mail="cy@x.y")
    stage.change("bob", uid="cy")
    assert [doubt.login.login for doubt in asked(stage).open] == ["team"]


@pytest.mark.parametrize("whom", ["bob", "BOB", "here/bob", "CN=Bob"])
def test_what_is_said_is_a_change_of_the_next_plan(stage: Helpdesk, whom: str) -> None:
    say(stage, "team", whom)
    (adopt,) = [change for change in stage.plan().changes if isinstance(change, Adopt)]
    assert adopt.subject.anchor == Anchor("here", "bob")
    assert f"matched by zoe on {stage.clock.now():%Y-%m-%d}: {WHY.reason}" in adopt.because
    assert asked(stage).open == []
    stage.run()
    stage.run()
    assert {login.login for login in stage.target.state.logins.values()} == {"bob", "ann"}


def test_a_login_that_is_nobodys_keeps_nobody_waiting(stage: Helpdesk) -> None:
    say_nobodys(stage.desk(), stage.login("team"), WHY)
    stage.run()
    assert {login.login for login in stage.target.state.logins.values()} == {"team", "ann", "bob"}
    assert [row.action for row in stage.audit()] == ["match"]


def test_what_was_said_can_be_taken_back_even_where_the_login_is_gone(stage: Helpdesk) -> None:
    say(stage, "team", "bob")
    number = stage.login("team").id
    del stage.target.state.logins[number]
    found = asked(stage)
    assert ["it no longer exists" in note for note in found.notes] == [True]
    assert set(found.notes) <= set(stage.plan().basis.notes)
    before = take_back(stage.desk(), number, Why("it is gone"))
    assert before == found.said[0]
    assert take_back(stage.desk(), number, WHY) is None
    assert [row.action for row in stage.audit()] == ["match", "unmatch"]
    assert asked(stage).said == []


def test_nobody_is_named_twice_or_for_a_login_that_is_somebody_elses(stage: Helpdesk) -> None:
    stage.target.state.add("other")
    say(stage, "team", "bob")
    with pytest.raises(Refused, match="owner of team"):
        say(stage, "other", "bob")
    stage.run()
    stage.hire("eve", mail="eve@x.y", disabled="")
    name = next(iter(row.login for row in stage.ledger().values() if row.anchor.id == "bob"))
    with pytest.raises(Refused, match="as that of here/bob"):
        say(stage, name, "eve")


def test_who_is_meant_must_be_one_person_without_a_login(stage: Helpdesk) -> None:
    with pytest.raises(UsageError, match="nobody without a login"):
        say(stage, "team", "zed")
    stage.hire("cy", mail="cy@x.y")
    stage.change("cy", uid="bob")
    with pytest.raises(UsageError, match="2 people"):
        say(stage, "team", "bob")
    say(stage, "team", "here/bob")


@pytest.mark.parametrize("whom", ["cy", "cn=cy", "here/cy"])
def test_whoever_has_a_login_is_told_with_it_and_what_to_do(stage: Helpdesk, whom: str) -> None:
    stage.hire("cy", mail="cy@x.y", disabled="")
    stage.run()
    number = stage.login("cy").id
    with pytest.raises(Refused, match=rf"here/cy has a login already: cy \(#{number}\)") as refused:
        say(stage, "team", whom)
    assert refused.value.exit_code == 3
    for told in ("iwds login show cy", "iwds match JOB team --nobody", "delete cy in the service's console"):
        assert told in refused.value.advice
    with pytest.raises(Refused, match="cy is theirs already"):
        say(stage, "cy", whom)


def test_whose_login_was_deleted_by_hand_as_was_told_gets_the_other_one(stage: Helpdesk) -> None:
    stage.hire("cy", mail="cy@x.y", disabled="")
    stage.run()
    del stage.target.state.logins[stage.login("cy").id]
    say(stage, "team", "cy")
    number = stage.login("team").id
    stage.run()
    assert number in {row.login_id for row in stage.ledger().values() if row.anchor.id == "cy"}


def test_a_stored_anchor_that_contradicts_our_memory_is_settled_by_a_person(stage: Helpdesk) -> None:
    stage.source.entries.clear()
    stage.hire("ann", mail="ann@x.y", sn="", role="0", disabled="")
    stage.configure(rules=PlainRules(matching=Matching(key="iwds")))
    stage.run()
    right = stage.login("ann").extra
    assert right
    wrong = right.replace("ann@", "bob@")
    stage.by_hand("ann", extra=wrong)
    stage.run()
    assert stage.login("ann").extra == wrong
    (doubt,) = asked(stage).open
    assert [person.login for person in doubt.people] == ["ann"]
    say(stage, "ann", "ann")
    stage.run()
    assert stage.login("ann").extra == right
    assert replace(asked(stage), said=()) == Doubts([], (), (), [])
