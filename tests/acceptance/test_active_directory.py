"""From a real Active Directory domain into a real service, by nothing but commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import ROOT, Ran, iwds, sandbox, saved
from tests.servers.domain import ADA, DMITRI, GROUP_BASE, PASSWORD, READER, STAFF, SUFFIX, person
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
  corp: {{sources: [corp], mapping: mapping.yaml, target: mfa, incremental: {{}}, limits: {{lock: {{floor: 9}}}}}}
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


TEMPLATES = {
    "active-directory": "chloe",
    "active-directory-upn": "chloe@corp.example",
    "active-directory-domain": r"CORP\chloe",
}
"""Mappings to copy, and the login that each makes of somebody whom no test here changes."""


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

    def copied(self, template: str) -> Path:
        """A mapping that is shipped, changed for this domain as an administrator would."""
        text = (ROOT / "mappings" / f"{template}.yaml").read_text(encoding="utf-8")
        for shipped, ours in (("DC=corp,DC=example,DC=com", SUFFIX), ("corp\\\\.example\\\\.com", "corp\\\\.example")):
            text = text.replace(shipped, ours).replace(shipped.lower(), ours.lower())
        for group in ("group: MFA-Users", 'group: {matches: "^mfa-"}'):
            text = text.replace(f"- {group}", "- group: salaried")
        file = self._file.parent / f"{template}.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    def status(self, login: str) -> int:
        """0 active, 1 locked."""
        return int(self.iwds("login", "show", login, "--json").json["login"]["status"])


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corp]:
    folder = tmp_path_factory.mktemp("corp")
    with samba(tmp_path_factory) as domain, sandbox(folder) as port:
        yield Corp(folder, domain, port)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mapping_to_copy_knows_the_attributes_and_the_groups_of_a_domain(corp: Corp, template: str) -> None:
    login, file = TEMPLATES[template], corp.copied(template)

    made = corp.iwds("mapping", "try", str(file), "--login", login, "--json").json

    assert made["absent"] is None
    account = made["account"]
    assert (account["login"], account["firstname"], account["name"]) == (login, "Chloe", "Dion")
    assert account["enabled"] is False  # accountExpires has come
    assert account["role"] == "user"


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


def test_what_changed_is_made_for_whom_it_changed_and_a_run_of_everybody_finds_nothing_missed(corp: Corp) -> None:
    names = {login: f"{login.title()} Name" for login in ("mail", "off", "joins", "leaves", "goes", "old")}
    people = {login: f"CN={name},{STAFF}" for login, name in names.items()}
    for login, name in names.items():
        corp.domain.modify(person(login, name, STAFF, f"mail: {login}@corp.example"))
    developers = f"dn: CN=developers,{GROUP_BASE}\nchangetype: modify\n"
    corp.domain.modify(f"{developers}add: member\nmember: {people['leaves']}\n")
    corp.iwds("run", "corp")
    assert corp.iwds("run", "corp", "--changes", "--json").json["looked_at"] == 0

    corp.domain.modify(person("hired", "Hired Name", STAFF, "mail: hired@corp.example"))
    corp.domain.modify(_changed(people["mail"], "mail", "other@corp.example"))
    corp.domain.modify(_changed(people["off"], "userAccountControl", "514"))
    corp.domain.modify(
        f"{developers}add: member\nmember: {people['joins']}\n-\ndelete: member\nmember: {people['leaves']}\n"
    )
    corp.domain.modify(f"dn: {people['goes']}\nchangetype: delete\n")
    corp.domain.modify(_changed(people["old"], "sAMAccountName", "young"))
    corp.domain.modify(f"dn: {people['old']}\nchangetype: modrdn\nnewrdn: CN=Young Name\ndeleteoldrdn: 1\n")
    ran = corp.iwds("run", "corp", "--changes", "--json").json

    made = dict.fromkeys(("create", "update", "lock", "add", "remove", "rename"), 1)
    assert (ran["changes"], ran["skips"], ran["summary"]) == (made, {}, "changes of 6 people: 6 done")
    assert "does not show who was deleted" in " ".join(corp.iwds("show", ran["plan"]).out.split())
    assert [corp.status(login) for login in ("hired", "off", "young", "goes")] == [0, 1, 0, 0]

    full = corp.iwds("run", "corp", "--json").json
    assert (full["changes"], full.get("missed")) == ({"lock": 1}, None)
    assert corp.status("goes") == 1


def _changed(dn: str, attribute: str, value: str) -> str:
    return f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
