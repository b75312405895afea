"""The sample company's LDIF (RFC 2849): just enough to write it, and to read back what was written."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_SAFE = re.compile(r"(?![ :<])[\x20-\x7e]*(?<! )")
_WIDTH = 76


@dataclass(frozen=True, slots=True)
class Record:
    """One entry: its distinguished name, and its values by attribute as written in the file."""

    dn: str
    attributes: Mapping[str, tuple[str, ...]]


def render(records: Sequence[Record]) -> str:
    """Records as LDIF content in ASCII, each followed by an empty line."""
    return "".join(f"{_record(record)}\n" for record in records)


def parse(text: str) -> tuple[Record, ...]:
    """The records of what `render` wrote; comments are passed over."""
    unfolded = text.replace("\n ", "")
    blocks = (block.splitlines() for block in unfolded.split("\n\n"))
    return tuple(_parsed(lines) for lines in blocks if lines and lines[0].startswith("dn:"))


def _record(record: Record) -> str:
    values = ((name, value) for name, all_ in record.attributes.items() for value in all_)
    return "".join(_line(name, value) for name, value in (("dn", record.dn), *values))


def _line(name: str, value: str) -> str:
    if _SAFE.fullmatch(value):
        line = f"{name}: {value}"
    else:
        line = f"{name}:: {base64.b64encode(value.encode()).decode()}"
    return "\n ".join(_folded(line)) + "\n"


def _folded(line: str) -> Iterator[str]:
    yield line[:_WIDTH]
    for start in range(_WIDTH, len(line), _WIDTH - 1):
        yield line[start : start + _WIDTH - 1]


def _parsed(lines: Sequence[str]) -> Record:
    (_, dn), *pairs = (_pair(line) for line in lines if not line.startswith("#"))
    attributes: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        attributes[name] = (*attributes.get(name, ()), value)
    return Record(dn, attributes)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, base64.b64decode(value[1:]).decode() if value.startswith(":") else value.removeprefix(" ")
