"""The lines of a file of text, decoded one by one, so that each complaint has its number and each row its place."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from iwds.sources._fileproof import is_trailer

CR = "\udc0d"
"""Stands for a carriage return within a line, for which the reader of cells has no room; no file decodes to it."""
_EOF = "\x1a"
"""What DOS ended a file with, and some programs do still; it stands for nothing."""
_LF = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}


class Lines:
    """The lines of an open file from its present place on, with their ends.

    Attributes:
        line: how many lines were handed out, those before the present place included.
        offset: bytes from the start of the file to the next one.
        bad: why lines that were handed out since this was last emptied cannot be decoded.
        swapped: True where `CR` stands in a line that was handed out.
        last: the last line that is not empty, where a trailer was looked for.
        closed: False where the file ends without a line end.
    """

    def __init__(self, file: BinaryIO, encoding: str, line: int, offset: int, trailer: str | None = None) -> None:
        self._file, self._encoding, self._trailer = file, encoding, trailer
        self.line, self.offset = line, offset
        self.bad: list[str] = []
        self.swapped = False
        self.last = ""
        self.closed = True

    def __iter__(self) -> Iterator[str]:
        decode = codecs.getdecoder(self._encoding)
        raw = _wide(self._file, _LF[self._encoding]) if self._encoding in _LF else self._file
        lines = raw if self._trailer is None else self._but_trailer(iter(raw), self._trailer)
        for line in lines:
            self.line += 1
            self.offset += len(line)
            try:
                text = decode(line)[0]
            except UnicodeDecodeError as error:
                text = self._undecoded(line, error)
            if text.strip() == _EOF:
                text = "\n"
            if "\r" in text:
                text = self._swap(text)
            if text[-1:] != "\n":
                self.closed = False
            yield text

    def _undecoded(self, line: bytes, error: UnicodeDecodeError) -> str:
        found = " ".join(f"{byte:02X}" for byte in line[error.start : error.end])
        self.bad.append(f"the bytes {found} are no {self._encoding.upper()}; `encoding:` says what the file is in")
        return line.decode(self._encoding, errors="replace")

    def _swap(self, text: str) -> str:
        body, end = (text[:-2], "\r\n") if text.endswith("\r\n") else (text, "")
        if "\r" in body:
            self.swapped = True
            return body.replace("\r", CR) + end
        return text

    def _but_trailer(self, lines: Iterator[bytes], trailer: str) -> Iterator[bytes]:
        """All lines but the last one that is not empty, where that is the trailer; what is held back is one line."""
        held: list[bytes] = []
        for line in lines:
            if held and line.strip(b"\0\r\n\t \x1a"):
                yield from held
                held.clear()
            held.append(line)
        self.last = b"".join(held).decode(self._encoding, errors="replace").strip().rstrip(_EOF).strip()
        if not is_trailer(trailer, self.last):
            yield from held


def _wide(file: BinaryIO, end: bytes) -> Iterator[bytes]:
    """The lines of UTF-16: two bytes make a line end, and half of one may stand in another letter."""
    line = b""
    for piece in file:
        line += piece
        if end[0]:  # the second half of a little-endian line end is still to come
            line += file.read(1) if len(line) % 2 else b""
        if len(line) % 2 == 0 and line.endswith(end):
            yield line
            line = b""
    if line:
        yield line
