"""What the entries mean that an open directory says have changed."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._ldapread import Wishes
from iwds.sources._sorted import ATTRIBUTES, Sorted
from tests.unit.sources.ldaptree import GROUPS, PEOPLE, SUFFIX, WISHES, Tree, csn

MARK, LATER = 30, 40
"""Seconds: of the last change before the mark, and of what changed since."""
ADA, BOB, DEVS = f"uid=ada,{PEOPLE}", f"uid=bob,{PEOPLE}", f"cn=devs,{GROUPS}"


@pytest.fixture
def tree() -> Tree:
    """Two people, one of them in a group."""
    tree = Tree()
    for dn in (SUFFIX, PEOPLE, GROUPS):
        tree.add(dn)
    for dn in (ADA, BOB):
        tree.add(dn, objectClass="person")
    tree.add(DEVS, objectClass="group", member=ADA)
    return tree


def changed(tree: Tree, *names: str, wishes: Wishes = WISHES, known: dict[str, Iterable[str]] | None = None) -> Sorted:
    """What follows where these entries changed, and this was kept of groups."""
    kept = {name: frozenset(members) for name, members in ({DEVS: [ADA]} if known is None else known).items()}
    found = Sorted(tree, wishes, kept.get, csn(MARK)[:14])
    found.add(tree.entry(name, wishes.id, *ATTRIBUTES) for name in names)
    return found


def test_somebody_in_the_bases_is_somebody_whatever_they_are(tree: Tree) -> None:
    tree.add(f"cn=lamp,{PEOPLE}", 0, LATER, objectClass="device")

    assert changed(tree, ADA, f"cn=lamp,{PEOPLE}").people == {f"id of {ADA}".lower(), f"id of cn=lamp,{PEOPLE}".lower()}


@pytest.mark.parametrize(
    ("text", "somebody"),
    [
        ("(objectClass=person)", False),
        ("(&(uid=*)(!(objectClass=computer)))", True),
        ("(objectClass=dev*)", True),
        ("(|(objectClass=person)(objectClass=device))", True),
        ("(uid=*)", True),
    ],
)
def test_elsewhere_only_what_the_filter_cannot_have_found_is_nobody(tree: Tree, text: str, somebody: bool) -> None:
    lamp = f"cn=lamp,{SUFFIX}"
    tree.add(lamp, 0, LATER, objectClass="device")
    wishes = replace(WISHES, users=replace(WISHES.users, filter=text))

    assert changed(tree, lamp, wishes=wishes).people == ({f"id of {lamp}".lower()} if somebody else set())


def test_a_group_that_changed_has_the_members_that_it_has_now(tree: Tree) -> None:
    tree.add(DEVS, 0, LATER, objectClass="group", member=[ADA, BOB])

    found = changed(tree, DEVS)

    assert found.groups == {DEVS: frozenset({ADA, BOB})}
    assert not found.people


@pytest.mark.parametrize(
    ("created", "touched", "new"),
    [
        (MARK - 1, LATER, False),
        (MARK, LATER, False),
        (MARK, MARK, True),
        (MARK + 1, LATER, True),
    ],
)
class TestWhatIsOlderThanTheMark:
    """The last change before the mark may be the one by which everything there was made."""

    def test_a_group_of_an_unknown_name_is_new_or_may_be_renamed(
        self, tree: Tree, created: int, touched: int, new: bool
    ) -> None:
        other = f"cn=other,{GROUPS}"
        tree.add(other, created, touched, objectClass="group", member=BOB)
        if not new:
            with pytest.raises(MarkLost, match="may have been renamed"):
                changed(tree, other)
        else:
            assert changed(tree, other).groups == {other: frozenset({BOB})}

    def test_a_place_that_holds_people_is_new_or_may_be_renamed(
        self, tree: Tree, created: int, touched: int, new: bool
    ) -> None:
        place = f"ou=south,{PEOPLE}"
        tree.add(place, created, touched)
        tree.add(f"uid=cy,{place}", objectClass="person")
        if not new:
            with pytest.raises(MarkLost, match="may have another name"):
                changed(tree, place)
        else:
            assert not changed(tree, place).groups


def test_what_does_not_say_when_it_was_made_is_older(tree: Tree) -> None:
    place = f"ou=south,{PEOPLE}"
    tree.add(place, LATER)
    tree.add(f"uid=cy,{place}", objectClass="person")
    tree.hidden.add((place, "createTimestamp"))

    with pytest.raises(MarkLost):
        changed(tree, place)


def test_a_place_that_the_settings_name_has_the_name_that_they_give_it(tree: Tree) -> None:
    tree.add(PEOPLE, 0, LATER)

    assert changed(tree, PEOPLE, SUFFIX).people


def test_a_place_without_people_or_groups_may_be_renamed(tree: Tree) -> None:
    place = f"ou=store,{SUFFIX}"
    tree.add(place, 0, LATER)
    tree.add(f"cn=lamp,{place}", objectClass="device")

    assert not changed(tree, place).people


def test_a_place_that_cannot_be_looked_into_ends_the_run(tree: Tree) -> None:
    tree.add(f"ou=store,{SUFFIX}", 0, LATER)
    tree.add(f"cn=lamp,ou=store,{SUFFIX}")
    tree.code = 51

    with pytest.raises(SourceUnavailable):
        changed(tree, f"ou=store,{SUFFIX}")


class TestWhoHasAnotherName:
    """Overlay refint writes it into the groups, and these show no change."""

    def test_brings_the_groups_that_name_them_by_it(self, tree: Tree) -> None:
        tree.add(BOB, 0, LATER, objectClass="person")
        tree.add(DEVS, objectClass="group", member=[BOB])

        assert changed(tree, BOB, known={DEVS: [ADA]}).groups == {DEVS: frozenset({BOB})}

    def test_brings_a_group_in_which_nobody_was(self, tree: Tree) -> None:
        assert changed(tree, ADA, known={DEVS: []}).groups == {DEVS: frozenset({ADA})}

    def test_brings_no_group_that_knew_them_by_it(self, tree: Tree) -> None:
        assert not changed(tree, ADA).groups

    def test_brings_no_group_of_which_nothing_was_kept(self, tree: Tree) -> None:
        assert not changed(tree, ADA, known={}).groups

    def test_is_not_asked_for_of_somebody_new(self, tree: Tree) -> None:
        tree.add(ADA, LATER, objectClass="person")

        assert not changed(tree, ADA, known={DEVS: []}).groups


class TestAGroupThatShowsNobody:
    def test_has_nobody_where_it_shows_that(self, tree: Tree) -> None:
        tree.add(DEVS, 0, LATER, objectClass="group")

        assert changed(tree, DEVS).groups == {DEVS: frozenset()}

    def test_may_hide_them(self, tree: Tree) -> None:
        tree.hidden.add((DEVS, "member"))

        with pytest.raises(MarkLost, match="has no members any more"):
            changed(tree, DEVS)

    def test_is_none_any_more_where_it_shows_that(self, tree: Tree) -> None:
        tree.add(DEVS, 0, LATER, objectClass="thing", member=ADA)

        assert changed(tree, DEVS).groups == {DEVS: None}

    def test_may_hide_what_selects_it(self, tree: Tree) -> None:
        tree.hidden.add((DEVS, "objectClass"))

        with pytest.raises(MarkLost, match="no longer among the groups"):
            changed(tree, DEVS)


class TestANameThatWasDeleted:
    def test_is_a_group_no_more(self, tree: Tree) -> None:
        del tree.entries[DEVS]
        found = changed(tree)
        found.bury([DEVS])

        assert found.groups == {DEVS: None}

    def test_may_have_been_taken_again(self, tree: Tree) -> None:
        found = changed(tree)
        found.bury([DEVS, ADA])

        assert not found.groups
