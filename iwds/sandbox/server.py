"""The local MFA service as a process, or as a thread of a test or demo."""

import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn

from iwds.errors import UsageError
from iwds.sandbox.app import PATHS, build_app
from iwds.sandbox.behaviour import Behaviour
from iwds.sandbox.connection import Protocol
from iwds.sandbox.controls import Controls
from iwds.sandbox.post import Relay
from iwds.sandbox.store import NOT_LIMITED, Store
from iwds.sandbox.tls import make_missing, server_context
from iwds.soap.address import is_loopback


def serve(
    listen: str,
    data: str,
    *,
    service_id: int = 10408,
    max_logins: int = NOT_LIMITED,
    unknown_operations: Collection[str] = (),
    behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
    relay: Relay | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Prints `iwds sandbox: listening on http://HOST:PORT` (or https) on stdout as soon as connections are accepted.

    Args:
        listen: HOST:PORT; port 0 takes a free one.
        data: path of the data file; made where it is missing.
        service_id: the service id that clients must give.
        max_logins: how many logins fit before `NOK:full`.
        unknown_operations: operations that an older service lacks.
        behaviour: who is let in, and how answers look. Other machines reach the service only where it keeps out
            whoever has no certificate and no address on its list.
        relay: the SMTP server that mails go to; without one they are kept.

    Raises `UsageError` for an address that cannot be used, `ConfigurationError` for the data file or the certificates.
    """
    with (
        contextlib.closing(_listener(listen, behaviour.is_guarded)) as listener,
        contextlib.closing(Store(data, service_id, max_logins)) as store,
        contextlib.closing(_controls(data, store, behaviour)) as controls,
    ):
        _make_certificates(behaviour, service_id, _host_and_port(listen)[0])
        store.outbox.address, store.outbox.relay = _url(listener, behaviour), relay
        server = _Server(store, controls, behaviour, unknown_operations)
        server.announce = f"iwds sandbox: listening on {_url(listener, behaviour)}\n"
        server.run(sockets=[listener])


class SandboxThread:
    """A local MFA service in this process, on a free loopback port: `with SandboxThread(path) as sandbox: sandbox.url`.

    Takes the arguments of `serve` but for `listen`; without a path its state is in memory. `controls` are its faults
    and tokens.
    """

    def __init__(
        self,
        data: str = ":memory:",
        *,
        service_id: int = 10408,
        max_logins: int = NOT_LIMITED,
        unknown_operations: Collection[str] = (),
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
        relay: Relay | None = None,
    ) -> None:
        self._behaviour = behaviour
        _make_certificates(behaviour, service_id, "127.0.0.1")
        with contextlib.ExitStack() as opened:
            store = opened.enter_context(contextlib.closing(Store(data, service_id, max_logins)))
            self.controls = opened.enter_context(contextlib.closing(_controls(data, store, behaviour)))
            self._listener = opened.enter_context(_listener("127.0.0.1:0", allow_remote=False))
            store.outbox.address, store.outbox.relay = self.address, relay
            self._server = _Server(store, self.controls, behaviour, unknown_operations)
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="iwds-sandbox")

    @property
    def url(self) -> str:
        """Where the provisioning API answers."""
        return self.address + PATHS[0]

    @property
    def address(self) -> str:
        """Where it listens: scheme, host and port."""
        return _url(self._listener, self._behaviour)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._opened.close()


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready, and that ends quietly when it is told to."""

    def __init__(
        self, store: Store, controls: Controls, behaviour: Behaviour, unknown_operations: Collection[str]
    ) -> None:
        # Requests and answers hold activation codes, so neither they nor their addresses are logged.
        config = uvicorn.Config(
            build_app(store, controls, behaviour, unknown_operations),
            http=Protocol,
            ssl_context_factory=_tls(controls, behaviour),
            proxy_headers=False,  # a header must not say who the client is: the list of addresses goes by it
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


def _controls(data: str, store: Store, behaviour: Behaviour) -> Controls:
    return Controls(data, store.now, behaviour.token_cache)


def _make_certificates(behaviour: Behaviour, service_id: int, host: str) -> None:
    if behaviour.tls is not None:
        make_missing(behaviour.tls, service_id, host)


def _tls(controls: Controls, behaviour: Behaviour) -> Callable[..., ssl.SSLContext] | None:
    """What uvicorn asks for its TLS context; None for plain HTTP."""
    folder = behaviour.tls
    if folder is None:
        return None
    context = server_context(folder, behaviour.require_certificate, controls.certificate_is_expired)
    return lambda *_: context


def _listener(listen: str, allow_remote: bool) -> socket.socket:
    host, port = _host_and_port(listen)
    if not allow_remote and not is_loopback(host):
        raise UsageError(
            f"{host} is not an address of this machine alone",
            "Use an address of this machine, such as 127.0.0.1. Elsewhere the sandbox listens only with --tls, which "
            "asks for client certificates, and --allow, which says whose addresses are answered",
        )
    try:
        return _bind(host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot listen on {listen}: {reason}", "Choose another port, or 0 for a free one") from error


def _host_and_port(listen: str) -> tuple[str, int]:
    host, separator, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{listen} is no address to listen on", "Write HOST:PORT, for example 127.0.0.1:8080")
    return host, int(port)


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


def _url(listener: socket.socket, behaviour: Behaviour) -> str:
    scheme = "https" if behaviour.tls else "http"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
