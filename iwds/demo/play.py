"""The demo: the main job on the sample company, from an empty service to a bad day, with the real commands.

Every scene is a real `iwds` process against a real local MFA service. What is left behind is a working configuration.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from iwds import examples
from iwds.demo.company import BASE, CORRECTED, a_bad_day, a_day, company, write_company
from iwds.demo.ldif import Record
from iwds.demo.slapd import PrivateSlapd, missing
from iwds.errors import IwdsError, UsageError
from iwds.sandbox.server import SandboxThread
from iwds.targets import provisioning

MARKER = ".iwds-demo"
JOB = "company"
PAGE = 80
_console = Console(highlight=False, soft_wrap=True, emoji=False)


def play(folder: Path, *, ldap: bool) -> int:
    """Play every scene in `folder`, which is made or emptied; returns 0 where each ended as it should.

    Raises `UsageError` where the folder is somebody else's, or slapd is asked for and missing.
    """
    if ldap and (reason := missing()):
        raise UsageError(reason, "without --ldap the demo reads a file")
    _clear(folder)
    _copy_examples(folder)
    with ExitStack() as stack:
        service = stack.enter_context(SandboxThread(str(folder / "service.db")))
        slapd = PrivateSlapd(folder / "slapd", [folder / "company.ldif"], suffix=BASE) if ldap else None
        if slapd:
            stack.callback(slapd.stop)
        _scenes(_Stage(folder, service.url, slapd))
    _farewell(folder, ldap=ldap)
    return 0


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise UsageError(f"{folder} exists and was not made by the demo", "name another one: iwds demo --folder FOLDER")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    (folder / MARKER).write_text("made by iwds demo, which empties this folder when it is played again\n")


def _copy_examples(folder: Path) -> None:
    shutil.copyfile(examples.config(), folder / "config.yaml")
    for part in examples.FOLDERS:
        shutil.copytree(examples.folder() / part, folder / part)


class _Stage:
    """Where the scenes are played: the folder, the service, and the directory of today."""

    def __init__(self, folder: Path, service_url: str, slapd: PrivateSlapd | None) -> None:
        self.folder, self.service_url, self.slapd = folder, service_url, slapd

    def directory(self, entries: Sequence[Record]) -> dict[str, str]:
        """From now on the directory holds these entries; gives the environment that points to it."""
        environment = {"IWDS_TARGETS__MFA__URL": self.service_url}
        file = self.folder / "company.ldif"
        write_company(entries, file)
        if self.slapd is None:
            return environment
        if self.slapd.pid:
            self.slapd.reload([file])
        else:
            self.slapd.start()
        return environment | _pointing_to(self.slapd)

    def iwds(self, arguments: str, environment: Mapping[str, str], expected: Sequence[int]) -> str:
        """Run one command as a user would and show it; returns what it printed."""
        _console.print(f"\n[bold cyan]$ iwds {escape(arguments)}[/]")
        command = [sys.executable, "-m", "iwds", "--config", str(self.folder / "config.yaml"), *arguments.split()]
        colour = {"FORCE_COLOR": "1", "COLUMNS": str(PAGE)} if _console.is_terminal else {}
        ran = subprocess.run(  # noqa: S603 - our own command
            command, env={**os.environ, **environment, **colour}, stdout=subprocess.PIPE, text=True, check=False
        )
        sys.stdout.write(ran.stdout)
        sys.stdout.flush()
        if ran.returncode not in expected:
            raise IwdsError(f"iwds {arguments} ended with {ran.returncode} instead of {expected[0]}")
        return ran.stdout


def _pointing_to(slapd: PrivateSlapd) -> dict[str, str]:
    """The environment that turns the example's directory into this slapd, and the job to it."""
    return {
        "IWDS_SOURCES__DIRECTORY__URLS": f'["{slapd.tls_url}"]',
        "IWDS_SOURCES__DIRECTORY__CA_FILE": str(slapd.ca_file.resolve()),
        "IWDS_SOURCES__DIRECTORY__BIND_DN": slapd.reader_dn,
        "IWDS_SOURCES__DIRECTORY__PASSWORD": slapd.reader_password,
        # The same people as in the file, so that whoever plays on with the file finds them known.
        "IWDS_SOURCES__DIRECTORY__REALM": "corp.example",
        f"IWDS_JOBS__{JOB.upper()}__SOURCES": '["directory"]',
    }


def _scenes(stage: _Stage) -> None:
    entries = company()
    tomorrow = a_day(entries)
    _first_day(stage, stage.directory(entries))
    _a_day_in_the_life(stage, stage.directory(tomorrow))
    _a_bad_day(stage, stage.directory(a_bad_day(tomorrow)))
    write_company(tomorrow, stage.folder / "company.ldif")


