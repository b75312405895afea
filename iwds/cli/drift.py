"""`drift`: who was changed by hand on the service, since when, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, duration, require_reason, show_json, wired
from iwds.cli.console import err, out, plain, say
from iwds.errors import ConfigurationError, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.drift import DriftKind
    from iwds.core.plan import Plan
    from iwds.engine.drift import Found, Survey

FOUND = 2
"""The exit code where something differs."""
SinceOption = Annotated[str, typer.Option("--since", metavar="TIME", help="Only what was first seen in the last 7d.")]
DirectoryOption = Annotated[
    bool | None,
    typer.Option("--directory/--no-directory", help="Ask the directory what it wants of each, one by one."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift")(drift)


@dataclass(frozen=True, slots=True)
class How:
    """How the answer is to look: `directory` is None where nobody said whether it is to be asked."""

    everything: bool
    as_csv: bool
    as_json: bool
    directory: bool | None


@dataclass(frozen=True, slots=True)
class Given:
    """What was said about an action: why, until when, and without which questions."""

    reason: str
    ticket: str
    until: str
    allow: Sequence[str]
    yes: bool
    dry_run: bool


def drift(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    login: Annotated[str, typer.Option("--login", metavar="WHO", help="Only this login; quick, reads it alone.")] = "",
    group: Annotated[str, typer.Option("--group", metavar="NAME", help="Only what is about this group.")] = "",
    field: Annotated[str, typer.Option("--field", metavar="F", help="Only this: role, mail, 'extra KEY', tag, …")] = "",
    since: SinceOption = "",
    roles: Annotated[bool, typer.Option("--roles", help="Read roles in groups too, a call for each login.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every line, and what is kept too.")] = False,
    directory: DirectoryOption = None,
    keep: Annotated[str, typer.Option("--keep", metavar="WHO", help="What was done to them by hand stays.")] = "",
    adopt: Annotated[bool, typer.Option("--adopt", help="A report for the directory's owners: it is wrong.")] = False,
    revert: Annotated[bool, typer.Option("--revert", help="Put back what we last wrote; asks first.")] = False,
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help="--keep: so long; 90d without it.")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; --keep and --revert need it.")] = "",
    ticket: Annotated[str, typer.Option("--ticket", metavar="TEXT", help="The ticket; kept in the audit.")] = "",
    allow: Annotated[list[str] | None, typer.Option("--allow", metavar="GUARD=N", help="As of `apply`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="--revert: do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="--revert: show the plan only.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Who was changed by hand: where the service differs from what we last wrote, and since when.

    Reads the service whole, and no directory but for those whom the page names. Exit code 0: nothing differs; 2:
    something does; 3: the reading of the service is not proven. Then --keep it, --revert it, or --adopt for a report.
    """
    from iwds.engine.drift import Asked

    how, given = How(everything, as_csv, as_json, directory), Given(reason, ticket, until, allow or (), yes, dry_run)
    _refuse_nonsense(how, given, (bool(keep), adopt, revert))
    begin = datetime.now(UTC) - duration(since) if since else None
    asked = Asked(keep or login, group, field, begin, roles)
    with wired() as wiring:
        command = _Drift(wiring, job, asked, how)
        if keep:
            return command.keep(given)
        if adopt:
            return command.report()
        return command.revert(given) if revert else command.show()


def _refuse_nonsense(how: How, given: Given, doing: tuple[bool, bool, bool]) -> None:
    keep, adopt, revert = doing
    if sum(doing) > 1:
        raise UsageError("one of --keep, --adopt and --revert", "look first, with none of them")
    wrong = {
        "--json or --csv, not both": how.as_json and how.as_csv,
        "--csv is for lists, and not for --keep or --revert": how.as_csv and (keep or revert),
        "--json is not for --adopt, which is for people": how.as_json and adopt,
        "--until is for --keep": bool(given.until) and not keep,
        "--yes, --dry-run and --allow are for --revert": (given.yes or given.dry_run or bool(given.allow))
        and not revert,
        "--json leaves no place for a question": revert and how.as_json and not (given.yes or given.dry_run),
    }
    for words, stands in wrong.items():
        if stands:
            raise UsageError(words)
    if keep or (revert and not given.dry_run):
        require_reason(given.reason, "--keep" if keep else "--revert")


