"""The REST side of the local MFA service, as far as anything is known of the vendor's: one listing, bearer tokens.

Path, `page`, `limit` and `hasMore` are the vendor's. The names of the fields of an account, and of the list itself, are
ours: nothing public tells his.
"""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from iwds.sandbox.controls import Controls
from iwds.sandbox.operations import operate
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Result

ACCOUNTS = "/auth/v1/customer/services/accounts"
_DEFAULT_LIMIT, _MAX_LIMIT, _MAX_PAGE = 50, 100, 10**9
_BY_LOGIN = 1  # the listing's order; the same on every page
_FIELDS = (
    "id", "login", "firstname", "name", "mail", "phone", "status", "role", "extrafields", "createdby", "lastauthdate",
)  # fmt: skip


class Rest:
    """The endpoints. Tokens are looked up in `controls`, accounts in `store`."""

    def __init__(self, store: Store, controls: Controls) -> None:
        self._store = store
        self._controls = controls

    async def accounts(self, request: Request) -> Response:
        """One page of the accounts."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            page = _number(request, "page", 0, 0, _MAX_PAGE)
            limit = _number(request, "limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
        except ValueError as error:
            return _problem(400, "Bad Request", str(error))
        found = cast("Result", operate(self._store, "loginsQuery", self._query(page, limit)))
        return JSONResponse(_page(found, page, limit), headers={"Cache-Control": "no-store"})

    def _query(self, page: int, limit: int) -> dict[str, int | str | None]:
        service = self._store.service_id
        return {"userid": 0, "serviceid": service, "offset": page * limit, "nmax": limit, "sort": _BY_LOGIN}

    def _refusal(self, request: Request) -> Response | None:
        """401 where the token is missing, unknown, expired or revoked. Which of the last three it is, is not told."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return _unauthorized("a bearer token is needed", 'Bearer realm="iwds sandbox"')
        if self._controls.accepts(token.strip()):
            return None
        return _unauthorized("the token is not good", 'Bearer realm="iwds sandbox", error="invalid_token"')


def _page(found: Result, page: int, limit: int) -> dict[str, Any]:
    columns: list[Any] = [found[name] for name in _FIELDS]
    accounts = [dict(zip(_FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
    has_more = (page + 1) * limit < cast("int", found["count"])
    return {"accounts": accounts, "page": page, "limit": limit, "hasMore": has_more}


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A number of the query. Raises ValueError with the sentence for the client."""
    texts = request.query_params.getlist(name)
    if not texts:
        return default
    text = texts[0]
    if len(texts) > 1 or not (text.isascii() and text.isdecimal() and len(text) < 19 and least <= int(text) <= most):
        raise ValueError(f"{name} is one whole number from {least} to {most}")
    return int(text)


def _unauthorized(detail: str, challenge: str) -> Response:
    return _problem(401, "Unauthorized", detail, {"WWW-Authenticate": challenge})


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as RFC 9457 has it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")
