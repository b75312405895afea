"""`check`, `history`, `show`, `status`: the commands that look. None of them changes anything."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape

from iwds.cli.common import JsonOption, ago, duration, local, show_json, wired
from iwds.cli.console import out, say
from iwds.core.change import Kind, kinds
from iwds.core.decide import Reason
from iwds.core.document import change_from_data
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_from_data
from iwds.errors import IwdsError, UsageError
from iwds.ports import Finding, RunRow, State


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("check")(check)
    app.command("status")(status)
    app.command("history")(history)
    app.command("show")(show)


def check(job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None) -> int:
    """Look at configuration, directories and service, and say what is wrong. Changes nothing."""
    with wired() as wiring:
        names = [job] if job else wiring.config.job_names()
        worst = 0
        for name in names:
            out.print(f"[bold]{escape(name)}[/]")
            worst = max(worst, _check_job(wiring, name))
    return worst


def _check_job(wiring: Any, name: str) -> int:
    code = 0
    try:
        for finding in _findings(wiring, name):
            _print_finding(finding)
            code = code if finding.ok else 78
    except IwdsError as error:
        _print_finding(Finding(False, "stopped", error.message, error.advice))
        return error.exit_code
    return code


def _findings(wiring: Any, name: str) -> Iterator[Finding]:
    """Everything about one job: its own settings, its sources, its target, and how they fit together."""
    job = wiring.job(name)
    yield Finding(True, "configuration", f"{wiring.config.file}: valid")
    yield from _shared_tags(wiring, name)
    for source in job.sources:
        yield from source.check(job.rules.attributes)
    yield from job.target.check()
    yield from _missing_groups(job)


def _shared_tags(wiring: Any, name: str) -> Iterator[Finding]:
    """Two jobs with one tag on one service cannot tell whose a login is."""
    job = wiring.job(name)
    mine = (str(job.target.service), job.policy.provisioning_id)
    for other in wiring.config.job_names():
        if other == name:
            continue
        rival = wiring.job(other)
        if (str(rival.target.service), rival.policy.provisioning_id) == mine:
            what = f"job {other} has provisioningId {mine[1]} on {mine[0]} too"
            yield Finding(
                False, "provisioningId", what, "give each job on one service a target with its own provisioning_id"
            )


def _missing_groups(job: Any) -> Iterator[Finding]:
    from iwds.yamlmarks import nearest

    existing = {group.name for group in job.target.read_groups()}
    for name in sorted(job.rules.groups.keys() - existing):
        what = f'the service has no group "{name}"{nearest(name, existing)}'
        yield Finding(False, "mapping", what, "make it in the service's console, or mend the mapping")


def _print_finding(finding: Finding) -> None:
    mark = "[yellow]look[/]" if finding.warning else "[green]  ok[/]" if finding.ok else "[red]  NO[/]"
    out.print(f"  {mark}  {escape(finding.what)}: {escape(finding.detail)}")
    if finding.advice:
        out.print(f"        {escape(finding.advice)}")


def status(
    job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None,
    max_age: Annotated[str, typer.Option("--max-age", help="How old the last success may be.")] = "26h",
    as_json: JsonOption = False,
) -> int:
    """Did everything run, and how did it end? Exits with 1 where nothing has succeeded for too long."""
    limit, now = duration(max_age), datetime.now(UTC)
    with wired() as wiring:
        names = [job] if job else list(wiring.config.job_names())
        rows = [_job_status(wiring.state(), name, limit, now) for name in names if wiring.config.job(name)]
    if as_json:
        show_json({"schema": 1, "jobs": rows})
    else:
        say(_status_line(row) for row in rows)
    return 0 if all(row["fresh"] for row in rows) else 1


def _job_status(state: State, name: str, limit: timedelta, now: datetime) -> dict[str, Any]:
    runs = state.runs(name, limit=200)
    good = next((run for run in runs if run.exit_code == 0 and run.ended), None)
    last = runs[0] if runs else None
    return {
        "job": name,
        "last": last.summary if last else "",
        "last_at": last.started if last else None,
        "last_exit": last.exit_code if last else None,
        "success_at": good.ended if good else None,
        "success": ago(good.ended, now) if good and good.ended else "never",
        "fresh": bool(good and good.ended and now - good.ended <= limit),
    }


def _status_line(row: Mapping[str, Any]) -> str:
    mark = "[green]ok [/]" if row["fresh"] else "[red]OLD[/]"
    last = (
        f"last run {local(row['last_at'])}, exit {row['last_exit']}: {row['last']}" if row["last_at"] else "no run yet"
    )
    return f"{mark}  {escape(row['job'])}  last success {row['success']}  .  {escape(last)}"


def history(
    job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    as_json: JsonOption = False,
) -> int:
    """List the latest runs: when, who, how they ended."""
    with wired() as wiring:
        rows = wiring.state().runs(job, limit)
    if as_json:
        show_json({"schema": 1, "runs": [_run_data(row) for row in rows]})
    elif not rows:
        out.print("No run yet. Start with: iwds plan JOB")
    else:
        say(_run_line(row) for row in rows)
    return 0


def _run_data(row: RunRow) -> dict[str, Any]:
    names = ("id", "job", "service", "command", "who", "started", "ended", "exit_code", "plan", "summary")
    return {**{name: getattr(row, name) for name in names}, "report": dict(row.report)}


def _run_line(row: RunRow) -> str:
    code = "  …" if row.exit_code is None else f"{row.exit_code:>3}"
    colour = "green" if row.exit_code == 0 else "yellow" if row.exit_code in (None, 2, 3, 4) else "red"
    return f"{row.id}  {local(row.started)}  [{colour}]exit {code}[/]  {escape(f'{row.job}  {row.who}  {row.summary}')}"


def show(
    what: Annotated[str, typer.Argument(metavar="RUN|PLAN", help="The id of a run or of a plan.")],
    kind: Annotated[str | None, typer.Argument(help="Only this kind (lock, create, …), evidence or reason.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every line.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Show one run or plan: what it changed or would change, and what it left alone."""
    with wired() as wiring:
        state = wiring.state()
        row, document = state.run(what), state.plan(what)
        if row is None and document is None:
            raise UsageError(f'there is no run and no plan "{what}"', "see: iwds history")
        if row is not None:
            _show_run(state, row, (kind, all_, as_json))
            document = document or (state.plan(row.plan) if row.plan and not all_ and not kind else None)
            if document is None or as_json:
                return 0
    if document:
        _show_plan(plan_from_data(json.loads(document)), (kind, all_, as_json), document)
    return 0


