"""`history`, `show`, `status`: the commands that look at what was. None of them changes anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.text import Text

from iwds.cli.common import JsonOption, ago, duration, local, show_json, wired
from iwds.cli.console import WIDTH, out, plain, say
from iwds.cli.page import cut, flowing, hanging, printable
from iwds.cli.plan_forms import Form, FormatOption, FormsOption, forms_of, rendered, write_forms
from iwds.cli.saved import found, plan_of
from iwds.core.change import Change, Evidence, Kind, kinds
from iwds.core.decision import Reason
from iwds.core.document import change_from_data
from iwds.core.model import Service
from iwds.core.plan import Plan
from iwds.errors import IwdsError, UsageError
from iwds.ports import Finding, PlanRow, RunRow, State


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("history")(history)
    app.command("show")(show)


def status(
    job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None,
    max_age: Annotated[str, typer.Option("--max-age", metavar="TIME", help="How old the last success may be.")] = "26h",
    as_json: JsonOption = False,
) -> int:
    """Did everything run, and how did it end? Exits with 1 where nothing has succeeded for too long.

    Also where a directory refuses the account, or a certificate of a target has ended. Sends nothing to any service.
    """
    limit, now = duration(max_age), datetime.now(UTC)
    with wired() as wiring:
        names = [job] if job else list(wiring.config.job_names())
        # A job without sources is for batches, which come when somebody has one.
        rows = [_job_status(wiring, name, limit, now) for name in names if wiring.config.job(name).sources]
        targets = [_target_status(wiring, name, now) for name in sorted({wiring.config.job(n).target for n in names})]
    if as_json:
        show_json({"schema": 1, "jobs": rows, "targets": targets})
    else:
        say(line for row in rows for line in _status_lines(row))
        say(line for row in targets for line in _target_lines(row))
    well = all(row["fresh"] and not row["refused"] for row in rows) and all(row["well"] for row in targets)
    return 0 if well else 1


def _job_status(wiring: Any, name: str, limit: timedelta, now: datetime) -> dict[str, Any]:
    from iwds.engine.leasing import APART, CHANGES
    from iwds.engine.unsettled import GOOD_FOR, told_unmailed

    state: State = wiring.state()
    sources = wiring.config.job(name).sources
    runs = state.runs(name, limit=200, without=APART)
    good = next((run for run in runs if run.report.get("succeeded") and run.ended), None)
    last = runs[0] if runs else None
    of_changes = next((run for run in state.runs(name, limit=200) if run.command == CHANGES), None)
    open_mails = state.unmailed(name, last.service, now - GOOD_FOR) if last else ()
    return {
        "job": name,
        "last": last.summary if last else "",
        "last_at": last.started if last else None,
        "last_exit": last.exit_code if last else None,
        "changes": _run_data(of_changes) if of_changes else None,
        "marks": _marks(wiring, name, last.service, now) if last else None,
        "success_at": good.ended if good else None,
        "success": ago(good.ended, now) if good and good.ended else "never",
        "fresh": bool(good and good.ended and now - good.ended <= limit),
        "unmailed": [mail.login for mail in open_mails],
        "mails": list(told_unmailed(open_mails)),
        "refused": [asdict(each) for each in state.refused_binds() if each.source in sources],
        "approval": _approval(wiring, runs),
    }


def _marks(wiring: Any, name: str, service: str, now: datetime) -> dict[str, Any] | None:
    """From where on a job asks what changed, and what keeps it from that; None where it reads everybody always."""
    job = wiring.config.job(name)
    if job.incremental is None:
        return None
    host, _, number = service.rpartition("#")
    marks = wiring.state().marks(name, Service(host, int(number)))
    without = [source for source in job.sources if source not in marks]
    since = min((mark.taken_at for mark in marks.values()), default=None)
    everybody = min((mark.read_at for mark in marks.values()), default=None)
    late = everybody is not None and now - everybody > job.incremental.full_within
    return {"since": since, "everybody": everybody, "without": without, "late": late}


def _approval(wiring: Any, runs: Sequence[RunRow]) -> dict[str, Any] | None:
    """How far the approval of the last plan of a run has come; None where nothing of it waits."""
    from iwds.cli.plan_list import applied_by, plan_data

    last = next((run for run in runs if run.plan), None)
    waiting = last.report.get("skips", {}).get(Reason.UNAPPROVED.value, 0) if last else 0
    if last is None or not waiting:
        return None
    return plan_data(wiring, PlanRow(last.plan, last.job, last.service, last.started, waiting), applied_by(runs))


def _status_lines(row: Mapping[str, Any]) -> Iterator[Text]:
    mark = ("NO ", "red") if row["refused"] else ("ok ", "green") if row["fresh"] else ("OLD", "red")
    yield Text.assemble(mark, "  ", (row["job"], "bold"), f"  last success {row['success']}")
    last = "no run yet"
    if row["last_at"]:
        code = "not ended" if row["last_exit"] is None else f"exit {row['last_exit']}"
        last = f"last run {local(row['last_at'])}, {code}: {row['last']}"
    yield from map(Text, hanging("     ", last))
    if row["changes"]:
        ended = f"exit {row['changes']['exit_code']}: {row['changes']['summary']}"
        yield from map(Text, hanging("     ", f"last of what changed {local(row['changes']['started'])}, {ended}"))
    if row["marks"]:
        yield from (Text(line) for line in hanging("     ", _marks_words(row["marks"])))
    for refused in row["refused"]:
        who = refused["account"] or "our certificate"
        said = f"{refused['source']}: {who} is refused since {local(refused['since'])}: {refused['said']}"
        yield from (Text(line, "red") for line in hanging("     ", said))
        again = (
            f"not tried again, so that the account is not locked; once more by: iwds check --source {refused['source']}"
        )
        yield from map(Text, hanging("     ", again))
    if row["approval"]:
        from iwds.cli.plan_list import progress_words

        told = f"plan {row['approval']['id']}: {progress_words(row['approval'])}"
        yield from (Text(line, "yellow" if row["approval"]["open"] else "") for line in hanging("     ", told))
        if row["approval"]["open"]:
            yield Text(f"     iwds show {row['approval']['id']} unapproved  .  iwds approve {row['approval']['id']}")
    for mails in row["mails"]:
        yield from (Text(line, "yellow") for line in hanging("     ", mails))


def _marks_words(marks: Mapping[str, Any]) -> str:
    if marks["without"]:
        return f"what changed: no mark of {', '.join(marks['without'])}, so that the next run reads everybody"
    told = f"what changed is asked since {local(marks['since'])}; everybody was last read {local(marks['everybody'])}"
    return told + ", too long ago: the next run reads everybody" if marks["late"] else told


def _target_status(wiring: Any, name: str, now: datetime) -> dict[str, Any]:
    """A target as far as it can be seen without asking it: its certificates, and who is exempt from removals."""
    from iwds.cli.holds import exemption_words

    held: list[str] = []
    try:
        held += exemption_words(wiring.state(), wiring.target(name).reader.service, now)
        findings = list(wiring.target(name).certificates())
    except IwdsError as error:
        findings = [Finding(False, "target", error.message, error.advice, exit_code=error.exit_code)]
    well = all(finding.ok for finding in findings)
    return {"target": name, "well": well, "certificates": [asdict(finding) for finding in findings], "held": held}


def _target_lines(row: Mapping[str, Any]) -> Iterator[Text]:
    """One line of a target whose certificates are well; otherwise those that are not, with the advice."""
    ill = [each for each in row["certificates"] if each["warning"] or not each["ok"]]
    mark, colour = ("NO  ", "red") if not row["well"] else ("look", "yellow") if ill else ("ok  ", "green")
    shown = [f"{each['what']}: {each['detail']}" for each in ill or row["certificates"][:1]]
    advice = dict.fromkeys(each["advice"] for each in ill if each["advice"])
    first, *more = hanging(f"     {printable(row['target'])}  ", shown[0] if shown else "no certificate")
    yield Text.assemble((mark, colour), first[len(mark) :])
    yield from map(Text, more)
    held = [printable(each) for each in row["held"]]
    yield from map(Text, (line for each in (*shown[1:], *advice, *held) for line in hanging("     ", each)))


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
        say(line for row in rows for line in _run_lines(row))
    return 0


def _run_data(row: RunRow) -> dict[str, Any]:
    names = ("id", "job", "service", "command", "who", "started", "ended", "exit_code", "plan", "summary")
    return {**{name: getattr(row, name) for name in names}, "report": dict(row.report)}


def _run_lines(row: RunRow) -> Iterator[Text]:
    """Id, time, exit code, job, who and how it ended; the rest of a long end stands below."""
    code = " …" if row.exit_code is None else f"{row.exit_code:>2}"
    colour = "green" if row.exit_code == 0 else "yellow" if row.exit_code in (None, 2, 3, 4) else "red"
    start = f"{row.id}  {local(row.started)}  "
    whose = f"  {cut(row.job, 20)}  {cut(row.who, 20)}  "
    room = WIDTH - len(start) - 7 - cell_len(whose)
    fits = cell_len(row.summary) <= room
    yield Text.assemble(start, (f"exit {code}", colour), whose + printable(row.summary) if fits else whose.rstrip())
    yield from map(Text, () if fits else hanging(" " * 10, row.summary))


def show(
    what: Annotated[str, typer.Argument(metavar="RUN|PLAN|FILE", help="The id of a run or plan, or a JSON file.")],
    kind: Annotated[str | None, typer.Argument(help="Only this kind (lock, create, …), evidence or reason.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every line.")] = False,
    output: FormsOption = None,
    format_: FormatOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one run or plan: what it changed or would change, and what it left alone."""
    kind = _known(kind) if kind else None
    files = forms_of(output or (), format_)
    if (files or format_) and (kind or all_ or as_json):
        raise UsageError("a document is whole: -o and --format go with no KIND, no --all and no --json")
    with wired() as wiring:
        if files or format_:
            return _documents(_plan_of(what, wiring.state()), files, format_)
        return _shown(what, wiring, (kind, all_, as_json))


