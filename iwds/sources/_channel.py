"""Searches over a socket that ldap3 has connected, encrypted and bound: our own receive loop.

The answer to a search comes message by message, and the next page is asked for as soon as one has ended: the server
collects it while the people of the last one are looked at.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from iwds.sources import _messages as messages
from iwds.sources._ber import BadMessage, frame, whole
from iwds.sources._entries import Decodes
from iwds.sources._messages import Envelope, Result
from iwds.sources._sync import Told, told

T = TypeVar("T")

MOST_BYTES = 128 * 1024 * 1024
"""The longest message that is taken. A group of a million members with names of 100 bytes fits; a server that claims
more is broken or wants our memory."""
_RECORD, _PIECE = 16 * 1024, 64 * 1024
"""How much is asked of the socket at once. Encrypted, one answer holds one TLS record, and the buffer for more would be
made for nothing each time."""
PACE = 16 * 1024
"""Bytes for which an answer gets one more second: it may be long, but nobody is held by one that drips."""


class Disconnected(ConnectionError):
    """The server gave notice that it ends the connection (RFC 4511 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came for one search."""

    entries: list[T]
    references: list[str]
    result: Result
    controls: tuple[tuple[str, bytes], ...]


class Channel:
    """Requests and answers over one connection, one request at a time.

    Args:
        connection: connected, and given up by whoever else read from it.
        next_id: gives the id of the next request.
        most: bytes that a message may have.
        seconds: that a whole answer may take, beside those that it gets for its length. Each call of `recv` is bounded
            by the socket itself.
    """

    def __init__(
        self,
        connection: socket.socket,
        next_id: Callable[[], int],
        most: int = MOST_BYTES,
        seconds: float = float("inf"),
    ) -> None:
        self._socket = connection
        self._next_id = next_id
        self._most = most
        self._seconds = seconds
        self._until = float("inf")
        self._piece = _RECORD if isinstance(connection, ssl.SSLSocket) else _PIECE
        self._buffer = b""
        self._at = 0
        self._forgotten: set[int] = set()

    def send(self, operation: bytes, *controls: bytes) -> int:
        """Ask; returns the id by which the answer is known."""
        message_id = self._next_id()
        self._socket.sendall(messages.request(message_id, operation, *controls))
        return message_id

    def forget(self, message_id: int) -> None:
        """Give up a search: the server is told, and whatever still comes of it is passed over."""
        self._forgotten.add(message_id)
        self.send(messages.abandon(message_id))

    def found(self, message_id: int, decodes: Decodes[T]) -> Answer[T]:
        """The whole answer to a search. Raises `BadMessage`, `Disconnected`, or `OSError` where none comes in time."""
        self._until = time.monotonic() + self._seconds
        entries: list[T] = []
        references: list[str] = []
        ours = whole(message_id)
        while True:
            self._at = decodes.take(self._buffer, self._at, ours, entries)
            if self._lacking():
                continue
            message = self._next(message_id)
            kind, at, end = message.kind, message.at, message.end
            if kind == messages.ENTRY:
                entries.append(decodes.one(self._buffer, at, end))
            elif kind == messages.REFERENCE:
                references += messages.reference(self._buffer, at, end)
            elif kind == messages.DONE:
                ended, controls = messages.result(self._buffer, at, end)
                # Controls that its length leaves out would lie behind it, and they say whether more follows.
                frame(self._buffer, self._at, self._most)
                return Answer(entries, references, ended, controls)
            elif kind == messages.INTERMEDIATE:
                messages.intermediate(self._buffer, at, end)  # nothing that we ask here has one
            else:
                raise BadMessage(f"a search was answered with {kind:#04x}")

    def synced(self, message_id: int) -> Iterator[Told]:
        """What changed (RFC 4533), message by message, the end last; errors as in `found`."""
        self._until = time.monotonic() + self._seconds
        ended = False
        while not ended:
            message = self._next(message_id)
            ended = message.kind == messages.DONE
            said = told(message.kind, self._buffer, message.at, message.end)
            if ended:
                frame(self._buffer, self._at, self._most)  # as in `found`
            if said is not None:
                yield said

    def extended(self, name: bytes) -> Result:
        """The answer to an extended operation without a value; errors as in `found`."""
        self._until = time.monotonic() + self._seconds
        message = self._next(self.send(messages.extended(name)))
        return messages.result(self._buffer, message.at, message.end, messages.EXTENDED)[0]

    def _next(self, message_id: int) -> Envelope:
        """The next message for this request; its positions hold until the next call."""
        while True:
            start, end = self._whole()
            message = messages.envelope(self._buffer, start, end)
            self._at = end
            if message.id == message_id:
                return message
            if message.id == 0:
                self._notice(message)
            elif message.id not in self._forgotten:
                raise BadMessage(f"a message answers the request {message.id}, which was not made")

    def _notice(self, message: Envelope) -> None:
        """What the server says without being asked; all but its goodbye is passed over (RFC 4511 4.4)."""
        said, _ = messages.result(self._buffer, message.at, message.end, messages.EXTENDED)
        if said.name == messages.DISCONNECTION:
            raise Disconnected(f"the server ended the connection with the code {said.code}: {said.text}".rstrip(": "))

    def _whole(self) -> tuple[int, int]:
        """Where the content of the next message begins and ends, once all of it is in the buffer."""
        while self._lacking():
            pass
        return frame(self._buffer, self._at, self._most)

    def _lacking(self) -> bool:
        """Whether a part of the next message was not in the buffer; then something was received."""
        start, end = frame(self._buffer, self._at, self._most)
        if start and end <= len(self._buffer):
            return False
        self._receive(end - self._at)
        return True

    def _receive(self, wanted: int) -> None:
        """Receive at least something, and go on until there are `wanted` bytes; joined once, however many pieces."""
        pieces = [self._buffer[self._at :]]
        have = len(pieces[0])
        while True:
            piece = self._socket.recv(self._piece)
            if not piece:
                raise ConnectionError("the server hung up")
            self._until += len(piece) / PACE
            if time.monotonic() > self._until:
                raise TimeoutError(f"the answer was not whole after {self._seconds} seconds")
            pieces.append(piece)
            have += len(piece)
            if have >= wanted:
                break
        self._buffer, self._at = b"".join(pieces), 0
