"""Reads LDIF content records (RFC 2849), one at a time, and says of every line that it cannot read why."""

import base64
import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

_DESCRIPTION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.;=_-]*")
_A_CHANGE = "this is a change record, as ldifde writes them too; a listing is needed (slapcat, ldapsearch -LLL)"
_REFUSED = {
    "changetype": _A_CHANGE,
    "control": _A_CHANGE,
    "dn": "a second name in one record; an empty line between two records is missing",
}
"""What no record of a listing holds."""
_ODD = b"\r"
"""Stands for a line that RFC 2849 has no room for, be it a comment, so that it is complained about."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the file.

    Attributes:
        line: 1-based number of the line with its name.
        offset: where that line starts, in bytes from the start of the file.
        dn: its name as written.
        values: values by attribute description as written.
    """

    line: int
    offset: int
    dn: bytes
    values: Mapping[str, list[bytes]]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is dropped as a whole, because an entry with a part missing would look like one without it.

    Attributes:
        line: 1-based number of the line that could not be read.
        why: a phrase for people.
    """

    line: int
    why: str


@dataclass(slots=True)
class _Line:
    number: int
    offset: int
    text: bytes


def records(lines: Iterable[bytes], line: int = 1, offset: int = 0) -> Iterator[Record | BadRecord]:
    """The records of a file.

    Args:
        lines: physical lines with their ends, as an open binary file gives them.
        line: number of the first of them.
        offset: where it starts in the file.
    """
    for block in _blocks(lines, line, offset):
        if block[0].text[:8].lower() == b"version:":  # ldapsearch writes one above each page
            version = block.pop(0)
            if version.text[8:].strip() != b"1":
                yield BadRecord(version.number, "only version 1 of LDIF is known (RFC 2849)")
        if block:
            yield _record(block)


def _blocks(lines: Iterable[bytes], number: int, offset: int) -> Iterator[list[_Line]]:
    """Logical lines in groups: folded lines joined, comments dropped, split at empty lines."""
    block: list[_Line] = []
    comment = False
    for number, physical in enumerate(lines, number):  # noqa: B020 - counts on from where the caller stands
        text = (physical if offset else physical.removeprefix(codecs.BOM_UTF8)).rstrip(b"\r\n")
        first = text[:1]
        if b"\r" in text or b"\0" in text:
            block.append(_Line(number, offset, _ODD))
            comment = False
        elif first == b" ":
            if not comment:
                _continue(block, number, offset, text)
        elif first == b"#":
            comment = True
        else:
            comment = False
            if text:
                block.append(_Line(number, offset, text))
            elif block:
                yield block
                block = []
        offset += len(physical)
    if block:
        yield block


def _continue(block: list[_Line], number: int, offset: int, text: bytes) -> None:
    if block:
        block[-1].text += text[1:]
    else:  # a continuation of nothing; kept, so that it is complained about
        block.append(_Line(number, offset, text))


def _record(block: list[_Line]) -> Record | BadRecord:
    values: dict[str, list[bytes]] = {}
    try:
        name, dn = _attribute(block[0])
        if name.lower() != "dn":
            return BadRecord(block[0].number, _not_a_name(name.lower()))
        for line in block[1:]:
            name, value = _attribute(line)
            if name in values:
                values[name].append(value)
            elif why := _REFUSED.get(name.lower()):
                return BadRecord(line.number, why)
            else:
                values[name] = [value]
    except _BadLine as bad:
        return BadRecord(bad.number, bad.why)
    return Record(block[0].number, block[0].offset, dn, values)


class _BadLine(Exception):
    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number
        self.why = why


def _not_a_name(name: str) -> str:
    if name in {"search", "result", "ref"}:
        return "this is a remark of ldapsearch and no entry; export with ldapsearch -L"
    return "a record must begin with `dn:`"


def _attribute(line: _Line) -> tuple[str, bytes]:
    """The description and the value of one logical line (RFC 2849, value-spec)."""
    kind, colon, rest = line.text.partition(b":")
    name = _described(kind) if colon else ""
    if line.text == _ODD:
        raise _BadLine(
            line.number, "a carriage return, or a byte of zero, stands alone; lines must end with LF or CRLF"
        )
    if not name:
        raise _BadLine(line.number, "not of the form `attribute: value`")
    first = rest[:1]
    if first == b"<":
        raise _BadLine(
            line.number,
            "a value from a URL, which is not fetched; export the values themselves (ldapsearch without -t)",
        )
    if first != b":":
        return name, rest.lstrip(b" ")
    try:
        return name, base64.b64decode(rest[1:].strip(b" "), validate=True)
    except ValueError:
        raise _BadLine(line.number, "not base64 after `::`") from None


@lru_cache(maxsize=1024)
def _described(kind: bytes) -> str:
    """An attribute description as text; empty where it is none. A file has few, each of them very often."""
    return kind.decode() if _DESCRIPTION.fullmatch(kind) else ""
