"""Who is affected when groups change, from what was kept of them and what they are now."""

from collections.abc import Mapping

import pytest

from iwds.errors import MarkLost
from iwds.sources._regrouped import Regrouped

Graph = Mapping[str, frozenset[str]]


def graph(**groups: str) -> dict[str, frozenset[str]]:
    """Groups with their members, by words."""
    return {name: frozenset(members.split()) for name, members in groups.items()}


def regrouped(before: Graph, now: Graph, most: int = 100) -> Regrouped:
    """What a feed makes of two states; it is told of those groups alone that differ."""
    names = {*before, *now}
    changed = {name: now.get(name) for name in names if before.get(name) != now.get(name)}
    return Regrouped(changed, before.get, lambda key: [name for name in now if key in now[name]], most)


def test_nothing_changed_affects_nobody() -> None:
    same = graph(staff="ada devs", devs="bob")

    assert regrouped(same, same).people == frozenset()


def test_who_came_and_who_went_are_affected_and_nobody_else() -> None:
    found = regrouped(graph(devs="ada bob"), graph(devs="bob eve"))

    assert found.people == {"ada", "eve"}
    assert found.went(["ada"])
    assert not found.went(["eve"])


def test_everybody_below_a_nested_group_that_came_is_affected() -> None:
    before = graph(staff="", devs="ada interns", interns="bob")

    assert regrouped(before, {**before, **graph(staff="devs")}).people == {"ada", "bob"}


def test_whoever_leaves_a_nested_group_leaves_all_above_it() -> None:
    before = graph(everybody="staff", staff="devs", devs="ada bob")

    found = regrouped(before, {**before, **graph(devs="bob")})

    assert found.lost(["ada"]) == {"devs", "staff", "everybody"}
    assert found.lost(["bob"]) == frozenset()


def test_a_group_that_leaves_takes_its_people_out_of_what_is_above_alone() -> None:
    before = graph(everybody="staff", staff="devs", devs="ada")

    assert regrouped(before, {**before, **graph(staff="")}).lost(["ada"]) == {"staff", "everybody"}


def test_what_was_above_counts_even_where_that_changed_too() -> None:
    before = graph(everybody="staff", staff="ada")

    assert regrouped(before, graph(everybody="", staff="")).lost(["ada"]) == {"staff", "everybody"}


def test_a_group_that_came_above_only_now_was_never_left() -> None:
    before = graph(everybody="", staff="ada")

    assert regrouped(before, graph(everybody="staff", staff="")).lost(["ada"]) == {"staff"}


def test_a_group_that_is_gone_is_left_by_all_its_people() -> None:
    found = regrouped(graph(staff="devs", devs="ada"), graph(staff="devs"))

    assert found.people == {"ada"}
    assert found.lost(["ada"]) == {"devs", "staff"}


def test_a_new_group_affects_its_people() -> None:
    assert regrouped(graph(staff="devs"), graph(staff="devs", devs="ada")).people == {"ada"}


def test_circles_end() -> None:
    before = graph(a="b ada", b="c", c="a")

    found = regrouped(before, {**before, **graph(a="b")})

    assert found.people == {"ada"}
    assert found.lost(["ada"]) == {"a", "b", "c"}


def test_one_of_several_keys_is_enough_to_have_been_in_a_group() -> None:
    found = regrouped(graph(devs="login:ada"), graph(devs=""))

    assert found.lost(["cn=ada", "login:ada"]) == {"devs"}


def test_more_people_than_anybody_wants_to_look_at_lose_the_mark() -> None:
    before, now = graph(staff=""), graph(staff="a b c")

    assert len(regrouped(before, now, most=3).people) == 3
    with pytest.raises(MarkLost, match="More than 2 people"):
        regrouped(before, now, most=2)
