"""What the documentation says is there: links, commands with their options, exit codes."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from iwds.cli.app import run
from tests.acceptance.world import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"^\s*(?:\$ )?(?:\./|\.venv/bin/)?iwds (?P<rest>.*)$")
WORD = re.compile(r"[a-z][a-z-]*")
GROUPS = ("db", "login", "mapping", "readings", "sandbox", "sandbox fault", "sandbox token")
"""Commands that have commands of their own."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def help_of(command: str) -> str:
    """What `--help` prints, in this process: tests/acceptance/test_first_day.py asks the command itself."""
    with redirect_stdout(StringIO()) as told, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        assert run([*command.split(), "--help"]) == 0, f"there is no command: iwds {command}"
    return told.getvalue()


@cache
def commands() -> frozenset[str]:
    """The commands in the menu of the help."""
    menu = help_of("").partition("─ Commands ─")[2]
    return frozenset(re.findall(r"^│ ([a-z]+) ", menu, re.MULTILINE))


def fenced(text: str) -> Iterator[str]:
    """Lines of fenced code blocks; what ends in a backslash goes on."""
    for block in re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def written_commands(text: str) -> Iterator[str]:
    """What follows `iwds` in code blocks, and in code within sentences."""
    spans = re.findall(r"(?<!`)`(iwds [^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in (*fenced(text), *spans):
        if match := COMMAND.match(line.partition(" #")[0]):
            yield match["rest"].rstrip(" &")


def test_there_are_pages() -> None:
    assert len(PAGES) > 1
    assert commands() >= {"plan", "apply", "run", "check", "demo"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name_of(page)} links to {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{name_of(page)} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers name them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_line_names_a_command_and_options_that_exist(page: Path) -> None:
    for written in written_commands(page.read_text(encoding="utf-8")):
        words = re.sub(r"^(--config|-c) \S+ *", "", written).split()
        if not words or not WORD.fullmatch(words[0]):  # COMMAND, or an option of iwds itself
            assert_options(page, written, "", words)
            continue
        assert words[0] in commands(), f"{name_of(page)}: iwds {written}"
        assert_options(page, written, command_of(words), words)


def command_of(words: list[str]) -> str:
    """The command that is named, through all of its groups."""
    command = words[0]
    for word in words[1:]:
        if command not in GROUPS or not WORD.fullmatch(word):
            break
        command = f"{command} {word}"
    return command


def assert_options(page: Path, written: str, command: str, words: list[str]) -> None:
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", help_of(command)))
    used = {word.partition("=")[0].strip("[],") for word in words if re.match(r"\[?--?[a-z]", word)}
    assert used <= known, f"{name_of(page)}: iwds {written}"


def test_the_exit_codes_of_the_readme_are_those_of_the_help() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| *(\d+) *\| *(.+?) *\|$", readme, re.MULTILINE))
    part = help_of("").partition("Exit codes")[2].partition("─ Options ─")[0]
    helped = dict(re.findall(r"(?<!\d)(\d+)  (\S.*?)(?=\s{2,}|$)", part, re.MULTILINE))
    assert len(helped) == 8
    assert table == helped
