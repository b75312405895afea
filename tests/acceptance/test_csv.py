"""A table of the human resources, from `iwds check` to the logins of the service, by the template of `mappings/`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.world import ROOT, Ran, iwds, sandbox

COLUMNS = (
    "employee_id",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "department",
    "status",
    "start_date",
    "end_date",
)
HEADINGS = ("Personalnr", "Vorname", "Nachname", "E-Mail", "Mobil", "Abteilung", "Status", "Eintritt", "Austritt")
CONFIG = """\
state: sqlite:///iwds.db
sources:
  hr:
    kind: csv
    path: export/hr.csv
    realm: hr
    id: employee_id
    encoding: cp1252
    columns: {columns}
    lists: {{skills: ","}}
    groups: {{path: export/members.csv, person: Personalnr, group: Team, complete: {{trailer: "END {{count}}"}}}}
    complete: {{trailer: "ENDE;{{count}}", minimum: 5}}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  hr: {{sources: [hr], mapping: mappings/hr-csv.yaml, target: mfa}}
"""


@dataclass
class Office:
    """A folder with a configuration, and the people of the template's test as a table of another language."""

    folder: Path
    port: int
    people: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        lines = (ROOT / "mappings/tests/hr-csv.json").read_text("utf-8").splitlines()
        self.people = [json.loads(line)["attributes"] for line in reversed(lines)]
        (self.folder / "mappings").symlink_to(ROOT / "mappings")
        (self.folder / "export").mkdir()
        columns = json.dumps(dict(zip(COLUMNS, HEADINGS, strict=True)))
        (self.folder / "config.yaml").write_text(CONFIG.format(columns=columns, port=self.port), encoding="utf-8")
        (self.folder / "export/members.csv").write_text("Personalnr,Team\n0007,VPN\nEND 1\n", encoding="utf-8")
        self.write(self.table())

    def table(self) -> bytes:
        """The table, with remote work and skills for the mapping to find as they are called."""
        rows = [
            ";".join([*(person.get(name, "") for name in COLUMNS), person.get("remote", ""), '"a, ""b"",\r\nc"'])
            for person in self.people
        ]
        heading = ";".join([*HEADINGS, "Remote", "Skills"])
        return "\r\n".join([heading, *rows, f"ENDE;{len(rows)}", ""]).encode("cp1252")

    def write(self, content: bytes) -> None:
        """What the human resources have exported."""
        (self.folder / "export/hr.csv").write_bytes(content)

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        ran = iwds("--config", str(self.folder / "config.yaml"), *arguments, cwd=self.folder)
        assert ran.code == code, f"{arguments} ended with {ran.code}:\n{ran.out}\n{ran.err}"
        assert "--json" in arguments or all(len(line) <= 80 for line in ran.out.splitlines())
        return ran


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with sandbox(tmp_path_factory.mktemp("service")) as port:
        yield port


