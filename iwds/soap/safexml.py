"""Reading XML that others wrote: no entities, no network, no document types, bounded depth.

Shared by the client (answers) and the local MFA service (requests).
"""

import re
from enum import StrEnum

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_LONG = re.compile(r"\s*([+-]?[0-9]{1,19})\s*", re.ASCII)
_LIMIT = 2**63
_HEAD = 512  # bytes at either end that tell what a broken message was meant to be
_HTML = re.compile(rb"<(!doctype\s+)?html\b", re.IGNORECASE)
_END = re.compile(rb"Envelope\s*>\s*$")


class Flaw(StrEnum):
    """Why bytes are not the message they should be."""

    EMPTY = "empty"
    HTML = "a web page"
    TRUNCATED = "cut off in the middle"
    NOT_XML = "not XML"
    DOCUMENT_TYPE = "XML with a document type, which SOAP forbids"
    NOT_SOAP = "XML, but not SOAP"
    MALFORMED = "SOAP, but not of the described shape"


class UnreadableMessage(Exception):
    """The bytes are not the expected message. `detail` names elements and positions, never their content."""

    def __init__(self, flaw: Flaw, detail: str = "") -> None:
        super().__init__(f"{flaw.value}: {detail}" if detail else flaw.value)
        self.flaw = flaw
        self.detail = detail


def soap_body(message: bytes) -> list[etree._Element]:
    """The children of the SOAP body of `message`, in order.

    Raises `UnreadableMessage` with the flaw that tells an empty answer, a web page, a cut-off answer and others apart.
    """
    envelope = _parse(message)
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise UnreadableMessage(Flaw.HTML if local_name(envelope).lower() == "html" else Flaw.NOT_SOAP)
    body = envelope.find(f"{{{SOAP}}}Body")
    if body is None:
        raise UnreadableMessage(Flaw.NOT_SOAP, "no soap:Body")
    return list(body)


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def parse_long(text: str) -> int:
    """A whole number of 64 bits in plain ASCII digits; ValueError otherwise (Python's int() takes far more)."""
    if len(text) < 19 and text.isascii() and text.isdigit():  # nearly all of them, four times as fast
        return int(text)
    match = _LONG.fullmatch(text)
    if match is None or not -_LIMIT <= (number := int(match[1])) < _LIMIT:
        raise ValueError("not a number of 64 bits")
    return number


def _parse(message: bytes) -> etree._Element:
    if not message.strip():
        raise UnreadableMessage(Flaw.EMPTY)
    if b"\0" in message:  # UTF-16 and UTF-32 would hide a document type from the next line
        raise UnreadableMessage(Flaw.NOT_XML, "not in UTF-8")
    if b"<!DOCTYPE" in message:
        raise UnreadableMessage(Flaw.HTML if _HTML.search(message[:_HEAD]) else Flaw.DOCUMENT_TYPE)
    try:
        root = etree.fromstring(message, _parser())
    except etree.XMLSyntaxError as error:
        raise UnreadableMessage(_flaw(message), f"line {error.lineno}, column {error.offset}") from None
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding that hid it from the look above
        raise UnreadableMessage(Flaw.DOCUMENT_TYPE)
    return root


def _parser() -> etree.XMLParser:
    """A parser for one message: a shared one would make the threads of a run wait for each other (it costs 6 us)."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _flaw(message: bytes) -> Flaw:
    """What bytes that are no XML document seem to be."""
    head = message[:_HEAD]
    if _HTML.search(head):
        return Flaw.HTML
    if (head.startswith(b"<?xml") or b"Envelope" in head) and not _END.search(message[-_HEAD:]):
        return Flaw.TRUNCATED
    return Flaw.NOT_XML
