"""The ldif source keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.core.model import Anchor
from iwds.sources.ldif import LdifSource, Settings, connect
from tests.contract.source_contract import SourceContract
from tests.servers.company import GROUP_BASE, IDS, REALM, SUFFIX, TRAILER, write


class TestLdif(SourceContract):
    """The company as a file with a trailer."""

    @pytest.fixture
    def realm(self) -> str:
        return REALM

    @pytest.fixture
    def source(self, realm: str, tmp_path: Path) -> Iterator[LdifSource]:
        settings = Settings.model_validate(
            {
                "kind": "ldif",
                "path": write(tmp_path),
                "realm": realm,
                "users": {"base": f"ou=people,{SUFFIX}"},
                "groups": {},
                "complete": {"trailer": TRAILER},
            }
        )
        source = connect("staff", settings)
        yield source
        source.close()

    def test_a_way_through_nested_groups_names_them_in_their_order(self, source: LdifSource, realm: str) -> None:
        paths = source.paths(Anchor(realm, IDS["ada"]))

        developers, staff, everybody = (f"cn={name},{GROUP_BASE}" for name in ("developers", "staff", "all"))
        assert paths == {
            developers: (developers,),
            staff: (developers, staff),
            everybody: (developers, staff, everybody),
        }
