"""The DirSync control of Active Directory (MS-ADTS 3.1.1.3.4.1.3): what changed in a naming context since a cookie."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._ber import INTEGER, OCTETS, SEQUENCE, BadMessage, content, element, octets, whole
from iwds.sources._search import SUCCESS, Asks, Page, RawEntry, Search

DIRSYNC = "1.2.840.113556.1.4.841"
BY_RIGHT, AS_SEEN = 0, 1
"""What is told: everything, to whoever has the right to replicate, or what the account may see anyway."""
_INCREMENTAL_VALUES = 0x8000_0000
"""Of a link those values alone that came or went, and not all of them."""
WENT = ";range=0-0"
"""Behind the name of a link: these values went."""
_MOST_BYTES = 1024 * 1024
_NO_RIGHTS = 50
_LATER = frozenset({3, 11, 51, 52})
"""Answers of a server that has no time: timeLimitExceeded, adminLimitExceeded, busy, unavailable."""


class NotAllowed(MarkLost):
    """The account may not ask like this."""


@dataclass(slots=True)
class Synchronising:
    """All that changed since a cookie, page by page; afterwards `cookie` is where to go on the next time.

    Raises `NotAllowed`, `MarkLost` where the server takes the cookie for none, `SourceUnavailable` where it is busy.

    Attributes:
        asks: what gets a page; an entry has those attributes alone that changed.
        search: over a whole naming context: the server takes no other.
        rights: `BY_RIGHT` or `AS_SEEN`.
        cookie: as the server gave it; empty for everything that there is.
    """

    asks: Asks
    search: Search
    rights: int
    cookie: bytes = b""

    def __iter__(self) -> Iterator[list[RawEntry]]:
        more = True
        while more:
            page = self.asks.page(replace(self.search, controls=((DIRSYNC, self._request()),)), b"")
            self._judge(page)
            more, cookie = _answer(page)
            if more and cookie == self.cookie and not page.entries:
                raise SourceUnavailable(f"{self.search.base}: DirSync promises more changes and goes on with none.")
            self.cookie = cookie
            yield page.entries

    def _request(self) -> bytes:
        flags = element(INTEGER, (_INCREMENTAL_VALUES | self.rights).to_bytes(4, "big"))
        return element(SEQUENCE, flags, whole(_MOST_BYTES), element(OCTETS, self.cookie))

    def _judge(self, page: Page[RawEntry]) -> None:
        said = f"DirSync ended with {page.code} {page.name} {page.text}".strip()
        if page.code == _NO_RIGHTS:
            raise NotAllowed(f"{self.search.base}: {said}.")
        if page.code in _LATER:
            raise SourceUnavailable(f"{self.search.base}: {said}.", "Try again later.")
        if page.code != SUCCESS:
            raise MarkLost(f"{self.search.base}: {said}.")


def _answer(page: Page[RawEntry]) -> tuple[bool, bytes]:
    """Whether there is more, and from where on."""
    values = [value for name, value in page.controls if name == DIRSYNC]
    try:
        (value,) = values
        at, stop = content(value, 0, len(value), SEQUENCE)
        start, at = content(value, at, stop, INTEGER)
        more = any(value[start:at])
        at = content(value, at, stop, INTEGER)[1]
        cookie, at = octets(value, at, stop)
        if at != stop or not cookie:
            raise BadMessage("something follows the cookie, or there is none")
    except ValueError as wrong:
        raise MarkLost(f"The server does not say from where on to ask the next time ({wrong}).") from wrong
    return more, cookie
