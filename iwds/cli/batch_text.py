"""A batch in words and as data: what it would do or did, what was left alone, and where its result is."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from iwds.cli.change_text import TABLE_HEAD, examples, table
from iwds.cli.order_text import ended_data, left_alone, needed, skips_data, violations
from iwds.cli.page import Variants, block, command_lines, cut, fitted, hanging
from iwds.cli.plan_text import guards, lifted_limits
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_to_data
from iwds.core.words import many
from iwds.engine.batch_sheet import Sheet
from iwds.engine.running import RunReport

_GIVE_WAY = ("examples", "guards", "left", "examples", "changes", "left", "notes", "examples", "left", "limits")


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show of a batch.

    Attributes:
        counts: how many rows ended how; empty where it was only looked at.
        result, codes: the files; None where there is none.
        report: None where it was only looked at.
    """

    sheet: Sheet
    plan: Plan
    counts: Mapping[str, int]
    result: Path | None = None
    codes: Path | None = None
    report: RunReport | None = None


def batch_lines(shown: Shown, command: Sequence[str]) -> list[Text]:
    """The page, at most 40 lines of 80 columns; `command` and its options do it; empty where it was done."""
    plan = shown.plan
    parts: dict[str, Variants] = {
        "head": [_head(shown)],
        "notes": [block(_notes(plan)), []],
        "violations": [violations(plan)],
        "changes": _changes(plan),
        "examples": [list(examples(plan.changes, most, plan.id)) for most in (8, 4, 0)],
        "left": left_alone(plan),
        "guards": [[], []] if plan.violations else guards(plan),
        "limits": lifted_limits(plan),
        "next": [list(_next(shown, command))],
    }
    return fitted(parts, _GIVE_WAY)


def _head(shown: Shown) -> list[Text]:
    plan, wishes = shown.plan, shown.sheet.wishes
    rows = many(sum(len(wish.rows) for wish in wishes), "row")
    about = f"{rows} about {many(len(wishes), 'login')}"
    title = f"Batch {shown.sheet.name}: {about} of MFA service {plan.service} (job {plan.job})"
    lines = [Text(line, "bold") for line in hanging("", title, 2)]
    if plan.violations:
        lines.insert(0, Text.assemble(("HELD: nothing was changed.", "red bold"), " Guards stopped it; look first."))
    return lines


def _notes(plan: Plan) -> Iterator[Text]:
    for note in plan.basis.notes:
        yield from (Text(line) for line in hanging("  note  ", note, 3))


def _changes(plan: Plan) -> Variants:
    if not plan.changes:
        return [block([Text("Nothing of it can be done." if plan.skips else "It is all done already.")])]
    return [block(table(plan.changes, most), Text(TABLE_HEAD, style="bold")) for most in (10, 4)]


def _next(shown: Shown, command: Sequence[str]) -> Iterator[Text]:
    plan, report = shown.plan, shown.report
    yield Text()
    if waiting := len(plan.unapproved):
        yield Text(f"{many(waiting, 'change')} wait{'s' if waiting == 1 else ''} for approval:")
        yield Text(f"  iwds approve {plan.id} --all --reason ...")
        yield Text("  and then the same batch again.")
    if report is not None and report.applied is not None:
        yield from ended_lines(shown, report)
    if not command:
        return
    if plan.violations:
        allowed = [f"--allow {name}={n}" for name, n in needed(plan).items()]
        yield Text("Allow exactly this, once:")
        yield from map(Text, command_lines([*command, *allowed, '--reason "..."']))
    elif plan.changes:
        yield Text(f"Look at all of it:  iwds show {plan.id} --all")
        yield Text("Do it:")
        yield from map(Text, command_lines(command))


def ended_lines(shown: Shown, report: RunReport) -> Iterator[Text]:
    """How the rows ended, and where that is told row by row."""
    told = ", ".join(f"{n:,} {outcome.replace('-', ' ')}" for outcome, n in Counter(shown.counts).most_common())
    yield Text(f"Rows: {told or 'none'}")
    if shown.result:
        yield Text(cut(f"Result, row by row:  {shown.result}"))
    if shown.codes:
        yield Text(cut(f"Codes, for your eyes only:  {shown.codes}"))
    if report.applied and report.applied.done:
        yield Text(f"To take this back:  iwds undo {report.run.id} --reason ...")


def batch_data(shown: Shown, code: int | None) -> dict[str, Any]:
    """The same as JSON-ready data; never a code."""
    plan, report = shown.plan, shown.report
    return {
        "schema": 1,
        "file": shown.sheet.name,
        "sha256": shown.sheet.digest,
        "job": plan.job,
        "plan": plan_to_data(plan),
        "left_alone": skips_data(plan),
        "rows": dict(sorted(shown.counts.items())),
        "result": str(shown.result) if shown.result else None,
        "codes": str(shown.codes) if shown.codes else None,
        **ended_data(report),
        "exit": code,
    }