def _first_day(stage: _Stage, environment: Mapping[str, str]) -> None:
    _title("1  The first day", "1,200 people in the directory, an MFA service with two administrators of its own.")
    stage.iwds(f"check {JOB}", environment, [0])
    plan = _saved(stage.iwds(f"plan {JOB}", environment, [2]))
    _say("Nothing was changed yet. Apply exactly this plan:")
    stage.iwds(f"apply {plan} --yes", environment, [0])
    _say("And again: a second plan has nothing to do.")
    stage.iwds(f"plan {JOB}", environment, [0])


def _a_day_in_the_life(stage: _Stage, environment: Mapping[str, str]) -> None:
    _title(
        "2  A day in the life",
        "Somebody joins, somebody leaves, somebody changes department, somebody marries, somebody is put "
        "in charge of MFA, and somebody corrects a name by hand on the service, where it does not belong.",
    )
    _correct_by_hand(stage.service_url)
    plan = _saved(stage.iwds(f"plan {JOB}", environment, [2]))
    stage.iwds(f"show {plan} --all", environment, [0])
    stage.iwds(f"apply {plan} --yes", environment, [0])


def _correct_by_hand(url: str) -> None:
    """What an administrator does in the console: change a last name on the service."""
    settings = provisioning.Settings(kind="provisioning", url=url, service_id=10408, provisioning_id=1)
    target = provisioning.connect("console", settings)
    try:
        login = target.reader.named(CORRECTED.uid)
        if login is None:
            raise IwdsError(f"the service has no login {CORRECTED.uid}")
        target.writer().update(replace(login, name="Corrected-By-Hand"))
    finally:
        target.reader.close()


def _a_bad_day(stage: _Stage, environment: Mapping[str, str]) -> None:
    _title("3  A bad day", "The directory answers with half of its people, and says that all is well.")
    stage.iwds(f"run {JOB}", environment, [3])
    _say("Nobody lost anything. What happened so far:")
    stage.iwds(f"history {JOB}", environment, [0])


def _saved(text: str) -> str:
    """The id of the plan in what `iwds plan` printed."""
    found = re.search(r"Saved as (?:\x1b\[[0-9;]*m)?([0-9a-f]+)", text)
    if found is None:
        raise IwdsError("iwds plan did not say what it saved the plan as")
    return found[1]


def _title(title: str, text: str) -> None:
    _console.print(f"\n[bold reverse] {title} [/]\n{escape(textwrap.fill(text, PAGE))}")


def _say(text: str) -> None:
    _console.print(f"\n[dim]{escape(textwrap.fill(text, PAGE))}[/]")


def _farewell(folder: Path, *, ldap: bool) -> None:
    """What to type next. The file in the playground is the day in the life again, so that there is something to do."""
    command = _command()
    config = folder / "config.yaml"
    _console.print(f"\n[bold reverse] Now you [/]\nEverything is in {escape(str(folder))}: look into config.yaml.\n")
    if ldap:
        _console.print("The private slapd is gone; the playground reads the same company from a file.\n")
    for line, words in _next_steps(command, folder, config):
        told = textwrap.fill(words, PAGE, initial_indent=" " * 6, subsequent_indent=" " * 6)
        _console.print(f"  {escape(line)}\n[dim]{escape(told)}[/]")


def _next_steps(command: str, folder: Path, config: Path) -> Sequence[tuple[str, str]]:
    return (
        (f"{command} sandbox --data {folder}/service.db &", "start the local MFA service again; end it with: kill %1"),
        (f"export IWDS_CONFIG={config}", "work with the playground"),
        (f"{command} plan {JOB}", "then change somebody in company.ldif, or a rule in mappings/, and plan again"),
        (
            f"{command} sandbox show outbox --data {folder}/service.db",
            "what the service mailed; every command of `sandbox` needs that --data here",
        ),
        (f"{command} apply {JOB}", "the same with a question at its end"),
        (f"{command} init my-company", "when you are ready for your own directory"),
    )


def _command() -> str:
    """How this user can call us: by name, or by the way that this process was called."""
    # `uv run`, as in ./demo, finds us for this process alone: the shell that it returns to does not know the name.
    if shutil.which("iwds") and "UV_RUN_RECURSION_DEPTH" not in os.environ:
        return "iwds"
    beside = Path(sys.executable).parent / "iwds"
    return os.path.relpath(beside) if beside.exists() else f"{sys.executable} -m iwds"
