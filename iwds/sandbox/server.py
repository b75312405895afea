"""The local MFA service as a process, or as a thread of a test or demo."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn

from iwds.errors import UsageError
from iwds.sandbox.app import PATHS, build_app
from iwds.sandbox.post import Relay
from iwds.sandbox.store import NOT_LIMITED, Store
from iwds.soap.address import is_loopback


def serve(
    listen: str,
    data: str,
    *,
    service_id: int = 10408,
    max_logins: int = NOT_LIMITED,
    unknown_operations: Collection[str] = (),
    allow_remote: bool = False,
    relay: Relay | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Prints `iwds sandbox: listening on http://HOST:PORT` on stdout as soon as connections are accepted.

    Args:
        listen: HOST:PORT; port 0 takes a free one.
        data: path of the data file; made where it is missing.
        service_id: the service id that clients must give.
        max_logins: how many logins fit before `NOK:full`.
        unknown_operations: operations that an older service lacks.
        allow_remote: listen on an address that other machines reach. There is no authentication.
        relay: the SMTP server that mails go to; without one they are kept.

    Raises `UsageError` for an address that cannot be used, `ConfigurationError` for the data file.
    """
    with (
        contextlib.closing(_listener(listen, allow_remote)) as listener,
        contextlib.closing(Store(data, service_id, max_logins)) as store,
    ):
        store.outbox.address, store.outbox.relay = _url(listener), relay
        server = _Server(store, unknown_operations)
        server.announce = f"iwds sandbox: listening on {_url(listener)}\n"
        server.run(sockets=[listener])


class SandboxThread:
    """A local MFA service in this process, on a free loopback port: `with SandboxThread(path) as sandbox: sandbox.url`.

    Takes the arguments of `serve` but for `listen`; without a path its state is in memory.
    """

    def __init__(
        self,
        data: str = ":memory:",
        *,
        service_id: int = 10408,
        max_logins: int = NOT_LIMITED,
        unknown_operations: Collection[str] = (),
        relay: Relay | None = None,
    ) -> None:
        self._store = Store(data, service_id, max_logins)
        self._listener = _listener("127.0.0.1:0", allow_remote=False)
        self._store.outbox.address, self._store.outbox.relay = _url(self._listener), relay
        self._server = _Server(self._store, unknown_operations)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="iwds-sandbox")

    @property
    def url(self) -> str:
        """Where the provisioning API answers."""
        return _url(self._listener) + PATHS[0]

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._store.close()


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready, and that ends quietly when it is told to."""

    def __init__(self, store: Store, unknown_operations: Collection[str]) -> None:
        app = build_app(store, unknown_operations)
        # Requests and answers hold activation codes, so neither they nor their addresses are logged.
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self.announce = ""

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        sys.stdout.write(self.announce)
        sys.stdout.flush()
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, but without raising the signal again at the end: to be told to stop is no error."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listener(listen: str, allow_remote: bool) -> socket.socket:
    host, separator, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{listen} is no address to listen on", "Write HOST:PORT, for example 127.0.0.1:8080")
    if not allow_remote and not is_loopback(host):
        raise UsageError(
            f"{host} is not an address of this machine alone",
            "The sandbox has no authentication: use an address of this machine, such as 127.0.0.1",
        )
    try:
        return _bind(host, int(port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot listen on {listen}: {reason}", "Choose another port, or 0 for a free one") from error


def _bind(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # The protocol is named because asyncio turns Nagle's delay (40 ms an answer) off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
