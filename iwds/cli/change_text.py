"""Changes in words: one line each, a table of all, and a few examples."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import cut, listed, printable
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Write,
    fields_changed,
    kinds,
    removes,
)
from iwds.core.words import describe, field_words

_LEAST = 20
"""So many columns of a reason are worth being shown."""
_PLACE = re.compile(r" \([^()]+:\d+\)$")
"""`(staff.yaml:33)`: a line of the mapping, which the change itself names in full."""
TABLE_HEAD = f"{'What would change':56}{'people':>9}{'calls':>11}"
_MARKS = {"create": "+", "delete": "-", "lock": "-", "remove": "-", "demote": "-", "add": "+", "adopt": "="}
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan"}
_LOUDEST = (Kind.LOCK, Kind.DEMOTE, Kind.RENAME, Kind.PROMOTE, Kind.UNLOCK, Kind.CLEAR, Kind.UPDATE)


def heading(change: Change) -> str:
    """The one word that a change is counted under: the loudest thing it does."""
    named = kinds(change)
    if isinstance(change, Write):
        return next(kind.value for kind in _LOUDEST if kind in named)
    return Kind.CREATE.value if Kind.CREATE in named else min(named).value


def by_heading(changes: Iterable[Change]) -> Mapping[str, Sequence[Change]]:
    """Changes under their words, in the order in which they are made."""
    grouped: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        grouped[heading(change)].append(change)
    return grouped


def calls(change: Change) -> int:
    """How many calls a change makes, the last look before a removal included."""
    match change:
        case Adopt() | AdoptMembership() | Forget():
            return 0
        case Write() | SetGroupRole() if removes(change):
            return 2
        case DeleteLogin():
            return 2
        case CreateLogin() | Write() | AddToGroup() | SetGroupRole() | RemoveFromGroup() | SendActivation():
            return 1


def table(changes: Iterable[Change], most: int) -> list[Text]:
    """A line for each word with people and calls; the smallest ones together where there are more than fit."""
    grouped = sorted(by_heading(changes).items(), key=lambda item: -len(item[1]))
    first = grouped if len(grouped) <= most + 1 else grouped[:most]
    kept = {name for name, _ in first}
    lines = [_table_line(name, listed, _what(listed)) for name, listed in by_heading(changes).items() if name in kept]
    others = [(name, listed) for name, listed in grouped if name not in kept]
    if others:
        rest = [change for _, listed in others for change in listed]
        lines.append(_table_line("others", rest, [name for name, _ in others]))
    return lines


def _table_line(name: str, changes: Sequence[Change], what: Sequence[str]) -> Text:
    people = len({change.subject.key for change in changes})
    text = listed(what, 41)
    gap = " " * (41 - cell_len(text))
    return Text(f"  {name:12} {text}{gap}{people:>9,}{sum(map(calls, changes)):>11,}")


def _what(changes: Sequence[Change]) -> list[str]:
    """What the changes of one kind are about: groups, fields, or why; the most frequent first."""
    counts: Counter[str] = Counter()
    for change in changes:
        match change:
            case AddToGroup() | SetGroupRole() | RemoveFromGroup() | AdoptMembership():
                counts[change.group.name] += 1
            case Write():
                counts.update(field_words(name) for name in fields_changed(change) if name != "status")
                counts[_PLACE.sub("", change.because)] += "status" in fields_changed(change)
            case CreateLogin():
                counts[f"{change.account.at_creation.activation.value} activation"] += 1
            case _:
                counts[change.because] += 1
    named = [(name, n) for name, n in counts.most_common() if n]
    return [f"{name} {n:,}" if len(named) > 1 else name for name, n in named]


def examples(changes: Sequence[Change], most: int, plan_id: str) -> Iterator[Text]:
    """A few changes of each kind as sentences, then where the rest is. Nobody's creation is followed by its groups."""
    newcomers = {change.subject.key for change in changes if isinstance(change, CreateLogin)}
    telling = [c for c in changes if isinstance(c, CreateLogin) or c.subject.key not in newcomers]
    grouped = by_heading(telling).values()
    shown = 0
    share = max(1, most // max(1, len(grouped)))
    for same in grouped:
        for change in same[: min(share, most - shown)]:
            yield change_line(change)
            shown += 1
    if 0 < shown < len(changes):
        yield Text(f"    ... {len(changes) - shown:,} more:  iwds show {plan_id} --all")


def change_line(change: Change, width: int = WIDTH) -> Text:
    """One change as one line: a mark, the sentence, and why, if there is room for it."""
    mark = _MARKS.get(heading(change), "~")
    sentence, why = printable(describe(change)), printable(change.because)
    room = width - 6
    for reason in (why, _PLACE.sub("", why)):
        text = f"{sentence}  -- {reason}" if reason else sentence
        if cell_len(text) <= room:
            break
    else:
        # A reason of which little is left says nothing.
        text = cut(text if room - cell_len(f"{sentence}  -- ") >= _LEAST else sentence, room)
    return Text.assemble("    ", (mark, _COLOURS[mark]), f" {text}")
