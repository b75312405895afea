"""`iwds demo`: the whole story in one command, the same when it is played again, and nothing left running."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.acceptance.world import Ran, iwds
from tests.servers import require


def play(folder: Path, *options: str) -> Ran:
    ran = iwds("demo", "--folder", str(folder), *options)
    assert ran.code == 0, ran.out + ran.err
    return ran


def processes_of(folder: Path) -> Sequence[str]:
    """Command lines that name the folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line and str(os.getpid()) not in line.split()]


def told(text: str) -> str:
    """The story without what differs from play to play: ids, times, addresses."""
    return re.sub(
        r"\b[0-9a-f]{8}\b|\b\d\d:\d\d\b|http\S+|\b\d+ (min|h) ago|\b\d+ ms a call|\b\w{3} \d\d \w{3}\b", "*", text
    )


def test_the_demo_tells_the_whole_story_twice_alike_and_leaves_a_working_playground(tmp_path: Path) -> None:
    folder = tmp_path / "playground"
    first = play(folder)
    lines = first.out.splitlines()
    assert any(re.match(r"  1,115  to create", line) for line in lines)
    assert "Nothing to do." in lines
    for word in ("- lock tomas.novak", "~ rename claire.martin", "+ create amara.okafor", "~ promote kenji.mori"):
        assert any(word in line for line in lines), word
    assert "HELD: nothing was changed. Guards stopped this plan; somebody must decide." in lines
    assert "iwds plan company" in first.out.partition(" Now you ")[2]
    assert processes_of(folder) == []
    assert told(play(folder).out) == told(first.out)
    assert iwds("--config", str(folder / "config.yaml"), "history").code == 0


def test_it_touches_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    ran = iwds("demo", "--folder", str(tmp_path))
    assert ran.code == 64
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_with_a_directory_server_it_tells_the_same_and_leaves_no_server(tmp_path: Path) -> None:
    require("slapd", "slapd")
    folder = tmp_path / "playground"
    ran = play(folder, "--ldap")
    assert "HELD: nothing was changed." in ran.out
    assert "The private slapd is gone" in ran.out
    assert processes_of(folder) == []
