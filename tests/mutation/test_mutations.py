"""A test that cannot fail protects nothing: each protection is taken out once, and its tests must go red.

All of it with HYPOTHESIS_PROFILE=nightly (`make nightly`), every fiftieth else.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.identifiers import ROOT, exists
from tests.mutation.mutations import MUTATIONS, Mutation

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CHOSEN = MUTATIONS if NIGHTLY else MUTATIONS[::50]
RED = pytest.ExitCode.TESTS_FAILED
COPIED = ("iwds", "tests", "mappings", "golden", "schedules", "schemas", "pyproject.toml", "config.example.yaml")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.id)
def test_what_a_mutation_names_is_there(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.before) == 1
    assert mutation.before != mutation.after
    assert mutation.tests
    assert [test for test in mutation.tests if not exists(test)] == []


def test_no_mutation_is_named_twice() -> None:
    assert len({mutation.what for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program and its tests, to be broken at will."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("mutation", CHOSEN, ids=lambda mutation: mutation.id)
def test_without_a_protection_a_test_goes_red(mutation: Mutation, copy: Path) -> None:
    file = copy / mutation.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(mutation.before, mutation.after), encoding="utf-8")
    try:
        code, said = run_tests(mutation.tests, copy)
    finally:
        file.write_text(whole, encoding="utf-8")
    # Any other code, such as 2 for a program that cannot even be imported, shows nothing.
    assert code == RED, f"nobody notices that this is gone: {mutation.what}\n{said}"


def run_tests(tests: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """The exit code of pytest over these tests of a copy, and the end of what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "red"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout[-2000:] + done.stderr[-1000:]
