"""What of a plan somebody means who rules over a part of it, and how far its approval has come."""

from dataclasses import replace
from datetime import timedelta

from iwds.core.approval import Approval, Needed
from iwds.core.change import AddToGroup, Change, Forget, RemoveFromGroup, Write, fields_changed
from iwds.core.chosen import Part, approvable, approvers, progress, rejectable, rejected, touching, without_own
from iwds.core.plan import Plan
from iwds.core.rulings import Ruling, Rulings, Said, Verdict, approval_of, rejection_of
from tests.unit.core.made import NOON, VPN, WIKI, assembled, basis, create, facts, login, subject, write

SAID = Said("kim", "desk-1", "as agreed", NOON, NOON + timedelta(days=7), "plan p1", "staff")
REMOVALS = Approval(Needed.REMOVALS)
LOCK = write(status=1)
BOTH = write(login(2, "bob"), login="bobby", mail="new@x")
LEAVE = RemoveFromGroup(subject("dee", 4), VPN, "not due")
ADD = AddToGroup(subject("dee", 4), WIKI, "due")
GONE = Forget(subject("cy", 3), "gone")


def planned(*rows: Ruling, rule: Approval = REMOVALS) -> Plan:
    changes: list[Change] = [LOCK, BOTH, LEAVE, ADD, GONE, create()]
    given = facts(basis(approval=rule), rulings=Rulings(rows, "staff", NOON))
    return assembled(changes, given)


def names(changes: list[Change]) -> list[str]:
    return [change.subject.login for change in changes]


def test_everything_is_meant_where_nothing_narrows_it_and_each_change_once() -> None:
    assert Part().of([LOCK, ADD, LOCK]) == [LOCK, ADD]


def test_people_are_meant_by_login_in_any_case_or_by_id() -> None:
    assert Part(logins=frozenset({"ANN", "#4"})).of([LOCK, BOTH, LEAVE]) == [LOCK, LEAVE]


def test_a_group_means_what_is_about_it_and_nothing_else() -> None:
    assert Part(groups=frozenset({"Vpn", "none"})).of([LOCK, LEAVE, ADD, GONE]) == [LEAVE]


def test_a_kind_means_that_part_of_a_write() -> None:
    (part,) = Part(only=frozenset({"rename"})).of([LOCK, BOTH])
    assert isinstance(part, Write)
    assert fields_changed(part) == ("login",)


def test_what_waits_can_be_approved_and_what_a_stricter_rule_of_now_asks_for() -> None:
    assert names(approvable(planned(), REMOVALS)) == ["ann", "bob", "dee"]
    loose = planned(rule=Approval())
    assert names(approvable(loose, Approval())) == []
    assert sorted(names(approvable(loose, REMOVALS))) == ["ann", "bob", "dee"]


def test_the_number_of_people_is_of_the_whole_plan_by_the_rule_of_then_or_now() -> None:
    two = replace(REMOVALS, two_people_above=2)
    assert approvers(planned(), REMOVALS) == 1
    assert approvers(planned(rule=two), REMOVALS) == 2
    assert approvers(planned(rule=Approval()), two) == 2
    assert approvers(planned(), replace(REMOVALS, two_people_above=3)) == 1


def test_what_waits_and_what_does_not_can_be_rejected_but_not_what_others_did() -> None:
    assert sorted(names(rejectable(planned()))) == ["ann", "bob", "bob", "dee", "dee", "eve"]
    plan = planned(rejection_of(LOCK, SAID))
    assert names(rejected(plan)) == ["ann"]
    assert "ann" not in names(rejectable(plan))


def test_what_one_person_approved_before_is_not_approved_again_by_the_same() -> None:
    rows = [approval_of(LOCK, SAID), rejection_of(LEAVE, SAID)]
    assert without_own([LOCK, LEAVE], rows, "zoe as kim") == [LEAVE]
    assert without_own([LOCK, LEAVE], rows, "zoe") == [LOCK, LEAVE]


def test_rulings_are_found_by_the_changes_that_they_are_about() -> None:
    rows = [approval_of(LOCK, SAID), rejection_of(LOCK, SAID), approval_of(LEAVE, SAID)]
    assert touching(rows, [LOCK], Verdict.APPROVED) == rows[:1]
    assert touching(rows, [LOCK], Verdict.REJECTED) == rows[1:2]


def test_progress_counts_what_waited_by_what_became_of_it() -> None:
    plan = planned()
    rows = [approval_of(LOCK, SAID), approval_of(LEAVE, SAID), rejection_of(LEAVE, SAID)]
    rows += [approval_of(LOCK, replace(SAID, by="zoe", job="guests"))]
    rows = [replace(row, id=number) for number, row in enumerate(rows)]
    told = progress(plan, REMOVALS, rows, Rulings(rows, "staff", NOON))
    assert (told.waiting, told.approved, told.rejected, told.open, told.by, told.needed) == (3, 1, 1, 1, ("kim",), 1)
