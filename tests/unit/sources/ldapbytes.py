"""Answers of an LDAP server as bytes, in the two ways in which servers write lengths; and a socket that brings them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from iwds.sources._ber import element

Element = Callable[..., bytes]
Values = Sequence[tuple[bytes, Sequence[bytes]]]


def windows(tag: int, *parts: bytes) -> bytes:
    """An element as Active Directory writes it: whatever holds others has a length of five bytes."""
    body = b"".join(parts)
    return bytes((tag, 0x84)) + len(body).to_bytes(4, "big") + body if tag & 0x20 else element(tag, body)


FORMS: tuple[Element, ...] = (element, windows)


def integer(number: int, tag: int = 2) -> bytes:
    """A number below 128, or of two bytes."""
    return element(tag, bytes([number]) if number < 128 else number.to_bytes(3, "big"))


def entry(dn: bytes, values: Values, number: int = 1, form: Element = element) -> bytes:
    """A message that holds a search result entry."""
    attributes = [
        form(0x30, element(4, name), form(0x31, *(element(4, value) for value in some))) for name, some in values
    ]
    return form(0x30, integer(number), form(0x64, element(4, dn), form(0x30, *attributes)))


def reference(*urls: bytes, number: int = 1, form: Element = element) -> bytes:
    """A message that holds a search result reference."""
    return form(0x30, integer(number), form(0x73, *(element(4, url) for url in urls)))


def control(name: bytes, value: bytes, form: Element = element) -> bytes:
    """A control."""
    return form(0x30, element(4, name), element(1, b"\x00"), element(4, value))


def paged(cookie: bytes, form: Element = element) -> bytes:
    """The control that says where the next page begins."""
    return control(b"1.2.840.113556.1.4.319", form(0x30, integer(0), element(4, cookie)), form)


def ended(
    code: int = 0, *controls: bytes, text: bytes = b"", more: bytes = b"", number: int = 1, tag: int = 0x65,
    form: Element = element,
) -> bytes:  # fmt: skip
    """A message that holds a result; `more` is what follows the server's words in it."""
    result = form(tag, integer(code, 10), element(4, b""), element(4, text), more)
    return form(0x30, integer(number), result, *([form(0xA0, *controls)] if controls else []))


def notice(name: bytes, code: int = 52, text: bytes = b"") -> bytes:
    """A message that answers nothing."""
    return ended(code, text=text, more=element(0x8A, name), number=0, tag=0x78)


@dataclass
class Wire:
    """A socket that brings these bytes, so many at a time, and then hangs up."""

    brings: bytes
    piece: int = 65536
    sent: list[bytes] = field(default_factory=list)
    closed: bool = False

    def recv(self, most: int) -> bytes:
        """The next piece."""
        size = min(most, self.piece)
        piece, self.brings = self.brings[:size], self.brings[size:]
        return piece

    def sendall(self, request: bytes) -> None:
        """Take a request."""
        self.sent.append(request)

    def close(self) -> None:
        """Hang up."""
        self.closed = True
