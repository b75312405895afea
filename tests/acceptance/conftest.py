"""A small company, its configuration, and a local MFA service in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import Company, World, sandbox


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Forty people and a service that knows none of them."""
    with sandbox(tmp_path) as port:
        yield World(tmp_path / "home", port, Company(people=40))


@pytest.fixture
def settled(world: World) -> World:
    """The same after its first run."""
    world.iwds("run", "company")
    return world
