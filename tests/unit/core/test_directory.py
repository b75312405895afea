"""Whether a directory considers somebody's account usable."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from iwds.core.directory import PERMANENT_LOCK, Values, active_directory, openldap

NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)
NEVER = str(0x7FFF_FFFF_FFFF_FFFF)
# 2024-03-10 12:00 UTC in steps of 100 nanoseconds since 1601
TICKS = 133_545_456_000_000_000
TODAY = 19_792


def one(value: object) -> Values:
    return (str(value),)


@pytest.mark.parametrize(
    ("control", "expires", "enabled"),
    [
        (512, 0, True),
        (512, NEVER, True),
        (66048, NEVER, True),  # a password that never expires
        (512 + 16, NEVER, True),  # the lockout of too many wrong passwords disables nobody
        (514, NEVER, False),
        (66050, 0, False),
        (512, TICKS + 1, True),
        (512, TICKS, False),
        (512, TICKS - 1, False),
        (514, TICKS + 1, False),
        (-2147483136, NEVER, True),  # some tools write the flags as a signed number
    ],
)
def test_active_directory_reads_the_disabled_bit_and_the_expiry(
    control: object, expires: object, enabled: bool
) -> None:
    assert active_directory(one(control), one(expires), NOW) is enabled


@pytest.mark.parametrize(
    ("control", "expires", "enabled"),
    [
        (None, one(NEVER), None),
        ((), one(NEVER), None),
        (one("many"), one(NEVER), None),
        (one(512), None, None),
        (one(512), (), None),
        (one(512), one(-5), None),
        (one(512), one("²"), None),
        (one(512), one("9" * 21), None),
        (("512", "514"), one(NEVER), None),
        # a certain no outweighs what is not known
        (one(514), None, False),
        (None, one(TICKS - 1), False),
    ],
)
def test_active_directory_guesses_nothing(control: Values, expires: Values, enabled: bool | None) -> None:
    assert active_directory(control, expires, NOW) is enabled


def test_the_moment_counts_and_not_how_the_clock_on_the_wall_shows_it() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))

    assert active_directory(one(512), one(TICKS), tokyo - timedelta(microseconds=1)) is True
    assert active_directory(one(512), one(TICKS), tokyo) is False
    assert openldap((), one(TODAY), tokyo - timedelta(hours=12, microseconds=1)) is True
    assert openldap((), one(TODAY), tokyo - timedelta(hours=12)) is False


@pytest.mark.parametrize(
    ("locked", "expire", "enabled"),
    [
        ((), (), True),
        ((), one(-1), True),
        ((), one(TODAY + 1), True),
        ((), one(TODAY), False),
        ((), one(1), False),
        (one(PERMANENT_LOCK), (), False),
        (one("20240310110000Z"), (), True),  # too many wrong passwords an hour ago
        (one(PERMANENT_LOCK), one(TODAY + 1), False),
    ],
)
def test_openldap_reads_the_permanent_lock_and_the_expiry(locked: Values, expire: Values, enabled: bool) -> None:
    assert openldap(locked, expire, NOW) is enabled


@pytest.mark.parametrize(
    ("locked", "expire", "enabled"),
    [
        (None, (), None),
        ((), None, None),
        ((), one(0), None),  # never, or the first of January 1970: systems differ
        ((), one(-2), None),
        ((), one("soon"), None),
        (None, one(1), False),
        (one(PERMANENT_LOCK), None, False),
    ],
)
def test_openldap_guesses_nothing(locked: Values, expire: Values, enabled: bool | None) -> None:
    assert openldap(locked, expire, NOW) is enabled
