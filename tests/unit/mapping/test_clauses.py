"""Each condition of a mapping answers for itself: also those behind the first that is not met."""

from datetime import UTC, datetime
from pathlib import Path

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


def test_what_says_nothing_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("login: uid\n", encoding="utf-8")
    rules = load(tmp_path / "m.yaml")

    assert (rules.clauses(PERSON, NOW), rules.grants(PERSON, NOW)) == ((), ())
