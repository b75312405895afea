"""Messages as the real service's toolkit (Apache Axis 1.4) reads and writes them, quirks included.

Clients that others wrote rely on the quirks: one dummy at the end of every array, elements without prefixes, parameters
that are found by position where their names are wrong.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from xml.sax.saxutils import escape as xml_escape

from lxml import etree

from iwds.soap.description import NAMESPACE, OPERATIONS, Field, Operation, Parameter
from iwds.soap.envelope import escape
from iwds.soap.safexml import SOAP, UnreadableMessage, local_name, parse_long, soap_body

Value: TypeAlias = int | str | None
Arguments: TypeAlias = Mapping[str, Value]
"""Parameters by name. A text that was missing or nil is None; a number is always there."""

Result: TypeAlias = Mapping[str, Value | list[int] | list[str]]
"""Fields of a result by name. A missing array is not written at all; a missing number is 0, a missing text is nil."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSD = "http://www.w3.org/2001/XMLSchema"
_AXIS = "http://xml.apache.org/axis/"
_HEAD = (
    f'<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope xmlns:soapenv="{SOAP}" '
    f'xmlns:xsd="{_XSD}" xmlns:xsi="{_XSI}"><soapenv:Body>'
)
_TAIL = "</soapenv:Body></soapenv:Envelope>"
_BETWEEN = "\0"  # stands between the items of an array while all are escaped at once; no message can hold it


class Fault(Exception):
    """The answer is a SOAP fault. `code` is a qualified name as it is written, `text` is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def read_request(message: bytes, known: Callable[[str], bool]) -> tuple[Operation, Arguments]:
    """The operation and its arguments. `known` tells which operations this service has. Raises `Fault`."""
    call = _call(message)
    name = local_name(call)
    if name not in OPERATIONS or not known(name):
        raise Fault("ns1:Client", f"No such operation '{name}'")
    operation = OPERATIONS[name]
    return operation, _arguments(operation, call)


def write_text(operation: Operation, text: str) -> bytes:
    """The answer of an operation that returns a text."""
    return _response(operation, _element(operation.return_name, text))


def write_result(operation: Operation, result: Result) -> bytes:
    """The answer of an operation that returns an object."""
    fields = operation.result.fields if operation.result else ()
    inner = "".join(_field(field, result) for field in fields)
    return _response(operation, f"<{operation.return_name}>{inner}</{operation.return_name}>")


def write_fault(fault: Fault) -> bytes:
    """A SOAP 1.1 fault; it goes with HTTP status 500."""
    code = f'<faultcode xmlns:ns1="{_AXIS}">{fault.code}</faultcode>'
    body = f"<soapenv:Fault>{code}{_element('faultstring', fault.text)}<detail/></soapenv:Fault>"
    return (_HEAD + body + _TAIL).encode("ascii", "xmlcharrefreplace")


def _call(message: bytes) -> etree._Element:
    try:
        body = soap_body(message)
    except UnreadableMessage as error:
        raise Fault("soapenv:Server.userException", f"org.xml.sax.SAXParseException: {error}") from None
    if not body:
        raise Fault("soapenv:Client", "The body holds no call")
    return body[0]


def _arguments(operation: Operation, call: etree._Element) -> Arguments:
    values: dict[str, Value] = {}
    for position, child in enumerate(call):
        parameter = _parameter(operation, local_name(child), position)
        values[parameter.name] = _value(parameter, child)
    for parameter in operation.request:
        if values.setdefault(parameter.name, None) is None and parameter.kind.is_number:
            raise Fault(
                "soapenv:Server.generalException", f"The arguments do not match the signature of {operation.name}"
            )
    return values


def _parameter(operation: Operation, name: str, position: int) -> Parameter:
    """By name, and by position where no parameter has the name."""
    for parameter in operation.request:
        if parameter.name == name:
            return parameter
    if position < len(operation.request):
        return operation.request[position]
    raise Fault("soapenv:Server.generalException", "The operation description is missing parameter description!")


def _value(parameter: Parameter, element: etree._Element) -> Value:
    if element.get(f"{{{_XSI}}}nil") in ("true", "1"):
        return None
    text = element.text or ""
    if not parameter.kind.is_number:
        return text
    try:
        return parse_long(text)
    except ValueError:
        raise Fault("soapenv:Server.userException", "java.lang.NumberFormatException: For input string") from None


def _response(operation: Operation, inner: str) -> bytes:
    name = operation.response_name
    return (_HEAD + f'<{name} xmlns="{NAMESPACE}">{inner}</{name}>' + _TAIL).encode("ascii", "xmlcharrefreplace")


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text, name)}</{name}>"


def _field(field: Field, result: Result) -> str:
    value = result.get(field.name)
    if isinstance(value, list):
        return _array(field, value)
    if field.is_array or (field.optional and value is None):
        return ""
    if field.kind.is_number:
        return f"<{field.name}>{value or 0}</{field.name}>"
    return f'<{field.name} xsi:nil="true"/>' if value is None else _element(field.name, str(value))


def _array(field: Field, items: list[int] | list[str]) -> str:
    """The items and the dummy: 0 after numbers, an empty text after texts."""
    together = _BETWEEN.join([*map(str, items), "0" if field.kind.is_number else ""])
    inside = xml_escape(together, {"\r": "&#13;"}).replace(_BETWEEN, f"</{field.name}><{field.name}>")
    return f"<{field.name}>{inside}</{field.name}>"
