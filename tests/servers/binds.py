"""Between a client and a directory server: counts the binds that are asked for."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_BIND = 0x60
"""The first byte of a bind request in its message (RFC 4511 4.2)."""


class BindCounter:
    """A relay of LDAP without TLS to a port of 127.0.0.1. `binds` are how many were asked for so far.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self.binds = 0
        self._to = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            _end(each)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open += [client, server]
            self._start(self._requests, client, server)
            self._start(_pump, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on whole requests, so that each is seen; those of a client are short, and come one by one."""
        pending = b""
        while data := _received(client):
            pending += data
            while (length := _length(pending)) and len(pending) >= length:
                message, pending = pending[:length], pending[length:]
                if _is_bind(message):
                    with self._lock:
                        self.binds += 1
                with suppress(OSError):  # whoever hung up meanwhile is found by the next reading
                    server.sendall(message)
        _end(server)


def _pump(source: socket.socket, to: socket.socket) -> None:
    while data := _received(source):
        with suppress(OSError):
            to.sendall(data)
    _end(to)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side was quicker
        connection.shutdown(socket.SHUT_RDWR)


def _head(data: bytes) -> tuple[int, int]:
    """How long a tag and its length are, and how long what follows is; zeros where they are not all there."""
    if len(data) < 2:
        return 0, 0
    more = data[1] - 0x80 if data[1] >= 0x80 else 0
    if len(data) < 2 + more:
        return 0, 0
    return 2 + more, int.from_bytes(data[2 : 2 + more]) if more else data[1]


def _length(data: bytes) -> int:
    head, content = _head(data)
    return head + content


def _is_bind(message: bytes) -> bool:
    """Whether what follows the message's id is a bind."""
    inside = message[_head(message)[0] :]
    return inside[sum(_head(inside))] == _BIND
