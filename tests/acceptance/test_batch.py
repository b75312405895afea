"""`iwds batch` as a process, against the local MFA service.

BATCH_ROWS says how many rows the batch has that is killed (120 by default, 10,000 in `make nightly`).
"""

import csv
import os
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.acceptance.kills import let_the_lease_run_out
from tests.acceptance.world import PATIENCE, ROOT, Ran, World, gate, run_id, sandbox

SAMPLE = ROOT / "docs" / "samples" / "batch.csv"
ROWS = int(os.environ.get("BATCH_ROWS", "10000" if "KILLS" in os.environ else "120"))
LONG = max(PATIENCE, ROWS / 4)
"""Seconds after which so many rows are given up on."""
ALONE = """\
targets:
  mfa:
    kind: provisioning
    url: http://127.0.0.1:{port}/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 30
jobs:
  batches: {{sources: [], target: mfa}}
"""


def batch(world: World, file: Path, *arguments: str, code: int = 0) -> Ran:
    ran = world.iwds("batch", str(file), *arguments, code=code)
    if "--json" not in arguments:
        # A path is not broken.
        assert all(len(line) <= 80 or str(file.parent) in line for line in ran.out.splitlines()), ran.out
    return ran


def sample(world: World) -> Path:
    return Path(shutil.copy(SAMPLE, world.folder / "staff.csv"))


def result(file: Path) -> list[dict[str, str]]:
    path = file.with_name(f"{file.name}.result.csv")
    assert path.stat().st_mode & 0o777 == 0o600
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def shown(world: World, who: str) -> Any:
    return world.iwds("login", "show", who, "--json").json


def test_a_batch_is_looked_at_carried_out_and_undone(settled: World) -> None:
    file = sample(settled)
    codes = settled.folder / "codes.csv"
    looked = batch(settled, file, "--dry-run", code=2)
    assert "4 rows about 3 logins" in looked.out
    assert not codes.exists()
    assert "--codes FILE" in batch(settled, file, "--yes", code=64).err
    command = " ".join(looked.out.replace("\\", "").split())
    assert f"--codes {file}.codes.csv" in command, "the command that does it is not refused"
    assert "--yes" in batch(settled, file, "--codes", str(codes), code=64).err
    assert not codes.exists()

    plan = settled.folder / "plan.json"
    done = batch(settled, file, "--yes", "--codes", str(codes), "-o", str(plan))
    assert "Rows: 4 done" in done.out
    assert [row["outcome"] for row in result(file)] == ["done"] * 4
    assert [row["code kind"] for row in result(file)] == ["link", "inactive", "code", ""]
    assert shown(settled, "kiosk.lobby")["groups"][0]["name"] == "wiki"

    ((login, number, code),) = list(csv.reader(codes.read_text(encoding="utf-8").splitlines()))[1:]
    assert (login, number) == ("kiosk.lobby", result(file)[2]["login id"])
    assert codes.stat().st_mode & 0o777 == 0o600
    kept = (settled.folder / "iwds.db").read_bytes() + plan.read_bytes() + (done.out + done.err).encode()
    assert code.encode() not in kept
    assert code not in file.with_name("staff.csv.result.csv").read_text(encoding="utf-8")

    again = batch(settled, file, "--yes", "--codes", str(settled.folder / "more.csv"), "--json").json
    assert (again["schema"], again["rows"], again["codes"], again["exit"]) == (1, {"already": 4}, None, 0)
    assert [row["outcome"] for row in result(file)] == ["done"] * 4

    settled.iwds("undo", run_id(done), "--reason", "not yet", "--yes")
    settled.iwds("login", "show", "kiosk.lobby", code=64)


def test_the_next_night_leaves_alone_whom_a_batch_made(settled: World) -> None:
    file = sample(settled)
    batch(settled, file, "--yes", "--codes", str(settled.folder / "codes.csv"))
    before = shown(settled, "omar.haddad")
    settled.iwds("run", "company")
    settled.iwds("plan", "company")
    assert shown(settled, "omar.haddad")["login"]["status"] == 0
    assert shown(settled, "omar.haddad")["groups"] == before["groups"]


