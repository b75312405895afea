"""The commands, put together, and the boundary where errors become messages and exit codes."""

from collections.abc import Sequence
from typing import Any

import typer
from rich.text import Text

from iwds.cli import audit, holds, login, looking, planning, sandbox, serving, setup
from iwds.cli.console import err, out
from iwds.cli.page import printable
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

app = typer.Typer(
    help=HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
for module in (planning, looking, login, holds, audit, serving, sandbox, setup):
    module.register(app)

_WrongUsage: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line: of the click inside it, or of one beside it in older versions."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = app(args=list(arguments), prog_name="iwds", standalone_mode=False)
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
    err.print(Text(error.format_message().replace("Value error, ", ""), style="red"))
    err.print(f"See: {error.ctx.command_path if error.ctx else 'iwds'} --help")
    return UsageError.exit_code


def _explained(error: IwdsError) -> int:
    """Message and advice; a refusal on standard output too, so that cron's mail carries it."""
    consoles = (err, out) if isinstance(error, Refused) and error.mailed and not out.is_terminal else (err,)
    for console in consoles:
        # A server's own words are part of some messages.
        console.print(Text("\n".join(map(printable, error.message.splitlines())), style="red"))
        if error.advice:
            console.print(Text("\n".join(map(printable, error.advice.splitlines()))))
    return error.exit_code
