"""What kind of CSV a file is, and its rows, each with its place."""

import codecs
import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from iwds.core.nearest import nearest
from iwds.errors import SourceUnavailable
from iwds.sources._csvlines import CR, Lines

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CANDIDATES = (";", ",", "\t", "|")
_SEP = re.compile(r'sep=([^"\r\n])\s*', re.IGNORECASE)
"""What Excel writes above a heading, and understands there."""
_TOO_LONG = 60
_FORMS = (
    (b"PK\x03\x04", "a spreadsheet or an archive"), (b"\xd0\xcf\x11\xe0", "a spreadsheet"), (b"\x1f\x8b", "compressed"),
)  # fmt: skip
"""What other kinds of file begin with."""
_MARK = "\ufeff"
_SEVERAL = "several files may be put together here"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the configuration says of one file.

    Attributes:
        separator, encoding, quote: as in the settings.
        columns: the heading in the file of an attribute that is not called by its heading.
        needed: attributes without which the file is refused.
    """

    path: Path
    separator: str = "auto"
    encoding: str = "auto"
    quote: str = '"'
    columns: Mapping[str, str] = field(default_factory=dict)
    needed: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What a file turned out to be.

    Attributes:
        encoding: in which its bytes are letters.
        marked: True where a byte order mark stands before them.
        separator: between its cells.
        crlf: True where its lines end as Windows ends them.
        heading: what stands above each column, as it is written.
        names: the attribute of each column; empty for the last ones where a heading ends with separators.
        line, offset: lines and bytes before the first row.
    """

    path: Path
    encoding: str
    marked: bool
    separator: str
    quote: str
    crlf: bool
    heading: Sequence[str]
    names: tuple[str, ...]
    line: int
    offset: int

    def __str__(self) -> str:
        """In words."""
        between = "tab" if self.separator == "\t" else f"`{self.separator}`"
        encoding = self.encoding.upper() + (" with a byte order mark" if self.marked else "")
        ends = "CRLF" if self.crlf else "LF"
        return (
            f"separated by {between}, {encoding}, lines end with {ends}; columns: {', '.join(filter(None, self.names))}"
        )

    def reader(self, lines: Lines) -> Iterator[list[str]]:
        """What splits lines into cells; it refuses what is quoted wrongly."""
        return csv.reader(iter(lines), **_form(self.separator, self.quote))


