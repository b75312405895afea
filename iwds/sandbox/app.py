"""The local MFA service as an ASGI application."""

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from iwds.sandbox.activation_page import activation_routes
from iwds.sandbox.operations import OPERATE, Nok, perform
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Fault, Result, read_request, write_fault, write_result, write_text
from iwds.soap.description import Operation
from iwds.soap.envelope import CONTENT_TYPE
from iwds.soap.wsdl import wsdl

PATHS = ("/v2/services/ConsoleAdmin", "/services/ConsoleAdmin")
MAX_BODY = 1024 * 1024
"""Bytes of a request; the largest that the API document allows has less than 10 kB."""


class TooLarge(Exception):
    """The request's body is larger than any call can be."""


def build_app(store: Store, unknown_operations: Collection[str] = ()) -> Starlette:
    """The application. `unknown_operations` are those that an older service lacks, for example loginCreateBySource.

    Calls run one after the other in the event loop: each takes about a millisecond, and a data file has one writer.
    """
    endpoint = _Endpoint(store, frozenset(OPERATE) - frozenset(unknown_operations))
    routes = [Route(path, endpoint.answer, methods=["GET", "POST"]) for path in PATHS]
    return Starlette(routes=[*routes, *activation_routes(store)])


class _Endpoint:
    def __init__(self, store: Store, known: frozenset[str]) -> None:
        self._store = store
        self._known = known

    async def answer(self, request: Request) -> Response:
        if request.method != "POST":
            return _describe(request)
        try:
            message = await _body(request)
        except TooLarge:
            return PlainTextResponse("the request is too large\n", 413, {"Connection": "close"})
        try:
            return _soap(await self._call(message))
        except Fault as fault:
            return _soap(write_fault(fault), 500)

    async def _call(self, message: bytes) -> bytes:
        operation, arguments = read_request(message, self._known.__contains__)
        try:
            return _write(operation, await perform(self._store, operation.name, arguments))
        except Nok as nok:
            return _write(operation, nok.text if operation.result is None else {"err": nok.text})


def _write(operation: Operation, result: Result | str) -> bytes:
    return write_text(operation, result) if isinstance(result, str) else write_result(operation, result)


def _soap(message: bytes, status: int = 200) -> Response:
    return Response(message, status, media_type=CONTENT_TYPE)


def _describe(request: Request) -> Response:
    if any(name.lower() == "wsdl" for name in request.query_params):
        return _soap(wsdl(str(request.url.replace(query=""))))
    return PlainTextResponse(f"This is a web service; its description is at {request.url.path}?wsdl\n")


async def _body(request: Request) -> bytes:
    """The body, read no further than allowed. Raises `TooLarge`."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY:
            raise TooLarge
    return bytes(received)
