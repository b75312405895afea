"""Which libraries decide about the values of a mapping, and which of its parts."""

import pytest

from iwds.mapping import versions_of
from tests.unit.mapping.test_compile import rules


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("login: uid\nphone: mobile", {}),
        ("login: uid\nphone: {from: mobile, phone: FR}", {"phonenumbers": {"phone"}}),
        ("login: {first: [{from: uid, transliterate: true}, cn]}", {"anyascii": {"login"}}),
        ("login: uid\nextra: {k: {from: cn, regex: {find: a, replace: b}}}", {"google-re2": {"extra k"}}),
        ("login: uid\nname: {from: cn, match: '^a'}", {"google-re2": {"name"}}),
        ("login: uid\nscope: [{not: {attribute: cn, matches: '^a'}}]", {"google-re2": {"scope"}}),
        (
            "login: uid\ngroups: [{to: vpn, group: {matches: '^v'}}, {to: wiki, group: w}]",
            {"google-re2": {"groups vpn"}},
        ),
        ("login: uid\nrole: {rules: [{when: {expr: dn == 'x'}, role: manager}]}", {"cel-expr-python": {"role"}}),
        ("login: uid\nmail: {expr: entry.cn.transliterate()}", {"anyascii": {"mail"}, "cel-expr-python": {"mail"}}),
        ("login: uid\nlanguage: {from: l, transliterate: true}", {}),
        (
            "login: {from: cn, transliterate: true}\nexclude: [root]\ninclude: [{dn: 'cn=x'}]",
            {"anyascii": {"login", "exclude"}},
        ),
    ],
)
def test_a_library_is_named_with_the_parts_that_it_may_decide(text: str, found: dict[str, set[str]]) -> None:
    assert rules(text).libraries == found


def test_the_version_of_each_is_that_which_is_installed() -> None:
    found = versions_of({"phonenumbers", "anyascii", "cel-expr-python", "google-re2"})
    assert len(found) == 4
    assert all(version[0].isdigit() for version in found.values())
