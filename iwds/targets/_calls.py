"""Calls of the provisioning API, and what their failures mean: to a read, and to a write.

what happened                                   a read                  a write
no connection                                   ServiceUnavailable      NotSent
no answer, a web page, cut off, a fault         ServiceUnavailable      OutcomeUnknown
NOK                                             ServiceUnavailable      OutcomeUnknown
no such operation                               ServiceUnavailable      Rejected (creations: Unsupported)
NOK:access forbidden, HTTP 401 and 403,         AccessRefused           AccessRefused
    a certificate that either side refuses
NOK:full, NOK:loginexists, NOK:account unknown  LoginUnknown or         ServiceFull, LoginTaken, LoginUnknown,
    and other causes                            ServiceUnavailable      Rejected
"""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from iwds.errors import (
    AccessRefused,
    CallFailed,
    LoginTaken,
    LoginUnknown,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServiceFull,
    ServiceUnavailable,
)
from iwds.soap.description import OPERATIONS, Operation
from iwds.soap.envelope import Answer, SoapFault, UnsendableText, build_request, is_ok, parse_answer, parse_text
from iwds.soap.safexml import Flaw, UnreadableMessage
from iwds.targets._transport import NoAnswer, NotReached, Reply, Transport

T = TypeVar("T")

_FORBIDDEN = frozenset({"ACCESS FORBIDDEN", "FORBIDDEN", "SRV UNKNOWN"})
_TAKEN = frozenset({"LOGINEXISTS", "LOGIN ALREADY USED"})
_UNKNOWN_LOGIN = frozenset({"ACCOUNT UNKNOWN", "NOLOGIN"})
_ADVICE_FORBIDDEN = (
    "Look at service_id, at the certificate (it belongs to one service), and at the addresses that the service allows "
    "in its administration console."
)


class Unsupported(Exception):
    """The service does not have this operation, and so did nothing."""


