"""How a reading differs from the last one that was proven."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iwds.core.doubt import (
    GROUPS,
    Baseline,
    Faded,
    carried,
    deletions_possible,
    deserted,
    faded,
    group_key,
    group_names,
    impossible,
    other_eyes,
    set_back,
    without,
)
from iwds.core.model import Anchor, Entry, Proof, View

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def proof(count: int, view: View | None = None, realm: str = "r", has: Mapping[str, int] | None = None) -> Proof:
    return Proof("corp", realm, "all", count, ("whole",), (), NOON, has or {}, view or View())


def baseline(count: int, view: View | None = None, has: Mapping[str, int] | None = None) -> Baseline:
    return Baseline("r", count, count, NOON, has or {}, view or View())


@pytest.mark.parametrize(
    ("before", "now", "fades"),
    [
        (1000, 1000, False),
        (1000, 900, False),
        (1000, 899, True),
        (500, 450, False),
        (500, 449, True),
        (499, 250, False),
        (499, 249, True),
        (12, 6, False),
        (12, 5, True),
        (5, 1, False),
        (3, 1, False),
        (3, 0, True),
        (2, 0, False),
        (0, 0, False),
        (10, 1000, False),
    ],
)
def test_far_fewer_is_a_tenth_of_many_half_of_few_and_all_of_three(before: int, now: int, fades: bool) -> None:
    found = faded(proof(1000, has={"mail": now}), baseline(1000, has={"mail": before}))
    assert found == ((Faded("mail", before, now),) if fades else ())


def test_people_who_are_missing_altogether_take_their_attributes_with_them() -> None:
    assert faded(proof(500, has={"mail": 450}), baseline(1000, has={"mail": 1000})) == ()
    assert faded(proof(500, has={"mail": 449}), baseline(1000, has={"mail": 1000})) != ()
    assert faded(proof(0, has={"mail": 0}), baseline(1000, has={"mail": 1000})) == ()
    assert faded(proof(2000, has={"mail": 1000}), baseline(1000, has={"mail": 1000})) == ()


def test_nothing_is_compared_with_nothing_with_another_directory_or_with_what_was_not_asked() -> None:
    assert faded(proof(10, has={"mail": 0}), None) == ()
    assert faded(proof(10, has={"mail": 0}), baseline(0, has={"mail": 10})) == ()
    assert faded(proof(10, realm="s", has={"mail": 0}), baseline(10, has={"mail": 10})) == ()
    assert faded(proof(10), baseline(10, has={"mail": 10})) == ()
    assert faded(proof(10, has={"mail": 0}), baseline(10)) == ()


def test_where_all_groups_fade_no_single_one_is_named() -> None:
    one = group_key("vpn")
    before = baseline(10, has={GROUPS: 10, one: 10, "mail": 10})
    assert [each.key for each in faded(proof(10, has={GROUPS: 0, one: 0, "mail": 0}), before)] == [GROUPS, "mail"]
    assert [each.key for each in faded(proof(10, has={GROUPS: 10, one: 0, "mail": 10}), before)] == [one]


def test_a_sentence_names_what_it_is_about() -> None:
    said = [Faded(key, 1200, 3).sentence(NOON) for key in ("mail", GROUPS, group_key("vpn"))]
    assert said[0].startswith("mail: 1,200 people had mail on 22 Nov 2026, 3 now: taken for unreadable")
    assert said[1].startswith("groups: 1,200 people were in groups on ")
    assert said[2].startswith("vpn: 1,200 people were in vpn on ")


def test_what_is_withheld_is_not_known_of_an_entry() -> None:
    entry = Entry(Anchor("r", "a"), "cn=a", {"mail": ("x",), "sn": ("A",)}, frozenset({"vpn"}))
    assert without(entry, frozenset()) is entry
    assert without(entry, {"mail"}).attrs == {"sn": ("A",)}
    assert without(entry, {GROUPS}).groups is None
    part = without(entry, {group_key("vpn")})
    assert (part.groups, part.unread) == (frozenset({"vpn"}), frozenset({"vpn"}))
    assert without(replace(part, unread=frozenset({"wiki"})), {group_key("vpn")}).unread == {"wiki", "vpn"}
    assert group_names({"mail", GROUPS, group_key("vpn")}) == {"vpn"}


def test_what_was_known_of_it_is_carried_on() -> None:
    one = group_key("vpn")
    before = baseline(10, has={"mail": 9, "sn": 8, GROUPS: 7, one: 6})
    kept = carried(proof(10, has={"sn": 10}), before, {"mail"})
    assert (dict(kept.presence), kept.withheld) == ({"mail": 9, "sn": 10}, ("mail",))
    assert carried(proof(10, has={one: 0}), before, {GROUPS}).presence == {GROUPS: 7, one: 6}
    assert carried(proof(10, has={"sn": 10}), None, set()).presence == {"sn": 10}


def test_other_eyes_are_those_of_another_account() -> None:
    us, them = View(account="dn:cn=us"), View(account="dn:cn=them")
    (said,) = other_eyes(proof(1, them), baseline(1, us))
    assert said == "the directory takes us for dn:cn=them, and took us for dn:cn=us on 22 Nov 2026"
    assert list(other_eyes(proof(1, us), baseline(1, us))) == []
    assert list(other_eyes(proof(1, View()), baseline(1, us))) == []
    assert list(other_eyes(proof(1, them), baseline(1))) == []
    assert list(other_eyes(proof(1, them), None)) == []
    assert list(other_eyes(proof(1, them, realm="s"), baseline(1, us))) == []


def test_a_place_is_deserted_where_several_were_and_nobody_is() -> None:
    before = baseline(9, View(places={"ou=a": 3, "ou=b": 2, "ou=c": 4}))
    assert deserted(proof(9, View(places={"ou=c": 1})), before) == {"ou=a": 3}
    assert deserted(proof(9), None) == {}
    assert deserted(proof(9, realm="s"), before) == {}


def test_a_counter_that_stands_lower_was_set_back() -> None:
    before = baseline(1, View(server="dc1", began=100, ended=120))
    assert "stands at 99 and stood at 100 on 22 Nov 2026" in set_back(proof(1, View(server="dc1", ended=99)), before)
    assert set_back(proof(1, View(server="dc1", ended=100)), before) == ""
    assert set_back(proof(1, View(server="dc2", ended=99)), before) == ""
    assert set_back(proof(1, View(server="dc1", ended=99)), None) == ""


def test_so_many_can_have_been_deleted_as_the_counter_moved() -> None:
    before = baseline(1, View(server="dc1", began=100, ended=120, gone=2))
    assert deletions_possible(proof(1, View(server="dc1", ended=105)), before) == 7
    assert deletions_possible(proof(1, View(server="dc1", ended=90)), before) == 2
    assert deletions_possible(proof(1, View(server="dc2", ended=105)), before) is None
    assert deletions_possible(proof(1), baseline(1)) is None
    assert deletions_possible(proof(1), None) is None
    assert "12 people are nowhere" in impossible(12, 7)
    assert "7 can have been deleted" in impossible(12, 7)
