"""What a real domain controller gives, as people and groups."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Account, Anchor, Entry, Proof
from iwds.mapping.compile import load
from iwds.sources._connection import Session
from iwds.sources._search import Asks, Page, RawEntry, Search
from iwds.sources.ldap import LdapSource, connect
from tests.servers.domain import (
    CROWD,
    CROWD_SIZE,
    DOMAIN_USERS,
    EVE,
    FOREIGN,
    FORMER,
    GROUP_BASE,
    GROUPS,
    PEOPLE,
    READER,
    STAFF,
    SUFFIX,
)
from tests.servers.samba import PrivateSamba, ad_settings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ASKED = ("samaccountname", "useraccountcontrol", "accountexpires", "pwdlastset", "mail")
BOTH = {"base": [GROUP_BASE, f"CN=Users,{SUFFIX}"], "filter": "(objectClass=group)"}
DNS = {
    "ada": f"CN=Ada Lovelace,{STAFF}",
    "bjorn": f"CN=Bjorn Borg,OU=Tennis,{STAFF}",
    "chloe": f"CN=Chloe Dion,{STAFF}",
    "dmitri": f"CN=Dmitri Mendeleev,{STAFF}",
    "eve": EVE,
}


def consume(source: LdapSource, attributes: tuple[str, ...] = ASKED) -> tuple[dict[str, Entry], Proof]:
    """Everybody by sAMAccountName, and the proof."""
    stream = source.read(attributes)
    people = {entry.attrs["samaccountname"][0]: entry for entry in stream}
    return people, stream.finish()


@pytest.fixture
def source(domain: PrivateSamba) -> Iterator[LdapSource]:
    with closing(connect("corp", ad_settings(domain))) as source:
        yield source


def test_every_entry_is_the_same_for_both_decoders(domain: PrivateSamba) -> None:
    readings = []
    for decoder in ("own", "ldap3"):
        with closing(connect("corp", ad_settings(domain, decoder=decoder, page_size=3))) as source:
            readings.append(consume(source, (*ASKED, "objectguid", "objectsid", "objectclass")))
    (own, proof), (ldap3, theirs) = readings

    assert own == ldap3
    assert own.keys() >= DNS.keys() - {"eve"}
    assert proof.reasons == theirs.reasons


def accounts(source: LdapSource, tmp_path: Path, mapping: str) -> dict[str, Account]:
    """What a mapping makes of everybody, by the first part of their distinguished name."""
    file = tmp_path / "mapping.yaml"
    file.write_text(mapping, encoding="utf-8")
    rules = load(file)
    mapped = {entry.name.partition(",")[0]: rules.map(entry, NOW) for entry in source.read(rules.attributes)}
    return {name: account for name, account in mapped.items() if isinstance(account, Account)}


def test_people_are_anchored_by_object_guid_in_the_realm_of_the_domain_sid(
    domain: PrivateSamba, source: LdapSource
) -> None:
    people, proof = consume(source)

    assert proof.proven
    assert proof.realm == domain.sid
    assert {login: entry.anchor for login, entry in people.items()} == {
        login: Anchor(domain.sid, domain.guid(DNS[login])) for login in PEOPLE
    }


def test_groups_are_direct_nested_and_primary_ones(source: LdapSource) -> None:
    people, _ = consume(source)

    assert {login: entry.groups for login, entry in people.items()} == {login: GROUPS[login] for login in PEOPLE}


@pytest.mark.parametrize("nested", ["here", "server"])
def test_one_person_is_found_as_the_reading_gives_them(domain: PrivateSamba, nested: str) -> None:
    with closing(connect("corp", ad_settings(domain, groups={**BOTH, "nested": nested}))) as source:
        people, proof = consume(source)

        assert proof.proven
        for entry in people.values():
            assert source.find(entry.anchor, ASKED) == entry


@pytest.mark.parametrize("nested", ["here", "server"])
def test_one_person_is_found_by_whatever_names_them_with_the_way_into_each_group(
    domain: PrivateSamba, nested: str
) -> None:
    staff, everybody, developers = (f"cn={name},{GROUP_BASE}".lower() for name in ("staff", "everybody", "developers"))
    with closing(connect("corp", ad_settings(domain, groups={**BOTH, "nested": nested}))) as source:
        ada = consume(source)[0]["ada"]
        for text in ("ADA", "Ada@corp.example", ada.name, ada.anchor.id, ada.anchor.id.upper()):
            assert source.search(text, ("samaccountname", "userprincipalname"), ASKED) == [ada]
        for nobody in ("ad", "*", "ada)(cn=*", "CN=Ada", "CN=nobody,DC=elsewhere,DC=example", ada.anchor.id[:-1]):
            assert list(source.search(nobody, ("samaccountname", "userprincipalname"), ASKED)) == []
        paths = source.paths(ada.anchor)

    assert frozenset(paths) == ada.groups
    assert paths[everybody] == (developers, staff, everybody)
    assert paths[f"cn=salaried,{GROUP_BASE}".lower()] == (DOMAIN_USERS, f"cn=salaried,{GROUP_BASE}".lower())


def test_groups_that_the_server_unfolds_are_the_same(domain: PrivateSamba, source: LdapSource) -> None:
    by_server, proof = consume(connect("corp", ad_settings(domain, groups={**BOTH, "nested": "server"})))

    assert proof.proven
    assert by_server == consume(source)[0]
    assert len(proof.reasons) == 3
    assert "(memberOf:1.2.840.113556.1.4.1941:=GROUP)" in proof.asked


def test_a_group_that_is_not_read_leads_on_where_the_server_unfolds(domain: PrivateSamba) -> None:
    """Of everybody, staff and developers only the first is read: what lies between is the server's matter."""
    groups = {"base": GROUP_BASE, "filter": "(&(objectClass=group)(cn=everybody))"}
    found = {}
    for nested in ("here", "server"):
        with closing(connect("corp", ad_settings(domain, groups={**groups, "nested": nested}))) as source:
            ada = consume(source)[0]["ada"]
            assert source.find(ada.anchor, ASKED) == ada
            found[nested] = ada.groups

    assert found == {"here": frozenset(), "server": frozenset({f"cn=everybody,{GROUP_BASE}".lower()})}


