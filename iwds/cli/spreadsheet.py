"""Tables for spreadsheets: what one of them would take for a formula is only text here."""

import csv
import sys
from collections.abc import Iterable, Sequence

from iwds.cli.page import printable

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet may take for the beginning of a formula."""


def cell(value: object) -> object:
    """A value that nothing runs on being opened: an apostrophe makes a text of what looks like a formula."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def write_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with a line of heads to standard output, row by row."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(heads)
    for row in rows:
        table.writerow([cell(value) for value in row])
