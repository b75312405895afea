"""The benchmark runs, measures every stage, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.stages import STAGES
from tests.servers import not_in_ci, require
from tests.servers.slapd import require_slapd

ROOT = Path(__file__).parents[2]
NOT_IN_CI = not_in_ci("a benchmark of its own")


def bench(temporary: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    require_slapd()
    require("ldapsearch", "ldap-utils")
    command = [sys.executable, "-m", "bench", *arguments]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@NOT_IN_CI
def test_one_run_measures_every_stage_beside_ldapsearch(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    done = bench(temporary, "--people", "50", "--changed", "10", "--json", str(report))

    assert done.returncode == 0, done.stderr
    assert "50 people, 5 of them differ" in done.stdout
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    for stage in ("ldapsearch", *STAGES):
        assert any(line.startswith(f"{stage} ") for line in lines), stage
    measured = {row["stage"]: row for row in json.loads(report.read_text())}
    assert measured["read"]["items"] == measured["join"]["items"] == measured["plan"]["items"] == 50
    assert measured["apply"]["items"] == 5
    assert all(row["seconds"] > 0 for row in measured.values())
    assert not list(temporary.iterdir())


@NOT_IN_CI
def test_reading_the_service_is_compared_in_one_lane_and_in_four_near_and_far(tmp_path: Path) -> None:
    done = bench(tmp_path, "--lanes", "--people", "300")

    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert "x 1 lane" in head
    assert all(len(line) <= 80 for line in (head, *rows))
    assert [row.split()[:2] for row in rows] == [["1", "0"], ["4", "0"], ["1", "20"], ["4", "20"]]
    assert not list(tmp_path.iterdir())


@NOT_IN_CI
def test_memory_of_planning_is_shown_for_several_sizes(tmp_path: Path) -> None:
    done = bench(tmp_path, "--sizes", "25,50", "--changed", "4")

    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert "MB peak" in head
    assert [row.split()[:2] for row in rows] == [["25", "1"], ["50", "1"], ["50", "2"]]


def test_the_rules_alone_are_measured_beside_plain_python() -> None:
    command = [sys.executable, "-m", "bench", "--mapping", "--people", "50"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)

    assert [line[:26].rstrip() for line in done.stdout.splitlines()[1:]] == [
        "plain Python",
        "ten fields",
        "three of them expressions",
    ]


@NOT_IN_CI
def test_reading_graph_is_compared_with_a_bare_loop_near_and_far(tmp_path: Path) -> None:
    done = bench(tmp_path, "--graph", "--people", "60")

    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert "x bare" in head
    assert all(len(line) <= 80 for line in (head, *rows))
    assert [row.split()[:2] for row in rows] == [["0", "bare"], ["0", "read"], ["20", "bare"], ["20", "read"]]
    assert [row.split()[2] for row in rows if "read" in row] == ["60", "60"]
    assert not list(tmp_path.iterdir())


@NOT_IN_CI
def test_reading_files_is_compared_with_bare_readers(tmp_path: Path) -> None:
    done = bench(tmp_path, "--files", "--people", "60")

    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert "x bare" in head
    assert all(len(line) <= 80 for line in (head, *rows))
    assert [row.split()[:3] for row in rows] == [
        [each, kind, "60"] for kind in ("csv", "ldif") for each in ("bare", "read")
    ]
    assert not list(tmp_path.iterdir())
