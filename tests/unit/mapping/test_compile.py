"""A mapping file becomes rules, and rules make accounts of entries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Absent, Account, Activation, Anchor, AtCreation, Entry, Mode, Role, Unmapped
from iwds.errors import ConfigurationError
from iwds.mapping import CompiledRules, Document, compile_mapping, load
from iwds.ports import Rules
from iwds.yamlmarks import parse, validate

NOW = datetime(2024, 3, 10, tzinfo=UTC)
JANE = Entry(
    Anchor("corp", "1"),
    "uid=Jane,ou=people,dc=x",
    {
        "uid": ("Jane",),
        "givenname": ("Jane",),
        "sn": ("Doe",),
        "mail": (),
        "kind": ("internal",),
        "lang": ("fr",),
        "pwdaccountlockedtime": (),
        "pwdstarttime": (),
        "pwdendtime": (),
        "shadowexpire": (),
        "useraccountcontrol": ("512",),
        "accountexpires": ("0",),
    },
    frozenset({"cn=staff,dc=x", "cn=mfa-managers,dc=x"}),
)


def rules(text: str) -> CompiledRules:
    marked = parse(text, "maps/m.yaml")
    return compile_mapping(validate(Document, marked.data, marked.where), marked.where)


def changed(entry: Entry = JANE, name: str = JANE.name, **attributes: tuple[str, ...] | None) -> Entry:
    """Jane with other attributes; None: not readable."""
    merged = {**entry.attrs, **attributes}
    return Entry(
        entry.anchor, name, {key: values for key, values in merged.items() if values is not None}, entry.groups
    )


def account(text: str, entry: Entry = JANE) -> Account:
    made = rules(text).map(entry, NOW)
    assert isinstance(made, Account), made
    return made


def absent(text: str, entry: Entry = JANE) -> Unmapped:
    made = rules(text).map(entry, NOW)
    assert isinstance(made, Unmapped), made
    assert (made.anchor, made.name) == (entry.anchor, entry.name)
    return made


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        rules(text)
    return str(caught.value)


def test_a_login_is_all_that_a_mapping_needs_and_the_rest_is_not_governed() -> None:
    assert account("login: uid\n") == Account(JANE.anchor, "Jane", enabled=True)


def test_compiled_rules_are_what_the_engine_asks_for() -> None:
    compiled: Rules = rules("login: uid\n")

    assert compiled.attributes == {"uid"}
    assert not compiled.states_enabled
    assert (compiled.groups, compiled.extra_keys, compiled.protected) == ({}, frozenset(), frozenset())


def test_every_field_is_made_of_the_entry() -> None:
    text = """
login: {from: uid, lower: true}
firstname: givenName
name: sn
mail: mail
phone: {value: "007"}
language: lang
role: user
enabled: openldap
groups: [{to: vpn, group: staff}, {to: wiki, group: wiki}]
extra: {department: {value: IT}, site: mail}
at_creation: {activation: link, access: 0, login2: uid}
"""
    assert account(text) == Account(
        JANE.anchor,
        "jane",
        "Jane",
        "Doe",
        "",
        "007",
        Role.USER,
        True,
        frozenset({"vpn"}),
        (("department", "IT"), ("site", "")),
        AtCreation(Activation.LINK, "fr", 0, "Jane", ""),
    )


def test_the_rules_know_what_they_read_and_govern() -> None:
    compiled = rules("""
