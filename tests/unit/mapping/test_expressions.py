"""Expressions of a mapping: what they read, what they may not do, and what becomes of a person for whom one fails."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iwds.core.model import Absent, Account, Anchor, Entry, Unmapped
from iwds.errors import ConfigurationError
from iwds.mapping import CompiledRules, Document, again, compile_mapping
from iwds.mapping._cel import checked
from iwds.yamlmarks import parse, validate

NOW = datetime(2024, 3, 10, tzinfo=UTC)
JANE = Entry(
    Anchor("corp", "1"),
    "UID=jane, OU=People,DC=x",
    {
        "uid": ("jane",),
        "givenname": ("Zoë",),
        "sn": ("Müller-Lüdenscheidt",),
        "telephonenumber": ("+33612345678",),
        "employeenumber": ("007",),
        "proxyaddresses": ("smtp:z@x", "SMTP:jane@x", "smtp:a@x"),
        "msds-name": ("x",),
        "accountexpires": ("133800000000000000",),
        "end": ("20241231000000Z",),
        "empty": (),
    },
    frozenset({"cn=vpn users,ou=groups,dc=x", "cn=dept-it,dc=x", "staff"}),
)


def rules(text: str) -> CompiledRules:
    marked = parse(text, "maps/m.yaml")
    return compile_mapping(validate(Document, marked.data, marked.where), marked.where)


def value(expression: str) -> CompiledRules:
    return rules(f"login: uid\nname:\n  expr: {json.dumps(expression)}\n")


def condition(expression: str) -> CompiledRules:
    return rules(f"login: uid\nenabled:\n  when:\n    expr: {json.dumps(expression)}\n")


def name_of(expression: str, entry: Entry = JANE) -> str | None:
    account = value(expression).map(entry, NOW)
    assert isinstance(account, Account), account
    return account.name


def answer_of(expression: str, entry: Entry = JANE) -> bool | None:
    account = condition(expression).map(entry, NOW)
    assert isinstance(account, Account), account
    return account.enabled


def detail_of(compiled: CompiledRules, entry: Entry = JANE) -> str:
    unmapped = compiled.map(entry, NOW)
    assert isinstance(unmapped, Unmapped)
    assert unmapped.reason is Absent.INVALID
    return unmapped.detail


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        rules(text)
    return f"{caught.value.file}:{caught.value.line}: {caught.value.message}"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("entry.givenName + ' ' + entry.SN.upper()", "Zoë MÜLLER-LÜDENSCHEIDT"),
        ("entry.sn.lower()", "müller-lüdenscheidt"),
        ("entry.sn.transliterate()", "Muller-Ludenscheidt"),
        ("entry.sn.split('-')[1].substring(0, 3)", "Lüd"),
        ("string(size(entry.givenName))", "3"),
        ("entry.telephoneNumber", "+33612345678"),
        ("entry.employeeNumber", "007"),
        ("entry.empty == '' ? 'none' : entry.empty", "none"),
        ("entry.proxyAddresses", "SMTP:jane@x"),
        ("all.proxyAddresses.join(',')", "SMTP:jane@x,smtp:a@x,smtp:z@x"),
        ("all.proxyAddresses.filter(p, p.startsWith('SMTP:'))[0].substring(5)", "jane@x"),
        ("all.empty.join(',')", ""),
        ('entry["msDS-name"] + all["msDS-name"][0]', "xx"),
        ("groups.filter(g, g.startsWith('dept-'))[0]", "dept-it"),
        ("groups.join(',')", "dept-it,staff,vpn users"),
        ("dn", "uid=jane,ou=people,dc=x"),
        ("{'zoë': 'Z'}[entry.givenName.lower()]", "Z"),
        ("string(moment(entry.accountExpires).getFullYear())", "2024"),
        ("string(moment(entry.end))", "2024-12-31T00:00:00Z"),
        ("now < moment(entry.end) ? 'before' : 'after'", "before"),
        ("entry.sn.matches('^M.*dt$') ? entry.sn.replace('-', ' ') : ''", "Müller Lüdenscheidt"),
    ],
)
def test_an_expression_gives_text(expression: str, text: str) -> None:
    assert name_of(expression) == text


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("entry.uid == 'jane'", True),
        ("entry.uid in ['joe', 'jack']", False),
        ("'smtp:a@x' in all.proxyAddresses", True),
        ("member['VPN Users']", True),
        ("member['CN=VPN Users, ou=groups, dc=x']", True),
        ("member['wiki'] || member['staff']", True),
        ("member['wiki']", False),
        ("moment(entry.end) > now + duration('24h')", True),
    ],
)
def test_an_expression_answers_yes_or_no(expression: str, answer: bool) -> None:
    assert answer_of(expression) is answer


@pytest.mark.parametrize(
    "expression",
    [
        "entry.secret",
        "entry.uid == 'jane' ? 'x' : entry.secret",
        "entry['secret'] + 'x'",
        "all.secret.join(',')",
        "all['secret'].join(',')",
        "string(size(all.secret))",
    ],
)
def test_an_expression_that_reads_what_is_not_known_is_not_known_itself(expression: str) -> None:
    assert name_of(expression) is None


def test_groups_that_are_not_known_make_an_expression_not_known() -> None:
    without_groups, unread = replace(JANE, groups=None), replace(JANE, unread=frozenset({"wiki"}))

    assert answer_of("member['staff'] || true", without_groups) is None
    assert answer_of("member['wiki']", unread) is None
    assert answer_of("member['staff']", unread) is True
    assert name_of("groups.join('')", without_groups) is None
    assert name_of("groups.join('')", unread) is None
    assert name_of("dn", replace(JANE, name="people.csv:12")) is None


def test_what_an_expression_reads_is_asked_of_the_source_and_nothing_else() -> None:
    compiled = condition(
        'entry.A + entry["b-c"] == all.d[0] && all["E"].size() > 0 && member["VPN Users"] && now > now'
    )

    assert compiled.attributes == {"uid", "a", "b-c", "d", "e"}
    assert compiled.reads_groups == {"VPN Users"}
    assert compiled.named(JANE.groups or frozenset()) == {"VPN Users"}


def test_expressions_that_are_evaluated_together_do_not_share_what_is_not_known_or_fails() -> None:
    compiled = rules(
        "login: uid\n"
        "firstname: {expr: entry.givenName + '!'}\n"
        "name: {expr: entry.secret}\n"
        "role: {rules: [{when: {attribute: uid, equals: x}, role: manager}]}\n"
        "enabled: {when: {expr: 'entry.uid == \"jane\"'}}\n"
    )

    account = compiled.map(JANE, NOW)

    assert isinstance(account, Account)
    assert (account.firstname, account.name, account.enabled) == ("Zoë!", None, True)


def test_an_expression_that_nobody_asks_for_harms_nobody() -> None:
    compiled = rules(
        "login: uid\n"
        "firstname: {first: [givenName, {expr: 'entry.uid.split(\",\")[9]'}]}\n"
        "name: {expr: entry.sn.lower() // a comment\n  }\n"
    )

    account = compiled.map(JANE, NOW)

    assert isinstance(account, Account)
    assert (account.firstname, account.name) == ("Zoë", "müller-lüdenscheidt")


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        (
            "entry.uid.split(',')[9]",
            'name (m.yaml:2): asks for number 9 of a list of 1, counted from 0; it read entry.uid "jane"',
        ),
        ("{'a': 'b'}[entry.uid]", 'it read entry.uid "jane"'),
        ("string(moment(entry.sn))", '"Müller-Lüdenscheidt"'),
        ("string(moment(entry.empty))", '"" is no moment such as 20261231120000Z; it read entry.empty ""'),
        ("string(1 / size(entry.empty))", 'divides by zero; it read entry.empty ""'),
    ],
)
def test_an_expression_that_fails_makes_the_person_invalid_and_says_where_and_of_what(
    expression: str, detail: str
) -> None:
    assert detail in detail_of(value(expression))


def test_somebody_for_whom_an_expression_fails_is_still_locked_when_disabled_and_still_excluded() -> None:
    failing = "login: uid\nname: {expr: 'entry.uid.split(\",\")[9]'}\n"
    disabled = rules(failing + "enabled: {when: {attribute: uid, equals: x}}\n").map(JANE, NOW)
    unknown = rules(failing + 'enabled: {when: {expr: \'entry.uid.split(",")[9] == ""\'}}\n').map(JANE, NOW)
    login = "login: {expr: 'entry.uid.split(\",\")[9]'}\nexclude: ['uid=jane,ou=people,dc=x']\n"
    excluded = rules(login).map(JANE, NOW)

    assert isinstance(disabled, Unmapped)
    assert (disabled.disabled, disabled.login) == (True, "jane")
    assert isinstance(unknown, Unmapped)
    assert not unknown.disabled
    assert isinstance(excluded, Unmapped)
    assert excluded.reason is Absent.EXCLUDED


def test_what_is_longer_than_was_allowed_for_makes_the_person_invalid() -> None:
    def jane(**attributes: tuple[str, ...]) -> Entry:
        return replace(JANE, attrs={**JANE.attrs, **attributes})

    assert "sn has more than 1,024 characters" in detail_of(value("entry.sn"), jane(sn=("x" * 1025,)))
    many = tuple(map(str, range(1025)))
    assert "sn has more than 1,024 values" in detail_of(value("all.sn[0]"), jane(sn=many))
    assert "32,768 characters" in detail_of(value("all.sn[0]"), jane(sn=tuple(f"{n}{'x' * 1000}" for n in range(33))))
    long = value("entry.sn.replace('x', '" + "y" * 65 + "')")
    assert "more than 65,536 characters" in detail_of(long, jane(sn=("x" * 1024,)))
    assert isinstance(long.map(JANE, NOW), Account)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("login: uid\nname: {expr: entry.a +}\n", "maps/m.yaml:2: name.expr: column 10: ends too early"),
        (
            "login: uid\nname: {expr: entry.a + 1}\n",
            'name.expr: column 9: "+" does not go with text and a whole number: string',
        ),
        (
            "login: uid\nname:\n  expr: |\n    entry.a +\n    foo\n",
            'm.yaml:3: name.expr: line 2, column 1: "foo" is not known: an attribute is entry.foo,',
        ),
        ("login: {expr: size(entry.a)}\n", "login.expr: must give text, and gives a whole number"),
        ("login: uid\nscope: [{expr: entry.a}]\n", "m.yaml:2: scope.0.expr: must give yes or no, and gives text"),
        (
            "login: {expr: \"has(entry.a) ? '' : ''\"}\n",
            'column 4: what is absent is the empty text here: compare with ""',
        ),
        ("login: {expr: 'entry[entry.a]'}\n", 'column 6: "entry" goes with the name of an attribute'),
        ('login: {expr: \'"a" in entry ? "" : ""\'}\n', '"entry" goes with the name of an attribute'),
        ("login: {expr: 'all[entry.a][0]'}\n", '"all" goes with the name of an attribute'),
        ("login: uid\nscope: [{expr: member.staff}]\n", '"member" goes with the name of a group: member["VPN Users"]'),
        ("login: uid\nscope: [{expr: groups.size() > 0}]\n", "a condition asks for groups by name"),
        ("login: {expr: \"entry.a.matches(entry.b) ? '' : ''\"}\n", "column 22: a pattern must be written out"),
        ('login: {expr: \'entry.a.matches("(") ? "" : ""\'}\n', "in the pattern, column 1: missing )"),
        ("login: {expr: '[\"\"].map(entry, entry)[0]'}\n", '"entry" means something else already'),
        ("login: {expr: '[[\"\"]][0][0]'}\n", "column 1: a list within a list is not understood"),
        ('login: {expr: \'[""].map(x, x.split(" "))[0][0]\'}\n', "a list within a list is not understood"),
        ("login: {expr: '\"%s\".format([1])'}\n", 'column 12: "format" is not understood here'),
        ("login: {expr: 'string(type(1) == int)'}\n", '"type" is not understood here'),
        ("login: {expr: 'string(int == int)'}\n", '"int" is not understood here'),
    ],
)
def test_what_is_wrong_with_an_expression_is_told_with_file_line_key_and_column(written: str, told: str) -> None:
    assert told in refusal(written)


def test_an_expression_has_a_largest_length_and_a_mapping_a_largest_number_of_them() -> None:
    assert "4,096 characters at most" in refusal(f"login: {{expr: '{'entry.a +' * 500}entry.a'}}\n")
    many = "".join(f"  k{n}: {{expr: entry.a}}\n" for n in range(201))
    assert "200 expressions at most" in refusal(f"login: uid\nextra:\n{many}")


EVIL = {
    "doubling": "[entry.a]" + ".map(x, x + x)" * 24 + "[0]",
    "replacing": "entry.a" + ".replace('a', 'aaaaaaaaaa')" * 8,
    "replacing by what is read": "entry.a" + ".replace(entry.b, entry.c)" * 2,
    "loops in loops": "all.a.map(a, all.a.map(b, all.a.map(c, c + b + a).join('')).join('')).join('')",
    "too deep": "all.a.map(a, [a].map(b, [b].map(c, [c].map(d, d).join('')).join('')).join('')).join('')",
    "many operators": "string(" + "+".join("1" * 2000) + ")",
    "brackets": "(" * 2000 + "''" + ")" * 2000,
    "joining": " + ".join(["all.a.join(entry.b)"] * 9),
    "copying": "all.a" + ".map(x, x)" * 4 + "[0]",
    "letters": "entry.a" + ".transliterate()" * 4,
}


@pytest.mark.parametrize("expression", EVIL.values(), ids=EVIL)
def test_an_expression_that_could_take_too_much_is_refused_before_anybody_is_read(expression: str) -> None:
    with pytest.raises(ValueError, match=r"could make too long|could take too long|nested too deeply|deep at most"):
        checked(expression, "STRING")


def test_a_text_on_the_way_has_a_largest_length_too() -> None:
    with pytest.raises(ValueError, match="column 48: could make too long a text"):
        checked("entry.a.transliterate().transliterate().replace('a', 'aaaaaaaaaa').trim()", "STRING")


def test_as_many_steps_as_the_library_allows_end_a_wild_expression() -> None:
    """What is bounded here may still be more than the library takes, which is an error like any other."""
    compiled = condition(" || ".join(["entry.sn.split('').exists(c, c == 'y')"] * 12))

    assert "takes too many steps" in detail_of(compiled, replace(JANE, attrs={**JANE.attrs, "sn": ("x" * 1024,)}))


def test_half_a_surrogate_pair_makes_the_person_invalid_and_nothing_worse() -> None:
    broken = replace(JANE, attrs={**JANE.attrs, "sn": ("a\ud800",)})

    assert detail_of(value("entry.sn"), broken)
    assert detail_of(rules("login: uid\nname: {from: sn, match: a}\n"), broken)
    assert detail_of(rules("login: uid\nname: {from: sn, regex: {find: a}}\n"), broken)
    assert detail_of(rules("login: uid\nscope: [{attribute: sn, matches: a}]\n"), broken)


def test_a_mapping_with_expressions_can_be_kept_and_compiled_again() -> None:
    compiled = value("entry.givenName + '!'")

    kept = again(json.loads(json.dumps(compiled.written)))

    assert kept.digest == compiled.digest
    assert kept.map(JANE, NOW) == compiled.map(JANE, NOW)


def test_no_library_is_loaded_that_the_mapping_does_not_need(tmp_path: Path) -> None:
    heavy = "cel_expr_python re2 phonenumbers anyascii"
    (tmp_path / "plain.yaml").write_text("login: {from: uid, lower: true}\nscope: [{group: staff}]\n")
    code = (
        "import sys; from iwds.mapping import load; load(sys.argv[1]);"
        f"print([each for each in '{heavy}'.split() if each in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "plain.yaml")], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("expression", ["entry.sn", "all.sn[0]"])
def test_a_character_at_which_the_library_would_cut_a_text_makes_the_person_invalid(expression: str) -> None:
    entry = replace(JANE, attrs={**JANE.attrs, "sn": ("Lee\0rest",)})

    assert detail_of(value(expression), entry).endswith("sn holds a NUL character (U+0000)")