@dataclass(frozen=True, slots=True)
class Row:
    """One row that can be read: 1-based line, bytes from the start of the file, cells in the order of the columns."""

    line: int
    offset: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot; where `ends` is True, nothing behind it can be told to be a row either."""

    line: int
    why: str
    ends: bool = False


def table_of(sheet: Sheet, file: BinaryIO) -> Table:
    """Look at the beginning of an open file. Raises `SourceUnavailable` where it has not the heading that it needs."""
    start = file.read(4)
    encoding, mark = _encoding(sheet, start)
    file.seek(mark)
    first = Lines(file, encoding, 0, mark)
    line = next(iter(first), "")
    told = _SEP.fullmatch(line)
    place = (first.line, first.offset) if told else (0, mark)
    known = told[1] if told else sheet.separator
    separators = (sheet.separator,) if sheet.separator != "auto" else _CANDIDATES if known == "auto" else (known,)
    headings = [_heading(sheet, file, encoding, separator, place) for separator in separators]
    fitting = [each for each in headings if not each.why]
    best = max(fitting or headings, key=lambda each: len(each.names))
    if best.why:
        raise SourceUnavailable(f"{sheet.path}:{best.line}: {best.why}", best.advice)
    return Table(
        sheet.path, encoding, bool(mark), best.separator, sheet.quote, line.endswith("\r\n"), best.cells, best.names,
        best.line, best.offset,
    )  # fmt: skip


def rows_of(table: Table, lines: Lines) -> Iterator[Row | BadRow]:
    """The rows of a file from the place of `lines` on; empty ones are passed over."""
    reader, width, named = table.reader(lines), len(table.names), len([name for name in table.names if name])
    while True:
        line, offset = lines.line + 1, lines.offset
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, _unreadable(error), ends=True)
            return
        if lines.bad:
            yield BadRow(line, lines.bad[0])
            lines.bad.clear()
        elif not any(map(str.strip, cells)):
            continue
        elif cells[0].startswith(_MARK):
            yield BadRow(line, f"a byte order mark stands within the file; {_SEVERAL}")
        elif cells == table.heading:
            yield BadRow(line, f"the heading stands here again; {_SEVERAL}")
        elif any(cells[named:width]):
            yield BadRow(line, "a cell stands behind the last column that has a name")
        elif len(cells) == width:
            yield Row(line, offset, _restored(cells, lines))
        else:
            yield BadRow(line, f"{_many(len(cells))}, and the heading has {width}")


def lines_of(table: Table, file: BinaryIO, trailer: str | None = None) -> Lines:
    """The lines of a file that stands behind its heading."""
    return Lines(file, table.encoding, table.line, table.offset, trailer)


def row_at(table: Table, file: BinaryIO, line: int, offset: int) -> Row | BadRow | None:
    """The row at a place."""
    file.seek(offset)
    return next(rows_of(table, Lines(file, table.encoding, line - 1, offset)), None)


def key_of(heading: str) -> str:
    """A heading as it is compared."""
    return unicodedata.normalize("NFC", heading.replace(_MARK, "")).strip().casefold()


@dataclass(frozen=True, slots=True)
class _Heading:
    separator: str
    cells: Sequence[str]
    names: tuple[str, ...]
    line: int
    offset: int
    why: str
    advice: str


def _encoding(sheet: Sheet, start: bytes) -> tuple[str, int]:
    """In what a file is written, and how long its mark is."""
    if what := next((what for begins, what in _FORMS if start.startswith(begins)), ""):
        raise SourceUnavailable(f"{sheet.path} is {what}, and no table of text.", "Have it exported as CSV.")
    mark, marked = next(((mark, name) for mark, name in _MARKS if start.startswith(mark)), (b"", ""))
    said = codecs.lookup(sheet.encoding.replace("auto", "utf-8").replace("-sig", "")).name
    if not marked and said == "utf-16":
        raise SourceUnavailable(
            f"{sheet.path} has no byte order mark.", "Say `encoding: utf-16-le` or `utf-16-be`: it may be either."
        )
    if marked and sheet.encoding != "auto" and not marked.startswith(said):
        raise SourceUnavailable(
            f"{sheet.path} begins with the mark of {marked.upper()}, and `encoding` says {sheet.encoding}.",
            "Take `encoding` out, and the mark says what the file is in.",
        )
    return marked or said, len(mark)


def _heading(sheet: Sheet, file: BinaryIO, encoding: str, separator: str, place: tuple[int, int]) -> _Heading:
    """The heading as this separator makes it, and why it is none."""
    line, offset = place
    file.seek(offset)
    lines, cells, wrong = Lines(file, encoding, line, offset), list[str](), ""
    try:
        rows = csv.reader(iter(lines), **_form(separator, sheet.quote))
        cells = next((row for row in rows if any(map(str.strip, row))), cells)
    except csv.Error as error:
        wrong = _unreadable(error)
    renamed = {key_of(heading): attribute for attribute, heading in sheet.columns.items()}
    keys = [key_of(cell) for cell in cells]
    names = tuple(renamed.get(key, unicodedata.normalize("NFC", key.lower())) for key in keys)
    why, advice = _no_text(lines, keys) or (wrong or _no_heading(sheet, keys, names), _advice(sheet, names))
    return _Heading(separator, cells, names, max(1, lines.line), lines.offset, why, advice)


def _no_text(lines: Lines, keys: Sequence[str]) -> tuple[str, str] | None:
    """Why these letters are no heading whatever is asked of one, and advice."""
    if lines.bad:
        return lines.bad[0], "If a program of Windows wrote it, it may be cp1252."
    if any("\0" in key for key in keys):
        advice = "If it is UTF-16 without a byte order mark, say `encoding: utf-16-le` or `utf-16-be`."
        return "bytes of zero stand in the heading", advice
    if lines.swapped:
        advice = "Have it saved as CSV for Windows, or as CSV UTF-8: the form for an old Macintosh cannot be read."
        return "a carriage return stands alone, and lines must end with LF or CRLF", advice
    return None


def _no_heading(sheet: Sheet, keys: Sequence[str], names: Sequence[str]) -> str:
    """Why these are not the headings that are needed; empty where they are."""
    if not any(keys):
        return "there is no heading, a first line with the names of the columns"
    while not keys[-1]:
        keys, names = keys[:-1], names[:-1]
    if "" in keys:
        return f"column {keys.index('') + 1} has no name"
    missing = [heading for heading in sheet.columns.values() if key_of(heading) not in keys]
    missing += [name for name in sorted(sheet.needed) if name not in names and name not in sheet.columns]
    if missing:
        return f'there is no column "{missing[0]}"{nearest(missing[0], [key[:_TOO_LONG] for key in keys])}'
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        first, second, *_ = (at for at, name in enumerate(names, 1) if name == twice)
        return f'columns {first} and {second} are both "{twice}"'
    return ""


def _advice(sheet: Sheet, names: Sequence[str]) -> str:
    if len(names) < 2 and len(sheet.needed) > 1:
        return "Say with `separator` what stands between the cells."
    return (
        "Name the columns of the file under `columns`, as ATTRIBUTE: HEADING; or have them exported with these names."
    )


def _form(separator: str, quote: str) -> Mapping[str, Any]:
    if quote == "none":
        return {"delimiter": separator, "quoting": csv.QUOTE_NONE, "quotechar": None, "strict": True}
    return {"delimiter": separator, "quotechar": quote, "strict": True}


def _restored(cells: Sequence[str], lines: Lines) -> Sequence[str]:
    if not lines.swapped:
        return cells
    lines.swapped = False
    return [cell.replace(CR, "\r") for cell in cells]


def _many(count: int) -> str:
    return "it has one cell" if count == 1 else f"it has {count} cells"


def _unreadable(error: csv.Error) -> str:
    """What the reader of cells complains about, as people would say it."""
    text = str(error)
    if "field larger" in text:
        return f"a cell is longer than {csv.field_size_limit():,} characters; a quote may not be closed"
    if "unexpected end" in text:
        return "a quote is opened here, or in the rows before, and not closed up to the end of the file"
    return "behind a closing quote stands something else than a separator; a quote within a cell is written twice"