scope: [{attribute: Kind, present: true}]
login: uid
language: lang
role: {rules: [{when: {attribute: title, equals: boss}, role: manager}]}
enabled: active-directory
groups: [{to: vpn, when: {attribute: team, present: true}}, {to: wiki, group: wiki, exclusive: true}]
extra: {site: l}
at_creation: {login3: employeeNumber}
protect: [Admin@Corp]
""")

    assert compiled.attributes == {
        *("kind", "uid", "lang", "title", "useraccountcontrol", "accountexpires", "team", "l", "employeenumber"),
    }
    assert compiled.groups == {"vpn": False, "wiki": True}
    assert compiled.states_enabled
    assert compiled.extra_keys == {"site"}
    assert compiled.protected == {"admin@corp"}


# Scope and exclusions


def test_every_clause_of_the_scope_must_hold() -> None:
    scope = "login: uid\nscope:\n  - {group: staff}\n  - {attribute: kind, equals: external, reason: not external}\n"

    assert absent(scope).reason is Absent.OUT_OF_SCOPE
    assert absent(scope).detail == "not external (m.yaml:4)"
    assert account(scope, changed(kind=("external",))).login == "Jane"


def test_a_clause_without_a_reason_says_what_it_asks() -> None:
    assert absent("login: uid\nscope: [{group: wiki}]\n").detail == "not in group wiki (m.yaml:2)"


def test_a_file_without_lines_still_gives_reasons() -> None:
    document = Document.model_validate({"login": "uid", "scope": [{"group": "wiki"}]})

    made = compile_mapping(document, lambda path: ("m.yaml", 0)).map(JANE, NOW)

    assert isinstance(made, Unmapped)
    assert made.detail == "not in group wiki"


def test_a_scope_that_cannot_be_decided_takes_nobody_out() -> None:
    text = "login: uid\nscope: [{attribute: kind, equals: internal}, {attribute: sn, equals: Doe}]\n"

    undecided = absent(text, changed(kind=None))
    assert undecided.reason is Absent.INVALID
    assert undecided.detail == "cannot be decided, for want of what it reads: not kind = internal (m.yaml:2)"
    # the first that cannot be decided is told
    assert "kind" in absent(text, changed(kind=None, sn=None)).detail
    # another clause that certainly does not hold settles it
    assert absent(text, changed(kind=None, sn=("Roe",))).reason is Absent.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("exclude", "detail"),
    [
        ("JANE", "named in the mapping's `exclude`"),
        ("{login: jane, reason: a robot}", "a robot"),
        ('"uid=jane, ou=People, dc=x"', "named in the mapping's `exclude`"),
        ('{dn: "uid=jane,ou=people,dc=x", reason: a robot}', "a robot"),
    ],
)
def test_people_are_excluded_by_login_or_name_before_anything_else(exclude: str, detail: str) -> None:
    text = f"login: uid\nscope: [{{group: wiki}}]\nexclude:\n  - {exclude}\n"

    made = absent(text)
    assert (made.reason, made.detail, made.login) == (Absent.EXCLUDED, detail, "Jane")
    assert absent(text, changed(uid=("joe",), name="uid=joe,dc=x")).reason is Absent.OUT_OF_SCOPE


def test_who_has_no_name_in_a_directory_is_excluded_by_login_alone() -> None:
    text = 'login: uid\nexclude: ["uid=jane,dc=x"]\n'

    assert account(text, changed(name="people.csv:2")).login == "Jane"


# Login


def test_a_login_is_composed_and_has_no_space_around_it() -> None:
    assert account("login: uid\n", changed(uid=(" e\u0301va ",))).login == "\u00e9va"
    assert account("login: uid\n", changed(uid=(" eva ",))).login == "eva"


@pytest.mark.parametrize(
    ("uid", "detail"), [(None, "the login is not known"), ((), "the login is empty"), ((" ",), "the login is empty")]
)
def test_without_a_login_a_person_is_invalid(uid: tuple[str, ...] | None, detail: str) -> None:
    made = absent("login: uid\n", changed(uid=uid))

    assert made.reason is Absent.INVALID
    assert made.detail.startswith(detail)


def test_whoever_is_invalid_may_be_known_to_be_disabled() -> None:
    text = "login: uid\nenabled: {as: active-directory}\n"

    assert not absent(text, changed(uid=())).disabled
    assert absent(text, changed(uid=(), useraccountcontrol=("514",))).disabled
    assert not absent(text, changed(uid=(), useraccountcontrol=None)).disabled


def test_who_may_be_excluded_by_a_login_that_is_not_known_is_not_called_out_of_scope() -> None:
    assert absent("login: uid\nscope: [{group: wiki}]\n", changed(uid=None)).reason is Absent.INVALID


# Fields


def test_a_field_that_is_not_readable_is_not_governed_and_an_absent_one_is_empty() -> None:
    text = "login: uid\nname: sn\nmail: mail\nextra: {a: sn, b: mail}\n"

    made = account(text, changed(sn=None))
    assert (made.name, made.mail, made.extra) == (None, "", (("b", ""),))


@pytest.mark.parametrize(("lang", "language"), [(("fr",), "fr"), (("de",), "en"), ((), "en"), (None, "en")])
def test_a_language_that_the_service_does_not_know_falls_back(lang: tuple[str, ...] | None, language: str) -> None:
    assert account("login: uid\nlanguage: lang\n", changed(lang=lang)).at_creation.language == language


def test_second_logins_that_are_not_known_are_left_empty() -> None:
    text = "login: uid\nat_creation: {login2: sn, login3: givenName}\n"

    assert account(text, changed(sn=None)).at_creation == AtCreation(login2="", login3="Jane")


# Role


ROLES = """
login: uid
role:
  default: user
  rules:
    - {when: {attribute: kind, equals: boss}, role: administrator}
    - {when: {group: mfa-managers}, role: manager}
