"""The mappings that are shipped load, and do what their comments say."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.cli.golden import bench, from_file, golden_people
from iwds.core.dn import normalise_dn
from iwds.core.model import Account, fold
from iwds.mapping import load
from iwds.mapping.entries import load_entries
from iwds.mapping.golden import load_golden
from iwds.mapping.texts import is_dn

FOLDER = Path(__file__).parents[3] / "mappings"
FILES = sorted(FOLDER.glob("*.yaml"))
TESTS = FOLDER / "tests"
TEMPLATES = [file for file in FILES if file.stem != "sample-company"]
"""All but that of the demo, whose golden people are in golden/."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_shipped_mapping_loads_and_excludes_and_protects_somebody(file: Path) -> None:
    rules = load(file)

    assert "admin" in rules.protected
    assert rules.groups
    assert all(name == name.lower() for name in rules.attributes)


def test_there_is_a_template_for_each_kind_of_directory_and_each_has_its_people() -> None:
    assert {file.stem for file in TEMPLATES} == {
        *("active-directory", "active-directory-upn", "active-directory-domain", "openldap", "entra", "hr-csv"),
        *("several-directories", "staff", "contractors"),
    }
    assert {file.name for file in TEMPLATES} == {file.name for file in TESTS.glob("*.yaml")}
    assert {file.stem for file in TEMPLATES} == {file.stem for file in TESTS.glob("*.json")}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_the_people_of_a_template_come_out_as_they_must(file: Path) -> None:
    tried, entries = bench(file), TESTS / f"{file.stem}.json"
    people = golden_people(TESTS / file.name, tried, lambda _: from_file(entries, tried.rules.attributes))

    assert [(each.name, miss) for each in people for miss in each.misses] == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_everybody_of_a_template_s_entries_is_told_and_everybody_who_is_told_is_there(file: Path) -> None:
    written, _ = load_golden(TESTS / file.name)
    told = {normalise_dn(name) if is_dn(name) else fold(name) for name in written.people}

    reached = [told & names for names in names_in(file)]

    assert all(reached)
    assert told - frozenset[str]().union(*reached) == set()


def names_in(file: Path) -> Iterator[set[str]]:
    """For each entry, the names by which it may be told."""
    tried = bench(file)
    for entry in load_entries(TESTS / f"{file.stem}.json", tried.rules.attributes):
        login = fold(tried.rules.map(entry, tried.now).login)
        yield {login, fold(entry.anchor.id), normalise_dn(entry.name) if is_dn(entry.name) else ""} - {""}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_the_people_of_a_template_are_of_all_kinds(file: Path) -> None:
    """Disabled, without an account, hardly filled in, of one name, and of letters beyond ASCII."""
    tried = bench(file)
    people = list(load_entries(TESTS / f"{file.stem}.json", tried.rules.attributes))
    made = [account for entry in people if isinstance(account := tried.rules.map(entry, tried.now), Account)]
    names = [(account.firstname, account.name) for account in made]

    assert {True, False} <= {account.enabled for account in made}
    assert len(made) <= len(people) - 2
    assert any(not account.firstname or not account.mail for account in made)
    assert len(set(names)) < len(names)
    assert not all((account.firstname or "").isascii() and (account.name or "").isascii() for account in made)


def test_nobody_is_both_staff_and_a_contractor() -> None:
    """Two jobs on one service: whoever is in both mappings would be fought over."""
    staff, contractors = (bench(FOLDER / name) for name in ("staff.yaml", "contractors.yaml"))
    asked = staff.rules.attributes | contractors.rules.attributes
    for name in ("staff", "contractors"):
        for entry in load_entries(TESTS / f"{name}.json", asked):
            made = [each.rules.map(entry, each.now) for each in (staff, contractors)]
            assert not all(isinstance(each, Account) for each in made), entry.name