class Api:
    """The operations of one service. Knows what an answer means, not what it is asked for."""

    def __init__(self, transport: Transport, where: str) -> None:
        self._transport = transport
        self._where = where

    def read(self, name: str, /, **values: int | str) -> Answer:
        """Call an operation that changes nothing and returns an object; the answer is OK."""
        operation = OPERATIONS[name]
        answer = self._read(operation, build_request(operation, **values), parse_answer)
        if not answer.ok:
            self._refused_read(operation, answer.err)
        return answer

    def read_text(self, operation: Operation, request: bytes) -> str:
        """Send a request that changes nothing, made elsewhere; returns the text that came back."""
        return self._read(operation, request, parse_text) or ""

    def write(self, name: str, /, **values: int | str) -> None:
        """Call an operation that changes the service and returns a result code."""
        try:
            text = self._write(OPERATIONS[name], values, parse_text)
        except Unsupported as error:
            raise Rejected(str(error)) from None
        self._expect_ok(name, text or "")

    def create(self, name: str, /, **values: int | str) -> int:
        """Call an operation that creates a login; returns its id. The activation code in the answer is dropped.

        Raises `Unsupported` too: one of the two operations that create is missing in older services.
        """
        answer = self._write(OPERATIONS[name], values, parse_answer)
        self._expect_ok(name, answer.err)
        login_id = answer.numbers.get("id", 0)
        if login_id <= 0:
            raise OutcomeUnknown(f"{self._where} created a login and did not say which")
        return login_id

    def is_known(self, operation: Operation, impossible: bytes) -> bool:
        """Whether the service has an operation, told by how it refuses a request that cannot succeed."""
        try:
            self._parsed(operation, self._sent(operation, impossible), parse_answer)
        except Unsupported:
            return False
        except SoapFault:
            return True
        except UnreadableMessage as error:
            raise self._no_read(operation, f"answered nonsense: {error}") from None
        return True

    def close(self) -> None:
        """Close idle connections. May be called twice."""
        self._transport.close()

    def _read(self, operation: Operation, request: bytes, parse: Callable[[Operation, bytes], T]) -> T:
        try:
            return self._parsed(operation, self._sent(operation, request), parse)
        except Unsupported as error:
            raise ServiceUnavailable(str(error), "Look at url: is this the provisioning API?") from None
        except UnreadableMessage as error:
            raise self._no_read(operation, f"answered nonsense: {error}") from None
        except SoapFault as fault:
            raise self._no_read(operation, f"answered with a fault: {fault.text}") from None

    def _sent(self, operation: Operation, request: bytes) -> Reply:
        """The reply to a request that changes nothing."""
        try:
            return self._transport.post(request)
        except NotReached as error:
            raise ServiceUnavailable(f"{self._where} cannot be reached: {error}", "Try again later.") from None
        except NoAnswer as error:
            raise self._no_read(operation, f"gave no answer: {error}") from None

    def _write(self, operation: Operation, values: dict[str, int | str], parse: Callable[[Operation, bytes], T]) -> T:
        try:
            reply = self._transport.post(build_request(operation, **values))
            return self._parsed(operation, reply, parse)
        except UnsendableText as error:
            raise Rejected(f"not sent: {error}", advice="Correct it in the directory.") from None
        except NotReached as error:
            raise NotSent(f"{self._where} cannot be reached: {error}") from None
        except NoAnswer as error:
            raise self._unknown(operation, f"gave no answer: {error}") from None
        except UnreadableMessage as error:
            raise self._unknown(operation, f"answered nonsense: {error}") from None
        except SoapFault as fault:
            raise self._unknown(operation, f"answered with a fault: {fault.text}") from None

    def _parsed(self, operation: Operation, reply: Reply, parse: Callable[[Operation, bytes], T]) -> T:
        if reply.status in (401, 403):
            raise AccessRefused(f"{self._where} refuses us with HTTP status {reply.status}", _ADVICE_FORBIDDEN)
        try:
            if reply.status == 200:
                return parse(operation, reply.body)
            return self._of_status(operation, reply, parse)
        except SoapFault as fault:
            if fault.is_unknown_operation:
                raise Unsupported(f"{self._where} does not have the operation {operation.name}") from None
            raise

    def _of_status(self, operation: Operation, reply: Reply, parse: Callable[[Operation, bytes], T]) -> NoReturn:
        """Another status than 200 is worth believing only as a fault, which SOAP sends with 500."""
        if reply.status == 500:
            parse(operation, reply.body)
        raise UnreadableMessage(Flaw.NOT_SOAP, f"HTTP status {reply.status}")

    def _refused_read(self, operation: Operation, code: str) -> NoReturn:
        cause = _cause(code)
        if cause.upper() in _UNKNOWN_LOGIN:
            raise LoginUnknown(f"{self._where} does not know the login", cause)
        self._refuse_forbidden(cause)
        raise self._no_read(operation, f"answered {_shown(code)}")

    def _expect_ok(self, name: str, code: str) -> None:
        if is_ok(code):
            return
        cause = _cause(code)
        self._refuse_forbidden(cause)
        if not cause:
            raise self._unknown(OPERATIONS[name], f"answered {_shown(code)}")
        raise _rejection(f"{self._where} refused {name}: {_shown(code)}", cause)

    def _refuse_forbidden(self, cause: str) -> None:
        if cause.upper() in _FORBIDDEN:
            raise AccessRefused(f"{self._where} refuses us: {_shown(cause)}", _ADVICE_FORBIDDEN)

    def _no_read(self, operation: Operation, what: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"{self._where} {what} ({operation.name})", "Try again later.")

    def _unknown(self, operation: Operation, what: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._where} {what} ({operation.name}); whether it was done is not known",
            "The next run reads the service and settles it.",
        )


def _rejection(message: str, cause: str) -> CallFailed:
    folded = cause.upper()
    if folded == "FULL":
        return ServiceFull(message, cause, "Free seats, or ask the vendor for more.")
    if folded in _TAKEN:
        return LoginTaken(message, cause)
    if folded in _UNKNOWN_LOGIN:
        return LoginUnknown(message, cause)
    advice = "A field breaks the constraints of the service." if folded == "SN" else ""
    return Rejected(message, cause, advice)


def _cause(code: str) -> str:
    """What follows `NOK:`; empty for a bare NOK and for anything that is no result code."""
    kind, _, cause = code.strip().partition(":")
    return cause.strip()[:80] if kind.upper() == "NOK" else ""


def _shown(code: str) -> str:
    """A result code for people. Anything else that came in its place may be an activation code and is not shown."""
    if not code.strip().upper().startswith("NOK"):
        return "neither OK nor NOK"
    return "".join(c if c.isprintable() else "?" for c in code.strip()[:80])