"""


def test_the_first_rule_that_holds_gives_the_role() -> None:
    assert account(ROLES).role is Role.MANAGER
    assert account(ROLES, changed(kind=("boss",))).role is Role.ADMINISTRATOR
    assert account(ROLES.replace("mfa-managers", "none")).role is Role.USER
    assert account("login: uid\nrole: {rules: [{when: {group: none}, role: manager}]}\n").role is None


def test_a_rule_that_cannot_be_decided_leaves_the_role_alone() -> None:
    assert account(ROLES, changed(kind=None)).role is None


# Enabled


def test_disabled_as_each_directory_says_it() -> None:
    openldap, ad = "login: uid\nenabled: openldap\n", "login: uid\nenabled: active-directory\n"

    assert (account(openldap).enabled, account(ad).enabled) == (True, True)
    assert account(openldap, changed(pwdaccountlockedtime=("000001010000Z",))).enabled is False
    assert account(openldap, changed(shadowexpire=("1",))).enabled is False
    assert account(ad, changed(useraccountcontrol=("514",))).enabled is False
    assert account(ad, changed(useraccountcontrol=None)).enabled is None
    assert account("login: uid\nenabled: {as: openldap}\n", changed(shadowexpire=("1",))).enabled is False


@pytest.mark.parametrize(
    ("rule", "attributes", "enabled"),
    [
        ("{as: active-directory, also: [locked]}", {"lockouttime": ("1",)}, None),
        ("{as: active-directory, also: [locked]}", {"msds-user-account-control-computed": ("16",)}, False),
        ("{as: active-directory, also: [password-must-change]}", {"pwdlastset": ("0",)}, False),
        (
            "{as: active-directory, also: [locked, password-expired]}",
            {"msds-user-account-control-computed": ("0",)},
            True,
        ),
        ("{as: openldap, also: [locked]}", {"pwdaccountlockedtime": ("20240309000000Z",)}, False),
        ("{as: openldap, also: [password-must-change]}", {"pwdreset": ("TRUE",)}, False),
        ("389-ds", {"nsaccountlock": ("true",)}, False),
        ("389-ds", {"nsaccountlock": ()}, True),
    ],
)
def test_what_else_disables_somebody_is_asked_for(
    rule: str, attributes: dict[str, tuple[str, ...]], enabled: bool | None
) -> None:
    assert account(f"login: uid\nenabled: {rule}\n", changed(JANE, JANE.name, **attributes)).enabled is enabled
    assert attributes.keys() <= rules(f"login: uid\nenabled: {rule}\n").attributes


def test_the_moment_of_the_run_decides_what_has_expired() -> None:
    compiled = rules("login: uid\nenabled: openldap\n")
    tomorrow = changed(shadowexpire=("19793",))

    today, later = compiled.map(tomorrow, NOW), compiled.map(tomorrow, NOW + timedelta(days=1))
    assert isinstance(today, Account)
    assert isinstance(later, Account)
    assert (today.enabled, later.enabled) == (True, False)


def test_a_condition_can_say_who_is_enabled() -> None:
    text = "login: uid\nenabled: {when: {attribute: kind, equals: internal}}\n"

    assert account(text).enabled is True
    assert account(text, changed(kind=("gone",))).enabled is False
    assert account(text, changed(kind=None)).enabled is None


@pytest.mark.parametrize(
    ("native", "rule", "enabled"),
    [
        (None, "", True),
        (True, "", True),
        (False, "", False),
        (True, "enabled: openldap\n", True),
        (False, "enabled: openldap\n", False),
        (True, "enabled: {when: {group: none}}\n", False),
    ],
)
def test_a_source_that_says_no_itself_is_believed(native: bool | None, rule: str, enabled: bool | None) -> None:
    entry = Entry(JANE.anchor, JANE.name, JANE.attrs, JANE.groups, native)

    assert account(f"login: uid\n{rule}", entry).enabled is enabled


# Groups


def test_several_lines_of_one_group_are_alternatives() -> None:
    text = "login: uid\ngroups: [{to: vpn, group: none}, {to: vpn, group: staff}, {to: wiki, group: none}]\n"

    assert account(text).groups == frozenset({"vpn"})


def test_groups_that_are_not_known_leave_all_memberships_alone() -> None:
    text = "login: uid\ngroups: [{to: vpn, group: staff}, {to: wiki, when: {attribute: kind, present: true}}]\n"

    assert account(text, changed(kind=None)).groups is None
    assert account(text, Entry(JANE.anchor, JANE.name, JANE.attrs, None)).groups is None


GROUP_ROLES = """login: uid
groups:
- {to: vpn, group: staff}
- {to: vpn, when: {attribute: kind, equals: boss}, role: manager}
- {to: vpn, when: {attribute: team, equals: red}, role: administrator}
- {to: wiki, group: staff}
"""


@pytest.mark.parametrize(
    ("kind", "team", "roles"),
    [
        (("boss",), ("red",), (("vpn", "manager"),)),
        (("boss",), None, (("vpn", "manager"),)),
        ((), ("red",), (("vpn", "administrator"),)),
        ((), (), (("vpn", "user"),)),
        (None, ("red",), ()),
        ((), None, ()),
    ],
)
def test_the_first_line_with_a_role_that_holds_gives_the_role_in_a_group_and_doubt_gives_none(
    kind: tuple[str, ...] | None, team: tuple[str, ...] | None, roles: tuple[tuple[str, str], ...]
) -> None:
    made = account(GROUP_ROLES, changed(kind=kind, team=team))

    assert made.groups == frozenset({"vpn", "wiki"})
    assert made.group_roles == roles


def test_a_role_in_a_group_belongs_to_its_members_only() -> None:
    nobody = "login: uid\ngroups: [{to: vpn, group: none, role: manager}, {to: wiki, group: staff}]\n"

    assert account(nobody).group_roles == ()
    assert account(GROUP_ROLES, Entry(JANE.anchor, JANE.name, JANE.attrs, None)).group_roles == ()


def test_a_group_without_a_role_in_any_line_is_not_governed_in_that() -> None:
    assert rules("login: uid\ngroups: [{to: vpn, group: staff}]\n").group_roles == {}
    assert rules(GROUP_ROLES).group_roles == {"vpn": {"user", "manager", "administrator"}}


def test_a_role_of_the_targets_own_is_known_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("login: uid\ngroups:\n- {to: vpn, group: staff, role: auditor}\n")

    assert load(file, {"user": 0, "auditor": 17}).group_roles == {"vpn": {"user", "auditor"}}
    with pytest.raises(ConfigurationError, match=r'm\.yaml:3: groups\.0\.role: .* no role "auditor"') as caught:
        load(file, {"user": 0, "auditors": 17})
    assert "did you mean" in str(caught.value)
    assert "group_roles: {auditor: NUMBER}" in caught.value.advice


# Files and their mistakes


def test_the_digest_is_about_the_meaning_and_not_the_layout() -> None:
    one = rules("# a comment\nlogin: uid\nextra: {a: b, c: d}\n").digest
    assert one == rules("extra:\n  c: {from: D}\n  a: b\n\nlogin: 'uid'").digest
    assert one != rules("login: uid\nextra: {a: b, c: e}\n").digest
    assert one != rules("login: uid\nextra: {a: b}\n").digest
    assert len(one) == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: sn\n", 'maps/m.yaml:1: the key "login" is missing'),
        ("login: uid\nfistname: x\n", 'maps/m.yaml:2: unknown key "fistname" (did you mean "firstname"?)'),
        ("login:\n  form: uid\n", 'maps/m.yaml:2: login: unknown key "form" (did you mean "from"?)'),
        ("login: {lower: true}\n", 'maps/m.yaml:1: login: needs exactly one of "from", "first", "value" and "expr"'),
        (
            "login: {from: a, value: b}\n",
            'maps/m.yaml:1: login: needs exactly one of "from", "first", "value" and "expr"',
        ),
        ("login: {from: a, map: {x: y}, table: t.csv}\n", '"map" and "table" exclude each other'),
        ("login: {value: a, join: x}\n", '"join" goes with "from"'),
        ("login: {from: a, match: '(ab'}\n", "maps/m.yaml:1: login.match: column 1: missing ): (ab"),
        ("login: {from: a, match: 'x(?=a)'}\n", "login.match: column 2: invalid perl operator: (?="),
        ("login: {from: a, match: '(a)\\1'}\n", "login.match: column 4: backreferences are not understood"),
        (f"login: {{from: a, match: {'a' * 1001}}}\n", "login.match: a pattern has 1000 characters at most"),
        ("login: {from: a, regex: {find: '[', replace: x}}\n", "login.regex.find: column 1: missing ]: ["),
        (
            "login: {from: a, regex: {find: (a), replace: 'x\\2'}}\n",
            'column 2: "\\2" is none of the 1 groups of "find"',
        ),
        ("login: {from: a, regex: {find: (a), replace: 'x\\'}}\n", 'column 2: "\\" is none of the 1 groups of "find"'),
        ("login: {from: a, split: {by: ',', take: 0}}\n", "login.split.take: must be 1 for the first"),
        ("login: {from: a, transliterate: {ab: c}}\n", "login.transliterate"),
        ("login: a\nphone: {from: b, phone: XX}\n", "maps/m.yaml:2: phone.phone: must be the two letters"),
        ("login: {from: a, date: {from: iso, to: 'a%q'}}\n", 'login.date.to: column 2: "%q" is not one of %Y %m %d'),
        ("login: {from: a, date: {from: iso, to: 'a%'}}\n", 'login.date.to: column 2: "%" is not one of'),
        ("login: a\nscope: [{attribute: b, before: soon}]\n", 'scope.0.before: must be "now", "now+30d"'),
        ("login: a\nscope: [{group: {matches: '['}}]\n", "scope.0.group.matches: column 1: missing ]"),
        ("login: a\nscope: [{group: {match: a}}]\n", 'scope.0.group: unknown key "match" (did you mean "matches"?)'),
        ("login: a\nscope: [{group: [a]}]\n", "scope.0.group: must be text"),
        ("login: {from: a, lower: true, upper: true}\n", '"lower" and "upper" exclude each other'),
        ('login: {from: a, map: {x: "1", X: "2"}}\n', '"map" has keys that differ only in case'),
        ("login: {from: a, map: {x: 1}}\n", "maps/m.yaml:1: login.map.x: must be text; put it in quotes"),
        ("login: a b\n", "maps/m.yaml:1: login: must be the name of an attribute, such as givenName"),
        ("login: uid\nphone: {first: []}\n", "maps/m.yaml:2: phone.first: must have at least 1 item"),
        ("login: uid\nphone: {first: [a, {from: b, defalt: c}]}\n", 'unknown key "defalt" (did you mean "default"?)'),
        ("login: uid\nscope: {group: x}\n", "maps/m.yaml:2: scope: must be a list"),
        ("login: uid\nscope:\n- {}\n", 'maps/m.yaml:3: scope.0: needs exactly one of "group", "attribute", "under"'),
        ("login: uid\nscope: [{group: a, under: dc=x}]\n", 'scope.0: needs exactly one of "group"'),
        ("login: uid\nscope: [{attribute: a}]\n", '"attribute" goes with exactly one of "equals", "in"'),
        ("login: uid\nscope: [{group: a, equals: b}]\n", '"attribute" goes with exactly one of "equals", "in"'),
        ("login: uid\nscope: [{attribute: a, flag: 0}]\n", "scope.0.flag: must be greater than 0"),
        ("login: uid\nscope: [{under: people}]\n", "scope.0.under: must be a distinguished name such as"),
        ("login: uid\nscope:\n- any:\n  - group: a\n  - grup: b\n", 'maps/m.yaml:5: scope.0.any.1: unknown key "grup"'),
        ("login: uid\nscope: [{group: ' '}]\n", "scope.0.group: must have at least 1 character"),
        ("login: uid\nrole: root\n", "maps/m.yaml:2: role: must be 'user', 'manager' or 'administrator'"),
        ("login: uid\nenabled: ldap\n", "maps/m.yaml:2: enabled: must be 'active-directory', 'openldap' or '389-ds'"),
        (
            "login: uid\nenabled: {as: active-directory, also: [inactive]}\n",
            'enabled: "also": inactive is not told by "active-directory", which knows locked, password-expired,',
        ),
        (
            "login: uid\nenabled: {when: {group: a}, also: [locked]}\n",
            'maps/m.yaml:2: enabled: "also": locked is not told without "as"',
        ),
        ("login: uid\nenabled: {}\n", 'maps/m.yaml:2: enabled: needs exactly one of "as" and "when"'),
        ("login: uid\ngroups: [{to: a}]\n", 'maps/m.yaml:2: groups.0: needs exactly one of "group" and "when"'),
        (
            "login: uid\ngroups:\n- {to: a, group: b}\n- {to: a, group: c, exclusive: true}\n",
            'maps/m.yaml:4: groups.1: another line says otherwise about "exclusive" of group "a"',
        ),
        ("login: uid\nextra: {a b: c}\n", "maps/m.yaml:2: extra.a b: must be a key of letters, digits and . _ -"),
        ("login: uid\nat_creation: {access: 2}\n", "at_creation.access: must be 0 or 1"),
        (
            "login: uid\nat_creation: {activation: now}\n",
            "at_creation.activation: must be 'code', 'inactive' or 'link'",
        ),
        ("login: uid\nexclude: [{reason: x}]\n", 'exclude.0: needs exactly one of "login" and "dn"'),
        ("login: uid\nexclude: [5]\n", "maps/m.yaml:2: exclude.0: must be keys and values"),
        ("login: uid\nlanguage: {from: l, default: de}\n", "maps/m.yaml:2: language: the service knows en and fr only"),
        ("login: uid\nlanguage: {from: l, map: {a: en_US}}\n", "language: the service knows en and fr only"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_file_is_loaded_and_a_mistake_in_it_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("login: uid\n", encoding="utf-8")
    assert load(file).digest == rules("login: uid\n").digest

    file.write_text("login: uid\nlogn: x\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(str(file))
    assert str(caught.value).startswith(f"{file}:2: ")


def test_values_may_be_asked_for_by_anything_that_maps() -> None:
    """The rules only ever look up: what they are given is not changed."""
    attributes: dict[str, Any] = dict(JANE.attrs)

    account("login: uid\nname: secret\n", Entry(JANE.anchor, JANE.name, attributes))

    assert attributes == dict(JANE.attrs)


def test_the_groups_that_a_mapping_names_are_known_wherever_it_names_them() -> None:
    compiled = rules(
        "scope: [{group: Staff}]\nlogin: uid\n"
        "role: {rules: [{when: {group: 'CN=MFA-Managers, DC=X'}, role: manager}]}\n"
        "groups: [{to: vpn, group: vpn}]\n"
    )
    assert compiled.attributes == {"uid"}
    assert compiled.reads_groups == {"Staff", "CN=MFA-Managers, DC=X", "vpn"}
    assert JANE.groups is not None
    assert compiled.named(JANE.groups) == {"Staff", "CN=MFA-Managers, DC=X"}
    assert compiled.named(frozenset()) == frozenset()


# Modes


def test_only_a_mode_that_is_not_the_usual_one_is_carried() -> None:
    text = """
