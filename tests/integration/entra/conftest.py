"""A tenant of its own for each test, with a server that gives small pages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from iwds.sources._entrasettings import Settings
from iwds.sources._graph import Patience
from iwds.sources.entra import EntraSource, connect
from tests.graph.server import GraphServer
from tests.graph.tenant import Tenant

Connect = Callable[..., EntraSource]


@pytest.fixture
def tenant() -> Tenant:
    """Ten people, of whom each is in the group of all."""
    tenant = Tenant()
    everybody = tenant.group("everybody")
    for number in range(10):
        tenant.join(everybody, tenant.user(f"user{number}", surname=f"Name {number}"))
    return tenant


@pytest.fixture
def graph(tmp_path: Path, tenant: Tenant) -> Iterator[GraphServer]:
    """Graph over this tenant, three users on a page."""
    with GraphServer(tmp_path, tenant) as server:
        server.answers.page = server.answers.most = 3
        server.answers.slice = 2
        yield server


@pytest.fixture
def waited() -> list[float]:
    """The seconds that a source waited, one after the other; nobody really waits."""
    return []


@pytest.fixture
def source(graph: GraphServer, waited: list[float]) -> Iterator[Connect]:
    """Connects a source to it with these settings beside the usual ones."""
    patience = Patience(sleep=waited.append, between=lambda low, _: low)
    with ExitStack() as opened:

        def made(**more: object) -> EntraSource:
            settings = Settings.model_validate(graph.settings(**more))
            source = connect("cloud", settings, patience=patience)
            opened.callback(source.close)
            return source

        yield made
