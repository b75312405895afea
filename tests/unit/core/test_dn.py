"""Distinguished names as people and servers write them."""

import pytest

from iwds.core.dn import is_under, normalise_dn, parent, rdn_value


@pytest.mark.parametrize(
    ("dn", "expected"),
    [
        ("", ""),
        ("CN=Admins,OU=Groups,DC=Example,DC=org", "cn=admins,ou=groups,dc=example,dc=org"),
        ("cn = Admins , dc = org", "cn=admins,dc=org"),
        ("cn=John  Q  Smith,dc=org", "cn=john q smith,dc=org"),
        (r"cn=Smith\, John,dc=org", r"cn=smith\, john,dc=org"),
        (r"cn=Smith\2C John,dc=org", r"cn=smith\, john,dc=org"),
        (r"cn=M\C3\BCller,dc=org", "cn=müller,dc=org"),
        ("cn=Mu\u0308ller,dc=org", "cn=müller,dc=org"),
        (r"cn=a\20,dc=org", r"cn=a\ ,dc=org"),
        (r"cn=a\\ ,dc=org", r"cn=a\\,dc=org"),
        (r"cn=\#1,dc=org", r"cn=\#1,dc=org"),
        ("cn=#04024869,dc=org", "cn=#04024869,dc=org"),
        (r"cn=a\00b,dc=org", r"cn=a\00b,dc=org"),
        (r"cn=a\0ADEL:guid,cn=deleted", r"cn=a\0adel:guid,cn=deleted"),
        (r"cn=a\ff,dc=org", r"cn=a\ff,dc=org"),
        ("uid=b+cn=A,dc=org", "cn=a+uid=b,dc=org"),
        (" ", ""),
        (r"\ ", r"\ "),
        ("Plain Name", "plain name"),
    ],
)
def test_a_name_has_one_spelling(dn: str, expected: str) -> None:
    assert normalise_dn(dn) == expected


@pytest.mark.parametrize(
    ("dn", "expected"),
    [
        ("cn=VPN Users,ou=groups,dc=example,dc=org", "VPN Users"),
        (r"cn=Smith\, John+uid=1,dc=org", "Smith, John"),
        ("VPN Users", "VPN Users"),
        ("", ""),
    ],
)
def test_the_value_of_the_first_rdn(dn: str, expected: str) -> None:
    assert rdn_value(dn) == expected


@pytest.mark.parametrize(
    ("dn", "base", "expected"),
    [
        ("ou=a,dc=org", "dc=org", True),
        ("dc=org", "dc=org", True),
        ("dc=org", "", True),
        ("dc=org", "ou=a,dc=org", False),
        ("ou=a,xdc=org", "dc=org", False),
    ],
)
def test_below_a_base(dn: str, base: str, expected: bool) -> None:
    assert is_under(dn, base) is expected


def test_letters_that_are_written_in_another_order_are_the_same() -> None:
    """Accents of one letter have no order; folding the case first would give them one (iota subscript)."""
    assert normalise_dn("cn=\u03b1\u0345\u0301") == normalise_dn("cn=\u03b1\u0301\u0345")


@pytest.mark.parametrize(
    ("dn", "above"),
    [("uid=a,ou=x,dc=y", "ou=x,dc=y"), (r"cn=a\, b,ou=x", "ou=x"), ("dc=y", ""), ("staff.ldif:7", ""), ("a, b", "")],
)
def test_what_stands_above_a_name(dn: str, above: str) -> None:
    assert parent(dn) == above
