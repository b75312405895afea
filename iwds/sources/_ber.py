"""The BER of LDAP (RFC 4511 5.1, X.690): tags and lengths, read strictly, because what is read here decides who leaves.

Every element has to end where the one around it says, to the byte: what is cut, padded or garbled is an error and never
a shorter answer. Lengths are definite. They may be longer than they need be, as Active Directory writes them.
"""

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_LONG = 0x80
_MOST_LENGTH_OCTETS = 8


class BadMessage(ValueError):
    """What came is no LDAP, or not whole."""


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The tag of the element at `at`, and where its content begins and ends, which is at `end` at the latest."""
    if at + 2 > end:
        raise BadMessage("an element is cut")
    size, start = data[at + 1], at + 2
    if size >= _LONG:
        count = size - _LONG
        if not 1 <= count <= _MOST_LENGTH_OCTETS or start + count > end:
            raise BadMessage("a length is indefinite, oversized or cut")
        start += count
        size = int.from_bytes(data[at + 2 : start], "big")
    if start + size > end:
        raise BadMessage("an element reaches beyond the one around it")
    return data[at], start, start + size


def content(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends, which must have this tag."""
    found, start, stop = header(data, at, end)
    if found != tag:
        raise BadMessage(f"an element has the tag {found:#04x} instead of {tag:#04x}")
    return start, stop


def number(data: bytes, at: int, end: int, tag: int = INTEGER) -> tuple[int, int]:
    """A number from 0 to 2147483647 (RFC 4511 4.1.1), and where it ends."""
    start, stop = content(data, at, end, tag)
    if not 1 <= stop - start <= 4 or data[start] >= _LONG:
        raise BadMessage("a number is out of its range")
    return int.from_bytes(data[start:stop], "big"), stop


def octets(data: bytes, at: int, end: int, tag: int = OCTETS) -> tuple[bytes, int]:
    """The bytes of an octet string, and where it ends."""
    start, stop = content(data, at, end, tag)
    return data[start:stop], stop


def all_octets(data: bytes, at: int, end: int) -> list[bytes]:
    """The octet strings between `at` and `end`, which hold nothing else."""
    found = []
    while at < end:
        size = data[at + 1] if at + 1 < end else _LONG
        stop = at + 2 + size
        if size < _LONG and data[at] == OCTETS and stop <= end:
            found.append(data[at + 2 : stop])
            at = stop
        else:
            value, at = octets(data, at, end)
            found.append(value)
    return found


def frame(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Where the content of the message at `at` begins and ends; zeros where too little is there to tell.

    Raises `BadMessage` where it is no sequence, or has more than `most` bytes: nobody waits for the end of such a one.
    """
    have = len(data) - at
    if have and data[at] != SEQUENCE:
        raise BadMessage(f"a message begins with {data[at]:#04x}")
    if have < 2:
        return 0, 0
    size, start = data[at + 1], at + 2
    if size >= _LONG:
        count = size - _LONG
        if not 1 <= count <= _MOST_LENGTH_OCTETS:
            raise BadMessage("the length of a message is indefinite or oversized")
        start += count
        if have < 2 + count:
            return 0, 0
        size = int.from_bytes(data[at + 2 : start], "big")
    if size > most:
        raise BadMessage(f"a message claims to have {size:,} bytes, more than the {most:,} that are taken")
    return start, start + size


def element(tag: int, *parts: bytes) -> bytes:
    """An element with these parts as its content."""
    body = b"".join(parts)
    if len(body) < _LONG:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + body


def whole(value: int, tag: int = INTEGER) -> bytes:
    """A number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))
