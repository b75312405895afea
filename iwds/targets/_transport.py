"""One pool of connections to the service, and what can happen to a request on its way there and back."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, SSLError
from urllib3.util import Timeout

from iwds.errors import AccessRefused
from iwds.soap.envelope import CONTENT_TYPE

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer to a TLS greeting that is not TLS."""
_LARGEST = 32 * 1024 * 1024  # a page of 100 has 32 kB
_CHUNK = 64 * 1024
_HEADERS = {"Content-Type": CONTENT_TYPE, "SOAPAction": '""', "User-Agent": "iwds"}


class NotReached(Exception):
    """The request never left: no connection was made."""


class NoAnswer(Exception):
    """The request left, or may have, and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. The body is not shown: it may hold activation codes.

    `retry_after` is how many seconds the service wants to be left alone; None where it does not say.
    """

    status: int
    body: bytes
    retry_after: float | None = None

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Spent:
    """How many calls were begun, and how many seconds they took together, without the waiting for their turns."""

    calls: int = 0
    seconds: float = 0.0


class Transport:
    """Posts envelopes to one URL. Thread-safe; as many connections as there are lanes.

    Neither proxies nor CA bundles of the environment are looked at. No redirect is followed, and nothing is repeated.

    Args:
        url: the address of the API.
        context: for https.
        timeout: seconds that a call may take until its answer has come; one that dribbles may take twice as long.
        lanes: how many requests may be under way at once.
        interval: least time in seconds between the beginnings of two requests, whatever lane they are in.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None, timeout: float, lanes: int, interval: float) -> None:
        self._url = url
        self._context = context
        self._answered = False
        self._timeout = timeout
        self._interval = interval
        self._next = 0.0
        self._turn = threading.Lock()
        self._spent = Spent()
        self._counting = threading.Lock()
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=lanes, block=True, ssl_context=context, headers=_HEADERS, retries=False
        )

    def post(self, body: bytes) -> Reply:
        """Send one envelope. Raises `NotReached`, `NoAnswer` or `AccessRefused`; any HTTP status is a reply."""
        self._wait_for_turn()
        began = time.monotonic()
        try:
            return self._posted(body, began + self._timeout)
        finally:
            with self._counting:
                self._spent = Spent(self._spent.calls + 1, self._spent.seconds + time.monotonic() - began)

    @property
    def spent(self) -> Spent:
        """What was made of calls so far."""
        return self._spent

    @property
    def encrypted(self) -> bool:
        """Whether it is https, so that certificates are shown."""
        return self._context is not None

    def close(self) -> None:
        """Close idle connections. May be called twice; a later request opens a new one."""
        self._pool.clear()

    def served_chain(self) -> list[bytes]:
        """The service's certificate and those above it, as verified, in DER; none where nothing is encrypted.

        Raises OSError where no connection can be made.
        """
        if self._context is None:
            return []
        with self._greeted() as connection:
            # Python has a public method for it from 3.13 on; the certificate alone is what all versions give.
            chain = getattr(getattr(connection, "_sslobj", None), "get_verified_chain", None)
            if chain is None:
                return [connection.getpeercert(binary_form=True) or b""]
            return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain()]

    def _posted(self, body: bytes, deadline: float) -> Reply:
        try:
            response = self._pool.request(
                "POST",
                self._url,
                body=body,
                timeout=Timeout(total=self._timeout),
                redirect=False,
                preload_content=False,
            )
            try:
                reply = Reply(response.status, _read(response, deadline), _retry_after(response))
                self._answered = True
                return reply
            except BaseException:
                response.close()  # what is left of the answer must not become the start of the next one
                raise
            finally:
                response.release_conn()
        except SSLError as error:
            if not self._answered and (refused := _without_tls(error)):
                raise refused from error
            raise self._explained(_tls_failure(error)) from error
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError) as error:
            raise NotReached(_words(error)) from error
        except HTTPError as error:
            raise self._explained(NoAnswer(_words(error))) from error

    def _explained(self, failure: Exception) -> Exception:
        """Why a service that never answered hangs up on us.

        In TLS 1.3 our certificate is looked at after we began to send, and the refusal may be lost when the connection
        is torn down under the request. Who sends nothing hears it.
        """
        if self._answered or self._context is None or not isinstance(failure, NoAnswer):
            return failure
        try:
            with self._greeted() as connection:
                connection.settimeout(min(1.0, self._timeout))
                connection.recv(1)
        except ssl.SSLError as error:
            refusal = _tls_failure(error)
            return refusal if isinstance(refusal, AccessRefused) else failure
        except OSError:
            return failure
        return failure

    @contextmanager
    def _greeted(self) -> Iterator[ssl.SSLSocket]:
        """A connection of its own, with the greetings exchanged and nothing sent."""
        assert self._context is not None  # noqa: S101 - whoever calls has looked
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        with (
            socket.create_connection((host, parts.port or 443), self._timeout) as connection,
            self._context.wrap_socket(connection, server_hostname=host) as encrypted,
        ):
            yield encrypted

    def _wait_for_turn(self) -> None:
        if not self._interval:
            return
        with self._turn:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._interval


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The whole body. Each wait has a time limit of its own, so that the sum needs one too: hence no plain `read`."""
    received = bytearray()
    while chunk := response.read1(_CHUNK):
        received += chunk
        if len(received) > _LARGEST:
            raise NoAnswer("the answer is larger than any answer can be")
        if time.monotonic() > deadline:
            raise NoAnswer("the answer did not end in time")
    return bytes(received)


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    """The header of that name in seconds: it holds a number of them, or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _tls_failure(error: Exception) -> Exception:
    """A refused certificate does not get better; everything else at this level may."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
        return AccessRefused(
            f"the service's certificate is not to be trusted: {_reason(text)}",
            "Look at this machine's clock; if it is right, the service has to renew its certificate."
            if "expired" in text
            else "Set ca_file to the CA that issued it, and look at the host in url.",
        )
    if "ALERT" in text and ("CERTIFICATE" in text or "UNKNOWN_CA" in text or "HANDSHAKE_FAILURE" in text):
        return AccessRefused(
            f"the service refuses our client certificate: {_reason(text)}",
            "Download an API access certificate of this service from the administration console (Secure Sites), and "
            "set certificate and certificate_password.",
        )
    return NoAnswer(_reason(text))


def _without_tls(error: Exception) -> AccessRefused | None:
    """The refusal where what answers to a TLS greeting is not TLS; for a service that never answered yet."""
    text = str(error)
    if not any(words in text.upper().replace(" ", "_") for words in _NO_TLS):
        return None
    return AccessRefused(
        f"the port in url does not speak TLS ({_reason(text)})",
        "Write the service's port for https, mostly 443; or http:// for a service on this machine that has none.",
    )


def _reason(text: str) -> str:
    return text.partition("] ")[2].partition(" (_ssl.c")[0] or text


def _words(error: HTTPError) -> str:
    """The cause in the system's words, without object addresses and URLs."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return getattr(cause, "strerror", None) or str(cause).rpartition(": ")[2] or type(cause).__name__
