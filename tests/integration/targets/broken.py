"""A server that does one thing, whatever it is asked: it answers with given bytes, or breaks off."""

import re
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", length: int | None = None, headers: str = "") -> Behaviour:
    """Sends an HTTP answer; with `length`, one whose announced length is another one."""
    announced = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {announced}\r\n{headers}\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


def reset(connection: socket.socket) -> None:
    """Breaks the connection off, as a firewall does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def silence(connection: socket.socket) -> None:
    """Never answers."""
    connection.settimeout(10)
    connection.recv(1)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Does one thing after the other, and the last one for ever."""
    left = list(behaviours)
    return lambda connection: (left.pop(0) if len(left) > 1 else left[0])(connection)


IDENTITY = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    b'<IWDS_checkResponse xmlns="http://console.inwebo.com"><IWDS_checkReturn>OK:10408</IWDS_checkReturn>'
    b"</IWDS_checkResponse></e:Body></e:Envelope>"
)


class BrokenServer:
    """Reads one request per connection, then behaves. `requests` are those that came.

    The question whose the certificate is, which goes before every first call, is answered well and not counted, unless
    `honest` is False: then it is a request like the others.
    """

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None, *, honest: bool = True) -> None:
        self.behaviour = behaviour
        self._honest = honest
        self.requests: list[bytes] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    @property
    def operations(self) -> list[str]:
        """What was asked, in the order in which it came."""
        return [re.search(rb"Body><(\w+)", request)[1].decode() for request in self.requests]  # type: ignore[index]

    @property
    def url(self) -> str:
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/v2/services/ConsoleAdmin"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._serve(connection)
            except OSError:  # the client has seen enough
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            request = _request(connection)
            if self._honest and b"IWDS_check" in request:
                answer(IDENTITY)(connection)
                return
            self.requests.append(request)
            self.behaviour(connection)


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    if not (received := connection.recv(65536)):
        raise ConnectionError("the client said no more")
    return received
