"""Values of a mapping: where a text comes from and what is done to it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping.asked import Asked
from iwds.mapping.person import Person, Unfit
from iwds.mapping.values import compile_value
from iwds.mapping.written_values import Value

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


SHAPES = {
    "name": ("Zoë Müller",),
    "px": ("smtp:z@x", "SMTP:Jane@X", "smtp:a@x"),
    "code": ("FR-75-Paris",),
    "phone": ("06 12 34 56 78",),
    "expires": ("133484544000000000",),
    "never": ("9223372036854775807",),
    "end": ("20241231235959Z",),
    "day": ("2024-12-31",),
    "days": ("19792",),
    "id": ("007",),
    "greek": ("Ἀλέξανδρος",),
    "decomposed": ("Mu\u0308ller",),
    "gone": (),
}


def shaped(written: Any, **more: tuple[str, ...]) -> str | None:
    compiled = compile_value(Value.model_validate(written), Asked())
    return compiled(person({**SHAPES, **more}))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"from": "px", "match": "^SMTP:(.*)"}, "Jane@X"),
        ({"from": "px", "match": "^smtp:(.*)", "upper": True}, "A@X"),
        ({"from": "px", "match": "^smtp:.*"}, "smtp:a@x"),
        ({"from": "px", "match": "^x500:"}, ""),
        ({"from": "px", "match": "(x500)?smtp"}, ""),
        ({"from": "px", "match": "^x500:", "default": "none"}, "none"),
        ({"value": "a-b", "match": "-(.)"}, "b"),
        ({"from": "px", "join": ","}, "SMTP:Jane@X,smtp:a@x,smtp:z@x"),
        ({"from": "px", "join": " ", "match": "^smtp:", "upper": True}, "SMTP:A@X SMTP:Z@X"),
        ({"from": "gone", "join": ","}, ""),
        ({"from": "name", "transliterate": True}, "Zoe Muller"),
        ({"from": "name", "transliterate": True, "lower": True}, "zoe muller"),
        ({"from": "name", "transliterate": {"ü": "ue"}}, "Zoe Mueller"),
        ({"from": "decomposed", "transliterate": {"ü": "ue"}}, "Mueller"),
        ({"value": "Übung", "transliterate": {"ü": "ue"}}, "Uebung"),
        ({"value": "Übung", "transliterate": {"ü": "ue", "Ü": "U"}}, "Ubung"),
        ({"from": "greek", "transliterate": True}, "Alexandros"),
        ({"from": "code", "split": {"by": "-", "take": 2}}, "75"),
        ({"from": "code", "split": {"by": "-", "take": -1}}, "Paris"),
        ({"from": "code", "split": {"by": "-"}}, "FR"),
        ({"from": "code", "split": {"by": "-", "take": 9}}, ""),
        ({"from": "code", "split": {"by": "-", "take": -4}}, ""),
        ({"from": "code", "substring": {"length": 2}}, "FR"),
        ({"from": "code", "substring": {"from": 4, "length": 2}}, "75"),
        ({"from": "code", "substring": {"from": -5}}, "Paris"),
        ({"from": "id", "substring": {"from": -5, "length": 2}}, "00"),
        ({"from": "code", "max_length": 4}, "FR-7"),
        ({"from": "code", "prefix": "X", "max_length": 4}, "XFR-"),
        ({"from": "code", "regex": {"find": "[^A-Z]"}}, "FRP"),
        ({"from": "code", "regex": {"find": "(\\w+)-(\\d+)", "replace": "\\2 \\1"}}, "75 FR-Paris"),
        ({"from": "code", "lower": True, "regex": {"find": "[a-z]+"}}, "-75-"),
        ({"from": "gone", "regex": {"find": "^$", "replace": "x"}}, ""),
        ({"from": "expires", "date": {"from": "filetime"}}, "2023-12-31"),
        ({"from": "expires", "date": {"from": "filetime", "to": "%d.%m.%Y %H:%M:%S%%"}}, "31.12.2023 00:00:00%"),
        ({"from": "never", "date": {"from": "filetime"}}, ""),
        ({"from": "never", "date": {"from": "filetime"}, "default": "never"}, "never"),
        ({"from": "end", "date": {"from": "generalized", "to": "%Y"}}, "2024"),
        ({"from": "day", "date": {"from": "iso", "to": "%m/%d"}}, "12/31"),
        ({"value": "2024-12-31T23:30:00-02:00", "date": {"from": "iso", "to": "%Y-%m-%d %H:%M"}}, "2025-01-01 01:30"),
        ({"from": "days", "date": {"from": "days"}}, "2024-03-10"),
        ({"value": "-1", "date": {"from": "days"}}, ""),
        ({"from": "gone", "date": {"from": "iso"}}, ""),
        ({"from": "phone", "phone": "FR"}, "+33612345678"),
        ({"from": "phone", "phone": {"region": "fr"}}, "+33612345678"),
        ({"value": "+1 212 555 0123", "phone": "FR"}, "+12125550123"),
        ({"value": "0033612345678", "phone": "FR"}, "+33612345678"),
        ({"value": "+33 6 39 98 12 34", "phone": "FR"}, "+33639981234"),
        ({"value": "03 00 12 34 56", "phone": "FR"}, "+33300123456"),
        ({"value": "555-0123", "phone": {"region": "US", "invalid": "empty"}}, ""),
        ({"from": "gone", "phone": "FR"}, ""),
        ({"value": "12", "phone": {"region": "FR", "invalid": "empty"}}, ""),
        ({"value": "12", "phone": {"region": "FR", "invalid": "empty"}, "default": "none"}, "none"),
        ({"value": "none", "phone": {"region": "FR", "invalid": "empty"}}, ""),
        # text stays text
        ({"from": "id", "trim": True, "substring": {"from": 1}}, "007"),
        ({"value": "+33612345678", "regex": {"find": " "}}, "+33612345678"),
        # what is not known stays so
        ({"from": "secret", "join": ",", "default": "x"}, None),
        ({"from": "secret", "match": "x", "default": "x"}, None),
        ({"from": "secret", "phone": "FR", "transliterate": True, "max_length": 3}, None),
    ],
)
def test_a_value_is_shaped_by_every_step(written: Any, text: str | None) -> None:
    assert shaped(written) == text


def test_the_values_that_are_joined_or_chosen_do_not_follow_the_order_of_the_answer() -> None:
    turned = tuple(reversed(SHAPES["px"]))

    assert shaped({"from": "px", "join": ","}, px=turned) == shaped({"from": "px", "join": ","})
    assert shaped({"from": "px", "match": "^smtp:"}, px=turned) == "smtp:"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"value": "12", "phone": "FR"}, 'the mapping: "12" is no telephone number: too short for a number of FR'),
        ({"value": "+44 12", "phone": "FR"}, "too short for a number of GB"),
        ({"value": "+800 1", "phone": "FR"}, "too short for any number"),
        ({"value": "06123456789012", "phone": "FR"}, "too long for a number of FR"),
        ({"value": "2025550", "phone": "US"}, "without its area code, too short for a number of US"),
        ({"value": "+800 12", "phone": "US"}, "too short for a number of +800"),
        ({"value": "+999 123456", "phone": "FR"}, "it begins with the code of no country"),
        ({"value": "none", "phone": "FR"}, '"none" is no telephone number: it is not written like one'),
        ({"value": "+33612345678 ext. 12", "phone": "FR"}, "it has an extension (12), for which E.164 has no place"),
        ({"value": "soon", "date": {"from": "iso"}}, 'the mapping: "soon" is no date such as 2026-12-31'),
        ({"value": "2024-02-30", "date": {"from": "iso"}}, '"2024-02-30" is no date'),
        ({"value": "0001-01-01T00:00+02:00", "date": {"from": "iso"}}, "is no date"),
        ({"value": "soon", "date": {"from": "generalized"}}, '"soon" is no moment such as 20261231120000Z'),
        ({"value": "soon", "date": {"from": "filetime"}}, '"soon" is no whole number'),
        ({"value": "9223372036854775806", "date": {"from": "filetime"}}, "beyond the year 9999"),
        ({"value": "9999999999", "date": {"from": "days"}}, '"9999999999" is no number of days'),
        ({"value": "x" * 65_537, "regex": {"find": "x"}}, "a text of more than 65,536 characters"),
    ],
)
def test_a_value_that_cannot_be_shaped_is_refused_with_what_it_is(written: Any, told: str) -> None:
    with pytest.raises(Unfit) as caught:
        shaped(written)

    assert told in str(caught.value)
