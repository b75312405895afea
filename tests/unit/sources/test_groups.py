"""Groups within groups."""

import tracemalloc
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


def test_who_is_nobody_is_counted_and_a_few_are_named(groups: Groups) -> None:
    groups.add("cn=a", ["uid=x", "cn=b", *(f"uid=gone{number}" for number in range(9))], "S-1-5-21-1-2-3-513")
    groups.add("cn=b", ["uid=gone0", "uid=x", login_key("x"), "cn=away,cn=foreign,dc=x"])

    assert groups.of([["uid=x", login_key("x")]]) == [{"cn=a", "cn=b"}]
    assert groups.nobody(",cn=foreign,") == (10, ["uid=gone0", "uid=gone1", "uid=gone2"])


def test_nobody_is_in_no_groups_at_all(groups: Groups) -> None:
    assert groups.nobody() == (0, [])


def test_a_million_memberships_of_nobody_are_told_in_little_memory(groups: Groups) -> None:
    groups.add("cn=all", (f"uid={number}" for number in range(1_000_000)))

    tracemalloc.start()
    assert groups.nobody() == (1_000_000, ["uid=0", "uid=1", "uid=2"])
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
