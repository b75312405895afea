"""The ldap source keeps the contract against a real slapd, in pages of two."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iwds.core.model import Anchor
from iwds.demo.slapd import PrivateSlapd
from iwds.sources.ldap import LdapSource, connect
from tests.contract.source_contract import SourceContract
from tests.servers.company import GROUP_BASE, IDS, REALM, write
from tests.servers.slapd import ldap_settings, slapd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSlapd]:
    directory: Path = tmp_path_factory.mktemp("slapd")
    with slapd(directory / "server", write(directory)) as server:
        yield server


class TestLdap(SourceContract):
    """The company in OpenLDAP."""

    @pytest.fixture
    def realm(self) -> str:
        return REALM

    @pytest.fixture
    def source(self, server: PrivateSlapd) -> Iterator[LdapSource]:
        source = connect("corp", ldap_settings(server))
        yield source
        source.close()

    @pytest.mark.parametrize("decoder", ["own", "ldap3"])
    def test_a_server_that_keeps_no_tombstones_refuses_and_says_nobody_was_deleted(
        self, server: PrivateSlapd, decoder: str
    ) -> None:
        with closing(connect("corp", ldap_settings(server, id="objectGUID", decoder=decoder))) as source:
            assert not source.deleted(Anchor(REALM, "33221100-5544-7766-8899-aabbccddeeff"))

    def test_a_way_through_nested_groups_names_them_in_their_order(self, source: LdapSource, realm: str) -> None:
        paths = source.paths(Anchor(realm, IDS["ada"]))

        developers, staff, everybody = (f"cn={name},{GROUP_BASE}" for name in ("developers", "staff", "all"))
        assert paths == {
            developers: (developers,),
            staff: (developers, staff),
            everybody: (developers, staff, everybody),
        }
