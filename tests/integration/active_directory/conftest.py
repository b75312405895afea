"""A private domain controller that holds the small company."""

from collections.abc import Iterator

import pytest

from tests.servers.samba import PrivateSamba, samba


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSamba]:
    """A domain that the tests leave as it is."""
    with samba(tmp_path_factory) as running:
        yield running


@pytest.fixture
def own_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSamba]:
    """A domain that the test may change or stop."""
    with samba(tmp_path_factory) as running:
        yield running
