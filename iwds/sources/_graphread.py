"""One reading of all people of an Entra tenant.

The mark of the present comes first, then groups and people, then the changes of people since that mark: so a person who
moves from one page to another while the list is read is not lost, and whoever is deleted meanwhile is not kept.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any

from iwds.core.model import Anchor, Entry
from iwds.errors import SourceUnavailable
from iwds.sources._collecting import seldom
from iwds.sources._graph import GROUPS, USERS, BeginAgain, Graph
from iwds.sources._graphgroups import GraphGroups
from iwds.sources._graphpages import Limits, Listing, Spool, spooled
from iwds.sources._graphproperties import (
    NAME,
    ON_PREMISES,
    Row,
    Wanted,
    enabled,
    is_external,
    is_guest,
    is_hidden,
    name_of,
    wanted,
)
from iwds.sources._groups import Seen, scratch
from iwds.sources._stream import Doubts, Tally

PEOPLE, CHANGES, GROUPS_LISTED, MARK = "people", "changes of people", "groups", "the mark of the present"
GROUP_PROPERTIES = "id,displayName,visibility,members"
_PAGE = 999
"""The most that Graph gives on one page of a list; for changes it takes no wish."""
_CHUNK = 500
_LATEST = "latest"
_HIDDEN = "people of whom Graph gave nothing but the id, so that nothing is known of them"
_NO_MARK = "the changes ended without saying from where on to ask for more"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a source reads, whatever the mapping asks for.

    Attributes:
        realm: the tenant.
        groups: whether groups are read.
        guests: whether guests are.
        extensions: directory extensions in their own spelling.
        absent: attributes that are known to be empty here, lower-case.
    """

    realm: str
    groups: bool = True
    guests: bool = False
    extensions: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen

    def wanted(self, attributes: Collection[str]) -> Wanted:
        """What of these attributes can be asked for."""
        return wanted(attributes, self.extensions, self.absent)

    def people(self, graph: Graph, select: str) -> Listing:
        """The list of people."""
        return Listing(PEOPLE, graph.url("/users", select=select, top=_PAGE), USERS)

    def latest(self, graph: Graph, select: str) -> str:
        """The question for the mark of the present."""
        return graph.url("/users/delta", select=select, deltatoken=_LATEST)

    def groups_latest(self, graph: Graph) -> str:
        """The same of groups."""
        return graph.url("/groups/delta", select=GROUP_PROPERTIES, deltatoken=_LATEST)

    def groups_listed(self, graph: Graph) -> Listing:
        """All groups with their members, which no list has: as changes since the beginning."""
        return Listing(GROUPS_LISTED, graph.url("/groups/delta", select=GROUP_PROPERTIES), GROUPS)


@dataclass(slots=True)
class Counts:
    """What was seen, whoever of it counts: users with guests, groups, and who was deleted while the list was read."""

    users: int = 0
    guests: int = 0
    external: int = 0
    disabled: int = 0
    hidden: int = 0
    groups: int = 0
    hidden_groups: int = 0
    deleted: int = 0
    ambiguous: list[str] = field(default_factory=list)


