"""`plan`, `apply`, `run`: the commands that plan, and those that may change the service."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from iwds.cli.common import JsonOption, duration, require_reason, show_json, wired
from iwds.cli.console import WIDTH, err, out, plain, say
from iwds.cli.page import columns, flowing, printable, warn
from iwds.cli.plan_forms import Form, FormatOption, FormsOption, forms_of, rendered, write_forms
from iwds.cli.saved import applicable, refuse_ordered
from iwds.core.change import Evidence, Kind
from iwds.core.guards import GATES, GuardKind
from iwds.core.nearest import close
from iwds.core.plan import Plan, Selection
from iwds.core.words import describe
from iwds.errors import Refused, UsageError

AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="GUARD=N", help="Let this guard pass N for this one plan; needs --reason."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="KIND",
        help="Only these kinds (create, update, add, …) or evidence (seen, rule); comma or repeat.",
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the run.")]
DeadlineOption = Annotated[
    str | None,
    typer.Option("--deadline", metavar="TIME", help="Begin nothing after this long, like 30m; the rest waits."),
]


ChangesOption = Annotated[
    bool, typer.Option("--changes", help="Look only at people of whom something changed, where the sources can tell.")
]

CaptureOption = Annotated[
    list[str] | None,
    typer.Option("--attributes", help="Capture these attributes of people too; comma or repeat."),
]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option("--groups", help="Capture the members of these groups of the service too; comma or repeat."),
]

LISTED = 20
"""How many changes that were not made a run names at its end."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("plan")(plan)
    app.command("apply")(apply)
    app.command("run")(run)


