"""A small SMTP server on loopback that keeps what it is given, and can be told to refuse it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class Mailbox(socketserver.ThreadingTCPServer):
    """The server. `refuses` makes it answer every mail with an error; `gate` holds mails until it is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []
        self.refuses = False
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say(220, "test")
        while line := self.rfile.readline():
            match line.split(b" ", 1)[0].strip().upper():
                case b"DATA":
                    self._say(354, "go on")
                    self._take()
                case b"QUIT":
                    self._say(221, "bye")
                    return
                case b"RCPT" if self.server.refuses:
                    self._say(550, "no such mailbox")
                case _:
                    self._say(250, "ok")

    def _take(self) -> None:
        text = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            text += line.removeprefix(b".") if line.startswith(b"..") else line
        self.server.reached.set()
        self.server.gate.wait(30)
        self.server.mails.append(message_from_bytes(text, policy=policy.default))
        self._say(250, "taken")

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A running server."""
    with Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.gate.set()
            server.shutdown()
            thread.join()
