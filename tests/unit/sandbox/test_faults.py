"""What a fault may be, and when it strikes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.errors import UsageError
from iwds.sandbox.faults import LISTINGS, Fault, FaultKind, milliseconds
from iwds.sandbox.limits import Bucket

NONSENSE: list[dict[str, Any]] = [
    {"kind": FaultKind.LATENCY},
    {"kind": FaultKind.LATENCY, "ms": (500, 100)},
    {"kind": FaultKind.LATENCY, "ms": (-1, 5)},
    {"kind": FaultKind.LATENCY, "ms": (0, 10**9)},
    {"kind": FaultKind.RATE_LIMIT},
    {"kind": FaultKind.RATE_LIMIT, "per_second": 0.0},
    {"kind": FaultKind.RATE_LIMIT, "per_second": float("inf")},
    {"kind": FaultKind.RATE_LIMIT, "per_second": float("nan")},
    {"kind": FaultKind.HTML, "ms": (1, 1)},
    {"kind": FaultKind.HTML, "status": 99},
    {"kind": FaultKind.NOK, "times": 0},
    {"kind": FaultKind.NOK, "after": -1},
    {"kind": FaultKind.NOK, "rate": 0.0},
    {"kind": FaultKind.NOK, "rate": 1.5},
    {"kind": FaultKind.NOK, "rate": float("nan")},
    {"kind": FaultKind.NOK, "seed": 1},
    {"kind": FaultKind.TIMEOUT_BEFORE, "effect": True},
    {"kind": FaultKind.WRONG_COUNT, "by": 0},
    {"kind": FaultKind.EMPTY, "operation": "loginUpdat"},
    {"kind": FaultKind.DRIFT, "operation": "loginUpdate"},
    {"kind": FaultKind.EXPIRED_CERTIFICATE, "operation": "login*"},
]


@pytest.mark.parametrize("settings", NONSENSE, ids=str)
def test_nonsense_is_refused_with_a_sentence(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Fault(**settings)
    assert caught.value.message


def test_a_mistyped_operation_is_told_its_nearest_neighbour() -> None:
    with pytest.raises(UsageError) as caught:
        Fault(FaultKind.NOK, operation="loginUpdat")
    assert caught.value.advice == "the nearest is loginUpdate"


def test_an_operation_is_named_by_itself_or_by_a_pattern() -> None:
    assert Fault(FaultKind.NOK, operation="group*").concerns("groupAccountCreate")
    assert not Fault(FaultKind.NOK, operation="group*").concerns("loginCreate")
    assert Fault(FaultKind.NOK).concerns("IWDS_check")


def test_drift_concerns_listings_only_and_an_expired_certificate_no_call_at_all() -> None:
    drift = Fault(FaultKind.DRIFT)
    assert {"loginsQuery", "loginSearch", "loginGetGroups", "serviceGroupsQuery", "loginsQueryByGroup"} == LISTINGS
    assert drift.concerns("loginsQuery")
    assert not drift.concerns("loginUpdate")
    assert not Fault(FaultKind.EXPIRED_CERTIFICATE).concerns("loginsQuery")


@given(after=st.integers(0, 20), times=st.integers(1, 20))
def test_a_fault_strikes_as_often_as_it_was_told_once_its_time_has_come(after: int, times: int) -> None:
    fault = Fault(FaultKind.NOK, after=after, times=times)
    struck: list[int] = []
    for seen in range(1, 60):
        if fault.is_due(seen, len(struck)):
            struck.append(seen)
    assert struck == list(range(after + 1, after + 1 + times))


@given(seed=st.integers(0, 10**6))
def test_chance_is_the_same_for_the_same_seed_and_about_as_often_as_told(seed: int) -> None:
    fault = Fault(FaultKind.NOK, rate=0.25, seed=seed)
    struck = [seen for seen in range(1, 2001) if fault.is_due(seen, 0)]
    assert struck == [seen for seen in range(1, 2001) if Fault(FaultKind.NOK, rate=0.25, seed=seed).is_due(seen, 0)]
    assert 350 < len(struck) < 650


@given(low=st.integers(0, 1000), more=st.integers(0, 1000), seen=st.integers(1, 100))
def test_a_delay_is_within_its_range(low: int, more: int, seen: int) -> None:
    delay = Fault(FaultKind.LATENCY, ms=(low, low + more), seed=1).delay(seen)
    assert low / 1000 <= delay <= (low + more) / 1000


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(FaultKind.LATENCY, ms=(5, 5)), "latency --ms 5"),
        (Fault(FaultKind.LATENCY, ms=(5, 9), seed=3), "latency --seed 3 --ms 5-9"),
        (Fault(FaultKind.RATE_LIMIT, per_second=0.5), "rate-limit --per-second 0.5"),
        (Fault(FaultKind.HTML, "login*", 3, 2, status=200, effect=True),
         "html --operation login* --times 3 --after 2 --status 200 --effect"),
        (Fault(FaultKind.WRONG_COUNT, by=-2), "wrong-count --by -2"),
    ],
)  # fmt: skip
def test_a_fault_is_shown_as_it_is_typed_and_kept_without_loss(fault: Fault, words: str) -> None:
    assert fault.words() == words
    assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize(("text", "ms"), [("500", (500, 500)), ("1-20", (1, 20))])
def test_milliseconds_are_a_number_or_a_range(text: str, ms: tuple[int, int]) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize("text", ["", "x", "1.5", "-5", "5-", "1-2-3", "²"])
def test_what_is_no_number_of_milliseconds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no number of milliseconds"):
        milliseconds(text)


def test_a_bucket_lets_its_rate_through_and_says_how_long_to_wait() -> None:
    now = 0.0
    bucket = Bucket(2.0, lambda: now)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert bucket.seconds_to_wait() == 1
    now = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_is_a_call_in_several_seconds() -> None:
    now = 0.0
    bucket = Bucket(0.1, lambda: now)
    assert [bucket.take(), bucket.take()] == [True, False]
    assert bucket.seconds_to_wait() == 10
    now = 9.9
    assert not bucket.take()
    now = 10.1
    assert bucket.take()
