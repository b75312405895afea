"""An independent client that knows nothing but the served description can use the service."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zeep

from iwds.core.devices import DeviceKind
from iwds.sandbox.operations import OPERATE
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from iwds.soap.description import OPERATIONS
from tests.integration.sandbox.client import PERSON, SERVICE

KNOWN = {"userid": 0, "serviceid": SERVICE, "offset": 0, "nmax": 100, "sort": 1, "exactmatch": 0, "loginname": "zoe"}


@contextmanager
def served(sandbox: SandboxThread) -> Iterator[Any]:
    settings = zeep.Settings(strict=True)
    with zeep.Client(sandbox.url + "?wsdl", settings=settings) as client:  # type: ignore[no-untyped-call]  # zeep ships no types
        yield client.service


@pytest.fixture
def service(sandbox: SandboxThread) -> Iterator[Any]:
    with served(sandbox) as service:
        yield service


def values_for(name: str, **given: Any) -> dict[str, Any]:
    fresh = {**PERSON, "login": name, "login2": "", "login3": "", "provisioningId": 77}
    values = {**fresh, **KNOWN, "codetype": 0, **given}
    return {p.name: values[p.name] for p in OPERATIONS[name].request}


def test_every_operation_can_be_called_in_strict_mode(tmp_path: Path) -> None:
    data = str(tmp_path / "sandbox.db")
    with SandboxThread(data) as sandbox, closing(Store(data)) as store, served(sandbox) as service:
        (group_id, *_) = service.serviceGroupsQuery(userid=0, serviceid=SERVICE, offset=0, nmax=1)["id"]
        made = service.loginCreate(**{**values_for("loginCreate"), "login": "zoe", "codetype": 2})
        known = {"loginid": made["id"], "code": made["code"], "groupid": group_id, "tooltype": "va"}
        results = {"loginCreate": made}
        for name in ("loginGetCodeFromLink", "loginGetInfoFromLink", "loginSendByMail"):
            results[name] = getattr(service, name)(**values_for(name, **known))
        known["toolid"] = store.people.use_code(made["code"], DeviceKind.VIRTUAL, "Desktop", "1234").device
        inactive = service.loginCreate(**{**values_for("loginCreate"), "login": "noe", "codetype": 1})
        results["loginActivateCode"] = service.loginActivateCode(
            **values_for("loginActivateCode", loginid=inactive["id"])
        )
        last = ("groupAccountUpdate", "groupAccountQuery", "loginGetGroups", "loginsQueryByGroup", "loginQuery")
        ends = ("groupAccountDelete", "loginUpdate", "loginDeleteTool", "loginDelete")
        for name in [*(name for name in OPERATE if name not in {*results, *last, *ends}), *last, *ends]:
            results[name] = getattr(service, name)(**values_for(name, **known))
    assert results.keys() == OPERATIONS.keys()
    assert results.pop("IWDS_check") == f"OK:{SERVICE}"
    returned = {"loginActivateCode", "loginGetCodeFromLink", "loginRestore", "loginAddDevice", "loginResetPwdExtended"}
    assert all(re.fullmatch("[0-9]{9}", results.pop(name)) for name in returned)
    assert re.fullmatch("[0-9]{8}", results.pop("loginGetOTP"))
    assert {r if isinstance(r, str) else r["err"] for r in results.values()} == {"OK"}
    assert results["loginSearch"]["login"][:1] == ["zoe"]
    assert results["loginSearch"]["activation_status"][:1] == [4]
    assert results["loginQuery"]["firstname"] == "Zoë"
    assert (results["loginQuery"]["nva"], results["loginQuery"]["vaname"][:1]) == (1, [PERSON["name"]])
    assert results["loginGetGroups"]["groupid"][:1] == [group_id]


def test_an_answer_with_an_error_is_understood_in_strict_mode(service: Any) -> None:
    assert service.loginsQuery(**{**KNOWN_PAGE, "serviceid": 1})["err"] == "NOK:access forbidden"
    assert service.loginQuery(userid=0, loginid=1)["err"] == "NOK:account unknown"
    assert service.loginsQuery(**{**KNOWN_PAGE, "offset": 1000})["n"] == 0


KNOWN_PAGE = {name: KNOWN[name] for name in ("userid", "serviceid", "offset", "nmax", "sort")}


def test_an_unknown_operation_is_a_fault_that_names_it() -> None:
    with (
        SandboxThread(unknown_operations=["loginRestore"]) as older,
        served(older) as service,
        pytest.raises(zeep.exceptions.Fault, match="No such operation 'loginRestore'"),
    ):
        service.loginRestore(userid=0, serviceid=SERVICE, loginid=1)
