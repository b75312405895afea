"""Who stands for whom."""

import pytest

from iwds.core.join import join
from iwds.core.matching import Case, Match, Tally, agrees, believed, extra_held, extra_wanted
from iwds.core.model import Absent, Account, Role, Unmapped
from tests.unit.core.made import OURS, account, anchor, cases, login, row, world


def gone(reason: Absent = Absent.OUT_OF_SCOPE, who: str = "ann") -> Unmapped:
    return Unmapped(anchor(who), f"cn={who}", reason, "because", who)


def one(found: list[Case]) -> Case:
    (case,) = found
    return case


class TestARow:
    """Rule 1: anchor, ledger row, login id."""

    def test_finds_the_login_whatever_it_is_called(self) -> None:
        case = one(cases([account(login="anna")], [row()], [login()]))
        assert (case.match, case.login, case.row) == (Match.OURS, login(), row())

    def test_is_believed_while_the_login_carries_the_name_or_the_tag_that_we_knew(self) -> None:
        assert believed(row(tag=None), login(1, "ANN", created_by=1))
        assert believed(row(), login(1, "other"))
        assert not believed(row(), login(1, "other", created_by=1))
        assert not believed(row(tag=None), login(1, "other", created_by=None))

    def test_that_is_not_believed_makes_a_doubted_case_with_or_without_a_person(self) -> None:
        stranger = login(1, "other", created_by=1)
        assert one(cases([account()], [row()], [stranger])).match is Match.DOUBTED
        assert one(cases([], [row()], [stranger])).match is Match.DOUBTED

    def test_without_a_login_makes_its_person_a_newcomer_who_had_one(self) -> None:
        case = one(cases([account()], [row()]))
        assert (case.match, case.gone) == (Match.NEWCOMER, 1)

    def test_without_login_and_person_is_gone(self) -> None:
        case = one(cases([], [row()]))
        assert (case.match, case.gone) == (Match.GONE, 1)

    def test_without_a_person_or_with_one_who_has_no_account_is_a_leavers(self) -> None:
        assert one(cases([], [row()], [login()])).match is Match.LEAVER
        case = one(cases([gone()], [row()], [login()]))
        assert (case.match, case.absent) == (Match.LEAVER, gone())

    def test_that_is_the_second_of_one_person_is_left_for_a_person(self) -> None:
        case = one(cases([account()], [row(), row(2, login="ann2", anchor=anchor())], [login(), login(2, "ann2")]))
        assert case.match is Match.LEAVER
        assert case.absent is not None
        assert case.absent.reason is Absent.DUPLICATE

    def test_whose_login_is_gone_gives_nobody_a_new_one_who_has_another_of_ours(self) -> None:
        found = cases([account()], [row(), row(2, login="ann2", anchor=anchor())], [login(2, "ann2")])
        assert [(case.match, case.row and case.row.login_id) for case in found] == [(Match.OURS, 2), (Match.GONE, 1)]


class TestAName:
    """Rule 2: by name, where neither the person nor the login has a row. Rule 3: never somebody else's."""

    def test_matches_in_whatever_case(self) -> None:
        case = one(cases([account()], [], [login(1, "ANN", created_by=0)], {1: frozenset({1})}))
        assert (case.match, set(case.member_of)) == (Match.NAMED, {1})

    def test_that_nobody_carries_makes_a_newcomer(self) -> None:
        assert one(cases([account()])).match is Match.NEWCOMER

    def test_that_stands_for_somebody_else_is_taken(self) -> None:
        found = cases([account()], [row(1, "bob", login="ann")], [login()])
        assert {case.match for case in found} == {Match.TAKEN, Match.LEAVER}
        assert next(case for case in found if case.match is Match.TAKEN).holder == 1

    def test_that_a_row_names_is_taken_even_where_the_row_is_not_believed(self) -> None:
        found = cases([account()], [row(1, "bob", tag=None)], [login(1, "ann", created_by=1)])
        assert {case.match for case in found} == {Match.TAKEN, Match.DOUBTED}

    def test_is_not_asked_for_where_the_person_has_a_login_of_ours(self) -> None:
        found = cases([account()], [row(login="old")], [login(1, "old"), login(2, "ann", created_by=0)])
        assert {case.match for case in found} == {Match.OURS, Match.UNMATCHED}
        assert next(case for case in found if case.match is Match.OURS).holder == 2

    def test_that_the_login_itself_carries_waits_for_nobody(self) -> None:
        assert one(cases([account(mail="x")], [row()], [login()])).holder is None


