"""The messages of LDAP (RFC 4511) that a reading is made of: what is asked, and what answers.

Values and names stay bytes. What a server sends that is well formed and unknown is kept or passed over as the RFC says;
what is not well formed is `BadMessage`.
"""

import re
from dataclasses import dataclass

from iwds.sources._ber import (
    BOOLEAN,
    ENUMERATED,
    OCTETS,
    SEQUENCE,
    SET,
    BadMessage,
    all_octets,
    content,
    element,
    header,
    number,
    octets,
    whole,
)
from iwds.sources._search import Controls, RawEntry

ENTRY, DONE, REFERENCE, EXTENDED, INTERMEDIATE = 0x64, 0x65, 0x73, 0x78, 0x79
PAGED = "1.2.840.113556.1.4.319"
SHOW_DELETED = "1.2.840.113556.1.4.417"
DISCONNECTION = b"1.3.6.1.4.1.1466.20036"
_ABANDON, _EXTENDED_REQUEST = 0x50, 0x77
_CONTROLS, _REFERRAL, _RESPONSE_NAME, _RESPONSE_VALUE = 0xA0, 0xA3, 0x8A, 0x8B
_REQUEST_NAME, _INTERMEDIATE_NAME, _INTERMEDIATE_VALUE = 0x80, 0x80, 0x81
_OID = re.compile(rb"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as far as it is the same for all.

    Attributes:
        id: of the request that it answers; 0 for what nobody asked for.
        kind: what it holds: `ENTRY`, `DONE`, ...
        at: where this begins.
        end: where the message ends.
    """

    id: int
    kind: int
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended (RFC 4511 4.1.9).

    Attributes:
        code: 0 alone is a success.
        text: the server's own words.
        referrals: URLs of servers that it names instead.
        name: which extended operation answers, its object identifier.
        value: what an extended operation answers.
    """

    code: int
    text: str
    referrals: tuple[str, ...] = ()
    name: bytes = b""
    value: bytes = b""


def envelope(data: bytes, at: int, end: int) -> Envelope:
    """The message whose content is between `at` and `end`."""
    message_id, at = number(data, at, end)
    kind, _, _ = header(data, at, end)
    return Envelope(message_id, kind, at, end)


def entry(data: bytes, at: int, end: int) -> RawEntry:
    """The search result entry (RFC 4511 4.5.2) at `at`, in the message that ends at `end`."""
    at, stop = content(data, at, end, ENTRY)
    if stop != end:
        _controls(data, stop, end)  # nothing that we ask for comes with one
    dn, at = octets(data, at, stop)
    at, end = content(data, at, stop, SEQUENCE)
    if stop != end:
        raise BadMessage("something follows the attributes of an entry")
    values: dict[str, list[bytes]] = {}
    while at < end:
        name, found, _, at = attribute(data, at, end)
        # Some proxies send an attribute in two parts; the second must not displace the first.
        values.setdefault(name, []).extend(found)
    return dn, values


def attribute(data: bytes, at: int, end: int) -> tuple[str, list[bytes], int, int]:
    """The attribute at `at`: its description, its values, where the first of them begins, and where it ends."""
    at, stop = content(data, at, end, SEQUENCE)
    description, at = octets(data, at, stop)
    first, last = content(data, at, stop, SET)
    if last != stop:
        raise BadMessage("something follows the values of an attribute")
    try:
        name = description.decode("ascii")
    except UnicodeDecodeError:
        raise BadMessage("the name of an attribute is not ASCII") from None
    return name, all_octets(data, first, stop), first, stop


def reference(data: bytes, at: int, end: int) -> tuple[str, ...]:
    """The URLs of the search result reference (RFC 4511 4.5.3) at `at`, in the message that ends at `end`."""
    at, stop = content(data, at, end, REFERENCE)
    _controls(data, stop, end)
    return _urls(data, at, stop)


def result(data: bytes, at: int, end: int, kind: int = DONE) -> tuple[Result, Controls]:
    """The result of this kind at `at`, in the message that ends at `end`, and the controls with it."""
    at, stop = content(data, at, end, kind)
    code, at = number(data, at, stop, ENUMERATED)
    _, at = octets(data, at, stop)
    text, at = octets(data, at, stop)
    referrals: tuple[str, ...] = ()
    if at < stop and data[at] == _REFERRAL:
        start, at = content(data, at, stop, _REFERRAL)
        referrals = _urls(data, start, at)
    name, at = _optional(data, at, stop, _RESPONSE_NAME if kind == EXTENDED else None)
    value, at = _optional(data, at, stop, _RESPONSE_VALUE if kind == EXTENDED else None)
    if at != stop:
        raise BadMessage("something unknown follows a result")
    return Result(code, _text(text), referrals, name, value), _controls(data, stop, end)


def check_intermediate(data: bytes, at: int, end: int) -> None:
    """Raises `BadMessage` for what is no intermediate response (RFC 4511 4.13). Nothing that we ask for has one."""
    at, stop = content(data, at, end, INTERMEDIATE)
    _, at = _optional(data, at, stop, _INTERMEDIATE_NAME)
    _, at = _optional(data, at, stop, _INTERMEDIATE_VALUE)
    if at != stop:
        raise BadMessage("something unknown follows an intermediate response")
    _controls(data, stop, end)


def paged_cookie(controls: Controls) -> bytes | None:
    """Where the next page begins (RFC 2696 2), empty behind the last one; None where the server does not say."""
    values = [value for name, value in controls if name == PAGED]
    if not values:
        return None
    if len(values) > 1:
        raise BadMessage("a page says twice where the next one begins")
    (value,) = values
    at, stop = content(value, 0, len(value), SEQUENCE)
    _, at = number(value, at, stop)
    cookie, at = octets(value, at, stop)
    if at != len(value):
        raise BadMessage("something unknown follows the cookie of a page")
    return cookie


def request(message_id: int, operation: bytes, *controls: bytes) -> bytes:
    """A message to the server: an operation that is encoded already, with controls."""
    return element(SEQUENCE, whole(message_id), operation, *((element(_CONTROLS, *controls),) if controls else ()))


def paging(size: int, where: bytes) -> bytes:
    """The control that asks for a page of `size` entries from a cookie on; a server that has no pages must say so."""
    return control(PAGED, element(SEQUENCE, whole(size), element(OCTETS, where)))


def deleted_too() -> bytes:
    """The control that asks for deleted entries as well (MS-ADTS 3.1.1.3.4.1.14); who cannot show any must say so."""
    return control(SHOW_DELETED)


def control(name: str, value: bytes = b"") -> bytes:
    """A control that the server must know, or refuse what it comes with (RFC 4511 4.1.11)."""
    given = (element(OCTETS, value),) if value else ()
    return element(SEQUENCE, element(OCTETS, name.encode()), element(BOOLEAN, b"\xff"), *given)


def abandon(message_id: int) -> bytes:
    """The operation that asks the server to forget another (RFC 4511 4.11); nothing answers it."""
    return whole(message_id, _ABANDON)


def extended(name: bytes) -> bytes:
    """An extended operation without a value (RFC 4511 4.12)."""
    return element(_EXTENDED_REQUEST, element(_REQUEST_NAME, name))


def _controls(data: bytes, at: int, end: int) -> Controls:
    """The controls at `at`, behind what a message holds (RFC 4511 4.1.11); none where the message ends there."""
    if at == end:
        return ()
    at, stop = content(data, at, end, _CONTROLS)
    if stop != end:
        raise BadMessage("something unknown follows the controls of a message")
    found = []
    while at < end:
        at, stop = content(data, at, end, SEQUENCE)
        name, at = octets(data, at, stop)
        if not _OID.fullmatch(name):
            raise BadMessage("the name of a control is no object identifier")
        critical = _optional(data, at, stop, BOOLEAN)
        value, at = _optional(data, critical[1], stop, OCTETS)
        if at != stop or len(critical[0]) > 1:
            raise BadMessage("something unknown follows a control")
        found.append((name.decode(), value))
    return tuple(found)


def _optional(data: bytes, at: int, end: int, tag: int | None) -> tuple[bytes, int]:
    """The content of the element at `at` where it has this tag, else nothing; and where to go on."""
    if at < end and data[at] == tag:
        return octets(data, at, end, data[at])
    return b"", at


def _urls(data: bytes, at: int, end: int) -> tuple[str, ...]:
    """One URL or more (RFC 4511 4.1.10)."""
    urls = tuple(_text(url) for url in all_octets(data, at, end))
    if not urls:
        raise BadMessage("a reference leads nowhere")
    return urls


def _text(raw: bytes) -> str:
    """For people to read: bytes that are no UTF-8 are shown as escapes."""
    return raw.decode(errors="backslashreplace")
