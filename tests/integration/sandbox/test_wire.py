"""At the wire the local MFA service behaves as the real one's toolkit does."""

import re

import pytest

from iwds.sandbox.server import SandboxThread
from iwds.soap.description import NAMESPACE, OPERATIONS
from iwds.soap.envelope import build_request
from iwds.soap.safexml import SOAP
from tests.integration.sandbox.client import PERSON, SERVICE, Client


def envelope(call: str) -> bytes:
    return f'<S:Envelope xmlns:S="{SOAP}"><S:Header/><S:Body>{call}</S:Body></S:Envelope>'.encode()


def test_every_array_carries_one_dummy_more_than_its_count(client: Client) -> None:
    response = client.raw("loginsQuery", userid=0, serviceid=SERVICE, offset=0, nmax=1, sort=1)
    assert b"<n>1</n>" in response.data
    assert re.search(rb"<id>[1-9][0-9]*</id><id>0</id><login>console.ada</login><login></login>", response.data)
    empty = client.raw("loginsQuery", userid=0, serviceid=SERVICE, offset=5, nmax=1, sort=1)
    assert b"<n>0</n><id>0</id><login></login><code></code>" in empty.data


def test_answers_are_unprefixed_and_plain_ascii(client: Client) -> None:
    client.made("zoe")
    response = client.raw("loginsQuery", userid=0, serviceid=SERVICE, offset=0, nmax=9, sort=1)
    assert response.headers["content-type"] == "text/xml; charset=utf-8"
    assert f'<loginsQueryResponse xmlns="{NAMESPACE}"><loginsQueryReturn><err>OK</err>'.encode() in response.data
    assert b"<firstname>Zo&#235;</firstname>" in response.data
    assert response.data.isascii()


def test_an_application_error_has_status_200_and_no_arrays(client: Client) -> None:
    response = client.raw("loginsQuery", userid=0, serviceid=1, offset=0, nmax=9, sort=1)
    assert response.status == 200
    assert b"<err>NOK:access forbidden</err><count>0</count><n>0</n></loginsQueryReturn>" in response.data


def test_markup_in_values_comes_back_as_text(client: Client) -> None:
    client.made("zoe", phone="<&>]]>")
    answer = client.answer("loginSearch", loginname="zoe", exactmatch=1, offset=0, nmax=1, sort=0)
    assert answer.text_arrays["phone"] == ["<&>]]>"]


def test_parameters_are_found_by_name_in_any_order_and_namespace(client: Client) -> None:
    call = f"<loginDelete><loginid>5</loginid><userid>0</userid><serviceid>{SERVICE}</serviceid></loginDelete>"
    assert b"NOK:account unknown" in client.post(envelope(call)).data


def test_parameters_with_other_names_are_found_by_position(client: Client) -> None:
    client.made("zoe")
    call = (
        f'<q:loginSearch xmlns:q="{NAMESPACE}"><q:userId>0</q:userId><q:serviceId>{SERVICE}</q:serviceId>'
        "<q:login>zoe</q:login><q:exactmatch>1</q:exactmatch><q:offset>0</q:offset><q:nmax>1</q:nmax><q:sort>0</q:sort>"
        "</q:loginSearch>"
    )
    assert b"<login>zoe</login>" in client.post(envelope(call)).data


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        ("<loginPurge/>", "ns1:Client", "No such operation 'loginPurge'"),
        (
            "<loginQuery><userid>0</userid></loginQuery>",
            "soapenv:Server.generalException",
            "do not match the signature",
        ),
        (
            "<loginQuery><userid>0</userid><loginid>x</loginid></loginQuery>",
            "soapenv:Server.userException",
            "NumberFormatException",
        ),
        (
            "<loginQuery><userid>0</userid><loginid/></loginQuery>",
            "soapenv:Server.userException",
            "NumberFormatException",
        ),
        (
            "<loginQuery><userid>0</userid><loginid>1</loginid><more>1</more></loginQuery>",
            "soapenv:Server.generalException",
            "missing parameter description",
        ),
        ("", "soapenv:Client", "no call"),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_by_a_fault(client: Client, call: str, code: str, text: str) -> None:
    response = client.post(envelope(call))
    assert response.status == 500
    assert f">{code}</faultcode>" in response.data.decode()
    assert text in response.data.decode()


def test_a_missing_or_nil_text_is_as_good_as_an_empty_one(client: Client) -> None:
    values = {**PERSON, "userid": 0, "serviceid": SERVICE}
    del values["phone"]
    assert b"<err>OK</err>" in client.raw("loginCreate", **values).data
    nil = '<code xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">x</code>'
    answered = client.post(envelope(f"<loginGetCodeFromLink>{nil}</loginGetCodeFromLink>"))
    assert (answered.status, b">NOK<" in answered.data) == (200, True)


@pytest.mark.parametrize("path", ["/v2/services/ConsoleAdmin", "/services/ConsoleAdmin"])
def test_both_addresses_serve_the_api_and_its_description(client: Client, path: str) -> None:
    client.url = client.url.replace("/v2/services/ConsoleAdmin", path)
    assert client.text("IWDS_check") == f"OK:{SERVICE}"
    for query in ("?wsdl", "?WSDL"):
        document = client._pool.request("GET", client.url + query)
        assert document.headers["content-type"] == "text/xml; charset=utf-8"
        assert f'location="{client.url}"'.encode() in document.data
    assert b"?wsdl" in client._pool.request("GET", client.url).data


def test_headers_that_other_clients_send_do_not_matter(client: Client) -> None:
    body = build_request(OPERATIONS["IWDS_check"])
    for headers in (
        {"SOAPAction": "http://console.inwebo.com/services/ConsoleAdmin"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
        {"Content-Type": "text/xml"},
    ):
        assert b"OK:10408" in client.post(body, **headers).data


def test_other_methods_and_paths_are_refused(sandbox: SandboxThread, client: Client) -> None:
    assert client._pool.request("PUT", sandbox.url).status == 405
    assert client._pool.request("GET", sandbox.url + "/x").status == 404
