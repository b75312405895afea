"""Change sequence numbers, by which OpenLDAP says when and on which server an entry changed.

`20261122182053.332253Z#000000#001#000000` (draft-ietf-ldup-model 7.2 as slapd writes it): time, count, server,
modification. As text they sort by time, and of one server alone each is newer than those before it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._decode import shape
from iwds.sources._search import NO_SUCH_OBJECT, SUCCESS, Asks, Search

Csns = Mapping[str, str]
"""The newest change sequence number of each server, by its number."""

ENTRY_CSN = "entrycsn"
CREATED = "createtimestamp"
_CONTEXT_CSN = "contextcsn"
_CSN = re.compile(r"\d{14}(?:\.\d{6})?Z#[0-9a-f]{6}#([0-9a-f]{2,3})#[0-9a-f]{6}")
_TIME, _TAIL = "%Y%m%d%H%M%S.%f", "Z#000000#000#000000"


def newest(values: Iterable[str]) -> dict[str, str]:
    """The newest of each server; what is none is passed over."""
    found: dict[str, str] = {}
    for value in values:
        if server := server_of(value):
            found[server] = max(found.get(server, ""), value)
    return found


def server_of(value: str) -> str:
    """The server that made a change; empty for what is no change sequence number."""
    said = _CSN.fullmatch(value)
    return said[1] if said else ""


def at(moment: datetime) -> str:
    """What any change after a moment, by the clock of its server, is newer than."""
    return moment.astimezone(UTC).strftime(_TIME) + _TAIL


def earlier(value: str, seconds: int) -> str:
    """What any change is newer than that came at most so long before this one."""
    time, _, _ = value.partition("Z")
    moment = datetime.strptime(time if "." in time else f"{time}.0", _TIME).replace(tzinfo=UTC)
    return at(moment - timedelta(seconds=seconds))


def moved(was: Csns, now: Csns) -> list[str]:
    """The servers that made changes in between. Raises `MarkLost` where these cannot follow upon those."""
    for server in sorted({*was, *now}):
        if server not in was:
            raise MarkLost(f"The server {server} takes changes now, and did not when the mark was made.")
        if server not in now:
            raise MarkLost(f"The directory does not say any more how far the changes of the server {server} go.")
        if now[server] < was[server]:
            raise MarkLost(
                f"The directory is behind the mark: it knows changes of the server {server} until {now[server]} only.",
                "It was restored, or it is a copy that lags.",
            )
    return [server for server in sorted(was) if was[server] < now[server]]


def since_when(was: Csns, servers: Iterable[str]) -> str:
    """What all later changes of these servers are newer than; without servers what all later changes are."""
    return min([was[server] for server in servers], default=max(was.values()))


def context_csns(asks: Asks, context: str) -> dict[str, str]:
    """How far the changes of each server go, as the naming context says it; empty where it says nothing.

    Raises `SourceUnavailable` where it cannot be asked.
    """
    page = asks.page(Search(context, "base", "(objectClass=*)", (_CONTEXT_CSN,)), b"")
    if page.code not in {SUCCESS, NO_SUCH_OBJECT}:
        raise SourceUnavailable(f"{context} could not be read: {page.code} {page.name} {page.text}".strip())
    found = [shape(*entry, (_CONTEXT_CSN,)).attrs.get(_CONTEXT_CSN, ()) for entry in page.entries]
    return newest(value for values in found for value in values)
