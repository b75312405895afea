"""Plans as documents: written, read by others, refused with the difference, and applied with what moved."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # no types are shipped
import pytest

from tests.acceptance.world import ROOT, World, run_id, saved

NAMES = ("plan.json", "plan.txt", "plan.md", "plan.html", "plan.csv")
SECRET = "s3cret-of-the-directory"


def digest(data: dict[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "document_digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def rewritten(file: Path, **changed: Any) -> str:
    """A document that somebody edited who knows how its digest is made."""
    data = {**json.loads(file.read_text(encoding="utf-8")), **changed}
    file.write_text(json.dumps({**data, "document_digest": digest(data)}), encoding="utf-8")
    return str(file)


@pytest.fixture
def files(world: World) -> dict[str, Path]:
    """A first plan in every form, of a configuration with a secret."""
    world.env["IWDS_SOURCES__DIRECTORY__PASSWORD"] = SECRET
    paths = {name: world.folder / name for name in NAMES}
    options = [word for path in paths.values() for word in ("-o", str(path))]
    ran = world.iwds("plan", "company", *options, code=2)
    page = ran.out
    assert [line.split()[-1] for line in ran.err.splitlines() if line.startswith("written ")] == list(
        map(str, paths.values())
    )
    assert re.search(r"^Saved as [0-9a-f]{8}, good until \w{3} \d\d \w{3} \d{4} \d\d:\d\d, about", page, re.MULTILINE)
    return paths


class TestTheDocuments:
    def test_hold_the_same_people_for_their_owner_alone_and_no_secret(
        self, world: World, files: dict[str, Path]
    ) -> None:
        data = json.loads(files["plan.json"].read_text(encoding="utf-8"))
        jsonschema.validate(data, json.loads((ROOT / "schemas" / "plan.json").read_text(encoding="utf-8")))
        logins = {change["account"]["login"] for change in data["changes"] if change["do"] == "create"}
        assert len(logins) > 20
        world.iwds("apply", str(files["plan.json"]), "--yes")
        told = world.iwds("login", "code", "tomas.novak", "--reason", "first day").out
        code = re.search(r"\d{6,}", told)
        assert code
        world.iwds("show", data["id"], *[word for path in files.values() for word in ("-o", str(path))])
        for name, path in files.items():
            text = path.read_text(encoding="utf-8-sig").replace("\\", "")
            assert path.stat().st_mode & 0o777 == 0o600
            assert [login for login in logins if login not in text] == [], name
            assert "logins, names, mail addresses" in text
            assert [each for each in (SECRET, code[0]) if each in text] == []
        table = files["plan.csv"].read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(StringIO(table, newline="")))
        assert len(rows) == 1 + len(data["changes"]) + len(data["skips"])

    def test_that_are_for_people_are_said_to_be_where_somebody_wants_to_read_one_back(
        self, world: World, files: dict[str, Path]
    ) -> None:
        for name, form in (("plan.csv", "csv"), ("plan.html", "html"), ("plan.md", "markdown"), ("plan.txt", "text")):
            for command in ("show", "apply"):
                told = " ".join(world.iwds(command, str(files[name]), code=64).err.split())
                assert f"is a plan as {form}, which is for people" in told
                assert "show the JSON form" in told

    def test_are_printed_from_our_memory_and_from_a_file_alike(self, world: World, files: dict[str, Path]) -> None:
        plan = json.loads(files["plan.json"].read_text(encoding="utf-8"))["id"]
        for form, name in (("text", "plan.txt"), ("markdown", "plan.md"), ("html", "plan.html"), ("csv", "plan.csv")):
            printed = world.iwds("show", str(files["plan.json"]), "--format", form).out
            assert printed == world.iwds("show", plan, "--format", form).out
            # Processes print their lines without CR.
            assert printed.splitlines() == files[name].read_text(encoding="utf-8-sig").splitlines()

    def test_can_be_checked_by_anybody_as_the_page_says(self, files: dict[str, Path]) -> None:
        page = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
        (recipe,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        command = [sys.executable, "-c", recipe, str(files["plan.json"])]
        assert subprocess.run(command, check=False).returncode == 0
        data = json.loads(files["plan.json"].read_text(encoding="utf-8"))
        files["plan.json"].write_text(json.dumps({**data, "skips": []}), encoding="utf-8")
        assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 1


class TestIsRefused:
    def test_a_plan_that_was_stretched(self, world: World, files: dict[str, Path]) -> None:
        file = rewritten(files["plan.json"], valid_until="2099-01-01T00:00:00+00:00")
        assert "not the plan that is kept as" in world.iwds("apply", file, "--yes", code=64).err

    def test_a_plan_that_has_ended_also_where_a_file_from_elsewhere_says_otherwise(
        self, world: World, files: dict[str, Path]
    ) -> None:
        times = {"made_at": "2026-01-01T00:00:00+00:00", "valid_until": "2099-01-01T00:00:00+00:00"}
        file = rewritten(files["plan.json"], id="elsewhere", **times)
        ran = world.iwds("apply", file, "--yes", code=3)
        assert "plan elsewhere was good until Sun 04 Jan 2026 00:00" in ran.out
        assert "iwds plan company" in ran.out

    def test_a_plan_of_another_configuration_with_what_differs(self, world: World, files: dict[str, Path]) -> None:
        world.mapping("in: [contractor]", "in: [nobody]")
        err = world.iwds("apply", str(files["plan.json"]), "--yes", code=64).err
        assert re.search(r"changed since this plan was made: mapping \(sample-company\.yaml\)\n", err)
        env = {"IWDS_JOBS__COMPANY__LEAVERS": "keep"}
        assert (
            "leavers (IWDS_JOBS__COMPANY__LEAVERS)"
            in world.iwds("apply", str(files["plan.json"]), "--yes", code=64, env=env).err
        )

    def test_a_plan_of_a_job_that_only_reports_with_the_line(self, world: World, files: dict[str, Path]) -> None:
        config = world.folder / "config.yaml"
        config.write_text(config.read_text().replace("    # mode: report ", "    mode: report #"))
        line = 1 + next(n for n, text in enumerate(config.read_text().splitlines()) if "mode: report #" in text)
        err = world.iwds("apply", str(files["plan.json"]), "--yes", code=78).err
        assert f'config.yaml:{line}: job "company" has mode: report' in err


def test_a_plan_that_was_forgotten_is_said_to_be(world: World) -> None:
    plan = saved(world.iwds("plan", "company", code=2))
    short = {"IWDS_KEEP_PLANS": "1s", "IWDS_JOBS__COMPANY__PLAN_VALID": "1s"}
    world.iwds("run", "company", env=short)
    assert "was deleted" in world.iwds("show", plan, code=64).err
    assert "was deleted" in world.iwds("apply", plan, "--yes", code=64).err


def test_what_moved_is_told_before_the_question_at_the_end_and_later(settled: World) -> None:
    settled.company.take("tomas.novak")
    settled.company.change("khalid.almasri", "mail: khalid.almasri@", "mail: k@")
    settled.save()
    plan = saved(settled.iwds("plan", "company", code=2))
    settled.company.change("khalid.almasri", "mail: k@", "mail: kh@")
    settled.save()
    ran = settled.iwds("apply", plan, "--yes", code=4)
    told = "the fresh plan wants mail kh@corp.example"
    assert re.search(rf"^  moved  update khalid\.almasri: .*: {told}$", ran.out, re.MULTILINE)
    run = run_id(ran)
    for words in (("show", run), ("show", run, "--all"), ("history",)):
        assert "moved" in settled.iwds(*words).out
    report = settled.iwds("show", run, "--json").json["report"]["moved"]
    assert report["counts"] == {"other": 1}
    assert report["listed"][0][1:] == ["other", told]


def test_a_plan_that_was_applied_is_told_so_by_whoever_asks(settled: World) -> None:
    settled.company.change("khalid.almasri", "mail: khalid.almasri@", "mail: k@")
    settled.save()
    plan = saved(settled.iwds("plan", "company", code=2))
    run = run_id(settled.iwds("apply", plan, "--yes"))
    again = settled.iwds("apply", plan, "--yes")
    assert f"nothing to do: 1 made before by run {run}" in again.out
    assert f"  already  1: made by run {run}" in again.out
    rows = {row["id"]: row for row in settled.iwds("plans", "--json").json["plans"]}
    assert (rows[plan]["applied_by"], rows[plan]["ended"]) == (run_id(again), "")
    settled.iwds("undo", run, "--reason", "a mistake", "--dry-run", code=2)
    listed = " ".join(settled.iwds("plans").out.split())
    assert f"undo of run {run}" in listed
    assert f"applied by run {run_id(again)}" in listed


def test_a_plan_that_has_ended_waits_for_nobody_and_offers_no_apply(settled: World) -> None:
    settled.env["IWDS_JOBS__COMPANY__APPROVAL__NEEDED"] = "removals"
    settled.company.take("kenji.mori")
    settled.save()
    plan = saved(settled.iwds("plan", "company", env={"IWDS_JOBS__COMPANY__PLAN_VALID": "1s"}, code=3))
    time.sleep(1.1)
    assert settled.iwds("plans", "--waiting").out.strip() == "No plan waits for approval."
    assert "ended" in settled.iwds("plans").out
    page = settled.iwds("show", plan).out
    assert "was good until" in page
    assert "iwds apply" not in page
