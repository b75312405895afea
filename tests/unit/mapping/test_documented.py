"""The examples in docs/mapping.md are mappings."""

import re
from pathlib import Path

import pytest

from iwds.mapping import load
from iwds.mapping.golden import load_golden

ROOT = Path(__file__).parents[3]
WRITTEN = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/mapping.md").read_text(), re.MULTILINE | re.DOTALL)
GOLDEN = [text for text in WRITTEN if text.startswith("people:")]
EXAMPLES = [text for text in WRITTEN if text not in GOLDEN]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.partition("\n")[0][:40])
def test_an_example_of_the_documentation_compiles(example: str, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("finance,F\n")
    login = "" if re.search("^login:", example, re.MULTILINE) else "login: uid\n"
    (tmp_path / "m.yaml").write_text(login + example)

    assert load(tmp_path / "m.yaml", ["user", "manager", "administrator", "auditor"]).attributes


@pytest.mark.parametrize("example", GOLDEN)
def test_an_example_of_golden_people_is_one(example: str, tmp_path: Path) -> None:
    (tmp_path / "golden.yaml").write_text(example)

    assert load_golden(tmp_path / "golden.yaml")[0].people


def test_there_are_examples() -> None:
    assert (len(EXAMPLES) > 5, len(GOLDEN) > 0) == (True, True)
