"""What has moved since a plan was approved, change by change."""

from dataclasses import replace

import pytest

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
)
from iwds.core.decision import Reason, Skip
from iwds.core.devices import Loss
from iwds.core.model import Absent, Unmapped
from iwds.core.moved import DRIFT_WORDS, Drift, Moved, Standing, moved_counts, moved_data, narrowed
from tests.unit.core.made import VPN, account, anchor, assembled, create, login, subject, write

LOCK, MAIL = write(status=1), write(login(mail="a@x"), mail="b@x")
ADD = AddToGroup(subject(), VPN, "joined")
REMOVE = RemoveFromGroup(subject(), VPN, "left", Evidence.SEEN)
ROLE = SetGroupRole(subject(), VPN, 0, 1, "promoted")
DELETE = DeleteLogin(subject(), login(), (), "gone", Evidence.SEEN)
ADOPT = Adopt(subject(), login(), (), "by name")
MEMBER = AdoptMembership(subject(), VPN, "explained")
FORGET = Forget(subject(), "gone")
SEND = SendActivation(subject("eve", None), "new")
OUT = Unmapped(anchor(), "cn=ann", Absent.OUT_OF_SCOPE, "rule 3")
IN = account(enabled=True, groups=frozenset({"vpn"}), group_roles=(("vpn", "manager"),))
THERE = Standing(IN, login())


def told(approved: Change, now: Standing, *fresh: Change | Skip) -> list[tuple[Drift, str]]:
    plan, moved = narrowed(assembled(fresh), assembled([approved]), lambda _: now)
    skips = [(skip.detail, skip.change) for skip in plan.skips if skip.reason is Reason.MOVED]
    assert sorted(skips, key=str) == sorted(((each.told, each.change) for each in moved), key=str)
    return [(each.drift, each.told) for each in moved]


def test_what_is_still_true_has_not_moved() -> None:
    assert told(LOCK, THERE, LOCK) == []


GONE = Standing(IN, None)


@pytest.mark.parametrize("change", [LOCK, ADD, REMOVE, ROLE, DELETE, ADOPT, MEMBER], ids=lambda c: type(c).__name__)
def test_a_login_that_is_gone_is_said_to_be(change: Change) -> None:
    drift = Drift.ALREADY if change is DELETE else Drift.GONE
    assert told(change, GONE) == [(drift, DRIFT_WORDS[drift])]


class TestOfAWrite:
    def test_what_somebody_set_is_told_with_its_value(self) -> None:
        now = Standing(IN, login(mail="c@x"))
        assert told(MAIL, now) == [(Drift.SET, "somebody set mail to c@x in the meantime")]

    def test_extra_fields_are_named_without_their_values(self) -> None:
        change = write(login(extra='{ "k":"a" }'), extra='{ "k":"b" }')
        assert told(change, Standing(IN, login(extra='{ "z":"1" }')))[0][1] == (
            "somebody set extra fields in the meantime"
        )

    def test_what_is_so_already_is_told_even_where_a_skip_is_about_the_person(self) -> None:
        skip = Skip(subject(), Reason.FOREIGN, "another job's")
        assert told(MAIL, Standing(IN, login(mail="b@x")), skip) == [(Drift.ALREADY, "it is so already")]

    def test_another_value_of_the_fresh_plan_is_told(self) -> None:
        other = write(login(mail="a@x"), mail="z@x")
        assert told(MAIL, Standing(IN, login(mail="a@x")), other) == [(Drift.OTHER, "the fresh plan wants mail z@x")]

    def test_other_extra_fields_of_the_fresh_plan_are_named(self) -> None:
        held = login(extra='{ "k":"a" }')
        change, other = write(held, extra='{ "k":"b" }'), write(held, extra='{ "k":"c" }')
        assert told(change, Standing(IN, held), other) == [
            (Drift.OTHER, "the fresh plan wants to update ann: extra fields k")
        ]

    def test_a_hold_is_told_with_whose_it_is(self) -> None:
        skip = Skip(subject(), Reason.EXEMPT, "held by boss until Friday", LOCK)
        assert told(LOCK, THERE, skip) == [(Drift.WAITS, "now exempt: held by boss until Friday")]

    def test_a_skip_of_another_change_explains_nothing(self) -> None:
        skip = Skip(subject(), Reason.HELD, "waits", write(name="X"))
        assert told(LOCK, THERE, skip)[0][0] is Drift.WITHDRAWN

    def test_who_is_no_longer_disabled_is_not_locked(self) -> None:
        assert told(LOCK, THERE) == [(Drift.WITHDRAWN, "in the directory, in scope and not disabled")]

    def test_who_left_or_has_no_account_any_more_is_told_so(self) -> None:
        now = login(mail="a@x")
        assert told(MAIL, Standing(None, now)) == [(Drift.WITHDRAWN, "no longer in the directory")]
        assert told(MAIL, Standing(OUT, now)) == [(Drift.WITHDRAWN, "no account any more: out-of-scope, rule 3")]

    def test_what_the_directory_took_back_is_told_so(self) -> None:
        assert told(MAIL, Standing(IN, login(mail="a@x"))) == [(Drift.WITHDRAWN, "the directory no longer asks for it")]

    def test_each_field_that_moved_is_told_on_its_own_and_what_is_still_true_is_not(self) -> None:
        before = login(mail="a@x", name="A", phone="1")
        approved = write(before, mail="b@x", name="B", phone="2")
        now = Standing(IN, replace(before, mail="c@x", phone="2"))
        fresh = write(replace(before, mail="c@x", phone="2"), name="B")
        assert told(approved, now, fresh) == [
            (Drift.SET, "somebody set mail to c@x in the meantime"),
            (Drift.ALREADY, "it is so already"),
        ]