def _documents(plan: Plan, files: Sequence[tuple[Path, Form]], form: Form | None) -> int:
    write_forms(plan, files)
    if form and not files:
        plain(rendered(plan, form))
    return 0


def _plan_of(what: str, state: State) -> Plan:
    """The plan that was named, or that of the run that was."""
    row = None if Path(what).is_file() else state.run(what)
    return found(row.plan if row and row.plan else what, state)


def _shown(what: str, wiring: Any, how: tuple[str | None, bool, bool]) -> int:
    kind, all_, as_json = how
    state: State = wiring.state()
    row = None if Path(what).is_file() else state.run(what)
    if row is None:
        _show_plan(found(what, state), how, wiring)
        return 0
    _show_run(state, row, how)
    document = state.plan(row.plan) if row.plan and not kind else None
    if document is not None and not as_json:
        _show_plan_of_run(document, row.plan, all_, wiring)
    return 0


def _show_plan_of_run(document: str, plan_id: str, all_: bool, wiring: Any) -> None:
    """The page of its plan; below the whole journal only what of an approved plan had moved."""
    if not document:
        out.print(Text(f"  Its plan {plan_id} was deleted, as plans are after keep_plans; what was done stays."))
    elif all_:
        say(_matching(plan_of(document, plan_id), Reason.MOVED.value))
    else:
        _show_plan(plan_of(document, plan_id), (None, False, False), wiring)


