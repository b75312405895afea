"""What changed, by the change sequence number that OpenLDAP writes into every entry: what needs no overlay.

Where the naming context says how far the changes of each server go, it may still say so of some day long past: only
overlays move it. So the entries themselves are asked.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._changed import Found, Place
from iwds.sources._csn import ENTRY_CSN, EVER, Csns, at, context_csns, earlier, moved, newest, server_of, since_when
from iwds.sources._decode import Shaped, identity
from iwds.sources._search import Asks, Pull, Search

NAME = "timestamps"
MARGIN_SECONDS = 60
"""How long before the newest change others may have begun that end after it, and so are seen only later."""
MOST_LATE = 20_000
"""How many changes of that time are remembered; of more all come twice."""
_OLD = timedelta(hours=1)
"""By which the newest change is so long ago by our clock, however wrong it goes, that all before it have ended."""
_WINDOWS = timedelta(hours=1), timedelta(days=1), timedelta(days=30), timedelta(days=365)
_PAGE = 500


def now(asks: Asks, context: str) -> Place:
    """How far the changes in a naming context go. Raises `MarkLost` where no entry shows when it changed."""
    told = context_csns(asks, context)
    for after in (*([max(told.values())] if told else ()), *_windows()):
        if seen := newest(map(_csn, _entries(asks, context, after, (ENTRY_CSN,)))):
            margin = _margin(seen)
            return Place(told, seen, _late(map(_csn, _entries(asks, context, margin, (ENTRY_CSN,))), margin))
    raise MarkLost(f"No entry below {context} shows this account its entryCSN.")


def since(asks: Asks, context: str, was: Place, found: Found) -> Place:
    """Add what changed since a place; returns how far the changes go now.

    Raises `MarkLost` where the directory cannot go on from there, or there is more than anybody wants.
    """
    if not was.seen:
        raise MarkLost("What was kept to go on from is no mark of this way.")
    told = context_csns(asks, context)
    servers = [server for server in moved(was.told, told) if server in was.seen]
    after = min(since_when(was.seen, servers), _margin(was.seen))
    found.after.append(after)
    seen: list[str] = []
    for entry in _entries(asks, context, after, found.attributes):
        csn = _csn(entry)
        seen.append(csn)
        if _is_new(csn, was):
            found.changed(entry)
    now = newest((*was.seen.values(), *seen))
    return Place(told, now, _late((*was.late, *seen), _margin(now)))


def _is_new(csn: str, was: Place) -> bool:
    """Whether a change was not seen yet; what has no number counts as such."""
    server = server_of(csn)
    if server and server not in was.seen:
        raise MarkLost(f"The server {server} takes changes now, and did not when the mark was made.")
    if not server or csn > was.seen[server]:
        return True
    return csn > earlier(was.seen[server], MARGIN_SECONDS) and csn != was.seen[server] and csn not in was.late


def _margin(seen: Csns) -> str:
    """What those changes are newer than which may come although newer ones were seen."""
    last = max(seen.values())
    return last if last < at(datetime.now(UTC) - _OLD) else earlier(last, MARGIN_SECONDS)


def _late(csns: Iterable[str], margin: str) -> frozenset[str]:
    found = frozenset(csn for csn in csns if csn > margin)
    return found if len(found) <= MOST_LATE else frozenset()


def _windows() -> Iterator[str]:
    """Moments before now, ever longer ago. The clocks need not agree: what is too late finds nothing."""
    today = datetime.now(UTC)
    yield from (at(today - window) for window in _WINDOWS)
    yield EVER


def _entries(asks: Asks, context: str, after: str, attributes: Iterable[str]) -> Iterator[Shaped]:
    problems: list[str] = []
    search = Search(context, "subtree", f"({ENTRY_CSN}>={after})", tuple(attributes), _PAGE)
    for page in Pull(asks.shaped, search, problems.append, ignore_references=True):
        yield from page
    if problems:
        raise SourceUnavailable(f"It cannot be told what changed: {' '.join(problems)}")


def _csn(entry: Shaped) -> str:
    return identity(ENTRY_CSN, entry.attrs.get(ENTRY_CSN))
