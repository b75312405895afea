"""Whether people are looked at where it is told what changed.

One name may stand for several servers, a domain's for all of its controllers, and each question has a connection of its
own. Who was told to have changed by one server may not have changed yet on another, and nobody tells of them again.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial

from iwds.errors import MarkLost
from iwds.ports import Delta, Feed, Members
from iwds.sources._changed import place_of
from iwds.sources._csn import context_csns, moved
from iwds.sources._directory import change_counter
from iwds.sources._search import Asks

Looks = Callable[[Callable[[Asks], None]], None]
"""Asks something over the connection by which people are looked at."""
_ADVICE = "Name one server in `urls`, and no name that stands for several."


class LookedAt:
    """A feed of an LDAP directory that tells of nobody whom another server is asked about.

    Args:
        feed: what tells what changed.
        looks: where people are looked at.
    """

    def __init__(self, feed: Feed, looks: Looks) -> None:
        self._feed, self._looks = feed, looks

    @property
    def realm(self) -> str:
        """Of which directory the ids are."""
        return self._feed.realm

    def mark(self) -> str:
        """The mark of the present."""
        return self._feed.mark()

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group with its direct members now."""
        return self._feed.members()

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """What changed since a mark; `MarkLost` also where people are looked at on a server that may not know it."""
        delta = self._feed.since(mark, known, most)
        if delta.people or delta.gone:
            self._looks(partial(judge, delta.mark))
        return delta


def judge(mark: str, asks: Asks) -> None:
    """Raise `MarkLost` where who answers has not seen all that a mark stands for, or may not have.

    An Active Directory's marks are of one server. OpenLDAP's say how far the changes of each server go; where the
    directory does not say that, nothing is known of a copy either.
    """
    said = json.loads(mark)
    if server := said["bound"].get("server"):
        if change_counter(asks).server != server:
            raise MarkLost("People are looked at on another server than the one that tells what changed.", _ADVICE)
        return
    for context, place in json.loads(said["at"]).items():
        told = place_of(place).told
        try:
            moved(told, context_csns(asks, context) if told else {})
        except MarkLost as behind:
            raise MarkLost(f"People are looked at on a copy that lags. {behind.message}", _ADVICE) from behind
