"""Each condition of a mapping answers for itself: also those behind the first that is not met."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping import load
from iwds.ports import Clause, Grant

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MAPPING = """\
scope:
  - group: staff
  - attribute: status
    equals: active
    reason: not active
  - {attribute: hidden, present: true}
login: uid
groups:
  - {to: vpn, group: Remote, role: manager}
  - {to: vpn, group: staff}
  - to: wiki
    when: {any: [{group: "cn=writers,dc=x"}, {attribute: hidden, present: true}]}
"""
PERSON = Entry(
    Anchor("here", "1"),
    "uid=ada,dc=x",
    {"uid": ("ada",), "status": ("left",)},
    frozenset({"cn=staff,dc=x", "cn=writers,dc=x"}),
)


def test_every_clause_of_the_scope_answers_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")

    assert load(tmp_path / "m.yaml").clauses(PERSON, NOW) == (
        Clause("in group staff", "m.yaml:2", True),
        Clause("status = active", "m.yaml:3", False),
        Clause("hidden present", "m.yaml:6", None),
    )


def test_every_line_about_a_group_answers_with_the_groups_that_it_looks_at(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")

    assert load(tmp_path / "m.yaml").grants(PERSON, NOW) == (
        Grant("vpn", "manager", "in group Remote", "m.yaml:9", False, ()),
        Grant("vpn", "", "in group staff", "m.yaml:10", True, ("cn=staff,dc=x",)),
        Grant("wiki", "", "(in group cn=writers,dc=x) or (hidden present)", "m.yaml:11", True, ("cn=writers,dc=x",)),
    )


def test_the_line_that_excludes_somebody_comes_first_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("login: uid\nexclude:\n  - eve\n  - {login: ADA, reason: a robot}\n")

    assert load(tmp_path / "m.yaml").clauses(PERSON, NOW) == (Clause("not in `exclude`: ADA", "m.yaml:4", False),)


@pytest.mark.parametrize(
    ("enabled", "attributes", "told"),
    [
        ("active-directory", {"useraccountcontrol": ("514",), "accountexpires": ("0",)}, ("useraccountcontrol",)),
        ("active-directory", {"useraccountcontrol": ("512",), "accountexpires": ("5",)}, ("accountexpires",)),
        ("active-directory", {"useraccountcontrol": ("512",), "accountexpires": ("0",)}, ()),
        ("active-directory", {"useraccountcontrol": None, "accountexpires": ("0",)}, ()),
        (
            "{as: openldap, also: [password-expired]}",
            {"pwdendtime": ("20200101000000Z",), "shadowlastchange": ("1",), "shadowmax": ("1",)},
            ("pwdendtime", "shadowlastchange and shadowmax"),
        ),
        ("{when: {attribute: status, equals: active}}", {"status": ("left",)}, ("not: status = active",)),
        ("{when: {attribute: status, equals: active}}", {"status": ("active",)}, ()),
    ],
)
def test_what_disables_somebody_is_named(
    tmp_path: Path, enabled: str, attributes: dict[str, tuple[str, ...] | None], told: tuple[str, ...]
) -> None:
    (tmp_path / "m.yaml").write_text(f"login: uid\nenabled: {enabled}\n")
    rules = load(tmp_path / "m.yaml")
    read: dict[str, tuple[str, ...] | None] = {**dict.fromkeys(rules.attributes, ()), "uid": ("ada",), **attributes}
    entry = replace(PERSON, attrs={name: values for name, values in read.items() if values is not None})

    assert rules.disabled_by(entry, NOW) == told


def test_a_source_that_refuses_somebody_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("login: uid\n")

    assert load(tmp_path / "m.yaml").disabled_by(replace(PERSON, enabled=False), NOW) == ("the source says so",)


def test_what_says_nothing_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("login: uid\n", encoding="utf-8")
    rules = load(tmp_path / "m.yaml")

    assert (rules.clauses(PERSON, NOW), rules.grants(PERSON, NOW)) == ((), ())
