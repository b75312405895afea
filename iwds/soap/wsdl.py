"""The description of the API as a document, for clients that read one."""

from functools import cache
from importlib import resources
from xml.sax.saxutils import quoteattr

_ADDRESS = '"http://localhost/v2/services/ConsoleAdmin"'


@cache
def _text() -> str:
    return resources.files(__package__).joinpath("provisioning.wsdl").read_text("utf-8")


def wsdl(address: str) -> bytes:
    """The WSDL with `address` (a URL) as the place where the service is."""
    return _text().replace(_ADDRESS, quoteattr(address)).encode()
