"""Runs of what changed against a real OpenLDAP and a real service, by nothing but commands."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import Ran, gate, iwds, sandbox
from tests.servers.slapd import telling_slapd

SUFFIX = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
  corp:
    kind: ldap
    urls: ["{url}"]
    ca_file: {ca_file}
    bind_dn: {bind_dn}
    users: {{base: "{people}"}}
    groups: {{base: "{groups}"}}
targets:
  mfa: {{kind: provisioning, url: "http://127.0.0.1:{port}/v2/services/ConsoleAdmin", service_id: 10408, provisioning_id: 20}}
jobs:
  corp: {{sources: [corp], mapping: mapping.yaml, target: mfa, incremental: {{}}}}
"""  # noqa: E501
MAPPING = """\
login: {from: uid, lower: true}
firstname: givenName
name: sn
mail: mail
enabled: {when: {attribute: employeeType, in: [staff]}}
groups:
  - {to: vpn, group: remote}
  - {to: wiki, group: office}
"""
_OPERATION = re.compile(rb"<[^<>]*Body[^<>]*>\s*<(?:\w+:)?(\w+)")


def person(uid: str) -> str:
    """An entry without what makes it a change."""
    attributes = f"uid: {uid}\ncn: {uid}\nsn: Name\ngivenName: {uid.title()}\nmail: {uid}@example.org"
    return f"dn: uid={uid},{PEOPLE}\n{{change}}objectClass: inetOrgPerson\n{attributes}\nemployeeType: staff\n\n"


def group(name: str, *members: str) -> str:
    lines = "".join(f"member: {member}\n" for member in members)
    return f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n"


def dn(uid: str) -> str:
    return f"uid={uid},{PEOPLE}"


LDIF = "".join(
    (
        f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\nentryUUID: 11111111-0000-4000-8000-000000000001\n\n",
        *(f"dn: ou={name},{SUFFIX}\nobjectClass: organizationalUnit\nou: {name}\n\n" for name in ("people", "groups")),
        *(person(f"p{number:02}").format(change="") for number in range(20)),
        group("remote", dn("p00"), dn("p01"), dn("p02"), dn("p03")),
        group("team", dn("p04"), dn("p05")),
        group("office", dn("p06"), dn("p07"), f"cn=team,{GROUPS}"),
        group("guests", dn("p08")),
    )
).replace("\n\n", "\ncreateTimestamp: 20200101000000Z\n\n")


@dataclass
class Corp:
    """A configuration in a folder, a directory that tells what changed, and a service to work on."""

    folder: Path
    server: PrivateSlapd
    port: int
    bodies: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        self.configure(self.server.reader_dn)

    def configure(self, bind_dn: str) -> None:
        where = {"url": self.server.tls_url, "ca_file": self.server.ca_file, "bind_dn": bind_dn, "port": self.port}
        text = CONFIGURATION.format(people=PEOPLE, groups=GROUPS, **where)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def iwds(self, *arguments: str, code: int = 0, password: str = "") -> Ran:
        secret = password or self.server.reader_password
        config = str(self.folder / "config.yaml")
        ran = iwds("--config", config, *arguments, env={"IWDS_SOURCES__CORP__PASSWORD": secret})
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    def calls(self) -> Counter[str]:
        """What the service was asked since the last time."""
        asked = Counter(found[1].decode() for body in self.bodies if (found := _OPERATION.search(body)))
        self.bodies.clear()
        return asked

    def restarted(self) -> None:
        """The directory started again, at the same ports."""
        self.server.stop()
        assert self.server._listen(last=True)

    def remember(self, statement: str) -> None:
        """Change what the command remembers."""
        with closing(sqlite3.connect(self.folder / "iwds.db")) as state, state:
            assert state.execute(statement).rowcount == 1

    def login(self, name: str) -> Any:
        return self.iwds("login", "show", name, "--json").json["login"]


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[Corp]:
    """After the first run."""
    ldif = tmp_path / "corp.ldif"
    ldif.write_text(LDIF, encoding="utf-8")
    with telling_slapd(tmp_path / "slapd", ldif) as server, sandbox(tmp_path) as port, gate(port) as (keeper, door):
        server.modify(change(GROUPS, "replace: description", "description: so that the log has begun"))
        corp = Corp(tmp_path, server, door)
        keeper.answered = corp.bodies.append
        corp.iwds("run", "corp")
        yield corp


def change(dn: str, *lines: str) -> str:
    return "\n".join((f"dn: {dn}", "changetype: modify", *lines, "", ""))


