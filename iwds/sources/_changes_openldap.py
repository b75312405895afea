"""What changed at a directory that numbers its changes as OpenLDAP does, as a feed.

Only a log of deletions proves that somebody was deleted. Who merely is not shown any more is looked at, no more.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from iwds.errors import MarkLost, SourceUnavailable
from iwds.ports import Delta, Feed, Members
from iwds.sources import _changes_csn, _changes_rfc4533
from iwds.sources._changed import Found, Place, place_of
from iwds.sources._deletionlog import Deletions, deletions
from iwds.sources._directory import Directory, describe
from iwds.sources._groups import dn_key
from iwds.sources._ldapone import groups_naming, there
from iwds.sources._ldapread import Wishes
from iwds.sources._marks import opened, question, sealed
from iwds.sources._membership import affected, members_of
from iwds.sources._regrouped import Regrouped
from iwds.sources._search import Pull
from iwds.sources._sorted import ATTRIBUTES, Sorted

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session

    Dial = Callable[[], Session]

AUTO, UUID = "auto", "entryuuid"
_SECOND = slice(14)
_NO_MARK = "What was kept to go on from is no mark."
_NO_UUID = "the ids of this source are no entryUUID, by which OpenLDAP names who was deleted"
_UNNAMED = "; nor does it name them, because its session log does not reach back (syncprov-sessionlog)"


class Way(Protocol):
    """By what the changes are asked for."""

    NAME: str

    def now(self, session: "Session", context: str, /) -> Place:
        """How far the changes in a naming context go; `MarkLost` where they cannot be asked for like this."""
        ...

    def since(self, session: "Session", context: str, was: Place, found: Found, /) -> Place:
        """Add what changed since; returns how far the changes go now. `MarkLost` where nothing can go on from there."""
        ...


WAYS: Mapping[str, Way] = {_changes_rfc4533.NAME: _changes_rfc4533, _changes_csn.NAME: _changes_csn}
"""By their names in the settings, the better one first."""


def openldap_feed(way: str, wishes: Wishes, realm: str, attributes: Collection[str], dial: "Dial") -> Feed | None:
    """The feed of this way, for `auto` the best that works at the directory; None where none does.

    Nothing tells whose memberOf changed: it is computed, and the entry shows no change. Raises like `Source.read` for
    `auto`, which asks the directory.
    """
    if wishes.member_of or wishes.nested_by_server:
        return None
    feeds = [OpenLdapFeed(each, wishes, realm, attributes, dial) for name, each in WAYS.items() if way in {name, AUTO}]
    return next((feed for feed in feeds if way != AUTO or feed.works()), None)


class OpenLdapFeed:
    """See `Feed`.

    Args:
        way: one of `WAYS`.
        wishes: what the source reads.
        realm: as configured; empty where the directory says it.
        attributes: what the mapping reads of people, to which marks are bound.
        dial: opens a connection; each question has one of its own.
    """

    def __init__(self, way: Way, wishes: Wishes, realm: str, attributes: Collection[str], dial: "Dial") -> None:
        self._way, self._wishes, self._configured, self._dial = way, wishes, realm, dial
        asked = wishes.users, wishes.groups, wishes.id, wishes.members, wishes.login, sorted(attributes)
        self._question = question(way.NAME, *asked)
        self._realm = realm

    @property
    def realm(self) -> str:
        """Of which directory the ids are."""
        if not self._realm:
            with self._dial() as session:
                self._realm = self._describe(session).realm
        return self._realm

    def works(self) -> bool:
        """Whether the directory can be asked like this."""
        try:
            self.mark()
        except MarkLost:
            return False
        return True

    def mark(self) -> str:
        """The mark of the present."""
        with self._dial() as session:
            directory = self._describe(session)
            return self._sealed(session, directory, {each: self._way.now(session, each) for each in directory.contexts})

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group with its direct members now."""
        with self._dial() as session:
            for search in self._wishes.group_searches():
                problems: list[str] = []
                for page in Pull(session.shaped, search, problems.append, self._wishes.ignore_references):
                    yield from ((dn_key(group.dn), members_of(session, self._wishes, group)) for group in page)
                if problems:
                    raise SourceUnavailable(f"It cannot be told who is in which group: {' '.join(problems)}")

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """What changed since a mark."""
        with self._dial() as session:
            directory = self._describe(session)
            was = self._places(mark, session, directory)
            found = Found((self._wishes.id, *ATTRIBUTES), most, self._wishes.page_size)
            now = {each: self._way.since(session, each, place, found) for each, place in was.items()}
            deleted = deletions(session, directory, was, min(found.after), self._wishes.page_size)
            began = max(place.newest for place in was.values())[_SECOND]
            changed = Sorted(session, self._wishes, known, began)
            changed.add(found.entries)
            changed.bury(deleted.new)
            return self._delta(session, directory, changed, found, deleted, self._sealed(session, directory, now))

    def _delta(
        self,
        session: "Session",
        directory: Directory,
        changed: Sorted,
        found: Found,
        deleted: Deletions,
        mark: str,
    ) -> Delta:
        parents = partial(groups_naming, session, self._wishes)
        regrouped = Regrouped(changed.groups, changed.known, parents, found.most)
        people, left = affected(session, self._wishes, regrouped)
        by_uuid = self._wishes.id == UUID
        unseen = {key for key in deleted.names if by_uuid and not there(session, directory, self._wishes, key)}
        everybody = people | changed.people | (found.left if by_uuid else set())
        blind = deleted.blind if by_uuid else _NO_UUID
        return Delta(
            people=frozenset(everybody - unseen),
            gone=frozenset(unseen),
            left=left,
            groups=changed.groups,
            mark=mark,
            blind=blind + _UNNAMED if blind and by_uuid and found.unnamed else blind,
        )

    def _describe(self, session: "Session") -> Directory:
        return describe(session, self._wishes.users.bases, self._configured)

    def _bound(self, session: "Session", directory: Directory) -> dict[str, str]:
        return {"directory": directory.realm, "account": session.account(), "question": self._question}

    def _sealed(self, session: "Session", directory: Directory, places: Mapping[str, Place]) -> str:
        said = json.dumps({context: place.plain() for context, place in places.items()})
        return sealed(self._bound(session, directory), said)

    def _places(self, mark: str, session: "Session", directory: Directory) -> dict[str, Place]:
        """The places of a mark, by naming context. Raises `MarkLost` where it is none of this directory."""
        at = opened(mark, self._bound(session, directory))
        try:
            places = {context: place_of(said) for context, said in json.loads(at).items()}
        except (ValueError, LookupError, TypeError, AttributeError):
            raise MarkLost(_NO_MARK) from None
        if places.keys() != set(directory.contexts):
            raise MarkLost("What was kept to go on from belongs to other naming contexts.")
        return places
