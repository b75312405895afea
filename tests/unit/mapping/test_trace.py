"""A trace shows every rule of a mapping with what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Account, Entry
from iwds.mapping import Document
from iwds.mapping.trace import Kind, Piece, Trace, answered, trace
from iwds.mapping.written_values import Value
from iwds.yamlmarks import parse, validate
from tests.unit.mapping.test_compile import JANE, NOW, changed


def traced(text: str, entry: Entry = JANE, roles: Any = None) -> Trace:
    marked = parse(text, "maps/m.yaml")
    document = validate(Document, marked.data, marked.where)
    return trace(document, marked.where, entry, NOW, *([roles] if roles else []))


def piece(seen: Trace, key: str) -> Piece:
    found = seen.about(key)
    assert found is not None
    return found


def test_each_step_of_a_value_shows_what_it_made_of_the_text() -> None:
    seen = traced('login: {from: uid, trim: true, lower: true, prefix: "x-", default: none}', changed(uid=(" JANE ",)))

    value = piece(seen, "login")
    assert value.result == "x-jane"
    assert [(part.words, part.result) for part in value.parts] == [
        ('from "uid"', " JANE "),
        ("trim", "JANE"),
        ("lower", "jane"),
        ('prefix "x-"', "x-jane"),
        ('default "none"', "x-jane"),
    ]
    assert value.parts[0].read == {"uid": (" JANE ",)}


def test_the_origin_and_each_step_stand_on_the_line_of_their_own_key() -> None:
    seen = traced(
        "login:\n  trim: true\n  lower: true\n  from: uid\nname: {from: sn,\n  trim: true}\nmail:\n  from: mail\n"
    )

    assert [part.place for part in piece(seen, "login").parts] == ["m.yaml:4", "m.yaml:2", "m.yaml:3"]
    assert [part.place for part in piece(seen, "name").parts] == ["m.yaml:5", "m.yaml:6"]
    assert piece(seen, "mail").place == "m.yaml:7", "a value without steps is one piece"


def test_a_table_is_shown_by_its_file_and_not_by_its_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{n},x\n" for n in range(1000)))
    marked = parse("login: {from: uid, table: t.csv, default: d}", str(tmp_path / "m.yaml"))
    seen = trace(validate(Document, marked.data, marked.where), marked.where, JANE, NOW)

    assert piece(seen, "login").parts[1].words == "table t.csv"


def test_what_is_not_known_stays_not_known_in_every_later_step() -> None:
    seen = traced("login: uid\nmail: {from: mail, lower: true, default: x}", changed(mail=None))

    assert [part.result for part in piece(seen, "mail").parts] == [None, None, None]
    assert piece(seen, "mail").parts[0].read == {"mail": None}


def test_of_several_origins_each_is_shown_with_its_own_line() -> None:
    seen = traced("login: uid\nname:\n  first:\n    - mail\n    - {from: sn, upper: true}")

    mail, surname = piece(seen, "name").parts
    assert (mail.result, mail.place, mail.path) == ("", "m.yaml:4", ("name", "first", 0))
    assert (surname.result, surname.place) == ("DOE", "m.yaml:5")
    assert [part.result for part in surname.parts] == ["Doe", "DOE"]


def test_a_condition_is_taken_apart_and_its_leaves_show_what_they_read() -> None:
    seen = traced("login: uid\nscope:\n  - any:\n      - group: nobody\n      - not: {attribute: kind, equals: x}")

    (clause,) = piece(seen, "scope").parts
    group, inverted = clause.parts
    assert (clause.result, group.result, inverted.result) == (True, False, True)
    assert (group.place, inverted.place) == ("m.yaml:4", "m.yaml:5")
    assert inverted.parts[0].read == {"kind": ("internal",)}
    assert clause.read == {}


def test_the_rules_of_roles_stand_in_their_order_with_the_default_at_the_end() -> None:
    seen = traced(
        "login: uid\nrole:\n  default: user\n  rules:\n    - {when: {group: nobody}, role: administrator}\n"
        "    - {when: {group: mfa-managers}, role: manager}"
    )

    role = piece(seen, "role")
    assert role.result == "manager"
    assert [(part.about, part.result) for part in role.parts] == [
        ("administrator", False),
        ("manager", True),
        ("", "user"),
    ]


def test_each_state_that_disables_is_a_question_of_its_own() -> None:
    text = "login: uid\nenabled: {as: active-directory, also: [locked]}"
    computed = {"lockouttime": (), "msds-user-account-control-computed": ("16",)}
    seen = traced(text, Entry(JANE.anchor, JANE.name, {**JANE.attrs, **computed}))

    usable, locked = piece(seen, "enabled").parts
    assert (piece(seen, "enabled").result, usable.result, locked.result) == (False, True, False)
    assert usable.words == "usable, as active-directory says"
    assert usable.read == {"accountexpires": ("0",), "useraccountcontrol": ("512",)}


def test_a_source_that_refuses_somebody_is_told_beside_the_rule() -> None:
    refused = Entry(JANE.anchor, JANE.name, JANE.attrs, JANE.groups, enabled=False)
    seen = traced("login: uid\nenabled: {when: {group: staff}}", refused)

    source, rule = piece(seen, "enabled").parts
    assert (piece(seen, "enabled").result, source.result, rule.result) == (False, False, True)


def test_whoever_is_excluded_is_shown_the_line_that_does_it() -> None:
    seen = traced('login: uid\nexclude: [bob, {login: jane, reason: asked}, "uid=jane,ou=people,dc=x"]')

    assert [(part.words, part.result) for part in piece(seen, "exclude").parts] == [
        ("bob", False),
        ("jane (asked)", True),
        ("uid=jane,ou=people,dc=x", True),
    ]


def test_a_group_with_a_role_of_its_own_says_so() -> None:
    seen = traced("login: uid\ngroups:\n  - {to: vpn, group: staff, role: auditor}", roles={"auditor": 17})

    (line,) = piece(seen, "groups").parts
    assert (line.words, line.about, line.result) == ("vpn as auditor, if in group staff", "vpn", True)


def test_values_of_a_creation_are_part_of_it() -> None:
    seen = traced("login: uid\nat_creation: {access: 1, login2: sn}")

    (second,) = piece(seen, "at_creation").parts
    assert (second.path, second.result) == (("at_creation", "login2"), "Doe")


def test_no_key_of_a_mapping_is_left_out_but_what_is_about_the_service() -> None:
    """A key that is new in the language must show up here too."""
    keys = set(Document.model_fields) - {"protect", "matching", "store_anchor"}
    seen = traced(
        "{login: uid, firstname: uid, name: uid, mail: uid, phone: uid, language: uid, role: user, enabled: openldap,"
        " scope: [{group: staff}], groups: [{to: a, group: b}], extra: {k: uid}, at_creation: {login2: uid},"
        " include: [z], exclude: [x], protect: [y], matching: [login], store_anchor: a}"
    )

    assert {piece.path[0] for piece in seen.pieces} == keys
    assert all(piece.parts or piece.kind is not Kind.PARTS for piece in seen.pieces)


def test_what_decides_over_the_account_comes_first() -> None:
    seen = traced("mail: mail\nscope: [{group: staff}]\nlogin: uid\nexclude: [x]")

    assert [piece.path[0] for piece in seen.pieces] == ["exclude", "login", "scope", "mail"]
    assert isinstance(seen.outcome, Account)


def test_as_data_it_is_json_without_what_is_empty() -> None:
    seen = traced("login: uid\nscope: [{attribute: kind, present: true}]", changed(kind=None))

    data = json.loads(json.dumps([piece.data for piece in seen.pieces]))
    assert data == [
        {"rule": "login", "place": "m.yaml:1", "says": 'from "uid"', "text": "Jane", "read": {"uid": ["Jane"]}},
        {
            "rule": "scope",
            "place": "m.yaml:2",
            "says": "scope",
            "parts": [
                {
                    "rule": "scope.0",
                    "place": "m.yaml:2",
                    "says": "kind present",
                    "answer": "not known",
                    "read": {"kind": None},
                }
            ],
        },
    ]


@pytest.mark.parametrize(("answer", "words"), [(True, "yes"), (False, "no"), (None, "not known")])
def test_answers_have_words(answer: bool | None, words: str) -> None:
    assert answered(answer) == words


def test_every_step_of_a_value_that_can_be_written_is_shown() -> None:
    """A step that is new in the language must show up here too."""
    steps = set(Value.model_fields) - {"from_", "first", "value", "expr", "join", "match"}
    seen = traced(
        "login: {from: uid, trim: true, transliterate: true, lower: true, regex: {find: x, replace: y}, split: {by: _},"
        " substring: {length: 9}, date: {from: iso}, map: {jane: j}, phone: FR, prefix: p, suffix: s, max_length: 9,"
        " default: d}"
    )

    shown = {str(part.path[-1]) for part in piece(seen, "login").parts[1:]}
    assert shown | {"upper", "table"} == steps


def test_what_cannot_be_done_with_a_value_is_told_where_it_is_to_be_done() -> None:
    seen = traced("login: uid\nphone: {from: uid, phone: FR, prefix: x}")

    number, prefix = piece(seen, "phone").parts[1:]
    assert (number.result, "Jane" in number.problem) == (None, True)
    assert number.problem.startswith('"Jane" is no telephone number')
    assert number.data["problem"] == number.problem
    assert (prefix.result, prefix.problem) == (None, "")


def test_what_fails_inside_a_value_or_a_condition_is_told_there_and_nowhere_else() -> None:
    seen = traced(
        "login: uid\nphone: {first: [{from: uid, phone: FR}, sn], trim: true}\n"
        "enabled: {when: {all: [{not: {expr: 'int(entry.uid) > 3'}}, {attribute: uid, present: true}]}}"
    )

    assert [each.path for each in everything(piece(seen, "phone")) if each.problem] == [("phone", "first", 0, "phone")]
    (failed,) = [each for each in everything(piece(seen, "enabled")) if each.problem]
    assert failed.path == ("enabled", "when", "all", 0, "not")


def everything(whole: Piece) -> Iterator[Piece]:
    yield whole
    for part in whole.parts:
        yield from everything(part)


def test_a_step_that_a_later_default_makes_certain_is_empty_and_not_unknown() -> None:
    unknown = traced("login: {from: uid, map: {x: y}}")
    known = traced("login: {from: uid, map: {x: y}, prefix: p, default: d}")

    assert [part.result for part in piece(unknown, "login").parts] == ["Jane", None]
    assert [part.result for part in piece(known, "login").parts] == ["Jane", "", "", "d"]


def test_a_default_of_nothing_is_a_step_that_is_done() -> None:
    seen = traced('login: {from: uid, map: {x: y}, default: ""}')

    assert [(part.words, part.result) for part in piece(seen, "login").parts[1:]] == [("map", ""), ('default ""', "")]
