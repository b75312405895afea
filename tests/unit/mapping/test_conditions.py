"""Conditions of a mapping answer yes, no, or not known."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping.asked import Asked
from iwds.mapping.conditions import compile_condition, words
from iwds.mapping.document import Condition
from iwds.mapping.person import Person

NOW = datetime(2024, 3, 10, tzinfo=UTC)
VPN = "cn=vpn users,ou=groups,dc=x"
JANE = Entry(
    Anchor("corp", "1"),
    "UID=Jane,OU=People,DC=x",
    {
        "type": ("Internal", "partner"),
        "empty": (),
        "blank": (" ",),
        "flags": ("514",),
        "odd": ("many",),
        "mixed": ("many", "2"),
    },
    frozenset({VPN, "staff"}),
)


def ask(written: Any, entry: Entry = JANE) -> bool | None:
    return compile_condition(Condition.model_validate(written), Asked())(Person(entry, NOW))


def named(name: str) -> Entry:
    return Entry(JANE.anchor, name, {}, None)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ({"group": "VPN Users"}, True),
        ({"group": "staff"}, True),
        ({"group": "CN=VPN  Users, OU=Groups, DC=X"}, True),
        ({"group": "cn=vpn users,ou=other,dc=x"}, False),
        ({"group": "wiki"}, False),
        ({"attribute": "Type", "equals": "INTERNAL"}, True),
        ({"attribute": "type", "equals": "external"}, False),
        ({"attribute": "type", "in": ["x", "partner"]}, True),
        ({"attribute": "empty", "equals": "x"}, False),
        ({"attribute": "type", "present": True}, True),
        ({"attribute": "empty", "present": True}, False),
        ({"attribute": "blank", "present": True}, False),
        ({"attribute": "empty", "present": False}, True),
        ({"attribute": "flags", "flag": 2}, True),
        ({"attribute": "flags", "flag": 514}, True),
        ({"attribute": "flags", "flag": 3}, False),
        ({"attribute": "empty", "flag": 2}, False),
        ({"under": "ou=people,dc=x"}, True),
        ({"under": "uid=jane, ou=people, dc=x"}, True),
        ({"under": "ou=people,dc=y"}, False),
        ({"under": "ou=eople,dc=x"}, False),
        ({"not": {"group": "wiki"}}, True),
        ({"not": {"group": "staff"}}, False),
        ({"all": [{"group": "staff"}, {"group": "wiki"}]}, False),
        ({"any": [{"group": "staff"}, {"group": "wiki"}]}, True),
        ({"any": [{"group": "mail"}, {"group": "wiki"}]}, False),
        # not known
        ({"attribute": "secret", "equals": "x"}, None),
        ({"attribute": "secret", "present": False}, None),
        ({"attribute": "odd", "flag": 2}, None),
        ({"attribute": "mixed", "flag": 1}, None),
        ({"not": {"attribute": "secret", "present": True}}, None),
        ({"all": [{"attribute": "secret", "present": True}, {"group": "staff"}]}, None),
        ({"any": [{"attribute": "secret", "present": True}, {"group": "wiki"}]}, None),
        # unless the others settle it
        ({"attribute": "mixed", "flag": 2}, True),
        ({"all": [{"attribute": "secret", "present": True}, {"group": "wiki"}]}, False),
        ({"any": [{"attribute": "secret", "present": True}, {"group": "staff"}]}, True),
    ],
)
def test_a_condition_is_answered(written: Any, answer: bool | None) -> None:
    assert ask(written) is answer


def test_groups_that_were_not_readable_are_not_known() -> None:
    assert ask({"group": "staff"}, named("uid=a,dc=x")) is None
    assert ask({"group": VPN}, named("uid=a,dc=x")) is None


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("uid=a, ou=People, dc=x", True),
        ("uid=a,ou=people,dc=x,dc=y", False),
        ("uid=a\\,ou=people,dc=x", False),
        ("uid=a\\\\,ou=people,dc=x", True),
        ("uid=é,ou=sub,ou=people,dc=x", True),
        ("people.csv:12", None),
        ("", None),
    ],
)
def test_below_is_decided_by_the_parts_of_the_name_and_not_by_its_text(name: str, answer: bool | None) -> None:
    assert ask({"under": "ou=people,dc=x"}, named(name)) is answer


def test_the_attributes_that_are_read_are_known() -> None:
    asked = Asked()
    written = {"all": [{"attribute": "A", "present": True}, {"not": {"any": [{"attribute": "b", "flag": 1}]}}]}

    compile_condition(Condition.model_validate(written), asked)

    assert asked.names == {"a", "b"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"group": "staff"}, "in group staff"),
        ({"under": "OU=People, DC=x"}, "below ou=people,dc=x"),
        ({"attribute": "type", "equals": "a"}, "type = a"),
        ({"attribute": "type", "in": ["a", "b"]}, "type one of a, b"),
        ({"attribute": "type", "present": True}, "type present"),
        ({"attribute": "type", "present": False}, "type absent"),
        ({"attribute": "type", "flag": 2}, "type with flag 2"),
        ({"not": {"group": "a"}}, "not (in group a)"),
        ({"all": [{"group": "a"}, {"group": "b"}]}, "(in group a) and (in group b)"),
        ({"any": [{"group": "a"}, {"group": "b"}]}, "(in group a) or (in group b)"),
    ],
)
def test_a_condition_can_be_told_in_words(written: Any, told: str) -> None:
    assert words(Condition.model_validate(written)) == told


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ({"group": "wiki"}, None),
        ({"group": "VPN Users"}, True),
        ({"group": "cn=admins,dc=x"}, None),
        ({"group": "other"}, False),
        ({"not": {"group": "wiki"}}, None),
    ],
)
def test_a_group_that_could_not_be_read_is_neither_joined_nor_left(written: Any, answer: bool | None) -> None:
    entry = replace(JANE, unread=frozenset({"wiki", "VPN Users", "cn=admins,dc=x"}))
    assert ask(written, entry) is answer
