"""Every fault does at the wire what it says, a command sets it, and a running service obeys at its next request."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import urllib3
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from iwds.cli.app import run
from iwds.sandbox.controls import Controls
from iwds.sandbox.faults import Fault, FaultKind
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import SoapFault, build_request
from iwds.soap.safexml import Flaw, UnreadableMessage, soap_body
from tests.integration.sandbox.client import PERSON, SERVICE, Client


@pytest.fixture
def hasty(sandbox: SandboxThread) -> Iterator[Client]:
    """A client that does not wait long."""
    client = Client(sandbox.url, timeout=0.5)
    yield client
    client.close()


def logins(client: Client) -> list[str]:
    return client.page().text_arrays["login"]


def fail(sandbox: SandboxThread, *arguments: object, **settings: object) -> None:
    sandbox.controls.add(Fault(*arguments, **settings))  # type: ignore[arg-type]  # each test gives what its fault takes


def test_latency_delays_the_answer_and_nothing_else(sandbox: SandboxThread, client: Client) -> None:
    fail(sandbox, FaultKind.LATENCY, "IWDS_check", ms=(300, 300))
    began = time.monotonic()
    assert client.text("IWDS_check") == f"OK:{SERVICE}"
    assert 0.3 <= time.monotonic() - began < 5


def test_calls_that_wait_do_not_wait_for_each_other(sandbox: SandboxThread) -> None:
    fail(sandbox, FaultKind.LATENCY, ms=(500, 500))

    def call(_: int) -> str | None:
        with closing(Client(sandbox.url)) as each:
            return each.text("IWDS_check")

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(8))) == {f"OK:{SERVICE}"}
    assert time.monotonic() - began < 8 * 0.5


def test_over_the_rate_limit_a_call_is_not_carried_out(sandbox: SandboxThread, client: Client) -> None:
    fail(sandbox, FaultKind.RATE_LIMIT, "loginCreate", per_second=0.1)
    first = client.raw("loginCreate", **{**PERSON, "userid": 0, "serviceid": SERVICE})
    second = client.raw("loginCreate", **{**PERSON, "login": "noe", "userid": 0, "serviceid": SERVICE})
    assert (first.status, second.status) == (200, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 10
    assert "noe" not in logins(client)
    assert client.text("IWDS_check") == f"OK:{SERVICE}"


@pytest.mark.parametrize(("kind", "made"), [(FaultKind.TIMEOUT_BEFORE, False), (FaultKind.TIMEOUT_AFTER, True)])
def test_a_timeout_answers_nothing_with_or_without_the_effect(
    sandbox: SandboxThread, client: Client, hasty: Client, kind: FaultKind, made: bool
) -> None:
    fail(sandbox, kind, "loginCreate")
    with pytest.raises(ReadTimeoutError):
        hasty.create("zoe")
    assert ("zoe" in logins(client)) is made


@pytest.mark.parametrize("effect", [False, True])
def test_a_reset_breaks_the_connection_off_with_or_without_the_effect(
    sandbox: SandboxThread, client: Client, effect: bool
) -> None:
    fail(sandbox, FaultKind.RESET, "loginCreate", effect=effect)
    with pytest.raises(ProtocolError) as caught:
        client.create("zoe")
    assert type(caught.value.args[1]) is ConnectionResetError  # and not one that says: closed without an answer
    assert ("zoe" in logins(client)) is effect


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("effect", [False, True])
def test_a_page_of_html_comes_instead_of_the_answer(
    sandbox: SandboxThread, client: Client, status: int, effect: bool
) -> None:
    fail(sandbox, FaultKind.HTML, "loginCreate", status=status, effect=effect)
    response = client.raw("loginCreate", **{**PERSON, "userid": 0, "serviceid": SERVICE})
    assert response.status == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    with pytest.raises(UnreadableMessage) as caught:
        soap_body(response.data)
    assert caught.value.flaw is Flaw.HTML
    assert ("zoe" in logins(client)) is effect


def test_a_page_of_html_is_the_one_of_a_service_that_is_down_unless_told_otherwise(
    sandbox: SandboxThread, client: Client
) -> None:
    fail(sandbox, FaultKind.HTML)
    assert client.raw("IWDS_check").status == 503


def test_a_truncated_answer_ends_in_the_middle_and_only_its_content_shows_it(
    sandbox: SandboxThread, client: Client
) -> None:
    whole = client.raw("loginsQuery", userid=0, serviceid=SERVICE, offset=0, nmax=9, sort=1)
    fail(sandbox, FaultKind.TRUNCATED)
    cut = client.raw("loginsQuery", userid=0, serviceid=SERVICE, offset=0, nmax=9, sort=1)
    assert cut.status == 200
    assert cut.headers["content-type"] == whole.headers["content-type"]
    assert cut.data == whole.data[: len(whole.data) // 2]
    with pytest.raises(UnreadableMessage) as caught:
        soap_body(cut.data)
    assert caught.value.flaw is Flaw.TRUNCATED


@pytest.mark.parametrize("effect", [False, True])
def test_an_empty_answer_has_status_200(sandbox: SandboxThread, client: Client, effect: bool) -> None:
    fail(sandbox, FaultKind.EMPTY, "loginCreate", effect=effect)
    response = client.raw("loginCreate", **{**PERSON, "userid": 0, "serviceid": SERVICE})
    assert (response.status, response.data) == (200, b"")
    assert ("zoe" in logins(client)) is effect


@pytest.mark.parametrize("effect", [False, True])
def test_a_soap_fault_has_status_500(sandbox: SandboxThread, client: Client, effect: bool) -> None:
    fail(sandbox, FaultKind.SOAP_FAULT, "loginCreate", effect=effect)
    assert client.raw("loginCreate", **{**PERSON, "login": "noe", "userid": 0, "serviceid": SERVICE}).status == 500
    with pytest.raises(SoapFault, match="NullPointerException") as caught:
        client.create("zoe")
    assert not caught.value.is_unknown_operation
    assert ("zoe" in logins(client)) is effect


@pytest.mark.parametrize("effect", [False, True])
def test_a_bare_nok_leaves_open_whether_there_was_an_effect(
    sandbox: SandboxThread, client: Client, effect: bool
) -> None:
    login_id = client.made("noe")
    fail(sandbox, FaultKind.NOK, effect=effect)
    assert client.create("zoe").err == "NOK"
    assert client.text("loginDelete", loginid=login_id) == "NOK"
    sandbox.controls.clear()
    assert ("zoe" in logins(client)) is effect
    assert ("noe" in logins(client)) is not effect


def test_a_page_that_drifts_skips_a_row_and_counts_it(sandbox: SandboxThread, client: Client) -> None:
    for name in "abcdef":
        client.made(name)
    fail(sandbox, FaultKind.DRIFT, "loginsQuery", after=1)
    pages = [client.page(offset=offset, nmax=4) for offset in (0, 4)]
    assert [page.numbers["count"] for page in pages] == [8, 8]
    assert pages[0].text_arrays["login"] == ["a", "b", "c", "console.ada"]
    assert pages[1].text_arrays["login"] == ["d", "e", "f"]  # console.linus is skipped


@pytest.mark.parametrize(("by", "count"), [(None, 3), (-1, 1), (-99, 0)])
def test_a_wrong_count_is_off_by_as_much_as_told_and_the_rows_stay(
    sandbox: SandboxThread, client: Client, by: int | None, count: int
) -> None:
    fail(sandbox, FaultKind.WRONG_COUNT, by=by)
    page = client.page()
    assert page.numbers["count"] == count
    assert (page.numbers["n"], len(page.text_arrays["login"])) == (2, 2)


def test_an_error_of_the_application_has_no_count_to_be_wrong(sandbox: SandboxThread, client: Client) -> None:
    fail(sandbox, FaultKind.WRONG_COUNT)
    assert client.page(sort=99).err == "NOK:SN"


def test_a_fault_is_over_after_its_times_and_does_not_touch_other_operations(
    sandbox: SandboxThread, client: Client
) -> None:
    number = sandbox.controls.add(Fault(FaultKind.NOK, "loginQuery", times=2, after=1))
    assert [client.page().err for _ in range(5)] == ["OK"] * 5
    assert [client.answer("loginQuery", loginid=1).err for _ in range(4)] == [
        "NOK:account unknown", "NOK", "NOK", "NOK:account unknown",
    ]  # fmt: skip
    (kept,) = sandbox.controls.faults()
    assert (kept.id, kept.seen, kept.struck) == (number, 4, 2)


def test_of_several_faults_the_oldest_that_is_due_strikes_and_waiting_adds_up(
    sandbox: SandboxThread, client: Client
) -> None:
    fail(sandbox, FaultKind.LATENCY, ms=(100, 100))
    fail(sandbox, FaultKind.LATENCY, ms=(100, 100))
    fail(sandbox, FaultKind.NOK, times=1)
    fail(sandbox, FaultKind.HTML)
    began = time.monotonic()
    assert client.text("IWDS_check") == "NOK"
    assert time.monotonic() - began >= 0.2
    assert client.raw("IWDS_check").status == 503


def test_chance_is_repeated_by_its_seed(client: Client, sandbox: SandboxThread) -> None:
    rounds = []
    for _ in range(2):
        fail(sandbox, FaultKind.NOK, "IWDS_check", rate=0.5, seed=7)
        rounds.append([client.text("IWDS_check") for _ in range(20)])
        sandbox.controls.clear()
    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {"NOK", f"OK:{SERVICE}"}


def test_a_service_that_is_told_to_stop_does_not_wait_for_those_who_get_no_answer() -> None:
    with SandboxThread() as sandbox:
        fail(sandbox, FaultKind.TIMEOUT_BEFORE, "IWDS_check")
        fail(sandbox, FaultKind.LATENCY, "loginCreate", ms=(60_000, 60_000))
        host, _, port = sandbox.address.removeprefix("http://").partition(":")
        held = [socket.create_connection((host, int(port)), 10) for _ in range(2)]
        calls = (
            build_request(OPERATIONS["IWDS_check"]),
            build_request(OPERATIONS["loginCreate"], **{**PERSON, "userid": 0, "serviceid": SERVICE}),
        )
        for connection, body in zip(held, calls, strict=True):
            head = f"POST /services/ConsoleAdmin HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        while sum(kept.seen for kept in sandbox.controls.faults()) < 2:
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    for connection in held:
        with connection:
            assert connection.recv(100) == b""


def test_a_client_that_gives_up_waiting_does_not_disturb_the_service(
    sandbox: SandboxThread, client: Client, hasty: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    fail(sandbox, FaultKind.LATENCY, "loginCreate", ms=(800, 800), times=2)
    fail(sandbox, FaultKind.RESET, "loginCreate", times=1)
    for name in ("noe", "zoe"):
        with pytest.raises(ReadTimeoutError):
            hasty.create(name)
    while "zoe" not in logins(client):  # who asked is gone, and what was asked is done
        time.sleep(0.01)
    assert capfd.readouterr().err == ""


def test_a_command_sets_a_fault_and_a_running_service_obeys_at_its_next_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as sandbox, closing(Client(sandbox.url)) as client:
        assert client.text("IWDS_check") == f"OK:{SERVICE}"
        assert run(["sandbox", "fault", "add", "nok", "--operation", "IWDS*", "--times", "1", "--data", str(data)]) == 0
        assert [client.text("IWDS_check") for _ in range(2)] == ["NOK", f"OK:{SERVICE}"]
        assert run(["sandbox", "fault", "list", "--data", str(data)]) == 0
        assert "struck 1 of 2  nok --operation IWDS* --times 1" in capsys.readouterr().out
        run(["sandbox", "fault", "add", "html", "--data", str(data)])
        assert client.raw("IWDS_check").status == 503
        assert run(["sandbox", "fault", "clear", "--data", str(data)]) == 0
        assert client.text("IWDS_check") == f"OK:{SERVICE}"


def test_one_fault_is_cleared_by_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    Store(str(data)).close()
    with closing(Controls(str(data))) as controls:
        first, second = controls.add(Fault(FaultKind.NOK)), controls.add(Fault(FaultKind.EMPTY))
        assert run(["sandbox", "fault", "clear", str(first), "--data", str(data)]) == 0
        assert [kept.id for kept in controls.faults()] == [second]
        assert run(["sandbox", "fault", "clear", "99", "--data", str(data)]) == 64
    assert "there is no fault 99" in capsys.readouterr().err


def test_a_command_for_a_file_that_is_not_there_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    assert run(["sandbox", "fault", "add", "nok", "--data", str(data)]) == 78
    assert "there is no data file" in capsys.readouterr().err
    assert not data.exists()


def test_a_command_that_makes_no_sense_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    Store(str(data)).close()
    assert run(["sandbox", "fault", "add", "latency", "--data", str(data)]) == 64
    assert "latency needs --ms" in capsys.readouterr().err


def test_without_a_fault_nothing_is_written_and_little_is_read() -> None:
    with closing(Controls(":memory:")) as controls:
        controls.strike("loginsQuery")
        statements: list[str] = []
        controls._db.set_trace_callback(statements.append)
        assert controls.strike("loginsQuery").fault is None
    assert statements == ["PRAGMA data_version"]


def test_the_description_is_served_whatever_goes_wrong(sandbox: SandboxThread) -> None:
    fail(sandbox, FaultKind.HTML)
    assert urllib3.request("GET", sandbox.url + "?wsdl").status == 200
