"""A local MFA service with its state in memory, and a bare client of it."""

from collections.abc import Iterator

import pytest

from iwds.sandbox.server import SandboxThread
from tests.integration.sandbox.client import Client


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with SandboxThread() as running:
        yield running


@pytest.fixture
def client(sandbox: SandboxThread) -> Iterator[Client]:
    client = Client(sandbox.url)
    yield client
    client.close()
