"""What changed, by the content synchronisation operation (RFC 4533), as OpenLDAP's overlay syncprov answers it."""

from typing import TYPE_CHECKING

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._changed import Found, Place
from iwds.sources._csn import ENTRY_CSN, Csns, context_csns, moved, server_of, since_when
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._search import SUCCESS, UNAVAILABLE_CRITICAL_EXTENSION, Search
from iwds.sources._sync import REFRESH_REQUIRED, Changed, Ended, Named

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session

NAME = "syncrepl"
_ANYTHING = "(objectClass=*)"
_SIZE_LIMIT, _UNWILLING = 4, 53
_MEANWHILE = 100_000
"""How many may change between two questions."""
_NO_WAY = frozenset({REFRESH_REQUIRED, _UNWILLING, UNAVAILABLE_CRITICAL_EXTENSION})
"""Answers of a server that does not go on from a cookie."""


def now(session: "Session", context: str) -> Place:
    """How far the changes in a naming context go. Raises `MarkLost` where the server would not go on from there."""
    place = Place(context_csns(session, context))
    if not place.told:
        raise MarkLost(
            f"{context} shows this account no contextCSN.", "Give it overlay syncprov, or let the account read it."
        )
    _ask(session, context, place, Found((ENTRY_CSN,), _MEANWHILE))
    return place


def since(session: "Session", context: str, was: Place, found: Found) -> Place:
    """Add what changed since a place; returns how far the changes go now.

    Raises `MarkLost` where the server does not go on from there, or there is more than anybody wants.
    """
    told = context_csns(session, context)
    found.after.append(since_when(was.told, moved(was.told, told)))
    _ask(session, context, was, found)
    return Place(told)


def _ask(session: "Session", context: str, was: Place, found: Found) -> None:
    search = Search(context, "subtree", _ANYTHING, found.attributes)
    cookie = f"rid=000,csn={';'.join(csn for _, csn in sorted(was.told.items()))}"
    for said in session.synced(search, cookie.encode()):
        if isinstance(said, Ended):
            _judge(said, context)
            found.unnamed = found.unnamed or not said.left_named
        elif isinstance(said, Named) and said.left:
            found.named(said.ids)
        elif isinstance(said, Named):
            found.unnamed = True
        else:
            found.changed(_new(said, was.told, found))


def _new(said: Changed, was: Csns, found: Found) -> Shaped:
    """An entry. One that is older than the mark shows that the server knows nothing of it, and sends everything."""
    entry = shape(*said.entry, found.attributes)
    csn = identity(ENTRY_CSN, entry.attrs.get(ENTRY_CSN))
    if csn and csn <= was.get(server_of(csn), ""):
        raise MarkLost("The server does not know the mark any more: it begins with everybody.")
    return entry


def _judge(ended: Ended, context: str) -> None:
    result = ended.result
    if result.code == SUCCESS:
        return
    said = f"{context}: {result.code} {result.text}".rstrip()
    if result.code == _SIZE_LIMIT:
        raise MarkLost(
            f"More changed than the server gives this account at once ({said}).",
            "Give it a higher size limit, as it is for answers without pages (OpenLDAP: `limits ... size.soft=`).",
        )
    if result.code in _NO_WAY:
        raise MarkLost(f"The server does not go on from the mark ({said}).")
    raise SourceUnavailable(f"What changed could not be read ({said}).")