def test_every_complaint_is_told_with_its_line_and_nothing_is_done(settled: World) -> None:
    file = settled.folder / "bad.csv"
    file.write_text("action,login,groups\ncreate,dan,vpm\nlokc,eve,\nadd,claire.martin,vpn|wiki\n", encoding="utf-8")
    told = batch(settled, file, "--yes", code=64).err
    assert 'bad.csv:2: dan: there is no group "vpm" (did you mean "vpn"?)' in told
    assert 'bad.csv:3: eve: there is no action "lokc" (did you mean "lock"?)' in told
    file.write_text("action,login\nlock,nobody.here\ncreate,dan\n", encoding="utf-8")
    assert "bad.csv:2: nobody.here: " in batch(settled, file, "--yes", code=64).err
    settled.iwds("login", "show", "dan", code=64)
    assert not file.with_name("bad.csv.result.csv").exists()


def test_codes_that_have_no_place_leave_no_result_behind(settled: World) -> None:
    file = sample(settled)
    nowhere = settled.folder / "no" / "codes.csv"
    assert "cannot be made" in batch(settled, file, "--yes", "--codes", str(nowhere), code=64).err
    assert not [each.name for each in settled.folder.iterdir() if "result" in each.name]


def test_two_batches_do_not_write_one_result(settled: World) -> None:
    """They go by different memories, so that no lease keeps them apart."""
    one, another = settled.folder / "one.csv", settled.folder / "another.csv"
    for file, who in ((one, "dan"), (another, "eve")):
        file.write_text(f"action,login,mail\ncreate,{who},{who}@corp.example\n", encoding="utf-8")
    result = settled.folder / "result.csv"
    options = ("--yes", "--result", str(result))
    with gate(settled.port) as (keeper, port):
        keeper.hold_creations()
        settled.at(port)
        with settled.start("batch", str(one), *options) as process:
            assert keeper.held.acquire(timeout=PATIENCE)
            settled.at(settled.port)
            refused = batch_elsewhere(settled, another, *options)
            assert f"another batch writes its result to {result} at the moment" in " ".join(refused.err.split())
            keeper.go.set()
            told = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, told
    assert [row["login"] for row in csv.DictReader(result.read_text(encoding="utf-8-sig").splitlines())] == ["dan"]
    settled.iwds("login", "show", "eve", code=64)


def batch_elsewhere(world: World, file: Path, *options: str) -> Ran:
    """A batch of another installation, which is refused."""
    return world.iwds("batch", str(file), *options, env={"IWDS_STATE": "sqlite:///elsewhere.db"}, code=64)


def test_a_batch_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Without any directory, and under a tag of its own."""
    file = tmp_path / "staff.csv"
    rows = [f"create,user{n:05},User,Number{n},user{n:05}@corp.example,vpn" for n in range(ROWS)]
    file.write_text("\n".join(["action,login,firstname,name,mail,group", *rows, ""]), encoding="utf-8")
    command = ("batch", str(file), "--yes", "--allow", f"create={ROWS}", "--reason", "a new school year")
    with sandbox(tmp_path) as service, gate(service) as (keeper, port):
        config = tmp_path / "config.yaml"
        config.write_text(ALONE.format(port=port), encoding="utf-8")
        world = _Alone(tmp_path, port)
        keeper.hold_creations(after=ROWS // 3)
        with world.start(*command) as process:
            assert keeper.held.acquire(timeout=LONG)
            process.kill()
            process.wait(PATIENCE)
        keeper.go.set()
        keeper.holds = lambda _: False
        first = [row for row in result(file) if row["outcome"] == "done"]
        assert 0 < len(first) < ROWS
        let_the_lease_run_out(tmp_path / "iwds.db")

        created = keeper.created
        with world.start(*command) as process:
            told = process.communicate(timeout=LONG)
            assert process.returncode == 0, told
        assert keeper.created - created <= ROWS - len(first)
    assert [int(row["line"]) for row in result(file)] == list(range(2, ROWS + 2))
    assert Counter(row["outcome"] for row in result(file)).keys() <= {"done", "already"}
    with closing(sqlite3.connect(tmp_path / "service.db")) as there:
        logins = [name for (name,) in there.execute("SELECT login FROM login WHERE createdby = 30")]
        (members,) = there.execute("SELECT count(*) FROM membership").fetchone()
    assert sorted(logins) == [f"user{n:05}" for n in range(ROWS)]
    assert members >= ROWS


class _Alone(World):
    """A world of a configuration that is there already, and no company."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.env = folder, port, {}