@pytest.fixture(scope="module")
def office(port: int, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The table was applied once."""
    office = Office(tmp_path_factory.mktemp("office"), port)
    office.iwds("run", "hr")
    return office


def words(ran: Ran) -> str:
    return " ".join(ran.out.split())


def test_a_check_says_what_was_read(office: Office) -> None:
    told = words(office.iwds("check"))

    assert "hr.csv: 13 rows, separated by `;`, CP1252, lines end with CRLF; columns: employee_id, first_name" in told
    assert "members.csv: one row, separated by `,`, CP1252, lines end with LF; columns: person, group" in told
    assert "its last line counts 13 rows, and so many were read" in told


def test_everybody_has_the_login_that_the_template_makes(office: Office) -> None:
    told = words(office.iwds("plan", "hr"))

    assert "13 people in the directory" in told
    assert "Nothing to do." in told
    service = office.iwds("explain", "joerg.mueller-gross", "--json").json
    assert "Müller-Groß" in json.dumps(service, ensure_ascii=False)


@pytest.mark.parametrize("whole", [True, False])
def test_a_saved_table_is_read_as_the_source_of_the_job_reads_it(office: Office, tmp_path: Path, whole: bool) -> None:
    mapping, saved = str(office.folder / "mappings/hr-csv.yaml"), tmp_path
    (saved / "some.csv").write_bytes(office.table() if whole else office.table().replace(b"ENDE;13\r\n", b""))
    (saved / "members.csv").write_text("Personalnr,Team\n0007,Post\n" + "END 1\n" * whole, encoding="utf-8")
    (saved / "golden.yaml").write_text("people: {claire.martin: 'in scope, groups vpn+finance'}\n", encoding="utf-8")

    table = str(saved / "some.csv")
    tested = office.iwds("mapping", "test", "hr", "--golden", str(saved / "golden.yaml"), "--entries", table)
    tried = office.iwds("mapping", "try", mapping, "--entry", table, "--job", "hr", "--login", "0007", "--json")
    (saved / "members.csv").unlink()
    alone = office.iwds("mapping", "try", mapping, "--entry", table, "--job", "hr", "--login", "0007", "--json")

    assert "1 of 1 are as golden.yaml says" in tested.out
    assert (tried.json["entry"]["groups"], alone.json["entry"]["groups"]) == (["post"], None)
    assert tried.json["account"]["login"] == "claire.martin"


def test_any_table_is_tried_without_a_configuration(tmp_path: Path) -> None:
    mapping = str(ROOT / "mappings/hr-csv.yaml")
    (tmp_path / "people.csv").write_text(
        "Employee_ID,first_name,last_name,status,start_date\n0007,Claire,Martin,active,2020-01-01\n", encoding="utf-16"
    )
    (tmp_path / "golden.yaml").write_text('people: {claire.martin: in scope, "0007": name Martin}\n', encoding="utf-8")

    tried = iwds("mapping", "try", mapping, "--entry", "people.csv", "--json", cwd=tmp_path)
    given = ("--golden", "golden.yaml", "--entries", "people.csv")
    tested = iwds("mapping", "test", mapping, *given, cwd=tmp_path)

    assert (tried.code, tried.json["account"]["login"]) == (0, "claire.martin")
    assert tried.json["entry"]["attributes"]["mobile"] == []
    assert tried.json["entry"]["groups"] is None
    assert (tested.code, "2 of 2 are as" in tested.out) == (0, True), tested.out + tested.err


def test_a_table_that_was_cut_locks_nobody(office: Office) -> None:
    whole = office.table()
    try:
        office.write(whole[: whole.index(b"0007") + 6])
        ran = office.iwds("plan", "hr", code=3)
        checked = office.iwds("check", "--source", "hr", code=78)
    finally:
        office.write(whole)

    assert "does not end with the trailer `ENDE;{count}`" in words(ran)
    assert "unproven: claire.martin" in words(ran)
    assert "What would change" not in ran.out, ran.out
    assert "NO" in checked.out
    assert "should hold 5 at least" not in checked.out


def test_rows_that_cannot_be_read_are_counted_and_named(office: Office) -> None:
    whole = office.table()
    try:
        office.write(whole.replace(b"ENDE;13", b"x;y\r\n" * 12 + b"ENDE;25"))
        ran = office.iwds("check", "--source", "hr", code=78)
    finally:
        office.write(whole)

    assert "rows that cannot be read were left out (12):" in words(ran)
    assert "hr.csv:28: it has 2 cells, and the heading has 11" in words(ran)
    assert "and 2 more" in ran.out


def test_another_heading_ends_the_run(office: Office) -> None:
    whole = office.table()
    try:
        office.write(whole.replace(b"Abteilung", b"Bereich"))
        ran = office.iwds("run", "hr", code=75)
    finally:
        office.write(whole)

    assert 'hr.csv:1: there is no column "Abteilung"' in " ".join((ran.out + ran.err).split())


def test_whoever_is_no_longer_in_a_whole_table_is_locked(office: Office) -> None:
    office.people = [person for person in office.people if person["last_name"] != "Martin"]
    office.write(office.table())

    ran = office.iwds("run", "hr")

    assert "lock claire.martin" in words(ran)