class _Drift:
    """One command about one job."""

    def __init__(self, wiring: Any, job: str, asked: Any, how: How) -> None:
        self.wiring, self.name, self.asked, self.how = wiring, job, asked, how
        self.job, self.tools = wiring.job(job), wiring.tools()
        self.retagged = 0

    def show(self) -> int:
        from iwds.cli import drift_text as words

        survey = self._survey()
        code = FOUND if survey.drift else 0
        found = survey.found if self.how.everything else survey.drift
        if self.how.as_json:
            words.show_data(survey, self.name, self._told(found, self.how.directory is True), code)
        elif self.how.as_csv:
            words.write_drift(self._told(found, self.how.directory is True))
        else:
            page = words.drift_page(survey, self.name, self._named(survey), self.how.everything)
            self.wiring.progress.hide()
            say(page)
        return code

    def _survey(self) -> "Survey":
        from iwds.cli.planning import stoppable
        from iwds.engine.drift import survey
        from iwds.engine.drift_keep import kept_by

        with stoppable() as stop:
            made = survey(self.job, self.tools, self.asked, kept_by(self.job, self.tools), stop)
        self.retagged = made.retagged
        return made

    def _told(self, found: "Sequence[Found]", asks: bool) -> "list[Found]":
        """The same, with what the directory wants where it is to be asked."""
        from iwds.engine.drift_asking import ask

        told = list(ask(self.job, self.tools, found, self.retagged)) if asks else list(found)
        self.wiring.progress.hide()
        return told

    def _named(self, survey: "Survey") -> "dict[DriftKind, list[Found]]":
        """Whom the page names, each with what the next run does about them."""
        from iwds.cli.drift_text import people_named

        named = people_named(survey, self.how.everything)
        quick = bool(self.asked.who) or all(source.indexed for source in self.job.sources)
        if not (quick if self.how.directory is None else self.how.directory):
            return named
        chosen = [each for some in named.values() for each in some]
        by_login = sorted(chosen, key=lambda each: each.row.login_id)
        told = {(each.row.login_id, each.drift.what): each for each in self._told(by_login, True)}
        return {kind: [told[each.row.login_id, each.drift.what] for each in some] for kind, some in named.items()}

    def report(self) -> int:
        """The report for whom the directory belongs to."""
        from iwds.cli import drift_text as words

        survey = self._survey()
        told = self._told([each for each in survey.found if not each.agreed], True)
        wrong = words.wrong_in_directory(told)
        if self.how.as_csv:
            words.write_report(wrong)
        else:
            for line in words.report_lines(wrong, self.name, survey.service, survey.at):
                plain(line)
        if rest := len(told) - len(wrong):
            err.print(Text(f"{rest:,} more are not in it: the directory agrees, or says nothing of them."))
        return FOUND if wrong else 0

    # --- putting back -------------------------------------------------------------------------------------------------

    def revert(self, given: Given) -> int:
        """Put back what we last wrote, through an ordered plan."""
        from iwds.cli.planning import selection_of
        from iwds.engine.drift_revert import revert
        from iwds.engine.leasing import DRIFT
        from iwds.engine.running import Request

        writer = self.wiring.writer(self.name)
        if writer is None and not given.dry_run:
            raise ConfigurationError(
                f'job "{self.name}" has mode: report and cannot write', "see what it would do: add --dry-run"
            )
        survey = self._survey()
        chosen = self._told(survey.drift, self.how.directory is not False)
        if not chosen:
            say([Text("Nothing to put back.")] if not self.how.as_json else [])
            self._data(None, 0)
            return 0
        order = revert(self.job, self.tools, chosen)
        request = Request(DRIFT, selection_of(None, list(given.allow), given.reason))
        return self._preview(order, request) if given.dry_run else self._carry_out(order, request, writer, given.yes)

    def _preview(self, order: Any, request: Any) -> int:
        from iwds.engine.ordered import order_exit_code, preview

        plan = preview(self.job, self.tools, request, order)
        self.wiring.progress.hide()
        code = order_exit_code(plan)
        if self.how.as_json:
            self._data(plan, code)
        else:
            self._show(plan)
        return code

    def _carry_out(self, order: Any, request: Any, writer: Any, yes: bool) -> int:
        from dataclasses import replace

        from iwds.cli.planning import open_lines, stoppable
        from iwds.engine.ordered import carry_out_order

        with stoppable() as stop:
            asking = replace(request, stop=stop, confirm=(lambda _: True) if yes else self._agreed)
            report = carry_out_order(self.job, self.tools, writer, asking, order)
            self.wiring.progress.hide()
        if self.how.as_json:
            self._data(report.plan, report.exit_code, report.run)
            return int(report.exit_code)
        if yes or report.plan.violations or not report.plan.changes:
            self._show(report.plan)
        say(open_lines(report))
        colour = "green" if report.exit_code == 0 else "yellow"
        out.print(Text.assemble((report.run.summary, colour), f"   run {report.run.id}, exit {report.exit_code}"))
        return int(report.exit_code)

    def _agreed(self, plan: "Plan") -> bool:
        """Show the plan and ask."""
        from iwds.cli.login import agreed

        with self.wiring.progress.aside():
            self._show(plan)
            changes = len(plan.changes)
            return agreed("Make this change?" if changes == 1 else f"Make these {changes:,} changes?", False)

    def _show(self, plan: "Plan") -> None:
        from iwds.cli.plan_facts import retagged
        from iwds.cli.plan_text import plan_lines
        from iwds.core.guards import RETAGGED

        say(plan_lines(plan, show_next=False))
        if plan.held and (tags := retagged(plan)):
            chosen = f" {self.asked}" if str(self.asked) else ""
            say([Text("Put it back although another tool retagged logins:")])
            say([Text(f"  iwds drift {self.name} --revert{chosen} \\")])
            say([Text(f'    --allow {RETAGGED}={tags} --reason "..."')])

    def _data(self, plan: "Plan | None", code: int, run: Any = None) -> None:
        from iwds.core.plan_document import plan_to_data

        if self.how.as_json:
            done = {"run": run.id, "summary": run.summary, **run.report} if run else {}
            show_json({"schema": 1, "exit": code, "plan": plan_to_data(plan) if plan else None, **done})

    def keep(self, given: Given) -> int:
        """Let what was done to somebody by hand stay."""
        from iwds.cli import drift_text as words
        from iwds.cli.login import moment
        from iwds.engine.drift_keep import keep

        end = moment(given.until, datetime.now(UTC)) if given.until else None
        found = self._told(self._survey().drift, self.how.directory is not False)
        made = keep(self.job, self.tools, found, end, (given.reason, given.ticket))
        if self.how.as_json:
            words.show_kept(made)
        else:
            say(words.kept_lines(made, self.asked.who))
        return 0
