"""How the rules of a mapping look on a terminal, with what came of them for one person."""

import json
from collections.abc import Iterator

from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import columns, cut, hanging, printable
from iwds.core.model import Account, Entry, Unmapped
from iwds.mapping.golden import Miss
from iwds.mapping.trace import Kind, Piece, Trace, account_data, answered

_COLOURS = {True: "green", False: "red", None: "yellow"}
_ANSWER = 9
_KEY = 12
_MOST_LINES = 6
"""Of one rule; an expression may be long."""


def trace_lines(entry: Entry, read_from: str, seen: Trace, made: Account | Unmapped) -> Iterator[Text]:
    """The page: who, every rule, and what it comes to."""
    yield from (Text(line, style="bold") for line in hanging("", entry.name, 3))
    yield from map(Text, hanging("", f"{read_from}; {_groups_words(entry)}", 3))
    yield Text()
    for piece in seen.pieces:
        yield from piece_lines(piece)
    yield Text()
    yield from outcome_lines(made)


def _groups_words(entry: Entry) -> str:
    if entry.groups is None:
        return "groups not known"
    return "1 group" if len(entry.groups) == 1 else f"{len(entry.groups):,} groups"


def piece_lines(piece: Piece, depth: int = 0, named: bool = True) -> Iterator[Text]:
    """One rule, and what it is made of below it; `named`: it is known by its key, and not by what it says."""
    indent, key = "  " * depth, str(piece.path[-1])
    if piece.kind is Kind.QUESTION:
        style = _COLOURS[piece.result if isinstance(piece.result, bool) else None]
        if piece.words == key:
            yield from _placed(f"{indent}{key:<{_KEY}} ", answered(piece.result), piece.place)
        else:
            yield from _placed(f"{indent}{answered(piece.result):<{_ANSWER}}  ", _told(piece), piece.place, style)
    elif piece.kind is Kind.TEXT:
        head = key if named else piece.words
        after = f"   {_told(piece)}" if named and piece.words != key else _values(piece)
        yield from _placed(f"{indent}{head:<{_KEY}} ", f"{_quoted(piece.result)}{after}", piece.place)
    elif piece.parts:
        yield from _placed("", f"{indent}{piece.words}", piece.place)
    if piece.problem:
        yield from (Text(line, style="red") for line in hanging(f"{indent}  ", piece.problem, _MOST_LINES))
    for part in piece.parts:
        yield from piece_lines(part, depth + 1, piece.kind is Kind.PARTS)


def _told(piece: Piece) -> str:
    return f"{piece.words}{_values(piece)}"


def _values(piece: Piece) -> str:
    """What was read, where the result does not say it."""
    told = []
    for name, values in piece.read.items():
        if values is None:
            told.append(f"{name} not readable")
        elif piece.kind is Kind.QUESTION or len(values) > 1:
            told.append(f"{name} {' + '.join(map(_quoted, values)) or 'absent'}")
    return f" ({', '.join(told)})" if told else ""


def _quoted(text: object) -> str:
    return "not known" if text is None else json.dumps(text, ensure_ascii=False)


def _placed(head: str, text: str, place: str, style: str = "") -> Iterator[Text]:
    """A head and text beside it; the line of the file stands at the right edge where there is room for it."""
    at = f":{place.rpartition(':')[2]}" if place else ""
    for number, line in enumerate(hanging(head, text, _MOST_LINES)):
        shown = Text(line)
        if style:
            shown.stylize(style, 0, len(head) if head else len(line))
        if number == 0 and columns(line) + len(at) + 2 <= WIDTH:
            shown.append(" " * (WIDTH - columns(line) - len(at)) + at, style="dim")
        yield shown


def outcome_lines(made: Account | Unmapped) -> Iterator[Text]:
    """The account, or why there is none."""
    if isinstance(made, Unmapped):
        yield from (Text(line) for line in hanging("No account: ", f"{made.reason}: {made.detail}", _MOST_LINES))
        if made.disabled:
            yield Text("            The directory says that they are disabled: a login of theirs is locked.")
        return
    yield Text("The account", style="bold")
    open_fields = []
    for key, value in account_data(made).items():
        if value is None:
            open_fields.append(key)
        elif value not in ("", {}) or key in ("firstname", "name", "mail", "phone"):
            yield from (Text(line) for line in hanging(f"  {key:<{_KEY}}", said(value), _MOST_LINES))
    if open_fields:
        told = hanging("  left as it is: ", f"{', '.join(open_fields)} (not governed, or not known)")
        yield from map(Text, told)


def said(value: object) -> str:
    """A value of an account in words."""
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {said(text)}" for key, text in value.items()) or "none"
    return str(value)


def person_lines(name: str, expected: str, ok: bool, width: int) -> Iterator[Text]:
    """A golden person, and what is expected of them."""
    mark, style = ("ok", "green") if ok else ("NO", "red")
    head, fits = f"  {mark}  {printable(name)}", columns(name) <= width
    told = hanging(f"{head:<{width + 6}}  ", expected) if fits else [cut(head), *hanging(" " * 6, expected)]
    yield Text.assemble("  ", (mark, style), told[0][4:])
    yield from map(Text, told[1:])


def miss_lines(miss: Miss) -> Iterator[Text]:
    """What is not as it must be, and the rules that decided it, as they stand in the mapping."""
    told = f"{miss.what}: {miss.found}; expected {miss.expected}"
    yield from map(Text, hanging(" " * 6, told, _MOST_LINES))
    for piece in miss.because:
        yield from piece_lines(piece, 4)
