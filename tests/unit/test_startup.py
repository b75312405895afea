"""A command is quick because it imports what it needs, when it needs it."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import iwds.cli
from iwds import examples
from iwds.cli.menu import MENU, commands_of

SERVERS = ("starlette", "uvicorn", "apscheduler", "iwds.sandbox.server", "iwds.scheduling.daemon", "iwds.demo")
WORKING = ("sqlalchemy", "alembic", "lxml", "zeep", "urllib3", "cryptography", "ldap3", "msal", "yaml", "structlog")
OURS = (
    "pydantic_settings",
    "iwds.configuration",
    "iwds.settings",
    "iwds.bootstrap",
    "iwds.engine",
    "iwds.state",
    "iwds.targets",
)
HELP_PAGES = ("typer.rich_utils", "rich.markdown", "rich.syntax", "rich.traceback", "rich.progress")


def imported(*arguments: str, folder: Path) -> set[str]:
    """The modules that one command line has imported when it ends."""
    code = (
        "import sys; from iwds.cli.app import run; run(sys.argv[1:]);"
        "print(*sys.modules, sep='\\n', file=open('modules', 'w'))"
    )
    python(code, *arguments, folder=folder)
    return set((folder / "modules").read_text().split())


def python(code: str, *arguments: str, folder: Path) -> None:
    """Run this in an interpreter of its own, which must end well."""
    command = [sys.executable, "-c", code, *arguments]
    ran = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(Path(iwds.cli.__file__).parents[2])}, check=False)
    assert ran.returncode == 0


def test_a_help_page_waits_for_no_library_of_the_command(tmp_path: Path) -> None:
    """One interpreter shows them all, one after the other; the first page after which a library is there needed it."""
    code = (
        "import json, sys; from iwds.cli.app import run; needless = set(sys.argv[2:]); said = {}\n"
        "for page in json.loads(sys.argv[1]):\n"
        "    run([*page.split(), '--help']); said[page] = sorted(needless & sys.modules.keys())\n"
        "json.dump(said, open('said', 'w'))"
    )
    pages = ["", *MENU, "login code", "sandbox fault add"]
    python(code, json.dumps(pages), *SERVERS, *WORKING, *OURS, "typer.rich_utils", folder=tmp_path)

    assert json.loads((tmp_path / "said").read_text()) == {page: ["typer.rich_utils"] for page in pages}


def test_the_version_waits_for_nothing(tmp_path: Path) -> None:
    there = imported("--version", folder=tmp_path)

    assert there & {*SERVERS, *WORKING, *OURS, *HELP_PAGES, "pydantic", "iwds.core", "iwds.ports"} == set()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ours where a command was run before, so that our memory is there."""
    folder = tmp_path_factory.mktemp("used")
    for part in ("mappings", "schedules"):
        (folder / part).symlink_to(examples.folder() / part)
    (folder / "config.yaml").write_bytes(examples.config().read_bytes())
    imported("history", folder=folder)
    return folder


@pytest.mark.parametrize(
    ("command", "needless"),
    [("status", set()), ("holds", {"cryptography"}), ("audit", {"urllib3", "lxml"}), ("history", {"urllib3", "lxml"})],
)
def test_a_look_at_our_memory_waits_for_no_server_no_directory_and_no_help_page(
    command: str, needless: set[str], used: Path
) -> None:
    """`status` reads certificates; the help page is typer's."""
    there = imported(command, folder=used)

    assert there & {*SERVERS, *HELP_PAGES, *needless, "zeep", "ldap3", "msal", "structlog", "alembic"} == set()
    assert "sqlalchemy" in there


def test_every_command_of_the_menu_is_registered_by_its_module_and_the_other_way_round() -> None:
    modules = {module for module, _ in MENU.values()}
    folder = Path(iwds.cli.__file__).parent
    registering = {file.stem for file in folder.glob("*.py") if "\ndef register(app:" in file.read_text("utf-8")}
    assert modules == registering
    for module in modules:
        assert commands_of(module).keys() == {name for name, (where, _) in MENU.items() if where == module}


def test_the_version_is_that_of_the_package() -> None:
    ran = subprocess.run([sys.executable, "-m", "iwds", "--version"], capture_output=True, text=True, check=True)

    assert ran.stdout == f"iwds {version('iwds')}\n"
