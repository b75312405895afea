r"""What the service can hold: a-z A-Z 0-9 @ \ . _ - and space for logins, letters of the world for names."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.model import Absent, Account, Anchor, AtCreation, Unmapped
from iwds.core.normal import merge_extra, normalise, parse_extra, printable, render_extra

ANCHOR = Anchor("corp", "1")
PLAIN = Account(ANCHOR, "jdoe", "Jane", "Doe", "jane@corp.example", "+33 6 39 98 00 01", extra=(("department", "IT"),))


def changed(**fields: Any) -> Account:
    account = normalise(replace(PLAIN, **fields), "uid=jdoe")
    assert isinstance(account, Account), account
    return account


def refused(**fields: Any) -> str:
    unmapped = normalise(replace(PLAIN, **fields), "uid=jdoe")
    assert isinstance(unmapped, Unmapped), unmapped
    assert (unmapped.anchor, unmapped.name, unmapped.reason) == (ANCHOR, "uid=jdoe", Absent.INVALID)
    return unmapped.detail


def test_an_account_that_fits_comes_back_as_it_is() -> None:
    assert normalise(PLAIN, "uid=jdoe") is PLAIN


def test_what_is_not_governed_stays_so() -> None:
    bare = Account(ANCHOR, "jdoe")

    assert normalise(bare, "uid=jdoe") is bare


@pytest.mark.parametrize("login", ["jdoe", "CORP\\j.doe", "j_doe-2@corp", "Jane Doe", "x" * 255])
def test_logins_of_the_services_alphabet_pass(login: str) -> None:
    assert changed(login=login).login == login


def test_space_around_a_login_goes() -> None:
    assert changed(login=" jdoe ").login == "jdoe"


def test_a_forbidden_character_in_a_login_is_named_with_its_code_and_the_way_out() -> None:
    detail = refused(login="o'neill")

    assert detail == (
        "login \"o'neill\" has ' (U+0027 APOSTROPHE), and the service allows only a-z A-Z 0-9 @ \\ . _ - and space: "
        "correct it in the directory, map another attribute, or exclude the person"
    )


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ("", "login is empty"),
        ("  ", "login is empty"),
        ("é", "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE)"),
        ("e\u0301", "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE)"),
        ("j\u00a0doe", "U+00A0 NO-BREAK SPACE"),
        ("j\u2011doe", "U+2011 NON-BREAKING HYPHEN"),
        ("jdoe\n", "U+000A control character, which cannot be sent"),
        ("j\x00doe", "U+0000 control character"),
        ("कि", "U+0915"),
        ("x" * 256, "login has 256 characters, and the service allows 255"),
    ],
)
def test_logins_outside_of_the_alphabet_are_refused(login: str, told: str) -> None:
    assert told in refused(login=login)


def test_whoever_is_refused_is_known_to_be_disabled() -> None:
    told = [normalise(replace(PLAIN, login="", enabled=enabled), "uid=jdoe") for enabled in (True, False, None)]

    assert [each.disabled for each in told if isinstance(each, Unmapped)] == [False, True, False]


def test_a_message_holds_nothing_that_acts_on_a_terminal() -> None:
    unmapped = normalise(replace(PLAIN, login="\x1b[2J"), "uid=jdoe")

    assert isinstance(unmapped, Unmapped)
    assert unmapped.login == "<U+001B>[2J"
    assert unmapped.detail.isprintable()
    assert printable("abc") == "abc"


@pytest.mark.parametrize(
    "name",
    [
        "O'Brien",
        "Jean-Luc",
        "D. + C_1",
        "Παπαδόπουλος",
        "Соловьёв",
        "محمد",
        "כהן",
        "王",
        "さくら",
        "김",
        "चौधरी",
        "ใจดี",
        "",
    ],
)
def test_names_of_the_world_pass(name: str) -> None:
    assert changed(name=name, firstname=name).name == name


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("D\u2019Angelo", "D'Angelo"),
        ("D\u02bcAngelo", "D'Angelo"),
        ("D\u2018Angelo", "D'Angelo"),
        ("D\u00b4Angelo", "D'Angelo"),
        ("D`Angelo", "D'Angelo"),
        ("Jean\u2011Luc", "Jean-Luc"),
        ("Jean\u00a0Luc", "Jean Luc"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("  Zoë ", "Zoë"),
        ("علی\u200cرضا", "علیرضا"),
        ("e\u200d\u0301", "é"),
    ],
)
def test_names_are_composed_and_typographic_forms_made_plain(written: str, made: str) -> None:
    assert changed(name=written).name == made


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Doe, Jr.", "has , (U+002C COMMA), and the service allows only letters, digits, space"),
        ("Doe/2", "U+002F SOLIDUS"),
        ("Doe\t", "U+0009 control character"),
        ("Doe\u2028", "U+2028 LINE SEPARATOR, which cannot be sent"),
        ("\u202eDoe", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u0301Doe", "U+0301 COMBINING ACUTE ACCENT"),
        ("Doe -\u0301", "U+0301 COMBINING ACUTE ACCENT"),
        ("\ud800", "U+D800 control character"),
        ("x" * 256, "name has 256 characters"),
    ],
)
def test_names_with_other_characters_are_refused(name: str, told: str) -> None:
    assert told in refused(name=name)


@pytest.mark.parametrize("mail", ["", "a@b", "jane.doe+mfa@corp.example", "jürgen@böhm.example", "a`b@c"])
def test_plausible_mail_passes(mail: str) -> None:
    assert changed(mail=mail).mail == mail


@pytest.mark.parametrize(
    "mail", ["jane", "jane@", "@corp", "a@b@c", "jane doe@corp", "jane\u200b@corp", "jane@corp\u00a0x"]
)
def test_implausible_mail_is_refused(mail: str) -> None:
    assert "does not look like name@domain: correct it in the directory" in refused(mail=mail)


def test_a_control_character_in_mail_or_phone_is_refused() -> None:
    assert "mail" in refused(mail="jane@corp\r\nBcc: x@y")
    assert 'phone "+33<U+0007>" has U+0007 control character' in refused(phone="+33\x07")


def test_a_phone_may_be_written_in_any_way() -> None:
    assert changed(phone="(01) 99-00\u00a000 ext. 5 ☎").phone == "(01) 99-00 00 ext. 5 ☎"


def test_extra_fields_have_their_own_alphabets() -> None:
    assert changed(extra=(("ключ.a_b-1", "@#{}.+-_'é7"),)).extra == (("ключ.a_b-1", "@#{}.+-_'é7"),)
    assert "extra key" in refused(extra=(("a b", "x"),))
    assert "an extra key is empty" in refused(extra=((" ", "x"),))
    assert 'extra department "Human Resources" has   (U+0020 SPACE)' in refused(
        extra=(("department", "Human Resources"),)
    )
    assert "give it another spelling with `map`" in refused(extra=(("a", "x:y"),))


def test_extra_fields_have_limits() -> None:
    assert "extra key has 61 characters, and the service allows 60" in refused(extra=(("k" * 61, "x"),))
    assert "extra k has 61 characters, and the service allows 60" in refused(extra=(("k", "x" * 61),))

    eight = tuple((f"{n}" * 60, "\U00020000" * 60) for n in range(8))
    assert changed(extra=eight).extra == eight

    many = tuple((f"key{n}", "\U00020000" * 60) for n in range(30))
    assert "bytes together, and the service allows 4096: map fewer" in refused(extra=many)
    assert changed(extra=many[:9]).extra == many[:9]


def test_what_is_given_at_creation_is_checked_too() -> None:
    given = AtCreation(language="de", login2=" j2 ", login3="")

    assert changed(at_creation=given).at_creation == AtCreation(language="en", login2="j2")
    assert changed(at_creation=AtCreation(language="fr", login3="j3")).at_creation.login3 == "j3"
    assert refused(at_creation=AtCreation(login2="o'neill")).startswith("login2 ")


def test_extra_fields_are_written_as_the_service_documents_them() -> None:
    assert render_extra((("key1", "value1"), ("key2", "é"))) == '{ "key1":"value1", "key2":"é" }'
    assert render_extra(()) == ""


def test_extra_fields_are_read_in_their_order() -> None:
    fields = parse_extra('{"b":"1" ,"a":"x \\" y"}')

    assert fields is not None
    assert list(fields.items()) == [("b", "1"), ("a", 'x " y')]
    assert parse_extra("  ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        '["a"]',
        '"a"',
        '{"a":1}',
        '{"a":{"b":"c"}}',
        '{"a":"1","a":"2"}',
        '{"a":"\\ud800"}',
        '{"a":null}',
        "[" * 9999,
    ],
)
def test_extra_fields_that_leave_a_doubt_are_not_read(text: str) -> None:
    assert parse_extra(text) is None
    assert merge_extra(text, (("a", "1"),)) is None


def test_merging_keeps_what_others_put_there() -> None:
    raw = '{"badge":"7","department":"FIN","desk":""}'

    assert merge_extra(raw, (("department", "HR"), ("employee", "1"))) == (
        '{ "badge":"7", "department":"HR", "desk":"", "employee":"1" }'
    )
    assert merge_extra(raw, (("department", ""),)) == '{ "badge":"7", "desk":"" }'
    assert merge_extra("", (("a", "1"),)) == '{ "a":"1" }'
    assert merge_extra('{"a":"1"}', (("a", ""),)) == ""


@pytest.mark.parametrize("raw", ["", '{"a":"1" }', '{ "b":"x","a":"1" }'])
def test_merging_what_is_there_already_changes_not_a_letter(raw: str) -> None:
    wanted = (("a", "1"), ("c", "")) if raw else (("c", ""),)

    assert merge_extra(raw, wanted) == raw
