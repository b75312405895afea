"""An independent client that knows nothing but the served description can use the service."""

from collections.abc import Iterator
from typing import Any

import pytest
import zeep

from iwds.sandbox.operations import OPERATE
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from tests.integration.sandbox.client import PERSON, SERVICE, Client

KNOWN = {"userid": 0, "serviceid": SERVICE, "offset": 0, "nmax": 100, "sort": 1, "exactmatch": 0, "loginname": "zoe"}


@pytest.fixture
def service(sandbox: SandboxThread) -> Iterator[Any]:
    settings = zeep.Settings(strict=True)
    with zeep.Client(sandbox.url + "?wsdl", settings=settings) as client:  # type: ignore[no-untyped-call]  # zeep ships no types
        yield client.service


def values_for(name: str, login_id: int, group_id: int) -> dict[str, Any]:
    fresh = {**PERSON, "login": name, "login2": "", "login3": "", "provisioningId": 77}
    values = {**fresh, **KNOWN, "loginid": login_id, "groupid": group_id}
    return {p.name: values[p.name] for p in OPERATIONS[name].request}


def test_every_operation_can_be_called_in_strict_mode(service: Any, client: Client) -> None:
    login_id = client.made("zoe", codetype=2)
    (group_id, *_) = service.serviceGroupsQuery(userid=0, serviceid=SERVICE, offset=0, nmax=1)["id"]
    last = (
        "groupAccountUpdate",
        "groupAccountQuery",
        "loginGetGroups",
        "groupAccountDelete",
        "loginUpdate",
        "loginDelete",
    )
    results = {}
    for name in [*(name for name in OPERATE if name not in last), *last]:
        results[name] = getattr(service, name)(**values_for(name, login_id, group_id))
    assert results.pop("loginActivateCode") == "NOK"  # a link has no inactive code
    assert results.pop("IWDS_check") == f"OK:{SERVICE}"
    assert {r if isinstance(r, str) else r["err"] for r in results.values()} == {"OK"}
    assert results["loginSearch"]["login"][:1] == ["zoe"]
    assert results["loginQuery"]["firstname"] == "Zoë"
    assert results["loginGetGroups"]["groupid"][:1] == [group_id]


def test_an_answer_with_an_error_is_understood_in_strict_mode(service: Any) -> None:
    assert service.loginsQuery(**{**KNOWN_PAGE, "serviceid": 1})["err"] == "NOK:access forbidden"
    assert service.loginQuery(userid=0, loginid=1)["err"] == "NOK:account unknown"
    assert service.loginsQuery(**{**KNOWN_PAGE, "offset": 1000})["n"] == 0


KNOWN_PAGE = {name: KNOWN[name] for name in ("userid", "serviceid", "offset", "nmax", "sort")}


def test_an_unknown_operation_is_a_fault_that_names_it(service: Any) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="No such operation 'loginRestore'"):
        service.loginRestore(userid=0, serviceid=SERVICE, loginid=1)
