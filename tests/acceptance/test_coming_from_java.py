"""The road from the Java IWDS: beside it, parity, adoption without a call, and a first real run that takes nothing.

The service is as the old tool leaves it: everything that it made carries tag 1, and memory of ours there is none.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import Company, Gate, Ran, World, gate, sandbox
from tests.servers.slapd import require_slapd

LEAVERS = ("kenji.mori", "ines.garcia")
"""People who left, and whom the old tool had not removed yet."""
OTHER_CASE, BY_HAND, DISABLED, TWICE = 3, 4, 5, 6
"""Places in the list of people: a login in capitals, one made in the console, one disabled since, and two people."""
READS = re.compile(r"Query|Search|GetGroups|GetInfo|IWDS_check")
OPERATION = re.compile(rb"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)")
PERSON = "objectClass: inetOrgPerson"
EXPIRED = f"{PERSON}\nobjectClass: shadowAccount\nshadowExpire: 1"
REASON = ("--reason", "known to the helpdesk")


@dataclass
class Served(World):
    """The same company in a real slapd, which holds what was saved last."""

    server: PrivateSlapd | None = None

    def __post_init__(self) -> None:
        assert self.server
        self.env |= {
            "IWDS_SOURCES__DIRECTORY__URLS": f'["{self.server.tls_url}"]',
            "IWDS_SOURCES__DIRECTORY__CA_FILE": str(self.server.ca_file),
            "IWDS_SOURCES__DIRECTORY__BIND_DN": self.server.reader_dn,
            "IWDS_SOURCES__DIRECTORY__PASSWORD": self.server.reader_password,
            "IWDS_JOBS__COMPANY__SOURCES": '["directory"]',
        }
        super().__post_init__()

    def save(self) -> None:
        super().save()
        assert self.server
        self.server.reload([loadable(self.folder / "company.ldif")])


def loadable(file: Path) -> Path:
    """The same with a member who left in each group that would have none, which no groupOfNames may be without."""
    records = file.read_text(encoding="ascii").split("\n\n")
    filled = [
        f"{record}\nmember: uid=long.gone,ou=people,dc=corp,dc=example"
        if "groupOfNames" in record and "\nmember: " not in record
        else record
        for record in records
    ]
    loaded = file.with_suffix(".loaded.ldif")
    loaded.write_text("\n\n".join(filled), encoding="ascii")
    return loaded


@contextmanager
def served(folder: Path, port: int) -> Iterator[World]:
    """The company in a slapd of its own."""
    require_slapd()
    file = folder / "company.ldif"
    Company(people=40).write(file)
    with PrivateSlapd(folder / "slapd", ldif=[loadable(file)], suffix="dc=corp,dc=example") as server:
        yield Served(folder / "home", port, Company(people=40), server=server)


class Takeover:
    """A company, its old service, and what passes on the wire."""

    def __init__(self, world: World, keeper: Gate, tag: int) -> None:
        self.world, self.tag, self.calls = world, tag, list[str]()
        keeper.answered = self._passed
        self.data = world.folder.parent / "service.db"
        self.logins = [row[1] for row in self._rows("SELECT id, login FROM login WHERE createdby = 1 ORDER BY id")]
        self.begin()

    def begin(self) -> None:
        """Change by hand what the old tool would find, and configure the new one beside it."""
        world, env = self.world, self.world.env
        self.people = [name for name in self.logins if name not in LEAVERS]
        self._write("UPDATE login SET login = upper(login) WHERE login = ?", self.people[OTHER_CASE])
        self._write("UPDATE login SET createdby = 0 WHERE login = ?", self.people[BY_HAND])
        for leaver in LEAVERS:
            world.company.take(leaver)
        world.company.change(self.people[DISABLED], PERSON, EXPIRED)
        self._second(self.people[TWICE])
        world.save()
        env |= {"IWDS_JOBS__COMPANY__MODE": "report", "IWDS_TARGETS__MFA__PROVISIONING_ID": str(self.tag)}
        if self.tag != 1:
            env["IWDS_JOBS__COMPANY__ADOPT"] = "[1]"

    def _second(self, uid: str) -> None:
        """Another person who wants the same login."""
        record = next(each for each in self.world.company.records if f"\nuid: {uid}\n" in each)
        other = re.sub(r"entryUUID: .{8}", "entryUUID: 00000000", record)
        self.world.company.records.append(re.sub(r"^dn: uid=", "dn: cn=second+uid=", other, count=1))

    def _passed(self, body: bytes) -> None:
        found = OPERATION.search(body)
        assert found, body
        name = found[1].decode()
        # Whether the service knows tags is asked with a creation that it must refuse: without a name.
        asks = name == "loginCreateBySource" and b"@corp.example" not in body
        self.calls.append("asks for tags" if asks else name)

    @property
    def source(self) -> str:
        """Where the people are read."""
        return "directory" if isinstance(self.world, Served) else "company"

    @property
    def writes(self) -> list[str]:
        """What passed since the last time that may have changed something."""
        passed, self.calls = self.calls, []
        assert passed, "the service was not even read"
        return [name for name in passed if name != "asks for tags" and not READS.search(name)]

    def service(self) -> list[Any]:
        """Everything that the service holds of logins and memberships."""
        logins = self._rows(
            "SELECT login, firstname, name, mail, phone, extrafields, status, role, createdby FROM login"
        )
        members = self._rows("SELECT * FROM membership")
        return [sorted(map(str, logins)), sorted(map(str, members))]

    def lock(self, login: str) -> None:
        """What the old tool does one night."""
        self._write("UPDATE login SET status = 1 WHERE login = ?", login)

    def _rows(self, question: str) -> list[Any]:
        with closing(sqlite3.connect(self.data)) as data:
            return list(data.execute(question))

    def _write(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self.data)) as data, data:
            assert data.execute(statement, values).rowcount == 1

    def parity(self, *options: str, code: int = 0) -> Any:
        return self.world.iwds("parity", "company", "--json", *options, code=code).json

    def adopted(self) -> dict[str, str]:
        """Our memory: the entry of each login, by its folded name."""
        with closing(sqlite3.connect(self.world.folder / "iwds.db")) as data:
            return {login.lower(): entry for login, entry in data.execute("SELECT login, entry FROM login")}

    def right(self) -> dict[str, str]:
        """Whose each login may be adopted for: everybody's but those of whom somebody has to say it."""
        records = "\n\n".join(self.world.company.records)
        found = re.findall(r"entryUUID: (\S+)\n(?:[^\n]+\n)*?uid: (\S+)\n", records)
        whose = {uid.lower(): entry for entry, uid in found}
        left = {self.people[BY_HAND], self.people[TWICE], *LEAVERS}
        return {name.lower(): whose[name.lower()] for name in self.people if name not in left}


