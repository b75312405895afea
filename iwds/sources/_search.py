"""LDAP searches: what is asked, and what the result codes of the pages prove."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from iwds.core.dn import normalise_dn
from iwds.sources._decode import Shaped, shape

T = TypeVar("T")
Scope = Literal["subtree", "one", "base"]
RawEntry = tuple[bytes, Mapping[str, list[bytes]]]
"""The name and the values by attribute description, as sent."""
Controls = tuple[tuple[str, bytes], ...]
"""Object identifier and value of each control of a message, in order."""

SUCCESS = 0
REFERRAL = 10
UNAVAILABLE_CRITICAL_EXTENSION = 12
NO_SUCH_OBJECT = 32

MOST_EMPTY = 1_000
"""Pages without an entry in a row after which a server that always promises another one is not followed further."""

_IN_CHAIN = "1.2.840.113556.1.4.1941"
"""The rule by which Active Directory follows a link to its end (MS-ADTS 3.1.1.3.4.4.3)."""
_PEOPLELESS = (
    "cn=configuration,dc=",
    "cn=schema,cn=configuration,dc=",
    "dc=domaindnszones,dc=",
    "dc=forestdnszones,dc=",
)
"""How the names of those partitions of a forest begin in which there is no person (MS-ADTS 6.1.1.1)."""

_ADVICE = {
    3: "the time limit of the server was reached; let it give the bind account more time",
    4: "the size limit of the server was reached; let it give the bind account all pages "
    "(OpenLDAP: `limits ... size.prtotal=unlimited`)",
    10: "another server holds this base; name that server in `urls`",
    11: "a limit of the server was reached; try a smaller `page_size`, or let it give the bind account more",
    32: "the base does not exist, or the bind account may not see it",
    50: "the bind account has no right to search there",
    51: "the server is busy; try again later",
    52: "the server is shutting down or not ready; try again later",
    53: "the server is unwilling; its log says why",
}


@dataclass(frozen=True, slots=True)
class Search:
    """One question to a directory (RFC 4511 4.5.1).

    Attributes:
        attributes: what to send of each entry; `1.1` alone for nothing.
        page_size: entries per page (RFC 2696); 0 asks for all in one answer.
        size_limit: how many entries we want at most, whatever else there is; 0 for all.
        deleted: whether entries that were deleted are to be shown too, which a server that cannot do so must refuse.
        controls: whatever else the server must do with this search, or refuse it.
    """

    base: str
    scope: Scope
    filter: str
    attributes: tuple[str, ...]
    page_size: int = 0
    size_limit: int = 0
    deleted: bool = False
    controls: Controls = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer to a search.

    Attributes:
        references: URLs of search result references (RFC 4511 4.5.3); they are never entries.
        code: the result code; 0 alone is a success.
        name: its name in words.
        text: the server's own words on it.
        cookie: where the next page begins; empty after the last one.
        paged: whether the server took part in paging.
        referrals: URLs of servers that all have what was asked for and is not here (RFC 4511 4.1.10).
        controls: what the server says beside its result.
    """

    entries: list[T]
    references: tuple[str, ...] = ()
    code: int = SUCCESS
    name: str = "success"
    text: str = ""
    cookie: bytes = b""
    paged: bool = True
    referrals: tuple[str, ...] = ()
    controls: Controls = ()


class Asks(Protocol):
    """What can answer a search page by page."""

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """The page that begins at `cookie`. Raises `SourceUnavailable` where no answer came."""
        ...

    def shaped(self, search: Search, cookie: bytes) -> Page[Shaped]:
        """The same as text. Whoever makes it without keeping the bytes is quicker than this."""
        page, kept = self.page(search, cookie), wanted(search)
        entries = [shape(*entry, kept) for entry in page.entries]
        return Page(entries, page.references, page.code, page.name, page.text, page.cookie, page.paged)


