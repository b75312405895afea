"""Requests carry what they were given; answers are read by name, and what is no answer says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from iwds.soap.description import NAMESPACE, OPERATIONS
from iwds.soap.envelope import (
    Answer,
    SoapFault,
    UnsendableText,
    build_partial_request,
    build_request,
    parse_answer,
    parse_text,
)
from iwds.soap.safexml import SOAP, Flaw, UnreadableMessage, parse_long

SEARCH = OPERATIONS["loginSearch"]
QUERY = OPERATIONS["loginsQuery"]
DELETE = OPERATIONS["loginDelete"]
GROUPS = OPERATIONS["serviceGroupsQuery"]
SENDABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


def envelope(body: str) -> bytes:
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{declaration}<e:Envelope xmlns:e="{SOAP}"><e:Body>{body}</e:Body></e:Envelope>'.encode()


def groups(inner: str) -> Answer:
    response = (
        f'<serviceGroupsQueryResponse xmlns="{NAMESPACE}"><serviceGroupsQueryReturn>{inner}</serviceGroupsQueryReturn>'
    )
    return parse_answer(GROUPS, envelope(response + "</serviceGroupsQueryResponse>"))


def deleted(inner: str) -> str | None:
    return parse_text(DELETE, envelope(f'<loginDeleteResponse xmlns="{NAMESPACE}">{inner}</loginDeleteResponse>'))


def flaw_of(message: bytes) -> Flaw:
    with pytest.raises(UnreadableMessage) as caught:
        parse_text(DELETE, message)
    return caught.value.flaw


@given(SENDABLE)
def test_any_text_that_xml_can_carry_arrives_as_it_was(text: str) -> None:
    request = build_request(SEARCH, userid=0, serviceid=1, loginname=text, exactmatch=1, offset=0, nmax=1, sort=0)
    found = etree.fromstring(request).find(f".//{{{NAMESPACE}}}loginname")
    assert found is not None
    assert (found.text or "") == text


def test_tabs_and_line_ends_arrive_as_they_were() -> None:
    request = build_request(OPERATIONS["loginGetCodeFromLink"], code="a\tb\nc\rd")
    assert etree.fromstring(request).findtext(f".//{{{NAMESPACE}}}code") == "a\tb\nc\rd"


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_carry_is_refused_without_repeating_the_text(character: str) -> None:
    with pytest.raises(UnsendableText) as caught:
        build_request(OPERATIONS["loginGetCodeFromLink"], code="secret" + character)
    assert "secret" not in str(caught.value)
    assert f"U+{ord(character):04X}" in str(caught.value)


def test_a_request_has_every_parameter_in_the_described_order_whatever_the_order_given() -> None:
    request = build_request(QUERY, sort=1, nmax=100, offset=0, serviceid=10408, userid=0)
    (call,) = etree.fromstring(request)[0]
    assert [etree.QName(child).localname for child in call] == [p.name for p in QUERY.request]


def test_a_wrong_parameter_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="some are missing"):
        build_request(DELETE, userid=0)
    with pytest.raises(TypeError, match="loginname"):
        build_request(DELETE, userid=0, serviceid=1, loginid=1, loginname="x")
    with pytest.raises(TypeError, match="loginid is a long"):
        build_request(DELETE, userid=0, serviceid=1, loginid="1")


def test_a_partial_request_leaves_out_what_is_not_given() -> None:
    (call,) = etree.fromstring(build_partial_request(DELETE, userid=0))[0]
    assert [etree.QName(child).localname for child in call] == ["userid"]


@pytest.mark.parametrize("tail", ["<id>0</id><name></name>", '<id>0</id><name n:nil="true" xmlns:n="u"/>', ""])
def test_arrays_are_cut_to_their_count_whatever_the_tail(tail: str) -> None:
    answer = groups(f"<err>OK</err><count>1</count><n>1</n><id>7</id><name>vpn</name>{tail}")
    assert answer.number_arrays == {"id": [7]}
    assert answer.text_arrays == {"name": ["vpn"]}


def test_order_and_unknown_elements_do_not_matter() -> None:
    answer = groups(
        "<name>vpn</name><novelty>x</novelty><name/><id>7</id><n>1</n><id>0</id><count>1</count><err>OK</err>"
    )
    assert (answer.numbers["count"], answer.number_arrays["id"], answer.text_arrays["name"]) == (1, [7], ["vpn"])


def test_an_absent_element_is_not_known_and_an_empty_one_is_empty() -> None:
    answer = groups("<err>OK</err><n>2</n><name/><name>b</name><name/>")
    assert "count" not in answer.numbers
    assert "id" not in answer.number_arrays
    assert answer.text_arrays["name"] == ["", "b"]


def test_an_absent_array_whose_count_is_0_is_empty_as_the_toolkit_writes_it() -> None:
    answer = groups("<err>OK</err><count>0</count><n>0</n>")
    assert (answer.number_arrays["id"], answer.text_arrays["name"]) == ([], [])


def test_a_nil_number_is_not_known() -> None:
    assert groups('<err>OK</err><n>1</n><num n:nil="true" xmlns:n="u"/>').number_arrays["num"] == [None]


@pytest.mark.parametrize(
    "inner",
    [
        "<err>OK</err><count>2</count><n>2</n><id>7</id>",
        "<err>OK</err><count>1</count><id>7</id>",
        "<err>OK</err><n>-1</n><id>7</id>",
        "<err>OK</err><n>1</n><id>seven</id>",
        "<err>OK</err><n>1</n><id><b>7</b></id>",
        "<n>1</n><id>7</id>",
        '<err n:nil="true" xmlns:n="u"/>',
    ],
)
def test_an_answer_that_contradicts_itself_is_malformed(inner: str) -> None:
    with pytest.raises(UnreadableMessage) as caught:
        groups(inner)
    assert caught.value.flaw is Flaw.MALFORMED


def test_an_answer_with_an_error_needs_no_arrays() -> None:
    answer = groups("<err>NOK:access forbidden</err><count>0</count><n>0</n>")
    assert not answer.ok
    assert answer.err == "NOK:access forbidden"


def test_texts_which_may_be_activation_codes_are_not_in_the_representation() -> None:
    assert "123456789" not in repr(groups("<err>OK</err><n>1</n><name>in:123456789</name>"))
    created = "<loginCreateResponse><loginCreateReturn><err>OK</err><code>123456789</code></loginCreateReturn>"
    answer = parse_answer(OPERATIONS["loginCreate"], envelope(created + "</loginCreateResponse>"))
    assert answer.texts["code"] == "123456789"
    assert "123456789" not in repr(answer)


def test_success_is_told_by_ok_in_any_case() -> None:
    assert groups("<err>ok</err><count>0</count><n>0</n>").ok


def test_the_returned_text_is_found_under_either_spelling() -> None:
    assert deleted("<loginDeleteReturn>OK</loginDeleteReturn>") == "OK"
    assert deleted("<LoginDeleteReturn>OK</LoginDeleteReturn>") == "OK"
    assert deleted('<loginDeleteReturn n:nil="true" xmlns:n="u"/>') is None


def test_an_answer_without_prefixes_or_namespace_is_read() -> None:
    assert (
        parse_text(
            DELETE, envelope("<loginDeleteResponse><loginDeleteReturn>OK</loginDeleteReturn></loginDeleteResponse>")
        )
        == "OK"
    )


def test_a_fault_is_told_with_its_resolved_code() -> None:
    fault = (
        "<e:Fault><faultcode xmlns:a='http://xml.apache.org/axis/'>a:Client</faultcode>"
        "<faultstring>No such operation 'x'</faultstring><detail><trace>secret</trace></detail></e:Fault>"
    )
    with pytest.raises(SoapFault) as caught:
        parse_text(DELETE, envelope(fault))
    assert caught.value.code == "{http://xml.apache.org/axis/}Client"
    assert caught.value.is_unknown_operation
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("secret", ["123456789", "https://mfa.example.com/a?code=1", "HTTP://x/1"])
def test_a_fault_repeats_no_link_and_no_code(secret: str) -> None:
    fault = f"<e:Fault><faultcode>x</faultcode><faultstring>No room for {secret}</faultstring></e:Fault>"
    with pytest.raises(SoapFault) as caught:
        parse_text(DELETE, envelope(fault))
    assert caught.value.text == "No room for (left out)"


def test_a_fault_without_code_or_text_is_still_a_fault() -> None:
    with pytest.raises(SoapFault):
        parse_text(DELETE, envelope("<e:Fault/>"))


ANSWER = envelope(
    f'<loginDeleteResponse xmlns="{NAMESPACE}"><loginDeleteReturn>OK</loginDeleteReturn></loginDeleteResponse>'
)
BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>'


@pytest.mark.parametrize(
    ("message", "flaw"),
    [
        (b"", Flaw.EMPTY),
        (b" \r\n", Flaw.EMPTY),
        (b"<html><body>502 Bad Gateway</body></html>", Flaw.HTML),
        (b"<!DOCTYPE html>\n<html><br></html>", Flaw.HTML),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x' 'y'><html/>", Flaw.HTML),
        (b"<HTML><p>unclosed</HTML>", Flaw.HTML),
        (b"Service Unavailable", Flaw.NOT_XML),
        (b"<a></b>", Flaw.NOT_XML),
        (b"<status>fine</status>", Flaw.NOT_SOAP),
        (f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(), Flaw.NOT_SOAP),
        (envelope(""), Flaw.NOT_SOAP),
        (envelope("<other/>"), Flaw.MALFORMED),
        (envelope("<loginDeleteResponse/>"), Flaw.MALFORMED),
        (
            envelope("<loginDeleteResponse><loginDeleteReturn><a/></loginDeleteReturn></loginDeleteResponse>"),
            Flaw.MALFORMED,
        ),
        (BOMB, Flaw.DOCUMENT_TYPE),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', Flaw.DOCUMENT_TYPE),
        (BOMB.decode().encode("utf-16"), Flaw.NOT_XML),
        (b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE l +AFs-+AF0-+AD4-<l/>", Flaw.DOCUMENT_TYPE),
        (ANSWER.replace(b"OK", b"\xff\xfe"), Flaw.NOT_XML),
    ],
)
def test_what_is_no_answer_says_why(message: bytes, flaw: Flaw) -> None:
    assert flaw_of(message) is flaw


@given(st.integers(min_value=len(b"<?xml"), max_value=len(ANSWER) - 1))
def test_an_answer_cut_off_anywhere_is_told_as_cut_off(length: int) -> None:
    assert flaw_of(ANSWER[:length]) is Flaw.TRUNCATED


@given(st.binary(max_size=200))
def test_garbage_never_raises_anything_else(message: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        parse_text(DELETE, message)


def test_deep_nesting_is_refused() -> None:
    assert flaw_of(envelope("<a>" * 5000 + "</a>" * 5000)) is Flaw.NOT_XML


@pytest.mark.parametrize("text", ["", "1_000", "0x10", "1.0", "1e3", "\u0665", "9223372036854775808", "--1", "1 2"])
def test_only_plain_whole_numbers_of_64_bits_are_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        parse_long(text)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_number_of_64_bits_is_read(number: int) -> None:
    assert parse_long(f" {number}\n") == number
