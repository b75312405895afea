"""Answers follow the published description, the API document, or both, and the served description says so."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import zeep
from lxml import etree

from iwds.sandbox.behaviour import Behaviour, Dialect
from iwds.sandbox.dialect import UNPUBLISHED, describe, in_dialect
from iwds.sandbox.operations import OPERATE
from iwds.sandbox.server import SandboxThread
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import SoapFault
from iwds.soap.wsdl import wsdl
from tests.integration.sandbox.client import PERSON, SERVICE, Client

ADDRESS = "http://127.0.0.1/v2/services/ConsoleAdmin"
PAGE = {"userid": 0, "serviceid": SERVICE, "offset": 0, "nmax": 10}


@contextmanager
def speaking(dialect: Dialect) -> Iterator[tuple[SandboxThread, Client]]:
    with SandboxThread(behaviour=Behaviour(dialect)) as sandbox, closing(Client(sandbox.url)) as client:
        yield sandbox, client


def elements(client: Client, name: str, **values: int | str) -> list[str]:
    """The names of the elements of an answer, in their order, each once."""
    root = etree.fromstring(client.raw(name, **values).data)
    returned = root[0][0][0]
    return list(dict.fromkeys(child.tag.rpartition("}")[2] for child in returned))


def test_the_published_service_has_no_more_than_its_description() -> None:
    with speaking(Dialect.PUBLISHED) as (_, client):
        login_id = client.made("zoe")
        names = elements(client, "loginQuery", userid=0, loginid=login_id)
        assert "phone" in names
        assert names[-1] == "longcode"
        assert not [name for name in names if "blocked" in name or "creationdate" in name]
        assert elements(client, "serviceGroupsQuery", **PAGE) == [
            "err",
            "count",
            "n",
            "id",
            "name",
            "num",
            "servicepolicy",
        ]
        assert {"createdby", "count"} <= set(
            elements(client, "loginSearch", **PAGE, loginname="zoe", exactmatch=1, sort=0)
        )


@pytest.mark.parametrize("name", sorted(UNPUBLISHED))
def test_the_published_service_lacks_the_three_operations_that_only_the_document_has(name: str) -> None:
    values: dict[str, Any] = {p.name: "" if p.kind == "string" else 0 for p in OPERATIONS[name].request}
    with speaking(Dialect.PUBLISHED) as (_, client), pytest.raises(SoapFault) as caught:
        client.text(name, **values) if OPERATIONS[name].result is None else client.answer(name, **values)
    assert caught.value.is_unknown_operation


def test_the_service_of_the_document_has_its_fields_in_its_order() -> None:
    with speaking(Dialect.DOCUMENT) as (_, client):
        login_id = client.made("zoe", codetype=2)
        names = elements(client, "loginQuery", userid=0, loginid=login_id)
        assert "phone" not in names
        assert "iwpinblocked" in names
        assert names.index("caalias") < names.index("cault")
        assert elements(client, "serviceGroupsQuery", **PAGE) == [
            "err",
            "n",
            "count",
            "groupid",
            "name",
            "servicepolicy",
        ]
        searched = elements(client, "loginSearch", **PAGE, loginname="zoe", exactmatch=1, sort=0)
        assert not {"createdby", "count"} & set(searched)
        assert elements(client, "loginsQuery", **PAGE, sort=0)[:5] == ["err", "n", "id", "count", "login"]


def test_the_document_makes_an_array_of_the_long_code() -> None:
    with speaking(Dialect.DOCUMENT) as (_, client):
        with_link = client.raw("loginQuery", userid=0, loginid=client.made("zoe", codetype=2)).data
        without = client.raw("loginQuery", userid=0, loginid=client.made("noe")).data
    assert re.search(rb"<longcode>[0-9a-zA-Z]+</longcode><longcode></longcode>", with_link)
    assert without.count(b"<longcode></longcode>") == 1


def test_the_document_writes_one_return_with_a_capital_letter() -> None:
    operation = in_dialect(Dialect.DOCUMENT, OPERATIONS["loginRestore"])
    assert operation.return_name == "LoginRestoreReturn"
    assert in_dialect(Dialect.BOTH, OPERATIONS["loginRestore"]).return_name == "loginRestoreReturn"
    assert b'name="LoginRestoreReturn"' in describe(Dialect.DOCUMENT, ADDRESS)
    assert b"loginRestoreReturn" not in describe(Dialect.DOCUMENT, ADDRESS)


@pytest.mark.parametrize("dialect", Dialect)
def test_an_error_of_the_application_is_one_in_every_dialect(dialect: Dialect) -> None:
    with speaking(dialect) as (_, client):
        assert client.page(sort=99).err == "NOK:SN"
        assert client.answer("loginQuery", loginid=1).err == "NOK:account unknown"


def test_with_both_the_whole_description_is_served_as_it_is() -> None:
    assert describe(Dialect.BOTH, ADDRESS) == wsdl(ADDRESS)


@pytest.mark.parametrize("dialect", Dialect)
def test_the_served_description_has_the_operations_of_its_dialect(dialect: Dialect) -> None:
    with speaking(dialect) as (sandbox, _), zeep.Client(sandbox.url + "?wsdl") as client:  # type: ignore[no-untyped-call]
        described = set(client.service._operations)
    assert described == set(OPERATIONS) - (UNPUBLISHED if dialect is Dialect.PUBLISHED else set())


@pytest.mark.parametrize("dialect", Dialect)
def test_a_strict_client_that_reads_the_description_understands_the_answers(dialect: Dialect) -> None:
    settings = zeep.Settings(strict=True)
    with (
        speaking(dialect) as (sandbox, client),
        zeep.Client(sandbox.url + "?wsdl", settings=settings) as strict,  # type: ignore[no-untyped-call]
    ):
        login_id = client.made("zoe", codetype=2)
        service = strict.service
        assert service.loginQuery(userid=0, loginid=login_id)["login"] == "zoe"
        assert service.loginsQuery(**PAGE, sort=1)["login"][:3] == ["console.ada", "console.linus", "zoe"]
        assert service.loginSearch(**PAGE, loginname="zoe", exactmatch=1, sort=0)["id"][:1] == [login_id]
        groups = service.serviceGroupsQuery(**PAGE)["groupid" if dialect is Dialect.DOCUMENT else "id"]
        assert service.groupAccountCreate(userid=0, groupid=groups[0], loginid=login_id, role=0) == "OK"
        assert service.loginGetGroups(userid=0, loginid=login_id, offset=0, nmax=9)["groupid"][:1] == groups[:1]
        assert service.loginsQueryByGroup(userid=0, groupid=groups[0], offset=0, nmax=9, sort=0)["n"] == 1
        assert service.loginCreate(userid=0, serviceid=SERVICE, **{**PERSON, "login": "noe"})["err"] == "OK"
        if "loginRestore" in OPERATE:
            assert service.loginRestore(userid=0, serviceid=SERVICE, loginid=login_id).isdecimal()
