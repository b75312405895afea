"""Times as every page says them."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from iwds.core.words import moment_words, until_words


@pytest.fixture
def in_rome() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Rome"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("in_rome")
def test_a_whole_day_ends_with_the_day_that_was_typed_and_other_times_are_told_to_the_minute() -> None:
    midnight = datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert until_words(midnight) == "the end of Tue 01 Dec 2026"
    assert until_words(midnight + timedelta(seconds=30)) == "Wed 02 Dec 2026 00:00"
    assert until_words(datetime(2026, 12, 1, 17, tzinfo=UTC)) == "Tue 01 Dec 2026 18:00"
    assert moment_words(midnight) == "Wed 02 Dec 2026 00:00"
