"""Between a client and the local MFA service: sees every call, acts before it, and alters the answer as told."""

import re
import threading
from collections.abc import Callable, Collection, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Drops = Mapping[str, Collection[str]]
"""By operation, the elements of its answer that are left out."""

_TOOLS = ("ca", "ma", "mac", "va")

BOTH: Drops = {}
"""What the sandbox sends: the elements of both documents."""
SEED: Drops = {
    "loginSearch": ("createdby", "count"),
    "loginQuery": ("phone",),
    "loginsQueryByGroup": ("lastauthdate",),
    "loginGetGroups": ("num",),
    "serviceGroupsQuery": ("id", "num"),
}
"""The API document: its search has no tag, its query no phone, and its groups have a `groupid`."""
PUBLISHED: Drops = {
    "loginQuery": (
        *("iwpinblocked", "iwpasswordblocked", "macpasswordblocked"),
        *(tool + date for tool in _TOOLS for date in ("creationdate", "lastauthdate")),
    ),
    "serviceGroupsQuery": ("groupid",),
}
"""The published description: neither PIN locks nor dates of devices, and groups have an `id`."""
DIALECTS: Mapping[str, Drops] = {"both": BOTH, "seed": SEED, "published": PUBLISHED}


class NotAllowed(Exception):
    """Raised in `before`: the call is not passed on, and answered with status 403."""


_OPERATION = re.compile(rb":Body><(\w+)")


class Relay:
    """A server in front of the service at `url`. `calls` are the operations asked for, in their order.

    Others reach the service at `behind`, without being seen here.

    Args:
        url: of the service.
        drops: what is left out of its answers.
        before: called with each operation and how often it was asked for before, and may do to the service what it
            likes; the call waits. It may raise `NotAllowed`.
    """

    def __init__(
        self, url: str, drops: Drops = BOTH, before: Callable[[str, int], None] = lambda operation, times: None
    ) -> None:
        self.calls: list[str] = []
        self.behind = url
        self.drops, self.before = drops, before
        self._lock = threading.Lock()
        self._to = urlsplit(url)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"http://127.0.0.1:{self._server.server_port}{self._to.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: bytes) -> tuple[int, bytes]:
        """The status and the altered answer of the service."""
        found = _OPERATION.search(request)
        operation = found[1].decode() if found else ""
        with self._lock:
            times = self.calls.count(operation)
            self.calls.append(operation)
        try:
            self.before(operation, times)
        except NotAllowed:
            return 403, b""
        connection = HTTPConnection(self._to.hostname or "", self._to.port, timeout=30)
        try:
            connection.request("POST", self._to.path, request, {"Content-Type": "text/xml; charset=utf-8"})
            reply = connection.getresponse()
            return reply.status, _without(self.drops.get(operation, ()), reply.read())
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # head and body are two writes, between which it would wait 40 ms

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                status, body = relay.answer(self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called there
                """Say nothing."""

        return Handler


def _without(names: Collection[str], body: bytes) -> bytes:
    """The message without these elements, which hold text alone."""
    for name in names:
        body = re.sub(rb"<%b(?:>[^<]*</%b>|[^>]*/>)" % (name.encode(), name.encode()), b"", body)
    return body