@pytest.fixture(scope="module")
def old_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service that another tool filled under tag 1, with groups and memberships."""
    folder = tmp_path_factory.mktemp("old")
    with sandbox(folder) as port:
        world = World(folder / "elsewhere", port, Company(people=40))
        world.env["IWDS_TARGETS__MFA__PROVISIONING_ID"] = "1"
        world.iwds("run", "company")
    return folder / "service.db"


@pytest.fixture(params=[(1, False), (7, False)], ids=["under the old tag", "under another tag"])
def takeover(request: pytest.FixtureRequest, old_service: Path, tmp_path: Path) -> Iterator[Takeover]:
    """The same service on another morning, with nothing of ours."""
    with closing(sqlite3.connect(old_service)) as data, closing(sqlite3.connect(tmp_path / "service.db")) as copy:
        data.backup(copy)
    tag, in_slapd = request.param
    with sandbox(tmp_path) as port, gate(port) as (keeper, through), ExitStack() as servers:
        if in_slapd:
            world = servers.enter_context(served(tmp_path, through))
        else:
            world = World(tmp_path / "home", through, Company(people=40))
        yield Takeover(world, keeper, tag)


def words(ran: Ran) -> str:
    return " ".join((ran.out + ran.err).split())


@pytest.mark.parametrize(
    "takeover",
    [(1, False), (7, False), (7, True)],
    ids=["under the old tag", "under another tag", "out of a real slapd"],
    indirect=True,
)
def test_the_service_is_taken_over_without_one_removal_and_one_wrong_adoption(takeover: Takeover) -> None:
    world, before, right = takeover.world, takeover.service(), takeover.right()
    disabled, by_hand, twice = (takeover.people[place] for place in (DISABLED, BY_HAND, TWICE))

    # Beside the old tool: what differs is told, and nothing is written.
    first = takeover.parity(code=2)
    assert {each["login"] for each in first["differences"]} == {by_hand, twice}
    assert (first["nights"], first["adopted"]) == (0, len(right))
    assert {each["login"] for each in first["nobodys"]} >= set(LEAVERS)
    assert [each["login"] for each in first["withheld"]] == [disabled]

    # Accepted by name, it is parity, and a night.
    accepted = takeover.parity("--accept", by_hand, "--accept", twice, *REASON)
    assert (accepted["parity"], accepted["nights"], len(accepted["differences"])) == ("parity", 1, 0)
    assert {each["login"] for each in accepted["accepted"]} == {by_hand, twice}
    page = world.iwds("parity", "company")
    assert max(map(len, page.out.splitlines())) <= 80
    assert "PARITY 1 night in a row" in words(page)
    assert f"lock {disabled}" in words(page)
    world.iwds("parity", "company", "--history")

    # What the old tool does about a removal that we withhold is seen.
    takeover.lock(disabled)
    (settled,) = takeover.parity()["settled"]
    assert (settled["login"], settled["now"]) == (disabled, "the login is locked: by somebody else")
    assert takeover.writes == []
    before = takeover.service()

    # The old schedule is stopped. The adoption is noted in our memory alone.
    world.env["IWDS_JOBS__COMPANY__MODE"] = "apply"
    world.iwds("apply", "company", "--only", "adopt,adopt-group", "--yes")
    assert takeover.writes == []
    assert takeover.adopted() == right

    # The first real plan, and the run, change nothing, for there is nothing to change.
    first_plan = world.iwds("plan", "company", "--json").json
    assert first_plan["changes"] == []
    assert {source["name"] for source in first_plan["basis"]["sources"]} == {takeover.source}
    world.iwds("run", "company")
    world.iwds("run", "company")
    assert takeover.writes == []
    assert (takeover.service(), takeover.adopted()) == (before, right)


def test_a_difference_of_an_adopted_login_ends_the_nights_in_a_row_until_it_is_accepted(takeover: Takeover) -> None:
    by_hand, twice, somebody = (takeover.people[place] for place in (BY_HAND, TWICE, 8))
    assert takeover.parity("--accept", by_hand, "--accept", twice, *REASON)["nights"] == 1
    takeover.world.company.change(somebody, "\nsn: ", "\nsn: Van ")
    takeover.world.save()
    found = takeover.parity(code=2)
    (difference,) = found["differences"]
    assert (difference["login"], found["nights"], found["ended"]) == (somebody, 0, 1)
    assert "Van " in difference["words"]

    listed = takeover.world.folder / "accepted.csv"
    listed.write_text(f"login,reason,until\n{somebody},a particle,7d\n", encoding="utf-8")
    assert takeover.parity("--accept-file", str(listed))["nights"] == 1
    takeover.parity("--accept", somebody, "--undo", *REASON)
    takeover.parity(code=2)
    looks = takeover.parity("--history")["looks"]
    assert [look["parity"] for look in looks] == ["different", "parity", "different", "parity"]

    takeover.world.iwds("parity", "company", "--history", "--accept", somebody, *REASON, code=64)

    takeover.world.mapping("groups:\n", "groups:\n  - {to: wikki, group: nobody-is-here}\n")
    takeover.parity("--accept-file", str(listed), code=2)
    page = takeover.world.iwds("parity", "company", code=2)
    assert "the service has no group wikki, which the mapping fills" in words(page)
    assert max(map(len, page.out.splitlines())) <= 80

    listed.write_text(f"login,reason,until\n{somebody},,7d\n", encoding="utf-8")
    refused = takeover.world.iwds("parity", "company", "--accept-file", str(listed), code=64)
    assert "accepted.csv:2: a line needs a login and a reason" in words(refused)


def test_a_login_of_the_console_is_adopted_where_the_job_says_so_and_one_person_explains_it(takeover: Takeover) -> None:
    takeover.world.env["IWDS_JOBS__COMPANY__ADOPT"] = "[0, 1]"
    found = takeover.parity(code=2)
    assert {each["login"] for each in found["differences"]} == {takeover.people[TWICE]}
    assert {"console.ada", "console.linus", *LEAVERS} <= {each["login"] for each in found["nobodys"]}
    assert found["adopted"] == len(takeover.right()) + 1
    assert takeover.writes == []


def test_a_reading_in_doubt_is_no_night_and_ends_none(takeover: Takeover) -> None:
    by_hand, twice = (takeover.people[place] for place in (BY_HAND, TWICE))
    takeover.parity("--accept", by_hand, "--accept", twice, *REASON)
    file = takeover.world.folder / "company.ldif"
    whole = file.read_text(encoding="ascii")
    file.write_text(whole[: len(whole) // 2].rpartition("\n\n")[0] + "\n\n", encoding="ascii")
    found = takeover.parity(code=3)
    assert (found["parity"], found["nights"]) == ("not-judged", 1)
    assert "is not proven complete" in found["doubts"][0]
    takeover.world.save()
    assert takeover.parity()["nights"] == 1
    assert takeover.writes == []
