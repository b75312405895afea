"""Tables for spreadsheets: a name in a cell is text there, whatever it looks like."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from iwds.cli.page import printable

_FORMULA = "=+\\-@＝＋－＠"
_STARTS = re.compile(rf"^(?=\s*[{_FORMULA}])|(?<=;)(?=[\s\"]*[{_FORMULA}])")
"""Where a formula would begin: at the start of a cell, or where a spreadsheet that separates by semicolons cuts one."""


def cell(value: object) -> object:
    """A value as a cell. Where a spreadsheet would begin to reckon stands an apostrophe; no cell has two lines."""
    return _STARTS.sub("'", printable(value)) if isinstance(value, str) else value


def table(rows: Iterable[Sequence[object]]) -> str:
    """Rows as RFC 4180 has them: commas, quotes around every text, and lines that end with CR and LF."""
    return "".join(table_lines(rows))


def table_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The same, row by row."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for row in rows:
        writer.writerow([cell(value) for value in row])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def write_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with a line of heads to standard output, row by row, in lines as a shell has them."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
