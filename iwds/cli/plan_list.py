"""`plans`: the plans that are kept, what became of each, and what of them still waits for somebody."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.text import Text

from iwds.cli.common import JsonOption, local, show_json, wired
from iwds.cli.console import WIDTH, out, say
from iwds.cli.page import cut, hanging, printable
from iwds.core.plan_document import plan_from_data
from iwds.errors import IwdsError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.change import Change
    from iwds.core.chosen import Progress
    from iwds.core.plan import Plan
    from iwds.ports import PlanRow, RunRow

_RUNS = 200
"""In how many of the last runs is looked for those that applied the plans which are listed."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plans")(plans)


def plans(
    job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those of which something still waits.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    as_json: JsonOption = False,
) -> int:
    """List the plans that are kept, the latest first, and how far their approval has come. Changes nothing."""
    with wired() as wiring:
        if job:
            wiring.config.job(job)
        applied = applied_by(wiring.state().runs(job, _RUNS))
        rows = [plan_data(wiring, row, applied) for row in wiring.state().plans(job, limit, waiting=waiting)]
    rows = [row for row in rows if row["open"] or not waiting]
    if as_json:
        show_json({"schema": 1, "plans": rows})
    elif not rows:
        out.print("No plan waits for approval." if waiting else "No plan yet. Start with: iwds plan JOB")
    else:
        say(line for row in rows for line in _plan_lines(row))
    return 0


def applied_by(runs: "Iterable[RunRow]") -> Mapping[str, str]:
    """Which run applied which plan, be it its own or a saved one; the latest of several."""
    from iwds.engine.approved import APPLIED

    found: dict[str, str] = {}
    for run in runs:
        for plan in (run.plan, run.report.get(APPLIED, "")) if "results" in run.report else ():
            found.setdefault(plan, run.id)
    return found


def plan_data(wiring: Any, row: "PlanRow", applied: Mapping[str, str]) -> dict[str, Any]:
    """A plan that is kept: whose order it is, what became of it, and how far its approval has come."""
    text = wiring.state().plan(row.id)
    document = json.loads(text) if text else {}
    ended, progress = _progress(wiring, row, document)
    return {
        **asdict(row),
        **asdict(progress),
        "open": 0 if ended else progress.open,
        "ordered": document.get("basis", {}).get("ordered", ""),
        "valid_until": document.get("valid_until"),
        "ended": ended,
        "applied_by": applied.get(row.id, ""),
    }


def _progress(wiring: Any, row: "PlanRow", document: Mapping[str, Any]) -> "tuple[str, Progress]":
    """Why a plan can be approved and applied no more, empty where it can; and how far its approval has come.

    Nothing is open of a job, or a document, that is gone; where a job cannot be made ready, all of it is.
    """
    from iwds.core.chosen import NOTHING_WAITS, Progress
    from iwds.engine.approving import Approving

    if not document or row.job not in wiring.config.settings.jobs:
        return ("its document was deleted" if not document else "its job is gone"), NOTHING_WAITS
    if not row.waiting:
        return _ended_by_time(document), NOTHING_WAITS
    try:
        plan, job = plan_from_data(document), wiring.job(row.job)
        return _ended(plan, job), Approving(plan, job, wiring.tools()).progress()
    except IwdsError:
        return "", Progress(row.waiting, 0, 0, (), 1)


def _ended_by_time(document: Mapping[str, Any]) -> str:
    end = document.get("valid_until")
    return "ended" if end and datetime.fromisoformat(end) <= datetime.now(UTC) else ""


def _ended(plan: "Plan", job: Any) -> str:
    """Why a plan can be applied no more; empty where it can."""
    from iwds.engine.approved import refuse_unfit
    from iwds.errors import Refused, UsageError

    try:
        refuse_unfit(plan, plan, job, datetime.now(UTC))
    except Refused:
        return "ended"
    except UsageError:
        return "of another configuration"
    return ""


def since_words(wiring: Any, plan: "Plan") -> "Mapping[Change, str]":
    """What became since of each change of a plan that waited for approval; nothing where its job is not ready."""
    from iwds.engine.approving import Approving

    if not plan.unapproved or plan.job not in wiring.config.settings.jobs:
        return {}
    try:
        told = Approving(plan, wiring.job(plan.job), wiring.tools()).since()
    except IwdsError:
        return {}
    return {change: words for change in plan.unapproved if (words := told(change))}


def _plan_lines(row: Mapping[str, Any]) -> Iterator[Text]:
    """Id, time, job, what became of it, and what of it waits for whom."""
    start, told = f"{row['id']}  {local(row['made'])}  {cut(printable(row['job']), 24)}", printable(_words(row))
    fits = cell_len(f"{start}  {told}") <= WIDTH
    lines = [f"{start}  {told}"] if fits else [start, *hanging(" " * 10, told)]
    yield from (Text(line, "yellow" if row["open"] else "dim" if row["ended"] else "") for line in lines)


def _words(row: Mapping[str, Any]) -> str:
    applied = f"applied by run {row['applied_by']}" if row["applied_by"] else ""
    return "; ".join(filter(None, (row["ordered"], applied, row["ended"], progress_words(row))))


def progress_words(row: Mapping[str, Any]) -> str:
    """`3 of 5 wait for approval; approved 2 by kim`."""
    if not row["waiting"]:
        return "nothing to approve"
    by = f" by {', '.join(row['by'])}" if row["by"] else ""
    two = ", each by two people" if row["needed"] > 1 else ""
    told = [f"{row['open']:,} of {row['waiting']:,} wait for approval{two}"] if row["open"] else []
    told += [f"{row['approved']:,} of {row['waiting']:,} approved{by}"] if row["approved"] or row["by"] else []
    told += [f"{row['rejected']:,} rejected"] if row["rejected"] else []
    return "; ".join(told) or f"{row['waiting']:,} waited for approval"
