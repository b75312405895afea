"""Conditions of a mapping answer yes, no, or not known."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iwds.core.doubt import group_names
from iwds.core.model import Anchor, Entry
from iwds.mapping.asked import Asked
from iwds.mapping.conditions import compile_condition, words
from iwds.mapping.document import Condition
from iwds.mapping.groups import among
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
        "filetime": ("133484544000000000",),
        "generalized": ("20240401000000Z",),
        "iso": ("2024-03-01",),
        "zero": ("0",),
        "never": ("9223372036854775807",),
        "several": ("20240101000000Z", "soon"),
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
        ({"attribute": "type", "matches": "^INT"}, True),
        ({"attribute": "type", "matches": "^tern"}, False),
        ({"attribute": "type", "matches": "tern"}, True),
        ({"attribute": "empty", "matches": ".*"}, False),
        ({"group": {"matches": "^VPN"}}, True),
        ({"group": {"matches": "^users"}}, False),
        ({"group": {"matches": "ou=groups"}}, True),
        ({"group": {"matches": "groups"}}, False),
        ({"attribute": "filetime", "before": "now"}, True),
        ({"attribute": "filetime", "after": "now-90d"}, True),
        ({"attribute": "filetime", "after": "now - 1w"}, False),
        ({"attribute": "generalized", "before": "now+30d"}, True),
        ({"attribute": "generalized", "before": "now+3d"}, False),
        ({"attribute": "generalized", "after": "2024-03-31T23:59:59Z"}, True),
        ({"attribute": "iso", "before": "2024-03-01"}, False),
        ({"attribute": "iso", "before": "2024-03-02"}, True),
        ({"attribute": "iso", "after": "now-300h"}, True),
        ({"attribute": "never", "after": "now"}, True),
        ({"attribute": "never", "before": "now"}, False),
        ({"attribute": "zero", "before": "now"}, False),
        ({"attribute": "zero", "after": "now"}, False),
        ({"attribute": "empty", "before": "now"}, False),
        ({"attribute": "blank", "after": "now"}, False),
        ({"attribute": "several", "before": "now"}, True),
        # not known
        ({"attribute": "secret", "matches": "x"}, None),
        ({"attribute": "secret", "before": "now"}, None),
        ({"attribute": "odd", "before": "now"}, None),
        ({"attribute": "flags", "before": "now"}, None),
        ({"attribute": "several", "after": "now"}, None),
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
        ({"attribute": "type", "matches": "^a"}, "type matches ^a"),
        ({"attribute": "type", "before": "now"}, "type before now"),
        ({"attribute": "type", "after": "now-1d"}, "type after now-1d"),
        ({"group": {"matches": "^vpn-"}}, "in a group that matches ^vpn-"),
        ({"expr": "entry.a ==\n  'x'"}, "entry.a == 'x'"),
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
        ({"group": {"matches": "wiki"}}, None),
        ({"group": {"matches": "vpn"}}, True),
        ({"group": {"matches": "nobody"}}, False),
    ],
)
def test_a_group_that_could_not_be_read_is_neither_joined_nor_left(written: Any, answer: bool | None) -> None:
    entry = replace(JANE, unread=frozenset({"wiki", "VPN Users", "cn=admins,dc=x", "groups that match wiki"}))
    assert ask(written, entry) is answer


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ({"group": "class 7B"}, None),
        ({"group": {"matches": "^class"}}, None),
        ({"group": "class 7c"}, False),
        ({"group": {"matches": "^pupils"}}, False),
    ],
)
def test_a_group_that_the_source_could_not_read_has_the_directory_s_own_name(written: Any, answer: bool | None) -> None:
    assert ask(written, replace(JANE, unread=frozenset({"Class 7b"}))) is answer


def test_people_are_counted_by_the_pattern_so_that_groups_that_are_hidden_are_noticed() -> None:
    asked = Asked()
    compile_condition(Condition.model_validate({"group": {"matches": "^vpn-"}}), asked)
    (name,) = group_names(asked.names)

    assert among(name, frozenset({"cn=VPN-Paris,dc=x"}))
    assert among(name, frozenset({"wiki", "vpn-lyon"}))
    assert not among(name, frozenset({"wiki"}))
    assert not among(name, frozenset({"\ud800"}))
