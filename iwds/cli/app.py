"""The commands, put together, and the boundary where errors become messages and exit codes."""

from collections.abc import Sequence

import click
import typer
from rich.markup import escape

from iwds.cli import looking, planning, serving, setup
from iwds.cli.console import err, out
from iwds.errors import IwdsError, Refused, UsageError

HELP = """Keeps an MFA service equal to the directories that are the source of truth.

It reads people and groups, computes what differs, shows it as a plan, and
applies it. No failed, partial or doubtful read, and no slip in a
configuration, ever takes anyone's access away.

[bold]Start here[/]

  iwds demo         see everything work on a sample company, in a minute
  iwds init         write a commented configuration for your own directory
  iwds check        look at configuration, directory and service

[bold]Every day[/]

  iwds plan JOB     what would change, and why; changes nothing
  iwds apply JOB    the same, then apply it after a question
  iwds run JOB      the same without a question, for schedules
  iwds status       did everything run, and how did it end

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
for module in (planning, looking, serving, setup):
    module.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = app(args=list(arguments), prog_name="iwds", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        out.print(error.format_message(), markup=False)
        return 0
    except click.UsageError as error:
        err.print(f"[red]{escape(error.format_message())}[/]")
        err.print(f"See: {error.ctx.command_path if error.ctx else 'iwds'} --help")
        return UsageError.exit_code
    except click.Abort:
        err.print("Stopped. Nothing more was done.")
        return 130
    except IwdsError as error:
        return _explained(error)
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0


def _explained(error: IwdsError) -> int:
    """Message and advice; a refusal on standard output too, so that cron's mail carries it."""
    consoles = (err, out) if isinstance(error, Refused) and not out.is_terminal else (err,)
    for console in consoles:
        console.print(f"[red]{escape(error.message)}[/]")
        if error.advice:
            console.print(escape(error.advice))
    return error.exit_code
