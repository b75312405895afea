"""The description in Python and the WSDL that the project ships say the same."""

from lxml import etree

from iwds.soap.description import NAMESPACE, OPERATIONS, RESULT_TYPES, Field, Kind, Operation
from iwds.soap.wsdl import wsdl

XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"

DOCUMENT = etree.fromstring(wsdl("http://127.0.0.1:1/v2/services/ConsoleAdmin"))


def elements(parent: etree._Element) -> list[dict[str, str]]:
    return [
        {str(k): str(v) for k, v in element.attrib.items()}
        for element in parent.iterfind(f".//{XSD}sequence/{XSD}element")
    ]


def declared(field: Field) -> dict[str, str]:
    attributes = {"name": field.name, "type": f"xsd:{field.kind}"}
    if field.is_array:
        return attributes | {"minOccurs": "0", "maxOccurs": "unbounded", "nillable": "true"}
    if field.optional:
        return attributes | {"minOccurs": "0"}
    return attributes | ({"nillable": "true"} if field.kind is Kind.STRING else {})


def message(name: str) -> list[dict[str, str]]:
    (element,) = DOCUMENT.iterfind(f".//{XSD}schema/{XSD}element[@name='{name}']")
    return elements(element)


def returned(operation: Operation) -> str:
    return f"tns:{operation.result.name}" if operation.result else "xsd:string"


def test_there_are_the_24_published_operations_and_three_more() -> None:
    assert len(OPERATIONS) == 27
    assert list(OPERATIONS)[24:] == ["loginCreateBySource", "loginGetOTP", "loginUpdateTool"]


def test_every_request_of_the_wsdl_is_the_described_one() -> None:
    for operation in OPERATIONS.values():
        assert message(operation.name) == [{"name": p.name, "type": f"xsd:{p.kind}"} for p in operation.request]


def test_every_response_of_the_wsdl_is_the_described_one() -> None:
    for operation in OPERATIONS.values():
        assert message(operation.response_name) == [{"name": operation.return_name, "type": returned(operation)}]


def test_every_result_type_of_the_wsdl_is_the_described_one() -> None:
    types = {t.get("name"): elements(t) for t in DOCUMENT.iterfind(f".//{XSD}schema/{XSD}complexType")}
    assert types == {result.name: [declared(field) for field in result.fields] for result in RESULT_TYPES}


def test_the_wsdl_offers_the_described_operations_and_no_other() -> None:
    for path in (f"{WSDL}portType/{WSDL}operation", f"{WSDL}binding/{WSDL}operation"):
        assert [o.get("name") for o in DOCUMENT.iterfind(path)] == list(OPERATIONS)


def test_the_binding_is_soap_1_1_document_literal_with_an_empty_action() -> None:
    assert DOCUMENT.get("targetNamespace") == NAMESPACE
    assert {b.get("style") for b in DOCUMENT.iter(f"{SOAP}binding")} == {"document"}
    assert {b.get("use") for b in DOCUMENT.iter(f"{SOAP}body")} == {"literal"}
    assert {o.get("soapAction") for o in DOCUMENT.iter(f"{SOAP}operation")} == {""}
    assert DOCUMENT.find(f".//{XSD}schema").get("elementFormDefault") == "qualified"  # type: ignore[union-attr]


def test_every_array_is_counted_by_a_number_of_its_own_result() -> None:
    for result in RESULT_TYPES:
        numbers = {field.name for field in result.fields if not field.is_array and field.kind.is_number}
        assert {field.counted_by for field in result.fields if field.counted_by} <= numbers


def test_the_served_document_names_the_address_that_it_is_asked_for() -> None:
    address = DOCUMENT.find(f".//{SOAP}address")
    assert address is not None
    assert address.get("location") == "http://127.0.0.1:1/v2/services/ConsoleAdmin"
    assert b"a&amp;b" in wsdl("http://x/?a&b")
