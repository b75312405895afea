"""A plan is captured, and everything is taken away: another configuration is tried on the file alone."""

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.acceptance.test_explain import Corp
from tests.acceptance.world import ROOT, Company, Ran, World, environment, iwds, sandbox
from tests.servers.company import SUFFIX, write
from tests.servers.slapd import require_slapd

_PERSONS = "users: {object_class: person}"
MAPPING = "mappings/sample-company.yaml"


def words(ran: Ran) -> str:
    return " ".join((ran.out + ran.err).split())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a company whose plan was captured after its first run; neither service nor directory is left."""
    folder = tmp_path_factory.mktemp("replay")
    with sandbox(folder) as port:
        world = World(folder / "home", port, Company(people=40))
        world.iwds("run", "company")
        world.company.take("kenji.mori")
        world.save()
        planned = world.iwds("plan", "company", "--capture", "--json", code=2)
    assert "Captured: iwds replay company --reading" in words(planned)
    for file in (world.folder / "company.ldif", *world.folder.glob("iwds.db*")):
        file.unlink()
    return world.folder, planned.json


@pytest.fixture
def tried(home: tuple[Path, dict[str, Any]], tmp_path: Path) -> "Tried":
    """A copy of the configuration, to be edited, in a folder of its own."""
    folder, plan = home
    new = tmp_path / "new"
    new.mkdir()
    shutil.copyfile(folder / "config.yaml", new / "config.yaml")
    shutil.copytree(folder / "mappings", new / "mappings")
    return Tried(folder, new, plan)


class Tried:
    def __init__(self, folder: Path, new: Path, plan: dict[str, Any]) -> None:
        self.folder, self.new, self.plan = folder, new, plan

    def edit(self, file: str, old: str, new: str) -> int:
        """Edit a file of the new configuration; the line of it."""
        path = self.new / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    def replay(self, *more: str, code: int, env: dict[str, str] | None = None) -> Ran:
        before = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*")}
        config = str(self.new / "config.yaml")
        ran = iwds(
            "--config", str(self.folder / "config.yaml"), "replay", "company", "--config", config, *more, env=env
        )
        assert ran.code == code, ran.out + ran.err
        assert {path: path.stat().st_mtime_ns for path in self.folder.rglob("*")} == before
        return ran


def test_the_configuration_that_was_planned_gives_the_same_plan_with_everything_gone(tried: Tried) -> None:
    found = tried.replay("--json", code=0).json
    assert found["digest"] == {"planned": tried.plan["digest"], "replayed": tried.plan["digest"]}
    assert found["same"] is True
    assert found["rules"] == []
    assert "No difference." in words(tried.replay(code=0))


def test_a_capture_is_for_its_owner_alone_and_holds_what_was_asked(home: tuple[Path, dict[str, Any]]) -> None:
    folder, plan = home
    (file,) = (folder / "readings").iterdir()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name.endswith(f"-{plan['id']}.reading")
    listed = iwds("--config", str(folder / "config.yaml"), "readings", "--json").json["readings"]
    assert [(each["id"], each["people"]) for each in listed] == [(plan["id"], plan["basis"]["tally"]["people"])]
    table = iwds("--config", str(folder / "config.yaml"), "readings", "--job", "company").out
    assert max(map(len, table.splitlines())) <= 80


def test_what_a_new_mapping_takes_and_gives_is_told_by_its_lines_and_waits_at_the_gate(tried: Tried) -> None:
    line = tried.edit(MAPPING, "to: wiki, group: wiki-users", "to: wiki, group: finance")
    other = tried.edit(MAPPING, "employee: employeeNumber", "employee: employeeType")
    ran = tried.replay(code=3)
    assert len(ran.out.splitlines()) <= 40
    assert max(map(len, ran.out.splitlines())) <= 80
    found = tried.replay("--json", code=3).json
    first, second = found["rules"]
    assert (first["place"], first["parts"]) == (f"sample-company.yaml:{line}", ["groups wiki"])
    assert (second["place"], second["parts"]) == (f"sample-company.yaml:{other}", ["extra employee"])
    lost = next(each for each in first["effects"] if each["kind"] == "remove")
    assert lost["people"] == len(lost["who"]) > 0
    assert {each["held"] for each in lost["who"]} == {"held: only the changed configuration asks for it"}
    assert found["gate"] >= lost["people"]
    assert f"{lost['people']} taken out of wiki ({lost['people']} wait)" in words(ran)
    assert f"--allow out-of-scope={found['gate']}" in words(ran)
    everybody = tried.replay("--all", code=3).out
    assert all(each["login"] in everybody for each in lost["who"])


def test_a_guard_that_would_stop_the_run_is_told(tried: Tried) -> None:
    tried.edit(MAPPING, 'under: "ou=people,dc=corp,dc=example"', 'under: "ou=nobody,dc=corp,dc=example"')
    ran = tried.replay(code=3)
    assert "this stops the run" in words(ran)
    assert "A guard would stop it." in words(ran)


def test_changed_limits_are_named_with_their_lines_and_what_the_guards_do_then(tried: Tried) -> None:
    old = "lock: {floor: 3, ratio: 0.05, cap: 200}"
    line = tried.edit("config.yaml", old, "lock: {floor: 0, ratio: 0, cap: 200}")
    ran = tried.replay(code=3)
    assert f"config.yaml:{line} lock: floor 3 > 0, ratio 0.05 > 0" in words(ran)
    assert "A guard would stop it." in words(ran)
    limits = {each["kind"]: each for each in tried.replay("--json", code=3).json["limits"]}
    assert (limits["lock"]["place"], limits["lock"]["now"]["floor"]) == (f"config.yaml:{line}", 0)


def test_a_job_that_nobody_configured_is_no_job_to_capture_for(tried: Tried) -> None:
    ran = iwds("--config", str(tried.folder / "config.yaml"), "replay", "compny")
    assert ran.code == 78
    assert 'there is no job "compny" (did you mean "company"?)' in words(ran)
    assert "iwds plan compny" not in words(ran)


def test_a_change_that_nobody_notices_is_no_difference(tried: Tried) -> None:
    line = tried.edit(MAPPING, "map: {fr: fr, en: en}", "map: {fr: fr, en: en, de: en}")
    ran = tried.replay(code=0)
    assert f"language (sample-company.yaml:{line - 2})" in words(ran)


def test_an_attribute_that_was_not_captured_is_named_with_its_line_and_the_way(tried: Tried) -> None:
    line = tried.edit(MAPPING, "name: sn\n", "name: displayName\n")
    ran = tried.replay(code=78)
    assert f"sample-company.yaml:{line}: displayname of company was not captured" in words(ran)
    assert "iwds plan company --capture --attributes displayname" in words(ran)


def test_a_base_is_narrowed_on_the_reading_and_not_widened(tried: Tried) -> None:
    users = "users: {object_class: inetOrgPerson}"
    tried.edit("config.yaml", users, 'users: {base: "ou=contractors,ou=people,dc=corp,dc=example"}')
    found = tried.replay("--json", code=3).json
    assert any("sources company" in rule["parts"] for rule in found["rules"])
    tried.edit(
        "config.yaml", 'users: {base: "ou=contractors,ou=people,dc=corp,dc=example"}', "users: {object_class: person}"
    )
    ran = tried.replay(code=78)
    assert re.search(r"config\.yaml:\d+: company: its filter may find people whom", words(ran))
    assert "capture a reading under this configuration" in words(ran)


def test_other_groups_of_the_directory_were_not_read(tried: Tried) -> None:
    tried.edit("config.yaml", "groups: {object_class: groupOfNames, members: member}", "groups: {object_class: group}")
    assert "`groups` of it is not what was read with" in words(tried.replay(code=78))


def test_no_secret_is_needed_and_none_is_captured(tried: Tried) -> None:
    tried.edit("config.yaml", "# certificate_password: ${file:mfa-certificate-password}",
               "certificate: mfa.p12\n    certificate_password: ${file:not-there}")  # fmt: skip
    tried.replay(code=0)
    (file,) = (tried.folder / "readings").iterdir()
    assert b"assword: " not in file.read_bytes()


def test_what_is_no_reading_is_refused(tried: Tried, tmp_path: Path) -> None:
    no_reading = tmp_path / "no.reading"
    no_reading.write_text("hello", encoding="ascii")
    assert "no captured reading" in words(tried.replay("--reading", str(no_reading), code=64))
    with sqlite3.connect(tmp_path / "other.reading") as other:
        other.execute("CREATE TABLE meta (a)")
    assert "no captured reading" in words(tried.replay("--reading", str(tmp_path / "other.reading"), code=64))
    assert "there is no reading ffff" in words(tried.replay("--reading", "ffff", code=64))


def test_nightly_runs_capture_where_the_job_says_so_and_old_readings_go(world: World) -> None:
    config = world.folder / "config.yaml"
    text = config.read_text(encoding="utf-8").replace(
        "    leavers: lock\n", "    leavers: lock\n    capture: {keep: 7d}\n", 1
    )
    config.write_text(text, encoding="utf-8")
    world.iwds("run", "company")
    shelf = world.folder / "readings"
    (first,) = shelf.iterdir()
    with sqlite3.connect(first) as database:
        database.execute("UPDATE meta SET data = '\"2026-01-01T00:00:00+00:00\"' WHERE name = 'until'")
    mine = shelf / "notes.txt"
    mine.write_text("mine", encoding="ascii")
    part = shelf / ".0123456789abcdef.part"
    part.write_text("", encoding="ascii")
    os.utime(part, (0, 0))
    world.iwds("run", "company")
    left = set(shelf.iterdir())
    assert mine in left
    assert part not in left
    assert first not in left
    (second,) = left - {mine}
    assert "Deleted" in world.iwds("readings", "--delete", second.name[-16:-8]).out
    assert set(shelf.iterdir()) == {mine}


def test_a_capture_that_fails_stops_no_run(world: World) -> None:
    world.env["IWDS_JOBS__COMPANY__CAPTURE"] = json.dumps({"keep": "1d"})
    (world.folder / "readings").write_text("a file in its way", encoding="ascii")
    ran = world.iwds("run", "company")
    assert "the reading was not captured" in words(ran)


def test_what_holds_secrets_is_never_captured(world: World) -> None:
    ran = world.iwds("plan", "company", "--capture", "--attributes", "userPassword", code=64)
    assert "userpassword holds secrets and is never captured" in words(ran)
    assert "add --capture" in words(world.iwds("plan", "company", "--attributes", "cn", code=64))
    file = world.folder / "mine.reading"
    world.iwds("plan", "company", "--capture-to", str(file), "--attributes", "cn,title", code=2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists already" in words(world.iwds("plan", "company", "--capture-to", str(file), code=64))
    world.mapping("name: sn\n", "name: cn\n")
    world.iwds("replay", "company", "--reading", str(file), code=2)


_OFFLINE = """import socket, sys

