"""The examples in docs/mapping.md are mappings, or golden people."""

import re
from pathlib import Path

import pytest

from iwds.mapping import load
from iwds.mapping.golden import load_golden

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/mapping.md").read_text(), re.MULTILINE | re.DOTALL)
GOLDEN = [block for block in BLOCKS if block.startswith("people:")]
EXAMPLES = [block for block in BLOCKS if block not in GOLDEN]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.partition("\n")[0][:40])
def test_an_example_of_the_documentation_compiles(example: str, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("finance,F\n")
    login = "" if re.search("^login:", example, re.MULTILINE) else "login: uid\n"
    (tmp_path / "m.yaml").write_text(login + example)

    assert load(tmp_path / "m.yaml", ["user", "manager", "administrator", "auditor"]).attributes


def test_golden_people_of_the_documentation_are_understood(tmp_path: Path) -> None:
    (example,) = GOLDEN
    (tmp_path / "g.yaml").write_text(example)

    assert "jdoe" in load_golden(tmp_path / "g.yaml")[0].people


def test_there_are_examples() -> None:
    assert (len(EXAMPLES) > 5, len(GOLDEN) > 0) == (True, True)
