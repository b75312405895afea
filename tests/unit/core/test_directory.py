"""Whether a directory considers somebody's account usable."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from iwds.core.directory import KINDS, PERMANENT_LOCK, USABLE, Values, active_directory, openldap

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
    assert openldap((), (), (), one(TODAY), tokyo - timedelta(hours=12, microseconds=1)) is True
    assert openldap((), (), (), one(TODAY), tokyo - timedelta(hours=12)) is False


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
    assert openldap(locked, (), (), expire, NOW) is enabled


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
    assert openldap(locked, (), (), expire, NOW) is enabled


def usable(kind: str, also: str, *values: Values, now: datetime = NOW) -> bool | None:
    """What one question about an account is answered with."""
    return KINDS[kind][also].decide(*values, now)


@pytest.mark.parametrize(
    ("start", "end", "enabled"),
    [
        ((), (), True),
        (one("20240310120000Z"), (), True),
        (one("20240310120001Z"), (), False),
        ((), one("20240310120000Z"), False),
        ((), one("20240310120001Z"), True),
        ((), one("20240310120000.5Z"), True),
        ((), one("20240310120000,5Z"), True),
        ((), one("20240310130000+0100"), False),
        ((), one("20240310130001+0100"), True),
        ((), one("20240310063000-0530"), False),
        ((), one("20240310063001-0530"), True),
        ((), one("202403101200Z"), False),
        ((), one("2024031011.5Z"), False),
        ((), one("2024031012.5Z"), True),
        ((), one("20240310115960Z"), False),  # the second that is added to a minute now and then
        ((), one("20240230000000Z"), None),
        ((), one("00000101000000Z"), None),
        ((), one("99991231235900-0100"), None),
        ((), one("20240310120000"), None),  # of whose day nobody knows where
        ((), one("20240310250000Z"), None),
        (None, (), None),
        ((), None, None),
        (None, one("20240310120000Z"), False),
        ((), ("20240310120000Z", "20250310120000Z"), None),
    ],
)
def test_openldap_reads_from_when_and_until_when_an_account_may_be_used(
    start: Values, end: Values, enabled: bool | None
) -> None:
    assert openldap((), start, end, (), NOW) is enabled


@pytest.mark.parametrize(
    ("lockout_time", "computed", "unlocked"),
    [
        ((), (), True),
        (one(0), (), True),
        (one(TICKS), (), None),  # it may be over by now
        (one(TICKS), one(0), True),
        (one(TICKS), one(16), False),
        (one(TICKS), one(16 + 0x800000), False),
        ((), None, True),
        (None, (), None),
        (None, one(0), True),
        (one("soon"), (), None),
    ],
)
def test_active_directory_tells_a_lock_that_is_over(lockout_time: Values, computed: Values, unlocked: bool) -> None:
    assert usable("active-directory", "locked", lockout_time, computed) is unlocked


@pytest.mark.parametrize(("computed", "good"), [(one(0x800000), False), (one(16), True), ((), None), (None, None)])
def test_active_directory_works_out_whether_a_password_has_expired(computed: Values, good: bool | None) -> None:
    assert usable("active-directory", "password-expired", computed) is good


@pytest.mark.parametrize(
    ("control", "last_set", "good"),
    [
        (one(512), one(TICKS), True),
        (one(512), one(0), False),
        (one(66048), one(0), True),  # whose password never expires is not asked for another one
        (None, one(0), None),
        (None, one(TICKS), True),
        (one(512), None, None),
        (one(512), (), None),
        (one(512), one(-1), None),
    ],
)
def test_active_directory_asks_for_another_password_first(control: Values, last_set: Values, good: bool | None) -> None:
    assert usable("active-directory", "password-must-change", control, last_set) is good


@pytest.mark.parametrize(
    ("last_change", "longest", "good"),
    [
        (one(TODAY - 90), one(90), True),
        (one(TODAY - 91), one(90), False),
        (one(TODAY), one(0), True),
        (one(TODAY - 1), one(0), False),
        (one(1), one(99_999), True),
        (one(1), one(-1), True),
        (one(-1), one(1), True),
        ((), one(90), True),
        (one(1), (), True),
        (one(0), one(90), None),
        (one(-2), one(90), None),
        (one(1), one(-2), None),
        (None, one(90), None),
        (one(1), None, None),
        (one(1), one("long"), None),
    ],
)
def test_a_shadow_password_ages(last_change: Values, longest: Values, good: bool | None) -> None:
    assert usable("openldap", "password-expired", last_change, longest) is good


@pytest.mark.parametrize(
    ("changed_ago", "inactive", "active"),
    [
        (97, one(7), True),
        (98, one(7), False),
        (91, one(0), False),
        (9999, (), True),
        (9999, one(-1), True),
        (98, None, None),
        (98, one(-2), None),
    ],
)
def test_a_shadow_account_sleeps_a_while_after_its_password(
    changed_ago: int, inactive: Values, active: bool | None
) -> None:
    assert usable("openldap", "inactive", one(TODAY - changed_ago), one(90), inactive) is active


@pytest.mark.parametrize(
    ("reset", "last_change", "good"),
    [
        ((), (), True),
        (one("TRUE"), (), False),
        (one("FALSE"), one(TODAY), True),
        ((), one(0), False),
        (None, one(0), False),
        (None, (), None),
        ((), None, None),
        (one("perhaps"), (), None),
        (("TRUE", "FALSE"), (), None),
    ],
)
def test_openldap_asks_for_another_password_first(reset: Values, last_change: Values, good: bool | None) -> None:
    assert usable("openldap", "password-must-change", reset, last_change) is good


def test_any_lock_of_openldap_counts_where_asked() -> None:
    assert usable("openldap", "locked", ()) is True
    assert usable("openldap", "locked", one("20240310110000Z")) is False
    assert usable("openldap", "locked", one(PERMANENT_LOCK)) is False
    assert usable("openldap", "locked", None) is None


@pytest.mark.parametrize(
    ("lock", "enabled"),
    [((), True), (one("true"), False), (one("TRUE"), False), (one("false"), True), (None, None), (one("1"), None)],
)
def test_389_ds_reads_its_lock(lock: Values, enabled: bool | None) -> None:
    assert usable("389-ds", USABLE, lock) is enabled


@pytest.mark.parametrize(
    ("value", "unlocked", "password"),
    [
        ((), True, True),
        (one("20240310120000Z"), True, False),
        (one("20240310120001Z"), False, True),
        (one("19700101000000Z"), False, False),
        (None, None, None),
        (one("soon"), None, None),
    ],
)
def test_389_ds_says_until_when(value: Values, unlocked: bool | None, password: bool | None) -> None:
    assert usable("389-ds", "locked", value) is unlocked
    assert usable("389-ds", "password-expired", value) is password
