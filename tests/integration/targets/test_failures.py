"""What goes wrong at the wire means one thing to a read and another to a write, and is never guessed."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from iwds.core.model import Account, Anchor, Login
from iwds.errors import (
    AccessRefused,
    Busy,
    CallFailed,
    IwdsError,
    LoginTaken,
    LoginUnknown,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServiceFull,
    ServiceUnavailable,
)
from iwds.ports import TargetReader, TargetWriter
from iwds.soap.description import NAMESPACE, OPERATIONS
from iwds.soap.safexml import SOAP
from iwds.targets.provisioning import Settings, connect
from tests.integration.targets.broken import Behaviour, BrokenServer, answer, reset, silence

PERSON = Account(Anchor("realm", "1"), "zoe", enabled=True)
LOGIN = Login(5, "zoe", "", "", "", "", 0, 0, "", 1, True, 0)


def settings(url: str, **values: object) -> Settings:
    fixed = {"kind": "provisioning", "url": url, "service_id": 10408, "provisioning_id": 4711}
    return Settings.model_validate({**fixed, "timeout_s": 1, "attempts": 1, **values})


@contextmanager
def target(url: str, **values: object) -> Iterator[tuple[TargetReader, TargetWriter]]:
    connected = connect("mfa", settings(url, **values))
    yield connected.reader, connected.writer()
    connected.reader.close()


def soap(inner: str) -> bytes:
    return f'<?xml version="1.0"?><e:Envelope xmlns:e="{SOAP}"><e:Body>{inner}</e:Body></e:Envelope>'.encode()


def returned(name: str, text: str) -> Behaviour:
    """The answer of an operation: a text, or the fields of an object."""
    return answer(soap(f'<{name}Response xmlns="{NAMESPACE}"><{name}Return>{text}</{name}Return></{name}Response>'))


def returned_nil(name: str) -> Behaviour:
    """The answer of an operation that returned nothing, as the service's toolkit writes it."""
    nil = f'<{name}Return xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
    return answer(soap(f'<{name}Response xmlns="{NAMESPACE}">{nil}</{name}Response>'))


def refused(name: str, code: str) -> Behaviour:
    return returned(name, f"<err>{code}</err>" if OPERATIONS[name].result else code)


def fault(text: str) -> Behaviour:
    inner = f"<e:Fault><faultcode>e:Server</faultcode><faultstring>{text}</faultstring></e:Fault>"
    return answer(soap(inner), "500 Internal Server Error")