def test_members_of_other_domains_are_named_and_passed_over(source: LdapSource) -> None:
    _, proof = consume(source)

    assert proof.proven
    assert proof.reasons[2] == (
        f"groups: members of other domains are not read here and were passed over: {FOREIGN.lower()}"
    )


def test_whoever_is_outside_of_base_and_filter_is_found_with_their_groups(
    domain: PrivateSamba, source: LdapSource
) -> None:
    eve = source.find(Anchor(domain.sid, domain.guid(EVE)), ("samaccountname",))

    assert eve is not None
    assert eve.name == EVE
    assert eve.groups == GROUPS["eve"]
    assert not source.selects(eve.anchor)


def test_all_pages_of_a_crowd_and_of_a_group_of_two_thousand_come(domain: PrivateSamba) -> None:
    crowd = {"base": CROWD, "filter": "(objectClass=contact)"}
    source = connect("corp", ad_settings(domain, users=crowd, page_size=500))
    stream = source.read(())
    groups = [entry.groups for entry in stream]
    proof = stream.finish()

    assert groups == [frozenset({f"CN=crowd,OU=Groups,{SUFFIX}".lower()})] * CROWD_SIZE
    assert f"people: {CROWD_SIZE} entries from {CROWD} in 5 pages, each ended by the server with success" in (
        proof.reasons
    )
    assert list(source.confirm(proof)) == []


def test_the_global_catalog_gives_the_same_people(domain: PrivateSamba, source: LdapSource) -> None:
    people, proof = consume(connect("corp", ad_settings(domain, urls=[domain.catalog_url])))

    assert proof.proven
    assert people == consume(source)[0]


def test_several_bases_of_one_domain_are_one_reading(domain: PrivateSamba) -> None:
    people, proof = consume(connect("corp", ad_settings(domain, users={"base": [STAFF, FORMER], "filter": "(cn=*)"})))

    assert proof.proven
    assert proof.realm == domain.sid
    assert {login: entry.groups for login, entry in people.items()} == GROUPS


