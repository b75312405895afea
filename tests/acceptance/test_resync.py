"""`iwds resync` against a real slapd and the local MFA service: one person, now."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import PATIENCE, Company, Ran, World, gate, iwds, sandbox
from tests.servers.slapd import require_slapd

SUFFIX = "dc=example,dc=org"
PEOPLE = ("ada", "bob", "cleo", "dan")
CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
  staff:
    kind: ldap
    urls: [{url}]
    ca_file: {ca_file}
    bind_dn: "{reader}"
    users: {{base: "ou=people,{suffix}"}}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  staff: {{sources: [staff], mapping: mapping.yaml, target: mfa}}
"""
MAPPING = """\
scope:
  - attribute: employeeType
    in: [internal]
    reason: no employee
login: uid
name: sn
mail: mail
enabled: {when: {not: {attribute: carLicense, in: [revoked]}}}
"""
CODE = re.compile(r"\d{8,9}")


def person(login: str, **more: str) -> str:
    said = {"employeeType": "internal", "sn": login.title(), "mail": f"{login}@example.org", "uid": login, **more}
    lines = "".join(f"{name}: {value}\n" for name, value in said.items())
    return f"dn: cn={login},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\ncn: {login}\n{lines}\n"


class Office:
    """A directory, a service, and the command between them."""

    def __init__(self, folder: Path, server: PrivateSlapd, port: int) -> None:
        self.file, self.server = folder / "config.yaml", server
        text = CONFIGURATION.format(
            url=server.tls_url, ca_file=server.ca_file, reader=server.reader_dn, suffix=SUFFIX, port=port
        )
        self.file.write_text(text, encoding="utf-8")
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        ran = iwds(
            "--config", str(self.file), *arguments, env={"IWDS_SOURCES__STAFF__PASSWORD": self.server.reader_password}
        )
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        if arguments[0] == "resync" and "--json" not in arguments:
            assert all(len(line) <= 80 for line in ran.out.splitlines()), ran.out
        return ran

    def resync(self, who: str, *arguments: str, code: int = 0) -> Ran:
        return self.iwds("resync", who, "--yes", *arguments, code=code)

    def hire(self, login: str, **more: str) -> None:
        record = person(login, **more).replace("\nobjectClass", "\nchangetype: add\nobjectClass", 1)
        self.server.modify(record)

    def change(self, login: str, attribute: str, value: str) -> None:
        self.server.modify(
            f"dn: cn={login},ou=people,{SUFFIX}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        )

    def fire(self, login: str) -> None:
        self.server.modify(f"dn: cn={login},ou=people,{SUFFIX}\nchangetype: delete\n")

    def status(self, login: str) -> int:
        return int(self.iwds("login", "show", login, "--json").json["login"]["status"])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Four people after their first run."""
    require_slapd()
    base = f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\ndn: ou=people,{SUFFIX}\n"
    base += "objectClass: organizationalUnit\nou: people\n\n"
    (tmp_path / "people.ldif").write_text(f"{base}{''.join(map(person, PEOPLE))}", encoding="utf-8")
    with PrivateSlapd(tmp_path / "slapd", ldif=[tmp_path / "people.ldif"]) as server, sandbox(tmp_path) as port:
        made = Office(tmp_path, server, port)
        made.iwds("run", "staff")
        yield made


def test_somebody_new_has_a_login_at_once_and_a_code_on_standard_output_alone(office: Office) -> None:
    office.hire("ida")
    office.hire("joe")
    assert "create ida" in office.iwds("resync", "ida@example.org", "--dry-run", code=2).out
    made = office.resync("ida@example.org", "--code", "now", "--reason", "first day", "--ticket", "T-1")

    assert CODE.fullmatch(made.out.strip()), made.out
    code = made.out.strip()
    assert "create ida" in made.err
    assert office.status("ida") == 0
    office.iwds("login", "show", "joe", code=64)
    (run, _) = office.iwds("history", "--json").json["runs"]
    assert (run["command"], run["summary"]) == ("resync", "resync ida: 1 done")
    for command in (("show", run["id"], "--all"), ("show", run["id"], "--json"), ("audit", "--json"), ("history",)):
        assert code not in office.iwds(*command).out
    (row,) = office.iwds("audit", "ida", "--json").json["audit"]
    assert (row["action"], row["reason"], row["ticket"], row["result"]) == ("resync", "first day", "T-1", "done")
    office.iwds("run", "staff")
    office.iwds("plan", "staff")


def test_who_is_disabled_or_out_of_scope_is_locked_and_who_is_gone_is_not(office: Office) -> None:
    office.change("ada", "carLicense", "revoked")
    office.change("bob", "employeeType", "external")
    office.fire("cleo")
    office.resync("ada")
    office.resync("bob")
    gone = office.resync("cleo", code=3)

    assert "not being found proves nothing" in " ".join(gone.out.split())
    assert "iwds login lock cleo" in gone.out
    assert [office.status(who) for who in ("ada", "bob", "cleo", "dan")] == [1, 1, 0, 0]
    assert "nobody is found" in office.resync("zoe", code=64).err
    dry = office.iwds("resync", "cleo", "--dry-run", "--json", code=3).json
    assert (dry["schema"], dry["exit"], dry["run"], len(dry["waits"])) == (1, 3, None, 1)


def test_of_two_who_want_one_login_nobody_gets_it(office: Office) -> None:
    office.hire("ida")
    office.hire("ida2", uid="ida", mail="ida2@example.org")
    told = office.resync("ida2@example.org")
    assert "duplicate: 2 people want the login ida" in told.out
    office.iwds("login", "show", "ida", code=64)
    several = office.resync("ida", code=3)
    assert several.out.count("iwds resync ") == 2
    assert len(office.resync("ida", "--json", code=3).json["several"]) == 2


def test_who_is_there_already_is_told_how_to_get_a_code(office: Office) -> None:
    told = office.resync("ada", "--code", "now")
    assert told.out == ""
    assert "iwds login code ada" in told.err
    assert "alone on standard output" in office.resync("ada", "--code", "now", "--json", code=64).err


def test_what_does_not_answer_is_worth_trying_again(office: Office) -> None:
    office.server.stop()
    try:
        office.resync("ada", code=75)
    finally:
        office.server.start()


def test_a_run_that_holds_the_service_is_waited_for(world: World) -> None:
    """The night creates everybody; while it is held at the first creation, somebody asks for one person."""
    uid = "claire.martin"
    with gate(world.port) as (keeper, port):
        world.at(port)
        keeper.hold_creations()
        with world.start("run", "company") as night:
            assert keeper.held.acquire(timeout=PATIENCE)
            late = world.iwds("resync", uid, "--yes", "--wait", "0", code=3)
            assert f"pid {night.pid} since" in late.err
            world.iwds("resync", uid, "--dry-run", code=2)
            with world.start("resync", uid, "--yes") as one:
                assert one.stderr is not None
                assert "Waiting: " in one.stderr.readline()
                keeper.go.set()
                out, _ = one.communicate(timeout=PATIENCE)
            assert night.wait(PATIENCE) == 0
    assert one.returncode == 0, out
    assert "Nothing to do." in out
    commands = [(run["command"], run["exit_code"]) for run in world.iwds("history", "--json").json["runs"]]
    assert sorted(commands) == [("resync", 0), ("resync", 3), ("run", 0)]


def test_without_a_terminal_nobody_is_there_to_answer(settled: World) -> None:
    settled.company.change("claire.martin", "sn: ", "sn: New")
    settled.save()
    assert "--yes" in settled.iwds("resync", "claire.martin", code=64).err
    settled.iwds("resync", "claire.martin", "--json", code=64)
    settled.iwds("plan", "company", code=2)
    settled.iwds("resync", "claire.martin", "--yes")
    settled.iwds("plan", "company")
    assert "last run" in settled.iwds("status").out
    assert "resync" not in settled.iwds("status").out


def test_a_report_only_job_only_shows(tmp_path: Path) -> None:
    with sandbox(tmp_path) as port:
        world = World(tmp_path / "home", port, Company(people=5))
        world.env["IWDS_JOBS__COMPANY__MODE"] = "report"
        world.iwds("resync", "claire.martin", "--dry-run", code=2)
        assert "cannot write" in world.iwds("resync", "claire.martin", "--yes", code=78).err
