"""Groups of an open directory one by one, and whose groups are others since some changed."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._decode import Shaped
from iwds.sources._ldapone import groups_naming
from iwds.sources._ldapread import Branch
from iwds.sources._membership import affected, denies, group_now, members_of
from iwds.sources._regrouped import Regrouped
from tests.unit.sources.ldaptree import GROUPS, PEOPLE, SUFFIX, WISHES, Tree

ADA, BOB, DEVS, STAFF = f"uid=ada,{PEOPLE}", f"uid=bob,{PEOPLE}", f"cn=devs,{GROUPS}", f"cn=staff,{GROUPS}"


@pytest.fixture
def tree() -> Tree:
    """Ada is in devs, which is in staff."""
    tree = Tree()
    for dn in (SUFFIX, PEOPLE, GROUPS):
        tree.add(dn)
    for dn in (ADA, BOB):
        tree.add(dn, objectClass="person", uid=dn[4:7])
    tree.add(DEVS, objectClass="group", member=ADA)
    tree.add(STAFF, objectClass="group", member=DEVS)
    return tree


def told(tree: Tree, before: Mapping[str, set[str]], *changed: str) -> tuple[set[str], dict[str, frozenset[str]]]:
    """Who is affected where these groups changed since they were like this."""
    kept = {name: frozenset(members) for name, members in before.items()}
    now = {name: group_now(tree, WISHES, name) for name in changed}
    return affected(tree, WISHES, Regrouped(now, kept.get, partial(groups_naming, tree, WISHES), 100))


def key(dn: str) -> str:
    return f"id of {dn}"


class TestAGroup:
    @pytest.mark.parametrize(
        ("attribute", "value", "expected"),
        [
            ("member", f"UID=Ada, {PEOPLE}", ADA),
            ("uniqueMember", f"{ADA}#'01'B", ADA),
            ("memberUid", "Ada", "login:Ada"),
        ],
    )
    def test_names_members_by_keys(self, tree: Tree, attribute: str, value: str, expected: str) -> None:
        tree.add(DEVS, objectClass="group", **{attribute: value})

        assert group_now(tree, WISHES, DEVS) == frozenset({expected})

    def test_is_none_where_the_filter_does_not_find_it(self, tree: Tree) -> None:
        tree.add(DEVS, objectClass="thing", member=ADA)

        assert group_now(tree, WISHES, DEVS) is None

    @pytest.mark.parametrize(
        ("scope", "base", "there"),
        [
            ("subtree", SUFFIX, True),
            ("subtree", DEVS, True),
            ("subtree", PEOPLE, False),
            ("one", GROUPS, True),
            ("one", SUFFIX, False),
            ("base", DEVS, True),
            ("base", GROUPS, False),
        ],
    )
    def test_is_one_only_where_the_search_for_groups_comes_by(
        self, tree: Tree, scope: str, base: str, there: bool
    ) -> None:
        wishes = replace(WISHES, groups=Branch((base,), scope, "(objectClass=group)"))  # type: ignore[arg-type]

        assert (group_now(tree, wishes, DEVS) is not None) is there
        assert bool(tree.asked) is there

    def test_is_none_where_no_groups_are_read(self, tree: Tree) -> None:
        assert group_now(tree, replace(WISHES, groups=None), DEVS) is None

    def test_of_which_the_server_says_nothing_ends_the_run(self, tree: Tree) -> None:
        tree.code = 51

        with pytest.raises(SourceUnavailable, match="51"):
            group_now(tree, WISHES, DEVS)

    @pytest.mark.parametrize("group", [Shaped(DEVS, {}, undecodable=("member",)), Shaped(DEVS, {}, ("dn",))])
    def test_with_a_member_that_is_no_text_is_not_believed(self, tree: Tree, group: Shaped) -> None:
        with pytest.raises(MarkLost, match="could not all be read"):
            members_of(tree, WISHES, group)

    def test_of_which_not_all_parts_come_is_not_believed(self, tree: Tree) -> None:
        with pytest.raises(MarkLost, match="could not all be read"):
            members_of(tree, WISHES, Shaped(f"cn=other,{GROUPS}", {}, incomplete=("member",)))


class TestWhatAnEntryDenies:
    def test_is_what_it_shows_to_be_otherwise(self, tree: Tree) -> None:
        assert denies(tree, DEVS, "(objectClass=person)")
        assert not denies(tree, DEVS, "(objectClass=group)")

    def test_is_nothing_that_it_hides(self, tree: Tree) -> None:
        tree.hidden.add((DEVS, "member"))

        assert not denies(tree, DEVS, "(member=*)")

    def test_is_nothing_of_an_entry_that_is_not_there(self, tree: Tree) -> None:
        assert not denies(tree, f"cn=other,{GROUPS}", "(member=*)")


class TestWhoIsAffected:
    def test_is_who_came(self, tree: Tree) -> None:
        assert told(tree, {DEVS: set(), STAFF: {DEVS}}, DEVS) == ({key(ADA)}, {})

    def test_is_who_went_and_has_left_all_above_too(self, tree: Tree) -> None:
        tree.add(DEVS, objectClass="group", member=BOB)

        people, left = told(tree, {DEVS: {ADA, BOB}, STAFF: {DEVS}}, DEVS)

        assert (people, left) == ({key(ADA)}, {key(ADA): frozenset({DEVS, STAFF})})

    def test_has_not_left_what_they_are_in_by_another_way(self, tree: Tree) -> None:
        tree.add(DEVS, objectClass="group")
        tree.add(STAFF, objectClass="group", member=[DEVS, ADA])

        assert told(tree, {DEVS: {ADA}, STAFF: {DEVS, ADA}}, DEVS)[1] == {key(ADA): frozenset({DEVS})}

    def test_is_nobody_by_the_name_of_nobody(self, tree: Tree) -> None:
        tree.add(DEVS, objectClass="group")

        assert told(tree, {DEVS: {f"uid=gone,{PEOPLE}", "no name"}}, DEVS) == (set(), {})

    def test_is_whoever_has_the_login_that_a_group_names(self, tree: Tree) -> None:
        tree.add(DEVS, objectClass="group", memberUid="bob")

        assert told(tree, {DEVS: {"login:ada"}}, DEVS) == ({key(ADA), key(BOB)}, {key(ADA): frozenset({DEVS, STAFF})})

    def test_is_not_known_where_the_server_does_not_answer(self, tree: Tree) -> None:
        now = {DEVS: frozenset({"login:ada"})}
        regrouped = Regrouped(now, {DEVS: frozenset[str]()}.get, lambda _: (), 100)
        tree.code = 51

        with pytest.raises(SourceUnavailable, match="who ada is"):
            affected(tree, WISHES, regrouped)
