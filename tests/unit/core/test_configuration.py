"""What of a configuration decides, and what counts as accepted."""

import json
from typing import Any, ClassVar

import pytest

from iwds.core.causes import Cause, cause_of_text, cause_text, cause_words
from iwds.core.configuration import (
    accepted_from_now,
    aspects_changed,
    digest_of,
    doubted_parts,
    libraries_changed,
    parts_changed,
    parts_of,
    tag_before,
)

LOCK = {"mapping": "m1", "sources": {}, "leavers": "lock", "adopt": [], "provisioning_id": 20}


def text(**other: object) -> str:
    return json.dumps({**LOCK, **other})


def test_the_rules_themselves_add_nothing_to_the_digest() -> None:
    assert digest_of(LOCK) == digest_of({**LOCK, "rules": {"login": "uid"}}) != digest_of({**LOCK, "mapping": "m2"})


def test_what_changed_is_named() -> None:
    assert aspects_changed(text(), text(mapping="m2", leavers="keep", group_roles={"auditor": 3})) == (
        "mapping",
        "leavers",
    )
    assert aspects_changed("", text()) == aspects_changed(text(), "") == ()


def test_another_version_of_a_library_is_named_with_both_and_changes_no_digest() -> None:
    old, new = (text(libraries={"phonenumbers": each, "anyascii": "0.3.3"}) for each in ("9.0.3", "9.1.0"))
    assert aspects_changed(old, new) == libraries_changed(old, new) == ("library phonenumbers 9.0.3 > 9.1.0",)
    assert digest_of(json.loads(old)) == digest_of(json.loads(new)) == digest_of(LOCK)


def test_a_library_whose_version_was_not_kept_or_that_is_used_no_more_has_not_changed() -> None:
    kept = text(libraries={"phonenumbers": "9.0.3"})
    assert libraries_changed(text(), kept) == libraries_changed(kept, text()) == libraries_changed("", kept) == ()


def test_rules_of_earlier_are_doubted_where_a_library_of_another_or_an_unknown_version_decides() -> None:
    now = {"phonenumbers": "9.1.0", "anyascii": "0.3.3", "google-re2": "1.1"}
    parts = {"phonenumbers": ["phone", "extra tel"], "anyascii": ["login"], "google-re2": ["scope"]}
    assert doubted_parts({"phonenumbers": "9.0.3", "anyascii": "0.3.3"}, now, parts) == {
        "phone": "library phonenumbers 9.0.3 > 9.1.0",
        "extra tel": "library phonenumbers 9.0.3 > 9.1.0",
        "scope": "library google-re2 ? > 1.1",
    }


@pytest.mark.parametrize(
    ("before", "now", "took_effect", "kept"),
    [
        ("lock", "delete", False, "lock"),
        ("lock", "delete", True, "delete"),
        ("delete", "lock", False, "lock"),
        ("keep", "lock", False, "keep"),
        ("lock", "lock", False, "lock"),
    ],
)
def test_a_harder_policy_for_leavers_is_accepted_only_where_it_took_effect(
    before: str, now: str, took_effect: bool, kept: str
) -> None:
    accepted = json.loads(accepted_from_now(text(leavers=before), text(mapping="m2", leavers=now), took_effect))
    assert (accepted["mapping"], accepted["leavers"]) == ("m2", kept)


def test_a_shorter_grace_is_accepted_only_where_it_took_effect() -> None:
    old, new = (text(leavers="lock-then-delete", delete_after=days * 86_400.0) for days in (30, 5))
    assert json.loads(accepted_from_now(old, new, took_effect=False)) == json.loads(old)
    assert accepted_from_now(old, new, took_effect=True) == accepted_from_now(text(), new, took_effect=True) == new
    assert accepted_from_now(new, old, took_effect=False) == old
    assert json.loads(accepted_from_now(text(), new, took_effect=False)) == json.loads(text())
    assert aspects_changed(old, new) == ("leavers",)


def test_the_tag_of_a_configuration_is_known_where_it_was_kept() -> None:
    assert (tag_before(text()), tag_before(""), tag_before("{}")) == (20, None, None)


def test_where_nothing_is_known_of_the_last_one_the_new_one_is_accepted_whole() -> None:
    assert accepted_from_now("", text(leavers="delete"), took_effect=False) == text(leavers="delete")


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words_that_fit_a_line(cause: Cause) -> None:
    for where in ("", "sample-company.yaml:1234"):
        assert cause_of_text(cause_text(cause, where)) == (cause, where)
        assert 0 < len(cause_words(cause_text(cause, where), "1a2b3c4d")) <= 70 + 30 * bool(where)


def test_a_changed_rule_is_told_with_its_place_and_the_run_since_which_it_changed() -> None:
    assert cause_words("rule staff.yaml:14", "1a2b3c4d") == "rule    staff.yaml:14 changed since run 1a2b3c4d"
    assert cause_words("rule staff.yaml:14") == "rule    staff.yaml:14 changed"
    assert cause_words("out-of-scope staff.yaml:14") == "seen    out of scope (staff.yaml:14)"
    assert cause_words("as an older version said") == "as an older version said"


class TestParts:
    TEXT: ClassVar[dict[str, Any]] = {
        "mapping": "m1", "rules": {}, "sources": {"corp": {"base": "a"}, "lyon": {"base": "b"}},
        "order": ["corp", "lyon"], "leavers": "lock", "adopt": [], "provisioning_id": 20,
    }  # fmt: skip

    def parts(self, **changed: Any) -> dict[str, str]:
        return parts_of(json.dumps({**self.TEXT, **changed}))

    def test_are_named_as_people_call_them_and_each_source_is_one(self) -> None:
        assert set(self.parts()) == {
            "mapping", "sources", "leavers", "adopt", "provisioning_id", "source corp", "source lyon"
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({}, ()),
            ({"rules": {"x": 1}}, ()),
            ({"mapping": "m2"}, ("mapping",)),
            ({"group_roles": {"auditor": 17}}, ("mapping",)),
            ({"leavers": "lock-then-delete", "delete_after": 60.0}, ("leavers",)),
            ({"order": ["lyon", "corp"]}, ("sources",)),
            ({"sources": {"corp": {"base": "z"}, "lyon": {"base": "b"}}}, ("source corp",)),
            ({"sources": {"corp": {"base": "a"}}, "order": ["corp"]}, ("sources", "source lyon")),
            ({"adopt": [1], "provisioning_id": 21}, ("adopt", "provisioning_id")),
        ],
    )
    def test_that_differ_are_named(self, changed: dict[str, Any], named: tuple[str, ...]) -> None:
        assert parts_changed(self.parts(), self.parts(**changed)) == named

    def test_nobody_knows_where_one_was_not_kept(self) -> None:
        assert parts_of("") == {}
        assert parts_changed({}, self.parts()) == ()
        assert parts_changed(self.parts(), {}) == ()
