"""`undo`: what a run did, put back where it still stands."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, duration, require_reason, show_json, wired
from iwds.cli.console import err, out, say
from iwds.cli.page import printable
from iwds.cli.planning import AllowOption, answer, open_lines, selection_of, stoppable
from iwds.core.plan import Selection
from iwds.errors import ConfigurationError, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.engine.running import Request
    from iwds.engine.undo import Looked, Wish
    from iwds.ports import RunRow

LONGEST = timedelta(days=400)
"""What is not done again for longer than this belongs into the directory or the mapping."""

OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KIND,..", help="Only these kinds of what the run did: lock, update, create, …"),
]
GroupsOption = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Only what it did in this group; may be repeated.")
]
HoldOption = Annotated[str, typer.Option("--hold", metavar="TIME", help="So long no run does it again; 0 for not.")]
LoginsOption = Annotated[
    list[str] | None, typer.Option("--login", metavar="WHO", help="Only this login, or '#1234'; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("undo")(undo)


def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, or its beginning: iwds history.")],
    only: OnlyOption = None,
    login: LoginsOption = None,
    group: GroupsOption = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the run.")] = "",
    ticket: Annotated[str, typer.Option("--ticket", metavar="TEXT", help="The ticket; kept with it.")] = "",
    hold: HoldOption = "7d",
    allow: AllowOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show only; the exit code is a plan's.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Put back what a run did, as far as it still stands: show it, ask, apply. Needs --reason.

    What others changed since is left alone and listed. No run does again what was undone, for 7 days or as --hold says.
    """
    require_reason(reason, "undo")
    if as_json and not (yes or dry_run):
        raise UsageError("--json leaves no place for a question", "look first with --dry-run, then add --yes")
    chosen = selection_of(only, allow, reason)
    with wired() as wiring:
        from iwds.engine.undo import Wish, run_to_undo

        row = run_to_undo(wiring.state(), run)
        _refuse_unknown_job(wiring, row)
        wish = Wish(chosen.only, frozenset(login or ()), frozenset(group or ()), _until(hold), ticket)
        command = _Undo(wiring, row, wish, Selection(allow=chosen.allow, reason=reason), as_json)
        return command.preview() if dry_run else command.run(yes)


def _until(hold: str) -> datetime | None:
    if hold == "0":
        return None
    length = duration(hold)
    if not timedelta() < length <= LONGEST:
        raise UsageError(f"--hold {hold}: at most {LONGEST.days} days", "what is to stay belongs into the mapping")
    return datetime.now(UTC) + length


def _refuse_unknown_job(wiring: Any, row: "RunRow") -> None:
    if row.job not in wiring.config.settings.jobs:
        names = ", ".join(wiring.config.settings.jobs) or "none"
        raise UsageError(
            f'run {row.id} is of job "{row.job}", which is not configured any more',
            f"put the job back, or undo it by hand; configured: {names}",
        )


class _Undo:
    def __init__(self, wiring: Any, row: "RunRow", wish: "Wish", selection: Selection, as_json: bool) -> None:
        self.wiring, self.row, self.wish, self.selection, self.as_json = wiring, row, wish, selection, as_json

    def preview(self) -> int:
        from iwds.engine.ordered import order_exit_code

        looked = self._look()
        code = order_exit_code(looked.plan)
        self.wiring.progress.hide()
        self._show(looked, code)
        return code

    def run(self, yes: bool) -> int:
        writer = self.wiring.writer(self.row.job)
        if writer is None:
            raise ConfigurationError(
                f'job "{self.row.job}" has mode: report and cannot write',
                f"see what it would do: iwds undo {self.row.id} --dry-run",
            )
        if yes:
            return self._undo(writer, self._request(), shown=False)
        from iwds.engine.ordered import order_exit_code

        looked = self._look()
        with self.wiring.progress.aside():
            self._show(looked, None)
            if looked.plan.violations or not looked.plan.changes:
                return order_exit_code(looked.plan)
            if not _agreed(len(looked.plan.changes)):
                err.print("Nothing was changed.")
                return 0
        return self._undo(writer, replace(self._request(), approved=looked.plan), shown=True)

    def _request(self) -> "Request":
        from iwds.engine.leasing import UNDO
        from iwds.engine.running import Request

        return Request(UNDO, self.selection)

    def _look(self) -> "Looked":
        from iwds.engine.undo import look

        return look(self.wiring.job(self.row.job), self.wiring.tools(), self.row, self.wish, self._request())

    def _undo(self, writer: Any, request: "Request", *, shown: bool) -> int:
        from iwds.engine.undo import undo as undo_run

        with stoppable() as stop:
            job, tools = self.wiring.job(self.row.job), self.wiring.tools()
            done = undo_run(job, tools, writer, self.row, self.wish, replace(request, stop=stop))
            self.wiring.progress.hide()
        assert done.report is not None  # noqa: S101 - it was carried out
        if not shown or self.as_json:
            self._show(done, done.report.exit_code)
        if not self.as_json:
            self._tell(done.report)
        return done.report.exit_code

    def _show(self, looked: "Looked", code: int | None) -> None:
        from iwds.cli.undo_text import undo_data, undo_lines

        if self.as_json:
            show_json(undo_data(looked, self.wish.until, code))
        else:
            say(undo_lines(looked, self.wish.until, self._again(looked)))

    def _again(self, looked: "Looked") -> list[str]:
        """The command that does it, as it was typed but for what only looks, and its options; empty once done."""
        if looked.report is not None:
            return []
        chosen = [f"--only {','.join(sorted(self.wish.only))}"] if self.wish.only else []
        chosen += [f"--login {quote(login)}" for login in sorted(self.wish.logins)]
        chosen += [f"--group {quote(group)}" for group in sorted(self.wish.groups)]
        return [f"iwds undo {self.row.id}", *chosen]

    def _tell(self, report: Any) -> None:
        say(open_lines(report))
        colour = "green" if report.exit_code == 0 else "yellow"
        out.print()
        end = f"   run {report.run.id}, exit {report.exit_code}"
        out.print(Text.assemble((printable(report.run.summary), colour), end))


def _agreed(changes: int) -> bool:
    if not err.is_terminal or not os.isatty(0):
        raise UsageError("nobody is there to answer", "look first with --dry-run, then use --yes")
    return answer("\nMake this change?" if changes == 1 else f"\nMake these {changes:,} changes?")