def a_day() -> str:
    """What may become of people between two runs."""
    return "".join(
        (
            person("new").format(change="changetype: add\n"),
            change(dn("p09"), "replace: mail", "mail: other@example.org"),
            change(dn("p10"), "replace: employeeType", "employeeType: left"),
            change(f"cn=remote,{GROUPS}", f"add: member\nmember: {dn('p11')}\n-\ndelete: member\nmember: {dn('p00')}"),
            change(f"cn=team,{GROUPS}", f"add: member\nmember: {dn('p12')}\n-\ndelete: member\nmember: {dn('p04')}"),
            change(f"cn=office,{GROUPS}", f"add: member\nmember: cn=guests,{GROUPS}"),
            f"dn: {dn('p13')}\nchangetype: delete\n\n",
            f"dn: {dn('p06')}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\n",
            change(
                f"cn=office,{GROUPS}", f"add: member\nmember: {dn('renamed')}\n-\ndelete: member\nmember: {dn('p06')}"
            ),
            change(dn("p14"), "replace: description", "description: nothing that the mapping reads"),
        )
    )


WRITTEN = {"loginUpdate": 4, "groupAccountCreate": 3, "groupAccountDelete": 2}
ALWAYS = {"IWDS_check": 1, "serviceGroupsQuery": 1, "loginCreateBySource": 1}
"""What every run asks; the creation only asks whether the service knows tags."""


def everybody(ran: Ran) -> str:
    """Why everybody was read, as the end of the run says."""
    *_, end = ran.out.split("\n\n")
    found = re.search(r"everybody was read: (.*) run \w+, exit", " ".join(end.split()))
    return found[1] if found else ""


def test_what_changed_is_made_for_whom_it_changed_and_a_run_of_everybody_finds_nothing_missed(corp: Corp) -> None:
    corp.calls()
    nothing = corp.iwds("run", "corp", "--changes", "--json").json
    assert (nothing["looked_at"], nothing["summary"]) == (0, "changes of 0 people: nothing to do")
    assert corp.calls() == ALWAYS
    assert "what changed is asked since" in " ".join(corp.iwds("status", "corp").out.split())

    corp.server.modify(a_day())
    ran = corp.iwds("run", "corp", "--changes", "--json").json
    asked = corp.calls()
    assert (ran["summary"], ran["looked_at"], ran["waiting"]) == ("changes of 11 people: 10 done", 11, 0)
    assert {name: asked[name] for name in WRITTEN} == WRITTEN
    assert asked["loginCreateBySource"] == 2
    assert asked["loginQuery"] <= 15
    people = ("new", "p09", "p10", "p13", "p00", "p11", "p04", "p12", "p08", "renamed")
    logins = {who: corp.iwds("login", "show", who, "--json").json for who in people}
    assert logins["p09"]["login"]["mail"] == "other@example.org"
    assert {who for who in people if logins[who]["login"]["status"]} == {"p10", "p13"}

    corp.calls()
    full = corp.iwds("run", "corp", "--json").json
    assert (full["summary"], full.get("missed")) == ("nothing to do", None)
    assert corp.calls() == ALWAYS | {"loginsQuery": 1, "loginsQueryByGroup": 2}


def test_after_its_session_log_was_lost_a_directory_goes_on_from_the_mark_and_proves_who_was_deleted(
    corp: Corp,
) -> None:
    corp.server.modify(f"dn: {dn('p13')}\nchangetype: delete\n\n")
    corp.restarted()
    ran = corp.iwds("run", "corp", "--changes")
    assert not everybody(ran)
    assert "changes of 1 person: 1 done" in ran.out
    assert corp.login("p13")["status"] == 1


def test_where_a_mark_is_lost_everybody_is_read_and_the_run_says_why_within_80_columns(corp: Corp) -> None:
    why = "corp: What was kept to go on from is no mark"
    corp.server.modify(change(dn("p09"), "replace: mail", "mail: other@example.org"))
    corp.remember("update source_mark set mark = 'garbage'")
    assert f"everybody was read: {why}" in " ".join(corp.iwds("plan", "corp", "--changes", code=2).out.split())
    ran = corp.iwds("run", "corp", "--changes")
    assert everybody(ran) == why
    assert "1 done" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert corp.login("p09")["mail"] == "other@example.org"
    assert not everybody(corp.iwds("run", "corp", "--changes"))

    corp.remember("update source_mark set mark = replace(mark, 'cn=reader,', 'cn=another,')")
    assert (
        everybody(corp.iwds("run", "corp", "--changes"))
        == "corp: What was kept to go on from belongs to another account"
    )

    corp.configure(corp.server.admin_dn)
    ran = corp.iwds("run", "corp", "--changes", code=3, password=corp.server.admin_password)
    assert everybody(ran) == "the configuration is another one than that last applied"
