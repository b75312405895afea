"""The stand-in for Entra ID and Microsoft Graph: one TLS server on a free loopback port, with faults on demand."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from iwds.sandbox.certificates import Authority as CertificateAuthority
from tests.graph.answers import Answers, Refusal
from tests.graph.authority import APP, Authority
from tests.graph.tenant import GROUP, TENANT, USER, Tenant

USERS_READ, GROUPS_READ, HIDDEN_READ = "User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"


@dataclass
class Fault:
    """What becomes of some of the questions.

    Attributes:
        path: stands in the address of the questions that are meant.
        status: of the answer; 0 hangs up in the middle of a body, 200 without a body answers well after `then`.
        code: Graph's word for it.
        headers: of the answer.
        body: instead of an error.
        after: so many of these questions are answered well before.
        times: so many are answered badly then.
        then: is called when one is.
    """

    path: str
    status: int = 500
    code: str = "fault"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    after: int = 0
    times: int = 1
    then: Callable[[], object] = lambda: None

    def meant(self, address: str) -> bool:
        """Whether this question meets it."""
        if self.path not in address or not self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


class GraphServer:
    """Entra and Graph in this process: `with GraphServer(folder, tenant) as graph: graph.settings()`.

    Attributes:
        tenant, answers, authority: what it is made of; may be changed while it runs.
        granted: the permissions of the application.
        faults: the first one that is meant counts.
        asked: method, path and query of each question to Graph, in order.
        priorities: the header by which a client says that it can wait.
        preferences: the header by which it says how much it wants to hear.
        delay_s: seconds that every answer takes more.
        frozen: answers are kept by their address and given again, for benchmarks.
    """

    def __init__(self, folder: Path, tenant: Tenant, frozen: bool = False) -> None:
        self.tenant, self.answers, self.authority = tenant, Answers(tenant), Authority()
        self.granted = self.authority.roles = {USERS_READ, GROUPS_READ}
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.priorities: list[str] = []
        self.preferences: list[str] = []
        self.delay_s = 0.0
        self._kept: dict[str, bytes] | None = {} if frozen else None
        self.ca_file, chain = _certificates(folder)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        self.origin = self.answers.origin = self.authority.origin = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = _Server(self._app(), chain)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="graph")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def fault(self, path: str, **fault: Any) -> None:
        """One more fault."""
        self.faults.append(Fault(path, **fault))

    def end_tokens(self) -> None:
        """No token that was given is good any more."""
        self.authority.tokens.clear()

    def settings(self, **more: Any) -> dict[str, Any]:
        """The settings of a source that reads here by the secret that is right, with these."""
        place = {"authority": self.origin, "graph": self.origin}
        plain = {"kind": "entra", "tenant": TENANT, "app_id": APP, "cloud": place, "ca_file": str(self.ca_file)}
        return {**plain, **({} if "certificate" in more else {"client_secret": self.authority.secret}), **more}

    def paths(self) -> list[str]:
        """What Graph was asked, without the queries."""
        return [each.partition("?")[0].removeprefix("/v1.0") for each in self.asked]

    def _app(self) -> Starlette:
        graph = {
            "/v1.0/users": self._users,
            "/v1.0/users/delta": lambda r: self.answers.users_delta(_query(r), _minimal(r)),
            "/v1.0/users/$count": lambda _: len(self.tenant.users),
            "/v1.0/users/{name}": lambda r: self.answers.user(r.path_params["name"], _query(r)),
            "/v1.0/users/{name}/{member:str}": lambda r: self._above(USER, r),
            "/v1.0/groups": lambda r: self.answers.groups(_query(r)),
            "/v1.0/groups/delta": lambda r: self.answers.groups_delta(_query(r), _minimal(r)),
            "/v1.0/groups/$count": lambda _: len(self.tenant.groups),
            "/v1.0/groups/{name}": lambda r: self.answers.group(r.path_params["name"], _query(r)),
            "/v1.0/groups/{name}/members": lambda r: self.answers.members(r.path_params["name"], _query(r)),
            "/v1.0/groups/{name}/{member:str}": lambda r: self._above(GROUP, r),
            "/v1.0/directory/deletedItems/microsoft.graph.user": lambda _: {"value": []},
            "/v1.0/directory/deletedItems/{name}": lambda r: self.answers.deleted(r.path_params["name"]),
        }
        routes = [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            *(Route(path, self._answering(question)) for path, question in graph.items()),
        ]
        return Starlette(routes=routes)

    async def _discovery(self, request: Request) -> Response:
        status, body = self.authority.discovery(request.path_params["tenant"])
        return JSONResponse(body, status)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        status, body = self.authority.token(request.path_params["tenant"], form)
        return JSONResponse(body, status)

    def _answering(self, question: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            address = f"{request.url.path}?{request.url.query}"
            self.asked.append(address)
            self.priorities.append(request.headers.get("x-ms-throttle-priority", ""))
            self.preferences.append(request.headers.get("Prefer", ""))
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            for fault in self.faults:
                if fault.meant(address):
                    fault.then()
                    if fault.status != 200 or fault.body is not None:
                        return _bad(fault)
            try:
                self._let_in(request)
                return self._said(address, lambda: question(request))
            except Refusal as refusal:
                return _error(refusal.status, refusal.code, refusal.message, refusal.headers)

        return answer

    def _let_in(self, request: Request) -> None:
        if not self.authority.knows(request.headers.get("Authorization", "")):
            raise Refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        needed = GROUPS_READ if "/groups" in request.url.path or "emberOf" in request.url.path else USERS_READ
        if needed not in self.granted:
            raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        self.answers.hidden_members = HIDDEN_READ in self.granted

    def _said(self, address: str, question: Callable[[], Any]) -> Response:
        if self._kept is not None and address in self._kept:
            return Response(self._kept[address], media_type="application/json")
        found = question()
        if isinstance(found, int):
            return PlainTextResponse("\ufeff" + str(found))
        body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
        if self._kept is not None:
            self._kept[address] = body
        return Response(body, media_type="application/json")

    def _users(self, request: Request) -> dict[str, Any]:
        return self.answers.users(_query(request), request.headers.get("ConsistencyLevel") == "eventual")

    def _above(self, kind: str, request: Request) -> dict[str, Any]:
        member = request.path_params["member"]
        if member not in ("memberOf", "transitiveMemberOf"):
            raise Refusal(400, "BadRequest", f"Resource not found for the segment '{member}'.")
        name = request.path_params["name"]
        return self.answers.member_of(kind, name, member == "transitiveMemberOf", _query(request))


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, chain: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        config = uvicorn.Config(
            app,
            ssl_context_factory=lambda *_: context,
            access_log=False,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.ready.set()

    async def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """At once: the end of an encrypted connection would wait for a client that may have gone already."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(*args, **kwargs)


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


def _minimal(request: Request) -> bool:
    return request.headers.get("Prefer") == "return=minimal"


def _bad(fault: Fault) -> Response:
    if fault.status == 0:
        return StreamingResponse(_cut(), headers={"Content-Length": "1000"}, media_type="application/json")
    if fault.body is not None:
        return Response(fault.body, fault.status, dict(fault.headers), media_type="application/json")
    return _error(fault.status, fault.code, "as it was told to", fault.headers)


async def _cut() -> AsyncIterator[bytes]:
    yield b'{"value": ['
    raise ConnectionError


def _error(status: int, code: str, message: str, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, dict(headers))


def _certificates(folder: Path) -> tuple[Path, Path]:
    """The file of our authority, and the one with the server's certificate and key."""
    authority = CertificateAuthority("graph")
    certificate, key = authority.server(["localhost"], ["127.0.0.1"])
    ca_file, chain = folder / "graph-ca.pem", folder / "graph-server.pem"
    ca_file.write_bytes(authority.pem)
    chain.write_bytes(certificate + key)
    return ca_file, chain
