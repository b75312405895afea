"""What a service holds is captured to a file that a sandbox can load, or not at all."""

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iwds.cli import capturing
from iwds.core.captured import End
from iwds.errors import ServiceUnproven, UsageError
from iwds.sandbox.loading import fill_reading
from iwds.sandbox.store import Store
from iwds.targets.memory import MemoryTarget, Settings, connect


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> MemoryTarget:
    """Two logins, one of them in one of two groups; what the command line is wired to."""
    made = connect("mfa", Settings(kind="memory", provisioning_id=20, groups=("vpn", "wiki")))
    zoe = made.state.add("zoe", firstname="Zoë", mail="zoe@corp.example", created_by=20)
    made.state.add("ada", role=2, activated=False)
    made.state.members[1, zoe.id] = 0
    config = SimpleNamespace(settings=SimpleNamespace(targets={"mfa": {}}))

    @contextmanager
    def wired() -> Iterator[Any]:
        yield SimpleNamespace(config=config, target={"mfa": made}.__getitem__)

    monkeypatch.setattr(capturing, "wired", wired)
    return made


def test_what_was_captured_can_be_loaded_into_a_sandbox(service: MemoryTarget, tmp_path: Path) -> None:
    file = tmp_path / "reading.jsonl"
    assert capturing.capture(file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(Store(":memory:")) as store:
        assert fill_reading(store, file) == End(2, 2, 1)
        zoe = store.named("zoe")
        ada = store.named("ada")
        assert zoe is not None
        assert ada is not None
        assert (zoe["firstname"], zoe["createdby"], zoe["state"]) == ("Zoë", 20, "ok")
        assert (ada["role"], ada["state"]) == (2, "expired")
        assert [row["name"] for row in store.groups_of(zoe["id"])] == ["vpn"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_there_is_not_overwritten(service: MemoryTarget, tmp_path: Path) -> None:
    file = tmp_path / "reading.jsonl"
    file.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        capturing.capture(file)
    assert file.read_text() == "mine"


def test_a_file_that_came_meanwhile_is_not_overwritten(service: MemoryTarget, tmp_path: Path) -> None:
    file = tmp_path / "reading.jsonl"
    with pytest.raises(UsageError, match="exists already"), capturing._written(file):
        file.write_text("mine")
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_reading_that_is_not_proven_is_refused_and_leaves_nothing(service: MemoryTarget, tmp_path: Path) -> None:
    service.state.problems = ["it moved"]
    with pytest.raises(ServiceUnproven, match="it moved") as caught:
        capturing.capture(tmp_path / "reading.jsonl")
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_as_such(service: MemoryTarget, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        capturing.capture(tmp_path / "nowhere" / "reading.jsonl")


def test_a_target_that_is_not_there_is_told_with_those_that_are(service: MemoryTarget, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='no target "other"') as caught:
        capturing.capture(tmp_path / "reading.jsonl", "other")
    assert "mfa" in caught.value.advice


def test_with_several_targets_one_has_to_be_named() -> None:
    config: Any = SimpleNamespace(settings=SimpleNamespace(targets={"one": {}, "two": {}}))
    with pytest.raises(UsageError, match="more than one target"):
        capturing._target(config, None)
    assert capturing._target(config, "two") == "two"
