"""Listings of Graph, page by page, into a scratch file: nothing is done with a page before the last one has come.

The address of the next page is good for some minutes alone, so that nobody may keep it waiting. What came last counts
most, so that pages are given back newest first.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
        self._db.execute("CREATE TABLE page (number INTEGER PRIMARY KEY, listing TEXT NOT NULL, body BLOB NOT NULL)")
        self._db.execute("BEGIN")

    def add(self, listing: str, body: bytes) -> None:
        """One more page."""
        self._db.execute("INSERT INTO page (listing, body) VALUES (?, ?)", (listing, body))

    def forget(self, listing: str) -> None:
        """The pages of a listing, which begins again."""
        self._db.execute("DELETE FROM page WHERE listing = ?", (listing,))

    def count(self, listing: str) -> int:
        """How many pages there are."""
        return int(self._db.execute("SELECT count(*) FROM page WHERE listing = ?", (listing,)).fetchone()[0])

    def newest_first(self, listing: str) -> Iterator[list[dict[str, Any]]]:
        """The objects of each page, the last one first; `SourceUnavailable` where a page is none."""
        found = self._db.execute("SELECT body FROM page WHERE listing = ? ORDER BY number DESC", (listing,))
        for (body,) in found:
            rows = rows_of(parsed(body, listing), listing)
            rows.reverse()
            yield rows

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
    """

    name: str
    url: str
    needs: str
    minimal: bool = False


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


def _chain(graph: Graph, listing: Listing, spool: Spool, limits: Limits) -> str:
    url, asked = listing.url, set[bytes]()
    for _ in range(limits.pages):
        body = graph.get(url, listing.needs, minimal=listing.minimal)
        if body is None:
            raise SourceUnavailable(f"{graph.origin} does not know {listing.name}.")
        spool.add(listing.name, body)
        asked.add(_short(url))
        if not (following := _link(_NEXT, body)):
            return _link(_DELTA, body)
        if _short(following) in asked:
            raise SourceUnavailable(f"{graph.origin}: the pages of {listing.name} lead in a circle.", "Run it again.")
        url = following
    raise SourceUnavailable(f"{graph.origin}: {listing.name} does not end after {limits.pages:,} pages.")


def _link(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    return str(json.loads(found[1])) if found else ""


def _short(url: str) -> bytes:
    return blake2b(url.encode(), digest_size=16).digest()