def _show_run(state: State, row: RunRow, how: tuple[str | None, bool, bool]) -> None:
    kind, all_, as_json = how
    intents = list(state.intents(row.id)) if all_ or kind or as_json else []
    if as_json:
        journal = [
            {"id": i.id, "phase": i.phase, "change": i.change, "result": i.result, "error": i.error} for i in intents
        ]
        show_json({"schema": 1, **_run_data(row), "journal": journal})
        return
    from iwds.cli.change_text import change_line

    say(_run_lines(row))
    for line, result, error in row.report.get("open", []):
        out.print(Text.assemble("  ", (result, "red"), f"  {printable(f'{line}: {error}')}"))
    for line, _, why in () if all_ or kind else row.report.get("moved", {}).get("listed", []):
        out.print(Text.assemble("  ", ("moved", "yellow"), f"  {printable(f'{line}: {why}')}"))

    told = 0
    for intent in intents:
        change = change_from_data(intent.change)
        if kind is None or kind in _names(change):
            ended = intent.result.value if intent.result else "unknown"
            say(_whole(Text.assemble(f"{ended:>10}", change_line(change, 1000)[3:]), 13))
            told += 1
    if kind and not told:
        out.print("Nothing of that kind.")


def _show_plan(plan: Plan, how: tuple[str | None, bool, bool], wiring: Any) -> None:
    from iwds.cli.plan_text import plan_lines
    from iwds.cli.plan_whole import whole_lines

    kind, all_, as_json = how
    if as_json:
        plain(rendered(plan, Form.JSON))
    elif kind:
        say(_listed(plan, kind, all_, wiring))
    elif all_:
        say(line for whole in whole_lines(plan) for line in _whole(whole, 6))
    else:
        say(plan_lines(plan, now=datetime.now(UTC)))


def _listed(plan: Plan, kind: str, all_: bool, wiring: Any) -> Iterator[Text]:
    """Changes and skips of one kind, a line each; of what waited for approval with what became of it since."""
    from iwds.cli.plan_list import since_words

    lines = list(_matching(plan, kind, since_words(wiring, plan)))
    for line in lines if all_ else lines[:40]:
        yield from _whole(line, 6)
    if len(lines) > 40 and not all_:
        yield Text(f"    ... {len(lines) - 40:,} more:  iwds show {plan.id} {kind} --all")
    if not lines:
        yield Text("Nothing of that kind.")


def _whole(line: Text, indent: int) -> Iterator[Text]:
    """A line that somebody reads, broken between words; one line where a program looks for something in it."""
    if not out.is_terminal:
        yield line
        return
    first, *more = flowing(line.plain, indent)
    yield line[: len(first)]
    yield from (Text(each) for each in more)


def _known(kind: str) -> str:
    """A kind, an evidence or a reason; its plural too."""
    known = {word.value for words in (Kind, Reason, Evidence) for word in words}
    singular = kind if kind in known else kind.removesuffix("s")
    if singular not in known:
        raise UsageError(f'"{kind}" is no kind, evidence or reason', f"known: {', '.join(sorted(known))}")
    return singular


def _matching(plan: Plan, kind: str, since: Mapping[Change, str] | None = None) -> Iterator[Text]:
    from iwds.cli.plan_sections import steps
    from iwds.cli.plan_whole import step_line

    for step in steps(plan):
        names = {*(_names(step.change) if step.change else ()), *({step.skip.reason.value} if step.skip else ())}
        if kind in names:
            told = (since or {}).get(step.change) if step.change and step.skip else None
            yield step_line(replace(step, why=told) if told else step)


def _names(change: Any) -> set[str]:
    return {kind.value for kind in kinds(change)} | ({change.evidence.value} if change.evidence else set())
