"""What a server sends is read as it is, however it comes; and no cut and no garbled byte ever makes it less."""

import re
import socket
from collections.abc import Sequence
from typing import TypeVar, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.utils.asn1 import decode_message_fast

from iwds.sources._ber import BadMessage, element
from iwds.sources._channel import Answer, Channel
from iwds.sources._decode import shape
from iwds.sources._entries import Decodes, Raw, Shaping
from iwds.sources._messages import paged_cookie
from iwds.sources._search import RawEntry
from tests.unit.sources.ldapbytes import FORMS, Element, Values, Wire, ended, entry, paged, reference

T = TypeVar("T")
names = st.sampled_from([b"cn", b"uid", b"mail", b"member", b"member;range=0-1499", b"x" * 130])
values = st.one_of(st.binary(max_size=12), st.binary(min_size=120, max_size=140))
attributes = st.lists(
    st.tuples(names, st.lists(values, max_size=3)), max_size=5, unique_by=lambda attribute: attribute[0]
)
people = st.lists(st.tuples(st.binary(max_size=140), attributes), max_size=5)
urls = st.lists(st.sampled_from([b"ldap://a", b"ldap://b/dc=x"]), min_size=1, max_size=2)
forms = st.sampled_from(FORMS)

ESCAPED = re.compile(r"\\x[0-9a-f]{2}")
"""How a byte that is no UTF-8 is shown."""
WANTED = ("cn", "uid", "mail", "member", "objectguid", "sn", "absent")
texts = st.one_of(st.text(max_size=12), st.text("aé", min_size=110, max_size=130)).map(str.encode)
usual = st.lists(
    st.tuples(
        st.sampled_from([b"cn", b"UID", b"mail", b"sn", b"objectGUID", b"cn;lang-fr", b"member;range=0-1"]),
        st.one_of(texts.map(lambda text: [text]), st.lists(st.one_of(texts, st.binary(min_size=16, max_size=16)))),
    ),
    max_size=6,
)
persons = st.lists(st.tuples(texts, usual), min_size=1, max_size=5)
"""People as directories have them: names and values are text, nearly all attributes have one, some come twice."""


def answer(brings: bytes, piece: int = 65536) -> Answer[RawEntry]:
    """The answer to request 1 that comes in pieces of this size."""
    return decoded(brings, Raw(), piece)


def decoded(brings: bytes, decodes: Decodes[T], piece: int = 65536) -> Answer[T]:
    """The same in another form."""
    channel = Channel(cast("socket.socket", Wire(brings, piece)), lambda: 1)
    return channel.found(channel.send(b""), decodes)


def said(brings: bytes, shaping: Shaping | None = None, piece: int = 65536) -> object:
    """All that such an answer says as text, the quick way where there is one; None where it is an error."""
    try:
        if shaping is not None:
            return decoded(brings, shaping, piece)
        slow = answer(brings, piece)
    except (BadMessage, ConnectionError):
        return None
    return Answer([shape(*each, WANTED) for each in slow.entries], slow.references, slow.result, slow.controls)


def written(found: Sequence[tuple[bytes, Values]], references: Sequence[Sequence[bytes]], form: Element) -> bytes:
    """Entries, references and the end of a page as a server writes them."""
    return b"".join(
        [
            *(entry(dn, values, form=form) for dn, values in found),
            *(reference(*some, form=form) for some in references),
            ended(0, paged(b"cookie", form), form=form),
        ]
    )


def size(found: Answer[RawEntry]) -> tuple[int, ...]:
    """How much there is in an answer: entries, controls, and the bytes of references, values and controls.

    A value or a reference counts with its tag and length, because a garbled length may join two of them, which makes
    none of it less.
    """
    every = [value for _, attributes in found.entries for some in attributes.values() for value in some]
    controls = sum(len(name) + len(value) for name, value in found.controls)
    room = sum(len(element(4, value)) for value in every)
    urls = sum(len(element(4, ESCAPED.sub("?", url).encode())) for url in found.references)
    return len(found.entries), urls, len(found.controls), room, controls


@given(people, st.lists(urls, max_size=2), forms, st.integers(1, 300))
def test_what_is_written_is_read_in_whatever_pieces_it_comes(
    found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]], references: list[list[bytes]], form: Element, piece: int
) -> None:
    read = answer(written(found, references, form), piece)

    assert read.entries == [(dn, {name.decode(): some for name, some in values}) for dn, values in found]
    assert read.references == [url.decode() for some in references for url in some]
    assert paged_cookie(read.controls) == b"cookie"


@given(people, forms)
def test_ldap3_reads_the_same(found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]], form: Element) -> None:
    for (dn, values), (read, attributes) in zip(found, answer(written(found, [], form)).entries, strict=True):
        name, every = decode_message_fast(entry(dn, values, form=form))["payload"]
        assert (name[3], [(a[3][0][3].decode(), [v[3] for v in a[3][1][3]]) for a in every[3]]) == (
            read,
            list(attributes.items()),
        )


@settings(max_examples=max(1, settings().max_examples // 4))
@given(people, st.lists(urls, max_size=1), forms)
def test_an_answer_that_is_cut_anywhere_is_an_error(
    found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]], references: list[list[bytes]], form: Element
) -> None:
    brings = written(found, references, form)
    for cut in range(len(brings)):
        try:
            answer(brings[:cut])
        except (BadMessage, ConnectionError):
            continue
        raise AssertionError(f"cut at {cut} of {len(brings)}, it was believed")


@given(people, st.lists(urls, max_size=1), forms, st.data())
def test_a_byte_that_is_garbled_is_an_error_or_changes_no_amount(
    found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]],
    references: list[list[bytes]],
    form: Element,
    data: st.DataObject,
) -> None:
    brings = written(found, references, form)
    whole = size(answer(brings))
    other = data.draw(st.integers(1, 255))
    for at in range(len(brings)):
        garbled = brings[:at] + bytes([brings[at] ^ other]) + brings[at + 1 :]
        try:
            assert size(answer(garbled)) == whole, (at, other)
        except (BadMessage, ConnectionError):
            continue


@given(persons, st.lists(urls, max_size=1), forms, st.integers(1, 300))
def test_the_quick_way_says_what_the_slow_one_says(
    found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]], references: list[list[bytes]], form: Element, piece: int
) -> None:
    brings, shaping = written(found, references, form), Shaping(WANTED)

    assert said(brings, shaping) == said(brings) is not None
    assert said(brings, shaping, piece) == said(brings)


@settings(max_examples=max(1, settings().max_examples // 4))
@given(persons, forms, st.data())
def test_the_quick_way_says_what_the_slow_one_says_of_garbled_bytes(
    found: list[tuple[bytes, list[tuple[bytes, list[bytes]]]]], form: Element, data: st.DataObject
) -> None:
    brings, shaping = written(found, [], form), Shaping(WANTED)
    assert said(brings, shaping) == said(brings)  # and it has learned from it
    other = data.draw(st.integers(1, 255))
    for at in range(len(brings)):
        garbled = brings[:at] + bytes([brings[at] ^ other]) + brings[at + 1 :]
        assert said(garbled, shaping) == said(garbled), (at, other)


@given(st.binary(max_size=60), st.integers(1, 20))
def test_whatever_comes_nothing_but_these_errors_is_raised(noise: bytes, piece: int) -> None:
    for brings in (
        noise,
        b"\x30" + bytes([len(noise)]) + noise,
        b"\x30" + bytes([len(noise) + 4, 2, 1, 1, 100]) + noise,
    ):
        try:
            answer(brings, piece)
        except (BadMessage, ConnectionError):
            continue
