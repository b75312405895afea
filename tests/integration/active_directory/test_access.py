"""Who is let in by a domain controller, and what becomes of whoever is not."""

import pytest

from iwds.core.model import Anchor
from iwds.errors import AccessRefused
from iwds.sources.ldap import connect
from tests.integration.active_directory.test_reading import consume
from tests.servers.domain import ADA, PEOPLE, READER, SUFFIX
from tests.servers.samba import PrivateSamba, ad_settings


@pytest.mark.parametrize("name", [f"{READER}@corp.example", rf"CORP\{READER}", f"CN=Service Account,CN=Users,{SUFFIX}"])
def test_the_account_binds_by_any_of_its_names(domain: PrivateSamba, name: str) -> None:
    people, proof = consume(connect("corp", ad_settings(domain, bind_dn=name)))

    assert proof.proven
    assert set(people) == set(PEOPLE)


def test_starttls_is_as_good(domain: PrivateSamba) -> None:
    source = connect("corp", ad_settings(domain, urls=[f"ldap://{domain.address}"], starttls=True))

    assert consume(source)[1].proven


def test_without_encryption_the_server_refuses_and_says_what_to_do(domain: PrivateSamba) -> None:
    source = connect("corp", ad_settings(domain, urls=[f"ldap://{domain.address}"]))

    with pytest.raises(AccessRefused, match="wants an encrypted connection") as refused:
        consume(source)

    assert "starttls" in refused.value.advice


def refusal(domain: PrivateSamba, **changes: object) -> AccessRefused:
    """What is said to this account, which is refused; it is tried once, whatever is asked for afterwards."""
    source = connect("corp", ad_settings(domain, urls=[domain.tls_url, domain.catalog_url], **changes))
    dialled: list[None] = []
    dial = source._dial_once
    source._dial_once = lambda: dialled.append(None) or dial()  # type: ignore[func-returns-value]
    with pytest.raises(AccessRefused, match="49 invalidCredentials") as refused:
        consume(source)
    with pytest.raises(AccessRefused):
        source.find(Anchor(domain.sid, domain.guid(ADA)), ())

    assert len(dialled) == 1
    assert domain.catalog_url not in refused.value.message
    return refused.value


def test_a_wrong_password_is_tried_once(own_domain: PrivateSamba) -> None:
    name = f"CN=Service Account,CN=Users,{SUFFIX}"
    own_domain.modify(f"dn: {SUFFIX}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 5\n")

    refused = refusal(own_domain, password="wrong-7391")

    assert "the name or the password is wrong" in refused.message
    assert "wrong-7391" not in f"{refused} {refused.advice}"
    assert own_domain.value("badPwdCount", name) == "1"


CHANGES = {
    "userAccountControl": ("514", "is disabled"),
    "accountExpires": ("132223104000000000", "has expired"),
    "pwdLastSet": ("0", "must be changed"),
}


@pytest.mark.parametrize("attribute", CHANGES)
def test_why_an_account_is_refused_is_said_in_words(own_domain: PrivateSamba, attribute: str) -> None:
    value, said = CHANGES[attribute]
    name = f"CN=Service Account,CN=Users,{SUFFIX}"
    own_domain.modify(f"dn: {name}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")

    assert said in refusal(own_domain).message


def test_an_account_that_does_not_exist_is_refused(domain: PrivateSamba) -> None:
    assert "the name or the password is wrong" in refusal(domain, bind_dn="nobody@corp.example").message


def test_check_knows_a_domain_controller_and_what_may_not_be_read_of_its_people(domain: PrivateSamba) -> None:
    found = list(connect("corp", ad_settings(domain)).check(("samaccountname", "pager", "mial")))
    said = {(finding.what, finding.detail.partition(",")[0]) for finding in found}

    assert all(finding.ok for finding in found)
    assert any("speaks Active Directory; " in finding.detail for finding in found if finding.what == "server")
    assert ("attributes", "nobody has pager") in said
    assert ("attributes", "the server knows no attribute mial") in said