HTML = b"<html><body>Bad Gateway</body></html>"
NONSENSE = {
    "a web page": answer(HTML),
    "a gateway's page": answer(HTML, "502 Bad Gateway"),
    "a redirect": answer(b"", "302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
    "no such page": answer(HTML, "404 Not Found"),
    "a failure with a page": answer(HTML, "500 Internal Server Error"),
    "nothing to return": answer(soap(f'<loginDeleteResponse xmlns="{NAMESPACE}"/>')),
    "two answers": answer(soap(2 * f'<loginDeleteResponse xmlns="{NAMESPACE}"/>')),
    "a return of another name": answer(
        soap(f'<loginDeleteResponse xmlns="{NAMESPACE}"><x>OK</x></loginDeleteResponse>')
    ),
    "a nil return": returned_nil("loginDelete"),
    "nothing": answer(b""),
    "half an envelope": answer(soap("<a/>")[:-30]),
    "another operation's answer": returned("loginRestore", "OK"),
    "a well-formed answer with a wrong status": answer(soap("<loginDeleteResponse/>"), "503 Service Unavailable"),
    "a fault": fault("java.lang.NullPointerException"),
    "a body shorter than announced": answer(soap("<a/>"), length=5000),
    "a reset": reset,
    "silence": silence,
}


def read_all(reader: TargetReader) -> object:
    return list(reader.read_logins())


READS: dict[str, Callable[[TargetReader], object]] = {
    "logins": read_all,
    "groups": lambda reader: reader.read_groups(),
    "memberships": lambda reader: list(reader.read_memberships([1])),
    "one login": lambda reader: reader.login(5, "zoe"),
    "one name": lambda reader: reader.named("zoe"),
    "one role": lambda reader: reader.role_in(1, 5),
    "some roles": lambda reader: reader.roles_in({1, 2}, 5),
}
WRITES: dict[str, Callable[[TargetWriter], object]] = {
    "loginCreateBySource": lambda writer: writer.create(PERSON),
    "loginUpdate": lambda writer: writer.update(LOGIN),
    "loginDelete": lambda writer: writer.delete(5),
    "groupAccountCreate": lambda writer: writer.add_to_group(1, 5),
    "groupAccountUpdate": lambda writer: writer.set_role_in(1, 5, 17),
    "groupAccountDelete": lambda writer: writer.remove_from_group(1, 5),
    "loginSendByMail": lambda writer: writer.send_activation(5),
}


@pytest.mark.parametrize("behaviour", NONSENSE.values(), ids=NONSENSE)
def test_an_answer_that_is_none_fails_a_read_and_leaves_a_write_unknown(behaviour: Behaviour) -> None:
    with BrokenServer(behaviour) as server, target(server.url) as (reader, writer):
        with pytest.raises(ServiceUnavailable):
            read_all(reader)
        with pytest.raises(OutcomeUnknown):
            writer.delete(5)
        assert len(server.requests) == 2


def test_a_nil_result_is_no_answer_to_a_read() -> None:
    with (
        BrokenServer(returned_nil("loginsQuery")) as server,
        target(server.url) as (reader, _),
        pytest.raises(ServiceUnavailable, match="nonsense"),
    ):
        read_all(reader)


def test_a_service_that_takes_no_more_calls_did_nothing() -> None:
    behaviour = answer(b"slow down", "429 Too Many Requests", headers="Retry-After: 7\r\n")
    with BrokenServer(behaviour) as server, target(server.url) as (reader, writer):
        with pytest.raises(ServiceUnavailable, match="after 7 seconds"):
            read_all(reader)
        with pytest.raises(Busy) as caught:
            writer.delete(5)
        assert caught.value.wait == 7
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_a_gateway_does_not_know_whether_a_change_was_made(status: str) -> None:
    behaviour = answer(HTML, status, headers="Retry-After: 1\r\n")
    with (
        BrokenServer(behaviour) as server,
        target(server.url) as (_, writer),
        pytest.raises(OutcomeUnknown, match=status[:3]),
    ):
        writer.delete(5)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_read_fails_alike(read: Callable[[TargetReader], object]) -> None:
    with (
        BrokenServer(answer(HTML, "502 Bad Gateway")) as server,
        target(server.url) as (reader, _),
        pytest.raises(ServiceUnavailable),
    ):
        read(reader)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_write_is_left_unknown_alike_and_sent_once(write: Callable[[TargetWriter], object]) -> None:
    with BrokenServer(reset) as server, target(server.url) as (_, writer):
        with pytest.raises(OutcomeUnknown):
            write(writer)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "301 Moved Permanently", "405 Method Not Allowed"])
def test_an_address_that_never_was_the_service_is_a_wrong_setting(status: str) -> None:
    with BrokenServer(answer(HTML, status), honest=False) as server:
        connected = connect("mfa", settings(server.url))
        with pytest.raises(AccessRefused, match=status[:3]) as refused:
            connected.reader.read_groups()
        assert "Look at url" in refused.value.advice


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://no-such-host.localhost.invalid/"])
def test_a_service_that_cannot_be_reached_was_sent_nothing(url: str) -> None:
    free = settings("http://127.0.0.1:1/").model_copy(update={"url": url})
    connected = connect("mfa", free)
    with pytest.raises(ServiceUnavailable, match="cannot be reached") as refused:
        connected.reader.read_groups()
    assert "host and port in `url`" in refused.value.advice
    for write in WRITES.values():
        with pytest.raises(NotSent):
            write(connected.writer())


CAUSES: dict[str, type[CallFailed]] = {
    "NOK:full": ServiceFull,
    "NOK:loginexists": LoginTaken,
    "NOK:login already used": LoginTaken,
    "NOK:account unknown": LoginUnknown,
    "NOK:NOLOGIN": LoginUnknown,
    "NOK:SN": Rejected,
    "NOK:something new": Rejected,
    "NOK": OutcomeUnknown,
    "NOK:": OutcomeUnknown,
    "maybe": OutcomeUnknown,
}


@pytest.mark.parametrize("name", ["loginCreateBySource", "loginUpdate"])
@pytest.mark.parametrize("code", CAUSES)
def test_each_cause_is_its_own_error(code: str, name: str) -> None:
    with BrokenServer(refused(name, code)) as server, target(server.url) as (_, writer):
        with pytest.raises(CallFailed) as caught:
            WRITES[name](writer)
        assert type(caught.value) is CAUSES[code]


