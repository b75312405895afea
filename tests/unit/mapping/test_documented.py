"""The examples in docs/mapping.md are mappings."""

import re
from pathlib import Path

import pytest

from iwds.mapping import load

ROOT = Path(__file__).parents[3]
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/mapping.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.partition("\n")[0][:40])
def test_an_example_of_the_documentation_compiles(example: str, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("finance,F\n")
    login = "" if re.search("^login:", example, re.MULTILINE) else "login: uid\n"
    (tmp_path / "m.yaml").write_text(login + example)

    assert load(tmp_path / "m.yaml", ["user", "manager", "administrator", "auditor"]).attributes


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 5
