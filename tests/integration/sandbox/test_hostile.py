"""Hostile input, to a service in a process of its own: a fault or a 4xx, it lives, and its memory stays bounded."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.sandbox.app import MAX_BODY
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import build_request
from iwds.soap.safexml import SOAP
from tests.integration.sandbox.client import SERVICE, Client

PROGRAM = "import sys; from iwds.sandbox.server import serve; serve('127.0.0.1:0', sys.argv[1])"
MEGABYTE = 1024 * 1024
ROOM = 48 * MEGABYTE
"""What the service may take more than at rest: a few bodies, and the trees that were made of them."""


class Service:
    """A running service, watched."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        host, _, port = address.removeprefix("http://").partition(":")
        self.place = (host, int(port))
        self.client = Client(address + "/services/ConsoleAdmin")
        self.client.text("IWDS_check")
        self.client.post(b"<warm/>")
        self.rest = self.peak()

    def peak(self) -> int:
        """The most memory that it ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def assert_well(self) -> None:
        """It lives, answers the next call, and has not grown."""
        assert self.client.text("IWDS_check") == f"OK:{SERVICE}"
        assert self.process.poll() is None
        assert self.peak() - self.rest < ROOM

    def talk(self, *parts: bytes) -> bytes:
        """Send bytes as they are, and return what comes back until the service closes or says nothing more."""
        with socket.create_connection(self.place, 10) as connection:
            sender = threading.Thread(target=_send, args=(connection, parts))
            sender.start()
            answer = _received(connection)
            sender.join()
        return answer


def _send(connection: socket.socket, parts: tuple[bytes, ...]) -> None:
    try:
        for part in parts:
            connection.sendall(part)
    except OSError:
        return  # it has refused the rest


def _received(connection: socket.socket) -> bytes:
    answer = b""
    connection.settimeout(10)
    try:
        while not re.search(rb"\r\n\r\n[^\r]", answer):
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    except ConnectionResetError:
        pass  # it closed while we were still sending
    return answer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path_factory.mktemp("hostile") / "sandbox.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            service = Service(running, running.stdout.readline().split()[-1])
            yield service
            service.client.close()
        finally:
            running.terminate()
            running.communicate(timeout=20)


def envelope(call: str) -> bytes:
    return f'<S:Envelope xmlns:S="{SOAP}"><S:Header/><S:Body>{call}</S:Body></S:Envelope>'.encode()


def head(text: str) -> bytes:
    return (text.replace("\n", "\r\n") + "\r\n\r\n").encode()


CHECK = build_request(OPERATIONS["IWDS_check"])
LAUGHS = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
)
QUADRATIC = f'<!DOCTYPE l [<!ENTITY a "{"a" * 50_000}">]><l>{"&a;" * 50_000}</l>'
IN_ATTRIBUTE = f'{LAUGHS}]><l a="&j;"/>'
BY_DEFAULT = f'{LAUGHS}<!ATTLIST l a CDATA "&j;">]><l/>'
ATTRIBUTES = " ".join(f'a{i}="x"' for i in range(60_000))
NAMESPACES = " ".join(f'xmlns:n{i}="u:{i}"' for i in range(30_000))
MESSAGES = {
    "a billion laughs": f"{LAUGHS}]><l>&j;</l>".encode(),
    "a billion laughs in an attribute": IN_ATTRIBUTE.encode(),
    "a billion laughs as a default": BY_DEFAULT.encode(),
    "a quadratic bomb": QUADRATIC.encode(),
    "a parameter entity": b'<!DOCTYPE l [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><l/>',
    "an external entity of a file": b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    "an external entity of a server": b'<!DOCTYPE l [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]><l>&x;</l>',
    "an external document type": b'<!DOCTYPE l SYSTEM "http://127.0.0.1:1/x.dtd"><l/>',
    "a document type after a comment": b'<!-- --><!DOCTYPE l [<!ENTITY x "y">]><l>&x;</l>',
    "an inclusion of a file": envelope(
        '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    ),
    "a bomb in UTF-16": f"{LAUGHS}]><l>&j;</l>".encode("utf-16"),
    "a bomb in UTF-32": f"{LAUGHS}]><l>&j;</l>".encode("utf-32"),
    "a bomb in UTF-7": (
        b'<?xml version="1.0" encoding="UTF-7"?>'
        + f"{LAUGHS}]>".replace("!", "+ACE-").replace("&", "+ACY-").encode()
        + b'<l a="+ACY-j;"/>'
    ),
    "a bomb in EBCDIC": f'<?xml version="1.0" encoding="cp037"?>{IN_ATTRIBUTE}'.encode("cp037"),
    "UTF-16 that says that it is UTF-8": '<?xml version="1.0" encoding="utf-8"?><a>é</a>'.encode("utf-16-le"),
    "bytes that are no UTF-8": b'<?xml version="1.0" encoding="utf-8"?><a>\xff\xfe\xff</a>',
    "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    "a surrogate as a reference": envelope("<IWDS_check>&#xD800;</IWDS_check>"),
    "a zero as a reference": envelope("<IWDS_check>&#0;</IWDS_check>"),
    "deep nesting": envelope("<a>" * 100_000 + "</a>" * 100_000),
    "deep nesting without an end": b"<a>" * 300_000,
    "thousands of attributes": envelope(f"<loginQuery {ATTRIBUTES}/>"),
    "thousands of namespaces": envelope(f"<loginQuery {NAMESPACES}/>"),
    "the same attribute twice": envelope('<loginQuery a="1" a="2"/>'),
    "a huge attribute": envelope(f'<loginQuery a="{"x" * 900_000}"/>'),
    "a huge name of an element": envelope(f"<{'x' * 500_000}/>"),
    "a huge number": envelope(f"<loginQuery><userid>0</userid><loginid>{'9' * 900_000}</loginid></loginQuery>"),
    "thousands of parameters": envelope("<loginQuery>" + "<x>0</x>" * 90_000 + "</loginQuery>"),
    "thousands of calls": envelope("<nothing/>" * 90_000),
    "garbage": bytes(range(256)) * 4_000,
    "zeros": bytes(500_000),
    "nothing": b"",
    "spaces": b" " * 500_000,
    "a request that was cut off": CHECK[:-20],
    "a comment instead of a call": envelope("<!-- loginDelete -->"),
    "an instruction instead of a call": envelope("<?loginDelete now?>"),
    "text instead of a call": envelope("loginDelete"),
    "another version of SOAP": CHECK.replace(SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_hostile_message_is_answered_by_a_fault(service: Service, message: bytes) -> None:
    assert len(message) <= MAX_BODY, "it would be refused for its size"
    response = service.client.post(message)
    assert response.status == 500
    assert b"Fault" in response.data
    assert b"root:" not in response.data
    assert len(response.data) < MEGABYTE
    service.assert_well()


@pytest.mark.parametrize("content", ["gzip", "deflate", "br"])
def test_a_body_is_never_unpacked(service: Service, content: str) -> None:
    import gzip

    bomb = gzip.compress(bytes(100 * MEGABYTE))
    assert service.client.post(bomb, **{"Content-Encoding": content}).status == 500
    service.assert_well()


def test_a_huge_body_is_refused_by_its_announced_length_alone(service: Service) -> None:
    announced = head(f"POST /services/ConsoleAdmin HTTP/1.1\nHost: x\nContent-Length: {100 * MEGABYTE}")
    assert service.talk(announced).startswith(b"HTTP/1.1 413 ")  # not a byte of it was sent
    service.assert_well()


def test_a_client_that_asks_before_it_sends_is_told_not_to(service: Service) -> None:
    asked = head(
        f"POST /services/ConsoleAdmin HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: {100 * MEGABYTE}"
    )
    assert service.talk(asked).startswith(b"HTTP/1.1 413 ")


def test_a_huge_body_that_comes_all_the_same_is_not_kept(service: Service) -> None:
    announced = head(f"POST /services/ConsoleAdmin HTTP/1.1\nHost: x\nContent-Length: {100 * MEGABYTE}")
    answer = service.talk(announced, *[b"x" * MEGABYTE] * 100)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")  # a reset may overtake it
    service.assert_well()


def test_a_huge_form_is_refused_too(service: Service) -> None:
    announced = head(f"POST /console/activate?code=1 HTTP/1.1\nHost: x\nContent-Length: {100 * MEGABYTE}")
    answer = service.talk(announced, *[b"x" * MEGABYTE] * 100)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    service.assert_well()


@pytest.mark.parametrize("size", [16, 1000, 64 * 1024])
def test_a_huge_body_without_a_length_is_read_no_further_than_the_limit(service: Service, size: int) -> None:
    chunk = f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"
    parts = [chunk * (MEGABYTE // size)] * (100 if size > 1000 else 4)
    answer = service.talk(
        head("POST /services/ConsoleAdmin HTTP/1.1\nHost: x\nTransfer-Encoding: chunked"), *parts, b"0\r\n\r\n"
    )
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    service.assert_well()


POST = "POST /services/ConsoleAdmin HTTP/1.1\nHost: x"
REQUESTS = {
    "two lengths that differ": head(f"{POST}\nContent-Length: 5\nContent-Length: 6") + b"hello!",
    "two lengths in one": head(f"{POST}\nContent-Length: 5, 6") + b"hello!",
    "a negative length": head(f"{POST}\nContent-Length: -1"),
    "a length that is no number": head(f"{POST}\nContent-Length: ten"),
    "a length of five thousand digits": head(f"{POST}\nContent-Length: {'9' * 5000}"),
    "an unknown transfer encoding": head(f"{POST}\nTransfer-Encoding: klingon"),
    "a chunk of no length": head(f"{POST}\nTransfer-Encoding: chunked") + b"zz\r\n",
    "no host": head("POST /services/ConsoleAdmin HTTP/1.1\nContent-Length: 0"),
    "two hosts": head(f"{POST}\nHost: y\nContent-Length: 0"),
    "a header of a megabyte": head(f"{POST}\nX: {'x' * MEGABYTE}"),
    "a line that never ends": b"POST /" + b"x" * MEGABYTE,
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_is_none_is_answered_by_a_4xx(service: Service, request_bytes: bytes) -> None:
    assert re.match(rb"HTTP/1\.1 4\d\d ", service.talk(request_bytes))
    service.assert_well()


def test_a_post_without_a_length_has_no_body(service: Service) -> None:
    answer = service.talk(head(POST))
    assert answer.startswith(b"HTTP/1.1 500 ")
    service.assert_well()


def test_two_equal_lengths_are_one(service: Service) -> None:
    length = f"Content-Length: {len(CHECK)}"
    assert service.talk(head(f"{POST}\n{length}\n{length}\nConnection: close") + CHECK).startswith(b"HTTP/1.1 200 ")


def test_many_connections_that_say_nothing_do_not_keep_others_out(service: Service) -> None:
    idle = [socket.create_connection(service.place, 10) for _ in range(200)]
    try:
        for connection in idle[:100]:
            connection.sendall(b"POST /services/ConsoleAdmin HTTP/1.1\r\nHost:")
        service.assert_well()
    finally:
        for connection in idle:
            connection.close()


def test_the_query_of_the_rest_side_is_bounded_too(service: Service) -> None:
    long = "x" * 30_000
    answer = service.talk(
        head(f"GET /auth/v1/customer/services/accounts?page={long} HTTP/1.1\nHost: x\nAuthorization: Bearer {long}")
    )
    assert answer.startswith(b"HTTP/1.1 401 ")
    service.assert_well()
