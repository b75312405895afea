"""The REST side: accounts page by page, for whoever bears a good token."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from iwds.cli.app import run
from iwds.core.devices import DeviceKind
from iwds.sandbox.behaviour import Behaviour
from iwds.sandbox.codes import CodeType, Purpose
from iwds.sandbox.rest import ACCOUNTS
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from iwds.sandbox.tokens import months_later
from tests.integration.sandbox.client import Client

PIN = "97531864"


@pytest.fixture
def token(sandbox: SandboxThread) -> str:
    return sandbox.controls.add_token("tests", "10408/console.ada", None)[1]


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as opened:
        yield opened


def get(sandbox: SandboxThread, token: str, query: str = "", scheme: str = "Bearer") -> Any:
    headers = {"Authorization": f"{scheme} {token}", "Accept": "application/json"}
    return urllib3.request("GET", sandbox.address + ACCOUNTS + query, headers=headers, retries=False)


def test_accounts_have_the_fields_of_a_login_and_no_code(sandbox: SandboxThread, client: Client, token: str) -> None:
    login_id = client.made("zoe")
    response = get(sandbox, token)
    assert response.headers["content-type"] == "application/json"
    page = json.loads(response.data)
    assert (page["page"], page["limit"], page["hasMore"]) == (0, 50, False)
    assert page["accounts"][-1] == {
        "id": login_id, "login": "zoe", "firstname": "Zoë", "name": "O'Neill", "mail": "zoe@example.com",
        "phone": "+33 1 23", "status": 0, "role": 0, "extrafields": '{ "site":"Köln" }', "createdby": 1,
        "lastauthdate": 0,
    }  # fmt: skip


def test_pages_are_read_while_there_is_more(sandbox: SandboxThread, client: Client, token: str) -> None:
    for number in range(5):
        client.made(f"zoe{number}")
    seen: list[str] = []
    more, page = True, 0
    while more:
        answer = json.loads(get(sandbox, token, f"?page={page}&limit=3").data)
        seen += [account["login"] for account in answer["accounts"]]
        more, page = answer["hasMore"], page + 1
    assert page == 3
    assert seen == ["console.ada", "console.linus", *(f"zoe{number}" for number in range(5))]


def test_a_page_that_is_exactly_full_and_the_last_has_no_more(sandbox: SandboxThread, token: str) -> None:
    assert json.loads(get(sandbox, token, "?limit=2").data)["hasMore"] is False
    assert json.loads(get(sandbox, token, "?limit=1").data)["hasMore"] is True
    beyond = json.loads(get(sandbox, token, "?page=7").data)
    assert (beyond["accounts"], beyond["hasMore"]) == ([], False)


@pytest.mark.parametrize(
    "query",
    ["?page=-1", "?page=x", "?page=", "?page=1.0", "?page=1&page=2", "?limit=0", "?limit=101", "?limit=%D9%A3",
     "?page=99999999999999999999", "?page=" + "9" * 5000],
)  # fmt: skip
def test_a_bad_page_or_limit_is_a_problem_with_status_400(sandbox: SandboxThread, token: str, query: str) -> None:
    response = get(sandbox, token, query)
    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.data)
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    assert query[1:5] in problem["detail"]


def test_the_largest_page_is_a_hundred(sandbox: SandboxThread, token: str) -> None:
    assert get(sandbox, token, "?limit=100").status == 200


def test_without_a_token_the_answer_says_which_kind_is_wanted(sandbox: SandboxThread, pool: Any) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}):
        response = pool.request("GET", sandbox.address + ACCOUNTS, headers=headers)
        assert response.status == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="iwds sandbox"'
        assert json.loads(response.data)["status"] == 401


def test_a_token_that_is_unknown_expired_or_revoked_is_refused_in_the_same_words(
    sandbox: SandboxThread, token: str
) -> None:
    controls = sandbox.controls
    expired = controls.add_token("old", "10408/ada", datetime(2020, 1, 1, tzinfo=UTC))[1]
    number, revoked = controls.add_token("gone", "10408/ada", None)
    controls.revoke(number)
    answers = [get(sandbox, bad) for bad in ("nonsense", expired, revoked, token + "x")]
    assert {(answer.status, answer.data) for answer in answers} == {(401, answers[0].data)}
    assert {answer.headers["www-authenticate"] for answer in answers} == {
        'Bearer realm="iwds sandbox", error="invalid_token"'
    }


def test_the_name_of_the_scheme_may_be_written_in_any_case(sandbox: SandboxThread, token: str) -> None:
    assert get(sandbox, token, scheme="bearer").status == 200


def test_a_body_or_another_method_is_not_for_it(sandbox: SandboxThread, pool: Any) -> None:
    assert pool.request("POST", sandbox.address + ACCOUNTS).status == 405
    assert pool.request("GET", sandbox.address + "/auth/v1/customer/services").status == 404


def add(data: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    assert (
        run(["sandbox", "token", "add", "--description", "nightly", "--pin", PIN, "--data", str(data), *options]) == 0
    )
    return capsys.readouterr().out.strip()


def test_a_token_is_made_listed_and_revoked_by_commands_while_the_service_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data), behaviour=Behaviour(token_cache=0)) as sandbox:
        made = add(data, capsys)
        assert get(sandbox, made).status == 200
        assert run(["sandbox", "token", "list", "--data", str(data)]) == 0
        listed = capsys.readouterr().out
        assert "10408/console.ada  nightly" in listed
        assert made not in listed
        assert months_later(datetime.now(UTC)).date().isoformat() in listed
        assert run(["sandbox", "token", "revoke", "1", "--data", str(data)]) == 0
        assert get(sandbox, made).status == 401
        assert run(["sandbox", "token", "revoke", "1", "--data", str(data)]) == 64


def test_a_service_believes_a_token_that_it_has_seen_and_another_one_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as sandbox, SandboxThread(str(data)) as other:
        made = add(data, capsys)
        assert get(sandbox, made).status == 200
        run(["sandbox", "token", "revoke", "1", "--data", str(data)])
        assert get(sandbox, made).status == 200
        assert get(other, made).status == 401


def test_how_long_a_token_is_good_for_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)):
        add(data, capsys, "--never")
    add(data, capsys, "--expires", "2999-12-31", "--user", "console.linus")
    run(["sandbox", "token", "list", "--json", "--data", str(data)])
    first, second = json.loads(capsys.readouterr().out)["tokens"]
    assert (first["expires"], first["subject"]) == ("never", "10408/console.ada")
    assert (second["expires"], second["subject"]) == ("2999-12-31", "10408/console.linus")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--description", " ", "--pin", PIN], "what it is for"),
        (["--description", "x", "--pin", "abc"], "PIN has 4 to 64 characters"),
        (["--description", "x", "--pin", PIN, "--user", "nobody"], "nobody is no administrator"),
        (["--description", "x", "--pin", PIN, "--user", "zoe"], "zoe is no administrator"),
        (["--description", "x", "--pin", PIN, "--never", "--expires", "2999-01-01"], "contradict"),
        (["--description", "x", "--pin", PIN, "--expires", "2020-01-01"], "has passed"),
        (["--description", "x", "--pin", PIN, "--expires", "tomorrow"], "tomorrow"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as sandbox, closing(Client(sandbox.url)) as client:
        client.made("zoe")
        controls = sandbox.controls
        assert run(["sandbox", "token", "add", "--data", str(data), *options]) == 64
        assert controls.tokens() == []
    assert problem in capsys.readouterr().err


def test_an_administrator_who_has_a_pin_is_asked_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    with closing(Store(str(data))) as store:
        row = store.named("console.ada")
        assert row is not None
        code = store.codes.issue(row["id"], Purpose.ACTIVATION, CodeType.IMMEDIATE)
        store.people.use_code(code, DeviceKind.AUTHENTICATOR, "Phone", PIN)
        assert run(["sandbox", "token", "add", "--description", "x", "--pin", "1111", "--data", str(data)]) == 1
        assert "this is not the PIN" in capsys.readouterr().err
        assert add(data, capsys)


def test_a_token_expires_by_the_clock_of_the_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as sandbox:
        run(["sandbox", "clock", "--advance", "700d", "--data", str(data)])
        made = add(data, capsys)
        assert get(sandbox, made).status == 200
        run(["sandbox", "clock", "--advance", "390d", "--data", str(data)])
        assert get(sandbox, made).status == 200
        run(["sandbox", "clock", "--advance", "10d", "--data", str(data)])
        assert get(sandbox, made).status == 401


def test_neither_pin_nor_token_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "sandbox.db"
    with SandboxThread(str(data)) as sandbox:
        made = add(data, capsys)
        assert get(sandbox, made).status == 200
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"nightly" in kept
    assert made.encode() not in kept
    assert PIN.encode() not in kept
