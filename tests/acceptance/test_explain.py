"""`iwds explain` about people of a real directory and logins of a real service, by nothing but the command."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import Ran, iwds, sandbox
from tests.servers.company import GROUP_BASE, IDS, REALM, SUFFIX, write
from tests.servers.slapd import require_slapd

CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
  corp:
    kind: ldap
    urls: [{url}]
    ca_file: {ca_file}
    bind_dn: {reader}
    users: {{base: "ou=people,{suffix}"}}
    groups: {{base: "{groups}"}}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  corp: {{sources: [corp], mapping: mapping.yaml, target: mfa}}
schedules: schedules
"""
MAPPING = """\
scope:
  - under: "ou=people,dc=example,dc=org"
  - not: {attribute: description, equals: leave}
    reason: is to leave
login: {from: uid, lower: true}
name: sn
mail: mail
phone: mobile
groups:
  - {to: vpn, group: all}
  - {to: wiki, group: developers}
"""
SCHEDULE = 'job: corp\ncron: "0 2 * * *"\ntimezone: UTC\n'


class Corp:
    """A configuration in a folder, a directory, and a service to work on."""

    def __init__(self, folder: Path, server: PrivateSlapd, port: int) -> None:
        self.folder, self.server, self.port = folder, server, port
        folder.mkdir()
        (folder / "schedules").mkdir()
        (folder / "schedules" / "nightly.yaml").write_text(SCHEDULE, encoding="utf-8")
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        self.configure()

    def configure(self, **changes: object) -> None:
        where = {"url": self.server.tls_url, "ca_file": self.server.ca_file, "reader": self.server.reader_dn}
        more = {"suffix": SUFFIX, "groups": GROUP_BASE, "port": self.port}
        text = CONFIGURATION.format(**{**where, **more, **changes})
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        env = {"IWDS_SOURCES__CORP__PASSWORD": self.server.reader_password}
        ran = iwds("--config", str(self.folder / "config.yaml"), *arguments, env=env)
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    def page(self, who: str, code: int = 0) -> str:
        """The page on one line, words apart by one space; it fits 80 columns."""
        ran = self.iwds("explain", who, code=code)
        assert all(len(line) <= 80 for line in ran.out.splitlines())
        return " ".join(ran.out.split())

    def change(self, ldif: str) -> None:
        self.server.modify(ldif)


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corp]:
    """A company after its first run, which no test changes."""
    require_slapd()
    folder = tmp_path_factory.mktemp("explain")
    with PrivateSlapd(folder / "slapd", ldif=[write(folder)]) as server, sandbox(folder) as port:
        corp = Corp(folder / "home", server, port)
        corp.iwds("run", "corp")
        yield corp


def test_who_is_as_they_should_be_is_told_so_and_why(corp: Corp) -> None:
    page = corp.page("ada")

    assert page.startswith("ada in job corp Has an account, and everything is as it should be.")
    assert f"source corp, {corp.server.tls_url}" in page
    assert f"id {IDS['ada']} directory {REALM}" in page
    assert "mail ada@example.org, countess@example.org" in page
    assert "empty: description, mobile" in page
    assert "yes below ou=people,dc=example,dc=org (mapping.yaml:2)" in page
    assert "yes not (description = leave) (mapping.yaml:3)" in page
    assert re.search(r"#\d+ ada, by our memory, which names this login ours: created as ada", page)
    assert "mail ada@example.org ada@example.org" in page
    assert "given once activation inactive, language en, access 1" in page
    assert "difference cannot be seen" in page
    assert "= vpn: member as user; should be yes: in group all (mapping.yaml:10)" in page
    assert "they > developers > staff > all > vpn" in page
    assert "they > developers > wiki" in page
    assert "activation not activated: there is a code, which is not switched on yet" in page
    assert "create ada (Lovelace, ada@example.org): done, run" in page
    assert re.search(r"What the next run would do, \w{3} \d+ \w{3} \d{4} 02:00 nothing$", page)
    assert "iwds resync" not in page


@pytest.mark.parametrize("who", ["ADA", "countess@example.org", f"UID=Ada,OU=people,{SUFFIX}", IDS["ada"]])
def test_a_person_is_named_in_any_way(corp: Corp, who: str) -> None:
    assert corp.page(who).startswith("ada in job corp Has an account")


def test_data_says_what_the_page_says(corp: Corp) -> None:
    data = corp.iwds("explain", "ada", "--json").json

    assert (data["schema"], data["who"], data["several"]) == (1, "ada", [])
    (job,) = data["jobs"]
    assert job["anchor"]["id"] == IDS["ada"]
    assert job["attributes"]["mobile"] == []
    assert [clause["answer"] for clause in job["scope"]] == [True, True]
    (vpn,) = (each for each in job["groups"] if each["group"] == "vpn")
    everybody = f"cn=all,{GROUP_BASE}"
    assert vpn["paths"][everybody] == [f"cn={name},{GROUP_BASE}" for name in ("developers", "staff", "all")]
    assert (job["changes"], job["left_alone"], job["on_absence"], job["failed"]) == ([], [], [], {})


