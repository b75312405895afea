"""`iwds demo`: the whole story in one command, the same on a directory server, and nothing left running."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from iwds.demo.play import MARKER
from tests.acceptance.world import Ran, iwds
from tests.servers import not_in_ci, require


def play(folder: Path, *options: str) -> Ran:
    ran = iwds("demo", "--folder", str(folder), *options)
    assert ran.code == 0, ran.out + ran.err
    return ran


def processes_of(folder: Path) -> Sequence[str]:
    """Command lines that name the folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line and str(os.getpid()) not in line.split()]


STORY = (
    r"  1,115  to create",
    r"Nothing to do\.",
    r".*- lock tomas\.novak",
    r".*~ rename claire\.martin",
    r".*\+ create amara\.okafor",
    r".*~ promote kenji\.mori",
    r"HELD: nothing was changed\. Guards stopped this plan; somebody must decide\.",
)


def assert_the_whole_story(text: str) -> None:
    lines = text.splitlines()
    assert [told for told in STORY if not any(re.match(told, line) for line in lines)] == []


def test_the_demo_tells_the_whole_story_and_leaves_a_working_playground(tmp_path: Path) -> None:
    folder = tmp_path / "playground"
    first = play(folder)
    assert_the_whole_story(first.out)
    assert "--data" in first.out.partition("sandbox show outbox")[2].splitlines()[0]
    assert "an MFA service with two administrators of its\nown.\n" in first.out
    assert "somebody changes department, somebody marries,\nsomebody is put in charge" in first.out
    assert "iwds plan company" in first.out.partition(" Now you ")[2]
    assert processes_of(folder) == []
    assert iwds("--config", str(folder / "config.yaml"), "history").code == 0


def test_it_touches_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    ran = iwds("demo", "--folder", str(tmp_path))
    assert ran.code == 64
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@not_in_ci("the same play over a directory server, which other tests start")
def test_with_a_directory_server_it_tells_the_same_over_an_earlier_play_and_leaves_no_server(
    tmp_path: Path,
) -> None:
    require("slapd", "slapd")
    folder = tmp_path / "playground"
    folder.mkdir()
    (folder / MARKER).touch()
    for left in ("iwds.db", "service.db", "company.ldif"):
        (folder / left).write_text("of an earlier play, and of no use")
    ran = play(folder, "--ldap")
    assert_the_whole_story(ran.out)
    assert "The private slapd is gone" in ran.out
    assert processes_of(folder) == []
