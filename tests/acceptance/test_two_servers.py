"""Two real directory servers in one job: who is the same person, and whose word counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import Ran, iwds, sandbox, saved
from tests.servers.slapd import require_slapd

SUFFIX = "dc=example,dc=org"
SOURCE = """\
  {name}:
    kind: ldap
    urls: [{url}]
    ca_file: {ca_file}
    bind_dn: "{reader}"
    users: {{base: "{suffix}"}}
    {identity}
"""
CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
{sources}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  all: {{sources: [{order}], mapping: mapping.yaml, target: mfa}}
"""
SHARED = "realm: example company\n    id: employeeNumber"


def person(login: str, number: int, place: str) -> str:
    """Somebody whose mail address says which server it is from."""
    return (
        f"dn: uid={login},{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: {login}\nsn: {login}\n"
        f"employeeNumber: {number}\nmail: {login}@{place}.example\n\n"
    )


class Company:
    """Two servers, `hr` with ada and `it` with ada and bob, and a service to work on."""

    def __init__(self, folder: Path, servers: dict[str, PrivateSlapd], port: int) -> None:
        self._file, self._servers, self._port = folder / "config.yaml", servers, port
        (folder / "mapping.yaml").write_text("login: uid\nmail: mail\n", encoding="utf-8")

    def configure(self, *order: str, identity: str = SHARED) -> None:
        """Read the servers in this order, and know their people by this."""
        sources = "".join(
            SOURCE.format(
                name=name,
                url=server.tls_url,
                ca_file=server.ca_file,
                reader=server.reader_dn,
                suffix=SUFFIX,
                identity=identity,
            )
            for name, server in self._servers.items()
        )
        text = CONFIGURATION.format(sources=sources, port=self._port, order=", ".join(order))
        self._file.write_text(text, encoding="utf-8")

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        passwords = {f"IWDS_SOURCES__{name.upper()}__PASSWORD": s.reader_password for name, s in self._servers.items()}
        ran = iwds("--config", str(self._file), *arguments, env=passwords)
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    def mail(self, login: str) -> str:
        """The address that the service has."""
        return str(self.iwds("login", "show", login, "--json").json["login"]["mail"])


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    require_slapd()
    people = {"hr": person("ada", 1, "hr"), "it": person("ada", 1, "it") + person("bob", 2, "it")}
    files = {name: tmp_path / f"{name}.ldif" for name in people}
    for name, file in files.items():
        file.write_text(f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n{people[name]}", encoding="utf-8")
    with (
        PrivateSlapd(tmp_path / "hr", ldif=[files["hr"]]) as hr,
        PrivateSlapd(tmp_path / "it", ldif=[files["it"]]) as it,
        sandbox(tmp_path) as port,
    ):
        yield Company(tmp_path, {"hr": hr, "it": it}, port)


@pytest.mark.parametrize("order", [("hr", "it"), ("it", "hr")])
def test_of_one_person_on_two_servers_the_first_source_counts(company: Company, order: tuple[str, str]) -> None:
    company.configure(*order)
    company.iwds("apply", saved(company.iwds("plan", "all", code=2)), "--yes")

    assert company.mail("ada") == f"ada@{order[0]}.example"
    assert company.mail("bob") == "bob@it.example"
    company.iwds("plan", "all")


def test_two_people_of_two_directories_do_not_share_a_login(company: Company) -> None:
    company.configure("hr", "it", identity="id: entryUUID")
    planned = company.iwds("plan", "all", code=2)

    assert "duplicate" in planned.out
    company.iwds("apply", saved(planned), "--yes")
    assert company.mail("bob") == "bob@it.example"
    company.iwds("login", "show", "ada", code=64)
