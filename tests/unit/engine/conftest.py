"""A rehearsal for each test, in which nobody waits."""

from collections.abc import Iterator

import pytest

from iwds.engine import applying
from tests.unit.engine.rehearsal import Rehearsal


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "PAUSE", 0)


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    rehearsal = Rehearsal()
    yield rehearsal
    rehearsal.close()
