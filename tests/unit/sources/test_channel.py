"""What a server says is taken to the byte, or not at all. Scripted bytes answer here."""

import socket
from typing import Any, cast

import pytest

from iwds.sources._ber import BadMessage, element
from iwds.sources._channel import MOST_BYTES, Answer, Channel, Disconnected
from iwds.sources._entries import Decodes, Raw, Shaping
from iwds.sources._messages import paged_cookie
from tests.unit.sources.ldapbytes import FORMS, Element, Wire, control, ended, entry, integer, notice, paged, reference

RAW = Raw()
PERSON = entry(b"uid=a", [(b"uid", [b"a"])])


def answer(
    brings: bytes, most: int = MOST_BYTES, forget: int | None = None, decodes: Decodes[Any] = RAW
) -> Answer[Any]:
    """The answer to request 1 in these bytes."""
    channel = Channel(cast("socket.socket", Wire(brings)), iter(range(1, 9)).__next__, most)
    channel.send(b"")
    if forget:
        channel.forget(forget)
    return channel.found(1, decodes)


@pytest.mark.parametrize("form", FORMS)
def test_entries_references_and_the_end_are_told_apart(form: Element) -> None:
    found = answer(
        entry(b"uid=a", [(b"uid", [b"a"]), (b"mail", []), (b"member;range=0-1", [b"x", b"y"])], form=form)
        + reference(b"ldap://a", b"ldap://b", form=form)
        + entry(b"uid=b", [], form=form)
        + ended(4, paged(b"next", form), text=b"too many", form=form)
    )

    assert found.entries == [
        (b"uid=a", {"uid": [b"a"], "mail": [], "member;range=0-1": [b"x", b"y"]}),
        (b"uid=b", {}),
    ]
    assert found.references == ["ldap://a", "ldap://b"]
    assert (found.result.code, found.result.text, paged_cookie(found.controls)) == (4, "too many", b"next")


def test_unknown_controls_and_referrals_are_kept() -> None:
    more = element(0xA3, element(4, b"ldap://elsewhere"))

    found = answer(ended(10, control(b"1.2.3", b"what"), paged(b""), more=more))

    assert found.result.referrals == ("ldap://elsewhere",)
    assert dict(found.controls)["1.2.3"] == b"what"
    assert paged_cookie(found.controls) == b""


def test_an_entry_may_come_with_controls_and_a_control_without_a_value() -> None:
    bare = element(0xA0, element(0x30, element(4, b"1.2.3")))
    person = element(0x30, integer(1), element(0x64, element(4, b"uid=a"), element(0x30)), bare)

    assert answer(person + ended()).entries == [(b"uid=a", {})]


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    found = answer(entry(b"cn=\xff", [(b"photo", [b"\xff\xd8"])]) + ended(1, text=b"caf\xe9"))

    assert found.entries == [(b"cn=\xff", {"photo": [b"\xff\xd8"]})]
    assert found.result.text == "caf\\xe9"


def test_an_attribute_in_two_parts_is_one() -> None:
    found = answer(
        entry(b"uid=a", [(b"cn", [b"a"]), (b"sn", [b"s"]), (b"cn", [b"b", b"c"]), (b"cn", [b"d"])]) + ended()
    )

    assert found.entries[0][1] == {"cn": [b"a", b"b", b"c", b"d"], "sn": [b"s"]}


def test_many_names_and_lengths_are_read_like_few() -> None:
    values = [(b"a%d" % number, [b"v" * (number % 200)]) for number in range(5000)]

    assert answer(entry(b"uid=a", values) + ended()).entries[0][1] == {k.decode(): list(v) for k, v in values}


def test_what_still_comes_for_a_search_that_was_given_up_is_passed_over() -> None:
    late = entry(b"uid=x", [], number=7) + ended(number=7)

    assert answer(late + PERSON + ended(), forget=7).entries == [(b"uid=a", {"uid": [b"a"]})]
    with pytest.raises(BadMessage, match="request 7, which was not made"):
        answer(late + PERSON + ended())


def test_giving_up_is_told_to_the_server() -> None:
    wire = Wire(b"")
    Channel(cast("socket.socket", wire), lambda: 3).forget(2)

    assert wire.sent == [bytes.fromhex("3006020103500102")]


def test_a_notice_of_disconnection_is_an_error_of_its_own() -> None:
    goodbye = notice(b"1.3.6.1.4.1.1466.20036", 52, b"shutting down")

    with pytest.raises(Disconnected, match="ended the connection with the code 52: shutting down"):
        answer(PERSON + goodbye)


def test_an_unknown_notice_is_passed_over() -> None:
    assert len(answer(PERSON + notice(b"1.2.3") + ended()).entries) == 1


def test_an_intermediate_response_is_passed_over() -> None:
    assert len(answer(element(0x30, integer(1), element(0x79, element(0x80, b"1.2"))) + PERSON + ended()).entries) == 1


def test_who_we_are_is_an_extended_response() -> None:
    said = ended(more=element(0x8A, b"1.2") + element(0x8B, b"dn:cn=me"), tag=0x78)
    channel = Channel(cast("socket.socket", Wire(said)), lambda: 1)

    assert channel.extended(b"1.3.6.1.4.1.4203.1.11.3").value == b"dn:cn=me"