def test_who_is_outside_of_the_base_is_found_there(corp: Corp) -> None:
    page = corp.page("eve")

    assert "outside base and filter of the sources: no run reads them" in page
    assert f"uid=eve,ou=former,{SUFFIX}" in page
    assert "NO below ou=people,dc=example,dc=org (mapping.yaml:2)" in page
    assert "nothing" in page


def test_who_has_a_login_that_cannot_be_is_told_why(corp: Corp) -> None:
    page = corp.page("björn")

    assert "Gets no account: cannot be mapped" in page
    assert "invalid:" in page


def test_nobody_is_a_wrong_command_line_and_no_leaver(corp: Corp) -> None:
    ran = corp.iwds("explain", "nobody", code=64)

    assert ran.out == ""
    assert "no proof that they are gone" in " ".join(ran.err.split())


def test_a_directory_that_is_down_leaves_what_is_known(corp: Corp) -> None:
    corp.configure(url="ldaps://127.0.0.1:1")
    try:
        page = corp.page("ada", code=75)
    finally:
        corp.configure()

    assert "corp does not answer, so what a run would do cannot be told." in page
    assert "ours: created as ada" in page
    assert "activation not activated" in page
    assert "iwds check corp" in page
    assert "Not found" not in page


def test_a_service_that_is_down_leaves_what_is_known(corp: Corp) -> None:
    corp.configure(port=1)
    try:
        page = corp.page("ada", code=75)
    finally:
        corp.configure()

    assert "service does not answer" in page
    assert "mail ada@example.org, countess@example.org" in page
    assert "yes below ou=people" in page
    assert "What the next run" not in page


CHANGES = f"""\
dn: uid=ada,ou=people,{SUFFIX}
changetype: modify
replace: description
description: leave

dn: uid=eve,ou=former,{SUFFIX}
changetype: modrdn
newrdn: uid=eve
deleteoldrdn: 0
newsuperior: ou=people,{SUFFIX}

dn: uid=grace,ou=people,{SUFFIX}
changetype: add
objectClass: inetOrgPerson
uid: grace
cn: Grace
sn: Hopper

dn: uid=grace,ou=former,{SUFFIX}
changetype: add
objectClass: inetOrgPerson
uid: grace
cn: Grace
sn: Other

"""


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corp]:
    """The directory moved on since the run."""
    require_slapd()
    folder = tmp_path_factory.mktemp("moved")
    with PrivateSlapd(folder / "slapd", ldif=[write(folder)]) as server, sandbox(folder) as port:
        corp = Corp(folder / "home", server, port)
        corp.iwds("run", "corp")
        corp.iwds("login", "lock", "dmitri", "--reason", "phone stolen", "--ticket", "T-1")
        server.modify(CHANGES)
        yield corp


class TestAfterAChange:
    def test_who_is_out_of_scope_now_is_told_by_which_clause_and_would_be_locked(self, moved: Corp) -> None:
        page = moved.page("ada")

        assert "Gets no account: out of scope: is to leave (mapping.yaml:3); 1 change would be made." in page
        assert "yes below ou=people" in page
        assert "NO not (description = leave) (mapping.yaml:3)" in page
        assert "- lock ada: status active > locked -- out of scope: is to leave" in page
        assert "iwds resync ada --job corp" in page

    def test_who_came_would_be_created(self, moved: Corp) -> None:
        page = moved.page("eve")

        assert "Gets a login: 1 change would be made." in page
        assert "Login on the service none yet" in page
        assert "+ create eve (Evans) -- in the directory, no login yet" in page
        assert "iwds resync eve --job corp" in page

    def test_several_people_who_fit_are_listed_with_what_names_each(self, moved: Corp) -> None:
        ran = moved.iwds("explain", "grace", code=3)

        assert "Several people fit" in ran.out
        named = re.findall(r"iwds explain (\S+) --job corp", ran.out)
        assert len(named) == 2
        pages = [moved.page(each) for each in named]
        assert {"Hopper" in page for page in pages} == {True, False}
        assert [each["name_by"] for each in moved.iwds("explain", "grace", "--json", code=3).json["several"]] == named

    def test_a_held_login_is_told_with_whose_lock_it_is(self, moved: Corp) -> None:
        page = moved.page("dmitri")

        assert "something is left alone" in page
        assert re.search(r"locked by \w+ on .* until unlocked: phone stolen \[T-1\]", page)
        assert "locked-elsewhere: locked by" in page
        assert "lock, done" in page
        assert "* status active locked" in page

    def test_a_login_of_somebody_else_is_told_to_be_foreign(self, moved: Corp) -> None:
        page = moved.page("console.ada")

        assert "A login that nobody in the directory was found for, and that is not in our memory." in page
        assert "foreign:" in page
        assert "not in our memory; made in the console" in page
        number = re.search(r"#\d+", page)
        assert number
        assert moved.page(number[0]) == page

    def test_who_left_is_no_leaver_by_not_being_found(self, moved: Corp) -> None:
        moved.server.modify(f"dn: uid=ada,ou=people,{SUFFIX}\nchangetype: delete\n")
        page = moved.page("ada")

        assert "Not found in the directory. That alone proves nothing" in page
        assert "02:00 nothing Where a proven reading of everybody does not show them - lock ada" in page
        assert "iwds resync" not in page
        assert moved.iwds("login", "show", "ada", "--json").json["login"]["status"] == 0