class Changes:
    """What changed of whom, merged by id; newest first, in an anonymous database."""

    def __init__(self) -> None:
        self._db = scratch()
        self._db.execute("CREATE TABLE change (id TEXT PRIMARY KEY, row TEXT NOT NULL)")
        self._db.execute("BEGIN")
        self._any = False

    def add(self, rows: Sequence[Row]) -> None:
        """The changes of one page: of each property the newest value counts, and so does the newest deletion."""
        for row in rows:
            key = _key(row)
            newer = self.take([key]).get(key) if self._any else None
            kept = newer or row
            if newer is not None and "@removed" not in newer and "@removed" not in row:
                kept = {**row, **newer}
            self._db.execute("INSERT INTO change VALUES (?, ?)", (key, json.dumps(kept)))
            self._any = True

    def take(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """The changes of these, which are then forgotten."""
        if not self._any:
            return {}
        marks = ",".join("?" * len(keys))
        query = f"DELETE FROM change WHERE id IN ({marks}) RETURNING id, row"  # noqa: S608 - only question marks
        return {key: json.loads(row) for key, row in self._db.execute(query, list(keys)).fetchall()}

    def rest(self) -> Iterator[list[dict[str, Any]]]:
        """What nobody took: whoever was not in the list."""
        found = iter(self._db.execute("SELECT row FROM change ORDER BY id"))
        while chunk := [json.loads(row) for (row,) in islice(found, _CHUNK)]:
            yield chunk

    def close(self) -> None:
        """Give back the file. May be called twice."""
        self._db.close()


class Reading:
    """One reading; iterate `entries` to the end.

    Attributes:
        counts: what was seen.
        since: from where on the changes of people, and of groups, can be asked for after this reading.
    """

    def __init__(self, graph: Graph, wishes: Wishes, tally: Tally) -> None:
        self._graph, self._wishes, self._tally = graph, wishes, tally
        self._wanted = wishes.wanted(tally.attributes)
        canaries = tally.canaries.attributes
        self._select = self._wanted.select(*([ON_PREMISES] if canaries else ()))
        self._spool, self._seen, self._changes = Spool(), Seen(), Changes()
        self._groups = GraphGroups() if wishes.groups else None
        self._unread: frozenset[str] = frozenset()
        self._named = Doubts()
        self.counts = Counts()
        self.since: Mapping[str, str] = {}

    def entries(self) -> Iterator[Entry]:
        """The people, once all pages have come."""
        try:
            with seldom:
                self._collect()
                self._read_groups()
                for keys, rows in self._rows():
                    yield from self._people(keys, rows)
                self._conclude()
        finally:
            self._spool.close()
            self._seen.close()
            self._changes.close()
            if self._groups is not None:
                self._groups.close()

    def _collect(self) -> None:
        """Every page; all of it again where Graph has lost the thread."""
        for _ in range(self._wishes.limits.begun):
            try:
                self._spool_all()
                return
            except BeginAgain as lost:
                told = lost.message
                for listing in (MARK, PEOPLE, CHANGES, GROUPS_LISTED):
                    self._spool.forget(listing)
        raise SourceUnavailable(
            f"Graph wanted the reading from its beginning {self._wishes.limits.begun} times: {told}", "Run it again."
        )

    def _spool_all(self) -> None:
        graph, wishes, since = self._graph, self._wishes, {}
        mark = self._mark()
        if wishes.groups:
            since[GROUPS_LISTED] = self._spooled(wishes.groups_listed(graph))
        self._spooled(wishes.people(graph, self._select))
        since[PEOPLE] = self._spooled(Listing(CHANGES, mark, USERS))
        self.since = since

    def _spooled(self, listing: Listing) -> str:
        return spooled(self._graph, listing, self._spool, self._wishes.limits)

    def _mark(self) -> str:
        """From where on changes are asked for."""
        listing = Listing(MARK, self._wishes.latest(self._graph, self._select), USERS)
        link = self._spooled(listing)
        if not link:
            raise SourceUnavailable(
                f"{self._graph.origin} gives no mark from where on changes can be asked for.",
                "See whether this tenant is one of employees: those for customers list no changes.",
            )
        return link

    def _read_groups(self) -> None:
        if self._groups is None:
            return
        for rows in self._spool.newest_first(GROUPS_LISTED):
            self._groups.add(rows)
        self._unread = self._groups.unread()
        self.counts.groups, self.counts.hidden_groups = len(self._groups), self._groups.hidden()
        self.counts.ambiguous = self._groups.ambiguous()

    def _rows(self) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
        """Everybody once, as they were last, with the id that each is known by."""
        for rows in self._spool.newest_first(CHANGES):
            self._changes.add(rows)
        for rows in self._spool.newest_first(PEOPLE):
            keys = list(map(_key, rows))
            new = self._seen.add(keys)
            if not all(new):
                keys, rows = list(compress(keys, new)), list(compress(rows, new))
            if changed := self._changes.take(keys):
                rows = [{**row, **changed.get(key, {})} for key, row in zip(keys, rows, strict=True)]
            yield keys, rows
        for rows in self._changes.rest():
            yield list(map(_key, rows)), rows

    def _people(self, keys: list[str], rows: list[dict[str, Any]]) -> list[Entry]:
        """The entries of some users, but for those who are deleted or guests."""
        if "" in keys:
            self._tally.doubts.say("people without an id were left out")
        there = ["@removed" not in row and key != "" for key, row in zip(keys, rows, strict=True)]
        if not all(there):
            self.counts.deleted += sum("@removed" in row for row in rows)
            keys, rows = list(compress(keys, there)), list(compress(rows, there))
        self.counts.users += len(rows)
        guests = list(map(is_guest, rows))
        self.counts.guests += sum(guests)
        groups = self._groups_of(keys)
        if any(guests) and not self._wishes.guests:
            chosen = [not guest for guest in guests]
            keys, rows = list(compress(keys, chosen)), list(compress(rows, chosen))
            groups = list(compress(groups, chosen))
        entries = self._entries(keys, rows, groups)
        self._tick_off(rows)
        self._tally.saw(entries)
        return entries

    def _groups_of(self, keys: list[str]) -> Sequence[frozenset[str] | None]:
        return [None] * len(keys) if self._groups is None else self._groups.of(keys)

    def _entries(
        self, keys: list[str], rows: list[dict[str, Any]], groups: Sequence[frozenset[str] | None]
    ) -> list[Entry]:
        realm, unread, usable = self._wishes.realm, self._unread, list(map(enabled, rows))
        self.counts.disabled += usable.count(False)
        self.counts.external += sum(map(is_external, rows))
        found = zip(keys, rows, self._wanted.of_all(rows), groups, usable, strict=True)
        return [
            Entry(Anchor(realm, key), row.get(NAME) or key, attributes, within, able, unread)
            if row.get(NAME) or not is_hidden(row)
            else self._hidden(key)
            for key, row, attributes, within, able in found
        ]

    def _hidden(self, key: str) -> Entry:
        """Somebody of whom nothing is known."""
        self.counts.hidden += 1
        self._named.name(_HIDDEN, key)
        return Entry(Anchor(self._wishes.realm, key), key, {})

    def _tick_off(self, rows: list[dict[str, Any]]) -> None:
        canaries = self._tally.canaries
        if not canaries.missing():
            return
        for row in rows:
            logins = {"samaccountname": ON_PREMISES, "userprincipalname": NAME}
            held = {name: (str(row[own]),) for name, own in logins.items() if row.get(own)}
            canaries.saw(name_of(row), str(row["id"]), held)

    def _conclude(self) -> None:
        """Why the reading is believed, and why not."""
        tally, pages = self._tally, self._spool.count
        tally.reasons += self._named.sentences()
        if not self.counts.users:
            tally.doubts.say("not one person came, and every tenant has one at least")
        if not self.since[PEOPLE]:
            tally.doubts.say(f"people: {_NO_MARK}")
        else:
            tally.reasons.append(
                f"people: {_pages(pages(PEOPLE))} to the last one, and every change of people since before the first"
            )
        if self._groups is not None:
            self._judge_groups(self._groups, pages(GROUPS_LISTED))

    def _judge_groups(self, groups: GraphGroups, pages: int) -> None:
        tally = self._tally
        if not self.since[GROUPS_LISTED]:
            tally.doubts.say(f"groups: {_NO_MARK}")
        elif self.counts.users and not groups.have_members():
            tally.doubts.say("not one group has a member, so they may be unreadable: nobody's groups are believed")
        else:
            tally.reasons.append(f"groups: {len(groups):,} with their members, {_pages(pages)} to the last one")
        if self._unread:
            names = self.counts.hidden_groups
            tally.reasons.append(f"groups: {names:,} hide their members, so that nobody is known to be in them or not")
        count, few = groups.nobody()
        if count:
            each = "1 membership leads" if count == 1 else f"{count:,} memberships lead"
            more = f" and {count - len(few):,} more" if count > len(few) else ""
            tally.reasons.append(f"groups: {each} to nobody who was read: {'; '.join(few)}{more}")


def _key(row: Row) -> str:
    """The id that a user is known by; empty where there is none."""
    return str(row.get("id") or "").lower()


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"
