"""What a doctor found, for a terminal: how many of what first, then each finding with a few names and what to do."""

from collections.abc import Iterator

from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import block, hanging, way_on, wrapped
from iwds.cli.plan_facts import head, readings, sides
from iwds.core.hygiene import ADVICE, Code, Severity, Whom
from iwds.core.words import many
from iwds.engine.doctor import Diagnosis
from iwds.ports import Ward

NAMED = 40
"""How many are asked for, to name as many as fit."""
_LINES = 3
_INDENT = " " * 9
_COLOURS = {Severity.MEND: "red", Severity.LOOK: "yellow", Severity.KNOW: "cyan"}


def doctor_lines(found: Diagnosis, ward: Ward, *, written: bool = False) -> Iterator[Text]:
    """The whole page; `written` where everybody is in a file already."""
    yield from head(found.plan, report_only=False)[:1]
    yield from readings(found.plan)[1]
    yield from sides(found.plan)
    if not found.counts:
        yield from block([Text("Nothing was found.", "green")])
        return
    for code, count in found.counts.items():
        yield Text()
        yield from _finding(code, count, ward)
    yield from block(_end(found, written))


def _finding(code: Code, count: int, ward: Ward) -> Iterator[Text]:
    advice = ADVICE[code]
    colour = _COLOURS[advice.severity]
    first, *rest = hanging(f"{count:>7,}  ", f"{code.value}: {advice.title}")
    yield Text.assemble((first[:9], colour), (first[9:], f"{colour} bold"))
    yield from (Text(line, f"{colour} bold") for line in rest)
    words = _with_entry if code is Code.SAME_LOGIN else _words
    names = list(map(words, ward.people(code, NAMED)))
    yield from (Text(_INDENT + line) for line in _few(names, count))
    yield from (Text(line, "dim") for line in hanging(_INDENT + "why: ", advice.why))
    yield from map(Text, hanging(_INDENT + "do:  ", advice.what))


def _few(names: list[str], count: int) -> list[str]:
    """As many names as fit a few lines, and how many more there are."""
    width = WIDTH - len(_INDENT)
    for shown in range(len(names), 0, -1):
        more = f"; {count - shown:,} more" if count > shown else ""
        lines = wrapped("; ".join(names[:shown]) + more, width, NAMED)
        if len(lines) <= _LINES or shown == 1:
            break
    return lines if len(lines) <= _LINES else wrapped("; ".join(names), width, _LINES)


def _words(whom: Whom) -> str:
    if not whom.login:  # a group
        return f"{whom.name}: {whom.detail}" if whom.detail else whom.name
    return f"{whom.login} > {whom.proposed}" if whom.proposed else whom.login


def _with_entry(whom: Whom) -> str:
    """Who share a login are told apart by their entries."""
    return f"{whom.login} ({whom.name})" if whom.name else whom.login


def _end(found: Diagnosis, written: bool) -> Iterator[Text]:
    kinds = [ADVICE[code].severity for code in found.counts]
    told = ", ".join(f"{kinds.count(each)} to {each.value}" for each in Severity if each in kinds)
    yield Text(f"{many(len(kinds), 'finding')}: {told}. Nothing was changed.")
    if not written:
        again = [f"iwds doctor {found.plan.job}", "--csv FILE", "--html FILE"]
        yield from map(Text, way_on("Everybody by name:", again, 18))
