"""A small company, its configuration, and a local MFA service in a process of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import Company, World, sandbox


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Forty people and a service that knows none of them."""
    with sandbox(tmp_path) as port:
        yield World(tmp_path / "home", port, Company(people=40))


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run leaves: the memory of the command, and the service's."""
    folder = tmp_path_factory.mktemp("first")
    with sandbox(folder) as port:
        World(folder / "home", port, Company(people=40)).iwds("run", "company")
    return folder


@pytest.fixture
def settled(first_run: Path, tmp_path: Path) -> Iterator[World]:
    """The same after its first run."""
    shutil.copytree(first_run, tmp_path, dirs_exist_ok=True)
    with sandbox(tmp_path) as port:
        yield World(tmp_path / "home", port, Company(people=40))
