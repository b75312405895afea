"""When something changes by time alone is found to a minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.due import EXACT, first_change

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = NOW + timedelta(hours=25)


@given(st.integers(1, 25 * 3600))
def test_the_moment_is_found_at_most_a_minute_late_and_never_early(seconds: int) -> None:
    ends = NOW + timedelta(seconds=seconds)
    found = first_change(lambda at: at < ends, NOW, DAY)
    assert found is not None
    assert ends <= found <= ends + EXACT


def test_what_does_not_change_until_then_is_not_due() -> None:
    assert first_change(lambda at: at < DAY + EXACT, NOW, DAY) is None
    assert first_change(lambda at: at, NOW, NOW) is None
    assert first_change(lambda at: at, NOW, NOW - EXACT) is None
