"""A small LDAP server of the tests' own, for what neither slapd nor Samba does: real TCP, real BER, and a script.

It holds entries, understands simple filters, pages, sends values range by range, refers to other servers, and does
what else its hooks say. It knows no schema: texts are compared without regard to case, names as `iwds.core.dn` does.
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from iwds.core.dn import is_under, normalise_dn, parent
from iwds.sandbox.certificates import Authority
from iwds.sources._ber import OCTETS, SEQUENCE, content, element, header, number, octets
from tests.unit.sources.ldapbytes import ended, entry, paged, reference

Values = dict[str, list[bytes]]
PAGED = b"1.2.840.113556.1.4.319"
WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"
_BIND, _UNBIND, _SEARCH, _ABANDON, _EXTENDED = 0x60, 0x42, 0x63, 0x50, 0x77
_PROTOCOL_ERROR, _SIZE_LIMIT, _REFERRAL, _UNKNOWN_CONTROL, _NO_SUCH = 2, 4, 10, 12, 32
_RANGE = re.compile(r"(.+);range=(\d+)-(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One search as it came. `page` is None where no paging was asked for."""

    id: int
    base: str
    scope: int
    filter: bytes
    attributes: tuple[str, ...]
    page: int | None = None
    cookie: bytes = b""


class HangUp(Exception):
    """Raised in a hook: the connection ends here."""


@dataclass(slots=True)
class Responder:
    """What the server holds and how it behaves; tests change it while it runs.

    Attributes:
        entries: by distinguished name; the root entry is `""`.
        subordinate: names below which another server answers, with its URLs: a reference for whoever searches above,
            a referral for whoever searches below.
        elsewhere: URLs to which it refers for a base that it does not hold.
        most_entries: MaxPageSize of Active Directory: without pages the answer is cut, larger pages become smaller.
        most_values: MaxValRange of Active Directory: more values of one attribute come range by range.
        pageless: whether it knows no pages, and says so where they are critical.
        lacking: attributes that it does not hold, lower-case, as a global catalog.
        who: what it answers to `Who am I?`; None where it does not know the question.
        before: called with each search before it is answered.
        alter: what is sent instead of the messages of an answer, piece by piece.
    """

    entries: dict[str, Values] = field(default_factory=dict)
    subordinate: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    most_entries: int | None = None
    most_values: int | None = None
    pageless: bool = False
    lacking: frozenset[str] = frozenset()
    who: bytes | None = None
    before: Callable[[Asked], None] = lambda _: None
    alter: Callable[[Asked, list[bytes]], Iterable[bytes]] = lambda _, messages: messages
    port: int = 0
    secure: bool = False
    asked: list[Asked] = field(default_factory=list)
    binds: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{'ldaps' if self.secure else 'ldap'}://127.0.0.1:{self.port}"

    def searches(self, base: str) -> list[Asked]:
        """Those searches that began at this base."""
        return [each for each in self.asked if normalise_dn(each.base) == normalise_dn(base)]

    def answer(self, asked: Asked) -> list[bytes]:
        """The messages that answer a search."""
        if self.pageless and asked.page is not None:
            return [_end(asked, _UNKNOWN_CONTROL)]
        if urls := self._other(asked.base):
            return [_end(asked, _REFERRAL, more=element(0xA3, *(element(OCTETS, url) for url in urls)))]
        if asked.base and normalise_dn(asked.base) not in map(normalise_dn, self.entries):
            return [_end(asked, _NO_SUCH)]
        found = [dn for dn in self.entries if self._meets(asked, dn)]
        first = int(asked.cookie or b"0")
        size = min(size for size in (asked.page, self.most_entries, len(found) + 1) if size is not None)
        part, more = found[first : first + size], first + size < len(found)
        messages = [entry(dn.encode(), self._values(asked, dn), asked.id) for dn in part]
        messages += [] if more else self._references(asked)
        if asked.page is None:
            return [*messages, _end(asked, _SIZE_LIMIT if more else 0)]
        return [*messages, _end(asked, 0, paged(str(first + size).encode() if more else b""))]

    def _other(self, base: str) -> list[bytes]:
        """URLs of the servers that hold this base; none where it is ours."""
        name = normalise_dn(base)
        for below, urls in self.subordinate.items():
            if is_under(name, normalise_dn(below)):
                return [_onward(url, base[: len(base) - len(below)]).encode() for url in urls]
        held = not name or any(dn and is_under(name, normalise_dn(dn)) for dn in self.entries)
        return [] if held else [url.encode() for url in self.elsewhere]

    def _references(self, asked: Asked) -> list[bytes]:
        base = normalise_dn(asked.base)
        below = [urls for dn, urls in self.subordinate.items() if asked.scope == 2 and is_under(normalise_dn(dn), base)]
        return [reference(*(url.encode() for url in urls), number=asked.id) for urls in below]

    def _meets(self, asked: Asked, dn: str) -> bool:
        base, name = normalise_dn(asked.base), normalise_dn(dn)
        where = {
            0: name == base,
            1: bool(dn) and normalise_dn(parent(dn)) == base,
            2: bool(dn) and is_under(name, base),
        }
        held = {key.lower(): values for key, values in self.entries[dn].items() if key.lower() not in self.lacking}
        return where[asked.scope] and _holds(asked.filter, held)

    def _values(self, asked: Asked, dn: str) -> list[tuple[bytes, list[bytes]]]:
        held = {key.lower(): (key, values) for key, values in self.entries[dn].items()}
        sent: list[tuple[bytes, list[bytes]]] = []
        for wanted in asked.attributes:
            ranged = _RANGE.fullmatch(wanted.lower())
            name = ranged[1] if ranged else wanted.lower()
            if name in held and name not in self.lacking:
                sent += self._ranged(*held[name], int(ranged[2]) if ranged else None)
        return sent

    def _ranged(self, name: str, values: list[bytes], first: int | None) -> list[tuple[bytes, list[bytes]]]:
        most = self.most_values
        if first is None and (most is None or len(values) <= most):
            return [(name.encode(), values)]
        start = first or 0
        part = values[start:] if most is None else values[start : start + most]
        if not part:
            return []
        last = "*" if start + len(part) == len(values) else str(start + len(part) - 1)
        bare: list[tuple[bytes, list[bytes]]] = [(name.encode(), [])] if first is None else []
        return [*bare, (f"{name};range={start}-{last}".encode(), part)]


