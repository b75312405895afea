"""`resync`: one person, now."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, duration, show_json, wired
from iwds.cli.console import err, out, plain
from iwds.cli.page import printable, tell
from iwds.errors import ConfigurationError, LeaseHeld, Refused, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.engine.resync import Looked, Resynced, Wish

CodeOption = Annotated[
    Literal["now", "inactive", "link"] | None,
    typer.Option("--code", help="What somebody new gets: a code now, on standard output; one for later; a link."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("resync")(resync)


def resync(
    who: Annotated[str, typer.Argument(metavar="WHO", help="A login, a mail address, a DN, an id, or '#1234'.")],
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="In this job; else the one that knows them.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show only; the exit code is a plan's.")] = False,
    code: CodeOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit.")] = "",
    ticket: Annotated[str, typer.Option("--ticket", metavar="TEXT", help="The ticket; kept in the audit.")] = "",
    wait: Annotated[str, typer.Option("--wait", metavar="TIME", help="So long for a run under way; 0 for not.")] = "60",
    as_json: JsonOption = False,
) -> int:
    """Bring one person up to date now: read them alone, show what changes, ask, apply.

    It locks only whom the directory shows as disabled, expired or out of scope. What else would be taken away waits
    for a run that reads everybody, and so does whoever is not found.
    """
    from iwds.engine.one import SeveralFit

    if as_json and not (yes or dry_run):
        raise UsageError("--json leaves no place for a question", "look first with --dry-run, then add --yes")
    if as_json and code == "now":
        raise UsageError("a code stands alone on standard output, not in JSON", "leave one of both out")
    with wired() as wiring:
        name = _job_of(wiring, job, who)
        command = _Resync(wiring, name, _wish(who, code, (reason, ticket), wait), as_json)
        try:
            return command.preview() if dry_run else command.run(yes)
        except SeveralFit as error:
            command.several(error.candidates)
            return Refused.exit_code


def _wish(who: str, code: str | None, why: tuple[str, str], wait: str) -> "Wish":
    from iwds.core.model import Activation
    from iwds.engine.resync import Wish

    activation = None if code is None else Activation({"now": "code"}.get(code, code))
    seconds = float(wait) if wait.isdigit() else duration(wait).total_seconds()
    return Wish(who, activation, *why, wait=seconds, told=_waiting)


def _waiting(error: LeaseHeld) -> None:
    tell(f"Waiting: {error.message}")


def _job_of(wiring: Any, job: str, who: str) -> str:
    """The job that was named, or the only one, or the only one that knows them."""
    from iwds.engine.seeking import seek

    names = list(wiring.config.job_names())
    if job or len(names) == 1:
        return job or str(names[0])
    sought = {name: seek(wiring.job(name), wiring.tools(), who) for name in names}
    knowing = [name for name, found in sought.items() if found.candidates]
    if len(knowing) == 1:
        return str(knowing[0])
    for error in (error for found in sought.values() for error in found.failed.values()):
        raise error
    if not knowing:
        raise UsageError(
            f"nobody is found for {who} in any job",
            "write a whole login, mail address, distinguished name or id; nobody found is no proof that they are gone",
        )
    raise UsageError(f"{len(knowing)} jobs know {who}", f"say --job: {', '.join(knowing)}")


class _Resync:
    """One command; where a code is to stand on standard output, all words go to standard error."""

    def __init__(self, wiring: Any, job: str, wish: "Wish", as_json: bool) -> None:
        self.wiring, self.job, self.wish, self.as_json = wiring, job, wish, as_json
        self.console = err if wish.code == "code" else out

    def preview(self) -> int:
        from iwds.cli.resync_text import looked_data
        from iwds.engine.resync import preview
        from iwds.engine.running import plan_exit_code

        looked = preview(self.wiring.job(self.job), self.wiring.tools(), self.wish)
        code = plan_exit_code(looked.plan)
        if self.as_json:
            show_json(looked_data(self.wish.who, looked.one, looked.plan, code))
            return code
        self._show(looked.one, looked.plan)
        return code

    def run(self, yes: bool) -> int:
        from dataclasses import replace

        writer = self.wiring.writer(self.job)
        if writer is None:
            raise ConfigurationError(
                f'job "{self.job}" has mode: report and cannot write',
                f"see what it would do: iwds resync {self.wish.who} --dry-run",
            )
        if not yes:
            looked = self._seen()
            if looked is None:
                return 0
            self.wish = replace(self.wish, approved=looked.plan)
        return self._apply(writer, shown=not yes)

    def _seen(self) -> "Looked | None":
        """What a person has seen and agreed to; nobody holds the service while they think."""
        from iwds.engine.resync import preview

        looked = preview(self.wiring.job(self.job), self.wiring.tools(), self.wish)
        with self.wiring.progress.aside():
            self._show(looked.one, looked.plan)
            if looked.plan.changes and not looked.plan.violations and not _agreed(len(looked.plan.changes)):
                err.print("Nothing was changed.")
                return None
        return looked

    def _apply(self, writer: Any, *, shown: bool) -> int:
        from dataclasses import replace

        from iwds.cli.planning import stoppable
        from iwds.engine.resync import resync as apply

        config = self.wiring.config.job(self.job)
        actions: Callable[[], Any] = self.wiring.target(config.target).actions
        with stoppable() as stop:
            wish = replace(self.wish, stop=stop)
            done = apply(self.wiring.job(self.job), self.wiring.tools(), writer, actions, wish)
            self.wiring.progress.hide()
        self._tell(done, shown)
        return done.exit_code

    def _tell(self, done: "Resynced", shown: bool) -> None:
        from iwds.cli.resync_text import resynced_data

        if self.as_json:
            show_json(resynced_data(self.wish.who, done))
            return
        if not shown:
            self._show(done.one, done.plan)
        from iwds.cli.planning import open_lines

        self._say(open_lines(done))
        colour = "green" if done.exit_code == 0 else "yellow"
        end = f"   run {done.run.id}, exit {done.exit_code}"
        self._say([Text(), Text.assemble((printable(done.run.summary), colour), end)])
        self._hand_over(done)

    def _hand_over(self, done: "Resynced") -> None:
        """The code of somebody who was just created, alone on standard output."""
        from iwds.cli.access_text import lifetime_words
        from iwds.core.change import CreateLogin
        from iwds.engine.actions import Lifetime

        if self.wish.code != "code" or done.applied is None:
            return
        created = next((each for each in done.applied.done if isinstance(each, CreateLogin)), None)
        if created is None:
            return
        name = created.account.login
        if done.code is None:
            self._say([f"{name} was created, and no code came with it:", f"  iwds login code {name}"])
            return
        lasts = lifetime_words(Lifetime.CODE, self.wiring.config.settings.helpdesk)
        self._say([Text(printable(f"Activation code for {name}, good for {lasts}:"))])
        plain(done.code.reveal())

    def several(self, candidates: Iterable[Any]) -> None:
        """Whoever fits."""
        from iwds.cli.resync_text import several_data, several_lines

        if self.as_json:
            show_json(several_data(self.wish.who, candidates, self.job))
        else:
            self._say(several_lines(candidates, self.job))

    def _show(self, one: Any, plan: Any) -> None:
        from iwds.cli.resync_text import hints, person_lines

        self._say(person_lines(one, plan))
        self._say(hints(one, plan, self.wish.code))

    def _say(self, lines: Iterable[str | Text]) -> None:
        for line in lines:
            self.console.print(line if isinstance(line, Text) else Text(line))


def _agreed(changes: int) -> bool:
    from iwds.cli.planning import answer

    if not err.is_terminal or not os.isatty(0):
        raise UsageError("nobody is there to answer", "look first with --dry-run, then use --yes")
    return answer("\nApply this change?" if changes == 1 else f"\nApply these {changes} changes?")
