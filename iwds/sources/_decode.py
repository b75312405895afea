"""From what a directory sent to what the mapping reads: bytes become text here and nowhere else.

Values are shaped by us and not by the server's schema: every attribute is a tuple of text. What is not text stays
unknown (the attribute is missing), because an attribute that could not be read is not an empty one.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

_RANGE = "range="


class Shaped(NamedTuple):
    """One directory object as text.

    Attributes:
        dn: its name as the directory wrote it; bytes that are no UTF-8 are shown as escapes.
        attrs: for each attribute asked for the values, `()` where there are none; unreadable ones are missing.
        undecodable: attributes (`dn` among them) with a value that is no UTF-8.
        incomplete: attributes of which the server sent only a range of the values.
    """

    dn: str
    attrs: dict[str, tuple[str, ...]]
    undecodable: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()


def shape(raw_dn: bytes, raw: Mapping[str, Sequence[bytes]], wanted: Collection[str]) -> Shaped:
    """Decode one search entry. The only place that does so: a faster decoder replaces this function.

    Args:
        raw_dn: the name as sent.
        raw: values by attribute description as sent, options included (RFC 4512 2.5).
        wanted: attributes to keep, lower-case; others are dropped.
    """
    attrs: dict[str, tuple[str, ...]] = dict.fromkeys(wanted, ())
    undecodable, incomplete = [], []
    for description, values in raw.items():
        attribute, ranged, binary = described(description)
        if attribute not in attrs:
            continue
        if ranged:
            incomplete.append(attribute)
            continue
        try:
            # A loop over one value costs as much as ten values, and nearly every attribute has one.
            one = binary is None and len(values) == 1
            found = (values[0].decode(),) if one else texts(attribute, values)
            attrs[attribute] = attrs[attribute] + found if attrs[attribute] else found  # `member` and `Member`
        except ValueError:
            undecodable.append(attribute)
    for attribute in {*undecodable, *incomplete} if undecodable or incomplete else ():
        del attrs[attribute]
    try:
        dn = raw_dn.decode()
    except UnicodeDecodeError:
        dn = raw_dn.decode(errors="backslashreplace")
        undecodable.append("dn")
    return Shaped(dn, attrs, tuple(undecodable), tuple(incomplete))


@lru_cache(maxsize=1024)
def described(description: str) -> tuple[str, bool, Callable[[bytes], str] | None]:
    """The attribute that a description as sent means, whether only a part of its values came, and what decodes them.

    AD says `member;range=0-1499` for a part (MS-ADTS 3.1.1.3.1.3.3). Other options make another attribute.
    """
    name = description.lower()
    attribute, *options = name.split(";")
    ranged = any(option.startswith(_RANGE) for option in options)
    return attribute if ranged else name, ranged, _BINARY.get(name)


def texts(attribute: str, values: Iterable[bytes]) -> tuple[str, ...]:
    """The values of an attribute (lower-case name) as text; `ValueError` where one is not text."""
    binary = _BINARY.get(attribute)
    if binary is None:
        return tuple([value.decode() for value in values])
    return tuple([binary(value) for value in values])


def identity(attribute: str, values: tuple[str, ...] | None) -> str:
    """The id that an entry is known by, in one spelling; empty where it has none or several."""
    if values is None or len(values) != 1:
        return ""
    return values[0].strip().lower() if attribute in _UUIDS else values[0].strip()


def guid_text(raw: bytes) -> str:
    """An objectGUID as text. Its first three fields are little-endian (MS-DTYP 2.3.4.2)."""
    return str(uuid.UUID(bytes_le=bytes(raw)))


def guid_bytes(text: str) -> bytes:
    """The bytes of an objectGUID; `ValueError` where the text is none."""
    return uuid.UUID(text).bytes_le


def sid_text(raw: bytes) -> str:
    """An objectSid as text, `S-1-5-21-...` (MS-DTYP 2.4.2.1); `ValueError` where the bytes are none."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise ValueError("these bytes are no security identifier")
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    return "-".join(str(part) for part in ("S", raw[0], int.from_bytes(raw[2:8], "big"), *parts))


_BINARY = {"invocationid": guid_text, "objectguid": guid_text, "objectsid": sid_text}
_UUIDS = frozenset({"entryuuid", "objectguid", "nsuniqueid", "ipauniqueid"})
