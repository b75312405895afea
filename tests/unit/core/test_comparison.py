"""Two accounts of one person, and everything in which they differ."""

from dataclasses import fields, replace
from typing import Any

import pytest

from iwds.core.comparison import Difference, Turn, differences
from iwds.core.model import Absent, Account, Activation, Anchor, AtCreation, Mode, Role, Unmapped

ANCHOR = Anchor("corp", "1")
ADA = Account(ANCHOR, "ada", "Ada", "Lovelace", "a@b.example", "1", Role.USER, True, frozenset({"vpn"}), (("k", "v"),))
OUT = Unmapped(ANCHOR, "uid=ada", Absent.OUT_OF_SCOPE, "not staff", "ada")


def told(new: Account | Unmapped, old: Account | Unmapped = ADA) -> list[tuple[Turn, str, str, str]]:
    return [(each.turn, each.what, each.old, each.new) for each in differences(old, new)]


def test_equal_outcomes_do_not_differ() -> None:
    assert told(ADA) == []
    assert told(OUT, OUT) == []


def test_somebody_leaves_or_enters_the_scope() -> None:
    assert told(OUT) == [(Turn.LEAVES, "out-of-scope", "ada", "not staff")]
    assert told(ADA, OUT) == [(Turn.ENTERS, "", "out-of-scope: not staff", "ada")]


def test_another_reason_for_no_account_is_a_difference_and_other_words_are_none() -> None:
    """Whoever is out of scope may be locked, and whoever is invalid keeps what they have."""
    invalid = replace(OUT, reason=Absent.INVALID, detail="no login")

    assert told(invalid, OUT) == [(Turn.REASON, "", "out-of-scope: not staff", "invalid: no login")]
    assert [each[0] for each in told(replace(invalid, disabled=True), invalid)] == [Turn.REASON]
    assert told(replace(OUT, detail="not staff (m.yaml:9)"), OUT) == []


@pytest.mark.parametrize(
    ("change", "turn", "what", "old", "new"),
    [
        ({"login": "al"}, Turn.LOGIN, "", "ada", "al"),
        ({"mail": "x@y.example"}, Turn.CHANGED, "mail", "a@b.example", "x@y.example"),
        ({"mail": ""}, Turn.CLEARED, "mail", "a@b.example", ""),
        ({"phone": None}, Turn.UNGOVERNED, "phone", "1", "not governed"),
        ({"role": Role.MANAGER}, Turn.CHANGED, "role", "user", "manager"),
        ({"role": None}, Turn.UNGOVERNED, "role", "user", "not governed"),
        ({"enabled": False}, Turn.CHANGED, "enabled", "yes", "no"),
        ({"enabled": None}, Turn.UNGOVERNED, "enabled", "yes", "not governed"),
        ({"groups": frozenset()}, Turn.LOST, "vpn", "vpn", ""),
        ({"groups": frozenset({"vpn", "wiki"})}, Turn.GAINED, "wiki", "", "wiki"),
        ({"groups": None}, Turn.UNGOVERNED, "groups", "vpn", "not governed"),
        ({"extra": (("k", "w"),)}, Turn.CHANGED, "extra k", "v", "w"),
        ({"extra": ()}, Turn.UNGOVERNED, "extra k", "v", "not governed"),
        ({"extra": (("k", "v"), ("l", "x"))}, Turn.GOVERNED, "extra l", "not governed", "x"),
        ({"group_roles": (("vpn", "manager"),)}, Turn.GOVERNED, "role in vpn", "not governed", "manager"),
        ({"at_creation": AtCreation(Activation.CODE)}, Turn.CHANGED, "activation", "inactive", "code"),
    ],
)
def test_each_difference_of_an_account_is_named(change: Any, turn: Turn, what: str, old: str, new: str) -> None:
    assert told(replace(ADA, **change)) == [(turn, what, old, new)]


def test_groups_that_become_governed_are_told() -> None:
    assert told(ADA, replace(ADA, groups=None)) == [(Turn.GOVERNED, "groups", "not governed", "vpn")]


def test_several_differences_of_one_person_all_come() -> None:
    new = replace(ADA, login="al", firstname="", groups=frozenset({"wiki"}))

    assert [each[0] for each in told(new)] == [Turn.LOGIN, Turn.CLEARED, Turn.GAINED, Turn.LOST]


def test_what_becomes_of_a_login_that_several_people_want_is_told_in_words() -> None:
    assert told(replace(ADA, numbering=20)) == [
        (Turn.CHANGED, "login that several people want", "goes to nobody", "gets a number, 20 characters at most")
    ]


def test_no_field_of_an_account_is_overlooked() -> None:
    """A field that is new in an account must be told here too."""
    others: dict[str, Any] = {
        "login": "x",
        "role": Role.ADMINISTRATOR,
        "enabled": False,
        "groups": frozenset({"x"}),
        "extra": (("k", "x"),),
        "at_creation": AtCreation(language="fr"),
        "group_roles": (("vpn", "user"),),
        "numbering": 20,
        "modes": (("mail", Mode.ALWAYS),),
    }
    for each in fields(Account):
        if each.name != "anchor":
            changed: list[Difference] = list(differences(ADA, replace(ADA, **{each.name: others.get(each.name, "x")})))
            assert changed, each.name