class TestSeveralPeople:
    """Who want one name."""

    def test_nobody_new_gets_it(self) -> None:
        found = cases([account(), account("bob", login="Ann")])
        assert [case.match for case in found] == [Match.UNMAPPED, Match.UNMAPPED]
        assert {case.absent.reason for case in found if case.absent} == {Absent.DUPLICATE}

    def test_its_owner_keeps_it(self) -> None:
        found = cases([account(), account("bob", login="Ann")], [row()], [login()])
        assert [(case.match, case.absent and case.absent.anchor) for case in found] == [(Match.UNMAPPED, anchor("bob"))]

    def test_its_owner_is_not_who_only_had_it_in_our_memory(self) -> None:
        found = cases([account(), account("bob", login="Ann")], [row()], [login(1, "other", created_by=1)])
        assert sum(case.absent is not None and case.absent.reason is Absent.DUPLICATE for case in found) == 2

    def test_of_two_with_one_anchor_the_first_counts(self) -> None:
        found = cases([account(), account(login="other")], [row()], [login()])
        assert found == []


def test_people_who_are_merely_out_of_scope_make_no_case() -> None:
    assert cases([gone()]) == []
    assert one(cases([gone(Absent.INVALID)])).match is Match.UNMAPPED


def test_a_login_that_nobody_explains_is_unmatched() -> None:
    case = one(cases([], [], [login()], {1: frozenset({2})}))
    assert (case.match, set(case.member_of)) == (Match.UNMATCHED, {2})


class TestAgreeing:
    """Nothing differs that the account governs."""

    @pytest.mark.parametrize("field", ["firstname", "name", "mail", "phone"])
    def test_a_field_that_is_not_governed_agrees_and_one_that_was_not_read_never_does(self, field: str) -> None:
        other = login(**{field: "other"})
        unread = login(**{field: None})
        assert agrees(account(), row(), other, frozenset(), world())
        assert not agrees(account(**{field: ""}), row(), other, frozenset(), world())
        assert not agrees(account(**{field: ""}), row(), unread, frozenset(), world())
        assert agrees(account(**{field: "other"}), row(), other, frozenset(), world())

    def test_role_and_status_are_compared(self) -> None:
        assert agrees(account(role=Role.USER, enabled=True), row(), login(), frozenset(), world())
        assert agrees(account(enabled=False), row(), login(status=1), frozenset(), world())
        assert not agrees(account(enabled=False), row(), login(), frozenset(), world())
        assert not agrees(account(role=Role.MANAGER), row(), login(), frozenset(), world())

    def test_groups_agree_where_the_service_and_our_memory_do(self) -> None:
        wants = account(groups=frozenset({"vpn", "nowhere"}))
        assert agrees(account(), row(), login(), frozenset({2}), world())
        assert agrees(wants, row(groups=frozenset({1, 99})), login(), frozenset({1}), world())
        assert not agrees(wants, row(), login(), frozenset({1}), world())
        assert not agrees(wants, row(groups=frozenset({1})), login(), frozenset(), world())

    def test_extra_fields_agree_where_the_governed_ones_do(self) -> None:
        wants = account(extra=(("k", "v"), ("empty", "")))
        assert extra_wanted(wants) == (("k", "v"),)
        assert extra_wanted(account()) is None
        assert extra_held('{ "z":"1", "k":"v" }', wants) == (("k", "v"),)
        assert extra_held("broken", wants) is None
        assert extra_held(None, wants) is None
        assert agrees(wants, row(), login(extra='{ "z":"1", "k":"v" }'), frozenset(), world())
        assert not agrees(wants, row(), login(extra="broken"), frozenset(), world())


def test_the_tally_counts_both_sides() -> None:
    people: list[Account | Unmapped] = [
        account(),
        account("bob"),
        gone(Absent.INVALID, "cy"),
        gone(Absent.INVALID, "dee"),
    ]
    rows = [row(), row(2, "bob", tag=None), row(3, "eve", owner=30), row(4, "fay"), row(5, "gus", tag=9)]
    logins = [login(role=2), login(2, "bob", status=1), login(3, "eve", role=2), login(5, "gus"), login(6, "h", role=2)]
    members = {1: frozenset({1, 2}), 2: frozenset({1})}
    _, tally = join(people, rows, logins, members, world())
    assert tally == Tally(
        people=4, absent={"invalid": 2}, logins=5, rows=5, unbelieved=1, retagged=1, population=2, administrators=3,
        members={1: 2, 2: 1}, tags={2: OURS}, retags={5: OURS},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unbelieved", "rows", "another"), [(3, 3, False), (4, 4, True), (4, 16, False), (5, 16, True), (0, 0, False)]
)
def test_many_rows_that_are_not_believed_mean_another_service(unbelieved: int, rows: int, another: bool) -> None:
    assert Tally(unbelieved=unbelieved, rows=rows).another_service is another
