"""From a real Active Directory domain into a real service, by nothing but commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import Ran, iwds, sandbox, saved
from tests.servers.domain import ADA, DMITRI, GROUP_BASE, PASSWORD, READER, STAFF, SUFFIX
from tests.servers.samba import PrivateSamba, samba

CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
  corp:
    kind: ldap
    urls: [{url}]
    ca_file: {ca_file}
    bind_dn: 'CORP\\{reader}'
    id: objectGUID
    users: {{base: "{staff}", filter: "(&(objectCategory=person)(objectClass=user))"}}
    groups: {{base: ["{groups}", "CN=Users,{suffix}"]}}
    canaries: [bjorn]
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  corp: {{sources: [corp], mapping: mapping.yaml, target: mfa}}
"""
MAPPING = """\
login: {from: sAMAccountName, lower: true}
firstname: givenName
name: {first: [sn, displayName]}
mail: {first: [mail, userPrincipalName]}
enabled: active-directory
groups:
  - {to: vpn, group: everybody}
  - {to: wiki, group: visitors}
"""


class Corp:
    """A configuration in a folder, a domain, and a service to work on."""

    def __init__(self, folder: Path, domain: PrivateSamba, port: int) -> None:
        self.domain = domain
        self._file = folder / "config.yaml"
        names = {"reader": READER, "staff": STAFF, "groups": GROUP_BASE, "suffix": SUFFIX}
        where = {"url": domain.tls_url, "ca_file": domain.ca_file, "port": port}
        self._file.write_text(CONFIGURATION.format(**names, **where), encoding="utf-8")
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        ran = iwds("--config", str(self._file), *arguments, env={"IWDS_SOURCES__CORP__PASSWORD": PASSWORD})
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    def settle(self) -> None:
        """Plan, and apply that very plan."""
        self.iwds("apply", saved(self.iwds("plan", "corp", code=2)), "--yes")

    def status(self, login: str) -> int:
        """0 active, 1 locked."""
        return int(self.iwds("login", "show", login, "--json").json["login"]["status"])


@pytest.fixture
def corp(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corp]:
    with samba(tmp_path_factory) as domain, sandbox(tmp_path) as port:
        yield Corp(tmp_path, domain, port)


def test_people_come_with_their_groups_and_are_locked_when_they_leave_or_are_disabled(corp: Corp) -> None:
    assert "bjorn" not in corp.iwds("check", "corp").out
    corp.settle()
    ada = corp.iwds("login", "show", "ada", "--json").json["login"]
    assert (ada["status"], ada["mail"]) == (0, "ada.lovelace@corp.example")
    corp.iwds("login", "show", "bjorn", code=64)  # disabled

    corp.domain.modify(f"dn: {ADA}\nchangetype: delete\n")
    corp.domain.modify(f"dn: {DMITRI}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n")
    corp.settle()
    assert (corp.status("ada"), corp.status("dmitri")) == (1, 1)
    corp.iwds("plan", "corp")
