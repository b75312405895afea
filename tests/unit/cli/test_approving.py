"""What is shown before rulings are taken back."""

from datetime import UTC, datetime, timedelta

from iwds.cli.approving import LISTED, withdrawal_lines
from iwds.core.rulings import Ruling, Said, rejection_of
from tests.unit.core.made import login, write

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def rejection(number: int, source: str) -> Ruling:
    said = Said("kim", "here", "a mistake", NOON, NOON + timedelta(days=9), source, "staff")
    return rejection_of(write(login(number, f"p{number}"), mail="a@b.c"), said)


def test_where_each_comes_from_is_told_also_of_those_that_are_not_listed() -> None:
    rows = [rejection(n, "drift") for n in range(LISTED)]
    rows += [rejection(98, "undo of run 8812 (run 77aa)"), rejection(99, "plan 3f9c")]
    told = " ".join(" ".join(line.plain for line in withdrawal_lines(rows)).split())
    assert told.count("(drift)") == LISTED
    assert "... 2 more: 1 from undo of run 8812 (run 77aa); 1 from plan 3f9c" in told
    assert max(len(line.plain) for line in withdrawal_lines(rows)) <= 80
