"""The mapping for Entra, tried on people whom the source reads."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iwds.cli.golden import Bench, bench, golden_people
from iwds.core.model import Account
from iwds.sources.entra import EntraSource
from tests.graph.server import GraphServer
from tests.graph.tenant import Tenant

MAPPINGS = Path(__file__).parents[3] / "mappings"
MAPPING, GOLDEN, ENTRIES = MAPPINGS / "entra.yaml", MAPPINGS / "tests/entra.yaml", MAPPINGS / "tests/entra.json"
UNSAID = "unsaid@corp.example.com"
"""Left without a word about being enabled: in a file that is empty, and of Graph it is not known."""


@pytest.fixture
def tenant() -> Tenant:
    """The people of the mapping's own entries, as they would stand in a tenant."""
    tenant, groups = Tenant(), dict[str, str]()
    for line in ENTRIES.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        key = tenant.user("", entry["id"], **{"accountEnabled": None, **_properties(entry["attributes"])})
        for name in entry["groups"]:
            tenant.join(groups.setdefault(name, groups.get(name) or tenant.group(name)), key)
    return tenant


def _properties(attributes: dict[str, Any]) -> dict[str, Any]:
    words = {"true": True, "false": False}
    plain = {name: value for name, value in attributes.items() if name != "id"}
    return plain | {"accountEnabled": words.get(attributes.get("accountEnabled") or "")}


@pytest.mark.parametrize("guests", [False, True])
def test_golden_people_come_out_as_they_must(
    source: Callable[..., EntraSource], graph: GraphServer, guests: bool
) -> None:
    tried = bench(MAPPING)

    def everybody(_: object) -> Iterator[Any]:
        yield from source(guests=guests).read(tried.rules.attributes)

    people = golden_people(GOLDEN, tried, everybody)

    assert {each.name for each in people if each.misses} == {UNSAID}
    assert graph.paths()[0] == "/users/delta"


def test_every_attribute_of_the_mapping_can_be_asked_for(source: Callable[..., EntraSource]) -> None:
    assert [finding.detail for finding in source().check(bench(MAPPING).rules.attributes) if not finding.ok] == []


def test_guests_come_in_under_their_address_as_the_mapping_s_comment_says(
    source: Callable[..., EntraSource], tenant: Tenant, tmp_path: Path
) -> None:
    (tmp_path / "guests.yaml").write_text(_with_guests(MAPPING.read_text(encoding="utf-8")), encoding="utf-8")
    guest, plain = tenant.user("al_x.org#EXT#", userType="Guest", mail="Al@X.org"), tenant.user("bo")
    tenant.join(next(key for key, group in tenant.groups.items() if group["displayName"] == "MFA-Users"), guest, plain)
    tried = bench(tmp_path / "guests.yaml")

    entries = {entry.anchor.id: entry for entry in source(guests=True).read(tried.rules.attributes)}

    made = [tried.rules.map(entries[key], tried.now) for key in (guest, plain)]
    assert [each.login for each in made if isinstance(each, Account)] == ["al@x.org", "bo@corp.example"]


def _with_guests(mapping: str) -> str:
    """Without the three clauses that the comment speaks of, and with the login that it gives."""
    lines = mapping.splitlines()
    (login,) = (line for line in lines if line.startswith("# login:") and "[^#]" in line)
    first = next(n for n, line in enumerate(lines) if n > lines.index("scope:") and line.startswith("  - "))
    kept = lines[:first] + lines[first + 3 :]
    return "\n".join(login.removeprefix("# ") if line.startswith("login:") else line for line in kept)


def test_a_group_may_be_named_by_its_id(source: Callable[..., EntraSource], tenant: Tenant, tmp_path: Path) -> None:
    text = MAPPING.read_text(encoding="utf-8")
    key = next(key for key, group in tenant.groups.items() if group["displayName"] == "MFA-Users")
    (tmp_path / "by-id.yaml").write_text(text.replace("group: MFA-Users", f"group: {key.upper()}"), encoding="utf-8")
    by_name, by_id = bench(MAPPING), bench(tmp_path / "by-id.yaml")

    entries = list(source().read(by_name.rules.attributes))

    def accounts(tried: Bench) -> list[Account]:
        return [made for entry in entries if isinstance(made := tried.rules.map(entry, tried.now), Account)]

    assert accounts(by_id) == accounts(by_name) != []
