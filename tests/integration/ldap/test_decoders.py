"""Our decoder and ldap3's read the same from a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from iwds.sources._search import Search
from iwds.sources.ldap import LdapSource, connect
from tests.contract.source_contract import consume
from tests.servers.company import GROUP_BASE, SUFFIX, write
from tests.servers.slapd import ldap_settings, slapd

PEOPLE_BASE = f"ou=people,{SUFFIX}"
CROWD = 20_000
ATTRIBUTES = ("uid", "cn", "mail", "description", "jpegphoto", "objectclass")


def _hard(directory: Path) -> Path:
    """The company, a group of 20,000, and people with values of every length."""
    path = write(directory)
    people = "".join(
        f"dn: uid=long{size},{PEOPLE_BASE}\nobjectClass: inetOrgPerson\nuid: long{size}\ncn: L\ncn: Ł\nsn: L\n"
        f"entryUUID: bbbbbbbb-0000-4000-8000-{size:012}\ndescription: {'d' * size}\n\n"
        for size in (1, 120, 127, 128, 255, 256, 300, 65_536, 300_000)
    )
    crowd = f"dn: cn=crowd,{GROUP_BASE}\nobjectClass: groupOfNames\ncn: crowd\n" + "".join(
        f"member: uid=long{number},{PEOPLE_BASE}\n" for number in range(CROWD)
    )
    path.write_text(f"{path.read_text(encoding='utf-8')}{people}{crowd}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSlapd]:
    """A server with entries that are hard to read."""
    directory = tmp_path_factory.mktemp("hard")
    with slapd(directory / "server", _hard(directory)) as running:
        yield running


def opened(server: PrivateSlapd, way: str, **changes: object) -> LdapSource:
    """A source over this way to the server."""
    url = server.tls_url if way == "ldaps" else server.url
    return connect("corp", ldap_settings(server, urls=[url], starttls=way == "starttls", **changes))


@pytest.mark.parametrize("way", ["plain", "starttls", "ldaps"])
def test_every_entry_is_the_same_for_both_decoders(server: PrivateSlapd, way: str) -> None:
    own, ldap3 = (
        consume(opened(server, way, decoder=decoder, page_size=3), ATTRIBUTES) for decoder in ("own", "ldap3")
    )

    assert own[0] == ldap3[0]
    assert own[0]["long300000"].attrs["description"] == ("d" * 300_000,)
    assert own[0]["long1"].attrs["cn"] == ("L", "Ł")
    assert own[0]["long1"].groups == frozenset({f"cn=crowd,{GROUP_BASE}"})
    assert own[1].proven
    assert own[1].reasons == ldap3[1].reasons
    assert own[1].view == ldap3[1].view


def test_a_reading_that_is_given_up_in_the_middle_leaves_a_connection_that_still_answers(server: PrivateSlapd) -> None:
    source = opened(server, "plain")
    with source._dial() as session:
        search = Search(PEOPLE_BASE, "subtree", "(uid=*)", ("uid",), 2)
        first = session.page(search)
        again = session.page(search)

        assert first.cookie
        assert again.entries == first.entries
        assert session.account() == f"dn:{server.reader_dn}"
