"""What people decided about single changes, and what of it touches a change."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iwds.core.approval import Approval, Needed
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Write,
    fields_changed,
)
from iwds.core.rulings import Ruling, Rulings, Said, aims, approval_of, ends_access, exactly, person, rejection_of
from tests.unit.core.made import NOON, VPN, WIKI, create, login, subject, write

LATER = NOON + timedelta(days=7)
LOCK = write(status=1)
DELETE = DeleteLogin(subject(), login(), (), "gone")
EVERY_KIND: list[Change] = [
    create("ann"), LOCK, DELETE, AddToGroup(subject(), VPN, "due", role=2), SetGroupRole(subject(), WIKI, 0, 1, "due"),
    RemoveFromGroup(subject(), VPN, "not due"), Adopt(subject(), login(), (), "theirs"),
    AdoptMembership(subject(), VPN, "due"), SendActivation(subject(), "new"), Forget(subject(), "gone"),
]  # fmt: skip


def said(by: str = "kim", until: datetime = LATER, job: str = "staff") -> Said:
    return Said(by, "desk-1", "on leave", NOON, until, "plan 3f9c12ab", job)


def rulings(*rows: Ruling, job: str = "staff", now: datetime = NOON) -> Rulings:
    return Rulings([replace(row, id=number) for number, row in enumerate(rows, 1)], job, now)


def rejecting(*changes: Change) -> Rulings:
    return rulings(*(rejection_of(change, said()) for change in changes))


def parts(given: Rulings, change: Change) -> tuple[list[Change], Change | None]:
    out, left = given.parted(change)
    return [part for part, _ in out], left


def test_a_claim_to_be_somebody_else_counts_for_who_makes_it() -> None:
    assert (person("zoe as kim"), person("kim")) == ("kim", "kim")


class TestARejection:
    @pytest.mark.parametrize("change", EVERY_KIND, ids=lambda change: type(change).__name__)
    def test_touches_the_same_change_and_not_that_of_another_person(self, change: Change) -> None:
        other = replace(change, subject=subject("bob", 2))
        found = rejecting(change).rejected(change)
        assert (found is None) == isinstance(change, Forget)
        assert rejecting(change).rejected(other) is None

    def test_of_a_lock_is_one_of_the_deletion_too_and_the_other_way_round(self) -> None:
        assert parts(rejecting(LOCK), DELETE) == ([DELETE], None)
        assert parts(rejecting(DELETE), LOCK) == ([LOCK], None)
        assert rejecting(DELETE).rejected(write(login(status=1), status=0)) is None

    def test_of_a_group_is_one_of_any_role_in_it_and_that_of_a_role_is_not_one_of_the_group(self) -> None:
        plain, manager = AddToGroup(subject(), VPN, "due"), AddToGroup(subject(), VPN, "due", role=1)
        promoted = SetGroupRole(subject(), VPN, 0, 1, "due")
        assert rejecting(plain).rejected(manager)
        assert rejecting(promoted).rejected(manager)
        assert rejecting(promoted).rejected(plain) is None
        assert rejecting(plain).rejected(promoted) is None
        assert rejecting(plain).rejected(AddToGroup(subject(), WIKI, "due")) is None
        assert rejecting(plain).rejected(RemoveFromGroup(subject(), VPN, "not due")) is None

    def test_of_a_value_holds_although_something_else_stood_there_before(self) -> None:
        again = replace(write(login(mail="third@x"), mail="new@x"), evidence=None)
        assert parts(rejecting(write(login(mail="old@x"), mail="new@x")), again) == ([again], None)

    def test_of_a_value_lets_another_value_go(self) -> None:
        other = write(login(mail="old@x"), mail="newer@x")
        assert parts(rejecting(write(login(mail="old@x"), mail="new@x")), other) == ([], other)

    def test_of_a_name_holds_in_any_case(self) -> None:
        assert rejecting(write(login(), login="ann.lee")).rejected(write(login(), login="Ann.Lee"))

    def test_of_one_field_lets_the_others_of_a_write_go(self) -> None:
        both = write(login(mail="old@x"), mail="new@x", status=1)
        out, left = parts(rejecting(LOCK), both)
        assert [fields_changed(part) for part in out if isinstance(part, Write)] == [("status",)]
        assert isinstance(left, Write)
        assert fields_changed(left) == ("mail",)
        assert left.evidence is None

    def test_of_one_extra_field_lets_the_others_go(self) -> None:
        before = login(extra='{ "a":"1", "b":"2", "c":"3" }')
        wanted = write(before, extra='{ "a":"9", "b":"8", "c":"3", "d":"7" }')
        out, left = parts(rejecting(write(before, extra='{ "a":"9", "b":"2", "c":"3" }')), wanted)
        assert [part.after.extra for part in out if isinstance(part, Write)] == ['{ "a":"9", "b":"2", "c":"3" }']
        assert isinstance(left, Write)
        assert left.after.extra == '{ "a":"1", "b":"8", "c":"3", "d":"7" }'

    def test_of_all_extra_fields_leaves_nothing(self) -> None:
        wanted = write(login(extra='{ "a":"1" }'), extra="")
        assert parts(rejecting(wanted), wanted) == ([wanted], None)

    def test_of_extra_fields_that_nobody_can_read_is_one_of_the_text(self) -> None:
        wanted = replace(write(login(extra="?"), extra="!"), evidence=None)
        assert parts(rejecting(wanted), wanted) == ([wanted], None)

    def test_ends(self) -> None:
        rejected = rejection_of(LOCK, said())
        assert rulings(rejected, now=LATER - timedelta(seconds=1)).rejected(LOCK)
        assert rulings(rejected, now=LATER).rejected(LOCK) is None

    def test_counts_for_every_job_and_the_one_that_lasts_longest_is_told(self) -> None:
        longest = rejection_of(DELETE, said("zoe", LATER + timedelta(days=1), "guests"))
        found = rulings(longest, rejection_of(LOCK, said())).rejected(LOCK)
        assert str(found) == "rejected by zoe until Mon 30 Nov 2026 12:00: on leave"

    def test_says_of_each_part_by_whom(self) -> None:
        both = write(login(mail="old@x"), mail="new@x", status=1)
        mail = rejection_of(write(login(mail="old@x"), mail="new@x"), said("zoe"))
        out, left = rulings(rejection_of(LOCK, said()), mail).parted(both)
        assert {(fields_changed(p)[0], ruling.said.by) for p, ruling in out if isinstance(p, Write)} == {
            ("mail", "zoe"), ("status", "kim"),
        }  # fmt: skip
        assert left is None

    def test_holds_nobodys_data(self) -> None:
        marks = " ".join(aims(write(mail="zoe@x"))) + " ".join(exactly(write(mail="zoe@x")))
        assert "zoe" not in marks


class TestAnApproval:
    REMOVALS = Approval(Needed.REMOVALS)

    def test_is_of_exactly_this_change(self) -> None:
        given = rulings(approval_of(LOCK, said()))
        assert given.unapproved(LOCK, self.REMOVALS, 1) is None
        assert given.unapproved(DELETE, self.REMOVALS, 1) == DELETE
        cleared = write(login(mail="a@x"), mail="")
        again = write(login(mail="b@x"), mail="")
        assert rulings(approval_of(cleared, said())).unapproved(again, self.REMOVALS, 1) == again

    def test_is_of_what_it_rests_on_and_not_of_the_words_for_it(self) -> None:
        given = rulings(approval_of(LOCK, said()))
        assert given.unapproved(replace(LOCK, because="something else"), self.REMOVALS, 1) is None
        unseen = replace(LOCK, evidence=Evidence.UNSEEN)
        assert given.unapproved(unseen, self.REMOVALS, 1) == unseen

    def test_of_one_field_does_not_let_another_go(self) -> None:
        both = write(login(mail="old@x"), login="anna", status=1)
        waiting = rulings(approval_of(LOCK, said())).unapproved(both, self.REMOVALS, 1)
        assert isinstance(waiting, Write)
        assert fields_changed(waiting) == ("login",)
        whole = rulings(approval_of(LOCK, said()), approval_of(write(login(), login="anna"), said()))
        assert whole.unapproved(both, self.REMOVALS, 1) is None

    def test_is_needed_of_the_part_that_removes_alone(self) -> None:
        both = write(login(mail="old@x"), mail="new@x", status=1)
        waiting = Rulings().unapproved(both, self.REMOVALS, 1)
        assert isinstance(waiting, Write)
        assert fields_changed(waiting) == ("status",)

    def test_counts_for_its_job_alone_and_until_its_end(self) -> None:
        given = approval_of(LOCK, said())
        assert rulings(given, job="guests").unapproved(LOCK, self.REMOVALS, 1) == LOCK
        assert rulings(given, now=LATER).unapproved(LOCK, self.REMOVALS, 1) == LOCK

    def test_of_two_people_is_needed_where_the_plan_of_now_or_the_one_of_then_says_so(self) -> None:
        kim, again, zoe = (approval_of(LOCK, said(by)) for by in ("kim", "zoe as kim", "zoe"))
        then = approval_of(LOCK, said(), people=2)
        assert rulings(kim).unapproved(LOCK, self.REMOVALS, 2) == LOCK
        assert rulings(kim, again).unapproved(LOCK, self.REMOVALS, 2) == LOCK
        assert rulings(kim, zoe).unapproved(LOCK, self.REMOVALS, 2) is None
        assert rulings(then).unapproved(LOCK, self.REMOVALS, 1) == LOCK
        assert rulings(then, zoe).unapproved(LOCK, self.REMOVALS, 1) is None

    def test_is_told_with_whose_it_is(self) -> None:
        kim, zoe = approval_of(LOCK, said()), approval_of(LOCK, said("zoe"))
        assert [row.said.by for row in rulings(kim, zoe).approvals(LOCK)] == ["kim", "zoe"]
        assert Rulings().approvals(LOCK) == []


class TestWhatNeedsApproval:
    @pytest.mark.parametrize("change", EVERY_KIND, ids=lambda change: type(change).__name__)
    def test_is_nothing_or_everything_but_what_others_did(self, change: Change) -> None:
        assert Approval().part(change) is None
        assert Approval(Needed.EVERYTHING).part(change) == (None if isinstance(change, Forget) else change)

    def test_is_no_adoption_where_removals_need_it(self) -> None:
        assert Approval(Needed.REMOVALS).part(Adopt(subject(), login(), (), "theirs")) is None

    def test_by_the_stricter_of_two_rules(self) -> None:
        loose, strict = Approval(Needed.NOTHING, 10, timedelta(days=1)), Approval(Needed.REMOVALS, 3)
        assert loose.stricter(strict) == Approval(Needed.REMOVALS, 3, timedelta(days=1))
        assert strict.stricter(loose) == strict
        assert Approval().stricter(strict).two_people_above == 3
        assert Approval().stricter(Approval()) == Approval()

    def test_is_told_in_words(self) -> None:
        rules = Approval(Needed.NOTHING, 3), Approval(Needed.REMOVALS, 3), Approval(Needed.EVERYTHING)
        assert [str(rule) for rule in rules] == ["nothing", "removals, two people above 3", "everything"]

    def test_of_two_people_above_a_number(self) -> None:
        assert [Approval(Needed.REMOVALS, 3).people(count) for count in (3, 4)] == [1, 2]
        assert Approval(Needed.REMOVALS).people(10_000) == 1


def test_a_lock_and_a_deletion_end_the_access_of_somebody_and_nothing_else_does() -> None:
    ending = [change for change in EVERY_KIND if ends_access(rejection_of(change, said()))]
    assert ending == [LOCK, DELETE]