class TestOfADeletion:
    def test_a_field_that_changed_is_told(self) -> None:
        assert told(DELETE, Standing(None, login(mail="new@x")))[0] == (
            Drift.SET,
            "somebody set mail to new@x in the meantime",
        )

    def test_devices_that_came_are_another_loss(self) -> None:
        fresh = replace(DELETE, lost=Loss((("x", 2),), (), None))
        assert told(DELETE, Standing(None, login()), fresh)[0][0] is Drift.OTHER

    def test_who_is_back_is_told_so(self) -> None:
        assert told(DELETE, THERE) == [(Drift.WITHDRAWN, "back in the directory")]


class TestOfAMembership:
    IN_VPN = Standing(IN, login(), frozenset({1}))

    def test_who_is_in_already_is_told_so(self) -> None:
        assert told(ADD, self.IN_VPN) == [(Drift.ALREADY, "it is so already")]
        assert told(REMOVE, THERE) == [(Drift.ALREADY, "it is so already")]

    def test_another_role_is_another_wish(self) -> None:
        assert told(ADD, THERE, replace(ADD, role=1))[0][0] is Drift.OTHER

    def test_what_nobody_asks_for_is_told_so(self) -> None:
        assert told(ADD, Standing(account(groups=frozenset()), login()))[0][0] is Drift.WITHDRAWN
        assert told(REMOVE, self.IN_VPN)[0][0] is Drift.WITHDRAWN

    def test_other_changes_of_the_same_person_are_not_in_its_place(self) -> None:
        assert told(REMOVE, self.IN_VPN, MAIL)[0][0] is Drift.WITHDRAWN

    def test_who_is_no_member_any_more_has_no_role(self) -> None:
        assert told(ROLE, THERE) == [(Drift.SET, "no member of vpn any more")]
        assert told(MEMBER, THERE) == [(Drift.SET, "no member of vpn any more")]

    def test_a_role_that_is_wanted_and_not_planned_is_there(self) -> None:
        assert told(ROLE, self.IN_VPN)[0][0] is Drift.ALREADY
        assert told(ROLE, Standing(account(), login(), frozenset({1})))[0][0] is Drift.WITHDRAWN
        assert told(ROLE, Standing(OUT, login(), frozenset({1})))[0][0] is Drift.WITHDRAWN

    def test_a_membership_that_is_explained_and_not_planned_was_adopted(self) -> None:
        assert told(MEMBER, self.IN_VPN)[0][0] is Drift.ALREADY
        assert told(MEMBER, Standing(account(), login(), frozenset({1})))[0][0] is Drift.WITHDRAWN


class TestOfANewcomer:
    def test_who_was_created_since_is_so_already(self) -> None:
        assert told(create(), Standing(account("eve")))[0][0] is Drift.ALREADY
        assert told(SEND, Standing(account("eve")))[0][0] is Drift.ALREADY

    def test_who_left_is_told_so(self) -> None:
        assert told(create(), Standing()) == [(Drift.WITHDRAWN, "no longer in the directory")]
        assert told(SEND, Standing())[0][0] is Drift.WITHDRAWN

    def test_whom_a_person_ordered_is_not_told_by_a_directory(self) -> None:
        ordered = replace(create(), evidence=Evidence.ORDERED)
        assert told(ordered, Standing()) == [(Drift.WITHDRAWN, "as things are now, the order does not ask for it")]

    def test_another_account_is_another_wish(self) -> None:
        assert told(create(), Standing(account("eve")), create(mail="e@x"))[0][0] is Drift.OTHER

    def test_a_login_that_was_adopted_is_ours_already(self) -> None:
        assert told(ADOPT, THERE)[0][0] is Drift.ALREADY

    def test_what_was_forgotten_is_forgotten(self) -> None:
        assert told(FORGET, GONE)[0][0] is Drift.ALREADY


def test_counts_come_in_the_order_of_what_tells_most_and_a_report_names_the_first() -> None:
    moved = [Moved(LOCK, Drift.ALREADY, "so"), Moved(MAIL, Drift.SET, "set"), Moved(ADD, Drift.ALREADY, "so")]
    assert list(moved_counts(moved).items()) == [(Drift.SET, 1), (Drift.ALREADY, 2)]
    data = moved_data(moved, 1)["moved"]
    assert data["counts"] == {"set": 1, "already": 2}
    assert [row[1:] for row in data["listed"]] == [["already", "so"]]
    assert moved_data([]) == {}


def test_of_what_is_so_already_the_run_that_made_it_is_told_and_it_matters_to_nobody() -> None:
    there = Standing(IN, login(status=1))
    _, (made,) = narrowed(assembled([]), assembled([LOCK]), lambda _: there, lambda _: "8812")
    assert (made.told, made.run, made.matters) == ("made by run 8812", "8812", False)
    _, (hand,) = narrowed(assembled([]), assembled([LOCK]), lambda _: there, lambda _: "")
    assert (hand.told, hand.run, hand.matters) == ("it is so already", "", False)
    _, (gone,) = narrowed(assembled([]), assembled([LOCK]), lambda _: GONE, lambda _: "8812")
    assert (gone.told, gone.run, gone.matters) == ("the login is gone", "", True)
