"""How tokens look, how long they are good for, and how long one is believed."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.sandbox.controls import Controls
from iwds.sandbox.tokens import end_of, months_later

NOON = datetime(2030, 5, 31, 12, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def controls(tmp_path: Path, clock: Clock) -> Iterator[Controls]:
    with closing(Controls(str(tmp_path / "sandbox.db"), clock)) as opened:
        yield opened


def test_a_token_is_shaped_as_a_json_web_token_of_its_service_and_user(controls: Controls) -> None:
    number, text = controls.add_token("nightly", "10408/ada", NOON + timedelta(days=1))
    header, claims, _signature = (base64.urlsafe_b64decode(part + "==") for part in text.split("."))
    assert json.loads(header) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(claims)["sub"] == "10408/ada"
    assert json.loads(claims)["exp"] == (NOON + timedelta(days=1)).timestamp()
    assert controls.accepts(text)
    assert [token.id for token in controls.tokens()] == [number]


def test_only_a_hash_is_kept_and_nothing_shows_it(controls: Controls, tmp_path: Path) -> None:
    _number, text = controls.add_token("nightly", "10408/ada", None)
    (kept,) = controls.tokens()
    assert kept.hash.hex() not in repr(kept)
    controls.close()
    for file in tmp_path.iterdir():
        for part in text.split(".")[1:]:
            assert part.encode() not in file.read_bytes()


def test_two_tokens_are_never_the_same(controls: Controls) -> None:
    assert controls.add_token("a", "1/a", None)[1] != controls.add_token("a", "1/a", None)[1]


def test_a_token_is_good_until_it_expires_and_not_longer_even_where_it_was_believed(
    controls: Controls, clock: Clock
) -> None:
    _number, text = controls.add_token("nightly", "1/a", NOON + timedelta(minutes=10))
    assert controls.accepts(text)
    clock.moment += timedelta(minutes=10)
    assert not controls.accepts(text)


def test_a_revoked_token_is_believed_for_an_hour_after_the_last_look_at_most(controls: Controls, clock: Clock) -> None:
    number, text = controls.add_token("nightly", "1/a", None)
    assert controls.accepts(text)
    assert controls.revoke(number)
    clock.moment += timedelta(minutes=59)
    assert controls.accepts(text)  # being used does not prolong it
    clock.moment += timedelta(minutes=1)
    assert not controls.accepts(text)


def test_a_revoked_token_that_was_never_seen_is_refused_at_once(controls: Controls) -> None:
    number, text = controls.add_token("nightly", "1/a", None)
    controls.revoke(number)
    assert not controls.accepts(text)
    assert not controls.revoke(number)
    assert controls.tokens() == []


def test_without_a_cache_revocation_takes_effect_at_once(tmp_path: Path) -> None:
    with closing(Controls(str(tmp_path / "sandbox.db"), token_cache=0)) as controls:
        number, text = controls.add_token("nightly", "1/a", None)
        assert controls.accepts(text)
        controls.revoke(number)
        assert not controls.accepts(text)


@pytest.mark.parametrize(
    "change", [str.lower, lambda t: t[:-1], lambda t: t + "A", lambda t: "", lambda t: "x" * 10**6]
)
def test_what_is_nearly_a_token_is_none(controls: Controls, change: object) -> None:
    assert callable(change)
    _number, text = controls.add_token("nightly", "1/a", None)
    assert not controls.accepts(change(text))


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), months=st.integers(1, 40))
def test_months_later_is_that_many_calendar_months_later(moment: datetime, months: int) -> None:
    later = months_later(moment, months)
    assert (later.year * 12 + later.month) - (moment.year * 12 + moment.month) == months
    assert later.day <= moment.day
    assert later.time() == moment.time()


def test_thirteen_months_after_the_end_of_january_is_the_end_of_february() -> None:
    assert months_later(datetime(2030, 1, 31)) == datetime(2031, 2, 28)
    assert end_of(date(2030, 1, 31)).isoformat() == "2030-01-31T23:59:59+00:00"
