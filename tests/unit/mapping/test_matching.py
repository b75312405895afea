"""The part of a mapping file that says by what people are recognised."""

import pytest

from iwds.core.model import Absent
from iwds.core.recognition import By, Matching, MatchRule, stored_form
from tests.unit.mapping.test_compile import JANE, absent, account, changed, refusal, rules

ANCHOR, NAME, MAIL = MatchRule(By.ANCHOR), MatchRule(By.LOGIN), MatchRule(By.MAIL)


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("", Matching((NAME,))),
        ("store_anchor: iwds\n", Matching((ANCHOR, NAME), "iwds")),
        ("store_anchor: iwds\nmatching: [login]\n", Matching((NAME,), "iwds")),
        ("mail: mail\nmatching: [mail, login]\n", Matching((MAIL, NAME))),
        ("matching: [{by: login, compare: exact}]\n", Matching((MatchRule(By.LOGIN, exact=True),))),
        ("matching: [{by: login, compare: folded}]\n", Matching((NAME,))),
    ],
)
def test_people_are_recognised_in_the_order_of_the_file_and_by_their_login_where_it_is_silent(
    text: str, matching: Matching
) -> None:
    assert rules(f"login: uid\n{text}").matching == matching


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("matching: [anchor]\n", 'needs "store_anchor"'),
        ("matching: [mail]\n", 'needs "mail"'),
        ("matching: [login, login]\n", "names login twice"),
        ("matching: []\n", "matching"),
        ("matching: [phone]\n", "matching"),
        ("store_anchor: k\nmatching: [{by: anchor, compare: folded}]\n", "to the letter"),
        ("store_anchor: k\nextra: {k: uid}\n", "both write k"),
        ("store_anchor: 'no key'\n", "must be a key"),
    ],
)
def test_what_cannot_recognise_anybody_is_a_mistake(text: str, said: str) -> None:
    assert said in refusal(f"login: uid\n{text}")


def test_all_that_cannot_recognise_anybody_is_told_each_with_its_line() -> None:
    text = "login: uid\nstore_anchor: k\nextra:\n  j: uid\n  k: uid\nmatching:\n  - login\n  - mail\n  - by: login\n"

    told = refusal(text).splitlines()

    assert [line.partition("m.yaml:")[2] for line in told] == [
        '5: extra.k: "store_anchor" and "extra" both write k',
        '8: matching.1: "matching" by mail needs "mail"',
        '9: matching.2: "matching" names login twice',
    ]


def test_the_anchor_is_an_extra_field_beside_the_others() -> None:
    made = account("login: uid\nextra: {k: kind}\nstore_anchor: iwds\n")
    assert made.extra == (("k", "internal"), ("iwds", stored_form(JANE.anchor)))
    assert rules("login: uid\nextra: {k: kind}\nstore_anchor: iwds\n").extra_keys == {"k", "iwds"}


def test_whoever_has_no_account_is_known_by_their_mail_address_where_it_is_compared() -> None:
    jane = changed(mail=("jane@x.y",))
    left_out = "login: uid\nmail: mail\nexclude: [jane]\n"
    assert absent(left_out, jane).mail is None
    assert absent(f"{left_out}matching: [login, mail]\n", jane).mail == "jane@x.y"
    assert absent(f"{left_out}matching: [login, mail]\n", changed(mail=None)).mail is None
    assert absent(f"{left_out}matching: [login, mail]\n", jane).reason is Absent.EXCLUDED