def test_a_rejection_carries_its_cause() -> None:
    with (
        BrokenServer(refused("loginUpdate", "NOK:SN")) as server,
        target(server.url) as (_, writer),
        pytest.raises(Rejected) as caught,
    ):
        writer.update(LOGIN)
    assert caught.value.cause == "SN"


@pytest.mark.parametrize("code", ["NOK:access forbidden", "NOK:FORBIDDEN", "NOK:srv unknown"])
def test_a_refusal_of_us_is_fatal(code: str) -> None:
    with BrokenServer(refused("loginDelete", code)) as server, target(server.url) as (reader, writer):
        with pytest.raises(AccessRefused):
            writer.delete(5)
        server.behaviour = refused("serviceGroupsQuery", code)
        with pytest.raises(AccessRefused):
            reader.read_groups()


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_refusal_by_http_is_fatal(status: str) -> None:
    with BrokenServer(answer(HTML, status)) as server, target(server.url) as (reader, writer):
        with pytest.raises(AccessRefused):
            read_all(reader)
        with pytest.raises(AccessRefused):
            writer.delete(5)


def test_an_operation_that_the_service_lacks_was_not_done() -> None:
    with BrokenServer(fault("No such operation 'x'")) as server, target(server.url) as (reader, writer):
        for write in WRITES.values():
            with pytest.raises(Rejected):
                write(writer)
        with pytest.raises(ServiceUnavailable, match="does not have"):
            reader.read_groups()


def test_a_text_that_cannot_be_sent_is_rejected_before_it_is_sent() -> None:
    with BrokenServer(reset) as server, target(server.url) as (_, writer):
        with pytest.raises(Rejected, match=r"U\+0001"):
            writer.update(Login(5, "zoe", "secret\x01", "", "", "", 0, 0, "", 1, True, 0))
        assert server.requests == []


def test_a_name_that_cannot_be_sent_is_not_looked_for() -> None:
    with BrokenServer(reset) as server, target(server.url) as (reader, _):
        with pytest.raises(Rejected, match=r"U\+0001"):
            reader.named("zoe\x01")
        assert server.requests == []


def test_a_creation_without_an_id_is_unknown() -> None:
    for inner in ("<err>OK</err><code>123456789</code><id>0</id>", "<err>OK</err><code>123456789</code>"):
        with (
            BrokenServer(returned("loginCreateBySource", inner)) as server,
            target(server.url) as (_, writer),
            pytest.raises(OutcomeUnknown) as caught,
        ):
            writer.create(PERSON)
        assert "123456789" not in str(caught.value)


@pytest.mark.parametrize("code", ["123456789", "OK123456789"])
def test_what_may_be_a_code_is_not_shown_in_an_error(code: str) -> None:
    with (
        BrokenServer(refused("loginSendByMail", code)) as server,
        target(server.url) as (_, writer),
        pytest.raises(OutcomeUnknown) as caught,
    ):
        writer.send_activation(5)
    assert "123456789" not in repr(caught.value) + str(caught.value.__context__) + str(caught.value.__cause__)


def test_an_answer_that_dribbles_does_not_hold_a_lane_for_ever() -> None:
    def dribble(connection: socket.socket) -> None:
        answer(b"<", length=1000)(connection)
        for _ in range(100):
            connection.settimeout(0.3)
            connection.sendall(b" ")
            try:
                connection.recv(1)
                return
            except TimeoutError:
                continue

    with (
        BrokenServer(dribble) as server,
        target(server.url) as (_, writer),
        pytest.raises(OutcomeUnknown, match="in time"),
    ):
        writer.delete(5)


def test_the_environment_does_not_redirect_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with BrokenServer(returned("loginDelete", "OK")) as server, target(server.url) as (_, writer):
        writer.delete(5)
        assert b'soapaction: ""' in server.requests[0].lower()


def test_errors_say_what_to_do() -> None:
    for behaviour in (answer(HTML, "403 Forbidden"), reset):
        with (
            BrokenServer(behaviour) as server,
            target(server.url) as (_, writer),
            pytest.raises(IwdsError) as caught,
        ):
            writer.delete(5)
        assert caught.value.advice
