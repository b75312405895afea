"""Names as Active Directory extends them (MS-ADTS 3.1.1.3.4.1.5): with the id of what is named, whatever its name is.

A member that was renamed is the same member, and one that is deleted and made anew under its name is another one. By
their names alone it would look the other way round.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from iwds.errors import MarkLost
from iwds.sources._ber import INTEGER, SEQUENCE, element
from iwds.sources._search import Asks, Page, RawEntry, Search

EXTENDED_DN = "1.2.840.113556.1.4.529"
_AS_TEXT = element(SEQUENCE, element(INTEGER, b"\x01"))
_NAME = re.compile(r"<GUID=(?P<guid>[0-9A-Fa-f-]{36})>;(?:<SID=(?P<sid>S-[0-9-]+)>;)?(?P<dn>.*)", re.DOTALL)


class Named(NamedTuple):
    """What an extended name says; `sid` is empty for what has none."""

    guid: str
    sid: str
    dn: str


def named(text: str) -> Named:
    """What an extended name says. Raises `MarkLost` where it is none: then the server does not tell who is who."""
    parts = _NAME.fullmatch(text)
    if parts is None:
        raise MarkLost(f"The server does not give the id of {text}.")
    return Named(parts["guid"].lower(), parts["sid"] or "", parts["dn"])


def plain(dn: str) -> str:
    """The name itself, whether it was extended or not."""
    parts = _NAME.fullmatch(dn)
    return dn if parts is None else parts["dn"]


class Extended(Asks):
    """Asks for everything with extended names."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page that begins at `cookie`."""
        return self._asks.page(replace(search, controls=(*search.controls, (EXTENDED_DN, _AS_TEXT))), cookie)
