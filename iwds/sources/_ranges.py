"""All values of an attribute of which a server sends a part at a time (MS-ADTS 3.1.1.3.1.3.3).

Active Directory sends 1,500 members of a group, or 5,000, and calls them `member;range=0-1499`. The rest is asked for
range by range, until the server itself says that one is the last.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iwds.sources._decode import texts
from iwds.sources._search import SUCCESS, Asks, RawEntry, Search

_ANYTHING = "(objectClass=*)"
_CHANGED = "usnchanged"
_ATTEMPTS = 3
_RANGE = re.compile(r"(?P<attribute>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)")


class Incomplete(Exception):
    """Not every value came; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the values. `next` is the first that is missing, None after the last; `state` changes with the entry."""

    values: Sequence[bytes]
    next: int | None
    state: Sequence[bytes]


def all_values(asks: Asks, dn: str, attribute: str) -> Sequence[str]:
    """Every value of an attribute of one entry, proven: the ranges follow each other without a gap, hold as many values
    as they say, the server named the last one, and the entry was not changed in between.

    Args:
        attribute: its name, lower-case.

    Raises:
        Incomplete: where the server breaks one of these rules, or the entry never stands still, or does not say so.
        ValueError: where a value is not text.
        SourceUnavailable: where no answer came.
    """
    for _ in range(_ATTEMPTS):
        parts = list(_parts(asks, dn, attribute))
        if len(parts) > 1 and not parts[0].state:
            raise Incomplete(
                f"{attribute} came in parts, and {_CHANGED}, which tells whether it changed, may not be read"
            )
        if all(part.state == parts[0].state for part in parts):
            return [value for part in parts for value in texts(attribute, part.values)]
    raise Incomplete(f"{attribute} changed each time while it was read")


def _parts(asks: Asks, dn: str, attribute: str) -> Iterator[_Part]:
    first: int | None = 0
    while first is not None:
        page = asks.page(Search(dn, "base", _ANYTHING, (f"{attribute};range={first}-*", _CHANGED)), b"")
        if page.code != SUCCESS or len(page.entries) != 1:
            raise Incomplete(f"{attribute} from the {first}. on: {page.code} {page.name} {page.text}".strip())
        part = _part(page.entries[0], attribute, first)
        yield part
        first = part.next


def _part(entry: RawEntry, attribute: str, first: int) -> _Part:
    values = {description.lower(): list(each) for description, each in entry[1].items()}
    state = values.get(_CHANGED, [])
    for description, found in values.items():
        said = _RANGE.fullmatch(description)
        if said and said["attribute"] == attribute:
            return _Part(found, _next(said, found, first), state)
    if first == 0 and (whole := values.get(attribute)):  # there were too many a moment ago, and are not any more
        return _Part(whole, None, state)
    raise Incomplete(f"{attribute} from the {first}. on did not come")


def _next(said: re.Match[str], found: Sequence[bytes], first: int) -> int | None:
    if said["last"] == "*":
        count = len(found)
    else:
        count = int(said["last"]) - int(said["first"]) + 1
    if int(said["first"]) != first or count != len(found) or not found:
        raise Incomplete(f"{said[0]} came with {len(found)} values after {first}")
    return None if said["last"] == "*" else first + count