def plan(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    output: FormsOption = None,
    format_: FormatOption = None,
    capture: Annotated[bool, typer.Option("--capture", help="Keep what it rests on, for iwds replay.")] = False,
    capture_to: Annotated[
        Path | None, typer.Option("--capture-to", metavar="FILE", help="The same, in a file.")
    ] = None,
    attributes: CaptureOption = None,
    groups: GroupsOption = None,
    changes: ChangesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Show what would change, and why. Changes nothing. Exit code 2: changes wait; 3: someone must decide."""
    from iwds.engine.running import plan_exit_code, plan_only

    form = Form.JSON if as_json else format_
    files = forms_of(output or (), form)
    if (attributes or groups) and not (capture or capture_to):
        raise UsageError("--attributes and --groups say what is captured", "add --capture")
    if changes and (capture or capture_to):
        raise UsageError("a plan of what changed rests on no reading of everybody", "capture a plan without --changes")
    with wired() as wiring:
        with _capturing(wiring, job, capture_to, attributes, groups) if capture or capture_to else nullcontext():
            made = plan_only(wiring.job(job), wiring.tools(), changes=changes)
        report_only = wiring.writer(job) is None
    write_forms(made, files)
    if form:
        plain(rendered(made, form))
    else:
        _show(made, report_only)
    return plan_exit_code(made)


@contextmanager
def _capturing(
    wiring: Any, job: str, file: Path | None, attributes: list[str] | None, groups: list[str] | None
) -> Iterator[None]:
    """Captures the plan that is made meanwhile, and says where it is."""
    from iwds.captures import Capturing, wanted

    want = wanted(wiring.config, job, split(attributes), split(groups))
    with Capturing(wiring, job, want, file) as captured:
        yield
    wiring.progress.hide()
    err.print(f"Captured:  iwds replay {job} --reading {escape(str(file or captured.id))}", style="dim")


def _show(made: Plan, report_only: bool = False) -> None:
    from iwds.cli.plan_text import plan_lines

    say(plan_lines(made, report_only=report_only))


def apply(
    what: Annotated[
        str, typer.Argument(metavar="JOB|FILE|PLAN", help="A job, a plan file, or the id of a saved plan.")
    ],
    only: OnlyOption = None,
    allow: AllowOption = None,
    reason: ReasonOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    deadline: DeadlineOption = None,
    as_json: JsonOption = False,
) -> int:
    """Plan afresh, show it, ask, apply. Of a saved plan only what is still true is made; the rest is listed."""
    selection = selection_of(only, allow, reason)
    if as_json and not yes:
        raise UsageError("--json leaves no place for a question", "look at the plan first, then add --yes")
    with wired() as wiring:
        job, approved = (what, None) if what in wiring.config.settings.jobs else applicable(what, wiring)
        refuse_ordered(approved)
        asked = Asked("apply", approved, selection, seconds_of(deadline))
        return _apply(wiring, job, asked, None if yes else _ask, as_json)


def run(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and show only; the exit code is a plan's.")] = False,
    deadline: DeadlineOption = None,
    changes: ChangesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Plan and apply without a question, as schedules do. Stops in good order on SIGINT and SIGTERM."""
    from iwds.engine.changed import settings_of

    if dry_run:
        return plan(job, changes=changes, as_json=as_json)
    with wired() as wiring:
        if changes:
            # A command that this job cannot be given is no run, and `iwds status` would go on telling of one.
            settings_of(wiring.job(job))
        return _apply(wiring, job, Asked("run", deadline=seconds_of(deadline), changes=changes), None, as_json)


@dataclass(frozen=True, slots=True)
class Asked:
    """What `apply` or `run` was asked for."""

    command: str
    approved: Plan | None = None
    selection: Selection = field(default_factory=Selection)
    deadline: float | None = None
    changes: bool = False


def seconds_of(deadline: str | None) -> float | None:
    return None if deadline is None else duration(deadline).total_seconds()


def _apply(wiring: Any, job: str, asked: Asked, confirm: Any, as_json: bool) -> int:
    from iwds.engine.running import Request
    from iwds.engine.running import run as run_job

    command, approved, selection = asked.command, asked.approved, asked.selection
    writer = wiring.writer(job)
    if writer is None and command == "apply":
        raise wiring.config.error(
            f'job "{job}" has mode: report and cannot write',
            *("jobs", job, "mode"),
            advice=f"see what it would do: iwds plan {job}",
        )
    from iwds.captures import as_configured

    # What changed is planned on no reading of everybody, and nothing of it can be replayed.
    captured = nullcontext() if asked.changes else as_configured(wiring, job, warn)
    with stoppable() as stop, captured:
        question = (lambda made: confirm(made, wiring.progress)) if confirm else (lambda _: True)
        request = Request(command, selection, approved, question, stop, asked.deadline, asked.changes)
        report = run_job(wiring.job(job), wiring.tools(), writer, request)
        wiring.progress.hide()
    if as_json:
        show_json({"schema": 1, "run": report.run.id, "plan": report.plan.id, "exit": report.exit_code,
                   "summary": report.run.summary, **report.run.report})  # fmt: skip
    else:
        _tell(report, shown=confirm is not None or approved is not None, report_only=writer is None)
    return report.exit_code


def _tell(report: Any, *, shown: bool, report_only: bool) -> None:
    """How a run ended; the plan too, where nobody saw it before."""
    if not shown or report.plan.violations or not report.plan.changes:
        from iwds.cli.plan_text import plan_lines

        say(plan_lines(report.plan, report_only=report_only, show_next=report.exit_code == Refused.exit_code))
    say(open_lines(report))
    out.print()
    say(_end_lines(report))


def _end_lines(report: Any) -> Iterator[Text]:
    """How a run ended in words, and its id and code behind them or, where they do not fit, below."""
    colour = "green" if report.exit_code == 0 else "yellow"
    *lines, last = flowing(report.run.summary)
    yield from (Text(line, colour) for line in lines)
    code = f"   run {report.run.id}, exit {report.exit_code}"
    if columns(last + code) <= WIDTH:
        yield Text.assemble((last, colour), code)
    else:
        yield from (Text(last, colour), Text(code))


def open_lines(report: Any) -> Iterator[Text]:
    """What was approved and is no longer true, and what was tried and not simply done; many of them with counts."""
    from iwds.core.moved import DRIFT_WORDS

    moved = [
        ("moved", DRIFT_WORDS[each.drift], f"{describe(each.change)}: {each.told}")
        for each in report.moved
        if each.matters
    ]
    already = Counter(each.told for each in report.moved if not each.matters)
    yield from (Text.assemble("  ", ("already", "green"), f"  {n:,}: {told}") for told, n in already.items())
    failed = report.applied.outcomes if report.applied else []
    outcomes = [(result.value, "", f"{describe(change)}: {error}") for change, result, error in failed]
    for colour, rows in (("yellow", moved), ("red", outcomes)):
        if len(rows) > LISTED:
            yield from _counts(rows)
        for word, _, told in rows[:LISTED]:
            yield Text.assemble("  ", (word, colour), f"  {printable(told)}")
        if len(rows) > LISTED:
            which = f"{report.plan.id} moved" if rows is moved else report.run.id
            yield Text(f"    ... {len(rows) - LISTED:,} more:  iwds show {which} --all")


def _counts(rows: Sequence[tuple[str, str, str]]) -> Iterator[Text]:
    """How many ended in which way, and of those that moved how many for which reason."""
    for (word, why), n in Counter(row[:2] for row in rows).most_common():
        yield Text(f"  {n:>6,}  {word}{f': {why}' if why else ''}")


def _ask(made: Plan, bars: Any) -> bool:
    """Show the plan and ask; without a terminal nobody can answer, and nothing is done."""
    from iwds.cli.plan_text import plan_lines

    with bars.aside():
        say(plan_lines(made, show_next=False))
        if not err.is_terminal or not os.isatty(0):
            raise UsageError("nobody is there to answer", "look at the plan first, then use --yes")
        return answer(f"\nApply these {len(made.changes):,} changes?")


def answer(question: str) -> bool:
    """Yes, or anything else; Ctrl-C is a no here, since nothing is under way that could end in good order."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        err.print()
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def chosen_words(only: list[str] | None) -> frozenset[str]:
    """The kinds and evidence that `--only` names, each separated by commas or given again."""
    chosen = frozenset(split(only))
    known = {kind.value for kind in Kind} | {Evidence.SEEN.value, Evidence.RULE.value}
    for word in sorted(chosen - known):
        raise UsageError(f"--only {word}: no such kind or evidence", f"known: {', '.join(sorted(known))}")
    return chosen


def selection_of(only: list[str] | None, allow: list[str] | None, reason: str) -> Selection:
    """What `--only`, `--allow` and `--reason` say; `UsageError` for a word that is none, or without a reason."""
    allowed = dict(_allowance(text) for text in allow or ())
    if allowed:
        require_reason(reason, "--allow")
    return Selection(chosen_words(only), allowed, reason)


def split(texts: list[str] | None) -> list[str]:
    """The words of an option that is repeated, or has several between commas."""
    return [word.strip() for text in texts or () for word in text.split(",") if word.strip()]


def _allowance(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    guards = {kind.value for kind in GuardKind} | GATES
    if name not in guards or not number.isdigit():
        hint = "" if name in guards else close(name, guards)
        raise UsageError(f"--allow {text}: write GUARD=NUMBER{hint}", f"guards: {', '.join(sorted(guards))}")
    return name, int(number)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM ask to stop in good order; a second one is the usual one again."""
    stop = threading.Event()
    previous: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        err.print("\nStopping in good order: calls under way are finished …")
        signal.signal(number, previous[number])

    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        previous[number] = signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
