"""A directory that refuses the account is not asked again, by whatever process, until something is different."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.world import Ran, iwds, sandbox
from tests.servers.binds import BindCounter
from tests.servers.company import SUFFIX, write
from tests.servers.slapd import slapd

CONFIGURATION = """\
state: sqlite:///iwds.db
sources:
  corp:
    kind: ldap
    urls: [{url}]
    bind_dn: {account}
    password_file: secret
    users: {{base: "ou=people,{suffix}"}}
  former:
    kind: ldap
    urls: [{url}]
    bind_dn: {account}
    password_file: secret
    users: {{base: "ou=former,{suffix}"}}
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 20
jobs:
  corp: {{sources: [corp], mapping: mapping.yaml, target: mfa}}
  both: {{sources: [former, corp], mapping: mapping.yaml, target: mfa, mode: report}}
"""
WRONG = "wrong-7391"


class Corp:
    """A configuration in a folder, a directory behind a counter of binds, and a service."""

    def __init__(self, folder: Path, server: PrivateSlapd, counter: BindCounter, port: int) -> None:
        self.folder, self.server, self.counter = folder, server, counter
        names = {"url": counter.url, "account": server.reader_dn, "suffix": SUFFIX, "port": port}
        (folder / "config.yaml").write_text(CONFIGURATION.format(**names))
        (folder / "mapping.yaml").write_text("login: uid\nname: sn\nfirstname: cn\nmail: mail\nrole: user\n")
        self.password(WRONG)

    def password(self, text: str) -> None:
        file = self.folder / "secret"
        file.write_text(text)
        file.chmod(0o600)

    def iwds(self, *arguments: str, code: int) -> Ran:
        """One process; nothing of the secret is ever said or kept by it."""
        ran = iwds("--config", str(self.folder / "config.yaml"), *arguments)
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        assert WRONG not in ran.out + ran.err
        assert not any(WRONG.encode() in file.read_bytes() for file in self.folder.glob("iwds.db*"))
        return ran

    def binds(self, *arguments: str, code: int) -> int:
        """How many binds one process asks for."""
        before = self.counter.binds
        self.iwds(*arguments, code=code)
        return self.counter.binds - before


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[Corp]:
    with (
        slapd(tmp_path / "server", write(tmp_path)) as server,
        BindCounter(server.port) as counter,
        sandbox(tmp_path) as port,
    ):
        yield Corp(tmp_path, server, counter, port)


def test_a_refused_password_is_tried_once_by_the_first_of_all_processes(corp: Corp) -> None:
    first = corp.iwds("run", "corp", code=78)
    assert corp.counter.binds == 1
    assert "invalidCredentials" in first.err

    again = corp.iwds("run", "corp", code=78)
    said = " ".join((again.out + again.err).split())
    assert corp.counter.binds == 1
    assert f"refuses {corp.server.reader_dn} since 20" in said
    assert "49 invalidCredentials" in said
    assert "iwds check --source corp" in said

    assert corp.binds("plan", "corp", code=78) == 0
    assert corp.binds("plan", "both", code=78) == 0  # another source with the same account at the same server


def test_a_changed_password_is_tried_by_itself(corp: Corp) -> None:
    assert corp.binds("run", "corp", code=78) == 1
    corp.password("another wrong one")
    assert corp.binds("run", "corp", code=78) == 1
    assert corp.binds("run", "corp", code=78) == 0

    corp.password(corp.server.reader_password)
    assert corp.binds("run", "corp", code=0) > 0
    assert corp.iwds("status", "corp", "--json", code=0).json["jobs"][0]["refused"] == []


def test_a_person_may_try_once_more_and_success_ends_it(corp: Corp) -> None:
    corp.server.modify(f"dn: {corp.server.reader_dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: later\n")
    corp.password("later")
    corp.server.modify(f"dn: {corp.server.reader_dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: now\n")
    assert corp.binds("run", "corp", code=78) == 1

    assert corp.binds("check", "corp", "--source", "corp", code=78) == 1
    assert corp.binds("check", "--source", "corp", code=78) == 1  # although two jobs read it

    corp.server.modify(f"dn: {corp.server.reader_dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: later\n")
    assert corp.binds("run", "corp", code=78) == 0
    corp.iwds("check", "corp", "--source", "corp", code=0)
    corp.iwds("run", "corp", code=0)


def test_status_says_who_is_refused_since_when_and_what_to_do(corp: Corp) -> None:
    corp.iwds("run", "corp", code=78)
    shown = corp.iwds("status", "corp", code=1).out
    (row,) = corp.iwds("status", "corp", "--json", code=1).json["jobs"]

    assert max(map(len, shown.splitlines())) <= 80
    flat = " ".join(shown.split())
    assert f"corp: {corp.server.reader_dn} is refused since" in flat
    assert shown.startswith("NO   corp")
    assert "iwds check --source corp" in flat
    assert (row["refused"][0]["account"], row["refused"][0]["code"]) == (corp.server.reader_dn, 49)


def test_check_shows_a_source_alone_within_80_columns_and_its_commands_are_whole(corp: Corp) -> None:
    corp.password(corp.server.reader_password)
    shown = corp.iwds("check", "corp", "--source", "corp", code=0).out
    lines = shown.splitlines()

    assert "logins" not in shown
    assert max(map(len, lines)) <= 80
    start = next(n for n, line in enumerate(lines) if "search: people" in line)
    head = next(n for n in range(start, len(lines)) if "ldapsearch" in lines[n])
    end = next(n for n in range(head, len(lines)) if not lines[n].endswith("\\"))
    command = "\n".join(lines[head : end + 1])
    ran = subprocess.run(
        ["sh", "-c", command.replace(" -W", f" -y {corp.folder}/secret")], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("dn:") == 4
    corp.iwds("check", "corp", "--source", "crop", code=64)
