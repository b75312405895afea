"""The constraints of the API document, as the local MFA service keeps them."""

import pytest

from iwds.soap.constraints import (
    contact_problem,
    extra_problem,
    format_extra,
    login_problem,
    name_problem,
    parse_extra,
)


@pytest.mark.parametrize("login", ["a", "Zoe.O_Neill-2@example", "corp\\zoe", "zoe b", "a" * 255])
def test_documented_login_names_are_accepted(login: str) -> None:
    assert login_problem(login) is None


@pytest.mark.parametrize(
    ("login", "problem"),
    [("", "empty"), (" ", "empty"), ("zoé", "'é'"), ("a\nb", "U+000A"), ("a'b", '"\'"'), ("a" * 256, "256 characters")],
)
def test_other_login_names_are_refused_with_the_reason(login: str, problem: str) -> None:
    assert problem in str(login_problem(login))


@pytest.mark.parametrize("name", ["", "Zoë", "O'Neill-Smith Jr.", "आदित्य", "李", "A+B_C"])
def test_documented_names_are_accepted(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["a,b", "a<b", "a/b", "a\u2019b", "a\tb", "a" * 256])
def test_other_names_are_refused(name: str) -> None:
    assert name_problem(name)


def test_a_contact_holds_anything_but_control_characters() -> None:
    assert contact_problem("+33 (0)1 / ext. 5; zoe+x@example.com") is None
    assert contact_problem("a\x07")
    assert contact_problem("a" * 256)


@pytest.mark.parametrize(
    "pairs", [[], [("site", "Köln")], [("a.b_c-d", "@#{}.+-_'"), ("b", "")], [("k" * 60, "v" * 60)]]
)
def test_extra_fields_are_written_as_documented_and_read_back(pairs: list[tuple[str, str]]) -> None:
    assert extra_problem(pairs) is None
    assert parse_extra(format_extra(pairs)) == pairs


def test_extra_fields_have_the_documented_form() -> None:
    assert format_extra([("a", "1"), ("b", "2")]) == '{ "a":"1", "b":"2" }'


@pytest.mark.parametrize(
    "pairs",
    [
        [("a b", "1")],
        [("", "1")],
        [("a", "1 2")],
        [("k" * 61, "")],
        [("a", "v" * 61)],
        [(f"k{n:03}", "v" * 60) for n in range(60)],
    ],
)
def test_other_extra_fields_are_refused(pairs: list[tuple[str, str]]) -> None:
    assert extra_problem(pairs)


@pytest.mark.parametrize(
    "text", ["a=1", "[]", '[["a","b"]]', '"a"', '{"a":1}', '{"a":{"b":"c"}}', '{"a":"1","a":"2"}', "{"]
)
def test_what_is_no_flat_object_of_texts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_extra(text)
