"""How the basic values read."""

from iwds.core.model import Service, fold
from tests.unit.core.made import anchor


def test_a_service_is_its_host_and_its_number() -> None:
    assert str(Service("mfa.example.org", 10408)) == "mfa.example.org#10408"


def test_an_anchor_is_its_realm_and_the_id_in_it() -> None:
    assert str(anchor("a1", "here")) == "here/a1"


def test_login_names_are_compared_without_case_and_surrounding_space() -> None:
    assert fold(" Straße ") == fold("STRASSE")
