"""What changed in an Active Directory, and whom it concerns.

The directory names entries and says nothing on what became of people's groups: that follows from the groups that
changed, as they are now and as they were kept. A mark is bound to one server, in one life of it: its numbers are its
own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iwds.core.dn import normalise_dn
from iwds.errors import MarkLost
from iwds.ports import Delta, Members
from iwds.sources._adchanged import Changed, Changes, Point, point_of
from iwds.sources._adshadow import (
    PLACE_CLASSES,
    Row,
    Shadow,
    as_members,
    is_called,
    is_place,
    matters,
    members_of,
    mentioned,
    name_of,
    people_of,
    place_row,
    shadowed,
)
from iwds.sources._directory import Directory, change_counter, describe
from iwds.sources._dirsync import BY_RIGHT
from iwds.sources._ldapone import find
from iwds.sources._ldapread import Wishes
from iwds.sources._ldapsettings import Settings
from iwds.sources._marks import opened, question, sealed
from iwds.sources._regrouped import Regrouped
from iwds.sources._search import Search

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session


@dataclass(frozen=True, slots=True)
class _Server:
    """The server that answers.

    Attributes:
        directory: with the naming contexts of people and groups.
        bound: what a mark of it is bound to.
    """

    asks: "Session"
    directory: Directory
    changes: Changes
    shadow: Shadow
    bound: Mapping[str, str]


@dataclass(slots=True)
class _Sorted:
    """What the entries that changed are.

    Attributes:
        people: ids of all that are none of the others, or may be none.
        gone: ids of deleted entries, but for groups and places that were kept.
        groups: what is a group or may be one, by id.
        rows: what is to be kept from now on.
    """

    people: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    groups: dict[str, Changed] = field(default_factory=dict)
    rows: dict[str, Row | None] = field(default_factory=dict)

    def add(self, key: str, entry: Changed, row: Row | None, contexts: Collection[str]) -> None:
        """Add an entry and what was kept of it. Raises `MarkLost` where the names of others moved with it."""
        if row is not None:
            self._add_known(key, entry, row)
        elif entry.deleted:
            self.gone.add(key)
        elif entry.classes & PLACE_CLASSES:
            if any(matters(entry.dn, context) for context in contexts):
                self.rows[key] = place_row(entry.dn)
        else:
            # Without its classes it may be anything: groups and places are asked for, and the rest are people.
            if not entry.classes or "group" in entry.classes:
                self.groups[key] = entry
            if "group" not in entry.classes:
                self.people.add(key)

    def _add_known(self, key: str, entry: Changed, row: Row) -> None:
        if entry.deleted:
            self.rows[key] = None
        elif not is_called(row, entry.dn):
            raise MarkLost(f"{name_of(row)} was renamed or moved, and the names of others with it: {entry.dn}.")
        elif not is_place(row):
            self.groups[key] = entry


class ActiveDirectoryFeed:
    """Tells what changed in an Active Directory. Each question opens a connection.

    Args:
        settings: of the source; `changes` says by what.
        wishes: what the source reads.
        attributes: what the mapping reads of people, lower-case.
        dial: opens a connection.
    """

    def __init__(
        self, settings: Settings, wishes: Wishes, attributes: Collection[str], dial: "Callable[[], Session]"
    ) -> None:
        self._settings, self._wishes, self._dial = settings, wishes, dial
        self._attributes = frozenset(attributes)
        self._realm = settings.realm

    @property
    def realm(self) -> str:
        """Of which directory the ids are."""
        if not self._realm:
            with self._dial() as session:
                self._realm = describe(session, self._wishes.users.bases, "").realm
        return self._realm

    def mark(self) -> str:
        """The mark of the present."""
        with self._server() as server:
            return sealed(server.bound, str(self._present(server.changes)))

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group that is read, and every place in the tree, by id. `MarkLost` where one cannot be read whole."""
        with self._server() as server:
            yield from server.shadow.rows()

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """What changed since a mark."""
        with self._server() as server:
            point = point_of(opened(mark, server.bound))
            changed, after = server.changes.since(point, most)
            delta = self._delta(server, changed, known, most)
            return replace(delta, mark=sealed(server.bound, str(after)), blind=_blind(server, point))

    def _delta(self, server: _Server, changed: Mapping[str, Changed], known: Members, most: int) -> Delta:
        found = _Sorted()
        for key, entry in changed.items():
            found.add(key, entry, known(key), server.directory.contexts)
        unclear = [key for key, entry in found.groups.items() if not entry.classes and known(key) is None]
        found.rows |= _groups(server.shadow, found, known) | server.shadow.places(unclear)
        regrouped = _regrouped(server.shadow, found.rows, known, most)
        keys = server.shadow.ids(regrouped.people, most)
        people = (found.people | keys.keys()) - found.rows.keys() - found.gone
        if len(people) > most:
            raise MarkLost(f"More than {most:,} people changed, or their groups did.")
        left = dict(self._left(server, regrouped, keys, known))
        return Delta(frozenset(people), frozenset(found.gone), left, found.rows)

    @contextmanager
    def _server(self) -> Iterator[_Server]:
        settings, wishes = self._settings, self._wishes
        with self._dial() as session:
            people = describe(session, wishes.users.bases, settings.realm)
            bases = (*wishes.users.bases, *(wishes.groups.bases if wishes.groups else ()))
            directory = describe(session, bases, people.realm)
            counter, contexts = change_counter(session), directory.contexts
            if not counter.server:
                raise MarkLost(f"{session.url} does not say where its change counter stands.")
            kept, needed = shadowed(wishes, contexts), self._needed()
            bound = {
                "server": counter.server,
                "directory": directory.realm,
                "account": f"{normalise_dn(settings.bind_dn)} {session.account()}",
                "question": question(settings.changes, sorted(needed), wishes.users, wishes.login, kept, contexts),
            }
            changes = Changes(session, contexts, needed, counter.changes, settings.page_size)
            shadow = Shadow(session, kept, contexts, settings.page_size, wishes.login)
            yield _Server(session, directory, changes, shadow, bound)

    def _needed(self) -> frozenset[str]:
        """The attributes on which anything rests: by DirSync no other change is seen."""
        wishes = self._wishes
        asked = mentioned(wishes.users.filter) | wishes.person_attributes(self._attributes) | {"member"}
        return asked | (mentioned(wishes.groups.filter) | {*wishes.members} if wishes.groups else frozenset())

    def _present(self, changes: Changes) -> Point:
        if self._settings.changes == "usn":
            return changes.numbered()
        try:
            return changes.synchronised()
        except MarkLost:
            if self._settings.changes == "dirsync":
                raise
            return changes.numbered()

    def _left(
        self, server: _Server, regrouped: Regrouped, keys: Mapping[str, set[str]], known: Members
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """The groups that each of these people left: those that they were in through what went, and are in no more."""
        for who, own in keys.items():
            if not regrouped.went(own):
                continue
            entry = find(server.asks, server.directory, self._wishes, who, ())
            rows = map(known, regrouped.lost(own))
            lost = frozenset(name_of(row) for row in rows if row is not None)
            if entry is not None and entry.groups is not None and lost - entry.groups:
                yield who, lost - entry.groups


def _groups(shadow: Shadow, found: _Sorted, known: Members) -> dict[str, Row]:
    """What is to be kept of groups that changed.

    Raises `MarkLost` for a group that shows itself or its members no more, and does not show that they went.
    """
    rows = shadow.of(found.groups)
    for key, entry in found.groups.items():
        before = known(key)
        if before is None:
            continue
        if key not in rows:
            raise MarkLost(f"{name_of(before)} is no longer among the groups that are read, or may be seen no more.")
        if not people_of(rows[key]) and not people_of(before) <= entry.went:
            raise MarkLost(f"{entry.dn} has no members any more, or they may be seen no more.")
    return rows


def _regrouped(shadow: Shadow, rows: Mapping[str, Row | None], known: Members, most: int) -> Regrouped:
    """What became of memberships by the groups among these rows."""
    changed: dict[str, Row | None] = {}
    for key, row in rows.items():
        told = row if row is not None else known(key)
        if told is not None and not is_place(told):
            changed[key] = None if row is None else members_of(row)

    def parents(key: str) -> Collection[str]:
        row = known(key)
        return shadow.parents(name_of(row)) if row is not None else ()

    return Regrouped(changed, as_members(known), parents, most)


def _blind(server: _Server, point: Point) -> str:
    """What is missing to be shown deleted entries; empty where they are shown."""
    hidden = [each for each in server.directory.contexts if not _shows(server, f"CN=Deleted Objects,{each}")]
    if (point.shown and point.rights == BY_RIGHT) or not hidden:
        return ""
    lacking = " and on ".join(f"CN=Deleted Objects,{context}" for context in hidden)
    either = "" if point.rights is None else f"Replicating Directory Changes on {hidden[0]}, or "
    return f"the account is not shown deleted entries: it lacks {either}List Contents and Read Property on {lacking}"


def _shows(server: _Server, dn: str) -> bool:
    """Whether the account may read this place among deleted entries, and not only that it is there."""
    page = server.asks.page(Search(dn, "base", "(objectClass=*)", ("name",), deleted=True), b"")
    return any(values for _, values in page.entries)
