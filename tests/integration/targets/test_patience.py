"""What only asks is asked again where that may help; what changes something never is, here."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime

import pytest

from iwds.errors import NotSent, OutcomeUnknown, ServiceUnavailable
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import build_partial_request
from iwds.targets._calls import Api
from iwds.targets._patience import LONGEST, Patience
from iwds.targets._transport import Transport
from tests.integration.targets.broken import Behaviour, BrokenServer, answer, in_turn, reset
from tests.integration.targets.test_failures import HTML, fault, refused, returned

GOOD = returned("loginQuery", "<err>OK</err><login>zoe</login>")
BUSY = "429 Too Many Requests"


@contextmanager
def asked(*behaviours: Behaviour, attempts: int = 3) -> Iterator[tuple[Api, BrokenServer, list[float]]]:
    """An api whose waits are noted and not made; its chance is always the greatest."""
    waits: list[float] = []
    with BrokenServer(in_turn(*behaviours)) as server:
        transport = Transport(server.url, None, 1, 1, 0)
        yield Api(transport, "mfa", 10408, Patience(attempts, waits.append, lambda _, most: most)), server, waits
        transport.close()


def read(api: Api) -> str:
    return api.read("loginQuery", userid=0, loginid=5).texts["login"]


def busy(seconds: object, status: str = BUSY) -> Behaviour:
    return answer(HTML, status, headers=f"Retry-After: {seconds}\r\n")


@pytest.mark.parametrize(
    "failure",
    [reset, answer(HTML), answer(HTML, "502 Bad Gateway"), answer(HTML, BUSY), answer(b""), fault("out of memory")],
)
def test_a_read_is_asked_again_until_it_is_answered(failure: Behaviour) -> None:
    with asked(failure, failure, GOOD) as (api, server, waits):
        assert read(api) == "zoe"
        assert waits == [0.5, 1.0]
        assert len(server.requests) == 3


def test_a_read_is_given_up_after_the_last_attempt() -> None:
    with asked(reset, attempts=4) as (api, server, waits):
        with pytest.raises(ServiceUnavailable):
            read(api)
        assert waits == [0.5, 1.0, 2.0]
        assert len(server.requests) == 4


def test_a_wait_lies_anywhere_between_nothing_and_twice_the_one_before() -> None:
    waits: list[float] = []
    patience = Patience(100, waits.append)
    for tried in range(1, 100):
        assert patience.waits(tried, None)
    assert all(0 <= wait <= min(LONGEST, 0.5 * 2**number) for number, wait in enumerate(waits))
    assert len(set(waits)) > 50


@pytest.mark.parametrize("status", [BUSY, "503 Service Unavailable"])
def test_a_service_that_says_how_long_is_waited_for_that_long(status: str) -> None:
    with asked(busy(7, status), GOOD) as (api, _, waits):
        assert read(api) == "zoe"
        assert waits == [7.5]


def test_a_service_may_say_until_when() -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=20)
    with asked(busy(format_datetime(until, usegmt=True)), GOOD) as (api, _, waits):
        assert read(api) == "zoe"
        assert 15 < waits[0] <= 20.5


@pytest.mark.parametrize("text", ["soon", "-5", "", "9" * 30, "Wed, 99 Foo 2026 00:00:00 GMT"])
def test_what_cannot_be_understood_as_a_time_is_not_looked_at(text: str) -> None:
    with asked(busy(text), GOOD) as (api, _, waits):
        assert read(api) == "zoe"
        assert waits == [0.5]


def test_a_service_that_wants_too_much_time_is_left_alone_at_once() -> None:
    with asked(busy(3600)) as (api, server, waits):
        with pytest.raises(ServiceUnavailable, match="after 3600 seconds"):
            read(api)
        assert (waits, len(server.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        (answer(HTML, "404 Not Found"), "url"),
        (answer(HTML, "301 Moved Permanently", headers="Location: /\r\n"), "url"),
        (fault("No such operation 'loginQuery'"), "url"),
        (refused("loginQuery", "NOK"), "later"),
        (refused("loginQuery", "NOK:something"), "later"),
    ],
)
def test_what_would_be_answered_alike_is_not_asked_again(behaviour: Behaviour, advice: str) -> None:
    with asked(behaviour) as (api, server, waits):
        with pytest.raises(ServiceUnavailable) as caught:
            read(api)
        assert advice in caught.value.advice
        assert (waits, len(server.requests)) == ([], 1)


def test_an_operation_that_is_refused_with_a_fault_is_known_at_once() -> None:
    operation = OPERATIONS["loginCreateBySource"]
    with asked(fault("arguments do not match")) as (api, server, waits):
        assert api.is_known(operation, build_partial_request(operation))
        assert (waits, len(server.requests)) == ([], 1)


@pytest.mark.parametrize("behaviour", [reset, answer(HTML, "503 Service Unavailable"), busy(1)])
def test_a_change_is_sent_once(behaviour: Behaviour) -> None:
    with asked(behaviour) as (api, server, waits):
        with pytest.raises((OutcomeUnknown, NotSent)):
            api.write("loginDelete", userid=0, serviceid=10408, loginid=5)
        assert (waits, len(server.requests)) == ([], 1)
