"""Golden people: what is written about them, and what is said of those who are not so."""

from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Entry
from iwds.errors import ConfigurationError
from iwds.mapping.golden import Expected, Miss, load_golden, misses
from tests.unit.mapping.test_compile import JANE, changed
from tests.unit.mapping.test_trace import traced

MAPPING = """
exclude: [bob]
login: {from: uid, lower: true}
scope: [{group: staff, reason: not staff}]
firstname: givenName
mail: mail
role:
  default: user
  rules: [{when: {group: mfa-managers}, role: manager}]
groups:
  - {to: vpn, group: staff}
  - {to: mail, group: staff}
  - {to: admins, group: nobody, role: user}
extra: {kind: kind}
language: {from: lang}
"""


def missed(expected: Any, entry: Entry | None = JANE) -> list[Miss]:
    return misses(Expected.model_validate(expected), None if entry is None else traced(MAPPING, entry))


@pytest.mark.parametrize(
    "expected",
    [
        "in scope",
        "in scope, role manager, groups vpn+mail",
        "role manager, enabled, language fr",
        "firstname Jane, login jane, groups mail + vpn",
        {"in": ["vpn"], "not_in": ["admins"]},
        {"mail": "", "extra": {"kind": "internal", "other": ""}, "group_roles": {"admins": ""}},
        {"phone": None, "name": None},
        {},
    ],
)
def test_whoever_is_as_it_is_written_is_well(expected: Any) -> None:
    assert missed(expected) == []


@pytest.mark.parametrize(
    ("expected", "what", "wanted", "found"),
    [
        ("role user", "role", "user", "manager"),
        ("disabled", "enabled", "no", "yes"),
        ("groups vpn", "groups", "vpn", "mail+vpn"),
        ("no groups", "groups", "none", "mail+vpn"),
        ({"in": ["vpn", "admins"]}, "groups", "in vpn+admins", "mail+vpn"),
        ({"not_in": ["vpn"]}, "groups", "not in vpn", "mail+vpn"),
        ("mail a@b.example", "mail", "a@b.example", "empty"),
        ({"mail": None}, "mail", "not governed, or not known", "empty"),
        ({"phone": "1"}, "phone", "1", "not governed, or not known"),
        ({"extra": {"kind": "x"}}, "extra", "kind=x", "kind=internal"),
        ("never", "in scope", "no", "yes, as jane"),
    ],
)
def test_what_is_not_so_is_told_with_what_was_found(expected: Any, what: str, wanted: str, found: str) -> None:
    (miss,) = missed(expected)

    assert (miss.what, miss.expected, miss.found) == (what, wanted, found)


def test_a_miss_names_the_rules_that_decided() -> None:
    (role,) = missed("role user")
    (groups,) = missed("groups vpn+admins")
    (mail,) = missed("mail x")

    assert [piece.words for piece in role.because] == ["manager, if in group mfa-managers", "otherwise"]
    assert [piece.about for piece in groups.because] == ["mail", "admins"]
    assert [piece.place for piece in mail.because] == ["m.yaml:6"]


def test_whoever_has_no_account_is_told_by_which_rule() -> None:
    outside = Entry(JANE.anchor, JANE.name, JANE.attrs, frozenset())
    (scope,) = missed("in scope, role manager", outside)
    (excluded,) = missed("in scope", changed(uid=("bob",)))
    (empty,) = missed("in scope", changed(uid=()))

    assert scope.found == "out-of-scope: not staff (m.yaml:4)"
    assert [piece.words for piece in scope.because] == ["in group staff"]
    assert [piece.words for piece in excluded.because] == ["bob"]
    assert [piece.path for piece in empty.because] == [("login",)]


def test_never_is_content_with_who_is_out_of_scope_or_excluded_or_not_there_at_all() -> None:
    assert missed("never", Entry(JANE.anchor, JANE.name, JANE.attrs, frozenset())) == []
    assert missed("never", changed(uid=("bob",))) == []
    assert missed("never", None) == []


def test_never_is_not_content_with_who_cannot_be_decided() -> None:
    (miss,) = missed("never", Entry(JANE.anchor, JANE.name, JANE.attrs, None))

    assert miss.found.startswith("invalid: cannot be decided")


def test_whoever_is_not_there_is_not_in_scope() -> None:
    (miss,) = missed("role user", None)

    assert miss.found == "nobody of this name was found"


def test_what_the_service_does_not_accept_is_no_account() -> None:
    (miss,) = missed("in scope", changed(uid=("o'neill",)))

    assert miss.found.startswith("invalid: login")


@pytest.mark.parametrize(
    "sentence",
    ["", "in skope", "role", "role boss", "never, role user", "role user, role user", "in scope, not in scope"],
)
def test_a_sentence_that_makes_no_sense_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError, match=r"understood|twice|nothing else|should be"):
        Expected.model_validate(sentence)


def test_the_words_that_are_not_understood_are_named() -> None:
    with pytest.raises(ValueError, match='"in skope" is not understood; write "never"'):
        Expected.model_validate("role user, in skope, enabled")


def test_a_file_of_golden_people_tells_its_mistakes_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text("people:\n  jane: in scope\n  bob: {roll: user}\n")

    with pytest.raises(ConfigurationError, match='unknown key "roll"') as error:
        load_golden(file)
    assert "g.yaml:3" in str(error.value)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("never", "never"),
        ("not in scope", "never"),
        ("role user, groups a+b", "in scope, role user, groups a+b"),
        ({"not_in": ["x"], "enabled": False, "mail": ""}, "in scope, mail empty, enabled no, not in x"),
    ],
)
def test_what_is_expected_is_one_line_of_words(expected: Any, words: str) -> None:
    assert Expected.model_validate(expected).words == words