@contextmanager
def responding(
    responder: Responder, certificates: Path | None = None, authority: Authority | None = None
) -> Iterator[Responder]:
    """The server, running on a free port of 127.0.0.1; over TLS where it is given an authority and a directory."""
    context = _context(certificates, authority) if certificates and authority else None
    threads: list[threading.Thread] = []
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_ones.append(connection)
            thread = threading.Thread(target=_serve, args=(responder, connection, context))
            threads.append(thread)
            thread.start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        responder.port, responder.secure = listener.getsockname()[1], context is not None
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield responder
        finally:
            responder.stopped.set()
            for each in (listener, *open_ones):
                _shut(each)
            acceptor.join()
            for thread in threads:
                thread.join()


def slowly(responder: Responder, seconds: float) -> Callable[[Asked, list[bytes]], Iterator[bytes]]:
    """A hook that lets every answer drip, a byte each so many seconds."""

    def drip(_: Asked, messages: list[bytes]) -> Iterator[bytes]:
        for byte in b"".join(messages):
            yield bytes((byte,))
            if responder.stopped.wait(seconds):
                raise HangUp

    return drip


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the client was quicker
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _context(directory: Path, authority: Authority) -> ssl.SSLContext:
    certificate, key = authority.server(("localhost",), ("127.0.0.1",))
    for name, pem in (("responder.pem", certificate), ("responder.key", key)):
        (directory / name).write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "responder.pem", directory / "responder.key")
    return context


