"""The whole configurations in docs/configuration.md can be wired, with the mappings that they name."""

import re
from pathlib import Path

import pytest

from iwds import examples
from iwds.bootstrap import Wiring
from iwds.configuration import load

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs/configuration.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
WHOLE = [block for block in BLOCKS if all(f"\n{key}:" in f"\n{block}" for key in ("sources", "targets", "jobs"))]


@pytest.mark.parametrize("text", WHOLE, ids=lambda text: re.findall(r"mappings/([a-z-]+)", text)[0])
def test_a_documented_configuration_is_wired(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mappings").symlink_to(examples.folder() / "mappings")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    for name in load(tmp_path / "config.yaml").settings.sources:
        monkeypatch.setenv(f"IWDS_SOURCES__{name.upper()}__PASSWORD", "x")

    with Wiring(load(tmp_path / "config.yaml")) as wiring:
        names = wiring.config.job_names()
        assert [wiring.job(name).name for name in names] == list(names)


def test_there_are_whole_configurations() -> None:
    assert len(WHOLE) == 2
