"""What a run tells at its end of what it did not make."""

from types import SimpleNamespace
from typing import Any

from iwds.cli.planning import LISTED, open_lines
from iwds.core.change import Change
from iwds.core.moved import Drift, Moved
from iwds.ports import Result
from tests.unit.core.made import login, write


def told(moved: list[Moved], outcomes: list[tuple[Change, Result, str]]) -> list[str]:
    applied = SimpleNamespace(outcomes=outcomes)
    named = {"run": SimpleNamespace(id="8812"), "plan": SimpleNamespace(id="3f9c")}
    report: Any = SimpleNamespace(moved=moved, applied=applied, **named)
    return [line.plain for line in open_lines(report)]


def lock(number: int) -> Change:
    return write(login(number, f"u{number}"), status=1)


def test_a_few_are_told_one_by_one_with_what_moved_or_what_the_last_look_found() -> None:
    moved = Moved(lock(1), Drift.SET, "somebody set mail to c@x in the meantime")
    held = (lock(2), Result.HELD, "cn=u2 has changed in the directory since it was read")
    assert told([moved], [held]) == [
        "  moved  lock u1: status active > locked: somebody set mail to c@x in the meantime",
        "  held  lock u2: status active > locked: cn=u2 has changed in the directory since it was read",
    ]


def test_of_many_the_numbers_come_first_and_then_some_and_where_all_are() -> None:
    moved = [Moved(lock(n), Drift.SET if n < 20 else Drift.GONE, "x") for n in range(LISTED + 5)]
    outcomes = [(lock(n), Result.HELD, "y") for n in range(LISTED + 1)]
    lines = told(moved, outcomes)
    assert lines[:2] == [
        "      20  moved: somebody changed it on the service in the meantime",
        "       5  moved: the login is gone",
    ]
    assert lines[2 + LISTED] == "    ... 5 more:  iwds show 3f9c moved --all"
    assert lines[3 + LISTED] == "      21  held"
    assert lines[-1] == "    ... 1 more:  iwds show 8812 --all"
    assert len(lines) == 2 + LISTED + 1 + 1 + LISTED + 1


def test_what_is_so_already_is_told_as_a_number_with_the_run_that_made_it() -> None:
    moved = [Moved(lock(n), Drift.ALREADY, "made by run 8812", "8812") for n in range(LISTED + 5)]
    moved += [Moved(lock(99), Drift.ALREADY, "it is so already"), Moved(lock(100), Drift.GONE, "x")]
    assert told(moved, []) == [
        f"  already  {LISTED + 5}: made by run 8812",
        "  already  1: it is so already",
        "  moved  lock u100: status active > locked: x",
    ]


def test_a_name_commands_no_terminal() -> None:
    (line,) = told([Moved(lock(1), Drift.SET, "somebody set name to \x1b[31m in the meantime")], [])
    assert "\x1b" not in line
