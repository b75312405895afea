"""Calls of the provisioning API, and what their failures mean: to a read, and to a write.

what happened                                   a read                  a write
no connection                                   again, then             NotSent
                                                ServiceUnavailable
HTTP 429                                        again, then             Busy
                                                ServiceUnavailable
no answer, a web page, cut off, empty, a        again, then             OutcomeUnknown
    fault, HTTP 408, 425 and 5xx                ServiceUnavailable
any other HTTP status                           ServiceUnavailable      OutcomeUnknown
NOK                                             ServiceUnavailable      OutcomeUnknown
no such operation                               ServiceUnavailable      Rejected (creations: Unsupported)
NOK:access forbidden, HTTP 401 and 403,         AccessRefused           AccessRefused
    a certificate that either side refuses,
    or that is another service's
NOK:full, NOK:loginexists, NOK:account unknown  LoginUnknown or         ServiceFull, LoginTaken, LoginUnknown,
    and other causes                            ServiceUnavailable      Rejected

Reads are repeated here, as often as the settings say. Writes are not: whoever makes them looks at the lease first.
"""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn, TypeVar

from iwds.core.devices import Code
from iwds.errors import (
    AccessRefused,
    Busy,
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
from iwds.soap.safexml import UnreadableMessage
from iwds.targets._patience import Patience
from iwds.targets._transport import NoAnswer, NotReached, Reply, Transport

T = TypeVar("T")

_FORBIDDEN = frozenset({"ACCESS FORBIDDEN", "FORBIDDEN", "SRV UNKNOWN"})
_TAKEN = frozenset({"LOGINEXISTS", "LOGIN ALREADY USED"})
_UNKNOWN_LOGIN = frozenset({"ACCOUNT UNKNOWN", "NOLOGIN"})
_PASSING = frozenset({408, 425, 429})
_TOO_MANY = 429
_ADVICE_FORBIDDEN = (
    "Look at service_id, and at the certificate: it belongs to one service, and can do there what its console allows."
)
_ADVICE_STATUS = {
    401: "The service wants another identity: look at certificate, and at the host in url.",
    403: "The connection itself was accepted: add this machine's address, as the service sees it, to the addresses "
    "that may use the API, in the service's administration console.",
}
_ADVICE_IDENTITY = "One of the two is for another service: a test certificate, perhaps. Look at certificate and url."
_ADVICE_URL = "Look at url, its path too: is this the provisioning API?"
_ADVICE_REACH = (
    "See that host and port in `url` are right, that the service runs, and that its port is open from here; then try "
    "again."
)
# The document knows 9 digits, "a numeric value" and long codes, and no alphabet for the latter two. An error has a
# colon or no digit; a code that is not recognised would cost the helpdesk an operation for good.
_CODE = re.compile(r"(?!(?i:NOK))(?=.*[0-9])[0-9A-Za-z_-]{4,512}")


class Unsupported(Exception):
    """The service does not have this operation, and so did nothing."""


class NoCause(ServiceUnavailable):
    """A read was answered with a bare NOK: no failure of the wire, and no reason either."""


class WrongStatus(Exception):
    """An HTTP status that no answer of the API has."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP status {reply.status}")
        self.status = reply.status
        self.wait = reply.retry_after

    @property
    def passes(self) -> bool:
        """Whether asking again may help."""
        return self.status in _PASSING or self.status >= 500


_Failure = NotReached | NoAnswer | UnreadableMessage | SoapFault | WrongStatus
_FAILURES = (NotReached, NoAnswer, UnreadableMessage, SoapFault, WrongStatus)


class Api:
    """The operations of one service. Knows what an answer means, not what it is asked for. Thread-safe.

    Before its first call, the service is asked once whose the certificate is: with the certificate of another service
    nothing is read or changed.

    Args:
        transport: carries the calls.
        where: the service in messages.
        service_id: which service the certificate must belong to.
        patience: how reads are repeated.
    """

    def __init__(self, transport: Transport, where: str, service_id: int, patience: Patience) -> None:
        self.transport = transport
        self._where = where
        self._service_id = service_id
        self._patience = patience
        self._ours = False
        self._asking = threading.Lock()

    def read(self, name: str, /, **values: int | str) -> Answer:
        """Call an operation that changes nothing and returns an object; the answer is OK."""
        operation = OPERATIONS[name]
        request = _request(operation, values)
        self._belongs(self._patience)
        try:
            answer = self._ask(operation, request, parse_answer, self._patience)
        except Unsupported as error:
            raise ServiceUnavailable(str(error), _ADVICE_URL) from None
        except _FAILURES as error:
            raise self._no_read(operation, *_told(error)) from None
        if not answer.ok:
            self._refused_read(operation, answer.err)
        return answer

    def write(self, name: str, /, **values: int | str) -> None:
        """Call an operation that changes the service and returns a result code."""
        self._expect_ok(name, self._text(name, values))

    def code(self, name: str, /, **values: int | str) -> Code:
        """Call an operation that makes a code and returns it."""
        text = self._text(name, values).strip()
        code = _code(text)
        if code is None:
            self._expect_ok(name, text)
            raise self._unknown(OPERATIONS[name], "gave no code")
        return code

    def login_and_code(self, name: str, /, **values: int | str) -> tuple[int, Code | None]:
        """Call an operation that returns the id of a login, and its code where the answer holds one.

        Raises `Unsupported` too: one of the two operations that create is missing in older services.
        """
        answer = self._write(OPERATIONS[name], values, parse_answer)
        self._expect_ok(name, answer.err)
        login_id = answer.numbers.get("id", 0)
        if login_id <= 0:
            raise self._unknown(OPERATIONS[name], "did not say which login it is")
        return login_id, _code(answer.texts.get("code", "").strip())

    def identify(self, request: bytes, patience: Patience | None = None) -> str:
        """Ask whose the certificate is; returns the service's id, or nothing where the service says NOK or no id.

        Raises `Unsupported` where the service does not know `IWDS_check`, which is what `request` calls, and
        `AccessRefused` where the certificate is another service's. Any other answer lets calls be made: the listing
        proves by itself that we may read, and a service that lists nothing gives nothing to act on.
        """
        operation = OPERATIONS["IWDS_check"]
        try:
            text = self._ask(operation, request, parse_text, patience or self._patience) or ""
        except Unsupported:
            self._ours = True
            raise
        except WrongStatus as error:
            if error.passes:
                raise self._no_read(operation, *_told(error)) from None
            # Before it ever answered, this is no service that is ill, but something else at that address.
            raise AccessRefused(f"{self._where} answered with {error} ({operation.name})", _ADVICE_URL) from None
        except _FAILURES as error:
            raise self._no_read(operation, *_told(error)) from None
        kind, _, answered = (part.strip() for part in text.partition(":"))
        if kind.upper() not in ("OK", "NOK"):
            raise self._no_read(operation, "answered neither OK nor NOK")
        if kind.upper() == "OK" and answered not in ("", str(self._service_id)):
            raise AccessRefused(
                f"{self._whose} service {_shown(answered[:20])}, and service_id says {self._service_id}: "
                "nothing was read or changed",
                _ADVICE_IDENTITY if self.transport.encrypted else "Correct service_id, or url.",
            )
        self._ours = True
        return answered if kind.upper() == "OK" else ""

    def is_known(self, operation: Operation, impossible: bytes) -> bool:
        """Whether the service has an operation, told by how it refuses a request that cannot succeed."""
        self._belongs(self._patience)
        try:
            self._ask(operation, impossible, parse_answer, self._patience, believed=SoapFault)
        except Unsupported:
            return False
        except SoapFault:
            return True
        except _FAILURES as error:
            raise self._no_read(operation, *_told(error)) from None
        return True

    @property
    def _whose(self) -> str:
        """What says which service it is: a certificate, or on this machine, where there is none, the address."""
        return "the certificate belongs to" if self.transport.encrypted else "what answers at url is"

    def close(self) -> None:
        """Close idle connections. May be called twice."""
        self.transport.close()

    def _belongs(self, patience: Patience) -> None:
        """Ask whose the certificate is, until that is known."""
        if self._ours:
            return
        with self._asking, suppress(Unsupported):
            if not self._ours:
                self.identify(build_request(OPERATIONS["IWDS_check"]), patience)

    def _ask(
        self,
        operation: Operation,
        request: bytes,
        parse: Callable[[Operation, bytes], T],
        patience: Patience,
        believed: type[Exception] | tuple[()] = (),
    ) -> T:
        """The answer to a request that changes nothing, asked for again while that may help.

        Failures of the type `believed` are an answer here.
        """
        tried = 0
        while True:
            tried += 1
            try:
                return self._parsed(operation, self.transport.post(request), parse)
            except _FAILURES as error:
                again = not isinstance(error, believed) and (not isinstance(error, WrongStatus) or error.passes)
                if not again or not patience.waits(tried, getattr(error, "wait", None)):
                    raise

    def _text(self, name: str, values: dict[str, int | str]) -> str:
        """What an operation that changes the service and returns a text answers."""
        try:
            return self._write(OPERATIONS[name], values, parse_text) or ""
        except Unsupported as error:
            raise Rejected(str(error)) from None

    def _write(self, operation: Operation, values: dict[str, int | str], parse: Callable[[Operation, bytes], T]) -> T:
        request = _request(operation, values)
        try:
            self._belongs(Patience(attempts=1))  # a lease may be running out
        except ServiceUnavailable as error:
            raise NotSent(error.message, error.advice) from None
        try:
            return self._parsed(operation, self.transport.post(request), parse)
        except NotReached as error:
            raise NotSent(f"{self._where} {_told(error)[0]}") from None
        except _FAILURES as error:
            if isinstance(error, WrongStatus) and error.status == _TOO_MANY:
                raise Busy(f"{self._where} {_told(error)[0]}", error.wait) from None
            raise self._unknown(operation, _told(error)[0]) from None

    def _parsed(self, operation: Operation, reply: Reply, parse: Callable[[Operation, bytes], T]) -> T:
        if reply.status in _ADVICE_STATUS:
            raise AccessRefused(
                f"{self._where} refuses us with HTTP status {reply.status}", _ADVICE_STATUS[reply.status]
            )
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
        raise WrongStatus(reply)

    def _refused_read(self, operation: Operation, code: str) -> NoReturn:
        cause = _cause(code)
        if cause.upper() in _UNKNOWN_LOGIN:
            raise LoginUnknown(f"{self._where} does not know the login", cause)
        self._refuse_forbidden(cause)
        if code.strip().upper().startswith("NOK") and not cause:
            raise NoCause(f"{self._where} answered NOK ({operation.name})", "Try again later.")
        raise self._no_read(operation, f"answered {_shown_code(code)}")

    def _expect_ok(self, name: str, code: str) -> None:
        if is_ok(code):
            return
        cause = _cause(code)
        self._refuse_forbidden(cause)
        if not cause:
            raise self._unknown(OPERATIONS[name], f"answered {_shown_code(code)}")
        raise _rejection(f"{self._where} refused {name}: {_shown_code(code)}", cause)

    def _refuse_forbidden(self, cause: str) -> None:
        if cause.upper() in _FORBIDDEN:
            raise AccessRefused(f"{self._where} refuses us: {_shown(cause)}", _ADVICE_FORBIDDEN)

    def _no_read(self, operation: Operation, what: str, advice: str = "Try again later.") -> ServiceUnavailable:
        return ServiceUnavailable(f"{self._where} {what} ({operation.name})", advice)

    def _unknown(self, operation: Operation, what: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._where} {what} ({operation.name}); whether it was done is not known",
            "The next run, or a look at the login, settles it.",
        )


def _told(failure: _Failure) -> tuple[str, str]:
    """What happened, as the end of a sentence that begins with the service; and what to do about it."""
    later = "Try again later."
    match failure:
        case NotReached():
            return f"cannot be reached: {failure}", _ADVICE_REACH
        case NoAnswer():
            return f"gave no answer: {failure}", later
        case SoapFault():
            return f"answered with a fault: {failure.text}", later
        case WrongStatus(status=429):
            wait = "" if failure.wait is None else f", to be asked again after {failure.wait:.0f} seconds"
            return f"takes no more calls now ({failure}){wait}", "Try again later, or set max_calls_per_second."
        case WrongStatus():
            return f"answered with {failure}", later if failure.passes else _ADVICE_URL
        case _:
            return f"answered nonsense: {failure}", "Try again later; if it stays so, look at url."


def _request(operation: Operation, values: Mapping[str, int | str]) -> bytes:
    try:
        return build_request(operation, **values)
    except UnsendableText as error:
        raise Rejected(f"not sent: {error}", advice="Correct it in the directory.") from None


def _rejection(message: str, cause: str) -> CallFailed:
    folded = cause.upper()
    if folded == "FULL":
        return ServiceFull(message, cause, "Free seats, or ask the vendor for more.")
    if folded in _TAKEN:
        return LoginTaken(message, cause)
    if folded in _UNKNOWN_LOGIN:
        return LoginUnknown(message, cause)
    return Rejected(message, cause, _ADVICE_CAUSE.get(folded, ""))


_ADVICE_CAUSE = {
    "ALREADY": "This was done once since the person's last login. Give an unlock code: iwds login reset-password",
    "SN": "A field breaks the constraints of the service.",
    "MULTI": "This login belongs to other services too, and one of them does not allow it.",
    "NOPASSWORD": "This login has no password yet: restore it instead.",
}


def _code(text: str) -> Code | None:
    """The text as a code, where it looks like one."""
    return Code(text) if _CODE.fullmatch(text) else None


def _cause(code: str) -> str:
    """What follows `NOK:`; empty for a bare NOK and for anything that is no result code."""
    kind, _, cause = code.strip().partition(":")
    return cause.strip()[:80] if kind.strip().upper() == "NOK" else ""


def _shown_code(code: str) -> str:
    """A result code for people. Anything else that came in its place may be an activation code and is not shown."""
    return _shown(code.strip()) if code.strip().upper().startswith("NOK") else "neither OK nor NOK"


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:80])
