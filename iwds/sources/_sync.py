"""The words of the LDAP content synchronisation operation (RFC 4533): what is asked, and what answers it.

A server answers with entries, each with a control that says why it came, with messages in between that name entries by
their id alone, and with a result that says whether all deletions were named.
"""

import uuid
from dataclasses import dataclass

from iwds.sources import _messages as messages
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
from iwds.sources._messages import Result
from iwds.sources._search import Controls, RawEntry

SYNC = "1.3.6.1.4.1.4203.1.9.1.1"
"""The control by which changes are asked for; a root entry that names it offers them."""
REFRESH_REQUIRED = 4096
"""The result of a server that cannot go on from a cookie (RFC 4533 2.6)."""
_STATE, _DONE, _INFO = "1.3.6.1.4.1.4203.1.9.1.2", "1.3.6.1.4.1.4203.1.9.1.3", b"1.3.6.1.4.1.4203.1.9.1.4"
_REFRESH_ONLY = 1
_NEW_COOKIE, _REFRESH_DELETE, _REFRESH_PRESENT, _ID_SET = 0x80, 0xA1, 0xA2, 0xA3
_PRESENT, _DELETE, _LAST_STATE = 0, 3, 3
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry that is new or changed, as it is now."""

    entry: RawEntry


@dataclass(frozen=True, slots=True)
class Named:
    """Entries that are told by their `entryUUID` alone.

    Attributes:
        ids: in the spelling of anchors.
        left: whether they do not belong to what was asked for any more: deleted, moved, or not shown to this account.
            Else they do and are as they were.
    """

    ids: tuple[str, ...]
    left: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How the answer ended.

    Attributes:
        cookie: from where on to ask the next time; empty where nothing changed.
        left_named: whether all who left were named; else whoever was named in no way has left.
    """

    result: Result
    cookie: bytes
    left_named: bool


Told = Changed | Named | Ended


def asking(cookie: bytes) -> bytes:
    """The control that asks for what changed since a cookie; a server that cannot tell must say so."""
    value = element(SEQUENCE, whole(_REFRESH_ONLY, ENUMERATED), element(OCTETS, cookie))
    return messages.control(SYNC, value)


def told(kind: int, data: bytes, at: int, end: int) -> Told | None:
    """What the message of this kind at `at` says, which ends at `end`; None for what says nothing to us.

    Raises `BadMessage` for what is no answer to this operation.
    """
    if kind == messages.ENTRY:
        return _entry(*messages.controlled(data, at, end))
    if kind == messages.INTERMEDIATE:
        return _info(*messages.intermediate(data, at, end))
    if kind == messages.DONE:
        return _ended(*messages.result(data, at, end))
    if kind == messages.REFERENCE:
        messages.reference(data, at, end)
        return None
    raise BadMessage(f"a search was answered with {kind:#04x}")


def _entry(entry: RawEntry, controls: Controls) -> Changed | Named:
    value = _control(controls, _STATE)
    if value is None:
        raise BadMessage("an entry came without a word on what happened to it")
    at, stop = _only(value, SEQUENCE)
    state, at = number(value, at, stop, ENUMERATED)
    raw, at = octets(value, at, stop)
    _, at = _cookie(value, at, stop)
    if at != stop or state > _LAST_STATE:
        raise BadMessage("what is said of an entry is unknown")
    key = _id(raw)
    return Named((key,), state == _DELETE) if state in {_PRESENT, _DELETE} else Changed(entry)


def _info(name: bytes, value: bytes) -> Named | None:
    if name != _INFO:
        raise BadMessage("something that nobody asked for came between entries")
    tag, at, stop = header(value, 0, len(value))
    if stop != len(value):
        raise BadMessage("something unknown follows what is said between entries")
    if tag == _NEW_COOKIE:
        return None
    if tag not in {_REFRESH_DELETE, _REFRESH_PRESENT, _ID_SET}:
        raise BadMessage(f"what is said between entries has the unknown tag {tag:#04x}")
    _, at = _cookie(value, at, stop)
    # Whether a refresh is done by default is no question here: the result says it.
    said, at = _flag(value, at, stop)
    ids: tuple[str, ...] = ()
    if tag == _ID_SET:
        start, at = content(value, at, stop, SET)
        ids = tuple(map(_id, all_octets(value, start, at)))
    if at != stop:
        raise BadMessage("something unknown follows what is said between entries")
    return Named(ids, said) if tag == _ID_SET else None


def _ended(result: Result, controls: Controls) -> Ended:
    """The end; a result that is no success may come without a word on the rest."""
    value = _control(controls, _DONE)
    if value is None:
        if result.code:
            return Ended(result, b"", left_named=False)
        raise BadMessage("the changes ended without a word on the deletions")
    at, stop = _only(value, SEQUENCE)
    cookie, at = _cookie(value, at, stop)
    left_named, at = _flag(value, at, stop)
    if at != stop:
        raise BadMessage("something unknown follows the end of the changes")
    return Ended(result, cookie, left_named)


def _control(controls: Controls, wanted: str) -> bytes | None:
    values = [value for name, value in controls if name == wanted]
    if len(values) > 1:
        raise BadMessage("a control came twice")
    return values[0] if values else None


def _only(value: bytes, tag: int) -> tuple[int, int]:
    """Where the content of the one element that a value is begins and ends."""
    at, stop = content(value, 0, len(value), tag)
    if stop != len(value):
        raise BadMessage("something unknown follows the value of a control")
    return at, stop


def _cookie(value: bytes, at: int, end: int) -> tuple[bytes, int]:
    return octets(value, at, end) if at < end and value[at] == OCTETS else (b"", at)


def _flag(value: bytes, at: int, end: int) -> tuple[bool, int]:
    """A truth that is left out where it is none."""
    if at == end or value[at] != BOOLEAN:
        return False, at
    raw, at = octets(value, at, end, BOOLEAN)
    if len(raw) != 1:
        raise BadMessage("a truth has not one byte")
    return raw != b"\x00", at


def _id(raw: bytes) -> str:
    if len(raw) != _UUID_BYTES:
        raise BadMessage("an entryUUID has not 16 bytes")
    return str(uuid.UUID(bytes=raw))
