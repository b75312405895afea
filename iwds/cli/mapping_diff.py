"""`mapping diff`: who would change from one mapping to another, and how."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from iwds.cli.common import show_json
from iwds.cli.console import WIDTH, plain, say
from iwds.cli.page import columns, cut, hanging, warn
from iwds.core.comparison import Turn
from iwds.engine.comparing import Comparing, Turned
from iwds.errors import UsageError
from iwds.mapping import load
from iwds.ports import Rules

APPLIED = "applied"
_LOGIN = 22
_TAKES = (Turn.LEAVES, Turn.LOST, Turn.CLEARED)
"""What somebody would miss; it stands first."""
_NOT_NUMBERED = (
    "Logins stand here as the mapping makes them, without a number. Who gets one because the login is somebody else's"
    " (jdoe, jdoe2), or keeps theirs, only a plan of everybody tells"
)


def compared(wiring: Any, mappings: tuple[str, str], job: str, first: int | None, as_json: bool) -> int:
    """Read, compare and show; `first`: how many people of each kind to show, or None for everybody as they come."""
    wired, now = wiring.job(job), wiring.tools().clock.now()
    old, new = (_rules(wiring, wired, each, now) for each in mappings)
    comparing = Comparing(wired, old, new, now, wiring.progress)
    examples: dict[tuple[Turn, str], list[Turned]] = {}
    if first is None:
        wiring.progress.hide()
    for each in comparing.turned():
        if first is None:
            plain(json.dumps(_row(each), ensure_ascii=False)) if as_json else say([_line(each, all_=True)])
            continue
        kept = examples.setdefault((each.difference.turn, each.difference.what), [])
        if len(kept) < first:
            kept.append(each)
    wiring.progress.hide()
    for source, problems in comparing.doubts.items():
        for problem in problems:
            warn(f"{source}: {problem}")
    if as_json:
        data = _data(comparing, mappings, job, examples)
        plain(json.dumps(data, ensure_ascii=False)) if first is None else show_json(data)
    else:
        say(_lines(comparing, mappings, job, examples))
    return 2 if comparing.changed else 0


def _rules(wiring: Any, job: Any, mapping: str, now: datetime) -> Rules:
    """The rules in a file, or those that the job last applied."""
    if mapping != APPLIED:
        return load(Path(mapping), job.target.group_roles)
    configuration = wiring.state().memory(job.name, job.target.service, now).configuration
    earlier = job.earlier(configuration) if configuration else None
    if earlier is None:
        why = "is not understood any more" if configuration else "is not known: it was never applied"
        raise UsageError(f"the mapping that {job.name} last applied {why}", "name a file instead of `applied`")
    rules: Rules = earlier.rules
    return rules


def _row(each: Turned) -> dict[str, str]:
    told = each.difference
    who = {"name": each.name, "login": each.login}
    return {**who, "turn": told.turn.value, "what": told.what, "old": told.old, "new": told.new}


def _data(comparing: Comparing, mappings: tuple[str, str], job: str, examples: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "job": job,
        "old": mappings[0],
        "new": mappings[1],
        "people": comparing.people,
        "changed": comparing.changed,
        "logins_with_number": comparing.numbers,
        "doubts": {source: list(problems) for source, problems in comparing.doubts.items()},
        "counts": [
            {
                "turn": turn.value,
                "what": what,
                "people": people,
                "first": [_row(each) for each in examples.get((turn, what), ())],
            }
            for (turn, what), people in _ordered(comparing)
        ],
    }


def _ordered(comparing: Comparing) -> list[tuple[tuple[Turn, str], int]]:
    order = [*_TAKES, *(turn for turn in Turn if turn not in _TAKES)]
    return sorted(comparing.counts.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))


def _lines(comparing: Comparing, mappings: tuple[str, str], job: str, examples: Any) -> Iterator[Text]:
    head = f"{job}: {comparing.people:,} people read, {comparing.changed:,} would change"
    yield Text(head, style="bold")
    yield from map(Text, hanging("  from ", mappings[0], 2))
    yield from map(Text, hanging("  to   ", mappings[1], 2))
    for (turn, what), people in _ordered(comparing):
        style = "red" if turn in _TAKES else ""
        yield Text()
        yield Text(f"{_title(turn, what, WIDTH - 12):<{WIDTH - 12}}{people:>11,}", style=style)
        shown = examples.get((turn, what), ())
        yield from map(_line, shown)
        if shown and len(shown) < people:
            yield Text(f"    ... {people - len(shown):,} more: --all", style="dim")
    if comparing.numbers:
        yield Text()
        yield from map(Text, hanging("", f"{_NOT_NUMBERED}: iwds plan {job}"))


def _title(turn: Turn, what: str, width: int) -> str:
    if turn in (Turn.GAINED, Turn.LOST):
        return cut(f"{turn}: {what}", width)
    return cut(
        f"{what} {turn}" if what and turn is not Turn.LEAVES else f"{turn}: {what}" if what else turn.value, width
    )


def _line(each: Turned, all_: bool = False) -> Text:
    """One person on one line."""
    told = each.difference
    what = f"{_title(told.turn, told.what, 40)}  " if all_ else ""
    login = cut(each.login or each.name, _LOGIN)
    head = f"{'' if all_ else '    '}{login}{' ' * max(1, _LOGIN + 1 - columns(login))}"
    if told.turn in (Turn.GAINED, Turn.LOST):
        return Text(cut(f"{head}{what or each.name}"))
    if told.turn is Turn.ENTERS:
        return Text(cut(f"{head}{what}was {told.old}"))
    if told.turn is Turn.LEAVES:
        return Text(cut(f"{head}{what}{told.new}"))
    return Text(cut(f"{head}{what}{told.old or '(empty)'} -> {told.new or '(empty)'}"))
