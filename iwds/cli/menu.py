"""The commands by name. What is behind a name is imported when it runs, or when its own help is asked for."""

from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group

MENU = {
    "plan": ("planning", "See what would change, and why"),
    "apply": ("planning", "Apply a job's plan, or a saved one, after a question"),
    "run": ("planning", "Plan and apply without a question, as schedules do"),
    "approve": ("approving", "Approve changes of a plan that wait for it"),
    "reject": ("approving", "Reject changes of a plan until a date"),
    "plans": ("plan_list", "List the plans that are kept, and what waits"),
    "undo": ("undoing", "Put back what a run did, where it still stands"),
    "batch": ("batching", "Do what the rows of a file say, without a directory"),
    "resync": ("resyncing", "Bring one person up to date now"),
    "check": ("checking", "Look at configuration, directory and service"),
    "doctor": ("doctoring", "What is wrong on both sides, before the first sync"),
    "status": ("looking", "Did everything run, and how did it end"),
    "history": ("looking", "List the latest runs"),
    "show": ("looking", "Show one run or plan, whole or a part of it"),
    "explain": ("explaining", "Why somebody has what they have, or has it not"),
    "drift": ("drift", "Who was changed by hand; keep it, or put it back"),
    "parity": ("parity", "Compare with what another tool left, each night"),
    "capture": ("capturing", "Write what the service holds to a file"),
    "replay": ("replaying", "What another configuration would do, offline"),
    "readings": ("replaying", "List captured readings; delete, pseudonymise"),
    "hold": ("holds", "Take nothing away from one login until a date"),
    "unhold": ("holds", "Lift that before its end"),
    "holds": ("holds", "List what is held, and until when"),
    "activations": ("activations", "Who is not activated, or never comes; mail links"),
    "match": ("matching", "Whose a login is, where no rule can tell"),
    "audit": ("audit", "Who did what to whom, when and why"),
    "mapping": ("mapping", "Try a mapping, compare two, check golden people"),
    "schema": ("schema", "Print what an editor checks the files with"),
    "daemon": ("serving", "Run jobs when their schedules say so"),
    "demo": ("serving", "See everything work on a sample company"),
    "init": ("setup", "Write a commented configuration to start from"),
    "login": ("login", "The helpdesk: look at one login, help, lock"),
    "sandbox": ("sandbox", "Run a local MFA service to rehearse against"),
    "db": ("setup", "Look after the database of our own memory"),
}
"""Of each command the module of `iwds.cli` that registers it, and its line in the help."""


class Later(TyperCommand):
    """Stands in the menu for a command whose module is not imported yet."""

    def __init__(self, name: str) -> None:
        self._module, words = MENU[name]
        super().__init__(name, short_help=words)

    def make_context(self, info_name: str | None, *arguments: Any, **extra: Any) -> Any:
        """The context of the command itself: from here on it is the one that runs."""
        return commands_of(self._module)[str(self.name)].make_context(info_name, *arguments, **extra)


@cache
def commands_of(module: str) -> dict[str, Any]:
    """The commands that a module of `iwds.cli` registers, by name."""
    part = typer.Typer(rich_markup_mode="rich")
    part.callback()(lambda: None)
    import_module(f"iwds.cli.{module}").register(part)
    whole = get_group(part)
    worded(whole)
    return dict(whole.commands)


_WORDS = {
    "<bool>": "",
    "<str>": "TEXT",
    "<list[str]>": "TEXT",
    "<path>": "FILE",
    "<list[Path]>": "FILE",
    "<int>": "N",
    "<int range>": "N",
    "<float>": "N",
}
"""What stands beside an option in the help, where typer says of which type of Python its value is."""


def worded(command: Any) -> None:
    """Let the help of a command, and of those below it, say in words what each option takes."""
    context = typer.Context(command, help_option_names=["-h", "--help"])
    for parameter in [*command.params, command.get_help_option(context)]:
        if parameter is not None and parameter.metavar is None:
            parameter.metavar = _word(parameter, context)
    for part in getattr(command, "commands", {}).values():
        worded(part)


def _word(parameter: Any, context: Any) -> str | None:
    """What to write for it; None leaves it as typer has it, whose older versions have words of their own."""
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    typed = getattr(parameter, "display_type", None)
    return _WORDS.get(typed(context)) if typed else None
