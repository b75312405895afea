"""Distinguished names take one spelling, whatever way they are written."""

from hypothesis import example, given
from hypothesis import strategies as st

from iwds.core.dn import is_under, normalise_dn, rdn_value

# A name comes from UTF-8, which has no lone surrogates.
letters = st.characters(exclude_categories=["Cs"])
names = st.text(alphabet=st.one_of(st.sampled_from(' ,+=\\"#;<>aAbBcCéÉßİ\u0345\x00'), letters), max_size=24)


def written(value: str, hexadecimal: bool) -> str:
    """A value in one of the two spellings of RFC 4514."""
    if hexadecimal:
        return "".join(f"\\{byte:02X}" for byte in value.encode())
    return "".join("\\" + c if c in ' ,+"\\#;<>=' else c for c in value)


@given(names)
@example("cn=a\\ ,dc=x")
@example("cn=\\c3\\a9,dc=x")
@example("cn=a\\")
@example("cn=ͅA")
def test_normalising_twice_changes_nothing(dn: str) -> None:
    assert normalise_dn(normalise_dn(dn)) == normalise_dn(dn)


@given(st.text(alphabet=letters, min_size=1, max_size=12))
def test_both_spellings_of_a_value_are_one_name(value: str) -> None:
    plain, coded = (f"cn={written(value, form)},dc=example" for form in (False, True))

    assert normalise_dn(plain) == normalise_dn(coded)


@given(st.text(alphabet=letters, min_size=1, max_size=12))
def test_the_value_of_the_first_rdn_is_what_was_escaped(value: str) -> None:
    assert rdn_value(f"cn={written(value, True)},dc=example") == value


@given(st.lists(st.text(alphabet="abcXYZ .-_09é", min_size=1, max_size=6).map(str.strip), min_size=1, max_size=4))
def test_the_quick_way_and_the_long_way_agree(values: list[str]) -> None:
    dn = ",".join(f"ou={value}" for value in values)

    assert normalise_dn(dn) == normalise_dn(dn.replace(",", " , ").replace("=", " = "))


def test_an_escaped_comma_starts_no_parent() -> None:
    dn, base = normalise_dn(r"uid=a\,ou=people,dc=x"), normalise_dn("ou=people,dc=x")

    assert not is_under(dn, base)
    assert is_under(normalise_dn(r"uid=a\\,ou=people,dc=x"), base)
