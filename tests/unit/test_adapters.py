"""A new kind of source or target is one file, one contract test and one place in bootstrap; this walks the folders."""

import importlib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from iwds import bootstrap, configuration, examples
from tests.contract.source_contract import SourceContract
from tests.contract.target_contract import TargetContract

ROOT = Path(bootstrap.__file__).parent
CONTRACTS = {"sources": SourceContract, "targets": TargetContract}
WIRED = {"sources": bootstrap.SOURCE_KINDS, "targets": bootstrap.TARGET_KINDS}
IN_MEMORY = "memory"
"""Kept for tests and for programs that bring their own people: a configuration file could not fill it."""


def kinds(section: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / section).glob("*.py") if not path.stem.startswith("_"))


KINDS = [(section, kind) for section in CONTRACTS for kind in kinds(section)]


def adapter(section: str, kind: str) -> Any:
    return importlib.import_module(f"iwds.{section}.{kind}")


@pytest.mark.parametrize(("section", "kind"), KINDS)
class TestEveryKind:
    def test_has_settings_of_its_own_that_refuse_unknown_keys(self, section: str, kind: str) -> None:
        model = adapter(section, kind).Settings
        assert issubclass(model, BaseModel)
        assert model.model_config.get("extra") == "forbid"
        assert get_args(model.model_fields["kind"].annotation) == (kind,)

    def test_can_be_connected(self, section: str, kind: str) -> None:
        assert callable(adapter(section, kind).connect)

    def test_keeps_the_contract(self, section: str, kind: str) -> None:
        """There is a test that runs the whole contract suite on it."""
        module = importlib.import_module(f"tests.contract.test_{section[:-1]}_{kind}")
        suites = [value for value in vars(module).values() if isinstance(value, type)]
        assert any(issubclass(suite, CONTRACTS[section]) and suite is not CONTRACTS[section] for suite in suites)

    def test_can_be_named_in_a_configuration(self, section: str, kind: str) -> None:
        assert (kind in WIRED[section]) is (kind != IN_MEMORY)

    def test_is_taught_by_the_example_configuration(self, section: str, kind: str) -> None:
        config = configuration.load(examples.config()).settings
        taught = {entry["kind"] for entry in getattr(config, section).values()}
        assert (kind in taught) is (kind != IN_MEMORY)


@pytest.mark.parametrize("section", CONTRACTS)
def test_every_wired_kind_exists(section: str) -> None:
    assert set(WIRED[section]) == set(kinds(section)) - {IN_MEMORY}
