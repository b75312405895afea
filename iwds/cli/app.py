"""The commands, put together, and the boundary where errors become messages and exit codes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from iwds.cli.common import choose_config
from iwds.cli.console import err, out, plain
from iwds.cli.menu import MENU, Later, worded
from iwds.cli.page import tell
from iwds.errors import IwdsError, Refused, UsageError

HELP = """Makes an MFA service follow a company's directories.

It reads both sides, shows the difference as a plan, and applies it. Nobody
loses access because a reading failed or was doubtful, and nobody because
somebody edited a configuration file.

[bold]Start here[/]

  iwds demo         see everything work on a sample company, in a minute
  iwds init         write a commented configuration for your own directory
  iwds check        look at configuration, directory and service

[bold]Every day[/]

  iwds plan JOB     what would change, and why; changes nothing
  iwds apply JOB    the same, then apply it after a question
  iwds run JOB      the same without a question, for schedules
  iwds status       did everything run, and how did it end
  iwds login        the helpdesk: look at one login, give a code, lock it

[bold]Exit codes[/]

   0  done, or nothing to do         4  changed; items failed or were held
   1  failed                        64  the command line is wrong
   2  changes pending (plan)        75  unavailable, worth trying again
   3  someone must decide           78  the configuration is wrong
"""

_app = typer.Typer(
    help=HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        plain(f"iwds {version('iwds')}")
        raise typer.Exit


@_app.callback()
def _options(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Else $IWDS_CONFIG, ./config.yaml, /etc/iwds/config.yaml."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", help="Print the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before the command."""
    choose_config(config)


def program() -> TyperGroup:
    """The command line with everything that it can do."""
    whole = get_group(_app)
    worded(whole)
    for name in MENU:
        whole.add_command(Later(name))
    return whole


_WrongUsage: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line: of the click inside it, or of one beside it in older versions."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = program().main(args=list(arguments), prog_name="iwds", standalone_mode=False)
    except _WrongUsage as error:
        return _misused(error)
    except typer.Abort:
        err.print("Stopped: nothing was changed.")
        return 130
    except IwdsError as error:
        return _explained(error)
    return result if isinstance(result, int) else 0


def _misused(error: Any) -> int:
    """What is wrong with the command line; the help itself where nothing was asked for at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return 0  # building the error has printed the help
    tell(error.format_message().replace("Value error, ", ""), "red")
    tell(f"See: {error.ctx.command_path if error.ctx else 'iwds'} --help")
    return UsageError.exit_code


def _explained(error: IwdsError) -> int:
    """Message and advice; a refusal on standard output too, so that cron's mail carries it."""
    consoles = (err, out) if isinstance(error, Refused) and error.mailed and not out.is_terminal else (err,)
    for console in consoles:
        tell(error.message, "red", console)
        if error.advice:
            tell(error.advice, console=console)
    return error.exit_code
