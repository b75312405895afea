"""What a comparison with another tool looks like in a terminal."""

from datetime import UTC, datetime

import pytest

from iwds.cli.page import columns
from iwds.cli.parity_text import show_history
from iwds.core.parity import Look, Parity, Withheld

NIGHT = datetime(2026, 11, 25, 3, 10, tzinfo=UTC)


def test_the_looks_at_a_large_company_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    withheld = tuple(Withheld(f"p{number}", number, "lock") for number in range(12_345))
    looks = [Look(NIGHT, parity, "c", "3f9c12ab", 1_234_567, 123_456, withheld) for parity in Parity]
    show_history("company", looks, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(columns, lines)) <= 80
    told = " ".join(" ".join(lines).split())
    assert told.count("1,234,567 differ, 123,456 accepted, 12,345 withheld") == len(Parity)
    assert "3f9c12ab parity 1,234,567" in told.replace("PARITY", "parity")