@pytest.mark.parametrize(
    ("brings", "said"),
    [
        (b"", "hung up"),
        (PERSON, "hung up"),
        (b"HTTP/1.1 400 Bad Request", "begins with 0x48"),
        (b"\x30\x80" + PERSON[2:] + b"\0\0", "indefinite"),
        (b"\x30\xff" + bytes(200), "indefinite or oversized"),
        (b"\x30\x89" + bytes(200), "indefinite or oversized"),
        (b"\x30\x84\x7f\xff\xff\xff", "claims to have 2,147,483,647 bytes"),
        (b"\x30\x88" + b"\xff" * 8, "claims to have"),
        (element(0x30), "an element is cut"),
        (element(0x30, b"\x02"), "an element is cut"),
        (element(0x30, integer(1)), "an element is cut"),
        (element(0x30, b"\x02\x01\xff" + element(0x65)), "out of its range"),
        (element(0x30, b"\x02\x05\x01\x00\x00\x00\x00" + element(0x65)), "out of its range"),
        (element(0x30, integer(1), element(0x64, b"\x04\x80")), "indefinite"),
        (element(0x30, integer(1), element(0x64, b"\x04\x82\x00")), "indefinite, oversized or cut"),
        (element(0x30, integer(1), element(0x64, b"\x04\x05ab")), "reaches beyond"),
        (element(0x30, integer(1), element(0x64, element(4), element(0x31))), "tag 0x31 instead of 0x30"),
        (element(0x30, integer(1), element(0x64, element(4), element(0x30), b"\x04\x00")), "follows the attributes"),
        (element(0x30, integer(1), element(0x64, element(4), element(0x30, b"\x30"))), "an element is cut"),
        (
            element(0x30, integer(1), element(0x64, element(4), element(0x30, element(0x30, element(4, b"a"))))),
            "an element is cut",
        ),
        (entry(b"", [(b"c\xc3\xa9", [b""])]), "not ASCII"),
        (
            element(
                0x30,
                integer(1),
                element(0x64, element(4), element(0x30, element(0x30, element(4), element(0x31), element(4)))),
            ),
            "follows the values",
        ),
        (reference(), "leads nowhere"),
        (ended(more=element(0xA3)), "leads nowhere"),
        (ended(more=element(0x8A, b"1.2")), "unknown follows a result"),
        (ended(0, control(b"1.2", b"") + element(4)), "tag 0x04 instead of 0x30"),
        (ended(0, element(0x30, element(4, b"1"), element(4), element(4))), "unknown follows a control"),
        (ended(0, element(0x30, element(4, b"1.2"), element(1, b"\xff\xff"))), "unknown follows a control"),
        (ended(0, element(0x30, element(4, b"1.2\x01"))), "no object identifier"),
        (element(0x30, integer(1), ended()[5:], b"\xa1\x00"), "tag 0xa1 instead of 0xa0"),
        (element(0x30, integer(1), ended()[5:], b"\xa0\x00\xa0\x00"), "follows the controls"),
        (element(0x30, integer(1), element(0x79, element(0x82))), "follows an intermediate response"),
        (ended(tag=0x61), "answered with 0x61"),
        (element(0x30, integer(0), ended()[5:]), "tag 0x65 instead of 0x78"),
    ],
)
def test_what_is_garbled_is_an_error(brings: bytes, said: str) -> None:
    with pytest.raises((BadMessage, ConnectionError), match=said):
        answer(brings)


def test_a_value_that_leads_beyond_its_entry_is_an_error_even_where_its_beginning_is_known() -> None:
    known = entry(b"", [(b"uid", [b"abc"])])
    inner = element(0x30, known[known.index(b"\x30\x0c") :][:-1])
    cut = element(0x30, integer(1), element(0x64, element(4), inner))

    with pytest.raises(BadMessage, match="reaches beyond the one around it"):
        answer(known + cut + ended(), decodes=Shaping(["uid"]))


def test_controls_that_lie_behind_the_end_are_not_overlooked() -> None:
    bare = ended(0)

    with pytest.raises(BadMessage, match="begins with 0xa0"):
        answer(bare + ended(0, paged(b"more"))[len(bare) :])


def test_more_than_the_most_is_not_waited_for() -> None:
    assert len(answer(PERSON + ended(), most=len(PERSON)).entries) == 1
    with pytest.raises(BadMessage, match="more than the 20 that are taken"):
        answer(PERSON + ended(), most=20)


@pytest.mark.parametrize(
    "value", [b"", element(0x30), element(0x30, integer(0)), element(0x30, integer(0), element(4), element(4))]
)
def test_a_garbled_cookie_is_an_error(value: bytes) -> None:
    with pytest.raises(BadMessage):
        paged_cookie((("1.2.840.113556.1.4.319", value),))


def test_two_cookies_are_an_error_and_none_is_none() -> None:
    found = answer(ended(0, paged(b"a"), paged(b"b")))

    with pytest.raises(BadMessage, match="twice"):
        paged_cookie(found.controls)
    assert paged_cookie(answer(ended()).controls) is None
