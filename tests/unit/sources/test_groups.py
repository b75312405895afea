"""Groups within groups."""

from collections.abc import Iterator

import pytest

from iwds.sources._groups import Groups, Seen, dn_key, login_key, member_keys


@pytest.fixture
def groups() -> Iterator[Groups]:
    groups = Groups()
    yield groups
    groups.close()


def test_nested_groups_are_followed_and_cycles_end(groups: Groups) -> None:
    groups.add("CN=a", [dn_key("uid=x"), "cn=c"])
    groups.add("cn=b", ["cn=a"])
    groups.add("cn=c", ["cn=b"])
    groups.add("cn=d", ["uid=y"])

    assert groups.of([["uid=x"], ["uid=y"], ["uid=z"]]) == [{"cn=a", "cn=b", "cn=c"}, {"cn=d"}, frozenset()]


def test_a_group_that_holds_itself_is_one_group(groups: Groups) -> None:
    groups.add("cn=a", ["cn=a", "uid=x"])

    assert groups.of([["uid=x"]]) == [{"cn=a"}]


def test_a_person_may_be_meant_by_name_and_by_login(groups: Groups) -> None:
    groups.add("cn=a", ["uid=x"])
    groups.add("cn=b", [login_key("x")])

    assert groups.of([["uid=x", login_key("x")]]) == [{"cn=a", "cn=b"}]


def test_a_group_may_come_in_parts(groups: Groups) -> None:
    groups.add("cn=a", ["uid=x"])
    groups.add("cn=a", [login_key("y")])
    groups.add("cn=b", ["cn=a"])

    assert groups.of([["uid=x"], [login_key("y")]]) == [{"cn=a", "cn=b"}] * 2


def test_more_people_than_one_question_holds(groups: Groups) -> None:
    groups.add("cn=all", [f"uid={number}" for number in range(1200)])

    assert groups.of([[f"uid={number}"] for number in range(1200)]) == [{"cn=all"}] * 1200


def test_a_unique_member_may_carry_a_bit_string() -> None:
    assert list(member_keys("uniquemember", ["CN=a, DC=b#'0101'B", "cn=c#1"])) == ["cn=a,dc=b", "cn=c#1"]


def test_an_id_is_new_once() -> None:
    seen = Seen()

    assert seen.add(["a", "b", "a"]) == [True, True, False]
    assert seen.add(["c", "d"]) == [True, True]
    assert seen.add(["b", "e", "e"]) == [False, True, False]
    assert seen.add([]) == []
    seen.close()
