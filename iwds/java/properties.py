"""Java's `.properties` files, each entry with the line that it begins on.

The format is that of `java.util.Properties.load`: ISO-8859-1 with `\\uXXXX`, comments behind `#` or `!`, a key ended by
`=`, `:` or space, and a line that ends with an odd number of backslashes goes on in the next one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SPACE = " \t\f"
_LINE = re.compile(r"\r\n|\r|\n")
_KEY = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|$)", re.DOTALL)
_MEANT = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Property:
    """One entry. `line` is that on which it begins, counted from 1. A value is never shown: it may be a secret."""

    key: str
    value: str = field(repr=False)
    line: int


def parse(data: bytes) -> Iterator[Property]:
    """The entries of a file in their order; of a key that comes twice the last one counts, and all are given.

    Raises `ValueError` with the line for a `\\u` without four hexadecimal digits, as Java does.
    """
    for line, text in _logical(data.decode("iso-8859-1")):
        key = _KEY.match(text)
        assert key is not None  # noqa: S101 - it matches nothing at least
        separator = _SEPARATOR.match(text, key.end())
        assert separator is not None  # noqa: S101 - so does this one
        yield Property(_plain(key[0], line), _plain(text[separator.end() :], line), line)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines as they are meant: without comments and blank ones, those that go on put together."""
    began, parts = 0, list[str]()
    for number, natural in enumerate(_LINE.split(text), 1):
        line = natural.lstrip(_SPACE)
        if not parts and (not line or line[0] in "#!"):
            continue
        began = began if parts else number
        goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        parts.append(line[:-1] if goes_on else line)
        if not goes_on:
            yield began, "".join(parts)
            parts = []
    if any(parts):
        yield began, "".join(parts)


def _plain(text: str, line: int) -> str:
    """Text without its escapes; two `\\u` that are halves of one letter are joined."""

    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2] == "u":
            raise ValueError(f"line {line}: \\u without four hexadecimal digits")
        return _MEANT.get(found[2] or "", found[2] or "")

    return _ESCAPE.sub(meant, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
