"""A bare client of the provisioning API: it posts envelopes and shows what came back."""

from typing import Any

import urllib3

from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import CONTENT_TYPE, Answer, build_partial_request, build_request, parse_answer, parse_text

SERVICE = 10408
PERSON: dict[str, int | str] = {
    "login": "zoe",
    "firstname": "Zoë",
    "name": "O'Neill",
    "mail": "zoe@example.com",
    "phone": "+33 1 23",
    "status": 0,
    "role": 0,
    "access": 1,
    "codetype": 1,
    "lang": "en",
    "extrafields": '{ "site":"Köln" }',
}


class Client:
    """Calls operations with `userid` and `serviceid` filled in where the operation has them."""

    def __init__(self, url: str, **pool: Any) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(retries=False, **pool)

    def post(self, body: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("POST", self.url, body=body, headers={"Content-Type": CONTENT_TYPE, **headers})

    def raw(self, name: str, /, **values: int | str) -> urllib3.BaseHTTPResponse:
        return self.post(build_partial_request(OPERATIONS[name], **values))

    def text(self, name: str, /, **values: int | str) -> str | None:
        return parse_text(OPERATIONS[name], self._call(name, values))

    def answer(self, name: str, /, **values: int | str) -> Answer:
        return parse_answer(OPERATIONS[name], self._call(name, values))

    def create(self, login: str, /, **values: int | str) -> Answer:
        return self.answer("loginCreate", **{**PERSON, "login": login, **values})

    def made(self, login: str, /, **values: int | str) -> int:
        answer = self.create(login, **values)
        assert answer.err == "OK"
        return answer.numbers["id"]

    def page(self, **values: int | str) -> Answer:
        return self.answer("loginsQuery", **{"offset": 0, "nmax": 100, "sort": 1, **values})

    def close(self) -> None:
        self._pool.clear()

    def _call(self, name: str, values: dict[str, Any]) -> bytes:
        operation = OPERATIONS[name]
        common = {"userid": 0, "serviceid": SERVICE}
        named = {p.name: common[p.name] for p in operation.request if p.name in common}
        return self.post(build_request(operation, **{**named, **values})).data
