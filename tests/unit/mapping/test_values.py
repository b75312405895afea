"""Values of a mapping: where a text comes from and what is done to it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping.asked import Asked
from iwds.mapping.document import Value
from iwds.mapping.person import Person
from iwds.mapping.values import compile_value

NOW = datetime(2024, 3, 10, tzinfo=UTC)
PERSON: Mapping[str, tuple[str, ...]] = {
    "uid": ("JDoe",),
    "mail": ("z@x", "a@x", " "),
    "mobile": (),
    "phone": (" 12 ",),
    "blank": (" ",),
    "none": ("", ""),
}


def person(attributes: Mapping[str, tuple[str, ...]] = PERSON, groups: frozenset[str] | None = None) -> Person:
    return Person(Entry(Anchor("corp", "1"), "uid=jdoe,dc=x", attributes, groups), NOW)


def read(written: Any) -> str | None:
    return compile_value(Value.model_validate(written), Asked())(person())


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("uid", "JDoe"),
        ("UID", "JDoe"),
        ({"from": "uid", "lower": True}, "jdoe"),
        ({"from": "uid", "upper": True}, "JDOE"),
        ({"from": "phone", "trim": True}, "12"),
        ({"value": "constant"}, "constant"),
        ({"from": "uid", "prefix": "CORP\\", "suffix": "@x"}, "CORP\\JDoe@x"),
        ({"first": ["mobile", "blank", "phone"]}, " 12 "),
        ({"first": ["mobile", "blank"]}, ""),
        ({"first": ["mobile", {"value": "none"}]}, "none"),
        ({"first": ["mobile", {"from": "uid", "lower": True}]}, "jdoe"),
        # known to be empty
        ("mobile", ""),
        ("none", ""),
        ({"from": "mobile", "prefix": "+"}, ""),
        ({"from": "mobile", "default": "none"}, "none"),
        ({"from": "mobile", "prefix": "+", "default": "none"}, "none"),
        ({"from": "blank", "default": "none"}, "none"),
        # tables
        ({"from": "uid", "map": {"jdoe": "1"}}, "1"),
        ({"from": "uid", "map": {"other": "1"}, "default": "2"}, "2"),
        ({"from": "mobile", "map": {"a": "1"}}, ""),
        ({"from": "mobile", "map": {"a": "1"}, "default": "2"}, "2"),
        ({"from": "mobile", "map": {"": "empty"}}, "empty"),
        # the order of the steps is fixed
        ({"default": "d", "suffix": "!", "map": {"12": "twelve"}, "trim": True, "from": "phone"}, "twelve!"),
    ],
)
def test_a_value_is_read_and_shaped(written: Any, text: str) -> None:
    assert read(written) == text


@pytest.mark.parametrize(
    "written",
    [
        "secret",
        {"from": "secret", "lower": True, "prefix": "x", "default": "d", "map": {"": "y"}},
        {"first": ["secret", "uid"]},
        {"first": ["mobile", "secret"], "default": "d"},
        {"from": "uid", "map": {"other": "1"}, "suffix": "!"},
    ],
)
def test_what_is_not_known_stays_so_and_no_default_takes_its_place(written: Any) -> None:
    assert read(written) is None


def test_of_several_values_it_is_the_smallest_whatever_their_order() -> None:
    mail = compile_value(Value.model_validate("mail"), Asked())

    assert mail(person()) == "a@x"
    assert mail(person({"mail": ("a@x", " ", "z@x")})) == "a@x"


def test_the_attributes_that_are_read_are_known() -> None:
    asked = Asked()

    compile_value(Value.model_validate({"first": ["Mobile", {"first": ["homePhone", {"value": "x"}]}]}), asked)

    assert asked.names == {"mobile", "homephone"}
