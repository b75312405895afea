"""The words of RFC 4533 are read to the byte, or not at all."""

import uuid

import pytest

from iwds.sources import _messages as messages
from iwds.sources._ber import BadMessage, element
from iwds.sources._sync import SYNC, Changed, Ended, Named, Told, asking, told
from tests.unit.sources.ldapbytes import control, ended, entry, integer, reference

STATE, DONE, INFO = b"1.3.6.1.4.1.4203.1.9.1.2", b"1.3.6.1.4.1.4203.1.9.1.3", b"1.3.6.1.4.1.4203.1.9.1.4"
ADA = uuid.UUID("aaaaaaaa-0000-4000-8000-000000000001")
EVE = uuid.UUID("aaaaaaaa-0000-4000-8000-000000000005")
TRUE, FALSE = element(1, b"\xff"), element(1, b"\x00")
COOKIE = element(4, b"csn=1")


def said(message: bytes) -> Told | None:
    """What a message says."""
    at, end = (2, len(message)) if message[1] < 0x80 else (4, len(message))
    whole = messages.envelope(message, at, end)
    return told(whole.kind, message, whole.at, whole.end)


def person(*state: bytes) -> bytes:
    """An entry with what is said of it."""
    values = element(0x30, *state)
    bare = entry(b"uid=a", [(b"uid", [b"a"])])
    inner = bare[2:] + element(0xA0, control(STATE, values))
    return element(0x30, inner)


def between(tag: int, *parts: bytes, name: bytes = INFO) -> bytes:
    """What a server says between entries."""
    return element(0x30, integer(1), element(0x79, element(0x80, name), element(0x81, element(tag, *parts))))


def ids(*found: uuid.UUID) -> bytes:
    """A set of them."""
    return element(0x31, *(element(4, each.bytes) for each in found))


def test_what_is_asked_is_as_the_rfc_writes_it() -> None:
    assert asking(b"c") == control(SYNC.encode(), element(0x30, integer(1, 10), element(4, b"c"))).replace(
        element(1, b"\x00"), TRUE
    )


@pytest.mark.parametrize("state", [1, 2])
@pytest.mark.parametrize("cookie", [b"", COOKIE])
def test_an_entry_that_is_new_or_changed_is_told(state: int, cookie: bytes) -> None:
    found = said(person(integer(state, 10), element(4, ADA.bytes), cookie))

    assert found == Changed((b"uid=a", {"uid": [b"a"]}))


@pytest.mark.parametrize(("state", "left"), [(0, False), (3, True)])
def test_an_entry_that_stays_or_left_is_told_by_its_id(state: int, left: bool) -> None:
    assert said(person(integer(state, 10), element(4, ADA.bytes))) == Named((str(ADA),), left)


@pytest.mark.parametrize(("flag", "left"), [(b"", False), (FALSE, False), (TRUE, True)])
@pytest.mark.parametrize("cookie", [b"", COOKIE])
def test_a_set_of_ids_is_told(flag: bytes, left: bool, cookie: bytes) -> None:
    assert said(between(0xA3, cookie, flag, ids(ADA, EVE))) == Named((str(ADA), str(EVE)), left)
    assert said(between(0xA3, cookie, flag, ids())) == Named((), left)


@pytest.mark.parametrize(
    "message",
    [
        between(0x80, b"csn=1"),
        between(0xA1, COOKIE, TRUE),
        between(0xA2, FALSE),
        reference(b"ldap://a"),
    ],
)
def test_all_else_says_nothing_to_us(message: bytes) -> None:
    assert said(message) is None


@pytest.mark.parametrize(("flag", "named"), [(b"", False), (FALSE, False), (TRUE, True)])
@pytest.mark.parametrize(("written", "cookie"), [(b"", b""), (COOKIE, b"csn=1")])
def test_the_end_says_whether_all_who_left_were_named(flag: bytes, named: bool, written: bytes, cookie: bytes) -> None:
    found = said(ended(0, control(DONE, element(0x30, written, flag))))

    assert isinstance(found, Ended)
    assert (found.result.code, found.cookie, found.left_named) == (0, cookie, named)


def test_a_failure_needs_no_word_on_deletions() -> None:
    found = said(ended(4096, text=b"stale"))

    assert isinstance(found, Ended)
    assert (found.result.code, found.result.text, found.left_named) == (4096, "stale", False)


@pytest.mark.parametrize(
    "message",
    [
        entry(b"uid=a", []),
        person(integer(4, 10), element(4, ADA.bytes)),
        person(integer(1, 10), element(4, b"short")),
        person(integer(1, 10), element(4, ADA.bytes), COOKIE, COOKIE),
        person(integer(1, 10)),
        person(element(4, ADA.bytes)),
        between(0xA4),
        between(0x80, name=b"1.2.3"),
        between(0xA3, ids(ADA), COOKIE),
        between(0xA3, COOKIE),
        between(0xA3, element(1, b""), ids(ADA)),
        between(0xA3, element(0x31, element(4, b"short"))),
        between(0xA1, TRUE, TRUE),
        ended(0),
        ended(0, control(DONE, element(0x30)), control(DONE, element(0x30))),
        ended(0, control(DONE, element(0x30) + b"\x00")),
        ended(0, control(DONE, element(0x30, TRUE, COOKIE))),
        ended(0, control(DONE, element(0x31))),
        element(0x30, integer(1), element(0x79, element(0x80, INFO), element(0x81, element(0xA1) + b"\x00"))),
        element(0x30, integer(1), element(0x79, element(0x80, INFO))),
        element(0x30, integer(1), element(0x61)),
    ],
)
def test_what_is_not_as_the_rfc_writes_it_is_an_error(message: bytes) -> None:
    with pytest.raises(BadMessage):
        said(message)
