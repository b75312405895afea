"""The matrix of bad readings names tests that exist, and every row names one."""

import re

import pytest

from tests.identifiers import ROOT, exists

PAGE = ROOT / "docs" / "never-on-doubt.md"
TEST = re.compile(r"`(tests/[^`]+)`")


def rows() -> list[str]:
    """The rows of every table that has a column of tests."""
    found: list[str] = []
    for table in re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *body = table.splitlines()
        if "shown by" in head:
            found += body
    return found


def test_the_matrix_is_found() -> None:
    assert len(rows()) > 40


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_tests_that_exist(row: str) -> None:
    named = TEST.findall(row.split("|")[3])
    assert named
    assert [test for test in named if not exists(test)] == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    file = "tests/acceptance/test_fault_matrix.py"
    assert exists(f"{file}::test_the_matrix_is_found")
    assert not exists(f"{file}::test_that_nobody_wrote")
    assert not exists("tests/nowhere.py::test_it")
