"""The rules of a login: which letters it may have, how long it may be, and whether people of one name are numbered."""

import pytest

from iwds.core.model import Absent
from tests.unit.mapping.test_compile import absent, account, changed, refusal
from tests.unit.mapping.test_compile import rules as compiled


def login(rule: str, uid: str) -> str:
    return account(f"login: {{from: uid, {rule}}}\n", changed(uid=(uid,))).login


@pytest.mark.parametrize(
    ("rule", "uid", "made"),
    [
        ("replace: _", "J\u00e9r\u00f4me O'Neil", "J_r_me O_Neil"),
        ('replace: ""', "J\u00e9r\u00f4me", "Jrme"),
        ('replace: ""', "jo\u00e9 ", "jo"),
        ('allowed: a-z, replace: ""', "Jane.Doe-7", "aneoe"),
        ('allowed: "a-z.-", replace: "-"', "jane_doe", "jane-doe"),
        ("allowed: a-z0-9, lower: true", "JANE7", "jane7"),
        ("max_length: 8", "jane.doe", "jane.doe"),
        ("max_length: 8", "jane.doe.senior", "jane.doe"),
        ("max_length: 8", "jane do senior", "jane do"),
        ("replace: _, max_length: 8", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "________"),
    ],
)
def test_a_login_is_fitted_to_its_rules(rule: str, uid: str, made: str) -> None:
    assert login(rule, uid) == made


def test_without_a_rule_every_letter_and_length_is_left_to_the_service() -> None:
    assert account("login: uid\n", changed(uid=("J\u00e9r\u00f4me" * 99,))).login == "J\u00e9r\u00f4me" * 99


def test_a_letter_that_is_not_allowed_makes_invalid_where_nothing_stands_for_it() -> None:
    made = absent("login: {from: uid, allowed: a-z0-9}\n", changed(uid=("jane_d",)))
    assert made.reason is Absent.INVALID
    assert made.detail.startswith('login "jane_d" has _, and the mapping allows only a-z0-9: say with `replace`')


@pytest.mark.parametrize("rule", ["login: uid\n", "login: {from: uid, lower: true}\n"])
def test_the_name_that_entra_makes_for_a_guest_is_no_login(rule: str) -> None:
    made = absent(rule, changed(uid=("al_x.org#EXT#@corp.onmicrosoft.com",)))
    assert made.reason is Absent.INVALID
    assert made.detail.endswith("which nobody types: map `mail` for guests")
    assert account(rule, changed(uid=("al#ext",))).login == "al#ext"


def test_whoever_is_out_of_scope_or_excluded_is_not_asked_for_their_letters() -> None:
    rule = "login: {from: uid, allowed: a-z}\n"
    assert absent(rule + "exclude: [jane_d]\n", changed(uid=("jane_d",))).reason is Absent.EXCLUDED
    assert absent(rule + "scope: [{group: wiki}]\n", changed(uid=("jane_d",))).reason is Absent.OUT_OF_SCOPE


def test_people_are_excluded_by_the_login_as_it_was_fitted() -> None:
    assert absent('login: {from: uid, replace: ""}\nexclude: [jne]\n', changed(uid=("j\u00e4ne",))).login == "jne"


def test_a_login_of_which_nothing_is_left_is_empty() -> None:
    made = absent('login: {from: uid, replace: ""}\n', changed(uid=("\u00e9",)))
    assert made.detail.startswith("the login is empty")


@pytest.mark.parametrize(
    ("rule", "numbering"),
    [
        ("", None),
        (", collision: refuse, max_length: 20", None),
        (", collision: number", 255),
        (", collision: number, max_length: 20", 20),
    ],
)
def test_an_account_says_whether_it_is_numbered_and_how_long_it_may_be(rule: str, numbering: int | None) -> None:
    assert account(f"login: {{from: uid{rule}}}\n").numbering == numbering


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('allowed: ""', 'login.allowed: must be letters and ranges such as "a-z0-9._-"'),
        ("allowed: z-a", 'login.allowed: must be letters and ranges such as "a-z0-9._-"'),
        ("allowed: a-z\u00e9+", "login.allowed: the service allows no + \u00e9 in a login"),
        ("allowed: a-z, replace: _", 'login: "replace" is not made of letters that are allowed'),
        ("replace: \u00e9", 'login: "replace" is not made of letters that are allowed'),
        ("allowed: a-z, collision: number", 'login: "collision: number" needs 0-9 among the letters that are allowed'),
        ("max_length: 7", "login.max_length: must be greater than or equal to 8"),
        ("max_length: 256", "login.max_length: must be less than or equal to 255"),
        ("collision: guess", "login.collision: must be 'refuse' or 'number'"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_with_its_line(rule: str, message: str) -> None:
    assert refusal(f"login: {{from: uid, {rule}}}\n") == f"maps/m.yaml:1: {message}"


@pytest.mark.parametrize(
    ("rule", "uid", "proposed"),
    [
        ("trim: true", "jane.doe", "jane.doe"),
        ("trim: true", "o'neill", "oneill"),
        ("trim: true", "\u00d8rjan.M\u00fcller", "Orjan.Muller"),
        ("trim: true", "\u041b\u0435\u0432", "Lev"),
        ("trim: true", "'''", ""),
        ("trim: true", "x" * 300, "x" * 255),
        ("max_length: 8", "j\u00e9r\u00f4me.senior", "jerome.s"),
        ("allowed: a-z0-9", "Jane_D", "janed"),
        ("allowed: A-Z0-9", "Jane_D", "JD"),
    ],
)
def test_a_login_is_proposed_that_mapping_and_service_allow(rule: str, uid: str, proposed: str) -> None:
    rules = compiled(f"login: {{from: uid, {rule}}}\n")
    assert rules.proposed_login(uid) == proposed
    assert rules.proposed_login(proposed) == proposed
