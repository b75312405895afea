"""Tables that lie in a file of their own: read when the mapping is, and part of what it is from then on."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from iwds.core.model import fold
from iwds.errors import ConfigurationError
from iwds.mapping.document import Document
from iwds.mapping.written_values import Table
from iwds.yamlmarks import Step, Where
from iwds.yamlmarks import parse as parse_yaml

LARGEST = 1_000_000
"""Bytes of a file; the table is kept with each configuration that was applied."""
MOST_ROWS = 10_000

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Wrong(Exception):
    """What is wrong with a table, and on which line; 0 for none. Nothing of its content is ever part of it.

    A path may lead to a file of secrets by mistake.
    """

    def __init__(self, message: str, advice: str = "", line: int = 0) -> None:
        self.message, self.advice, self.line = message, advice, line


def with_tables(document: Document, where: Where) -> Document:
    """The document with the rows of the files that it names; a file stands beside the mapping.

    Raises `ConfigurationError` with the file and the line in it, or with the line of the mapping that names it.
    """
    return _filled(document, where, ())


def _filled(part: ModelT, where: Where, path: tuple[Step, ...]) -> ModelT:
    changed: dict[str, Any] = {}
    for name in part.model_fields_set:
        key = type(part).model_fields[name].alias or name
        value = getattr(part, name)
        if (new := _below(value, where, (*path, key))) is not value:
            changed[name] = new
    return part.model_copy(update=changed) if changed else part


def _below(value: Any, where: Where, path: tuple[Step, ...]) -> Any:
    if isinstance(value, Table):
        return value if value.rows is not None else _read(value, where, path)
    if isinstance(value, BaseModel):
        return _filled(value, where, path)
    if isinstance(value, tuple):
        items = tuple(_below(each, where, (*path, n)) for n, each in enumerate(value))
        return value if all(one is other for one, other in zip(items, value, strict=True)) else items
    if isinstance(value, dict):
        entries = {key: _below(each, where, (*path, key)) for key, each in value.items()}
        return value if all(entries[key] is each for key, each in value.items()) else entries
    return value


def _read(table: Table, where: Where, path: Sequence[Step]) -> Table:
    (file, line), key = where(path), ".".join(map(str, path))
    try:
        return table.model_copy(update={"rows": _rows(Path(file).parent / table.file)})
    except OSError as error:
        message = f'{key}: the table "{table.file}" cannot be read: {error.strerror}'
        raise ConfigurationError(message, "it is looked for beside the mapping", file, line) from error
    except _Wrong as wrong:
        message = f"{wrong.message} (the table of {key}, {file}:{line})"
        raise ConfigurationError(message, wrong.advice, str(Path(file).parent / table.file), wrong.line) from None


def _rows(path: Path) -> dict[str, str]:
    if path.stat().st_size > LARGEST:
        raise _Wrong(f"a table has {LARGEST:,} bytes at most")
    text = _text(path)
    pairs = _of_csv(text) if path.suffix.lower() == ".csv" else _of_yaml(text)
    rows: dict[str, str] = {}
    seen: dict[str, int] = {}
    for line, key, told in pairs:
        if fold(key) in seen:
            message = f"the key of this line stands on line {seen[fold(key)]} already"
            raise _Wrong(message, "case makes no difference", line)
        seen[fold(key)], rows[key] = line, told
    if len(rows) > MOST_ROWS:
        raise _Wrong(f"a table has {MOST_ROWS:,} rows at most")
    return rows


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Wrong("is not UTF-8", "save it as UTF-8", line) from None


def _of_csv(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, key and text of each row: two columns, no heading, `#` begins a line that is passed over."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row and not row[0].startswith("#"):
                if len(row) != 2:
                    message = f"has {len(row)} column{'' if len(row) == 1 else 's'}, where a table has two"
                    raise _Wrong(message, "separate by a comma", reader.line_num)
                yield reader.line_num, row[0].strip(), row[1].strip()
    except csv.Error:
        message = "is no CSV: a quotation mark does not close, or stands inside of a column"
        raise _Wrong(message, line=reader.line_num) from None


def _of_yaml(text: str) -> Iterator[tuple[int, str, str]]:
    try:
        marked = parse_yaml(text, "")
    except ConfigurationError as error:
        message = "is no table: keys and texts, one to a line, each key once"
        raise _Wrong(message, "a key such as 007 or true needs quotes", error.line) from None
    if not isinstance(marked.data, dict):
        raise _Wrong("must be keys and texts, one to a line")
    for key, told in marked.data.items():
        line = marked.where((key,))[1]
        if not isinstance(told, str):
            raise _Wrong("what stands for the key of this line must be text", "put it in quotes", line)
        yield line, key, told
