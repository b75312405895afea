"""JSON Schemas: those that are shipped are those that the models make, and they know what the readers know."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # no types are shipped
import pytest

from iwds import examples
from iwds.errors import ConfigurationError
from iwds.mapping import Document
from iwds.mapping.golden import Golden
from iwds.schemas import SCHEMAS, shipped
from iwds.yamlmarks import load, parse, validate

ROOT = examples.folder()
EXAMPLES = [
    ("configuration", examples.config()),
    *(("mapping", file) for file in sorted((ROOT / "mappings").glob("*.yaml"))),
    *(("schedule", file) for file in sorted((ROOT / "schedules").glob("*.yaml"))),
    *(("golden", file) for file in sorted((ROOT / "golden").glob("*.yaml"))),
]


def complaints(name: str, data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name]())
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(data)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_shipped_schema_is_the_one_that_the_models_make(name: str) -> None:
    there = json.loads(shipped(ROOT)[name].read_text(encoding="utf-8"))

    assert there == SCHEMAS[name](), f"write it again: iwds schema {name} > schemas/{name}.json"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name]())


@pytest.mark.parametrize(("name", "file"), EXAMPLES, ids=lambda each: getattr(each, "name", each))
def test_a_shipped_file_fits_its_schema_and_leads_an_editor_to_it(name: str, file: Path) -> None:
    assert complaints(name, load(file).data) == []
    led = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text(encoding="utf-8"))
    assert led
    assert (file.parent / led[1]).resolve() == shipped(ROOT)[name].resolve()


MISSPELT = [
    ("mapping", "login: uid\nscop: []"),
    ("mapping", "login: {form: uid}"),
    ("mapping", "login: uid\nscope: [{attribut: x, equals: y}]"),
    ("mapping", "login: uid\nrole: boss"),
    ("mapping", "login: uid\nenabled: {as: openldap, also: [lokked]}"),
    ("mapping", "login: uid\nexclude: [{login: x, reson: y}]"),
    ("mapping", "login: uid\ngroups: [{to: a, group: b, exclusiv: true}]"),
    ("mapping", "mail: mail"),
    ("schedule", "job: x\ncorn: y"),
    ("golden", "people: {ada: {roll: user}}"),
    ("golden", "people: {ada: {role: boss}}"),
]


@pytest.mark.parametrize(("name", "text"), MISSPELT)
def test_what_is_misspelt_is_marked_by_the_schema_as_by_the_reader(name: str, text: str) -> None:
    marked = parse(text, "f.yaml")

    assert complaints(name, marked.data)
    models: dict[str, Any] = {"mapping": Document, "golden": Golden}
    if name in models:
        with pytest.raises(ConfigurationError):
            validate(models[name], marked.data, marked.where)


SHORT = [
    "login: uid",
    "login: {first: [uid, {from: mail, lower: true}]}",
    "{login: uid, role: manager, enabled: openldap, extra: {a: b}, exclude: [x, 'uid=x,dc=y'], language: {value: fr}}",
    "{login: uid, at_creation: {login2: uid, activation: link}, role: {default: user, rules: []}}",
    "{login: uid, at_creation: {activation: {value: link, mode: create-only}, access: {value: 0, mode: create-only}}}",
    "{login: uid, scope: [{not: {all: [{any: [{group: x}]}, {under: 'dc=x'}]}, reason: y}]}",
]


@pytest.mark.parametrize("text", SHORT)
def test_short_forms_and_long_ones_fit_as_the_reader_takes_them(text: str) -> None:
    marked = parse(text, "f.yaml")

    validate(Document, marked.data, marked.where)
    assert complaints("mapping", marked.data) == []


def configured(**change: Any) -> Any:
    """The example configuration with something else in its source `directory`."""
    data = load(examples.config()).data
    data["sources"]["directory"].update(change)
    return data


@pytest.mark.parametrize(
    "change",
    [
        {"page_size": "${env:PAGES}"},
        {"bind": "${file:bind}"},
        {"password": "${file:ldap-password}"},
        {"users": {"base": ["ou=a,dc=x", "ou=b,dc=x"]}},
        {"groups": {"base": "dc=x", "members": "uniqueMember"}},
    ],
)
def test_what_may_stand_in_a_configuration_fits(change: dict[str, Any]) -> None:
    assert complaints("configuration", configured(**change)) == []


@pytest.mark.parametrize(
    "change",
    [{"page_sise": 5}, {"page_size": "many"}, {"kind": "ldapp"}, {"bind": "simpel"}, {"complete": "of an ldif"}],
)
def test_each_kind_of_source_has_its_own_keys(change: dict[str, Any]) -> None:
    assert complaints("configuration", configured(**change))


@pytest.mark.parametrize(
    ("job", "fits"),
    [
        ({"delete_after": "30d", "leavers": "lock-then-delete"}, True),
        ({"delete_after": "a month"}, False),
        ({"limits": {"lock": {"floor": 3}}}, True),
        ({"limits": {"lokk": {"floor": 3}}}, False),
        ({"golden": "golden/x.yaml"}, True),
    ],
)
def test_a_job_has_its_keys(job: dict[str, Any], fits: bool) -> None:
    data = load(examples.config()).data
    data["jobs"]["company"].update(job)

    assert (complaints("configuration", data) == []) is fits


def test_what_may_come_from_the_environment_may_be_missing() -> None:
    data = load(examples.config()).data
    del data["targets"]["mfa"]["service_id"], data["jobs"]

    assert complaints("configuration", data) == []


def test_the_command_prints_them_and_names_those_that_there_are() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "iwds", "schema", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert json.loads(run("golden").stdout) == SCHEMAS["golden"]()
    wrong = run("golde")
    assert (wrong.returncode, "known: mapping" in wrong.stderr) == (64, True)
