"""Which of the API's two descriptions the answers follow: the published WSDL, the API document, or both together.

Nobody outside knows which one a given service speaks, so a client is to be tested against each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from lxml import etree

from iwds.sandbox.behaviour import Dialect
from iwds.sandbox.wire import Result
from iwds.soap.description import OPERATIONS, Field, Operation, ResultType
from iwds.soap.wsdl import wsdl

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"


UNPUBLISHED = frozenset({"loginCreateBySource", "loginGetOTP", "loginUpdateTool"})
"""The operations that only the document has."""

_LOGIN = "login code status role firstname name mail"
_DOCUMENT: Mapping[str, str] = {
    "LoginsQueryResult": f"err n id count {_LOGIN} phone extrafields createdby lastauthdate",
    "LoginSearchResult": f"err n id {_LOGIN} phone extrafields activation_status",
    "LoginQueryResult": "err login code status role firstname name mail extrafields createdby lastauthdate "
    "iwpinblocked iwpasswordblocked macpasswordblocked "
    "nca caid castate caname caalias cault cacreationdate calastauthdate "
    "nma maid mastate maname maalias mapushenabled macreationdate malastauthdate "
    "nmac macid macstate macname macalias macpushenabled maccreationdate maclastauthdate "
    "nva vaid vastate vaname vaalias vacreationdate valastauthdate longcode",
    "LoginCreateResult": "err code id",
    "LoginGetGroupsResult": "err n count groupid name servicepolicy role",
    "ServiceGroupsQueryResult": "err n count groupid name servicepolicy",
    "GroupAccountQueryResult": "err roleid loginid groupid",
}
"""The document's fields of every result, in its order."""


def in_dialect(dialect: Dialect, operation: Operation) -> Operation:
    """The operation with the answer that this dialect gives."""
    return _operations(dialect)[operation.name]


def unknown_operations(dialect: Dialect) -> frozenset[str]:
    """The operations that a service of this dialect does not have."""
    return UNPUBLISHED if dialect is Dialect.PUBLISHED else frozenset()


def adapted(dialect: Dialect, result: Result) -> Result:
    """The result's values as this dialect has them: the document makes an array of the long code."""
    if dialect is not Dialect.DOCUMENT or "longcode" not in result:
        return result
    code = result["longcode"]
    return {**result, "longcode": [str(code)] if code else []}


def describe(dialect: Dialect, address: str) -> bytes:
    """The WSDL of this dialect, with `address` as the place where the service is."""
    whole = wsdl(address)
    if dialect is Dialect.BOTH:
        return whole
    document = etree.fromstring(whole)
    for result in {op.result.name: op.result for op in _operations(dialect).values() if op.result}.values():
        _keep(document, result)
    for name in unknown_operations(dialect):
        _remove_operation(document, OPERATIONS[name])
    if dialect is Dialect.DOCUMENT:
        _rename(document)
    return etree.tostring(document, xml_declaration=True, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _CapitalReturn(Operation):
    """The one operation whose return the document writes with a capital letter."""

    @property
    def return_name(self) -> str:
        return "LoginRestoreReturn"


@cache
def _operations(dialect: Dialect) -> Mapping[str, Operation]:
    return MappingProxyType({name: _operation(dialect, operation) for name, operation in OPERATIONS.items()})


def _operation(dialect: Dialect, operation: Operation) -> Operation:
    if dialect is Dialect.DOCUMENT and operation.name == "loginRestore":
        return _CapitalReturn(operation.name, operation.request, None)
    if dialect is Dialect.BOTH or operation.result is None:
        return operation
    choose = _documented if dialect is Dialect.DOCUMENT else _published
    return replace(operation, result=choose(operation.result))


def _published(result: ResultType) -> ResultType:
    return replace(result, fields=tuple(field for field in result.fields if not field.optional))


def _documented(result: ResultType) -> ResultType:
    known = {field.name: field for field in result.fields}
    known["longcode"] = Field("longcode", known["err"].kind, counted_by="")  # an array that nothing counts
    return replace(result, fields=tuple(known[name] for name in _DOCUMENT[result.name].split()))


def _keep(document: etree._Element, result: ResultType) -> None:
    """Leave the fields of `result` in its type, in their order."""
    path = f".//{{{_SCHEMA}}}complexType[@name='{result.name}']/{{{_SCHEMA}}}sequence"
    sequence = document.find(path)
    if sequence is None:
        raise LookupError(f"the description has no {result.name}")
    elements = {element.get("name"): element for element in sequence.iterchildren(f"{{{_SCHEMA}}}element")}
    for element in list(sequence):
        sequence.remove(element)
    for field in result.fields:
        if field.is_array:
            elements[field.name].attrib.update({"minOccurs": "0", "maxOccurs": "unbounded", "nillable": "true"})
        sequence.append(elements[field.name])


def _remove_operation(document: etree._Element, operation: Operation) -> None:
    """Take an operation out of interface, binding, messages and schema."""
    elements = (operation.name, operation.response_name)
    used = {f"tns:{name}" for name in elements}
    for part in list(document.iter(f"{{{_WSDL}}}operation", f"{{{_WSDL}}}message", f"{{{_SCHEMA}}}element")):
        parent = part.getparent()
        if parent is not None and (part.get("name") in elements or used & {p.get("element") for p in part}):
            parent.remove(part)


def _rename(document: etree._Element) -> None:
    for element in document.iter(f"{{{_SCHEMA}}}element"):
        if element.get("name") == "loginRestoreReturn":
            element.set("name", "LoginRestoreReturn")
