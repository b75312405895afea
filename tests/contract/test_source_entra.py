"""The entra source keeps the contract against a stand-in of Entra ID and Microsoft Graph, in pages of two."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from iwds.core.model import Anchor
from iwds.sources._entrasettings import Settings
from iwds.sources.entra import EntraSource, connect
from tests.contract.source_contract import SourceContract
from tests.graph.server import GraphServer
from tests.graph.tenant import TENANT, Tenant
from tests.servers.company import IDS

NAMES = {name: f"bbbbbbbb-0000-4000-8000-00000000000{n}" for n, name in enumerate(("developers", "staff", "all", "ab"))}


def company() -> Tenant:
    """The small company as a tenant; eve is a guest."""
    tenant = Tenant()
    mails = ["ada@example.org", "countess@example.org"]
    tenant.user("ada", IDS["ada"], mailNickname="ada", surname="Lovelace", otherMails=mails)
    tenant.user("bjoern", IDS["björn"], mailNickname="björn", surname="Borg")
    long = "a long line that is folded by the export"
    tenant.user(
        "chloe", IDS["chloé"], mailNickname="chloé", otherMails=["chloe@example.org"], surname="D", jobTitle=long
    )
    tenant.user("dmitri", IDS["dmitri"], mailNickname="dmitri", surname="Mendeleev")
    tenant.user("eve_x.org#EXT#", IDS["eve"], mailNickname="eve", surname="Evans", userType="Guest")
    for name, key in NAMES.items():
        tenant.group(name, key)
    tenant.join(NAMES["developers"], IDS["ada"])
    tenant.join(NAMES["staff"], NAMES["developers"], NAMES["all"], IDS["björn"], IDS["eve"])
    tenant.join(NAMES["all"], NAMES["staff"])
    tenant.join(NAMES["ab"], IDS["chloé"])
    return tenant


def named(*names: str) -> frozenset[str]:
    """Groups by each name that a mapping may call them."""
    return frozenset(names) | frozenset(NAMES[name] for name in names)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphServer]:
    folder: Path = tmp_path_factory.mktemp("graph")
    with GraphServer(folder, company()) as server:
        server.answers.page = server.answers.most = 2
        server.answers.slice = 1
        yield server


class TestEntra(SourceContract):
    """The company in a tenant."""

    UID, MAIL, SN, DESCRIPTION = "mailnickname", "othermails", "surname", "jobtitle"
    GROUPS: ClassVar[Mapping[str, frozenset[str]]] = {
        "ada": named("developers", "staff", "all"),
        "björn": named("staff", "all"),
        "chloé": named("ab"),
        "dmitri": frozenset(),
        "eve": named("staff", "all"),
    }

    @pytest.fixture
    def realm(self) -> str:
        return TENANT

    @pytest.fixture
    def source(self, graph: GraphServer) -> Iterator[EntraSource]:
        source = connect("cloud", Settings.model_validate(graph.settings(absent=["nosuchattribute"])))
        yield source
        source.close()

    def test_a_way_through_nested_groups_names_them_in_their_order(self, source: EntraSource, realm: str) -> None:
        paths = source.paths(Anchor(realm, IDS["ada"]))

        assert paths["developers"] == ("developers",)
        assert paths["staff"] == ("developers", "staff")
        assert paths["all"] == ("developers", "staff", "all")
        assert paths[NAMES["all"]] == ("developers", "staff", NAMES["all"])
