"""What one look at somebody tells a doctor, and the words for it."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iwds.core.hygiene import (
    ADVICE,
    Code,
    Severity,
    account_look,
    called_like_one,
    dangling_in,
    expired_enabled,
    loose,
    severity_of,
    told_dangling,
)
from iwds.core.model import Account, Anchor, fold

WHO = Anchor("here", "1")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAST, AHEAD = "132223104000000000", "9999999999999999999"[:18]
"""Filetimes: of 2020, and of the year 4769."""

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


class TestLoose:
    @given(TEXTS)
    @example("\N{LATIN SMALL LETTER A} \N{COMBINING ACUTE ACCENT}")
    @example("\N{LATIN CAPITAL LETTER SHARP S}\N{ZERO WIDTH JOINER}")
    def test_doing_it_twice_changes_nothing_more(self, text: str) -> None:
        assert loose(loose(text)) == loose(text)

    @given(TEXTS)
    def test_case_space_and_form_make_no_difference(self, text: str) -> None:
        spaced = " ".join(text)
        forms = [text.casefold(), f" {text}\t", unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
        assert {loose(each) for each in forms} == {loose(text)}
        assert loose(unicodedata.normalize("NFKC", spaced)) == loose(spaced)

    @given(TEXTS, TEXTS)
    def test_what_the_plan_takes_for_one_name_is_one_here(self, one: str, other: str) -> None:
        for text in (one, other, one.swapcase(), f" {one}"):
            if fold(text) == fold(one):
                assert loose(text) == loose(one)

    @pytest.mark.parametrize(
        "other",
        [
            "J.SMITH",
            "j. smith",
            "\N{FULLWIDTH LATIN SMALL LETTER J}.smith",
            "j.sm\N{SOFT HYPHEN}ith",
            "j.smith\N{ZERO WIDTH SPACE}",
            "j\N{NO-BREAK SPACE}.smith",
        ],
    )
    def test_people_take_them_for_one(self, other: str) -> None:
        assert loose(other) == loose("j.smith")

    @pytest.mark.parametrize("other", ["jsmith", "j.smith2", "j.sm\N{LATIN SMALL LETTER I WITH DIAERESIS}th"])
    def test_others_are_others(self, other: str) -> None:
        assert loose(other) != loose("j.smith")


class TestServiceAccounts:
    @pytest.mark.parametrize(
        "login",
        [
            *("svc-backup", "SVC_print", "adm.jdoe", "jdoe-adm", "CORP\\svc-sql", "pc17$", "administrator"),
            *("krbtgt", "no-reply@corp.example", "sa_sql", "app-crm", "test"),
        ],
    )
    def test_are_called_like_them(self, login: str) -> None:
        assert called_like_one(login)

    @pytest.mark.parametrize(
        "login", ["svetlana", "adam.smith", "sa.nguyen", "jan.bot", "testa", "l.admiraal", "", "appleby", "svc-", "$"]
    )
    def test_people_are_not(self, login: str) -> None:
        assert not called_like_one(login)

    def test_that_the_password_never_expires_says_nothing_alone(self) -> None:
        forever = {"useraccountcontrol": ("66048",)}
        assert account_look(Account(WHO, "ann", "Ann", "Berg", "a@x.y"), forever) == ()
        assert account_look(Account(WHO, "svc-x"), forever) == (
            "it is called like one",
            "its password never expires",
        )
        assert account_look(Account(WHO, "svc-x"), {"useraccountcontrol": ("512", "?")}) == ("it is called like one",)

    @pytest.mark.parametrize(
        ("firstname", "name", "mail", "looks"),
        [
            ("", "", "", True),
            (None, "", "", True),
            ("", "Berg", "", False),
            ("", "", None, False),
            ("", "", "a@x.y", False),
            (None, None, "", False),  # the mapping governs no name, so that nothing is known of it
        ],
    )
    def test_have_neither_mail_nor_name(
        self, firstname: str | None, name: str | None, mail: str | None, looks: bool
    ) -> None:
        assert bool(account_look(Account(WHO, "k17", firstname, name, mail), {})) is looks


class TestExpired:
    @pytest.mark.parametrize(
        ("control", "expires", "expired"),
        [
            ("512", PAST, True),
            ("514", PAST, False),  # disabled too
            ("512", AHEAD, False),
            ("512", "0", False),
            ("?", PAST, False),
        ],
    )
    def test_in_active_directory(self, control: str, expires: str, expired: bool) -> None:
        attrs = {"useraccountcontrol": (control,), "accountexpires": (expires,)}
        assert expired_enabled(attrs, NOW) is expired

    @pytest.mark.parametrize(
        ("attrs", "expired"),
        [
            ({"pwdaccountlockedtime": (), "shadowexpire": ("1000",)}, True),
            ({"pwdaccountlockedtime": (), "shadowexpire": ("99999",)}, False),
            ({"pwdaccountlockedtime": ("000001010000Z",), "shadowexpire": ("1000",)}, False),
            ({"pwdaccountlockedtime": (), "pwdendtime": ("20200101000000Z",), "shadowexpire": ()}, False),
            ({"shadowexpire": ("1000",)}, False),  # whether it is locked may not be read
            ({}, False),
        ],
    )
    def test_in_openldap(self, attrs: dict[str, tuple[str, ...]], expired: bool) -> None:
        assert expired_enabled(attrs, NOW) is expired


class TestDangling:
    @given(st.integers(1, 10**7), st.lists(st.text("abc=, ", min_size=1), min_size=1, max_size=3))
    def test_the_number_of_a_sentence_is_found_again(self, count: int, names: list[str]) -> None:
        number, shown = dangling_in(["all pages ended", told_dangling(count, names)])
        assert number == count
        assert shown.startswith("; ".join(names))

    def test_more_than_are_named_are_counted(self) -> None:
        assert told_dangling(1_200, ["cn=a"]).endswith("read: cn=a and 1,199 more")

    def test_none_is_none(self) -> None:
        assert dangling_in(["all pages ended"]) == (0, "")


def test_every_code_has_words() -> None:
    assert set(ADVICE) == set(Code)
    for advice in ADVICE.values():
        assert all((advice.title, advice.why, advice.what))


@pytest.mark.parametrize(
    ("counts", "worst"),
    [
        ({}, None),
        ({Code.SAME_LOGIN: 0}, None),
        ({Code.CONSOLE: 2}, Severity.KNOW),
        ({Code.CONSOLE: 2, Code.SAME_MAIL: 1}, Severity.LOOK),
        ({Code.SAME_MAIL: 1, Code.SAME_LOGIN: 2}, Severity.MEND),
    ],
)
def test_the_worst_that_was_found_counts(counts: dict[Code, int], worst: Severity | None) -> None:
    assert severity_of(counts) is worst
