"""Text that fits: lines of 80 columns, pages of 40 lines, whatever has to be told."""

import re
from collections.abc import Iterable, Mapping, Sequence
from unicodedata import category

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from iwds.cli.console import WIDTH, err

LINES = 40
"""A page is not longer than this: it fits a screen, and somebody reads it to its end."""

LATELY = 5
"""How many of the last things that happened to somebody stand on a page that tells other things too."""

Variants = Sequence[Sequence[Text]]
"""One part of a page, from its whole length to its shortest."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """One line without what would move the cursor, turn the writing round or colour the rest: names are not ours."""
    return _UNPRINTABLE.sub("\ufffd", text)


def columns(text: str) -> int:
    """How many columns a text may take: terminals disagree about the vowel signs of Indic scripts."""
    return max(cell_len(text), sum(category(letter) not in ("Mn", "Me", "Cf") for letter in text))


def cut(text: str, width: int = WIDTH) -> str:
    """At most so many columns of text; letters of some scripts take two, and marks none."""
    text = printable(text)
    if columns(text) <= width:
        return text
    kept = text[: 4 * width]
    while kept and columns(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def wrapped(text: str, width: int, most: int) -> list[str]:
    """Text in at most so many lines of so many columns, broken between words; the last one is cut."""
    lines: list[str] = []
    rest = [word for word in printable(text).split(" ") if word]
    while rest and len(lines) < most - 1:
        line = rest.pop(0)
        while rest and columns(f"{line} {rest[0]}") <= width:
            line += f" {rest.pop(0)}"
        lines.append(cut(line, width))
    return [*lines, cut(" ".join(rest), width)] if rest or not lines else lines


def hanging(head: str, text: str, most: int = 8) -> list[str]:
    """A head, and text beside it that is broken where the page ends and goes on below itself."""
    indent = columns(head)
    first, *more = wrapped(text, WIDTH - indent, most)
    return [(head + first).rstrip(), *(" " * indent + line for line in more)]


def flowing(text: str, indent: int = 0) -> list[str]:
    """Text on as many lines as it takes, broken between words; those after the first are indented. No word is cut."""
    first, *rest = printable(text).split(" ")
    lines = [first]
    for word in rest:
        if columns(f"{lines[-1]} {word}") <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(" " * indent + word)
    return lines


_COMMAND = re.compile(r"(?:^|(?<=: )|(?<=:  )|(?<=, )|(?<= or ))iwds .+?(?= +(?:and|or) |[,;] |$)")
"""A command in a sentence, to its end: who copies it must not copy half of it."""
_GLUE = "\ufdd0"
"""Stands for a space that is not broken; no character."""


def paragraphs(text: str, console: Console) -> str:
    """Text for people: between words broken where a terminal ends, and one line each where a program reads on.

    Neither a path nor a command is broken; one that is wider than the page stands on a line of its own.
    """
    if not console.is_terminal:
        return "\n".join(map(printable, text.splitlines()))
    lines = (_COMMAND.sub(_glued, printable(line)) for line in text.splitlines())
    return "\n".join(part.replace(_GLUE, " ") for line in lines for part in flowing(line, _below(line)))


def _below(line: str) -> int:
    """Where a line goes on: one of a list below its own words, so that the next one is told from it."""
    indent = len(line) - len(line.lstrip(" "))
    return indent and indent + 2


def _glued(command: re.Match[str]) -> str:
    return command[0].replace(" ", _GLUE)


def tell(text: str, style: str = "", console: Console = err) -> None:
    """A message to standard error, or to another console."""
    console.print(Text(paragraphs(text, console), style=style))


def warn(text: str) -> None:
    """A warning to standard error."""
    told = Text(paragraphs(f"warning: {text}", err))
    told.stylize("yellow", 0, len("warning:"))
    err.print(told)


def listed(items: Sequence[str], width: int, between: str = ", ") -> str:
    """As many items as fit, then how many more there are."""
    for shown in range(len(items), 0, -1):
        more = f"{between}{len(items) - shown:,} more" if shown < len(items) else ""
        text = printable(between.join(items[:shown])) + more
        if columns(text) <= width:
            return text
    more = f"{between}{len(items) - 1:,} more" if len(items) > 1 else ""
    return cut(items[0], max(1, width - len(more))) + more if items else ""


def shortened(items: Sequence[Text], most: int, what: str) -> list[Text]:
    """The first items, and how many more of what there are."""
    hidden = len(items) - most
    return list(items) if hidden <= 1 else [*items[:most], Text(f"     ... {hidden:,} more {what}")]


def command_lines(parts: Sequence[str], indent: int = 2) -> list[str]:
    """A command and its options over as many lines as a shell reads them; none of them is cut."""
    lines, line = [], " " * indent + parts[0]
    for option in parts[1:]:
        if columns(f"{line} {option}") + 2 > WIDTH:
            lines.append(line + " \\")
            line = " " * (indent + 1)
        line += f" {option}"
    return [*lines, line]


def way_on(words: str, parts: Sequence[str], room: int = 30) -> list[str]:
    """What somebody can do, with the command beside it, or below it where the line would be too long."""
    line = f"  {words:{room}}  {' '.join(parts)}"
    return [line] if columns(line) <= WIDTH else [f"  {words}", *command_lines(parts, 4)]


def block(lines: Iterable[Text], title: Text | str = "") -> list[Text]:
    """A part with a blank line before it; nothing where there is nothing to tell."""
    told = list(lines)
    return [Text(), *([Text.assemble(title)] if title else []), *told] if told else []


def fitted(parts: Mapping[str, Variants], give_way: Iterable[str]) -> list[Text]:
    """A page of all parts: while it is too long they give way, in this order, and at the very end the blank lines."""
    chosen = dict.fromkeys(parts, 0)

    def page() -> list[Text]:
        return [line for name, variants in parts.items() for line in variants[min(chosen[name], len(variants) - 1)]]

    for name in give_way:
        if len(page()) <= LINES:
            break
        chosen[name] += 1
    lines = page()
    return lines if len(lines) <= LINES else [line for line in lines if line.plain]
