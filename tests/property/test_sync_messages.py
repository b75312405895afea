"""What a server tells of changes is read as it is; and no cut and no garbled byte ever makes it less."""

import socket
import uuid
from collections.abc import Sequence
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.sources._ber import BadMessage, element
from iwds.sources._channel import Channel
from iwds.sources._sync import Changed, Ended, Named, Told
from tests.unit.sources.ldapbytes import Wire, control, ended, entry, integer

STATE, DONE, INFO = b"1.3.6.1.4.1.4203.1.9.1.2", b"1.3.6.1.4.1.4203.1.9.1.3", b"1.3.6.1.4.1.4203.1.9.1.4"
cookies = st.binary(max_size=140)
ids = st.lists(st.uuids(), max_size=12)
people = st.tuples(st.binary(max_size=140), st.uuids())
said = st.lists(st.one_of(people, st.tuples(st.booleans(), ids)), max_size=6)


def flag(true: bool) -> bytes:
    """Left out where it is false, as DER has it."""
    return element(1, b"\xff") if true else b""


def written(what: Sequence[tuple[object, object]], cookie: bytes, named: bool) -> bytes:
    """All of it as a server writes it."""
    return b"".join([*(_one(*each) for each in what), ended(0, control(DONE, _done(cookie, named)))])


def _done(cookie: bytes, named: bool) -> bytes:
    return element(0x30, element(4, cookie) if cookie else b"", flag(named))


def _one(first: object, second: object) -> bytes:
    if isinstance(first, bytes):
        key = cast("uuid.UUID", second)
        bare = entry(first, [(b"uid", [b"a"])])
        inner = bare[2 if bare[1] < 0x80 else 2 + bare[1] - 0x80 :]
        state = element(0x30, integer(1, 10), element(4, key.bytes))
        return element(0x30, inner, element(0xA0, control(STATE, state)))
    keys = element(0x31, *(element(4, key.bytes) for key in cast("list[uuid.UUID]", second)))
    value = element(0xA3, flag(bool(first)), keys)
    return element(0x30, integer(1), element(0x79, element(0x80, INFO), element(0x81, value)))


def read(brings: bytes, piece: int = 65536) -> list[Told]:
    """What these bytes say that come in pieces of this size."""
    channel = Channel(cast("socket.socket", Wire(brings, piece)), lambda: 1)
    return list(channel.synced(channel.send(b"")))


def amount(found: Sequence[Told]) -> tuple[int, int]:
    """How many entries and ids there are."""
    return (
        sum(isinstance(each, Changed) for each in found),
        sum(len(each.ids) for each in found if isinstance(each, Named)),
    )


@given(said, cookies, st.booleans(), st.integers(1, 300))
def test_what_is_written_is_read_in_whatever_pieces_it_comes(
    what: list[tuple[object, object]], cookie: bytes, named: bool, piece: int
) -> None:
    *found, end = read(written(what, cookie, named), piece)

    assert isinstance(end, Ended)
    assert (end.cookie, end.left_named) == (cookie, named)
    assert found == [
        Changed((first, {"uid": [b"a"]}))
        if isinstance(first, bytes)
        else Named(tuple(map(str, cast("list[uuid.UUID]", second))), bool(first))
        for first, second in what
    ]


@settings(max_examples=max(1, settings().max_examples // 4))
@given(said, cookies)
def test_an_answer_that_is_cut_anywhere_is_an_error(what: list[tuple[object, object]], cookie: bytes) -> None:
    brings = written(what, cookie, named=True)
    for cut in range(len(brings)):
        try:
            read(brings[:cut])
        except (BadMessage, ConnectionError):
            continue
        raise AssertionError(f"cut at {cut} of {len(brings)}, it was believed")


@settings(max_examples=max(1, settings().max_examples // 4))
@given(said, st.data())
def test_a_byte_that_is_garbled_is_an_error_or_changes_no_amount(
    what: list[tuple[object, object]], data: st.DataObject
) -> None:
    brings = written(what, b"cookie", named=True)
    whole = amount(read(brings))
    other = data.draw(st.integers(1, 255))
    for at in range(len(brings)):
        garbled = brings[:at] + bytes([brings[at] ^ other]) + brings[at + 1 :]
        try:
            found = amount(read(garbled))
        except (BadMessage, ConnectionError):
            continue
        # A set whose tag became that of a cookie is one, as far as anybody can tell.
        assert sum(found) == sum(whole) or (brings[at], garbled[at]) == (0xA3, 0x80), (at, other)
