"""The entries that answer a search, from the bytes of a message straight to text.

Nearly all entries look alike. What looks like them is read here in one go; whatever does not is left to
`messages.entry` and `shape`, which know every case and decide. So this changes how long a reading takes, and never what
it says.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

from iwds.sources import _messages as messages
from iwds.sources._ber import OCTETS, SEQUENCE, content
from iwds.sources._decode import Shaped, described, shape, texts
from iwds.sources._search import RawEntry

T = TypeVar("T")

_SHORT = 0x80
_MOST_KNOWN = 4096


class Decodes(Protocol[T]):
    """What makes entries of messages."""

    def take(self, data: bytes, at: int, ours: bytes, found: list[T]) -> int:
        """Add entries whose messages begin at `at` to `found`, while they are whole and usual; returns their end.

        Args:
            ours: the id of the request that they answer, encoded.
        """
        ...

    def one(self, data: bytes, at: int, end: int) -> T:
        """The entry at `at`, in the message that ends at `end`; `BadMessage` where it is none."""
        ...


class Raw:
    """Entries as they were sent."""

    def take(self, data: bytes, at: int, ours: bytes, found: list[RawEntry]) -> int:  # noqa: ARG002 - see Decodes
        """None: this is for whoever needs a few."""
        return at

    def one(self, data: bytes, at: int, end: int) -> RawEntry:
        """The entry at `at`, in the message that ends at `end`."""
        return messages.entry(data, at, end)


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the ways in which servers write lengths.

    Attributes:
        message: from the tag of a message to the length of the name of the entry in it.
        whole: the tag of a message and the first byte of its length.
        entry: the same of an entry.
        attributes: the same of its attributes.
        head: how many bytes a tag and a length are.
        body: the tag of the attributes with the first byte of their length, and the rest of it.
        name: where the length of an attribute's name stands, from the attribute's tag.
        value: where its value would begin if the name were empty.
    """

    message: struct.Struct
    body: struct.Struct
    whole: int
    entry: int
    attributes: int
    head: int
    name: int
    value: int


class Shaping:
    """Entries as text, as `shape` makes them.

    Args:
        wanted: attributes to keep, lower-case.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._empty: dict[str, tuple[str, ...]] = dict.fromkeys(wanted, ())
        # All that comes before a value, tags and lengths included, as it was checked once, and the attribute that it
        # means: one name and one length of a value come a thousand times.
        self._known: dict[bytes, str] = {}

    def take(self, data: bytes, at: int, ours: bytes, found: list[Shaped]) -> int:
        """Add entries whose messages begin at `at` to `found`, while they are whole and usual; returns their end."""
        forms, have = _forms(len(ours)), len(data)
        try:
            while True:
                form = forms[data[at + 1]]
                whole, size, asked, entry, rest, tag, named = form.message.unpack_from(data, at)
                end, name_at = at + form.head + size, at + 2 * form.head + len(ours) + 2
                usual = whole == form.whole and entry == form.entry and tag == OCTETS and named < _SHORT
                if not usual or asked != ours or name_at - 2 + rest != end or end > have:
                    return at
                found.append(self._entry(data, name_at, name_at + named, end, form))
                at = end
        except (LookupError, ValueError, struct.error):
            return at

    def one(self, data: bytes, at: int, end: int) -> Shaped:
        """The entry at `at`, in the message that ends at `end`; `BadMessage` where it is none."""
        return shape(*messages.entry(data, at, end), self._empty)

    def _entry(self, data: bytes, name_at: int, at: int, end: int, form: _Form) -> Shaped:
        """The entry whose name is between `name_at` and `at`, where its attributes begin, and which ends at `end`.

        Raises `LookupError` or `ValueError`, of which `BadMessage` is one, where anything is unusual.
        """
        dn = data[name_at:at].decode()
        attributes, size = form.body.unpack_from(data, at)
        if attributes == form.attributes and at + form.head + size == end:
            at += form.head
        else:  # fewer bytes than the entry has, so few that its length is shorter
            at, last = content(data, at, end, SEQUENCE)
            if last != end:
                raise ValueError
        attrs, known, name_length, value = self._empty.copy(), self._known.get, form.name, form.value
        count = 0
        while at < end:
            first = at + value + data[at + name_length]
            name = known(data[at:first])
            if name is None:
                at = self._other(data, at, end, attrs)
            else:
                at = first + data[first - 1]
                attrs[name] = (data[first:at].decode(),)
            count += 1
        if at != end or count + list(attrs.values()).count(()) != len(attrs):
            raise ValueError  # an attribute reaches beyond, came twice, or has no value
        return Shaped(dn, attrs)

    def _other(self, data: bytes, at: int, end: int, attrs: dict[str, tuple[str, ...]]) -> int:
        """Add any attribute, and what comes before its value to what is known if it is a short one; returns its end."""
        description, values, first, stop = messages.attribute(data, at, end)
        name, ranged, binary = described(description)
        if ranged or name not in attrs:
            raise LookupError(name)
        attrs[name] = texts(name, values)
        before = data[at : first + 2]
        short = len(values) == 1 and before[-1] == len(values[0]) < _SHORT
        if short and binary is None and len(self._known) < _MOST_KNOWN:
            self._known[before] = name
        return stop


@cache
def _forms(id_size: int) -> dict[int, _Form]:
    """The forms by the first byte of a length; `id_size` bytes say which request a message answers.

    Lengths of three bytes are what OpenLDAP needs for most entries; its attributes need one. Active Directory writes
    five for whatever holds something else.
    """
    return {0x82: _form(0x82, "H", id_size, 3, 8), 0x84: _form(0x84, "I", id_size, 7, 16)}


def _form(mark: int, kind: str, id_size: int, name: int, value: int) -> _Form:
    message, body = struct.Struct(f">H{kind}{id_size}sH{kind}BB"), struct.Struct(f">H{kind}")
    whole, entry, attributes = (tag << 8 | mark for tag in (SEQUENCE, messages.ENTRY, SEQUENCE))
    return _Form(message, body, whole, entry, attributes, body.size, name, value)