def _show_run(state: State, row: RunRow, how: tuple[str | None, bool, bool]) -> None:
    kind, all_, as_json = how
    intents = list(state.intents(row.id)) if all_ or kind or as_json else []
    if as_json:
        journal = [
            {"id": i.id, "phase": i.phase, "change": i.change, "result": i.result, "error": i.error} for i in intents
        ]
        show_json({"schema": 1, **_run_data(row), "journal": journal})
        return
    out.print(_run_line(row))
    for line, result, error in row.report.get("open", []):
        out.print(f"  [red]{escape(result)}[/]  {escape(line)}: {escape(error)}")
    from iwds.cli.plan_text import change_line

    for intent in intents:
        change = change_from_data(intent.change)
        if kind is None or kind in {k.value for k in kinds(change)}:
            ended = intent.result.value if intent.result else "unknown"
            out.print(f"{ended:>10} {change_line(change, 1000).strip()}")


def _show_plan(plan: Plan, how: tuple[str | None, bool, bool], document: str) -> None:
    from iwds.cli.plan_text import plan_lines

    kind, all_, as_json = how
    if as_json:
        show_json(json.loads(document))
    elif kind or all_:
        say(_listed(plan, kind, all_))
    else:
        say(plan_lines(plan))


def _listed(plan: Plan, kind: str | None, all_: bool) -> Iterator[str]:
    """Changes and skips of one kind, or all of them, a line each."""
    known = {k.value for k in Kind} | {r.value for r in Reason} | {"seen", "rule", "unseen", "ordered"}
    if kind is not None and kind.rstrip("s") not in known and kind not in known:
        raise UsageError(f'"{kind}" is no kind, evidence or reason', f"known: {', '.join(sorted(known))}")
    wanted = kind.rstrip("s") if kind and kind not in known else kind
    lines = list(_matching(plan, wanted))
    yield from lines if all_ else lines[:40]
    if len(lines) > 40 and not all_:
        yield f"    ... {len(lines) - 40:,} more:  iwds show {plan.id}{' ' + kind if kind else ''} --all"
    if not lines:
        yield "Nothing of that kind."


def _matching(plan: Plan, kind: str | None) -> Iterator[str]:
    from iwds.cli.plan_text import change_line

    for change in plan.changes:
        if kind is None or kind in _names(change):
            yield change_line(change, 1000)
    for skip in plan.skips:
        names: Sequence[str] = [skip.reason.value, *(_names(skip.change) if skip.change else ())]
        if kind is None or kind in names:
            yield f"    [dim].[/] {escape(f'{skip.subject.login}  {skip.reason.value}: {skip.detail}')}"


def _names(change: Any) -> set[str]:
    return {kind.value for kind in kinds(change)} | ({change.evidence.value} if change.evidence else set())
