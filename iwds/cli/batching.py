"""`batch`: what the rows of a file ask for, without a directory."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, show_json, wired
from iwds.cli.console import err, out, say
from iwds.cli.page import printable, warn
from iwds.cli.plan_forms import Form, FormatOption, FormsOption, forms_of, write_forms
from iwds.cli.planning import AllowOption, DeadlineOption, answer, open_lines, seconds_of, selection_of, stoppable
from iwds.core.plan import Selection
from iwds.errors import ConfigurationError, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.cli.batch_files import CodesFile, ResultFile
    from iwds.cli.batch_text import Shown
    from iwds.core.plan import Plan
    from iwds.engine.batch import Batch
    from iwds.engine.running import Request, RunReport

AdoptOption = Annotated[
    list[int] | None,
    typer.Option("--adopt", metavar="ORIGIN", help="Take over logins of this origin that nobody remembers: 0, 1, …"),
]
ResultOption = Annotated[
    Path | None, typer.Option("--result", metavar="FILE", help="How each row ended; else FILE.csv.result.csv.")
]
CodesOption = Annotated[
    Path | None,
    typer.Option("--codes", metavar="FILE", help="Activation codes, into a new file for your eyes only (0600)."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("batch")(batch)


def batch(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Rows: action, login, and what it needs.")],
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="Whose service, limits and approvals.")] = "",
    adopt: AdoptOption = None,
    result: ResultOption = None,
    codes: CodesOption = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the run.")] = "",
    allow: AllowOption = None,
    deadline: DeadlineOption = None,
    output: FormsOption = None,
    format_: FormatOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show only; the exit code is a plan's.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Do what each row of a file says: create, update, lock, unlock, delete, add to or remove from a group.

    Nothing is done while a row is wrong. The same file again goes on where a run stopped.
    """
    if as_json and not (yes or dry_run):
        raise UsageError("--json leaves no place for a question", "look first with --dry-run, then add --yes")
    selection, forms = selection_of(None, allow, reason), forms_of(output or (), format_)
    with wired() as wiring:
        from iwds.cli.batch_files import CodesFile, ResultFile
        from iwds.engine.batch import Batch
        from iwds.engine.batch_sheet import sheet_of

        name, data = wiring.batch_job(job), _bytes_of(file)
        kept = CodesFile(codes) if codes else None
        sheet = sheet_of(wiring.job(name), file.name, data, codes=dry_run or kept is not None)
        ended = ResultFile(result or file.with_name(f"{file.name}.result.csv"), sheet.wishes)
        told = kept.code if kept else None
        rows = Batch(wiring.job(name), wiring.tools(), sheet, frozenset(adopt or ()), ended.row, told)
        asked = _Asked(file, name, selection, seconds_of(deadline), forms, result, as_json)
        command = _Batch(wiring, asked, rows, ended, kept)
        return command.preview() if dry_run else command.run(yes)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked for."""

    file: Path
    job: str
    selection: Selection
    deadline: float | None
    forms: Sequence[tuple[Path, Form]]
    result: Path | None
    as_json: bool


class _Batch:
    """One command."""

    def __init__(
        self, wiring: Any, asked: _Asked, batch: "Batch", result: "ResultFile", codes: "CodesFile | None"
    ) -> None:
        self.wiring, self.asked, self.batch, self.result, self.codes = wiring, asked, batch, result, codes

    def preview(self) -> int:
        """Show what would be done."""
        from iwds.engine.batch import look
        from iwds.engine.ordered import order_exit_code

        plan = look(self.batch, self._request())
        self.wiring.progress.hide()
        code = order_exit_code(plan)
        self._show(self._shown(plan), code)
        write_forms(plan, self.asked.forms)
        return code

    def run(self, yes: bool) -> int:
        """Do it, after a question unless there is to be none."""
        writer = self.wiring.writer(self.asked.job)
        if writer is None:
            raise ConfigurationError(
                f'job "{self.asked.job}" has mode: report and cannot write',
                f"see what it would do: iwds batch {quote(str(self.asked.file))} --dry-run",
            )
        if yes:
            return self._carry_out(writer, self._request(), shown=False)
        from iwds.engine.batch import look
        from iwds.engine.ordered import order_exit_code

        plan = look(self.batch, self._request())
        with self.wiring.progress.aside():
            self._show(self._shown(plan), None)
            write_forms(plan, self.asked.forms)
            if plan.violations or (plan.skips and not plan.changes):
                return order_exit_code(plan)
            if plan.changes and not _agreed(len(plan.changes)):
                err.print("Nothing was changed.")
                return 0
        return self._carry_out(writer, replace(self._request(), approved=plan), shown=True)

    def _request(self) -> "Request":
        from iwds.engine.leasing import BATCH
        from iwds.engine.running import Request

        return Request(BATCH, self.asked.selection, deadline=self.asked.deadline)

    def _carry_out(self, writer: Any, request: "Request", *, shown: bool) -> int:
        from iwds.engine.batch import carry_out_batch

        with ExitStack() as files:
            self.result.open()
            files.callback(self.result.close)  # whatever comes next: without a row there is no file
            if self.codes:
                self.codes.open()
                files.callback(self.codes.close)
            actions = self.wiring.actions(self.asked.job)
            with stoppable() as stop:
                report = carry_out_batch(self.batch, writer, actions, replace(request, stop=stop))
                self.wiring.progress.hide()
        return self._ended(report, shown=shown)

    def _ended(self, report: "RunReport", *, shown: bool) -> int:
        from iwds.cli.batch_text import ended_lines

        done = self._shown(report.plan, report)
        if not shown:
            write_forms(report.plan, self.asked.forms)
        if shown and report.applied and not self.asked.as_json:
            say(ended_lines(done, report))
        else:
            self._show(done, report.exit_code)
        self._warn()
        if not self.asked.as_json:
            say(open_lines(report))
            colour = "green" if report.exit_code == 0 else "yellow"
            out.print()
            end = f"   run {report.run.id}, exit {report.exit_code}"
            out.print(Text.assemble((printable(report.run.summary), colour), end))
        return report.exit_code

    def _warn(self) -> None:
        """What was done and could not be written down."""
        if self.result.lost:
            again = f"give the same command again to complete it, with another --result: {self.result.path}"
            warn(f"not every row is in the result ({self.result.lost}); {again}")
        for login in self.batch.rows.uncoded:
            warn(f"the answer with the code of {login} was lost; for another one: iwds login code {login}")
        for login in self.codes.lost if self.codes else ():
            warn(f"the code of {login} could not be written; for another one: iwds login code {login}")

    def _shown(self, plan: "Plan", report: "RunReport | None" = None) -> "Shown":
        from iwds.cli.batch_text import Shown

        ended = report is not None and report.applied is not None
        codes = self.codes.path if ended and self.codes and self.codes.path.exists() else None
        counts = self.batch.rows.counts if ended else {}
        return Shown(self.batch.sheet, plan, counts, self.result.path if ended else None, codes, report)

    def _show(self, shown: "Shown", code: int | None) -> None:
        from iwds.cli.batch_text import batch_data, batch_lines

        if self.asked.as_json:
            show_json(batch_data(shown, code))
        else:
            again = [] if shown.report and shown.report.applied else self._again()
            say(batch_lines(shown, again))

    def _again(self) -> list[str]:
        """The command that does it, as it was typed but for what only looks, and its options."""
        options = [f"--adopt {origin}" for origin in sorted(self.batch.adopt)]
        options += [f"--result {quote(str(self.asked.result))}"] if self.asked.result else []
        if self.codes or self.batch.sheet.asks_for_codes:
            place = self.codes.path if self.codes else self.asked.file.with_name(f"{self.asked.file.name}.codes.csv")
            options.append(f"--codes {quote(str(place))}")
        return [f"iwds batch {quote(str(self.asked.file))}", f"--job {quote(self.asked.job)}", *options]


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _agreed(changes: int) -> bool:
    if not err.is_terminal or not os.isatty(0):
        raise UsageError("nobody is there to answer", "look first with --dry-run, then use --yes")
    return answer("\nMake this change?" if changes == 1 else f"\nMake these {changes:,} changes?")