class Splitting(Asks):
    """A session in which the server sends 1,000 members at most, as Active Directory does with 1,500."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ranges: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __enter__(self) -> "Splitting":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def page(self, search: Search, cookie: bytes = b"") -> Page[RawEntry]:
        first = next((int(a[13:-2]) for a in search.attributes if a.startswith("member;range=")), 0)
        part = f"member;range={first}-{first + 999}"
        attributes = tuple(part if each.startswith("member") else each for each in search.attributes)
        page = self._session.page(replace(search, attributes=attributes), cookie)
        self.ranges += [name for _, values in page.entries for name in values if name.startswith("member;")]
        return page


def test_a_group_of_two_thousand_is_whole_where_the_server_sends_it_in_parts(domain: PrivateSamba) -> None:
    crowd = {"base": CROWD, "filter": "(objectClass=contact)"}
    groups = {"base": f"OU=Groups,{SUFFIX}", "filter": "(cn=crowd)", "members": "member"}
    source = connect("corp", ad_settings(domain, users=crowd, groups=groups, page_size=500))
    session = Splitting(source._dial_once())
    source._dial_once = lambda: session  # type: ignore[assignment, return-value]
    stream = source.read(())
    found = [entry.groups for entry in stream]

    assert stream.finish().proven
    assert found == [frozenset({f"CN=crowd,OU=Groups,{SUFFIX}".lower()})] * CROWD_SIZE
    parts = ["member;range=0-999", "member;range=1000-1999", "member;range=2000-*"]
    assert session.ranges == ["member;range=0-999", *parts]


def test_disabled_and_expired_accounts_are_told_from_locked_and_usable_ones(
    own_domain: PrivateSamba, tmp_path: Path
) -> None:
    own_domain.modify(f"dn: {SUFFIX}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 2\n")
    assert not any(own_domain.knows("ada@corp.example", "wrong") for _ in range(2))
    assert own_domain.value("lockoutTime", DNS["ada"])
    with closing(connect("corp", ad_settings(own_domain))) as source:
        enabled = accounts(source, tmp_path, "login: sAMAccountName\nenabled: active-directory\n")
        also = "[locked, password-expired, password-must-change]"
        strict = accounts(source, tmp_path, f"login: sAMAccountName\nenabled: {{as: active-directory, also: {also}}}\n")

    assert {account.login: account.enabled for account in strict.values()} == {
        "ada": False,
        "bjorn": False,
        "chloe": False,
        "dmitri": False,  # who must change the password first
    }
    assert {account.login: account.enabled for account in enabled.values()} == {
        "ada": True,  # locked by somebody who guessed: that ends by itself
        "bjorn": False,  # disabled
        "chloe": False,  # expired
        "dmitri": True,
    }


def test_whoever_must_change_the_password_first_is_disabled_where_the_mapping_says_so(
    source: LdapSource, tmp_path: Path
) -> None:
    mapping = 'login: sAMAccountName\nenabled: {when: {not: {attribute: pwdLastSet, equals: "0"}}}\n'

    assert {each.login: each.enabled for each in accounts(source, tmp_path, mapping).values()} == {
        "ada": True,
        "bjorn": True,
        "chloe": True,
        "dmitri": False,
    }


def test_a_whole_domain_is_read_although_each_search_refers_to_the_configuration(domain: PrivateSamba) -> None:
    persons = "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))"
    people, proof = consume(connect("corp", ad_settings(domain, users={"base": SUFFIX, "filter": persons})))

    assert proof.proven
    assert set(people) == {*PEOPLE, "eve", READER}


@pytest.mark.parametrize(
    ("login", "ada"),
    [
        ("sAMAccountName", "ada"),
        ("userPrincipalName", "ada@corp.example"),
        (r'{from: sAMAccountName, prefix: "CORP\\"}', r"CORP\ada"),
        ("mail", "ada.lovelace@corp.example"),
    ],
)
def test_the_login_is_any_of_the_names_that_people_log_on_with(
    source: LdapSource, tmp_path: Path, login: str, ada: str
) -> None:
    assert accounts(source, tmp_path, f"login: {login}\n")["CN=Ada Lovelace"].login == ada


@pytest.mark.parametrize("name", ["ada", "ada@corp.example", DNS["ada"]])
def test_a_canary_is_known_by_its_windows_names(domain: PrivateSamba, name: str) -> None:
    staff = connect("corp", ad_settings(domain, canaries=[name]))
    former = connect("corp", ad_settings(domain, canaries=[name], users={"base": EVE, "filter": "(objectClass=user)"}))

    assert consume(staff)[1].proven
    assert not consume(former)[1].proven


def test_the_primary_group_is_known_although_it_does_not_name_its_people(domain: PrivateSamba) -> None:
    groups = {"base": f"CN=Users,{SUFFIX}", "filter": "(&(objectClass=group)(cn=Domain Users))"}
    people, proof = consume(connect("corp", ad_settings(domain, groups=groups)))

    assert proof.proven
    assert {entry.groups for entry in people.values()} == {frozenset({DOMAIN_USERS})}