login: uid
firstname: {from: givenName, mode: always}
mail: {from: mail, mode: never-clear}
phone: {from: mobile, mode: if-empty}
role: {default: user, mode: never-clear}
extra: {site: {from: l, mode: always}, unit: ou}
"""
    assert account(text).modes == (
        ("firstname", Mode.ALWAYS),
        ("phone", Mode.IF_EMPTY),
        ("role", Mode.NEVER_CLEAR),
        ("extra site", Mode.ALWAYS),
    )
    assert account("login: uid\nmail: mail\nrole: user\nextra: {unit: ou}\n").modes == ()


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("language: {from: l, mode: always}", "m.yaml:2: language.mode"),
        ("at_creation: {login2: {from: uid, mode: if-empty}}", "m.yaml:2: at_creation.login2.mode"),
        ("at_creation: {login3: {from: uid, mode: never-clear}}", "m.yaml:2: at_creation.login3.mode"),
        ("at_creation: {activation: {value: code, mode: always}}", "m.yaml:2: at_creation.activation"),
        ("at_creation: {access: {value: 1, mode: always}}", "m.yaml:2: at_creation.access"),
    ],
)
def test_what_is_given_once_has_no_other_mode(line: str, where: str) -> None:
    message = 'must be "create-only": the API can neither read nor change it later'
    assert refusal(f"login: uid\n{line}\n") == f"maps/{where}: {message}"


def test_what_is_given_once_may_say_so() -> None:
    once = "at_creation: {activation: {value: code, mode: create-only}, login2: {from: uid, mode: create-only}}"
    made = account(f"login: uid\nlanguage: {{value: fr, mode: create-only}}\n{once}\n").at_creation
    assert made == AtCreation(Activation.CODE, "fr", 1, "Jane", "")


def test_who_may_authenticate_has_no_mode() -> None:
    assert 'unknown key "mode"' in refusal("login: uid\nenabled: {as: openldap, mode: always}\n")


@pytest.mark.parametrize(
    ("login", "read", "written"),
    [
        ("uid", {"uid"}, True),
        ("{from: UID, trim: true, lower: true}", {"uid"}, True),
        ("{first: [uid, {from: mail, upper: true}]}", {"uid", "mail"}, True),
        ("{from: uid, prefix: x}", {"uid"}, False),
        ("{from: uid, map: {a: b}}", {"uid"}, False),
        ("{from: uid, default: nobody}", {"uid"}, False),
        ("{first: [uid, {value: nobody}]}", {"uid"}, False),
        ("{value: nobody}", set(), False),
    ],
)
def test_the_rules_know_by_which_attributes_somebody_is_found(login: str, read: set[str], written: bool) -> None:
    compiled = rules(f"login: {login}\nmail: {{first: [mail, other]}}\n")

    assert compiled.login_attributes == read
    assert compiled.login_is_written is written
    assert compiled.mail_attributes == {"mail", "other"}
    assert rules("login: uid\n").mail_attributes == frozenset()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("login: {expr: 'groups.join(\"\")'}", "m.yaml:1: login"),
        ("login: uid\nmail: {expr: 'groups.join(\"\")', mode: always}", "m.yaml:2: mail"),
        ("login: uid\nextra:\n  site: {first: [l, {expr: 'groups.join(\"\")'}], mode: always}", "m.yaml:3: extra.site"),
    ],
)
def test_all_groups_at_once_neither_name_a_login_nor_empty_a_field(text: str, place: str) -> None:
    assert refusal(text).startswith(f"maps/{place}: all of `groups`")
    assert rules("login: uid\nmail: {expr: 'groups.join(\"\")'}\n").attributes == {"uid"}
    assert rules('login: uid\nmail: {expr: \'member["vpn"] ? "v" : ""\', mode: always}\n').attributes == {"uid"}
