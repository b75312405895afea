"""People who are named one by one: in scope whatever the clauses say, or left alone; for good or until a day."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from iwds.core.model import Absent, Account, Unmapped
from tests.unit.mapping.test_compile import JANE, absent, account, changed, refusal, rules

OUTSIDE = "login: uid\nscope:\n  - {group: wiki, reason: not in the wiki}\n"
LAST = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)
OVER = LAST + timedelta(minutes=1)


@pytest.mark.parametrize(
    "who", ["jane", "{login: JANE, reason: a pilot}", '"uid=jane, ou=People, dc=x"', '{dn: "uid=jane,ou=people,dc=x"}']
)
def test_somebody_who_is_included_is_in_scope_although_a_clause_fails(who: str) -> None:
    assert account(f"{OUTSIDE}include:\n  - {who}\n").login == "Jane"
    assert absent(f"{OUTSIDE}include:\n  - joe\n").reason is Absent.OUT_OF_SCOPE


def test_somebody_who_is_included_is_in_scope_although_a_clause_cannot_be_decided() -> None:
    scope = "login: uid\nscope: [{attribute: kind, equals: internal}]\n"
    assert absent(scope, changed(kind=None)).reason is Absent.INVALID
    assert account(scope + "include: [jane]\n", changed(kind=None)).login == "Jane"


def test_an_exclusion_outweighs_an_inclusion() -> None:
    assert absent(OUTSIDE + "include: [jane]\nexclude: [jane]\n").reason is Absent.EXCLUDED


def test_somebody_whose_login_is_not_known_keeps_what_they_have_although_their_name_is_on_no_list() -> None:
    made = absent(OUTSIDE + "include: [jane]\n", changed(uid=None))
    assert made.reason is Absent.INVALID


def test_an_inclusion_counts_to_the_end_of_its_day_in_utc_and_then_the_scope_decides() -> None:
    compiled = rules(OUTSIDE + "include:\n  - {login: jane, reason: a project, until: 2027-01-31}\n")
    assert isinstance(compiled.map(JANE, LAST), Account)
    assert isinstance(compiled.map(JANE, LAST.astimezone(timezone(timedelta(hours=9)))), Account)
    assert compiled.ended(LAST) == ()
    made = compiled.map(JANE, OVER)
    assert isinstance(made, Unmapped)
    assert (made.reason, made.detail) == (Absent.OUT_OF_SCOPE, "included until 2027-01-31; not in the wiki (m.yaml:3)")
    assert compiled.ended(OVER) == ("`include` of jane ended on 2027-01-31 (m.yaml:5)",)


def test_an_exclusion_counts_to_the_end_of_its_day_and_then_the_rules_decide() -> None:
    compiled = rules('login: uid\nexclude:\n  - {dn: "uid=jane,ou=people,dc=x", until: "2027-01-31"}\n')
    assert isinstance(compiled.map(JANE, LAST), Unmapped)
    assert isinstance(compiled.map(JANE, OVER), Account)
    assert compiled.ended(OVER) == ("`exclude` of uid=jane,ou=people,dc=x ended on 2027-01-31 (m.yaml:3)",)


@pytest.mark.parametrize(
    "lines",
    [
        ["{login: jane, until: 2027-01-01}", "{login: Jane, until: 2027-01-31}"],
        ["{login: jane, until: 2027-01-31}", "{login: jane, until: 2027-01-01}"],
        ['{dn: "uid=jane,ou=people,dc=x", until: 2027-01-31}', "{login: jane, until: 2027-01-01}"],
        ["{login: jane, until: 2027-01-31}", '{dn: "uid=jane,ou=people,dc=x", until: 2027-01-01}'],
    ],
)
def test_of_two_lines_about_one_person_the_one_that_stands_counts(lines: list[str]) -> None:
    for key, outside in (("exclude", Account), ("include", Unmapped)):
        compiled = rules(f"{OUTSIDE if key == 'include' else 'login: uid'}\n{key}: [{', '.join(lines)}]\n")
        assert not isinstance(compiled.map(JANE, LAST), outside)
        assert isinstance(compiled.map(JANE, OVER), outside)
    assert isinstance(rules(f"login: uid\nexclude: [jane, {lines[0]}]\n").map(JANE, OVER), Unmapped)


@pytest.mark.parametrize("day", ["2027-02-30", "tomorrow", "20270131", "31.1.2027", "2027"])
def test_a_day_that_is_none_is_refused_with_its_line(day: str) -> None:
    told = refusal(f"login: uid\nexclude:\n  - svc\n  - {{login: jane, until: {day}}}\n")
    assert told == "maps/m.yaml:4: exclude.1.until: must be a day such as 2027-01-31"


def test_a_name_that_is_none_is_refused_with_its_line() -> None:
    told = refusal("login: uid\ninclude:\n  - {dn: jane}\n")
    assert told.startswith("maps/m.yaml:3: include.0.dn: must be a distinguished name")


def test_a_login_that_nobody_has_is_no_mistake() -> None:
    assert account("login: uid\ninclude: [nobody]\nexclude: [nobody]\n").login == "Jane"
