"""Bytes become text, or stay unknown."""

import pytest

from iwds.sources._decode import guid_bytes, guid_text, identity, shape, sid_text, texts

GUID = bytes.fromhex("00112233445566778899aabbccddeeff")


def test_a_guid_has_its_first_three_fields_reversed() -> None:
    assert guid_text(GUID) == "33221100-5544-7766-8899-aabbccddeeff"
    assert guid_bytes(guid_text(GUID)) == GUID


def test_a_security_identifier_as_windows_writes_it() -> None:
    raw = bytes.fromhex("010500000000000515000000dcf4dc3b833d2b46828ba62800020000")

    assert sid_text(raw) == "S-1-5-21-1004336348-1177238915-682003330-512"


@pytest.mark.parametrize("raw", [b"", b"\x01\x05\x00", b"\x01\x02" + bytes(10)])
def test_bytes_of_another_length_are_no_security_identifier(raw: bytes) -> None:
    with pytest.raises(ValueError, match="no security identifier"):
        sid_text(raw)


def test_values_of_binary_attributes_become_their_text() -> None:
    assert texts("objectguid", [GUID]) == (guid_text(GUID),)


def test_only_wanted_attributes_are_kept_and_absent_ones_are_empty() -> None:
    shaped = shape(b"cn=a", {"CN": [b"a"], "sn": [b"b"], "cn;lang-fr": [b"c"]}, {"cn", "mail"})

    assert shaped.attrs == {"cn": ("a",), "mail": ()}
    assert (shaped.undecodable, shaped.incomplete) == ((), ())


def test_an_attribute_that_comes_in_two_spellings_has_the_values_of_both() -> None:
    shaped = shape(b"uid=a", {"member": [b"x"], "Member": [b"y", b"z"]}, {"member"})

    assert shaped.attrs == {"member": ("x", "y", "z")}


def test_an_attribute_that_is_no_text_is_unknown_and_not_empty() -> None:
    shaped = shape(b"cn=a", {"photo": [b"\xff\xfe"], "objectGUID": [b"short"]}, {"photo", "objectguid"})

    assert shaped.attrs == {}
    assert set(shaped.undecodable) == {"photo", "objectguid"}


@pytest.mark.parametrize("description", ["member;range=0-1499", "MEMBER;Range=0-1499", "member;x-y;range=1500-*"])
def test_a_range_of_values_is_not_the_attribute(description: str) -> None:
    shaped = shape(b"cn=a", {"member": [], description: [b"cn=b"]}, {"member"})

    assert shaped.attrs == {}
    assert shaped.incomplete == ("member",)


def test_a_range_of_what_was_not_asked_for_does_not_matter() -> None:
    assert shape(b"cn=a", {"member;range=0-1": [b"x"]}, {"cn"}).incomplete == ()


def test_a_name_that_is_no_text_is_shown_with_escapes() -> None:
    shaped = shape(b"cn=\xff", {}, ())

    assert shaped.dn == "cn=\\xff"
    assert shaped.undecodable == ("dn",)


@pytest.mark.parametrize(
    ("attribute", "values", "expected"),
    [
        ("entryuuid", ("ABC",), "abc"),
        ("uid", ("ABC ",), "ABC"),
        ("uid", (), ""),
        ("uid", ("a", "b"), ""),
        ("uid", None, ""),
    ],
)
def test_an_id_is_one_value_in_one_spelling(attribute: str, values: tuple[str, ...] | None, expected: str) -> None:
    assert identity(attribute, values) == expected
