"""What a doctor found, as a page for a terminal."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from iwds.cli.doctor_text import doctor_lines
from iwds.cli.page import columns
from iwds.core.hygiene import ADVICE, Code, Whom
from iwds.core.model import Anchor
from iwds.engine.doctor import Diagnosis
from iwds.state.ward import ScratchWard
from tests.unit.engine.rehearsal import Rehearsal


@pytest.fixture
def ward() -> Iterator[ScratchWard]:
    with closing(ScratchWard()) as made:
        yield made


def page(ward: ScratchWard) -> list[str]:
    stage = Rehearsal()
    plan = stage.plan()
    stage.close()
    ward.settle(5, 0)
    return [line.plain for line in doctor_lines(Diagnosis(plan, ward.counts()), ward)]


def part(lines: list[str], code: Code) -> list[str]:
    """The names under one finding."""
    text = "\n".join(lines)
    return text.partition(f"{code}: ")[2].partition("why:")[0].split("\n")[1:]


def test_every_finding_fits_with_many_people_of_long_names(ward: ScratchWard) -> None:
    for code in Code:
        for number in range(60):
            name = f"{number}-" + ("山" * 90 if number == 30 else "x y" * 20)
            ward.note(code, Whom(name, Anchor("r", str(number)), proposed="z" * 50))
    lines = page(ward)
    assert max(map(columns, lines)) <= 80
    for code in Code:
        assert any(line.strip().startswith("6") and f"{code}: " in line for line in lines)
        assert ADVICE[code].what.split()[0] in " ".join(lines)


def test_as_many_names_as_fit_three_lines_and_how_many_more(ward: ScratchWard) -> None:
    for number in range(1_500):
        ward.note(Code.SAME_LOGIN, Whom(f"person{number:04}", Anchor("r", str(number))))
    names = part(page(ward), Code.SAME_LOGIN)
    text = " ".join(" ".join(names).split())
    assert text.startswith("person0000; person0001; ")
    shown = text.count("person")
    assert text.endswith(f"; {1_500 - shown:,} more")
    assert 15 <= shown <= 18


def test_a_name_cannot_move_the_cursor_and_a_group_is_told_with_its_detail(ward: ScratchWard) -> None:
    ward.note(Code.SAME_LOGIN, Whom("an\x1b[31mn", Anchor("r", "1")))
    ward.note(Code.GROUP_MISSING, Whom(name="wikki", detail="for 2 people"))
    lines = page(ward)
    assert not any("\x1b" in line for line in lines)
    assert "wikki: for 2 people" in " ".join(lines)


def test_a_long_name_of_a_job_breaks_no_line_and_no_option(ward: ScratchWard) -> None:
    stage = Rehearsal()
    plan = replace(stage.plan(), job="everybody-of-the-company-and-of-its-daughters")
    stage.close()
    ward.note(Code.SAME_LOGIN, Whom("ann", Anchor("r", "1")))
    ward.settle(5, 0)
    lines = [line.plain for line in doctor_lines(Diagnosis(plan, ward.counts()), ward)]
    assert max(map(columns, lines)) <= 80
    assert "--csv FILE --html FILE" in " ".join(" ".join(lines[-3:]).replace("\\", "").split())
    told = [line.plain for line in doctor_lines(Diagnosis(plan, ward.counts()), ward, written=True)]
    assert "--csv" not in " ".join(told), "everybody is in a file already"


def test_nothing_is_a_sentence(ward: ScratchWard) -> None:
    stage = Rehearsal()
    lines = [line.plain for line in doctor_lines(Diagnosis(stage.plan()), ward)]
    stage.close()
    assert lines[-1] == "Nothing was found."
