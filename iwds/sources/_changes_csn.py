"""What changed, by the change sequence number that OpenLDAP writes into every entry: what needs no overlay.

Where the naming context says how far the changes of each server go, it may still say so of some day long past: only
overlays move it. So the entries themselves are asked.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._changed import Found, Place
from iwds.sources._csn import ENTRY_CSN, Csns, at, context_csns, earlier, moved, newest, server_of
from iwds.sources._decode import Shaped, identity
from iwds.sources._search import SUCCESS, Asks, Page, Pull, Search

NAME = "timestamps"
MARGIN_SECONDS, MOST_LATE = 60, 100
"""How long before the newest change another may have begun that ends after it, and how many may overtake it meanwhile.
Writes wait for each other in slapd, so it is a few."""
_END = datetime(2100, 1, 1, tzinfo=UTC)
_UNSHOWN = "No entry below {} shows this account its entryCSN."
_SIZE_LIMIT = 4


def now(asks: Asks, context: str) -> Place:
    """How far the changes in a naming context go. Raises `MarkLost` where no entry shows when it changed."""
    told, last, margin = context_csns(asks, context), _last(asks, context), timedelta(seconds=MARGIN_SECONDS)
    while (page := _first(asks, context, floor := at(last - margin), MOST_LATE)).code != SUCCESS and margin:
        margin //= 2
    csns = [_csn(entry) for entry in page.entries]
    if not newest(csns):
        raise MarkLost(_UNSHOWN.format(context))
    return Place(told, newest((*told.values(), *csns)), frozenset(csns), floor)


def since(asks: Asks, context: str, was: Place, found: Found) -> Place:
    """Add what changed since a place; returns how far the changes go now.

    Raises `MarkLost` where the directory cannot go on from there, or there is more than anybody wants.
    """
    if not was.seen or not server_of(was.floor):
        raise MarkLost("What was kept to go on from is no mark of this way.")
    told = context_csns(asks, context)
    after = min([was.floor, *(was.seen[server] for server in moved(was.told, told) if server in was.seen)])
    found.after.append(after)
    csns: list[str] = []
    for entry in _entries(asks, context, after, found):
        csns.append(_csn(entry))
        if _is_new(csns[-1], was):
            found.changed(entry)
    return _later(was, told, csns)


def _is_new(csn: str, was: Place) -> bool:
    """Whether a change was not seen yet; what has no number counts as such."""
    return not csn or csn > was.seen.get(server_of(csn), "") or (csn > was.floor and csn not in was.late)


def _later(was: Place, told: Csns, csns: Iterable[str]) -> Place:
    """The place behind these changes."""
    seen = newest((*was.seen.values(), *csns))
    floor = max(was.floor, earlier(max(seen.values()), MARGIN_SECONDS))
    late = sorted(csn for csn in {*was.late, *csns} if csn > floor)
    overtaken, kept = late[:-MOST_LATE], late[-MOST_LATE:]
    return Place(told, seen, frozenset(kept), overtaken[-1] if overtaken else floor)


def _last(asks: Asks, context: str) -> datetime:
    """The moment of the newest change, to the microsecond; nobody's clock is needed."""
    first, end = datetime(1970, 1, 1, tzinfo=UTC), _END
    if not _any(asks, context, at(first)):
        raise MarkLost(_UNSHOWN.format(context))
    while end - first > timedelta.resolution:
        middle = first + (end - first) // 2
        first, end = (middle, end) if _any(asks, context, at(middle)) else (first, middle)
    return first


def _any(asks: Asks, context: str, after: str) -> bool:
    return bool(_first(asks, context, after, 1).entries)


def _first(asks: Asks, context: str, after: str, most: int) -> Page[Shaped]:
    search = Search(context, "subtree", f"({ENTRY_CSN}>={after})", (ENTRY_CSN,), size_limit=most)
    page = asks.shaped(search, b"")
    if page.code not in {SUCCESS, _SIZE_LIMIT}:
        raise SourceUnavailable(f"It cannot be told what changed: {page.code} {page.name} {page.text}".strip())
    return page


def _entries(asks: Asks, context: str, after: str, found: Found) -> Iterator[Shaped]:
    problems: list[str] = []
    search = Search(context, "subtree", f"({ENTRY_CSN}>={after})", found.attributes, found.page_size)
    for page in Pull(asks.shaped, search, problems.append, ignore_references=True):
        yield from page
    if problems:
        raise SourceUnavailable(f"It cannot be told what changed: {' '.join(problems)}")


def _csn(entry: Shaped) -> str:
    return identity(ENTRY_CSN, entry.attrs.get(ENTRY_CSN))
