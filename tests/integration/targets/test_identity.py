"""Whose the certificate is: asked before anything else, and with another service's nothing is read or changed."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from iwds.errors import AccessRefused, NotSent, ServiceUnavailable
from iwds.sandbox.server import SandboxThread
from iwds.targets.provisioning import ProvisioningTarget, Settings, connect
from tests.integration.targets.broken import Behaviour, BrokenServer, answer, in_turn, reset
from tests.integration.targets.test_failures import HTML, READS, WRITES, fault, refused, returned, returned_nil

NO_GROUPS = returned("serviceGroupsQuery", "<err>OK</err><count>0</count><n>0</n><id>0</id><name></name>")


def target(url: str, **values: object) -> ProvisioningTarget:
    fixed = {"kind": "provisioning", "url": url, "service_id": 10408, "provisioning_id": 4711, "attempts": 1}
    return connect("mfa", Settings.model_validate({**fixed, **values}))


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with SandboxThread() as running:
        yield running


def test_with_a_certificate_of_another_service_nothing_is_read_or_changed() -> None:
    with BrokenServer(returned("IWDS_check", "OK:20501"), honest=False) as server:
        connected = target(server.url)
        attempts: list[Callable[[], object]] = [
            *(partial(read, connected.reader) for read in READS.values()),
            *(partial(write, connected.writer()) for write in WRITES.values()),
            connected.reader.knows_tagged_creation,
            lambda: connected.actions().details(5),
            lambda: connected.actions().restore(5),
        ]
        for attempt in attempts:
            with pytest.raises(AccessRefused, match="what answers at url is service 20501, and service_id says 10408"):
                attempt()
        assert set(server.operations) == {"IWDS_check"}


def test_the_service_is_asked_once(sandbox: SandboxThread) -> None:
    connected = target(sandbox.url)
    with ThreadPoolExecutor(8) as lanes:
        list(lanes.map(connected.reader.named, ["zoe"] * 20))
    connected.writer()
    assert connected.spent.calls == 21


@pytest.mark.parametrize(
    "behaviour",
    [refused("IWDS_check", "NOK"), refused("IWDS_check", "OK"), fault("No such operation 'IWDS_check'")],
)
def test_a_service_that_does_not_say_is_believed_for_what_it_lists(behaviour: Behaviour) -> None:
    with BrokenServer(in_turn(behaviour, NO_GROUPS), honest=False) as server:
        assert target(server.url).reader.read_groups() == []
        assert server.operations == ["IWDS_check", "serviceGroupsQuery"]


@pytest.mark.parametrize(
    "behaviour",
    [reset, answer(HTML), fault("out of memory"), refused("IWDS_check", "maybe"), returned_nil("IWDS_check")],
)
def test_no_answer_to_the_question_is_no_yes(behaviour: Behaviour) -> None:
    with BrokenServer(behaviour, honest=False) as server:
        connected = target(server.url)
        with pytest.raises(ServiceUnavailable):
            connected.reader.read_groups()
        with pytest.raises(NotSent):
            connected.writer().delete(5)
        assert server.operations == ["IWDS_check"] * 2


def test_it_is_asked_again_where_there_was_no_answer() -> None:
    good = returned("IWDS_check", "OK:10408")
    with BrokenServer(in_turn(reset, good, NO_GROUPS), honest=False) as server:
        reader = target(server.url).reader
        with pytest.raises(ServiceUnavailable):
            reader.read_groups()
        assert reader.read_groups() == []


def test_the_check_ends_with_a_certificate_of_another_service() -> None:
    with SandboxThread(service_id=20501) as sandbox:
        *_, last = target(sandbox.url).reader.check()
    assert (last.what, last.ok) == ("service", False)
    assert "20501" in last.detail
    assert "10408" in last.detail