def _serve(responder: Responder, connection: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        stream = context.wrap_socket(connection, server_side=True) if context else connection
        with stream, stream.makefile("rb") as incoming:
            while message := _message(incoming.read):
                for piece in _replies(responder, message):
                    stream.sendall(piece)
    except (OSError, HangUp):
        pass  # a client that hangs up, or a script that does


def _message(read: Callable[[int], bytes]) -> bytes:
    """The content of the next message; empty at the end."""
    head = read(2)
    if len(head) < 2:
        return b""
    size = head[1]
    return read(size if size < 0x80 else int.from_bytes(read(size - 0x80), "big"))


def _replies(responder: Responder, message: bytes) -> Iterable[bytes]:
    message_id, at = number(message, 0, len(message))
    kind, start, end = header(message, at, len(message))
    if kind == _BIND:
        _, at = number(message, start, end)
        responder.binds.append(octets(message, at, end)[0])
        return [ended(number=message_id, tag=0x61)]
    if kind == _EXTENDED:
        known = responder.who is not None and octets(message, start, end, 0x80)[0] == WHO_AM_I
        said = element(0x8B, responder.who or b"") if known else b""
        return [ended(0 if known else _PROTOCOL_ERROR, more=said, number=message_id, tag=0x78)]
    if kind == _SEARCH:
        asked = _asked(message_id, message, start, end)
        responder.asked.append(asked)
        responder.before(asked)
        return responder.alter(asked, responder.answer(asked))
    if kind == _UNBIND:
        raise HangUp
    assert kind == _ABANDON, hex(kind)
    return []


def _asked(message_id: int, message: bytes, at: int, end: int) -> Asked:
    base, at = octets(message, at, end)
    scope, at = number(message, at, end, 0x0A)
    for _ in range(4):  # aliases, limits, types only
        _, _, at = header(message, at, end)
    _, _, filter_end = header(message, at, end)
    attributes_at, _ = content(message, filter_end, end, SEQUENCE)
    attributes = tuple(value.decode() for _, value in _elements(message, attributes_at, end))
    page, cookie = _paging(message, end)
    return Asked(message_id, base.decode(), scope, message[at:filter_end], attributes, page, cookie)


def _paging(message: bytes, at: int) -> tuple[int | None, bytes]:
    if at == len(message):
        return None, b""
    ((_, controls),) = _elements(message, at, len(message))
    for _, control in _elements(controls, 0, len(controls)):
        (_, name), *_, (_, value) = _elements(control, 0, len(control))
        assert name == PAGED, name
        at, stop = content(value, 0, len(value), SEQUENCE)
        size, at = number(value, at, stop)
        return size, octets(value, at, stop)[0]
    return None, b""


def _elements(data: bytes, at: int, end: int) -> list[tuple[int, bytes]]:
    """Tag and content of each element."""
    found = []
    while at < end:
        tag, start, at = header(data, at, end)
        found.append((tag, data[start:at]))
    return found


def _holds(text: bytes, held: Mapping[str, list[bytes]]) -> bool:
    """Whether a filter (RFC 4511 4.5.1.7) holds for an entry."""
    tag, start, end = header(text, 0, len(text))
    parts = _elements(text, start, end) if tag & 0x20 else []
    inner = [element(each, body) for each, body in parts]
    if tag == 0xA0:
        return all(_holds(each, held) for each in inner)
    if tag == 0xA1:
        return any(_holds(each, held) for each in inner)
    if tag == 0xA2:
        return not _holds(inner[0], held)
    if tag == 0x87:
        name = text[start:end].decode().lower()
        return name == "objectclass" or bool(held.get(name))
    assert tag == 0xA3, hex(tag)
    (_, attribute), (_, value) = parts
    return value.lower() in (each.lower() for each in held.get(attribute.decode().lower(), []))


def _onward(url: str, inner: str) -> str:
    """A URL that leads to what lies so far within the place that it names (RFC 3296 5.2)."""
    scheme, _, host, *name = url.split("/", 3)
    return f"{scheme}//{host}/{inner}{''.join(name)}"


def _end(asked: Asked, code: int, *controls: bytes, more: bytes = b"") -> bytes:
    return ended(code, *controls, more=more, number=asked.id)