@dataclass(slots=True)
class Pull(Generic[T]):
    """Pulls all pages of one search and judges each result code. Iterate to the end, then look at the verdict.

    A reference to the configuration or the DNS zones of an Active Directory forest is none to people, and passed over.

    Attributes:
        ask: gets one page, `page` or `shaped` of an `Asks`.
        problem: called with a sentence for all that speaks against the answer.
        ignore_references: whether references to other servers are no problem.
        pages: how many pages came.
        count: how many entries came.
        complete: whether the server ended every page with success.
    """

    ask: Callable[[Search, bytes], Page[T]]
    search: Search
    problem: Callable[[str], None]
    ignore_references: bool = False
    pages: int = 0
    count: int = 0
    complete: bool = False
    _references: list[str] = field(default_factory=list)
    _paged: bool = True

    def __iter__(self) -> Iterator[list[T]]:
        cookie, empty = b"", 0
        while True:
            page = self._next(cookie)
            self.pages += 1
            self.count += len(page.entries)
            empty = 0 if page.entries else empty + 1
            self._references += [url for url in page.references if not peopleless(url)]
            yield page.entries
            if page.code != SUCCESS:
                self.problem(self._complaint(page))
                break
            if self.search.page_size and not page.paged:
                self.problem(self._silence())
                break
            if not page.cookie:
                self.complete = True
                break
            if empty == MOST_EMPTY:
                self.problem(
                    f"{self.search.base or 'the root'}: {MOST_EMPTY:,} pages in a row were empty, and none the last"
                )
                break
            cookie = page.cookie
        if self._references and not self.ignore_references:
            self.complete = False
            self.problem(self._elsewhere())

    def reason(self) -> str:
        """Why the answer is believed to be complete."""
        how = "1 page" if self.pages == 1 else f"{self.pages} pages"
        how = how if self._paged else "one answer from a server that does not page"
        each = "each ended" if self.pages > 1 else "ended"
        return f"{self.count} entries from {self.search.base or 'the root'} in {how}, {each} by the server with success"

    def _next(self, cookie: bytes) -> Page[T]:
        page = self.ask(self.search, cookie)
        if page.code == UNAVAILABLE_CRITICAL_EXTENSION and not cookie and self.search.page_size:
            # Asked for pages as a critical matter, the server says that it has none. One answer that ends with
            # success is as complete as many.
            self.search = replace(self.search, page_size=0)
            page = self.ask(self.search, b"")
        self._paged = self._paged and page.paged
        return page

    def _complaint(self, page: Page[T]) -> str:
        said = f" ({page.text})" if page.text else ""
        advice = _ADVICE.get(page.code, "look the code up in the server's log")
        return (
            f"page {self.pages} of {self.search.base or 'the root'} ended with {page.code} {page.name}{said} after "
            f"{self.count} entries, so some are missing: {advice}"
        )

    def _silence(self) -> str:
        return (
            f"page {self.pages} of {self.search.base or 'the root'} ended after {self.count} entries without a word on "
            "whether more follow, so some may be missing: the server must say so (RFC 2696), or that it has no pages"
        )

    def _elsewhere(self) -> str:
        count = len(self._references)
        urls = ", ".join(self._references[:3])
        more = " and more" if count > 3 else ""
        return (
            f"{self.search.base or 'the root'} goes on at other servers that were not asked ({count} references: {urls}"
            f"{more}): make each a source, let `referrals` follow them, or ignore them if nobody is there"
        )


def wanted(search: Search) -> set[str]:
    """The attributes that a search asks for, lower-case."""
    return {attribute.lower() for attribute in search.attributes}


def equals(attribute: str, value: str, in_chain: bool = False) -> str:
    """The filter for a value; `in_chain` also for whatever leads to it through groups in groups, as AD does it."""
    rule = f":{_IN_CHAIN}:" if in_chain else ""
    return f"({attribute}{rule}={''.join(_escaped(byte) for byte in value.encode())})"


def within(search: Search, group: str) -> Search:
    """The same search for the names of those alone whom AD's server sees in this group, or in one that is in it."""
    narrowed = f"(&{search.filter}{equals('memberOf', group, in_chain=True)})"
    return replace(search, filter=narrowed, attributes=("1.1",))


def _escaped(byte: int) -> str:
    r"""One byte of an assertion value (RFC 4515 3): letters and digits as they are, all else as `\xx`."""
    character = chr(byte)
    return character if character.isascii() and character.isalnum() else f"\\{byte:02x}"


def peopleless(url: str) -> bool:
    """Whether a reference leads to a partition in which no person can be. Each search of a whole domain has some."""
    try:
        name = unquote(urlsplit(url).path.lstrip("/"))
    except ValueError:
        return False
    return normalise_dn(name).startswith(_PEOPLELESS)