def never(*_):
    sys.exit("somebody asked the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = never
from iwds.cli.app import run

sys.exit(run(sys.argv[1:]))
"""


def recipe(language: str) -> str:
    """The commands of the recipe for CI, as the documentation gives them."""
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    section = page.partition("## In CI of a configuration repository")[2]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_recipe_for_ci_runs_as_it_is_written_with_neither_network_nor_secrets(tried: Tried, tmp_path: Path) -> None:
    (reading,) = (tried.folder / "readings").iterdir()
    shutil.copyfile(reading, tmp_path / "company.reading")
    shim = tmp_path / "bin" / "iwds"
    shim.parent.mkdir()
    (tmp_path / "offline.py").write_text(_OFFLINE, encoding="ascii")
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "offline.py"} "$@"\n', encoding="ascii")
    shim.chmod(0o700)
    env = environment({"PATH": f"{shim.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)})

    def ci() -> tuple[int, str]:
        script = recipe("sh")
        given = env | {"READING": str(tmp_path / "company.reading")}
        done = subprocess.run(
            ["bash", "-c", script], cwd=tried.new, env=given, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    assert ci() == (0, (tried.new / "impact.txt").read_text(encoding="utf-8"))
    for command in recipe("console").splitlines():
        assert command.startswith("iwds --config config.yaml ")
    line = tried.edit(MAPPING, "employee: employeeNumber", "employee: employeeType")
    code, told = ci()
    assert code == 0
    assert f"sample-company.yaml:{line}  extra employee" in told
    tried.edit(MAPPING, "to: wiki, group: wiki-users", "to: wiki, group: finance")
    code, told = ci()
    assert code == 1
    assert "would wait at the gate" in told


def test_a_reading_with_pseudonyms_plans_the_same_counts_and_names_nobody(tried: Tried, tmp_path: Path) -> None:
    command = ("--config", str(tried.folder / "config.yaml"), "readings", "pseudonymise", tried.plan["id"])
    one, two = tmp_path / "one.reading", tmp_path / "two.reading"
    (reading,) = (tried.folder / "readings").iterdir()
    with closing(sqlite3.connect(reading)) as written, written:
        why = "UPDATE meta SET data = json_set(data, '$.reason', ?) WHERE name = 'selection'"
        assert written.execute(why, ["Kenji Mori has left"]).rowcount == 1
    for file in (one, two):
        ran = iwds(*command, "-o", str(file), "--key-file", str(tmp_path / "key"))
        assert ran.code == 0, ran.err
        assert "docs/replay.md says what it does not hide" in words(ran)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    data = one.read_bytes().lower()
    assert not [name for name in (b"kenji", b"mori", b"kowalski", b"corp-secret") if name in data]
    found = tried.replay("--reading", str(one), "--json", code=0).json
    assert found["digest"]["planned"] == found["digest"]["replayed"]
    with sqlite3.connect(one) as first, sqlite3.connect(two) as second:
        query = "SELECT data FROM meta WHERE name = 'plan'"
        ((mine,),), ((other,),) = first.execute(query).fetchall(), second.execute(query).fetchall()
    made = json.loads(mine)
    assert made["digest"] == json.loads(other)["digest"]  # one key, the same pseudonyms
    for part, key in (("changes", "do"), ("skips", "reason")):
        assert sorted(each[key] for each in made[part]) == sorted(each[key] for each in tried.plan[part])
    assert "exists already" in words(iwds(*command, "-o", str(one)))


def test_a_stricter_policy_for_leavers_is_tried_on_those_who_left(tried: Tried) -> None:
    tried.edit("config.yaml", "leavers: lock\n", "leavers: delete\n")
    ran = tried.replay(code=3)
    found = tried.replay("--json", code=3).json
    (rule,) = found["rules"]
    assert rule["parts"] == ["leavers"]
    assert [(each["kind"], each["who"][0]["login"]) for each in rule["effects"]] == [("delete", "kenji.mori")]
    assert "1 whose deletion would take for good what was not read" in words(ran)


def test_a_filter_of_a_directory_is_narrowed_on_the_reading_as_the_directory_itself_narrows_it(
    tmp_path: Path,
) -> None:
    require_slapd()
    with PrivateSlapd(tmp_path / "slapd", ldif=[write(tmp_path)]) as server, sandbox(tmp_path) as port:
        corp = Corp(tmp_path / "home", server, port)
        corp.iwds("run", "corp")
        corp.iwds("plan", "corp", "--capture", "--attributes", "givenName")
        config = tmp_path / "home" / "config.yaml"
        written = config.read_text(encoding="utf-8")
        users = f'base: "ou=people,{SUFFIX}"'
        narrow = written.replace(users, f'{users}, filter: "(&(objectClass=inetOrgPerson)(uid=ADA))"')
        config.write_text(narrow, encoding="utf-8")
        asked = corp.iwds("plan", "corp", "--json", code=3).json
        config.write_text(written, encoding="utf-8")
        password = server.reader_password.encode()
    (reading,) = (tmp_path / "home" / "readings").iterdir()
    assert password not in reading.read_bytes()
    new = tmp_path / "new.yaml"
    shutil.copyfile(tmp_path / "home" / "mapping.yaml", tmp_path / "mapping.yaml")
    new.write_text(narrow, encoding="utf-8")

    def replay(text: str, code: int) -> Ran:
        new.write_text(text, encoding="utf-8")
        ran = iwds("--config", str(config), "replay", "corp", "--config", str(new), "--json")
        assert ran.code == code, ran.out + ran.err
        return ran

    replayed = replay(narrow, 3).json
    lost = {who["login"] for rule in replayed["rules"] for each in rule["effects"] for who in each["who"]}
    assert lost == {skip["subject"]["login"] for skip in asked["skips"] if skip.get("change")} - {"ada"}
    assert replay(written, 0).json["same"] is True
    for wider, why in (("(objectClass=person)", "its filter may find people"), ("(uid=ada)", "its filter may find")):
        assert why in words(replay(written.replace(users, f'{users}, filter: "{wider}"'), 78))
    unread = written.replace(users, f'{users}, filter: "(&(objectClass=inetOrgPerson)(employeeNumber=1))"')
    assert "employeenumber of corp was not captured" in words(replay(unread, 78))
