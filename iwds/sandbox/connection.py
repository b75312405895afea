"""One connection of a client: who is at its other end, and how it is broken off without an answer."""

import asyncio
import socket
import struct

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from iwds.sandbox.tls import service_of

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Connection:
    """What an application may know of, and do to, the connection that a request came over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.service = service_of(transport.get_extra_info("peercert"))
        self.is_held = False
        self.gone = asyncio.Event()
        self.stopping = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait, whether or not the client does; False where the service was told to stop meanwhile."""
        self.is_held = True
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return True
        finally:
            self.is_held = False
        return False

    async def hold(self) -> None:
        """Say nothing until the client goes away, or the service stops."""
        self.is_held = True
        await self.gone.wait()

    async def reset(self) -> None:
        """Break the connection off, so that the client sees a reset."""
        if not self.gone.is_set():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            self.abort()
        await self.gone.wait()

    def abort(self) -> None:
        """Close at once, without an answer."""
        self._transport.abort()


class Protocol(H11Protocol):
    """uvicorn's protocol, which tells the application of the connection by the state of its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.connection = Connection(transport)
        self.app_state = {**self.app_state, "connection": self.connection}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.connection.gone.set()

    def shutdown(self) -> None:
        """The service was told to stop: who waits for nothing need not wait longer."""
        self.connection.stopping.set()
        if self.connection.is_held:
            self.connection.abort()
        else:
            super().shutdown()


def connection_of(request: Request) -> Connection:
    """The connection that a request came over."""
    connection: Connection = request.state.connection  # `Protocol` has put it there
    return connection


class NoAnswer(Response):
    """No answer at all: the connection is held until the client gives up, or reset."""

    def __init__(self, connection: Connection, *, reset: bool = False) -> None:
        super().__init__()
        self._end = connection.reset if reset else connection.hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as every response
        await self._end()
