"""What a fault does to one call at the wire."""

from typing import Protocol

from starlette.responses import HTMLResponse, Response

from iwds.sandbox.connection import Connection, NoAnswer
from iwds.sandbox.controls import Strike
from iwds.sandbox.faults import Fault, FaultKind

_PAGE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>"
    "<p>{text}</p><hr><address>local MFA service</address></body></html>\n"
)


class Call(Protocol):
    """One call that has been understood and not been carried out yet."""

    async def run(self, *, skip: int = 0, miscount: int = 0) -> Response:
        """Carry it out. A page begins `skip` rows later than asked; `count` is wrong by `miscount`."""
        ...

    def refuse(self) -> Response:
        """A bare `NOK`."""
        ...

    def fail(self) -> Response:
        """A SOAP fault."""
        ...


async def answer(strike: Strike, call: Call, connection: Connection) -> Response:
    """The answer to a call that `strike` befalls."""
    if strike.delay and not await connection.wait(strike.delay):
        return NoAnswer(connection)
    if strike.fault is None:
        return await call.run()
    if strike.fault.kind is FaultKind.RATE_LIMIT:
        return _too_many(strike.retry_after)
    return await _spoilt(strike.fault, call, connection)


def page(status: int, title: str, text: str, **headers: str) -> Response:
    """A page of HTML, as what stands in front of such services answers."""
    return HTMLResponse(_PAGE.format(title=title, text=text), status, headers)


async def _spoilt(fault: Fault, call: Call, connection: Connection) -> Response:
    if fault.kind is FaultKind.DRIFT:
        return await call.run(skip=1)
    if fault.kind is FaultKind.WRONG_COUNT:
        return await call.run(miscount=fault.by or 1)
    if fault.kind is FaultKind.TRUNCATED:
        return _truncated(await call.run())
    if fault.effect or fault.kind is FaultKind.TIMEOUT_AFTER:
        await call.run()
    return _instead(fault, call, connection)


def _instead(fault: Fault, call: Call, connection: Connection) -> Response:
    """What is answered in place of the call's own answer."""
    if fault.kind is FaultKind.HTML:
        return page(fault.status or 503, "Service Unavailable", "The service is down for maintenance.")
    if fault.kind is FaultKind.EMPTY:
        return Response(b"", 200, media_type="text/xml; charset=utf-8")
    if fault.kind is FaultKind.SOAP_FAULT:
        return call.fail()
    if fault.kind is FaultKind.NOK:
        return call.refuse()
    return NoAnswer(connection, reset=fault.kind is FaultKind.RESET)


def _too_many(seconds: int) -> Response:
    return page(429, "Too Many Requests", "Slow down.", **{"Retry-After": str(seconds)})


def _truncated(whole: Response) -> Response:
    """The first half of an answer. Its length is announced as such: nothing but its content shows that it was cut."""
    half = bytes(whole.body)[: len(whole.body) // 2]
    return Response(half, whole.status_code, media_type=whole.headers["Content-Type"])
