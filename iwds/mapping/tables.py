"""Tables that lie in a file of their own: read when the mapping is, and part of what it is from then on."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from iwds.core.model import fold
from iwds.errors import ConfigurationError
from iwds.mapping.document import Document
from iwds.mapping.written_values import Table
from iwds.yamlmarks import Step, Where
from iwds.yamlmarks import load as load_yaml

LARGEST = 1_000_000
"""Bytes of a file; the table is kept with each configuration that was applied."""
MOST_ROWS = 10_000

ModelT = TypeVar("ModelT", bound=BaseModel)


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
    file, line = where(path)
    try:
        return table.model_copy(update={"rows": _rows(Path(file).parent / table.file)})
    except OSError as error:
        message = f'{".".join(map(str, path))}: the table "{table.file}" cannot be read: {error.strerror}'
        raise ConfigurationError(message, "it is looked for beside the mapping", file, line) from error


def _rows(path: Path) -> dict[str, str]:
    if path.stat().st_size > LARGEST:
        raise ConfigurationError(f"a table has {LARGEST:,} bytes at most", file=str(path))
    pairs = _of_csv(path) if path.suffix.lower() == ".csv" else _of_yaml(path)
    rows: dict[str, str] = {}
    seen: dict[str, int] = {}
    for line, key, text in pairs:
        if fold(key) in seen:
            message = f'"{key}" stands on line {seen[fold(key)]} already'
            raise ConfigurationError(message, "case makes no difference", str(path), line)
        seen[fold(key)], rows[key] = line, text
    if len(rows) > MOST_ROWS:
        raise ConfigurationError(f"a table has {MOST_ROWS:,} rows at most", file=str(path))
    return rows


def _of_csv(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, key and text of each row: two columns, no heading, `#` begins a line that is passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if row and not row[0].startswith("#"):
                    if len(row) != 2:
                        message = f"has {len(row)} columns, where a table has two"
                        raise ConfigurationError(message, "separate by a comma", str(path), reader.line_num)
                    yield reader.line_num, row[0].strip(), row[1].strip()
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"is no CSV file in UTF-8: {error}", file=str(path)) from error


def _of_yaml(path: Path) -> Iterator[tuple[int, str, str]]:
    marked = load_yaml(path)
    if not isinstance(marked.data, dict):
        raise ConfigurationError("must be keys and texts, one to a line", file=str(path))
    for key, text in marked.data.items():
        line = marked.where((key,))[1]
        if not isinstance(text, str):
            raise ConfigurationError(f'what stands for "{key}" must be text; put it in quotes', "", str(path), line)
        yield line, key, text
