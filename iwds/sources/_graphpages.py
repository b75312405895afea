"""Listings of Graph, page by page, into a scratch file: nothing is told of a page before the last one has come.

The address of the next page is good for some minutes alone, so that nobody may keep it waiting: it is asked for at
once, and a page is made ready while the next one is on its way. What came last counts most, so that pages are given
back newest first.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from iwds.errors import SourceUnavailable
from iwds.sources._graph import Graph, PageExpired, parsed, rows_of
from iwds.sources._groups import scratch

_NEXT = re.compile(rb'"@odata\.nextLink"\s*:\s*("(?:[^"\\]|\\.)*")')
_DELTA = re.compile(rb'"@odata\.deltaLink"\s*:\s*("(?:[^"\\]|\\.)*")')
"""As keys alone: within a text their quotes would be escaped."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a listing is given up.

    Attributes:
        pages: of one listing; a hundred million objects have so many.
        expired: how often it is begun again because the address of its next page is not good any more.
        begun: how often everything is begun again because Graph lost the thread.
    """

    pages: int = 100_000
    expired: int = 3
    begun: int = 3


class Spool:
    """The pages of one reading, in an anonymous database that spills to an unlinked file by itself."""

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE page (number INTEGER PRIMARY KEY, listing TEXT NOT NULL, body BLOB, ready BLOB)")
        self._db.execute("BEGIN")

    def add(self, listing: str, body: bytes, ready: bytes = b"") -> None:
        """One more page, and what was made of it."""
        self._db.execute("INSERT INTO page (listing, body, ready) VALUES (?, ?, ?)", (listing, body, ready))

    def forget(self, listing: str) -> None:
        """The pages of a listing, which begins again."""
        self._db.execute("DELETE FROM page WHERE listing = ?", (listing,))

    def count(self, listing: str) -> int:
        """How many pages there are."""
        return int(self._db.execute("SELECT count(*) FROM page WHERE listing = ?", (listing,)).fetchone()[0])

    def newest_first(self, listing: str) -> Iterator[list[dict[str, Any]]]:
        """The objects of each page, the last one first; `SourceUnavailable` where a page is none."""
        for body, _ in self.made_ready(listing):
            yield reversed_rows(body, listing)

    def made_ready(self, listing: str) -> Iterator[tuple[bytes, bytes]]:
        """Each page with what was made of it, the last one first."""
        found = "SELECT body, ready FROM page WHERE listing = ? ORDER BY number DESC"
        return iter(self._db.execute(found, (listing,)))

    def close(self) -> None:
        """Give back the file. May be called twice."""
        self._db.close()


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing from its first page on.

    Attributes:
        name: how it is called in the scratch file, and in errors.
        url: the first page.
        needs: the permission without which it is refused.
        minimal: whether of what changed only the properties are asked for that did.
        ready: what is made of each page meanwhile.
    """

    name: str
    url: str
    needs: str
    minimal: bool = False
    ready: Callable[[bytes], bytes] = field(default=bytes, compare=False)


def spooled(graph: Graph, listing: Listing, spool: Spool, limits: Limits) -> str:
    """All pages of a listing; returns from where on its changes can be asked for, empty where the last page has none.

    Raises like `Graph.get`: `SourceUnavailable` where it does not end, `PageExpired` where that happens too often.
    """
    for _ in range(limits.expired):
        try:
            return _chain(graph, listing, spool, limits)
        except PageExpired:
            spool.forget(listing.name)
    raise PageExpired(
        f"{graph.origin}: the pages of {listing.name} expire before they are asked for, {limits.expired} times.",
        "Look at how slow the way to Graph is, and run it again.",
    )


def reversed_rows(body: bytes, listing: str) -> list[dict[str, Any]]:
    """The objects of a page, the last one first; `SourceUnavailable` where it is none."""
    rows = rows_of(parsed(body, listing), listing)
    rows.reverse()
    return rows


def _chain(graph: Graph, listing: Listing, spool: Spool, limits: Limits) -> str:
    url, asked = listing.url, set[bytes]()
    coming = _coming(graph, listing, url)
    for _ in range(limits.pages):
        body = coming.result()
        if body is None:
            raise SourceUnavailable(f"{graph.origin} does not know {listing.name}.")
        asked.add(_short(url))
        url = _link(_NEXT, body)
        if _short(url) in asked:
            raise SourceUnavailable(f"{graph.origin}: the pages of {listing.name} lead in a circle.", "Run it again.")
        if url:
            coming = _coming(graph, listing, url)
        spool.add(listing.name, body, listing.ready(body))
        if not url:
            return _link(_DELTA, body)
    raise SourceUnavailable(f"{graph.origin}: {listing.name} does not end after {limits.pages:,} pages.")


def _coming(graph: Graph, listing: Listing, url: str) -> "Future[bytes | None]":
    """A page that another thread asks for. Whoever gives up meanwhile does not wait for it."""
    page: Future[bytes | None] = Future()

    def ask() -> None:
        try:
            page.set_result(graph.get(url, listing.needs, minimal=listing.minimal))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the page gets it
            page.set_exception(error)

    threading.Thread(target=ask, name="graph page", daemon=True).start()
    return page


def _link(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    return str(json.loads(found[1])) if found else ""


def _short(url: str) -> bytes:
    return blake2b(url.encode(), digest_size=16).digest()
