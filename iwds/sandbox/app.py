"""The local MFA service as an ASGI application."""

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from iwds.sandbox import mischief
from iwds.sandbox.activation_page import activation_routes
from iwds.sandbox.behaviour import Behaviour
from iwds.sandbox.connection import connection_of
from iwds.sandbox.controls import Controls
from iwds.sandbox.dialect import adapted, describe, in_dialect, unknown_operations
from iwds.sandbox.door import Door
from iwds.sandbox.operations import OPERATE, Nok, perform
from iwds.sandbox.rest import ACCOUNTS, Rest
from iwds.sandbox.store import Store
from iwds.sandbox.tls import NO_SERVICE
from iwds.sandbox.wire import Arguments, Fault, Result, read_request, write_fault, write_result, write_text
from iwds.soap.description import Operation
from iwds.soap.envelope import CONTENT_TYPE

PATHS = ("/v2/services/ConsoleAdmin", "/services/ConsoleAdmin")
MAX_BODY = 1024 * 1024
"""Bytes of a request; the largest that the API document allows has less than 10 kB."""


class TooLarge(Exception):
    """The request's body is larger than any call can be."""


def build_app(
    store: Store,
    controls: Controls,
    behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
    unknown: Collection[str] = (),
) -> ASGIApp:
    """The application. `unknown` are operations that an older service lacks, for example loginCreateBySource.

    Calls run one after the other in the event loop: each takes about a millisecond, and a data file has one writer.
    """
    known = frozenset(OPERATE) - unknown_operations(behaviour.dialect) - frozenset(unknown)
    endpoint = _Endpoint(store, controls, behaviour, known)
    rest = Rest(store, controls)
    routes = [Route(path, endpoint.answer, methods=["GET", "POST"]) for path in PATHS]
    routes += [Route(ACCOUNTS, rest.accounts, methods=["GET"])]
    app = Starlette(routes=[*routes, *activation_routes(store)])
    return Door(app, behaviour.allow) if behaviour.allow else app


class _Endpoint:
    def __init__(self, store: Store, controls: Controls, behaviour: Behaviour, known: frozenset[str]) -> None:
        self._store = store
        self._controls = controls
        self._behaviour = behaviour
        self._known = known

    async def answer(self, request: Request) -> Response:
        if request.method != "POST":
            return self._describe(request)
        try:
            message = await _body(request)
        except TooLarge:
            return PlainTextResponse("the request is too large\n", 413, {"Connection": "close"})
        try:
            operation, arguments = read_request(message, self._known.__contains__)
        except Fault as fault:
            return _soap(write_fault(fault), 500)
        connection = connection_of(request)
        call = _Call(self._store, self._behaviour, operation, arguments, connection.service)
        return await mischief.answer(self._controls.strike(operation.name), call, connection)

    def _describe(self, request: Request) -> Response:
        if any(name.lower() == "wsdl" for name in request.query_params):
            return _soap(describe(self._behaviour.dialect, str(request.url.replace(query=""))))
        return PlainTextResponse(f"This is a web service; its description is at {request.url.path}?wsdl\n")


class _Call:
    """One call that was understood. `client` is the service of the client's certificate, None where it showed none."""

    def __init__(
        self, store: Store, behaviour: Behaviour, operation: Operation, arguments: Arguments, client: int | None
    ) -> None:
        self._store = store
        self._behaviour = behaviour
        self._operation = in_dialect(behaviour.dialect, operation)
        self._arguments = arguments
        self._client = store.service_id if client is None else client

    async def run(self, *, skip: int = 0, miscount: int = 0) -> Response:
        arguments = _later(self._arguments, skip) if skip else self._arguments
        try:
            result = await self._operate(arguments)
        except Nok as nok:
            return self._nok(nok)
        return self._written(_miscounted(result, miscount) if miscount else result)

    def refuse(self) -> Response:
        return self._nok(Nok())

    def fail(self) -> Response:
        return _soap(write_fault(Fault("soapenv:Server.userException", "java.lang.NullPointerException")), 500)

    async def _operate(self, arguments: Arguments) -> Result | str:
        """What the operation returns to this client. Raises `Nok`."""
        check = self._operation.name == "IWDS_check"
        if check and (self._client == NO_SERVICE or not self._behaviour.option):
            raise Nok
        if self._client == self._store.service_id:
            return await perform(self._store, self._operation.name, arguments)
        if check:  # whose certificate it is, whatever service this is: so a client finds that it took the wrong one
            return f"OK:{self._client}"
        raise Nok("access forbidden")

    def _nok(self, nok: Nok) -> Response:
        return self._written(nok.text if self._operation.result is None else {"err": nok.text})

    def _written(self, result: Result | str) -> Response:
        if isinstance(result, str):
            return _soap(write_text(self._operation, result))
        return _soap(write_result(self._operation, adapted(self._behaviour.dialect, result)))


def _later(arguments: Arguments, rows: int) -> Arguments:
    """The same page, begun `rows` later."""
    offset = arguments["offset"]
    return {**arguments, "offset": offset + rows if isinstance(offset, int) else offset}


def _miscounted(result: Result | str, by: int) -> Result | str:
    if isinstance(result, str) or not isinstance(count := result.get("count"), int):
        return result
    return {**result, "count": max(0, count + by)}


def _soap(message: bytes, status: int = 200) -> Response:
    return Response(message, status, media_type=CONTENT_TYPE)


async def _body(request: Request) -> bytes:
    """The body, read no further than allowed. Raises `TooLarge`, before anything is read where its length is told."""
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        raise TooLarge
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY:
            raise TooLarge
    return bytes(received)
