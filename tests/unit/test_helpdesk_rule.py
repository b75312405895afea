"""What the helpdesk may type: the rule and the script of docs/helpdesk.md, as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from iwds.cli.app import run
from iwds.cli.menu import MENU

DOCS = Path(__file__).parents[2] / "docs" / "helpdesk.md"
ALLOWED = ("explain", "resync", "activations")
FAKE = '#!/bin/sh\nfor each in "$@"; do echo "<$each>"; done\n/usr/bin/env | sort\npwd\n'


def part(language: str) -> str:
    """The only block of this language in the page."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script, before a command that says what it was given."""
    fake, made = tmp_path / "iwds", tmp_path / "iwds-helpdesk"
    text = part("sh")
    assert text.count("/usr/bin/iwds") == 1
    fake.write_text(FAKE, encoding="utf-8")
    made.write_text(text.replace("/usr/bin/iwds", str(fake)), encoding="utf-8")
    fake.chmod(0o755)
    made.chmod(0o755)
    return made


def typed(script: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **env}
    return subprocess.run([script, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_visudo_takes_the_rule(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin")
    if visudo is None:
        pytest.skip("visudo is not installed (Debian: apt-get install sudo)")
    file = tmp_path / "rule"
    file.write_text(part("sudoers"), encoding="utf-8")
    file.chmod(0o440)
    done = subprocess.run([visudo, "-cf", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rule_gives_one_script_and_no_pattern() -> None:
    (rule,) = [line for line in part("sudoers").splitlines() if line.startswith("%")]
    assert rule == "%helpdesk ALL = (iwds) NOPASSWD: /usr/local/sbin/iwds-helpdesk"
    assert "*" not in part("sudoers")


@pytest.mark.parametrize("command", ALLOWED)
def test_the_script_runs_what_is_allowed_with_the_configuration_that_it_fixes(script: Path, command: str) -> None:
    done = typed(script, command, "ann lee; id", "--dry-run", IWDS_CONFIG="x", PYTHONPATH="x", SUDO_USER="ada")
    lines = done.stdout.splitlines()
    assert lines[:5] == ["<--config>", "</etc/iwds/config.yaml>", f"<{command}>", "<ann lee; id>", "<--dry-run>"]
    names = {line.partition("=")[0] for line in lines[5:-1]}
    assert names - {"_", "PWD", "OLDPWD", "SHLVL"} == {"PATH", "LANG", "TERM", "SUDO_USER"}
    assert "SUDO_USER=ada" in lines
    assert lines[-1] == "/"


@pytest.mark.parametrize(
    "arguments",
    [(), ("run", "staff"), ("--config", "x", "resync", "ann"), ("-c", "x"), ("--", "run"), ("",), ("resync ann",)],
)
def test_the_script_runs_nothing_else(script: Path, arguments: tuple[str, ...]) -> None:
    done = typed(script, *arguments)
    assert (done.returncode, done.stdout) == (64, "")


@pytest.mark.parametrize("command", [name for name in ALLOWED if name in MENU])
@pytest.mark.parametrize("other", [("--config", "x"), ("--config=x",), ("-c", "x"), ("-cx",), ("--conf", "x")])
def test_another_configuration_is_not_understood_behind_the_command(command: str, other: tuple[str, ...]) -> None:
    assert run(["--config", "/nowhere", command, "ann", *other]) == 64
    assert run(["--config", "/nowhere", command, *other, "ann"]) == 64
