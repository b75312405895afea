"""From a tenant of Entra ID into a real service, by nothing but commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import ROOT, Ran, iwds, sandbox
from tests.graph.server import GraphServer
from tests.graph.tenant import Tenant


class Cloud:
    """A configuration in a folder, a tenant, and a service to work on; everybody is in the group that has accounts."""

    def __init__(self, folder: Path, graph: GraphServer, port: int) -> None:
        self.tenant, self._file = graph.tenant, folder / "config.yaml"
        service = {"kind": "provisioning", "url": f"http://127.0.0.1:{port}/v2/services/ConsoleAdmin"}
        mapping = str(ROOT / "mappings" / "entra.yaml")
        job = {"sources": ["cloud"], "mapping": mapping, "target": "mfa", "incremental": {}, "leavers": "lock"}
        config: dict[str, Any] = {
            "state": "sqlite:///iwds.db",
            "sources": {"cloud": graph.settings()},
            "targets": {"mfa": service | {"service_id": 10408, "provisioning_id": 20}},
            "jobs": {"cloud": job},
        }
        self._other = folder / "elsewhere.yaml"
        self._write(self._file, config)
        targets = {"mfa": config["targets"]["mfa"] | {"provisioning_id": 21}}
        self._write(self._other, config | {"state": "sqlite:///elsewhere.db", "targets": targets})
        self.group = {name: self.tenant.group(name) for name in ("MFA-Users", "VPN-Users", "team")}
        self.tenant.join(self.group["VPN-Users"], self.group["team"])

    def hire(self, name: str) -> str:
        """Somebody new who has an account; returns the id."""
        who = self.tenant.user(name, surname="Name", givenName=name.title(), mail=f"{name}@corp.example")
        self.tenant.join(self.group["MFA-Users"], who)
        return who

    def _write(self, file: Path, config: dict[str, Any]) -> None:
        file.write_text(json.dumps(config), encoding="utf-8")
        file.chmod(0o600)

    def elsewhere(self, *arguments: str) -> Ran:
        """The same for another installation, with a memory and a tag of its own."""
        return iwds("--config", str(self._other), *arguments)

    def iwds(self, *arguments: str, code: int = 0) -> Ran:
        ran = iwds("--config", str(self._file), *arguments)
        assert ran.code == code, f"{arguments} ended with {ran.code} instead of {code}:\n{ran.out}\n{ran.err}"
        return ran

    def ran(self, *arguments: str) -> Any:
        return self.iwds("run", "cloud", *arguments, "--json").json

    def status(self, name: str) -> int:
        """0 active, 1 locked."""
        return int(self.iwds("login", "show", f"{name}@corp.example", "--json").json["login"]["status"])


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with GraphServer(tmp_path, Tenant()) as graph, sandbox(tmp_path) as port:
        yield Cloud(tmp_path, graph, port)


def test_what_changed_is_made_for_whom_it_changed_and_a_run_of_everybody_finds_nothing_missed(cloud: Cloud) -> None:
    names = ("mail", "off", "joins", "leaves", "goes", "old", "out", "same")
    people = {name: cloud.hire(name) for name in names}
    cloud.tenant.join(cloud.group["team"], people["leaves"])
    assert cloud.ran()["changes"] == {"create": 8, "add": 1}
    assert cloud.ran("--changes")["looked_at"] == 0

    cloud.hire("hired")
    cloud.tenant.change(people["mail"], mail="other@corp.example")
    cloud.tenant.change(people["off"], accountEnabled=False)
    cloud.tenant.join(cloud.group["team"], people["joins"])
    cloud.tenant.leave(cloud.group["team"], people["leaves"])
    cloud.tenant.leave(cloud.group["MFA-Users"], people["out"])
    cloud.tenant.delete(people["goes"])
    cloud.tenant.change(people["old"], userPrincipalName="young@corp.example")
    ran = cloud.ran("--changes")

    made = {"create": 1, "update": 1, "lock": 3, "add": 1, "remove": 1, "rename": 1}
    assert (ran["changes"], ran["skips"], ran["summary"]) == (made, {}, "changes of 8 people: 8 done")
    assert [cloud.status(name) for name in ("off", "out", "goes", "young", "same", "hired")] == [1, 1, 1, 0, 0, 0]
    assert cloud.ran("--changes")["looked_at"] == 0

    full = cloud.ran()
    assert (full["changes"], full["skips"], full.get("missed")) == ({}, {"foreign": 2}, None)


def test_somebody_new_waits_for_a_run_of_everybody_where_a_login_of_others_carries_their_id(cloud: Cloud) -> None:
    dora = cloud.hire("dora")
    cloud.elsewhere("run", "cloud")
    cloud.tenant.leave(cloud.group["MFA-Users"], dora)
    cloud.tenant.change(dora, userPrincipalName="dora.new@corp.example")
    cloud.hire("same")
    assert cloud.ran()["changes"] == {"create": 1}

    cloud.tenant.join(cloud.group["MFA-Users"], dora)
    cloud.hire("hired")
    ran = cloud.ran("--changes")
    assert (ran["changes"], ran["skips"]) == ({"create": 1}, {"unproven": 1})
    told = " ".join(cloud.iwds("show", ran["plan"]).out.split())
    assert "a login that is not ours has their id or mail address" in told
    assert cloud.ran()["skips"]["foreign"] == 3

    cloud.hire("early")
    cloud.elsewhere("run", "cloud")  # which makes a login that nobody has counted
    cloud.hire("late")
    assert cloud.ran("--changes")["skips"] == {"foreign": 1, "unproven": 1}
