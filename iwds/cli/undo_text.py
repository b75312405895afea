"""The undoing of a run in words and as data: what comes back, what cannot, and what was left alone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from iwds.cli.change_text import TABLE_HEAD, examples, table
from iwds.cli.common import local
from iwds.cli.order_text import ended_data, left_alone, needed, skips_data, violations
from iwds.cli.page import Variants, block, command_lines, fitted, hanging, listed, shortened
from iwds.cli.plan_text import guards, lifted_limits
from iwds.core.decision import Reason
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_to_data
from iwds.core.words import many
from iwds.engine.undo import Looked, Lost

_GIVE_WAY = ("examples", "guards", "left", "lost", "examples", "changes", "left", "lost", "examples", "left", "limits")


def undo_lines(looked: Looked, until: datetime | None, command: Sequence[str]) -> list[Text]:
    """The page, at most 40 lines of 80 columns; `command` and its options do it; empty where it was done."""
    plan = looked.plan
    parts: dict[str, Variants] = {
        "head": [_head(looked)],
        "violations": [violations(plan)],
        "changes": _changes(plan),
        "examples": [list(examples(plan.changes, most, plan.id)) for most in (8, 4, 0)],
        "lost": _lost(looked.lost, plan.id),
        "left": left_alone(plan),
        "guards": [[], []] if plan.violations else guards(plan),
        "limits": lifted_limits(plan),
        "next": [list(_next(looked, until, command))],
    }
    return fitted(parts, _GIVE_WAY)


def _head(looked: Looked) -> list[Text]:
    run = looked.run
    title = f"Undo of run {run.id} ({run.command} of {run.job}, {local(run.started)}, by {run.who})"
    lines = [Text(line, "bold") for line in hanging("", title, 2)]
    if looked.plan.violations:
        lines.insert(0, Text.assemble(("HELD: nothing was changed.", "red bold"), " Guards stopped it; look first."))
    return lines


def _changes(plan: Plan) -> Variants:
    if not plan.changes:
        return [block([Text("Nothing of it can be put back." if plan.skips else "It is all as it was before.")])]
    head = Text(TABLE_HEAD.replace("What would change", "What comes back  "), style="bold")
    return [block(table(plan.changes, most), head) for most in (10, 4)]


def _lost(lost: Sequence[Lost], plan_id: str) -> Variants:
    """What cannot come back; whoever loses the same stands together."""
    who: dict[str, list[str]] = {}
    for each in lost:
        for what in each.what:
            who.setdefault(what, []).append(each.login)
    lines = [[Text(line) for line in hanging("  ", f"{listed(names, 30)}: {what}", 2)] for what, names in who.items()]
    title, more = Text("Cannot come back", style="bold"), f"of these:  iwds show {plan_id}"
    flat = [line for each in lines for line in each]
    short = shortened([each[0] for each in lines], 3, more)
    return [block(flat, title), block(shortened(flat, 8, more), title), block(short, title)]


def _next(looked: Looked, until: datetime | None, command: Sequence[str]) -> Iterator[Text]:
    plan, report = looked.plan, looked.report
    yield Text()
    if plan.changes and not plan.violations:
        yield from _until(looked, until)
    if any(skip.reason is Reason.UNAPPROVED for skip in plan.skips):
        yield Text(f"What waits for approval:  iwds approve {plan.id} --all --reason ...")
        yield Text("  and then the same undo again.")
    if report is not None and report.applied and report.applied.done:
        too = ", and what it rejected" if looked.rejected else ""
        yield Text(f"To take this back{too}:  iwds undo {report.run.id} --reason ...")
    if not command:
        return
    if plan.violations:
        allowed = needed(plan)
        yield Text("Allow exactly this, once:")
        options = (f"--allow {name}={n}" for name, n in allowed.items())
        yield from map(Text, command_lines([*command, *options, '--reason "..."']))
    elif plan.changes:
        yield Text(f"Look at all of it:  iwds show {plan.id} --all")
        yield Text("Do it:")
        yield from map(Text, command_lines([*command, '--reason "..."']))


def _until(looked: Looked, until: datetime | None) -> Iterator[Text]:
    """What keeps later runs from doing it again; undoing an undoing rejects nothing, and one undoes this."""
    if until is None:
        yield Text("The next run may do it all again: --hold 0.")
    elif looked.rejected:
        yield Text(f"No run does it again before {local(until)}: {many(looked.rejected, 'rejection')}.")
        if looked.report is None:
            yield Text("To end that earlier, undo this undo: its page says how.")
    elif looked.report is None or (looked.report.applied and looked.report.applied.done):
        yield Text("Nothing is rejected by this: the next run follows the directory.")


def undo_data(looked: Looked, until: datetime | None, code: int | None) -> dict[str, Any]:
    """The same as JSON-ready data."""
    plan, report = looked.plan, looked.report
    return {
        "schema": 1,
        "undoes": looked.run.id,
        "job": plan.job,
        "plan": plan_to_data(plan),
        "lost": [{"login": each.login, "what": list(each.what)} for each in looked.lost],
        "left_alone": skips_data(plan),
        "not_again_before": until.isoformat() if until and looked.rejected else None,
        **ended_data(report),
        "exit": code,
    }
