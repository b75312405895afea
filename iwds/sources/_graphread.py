"""One reading of all people of an Entra tenant.

The mark of the present comes first, then groups and people, then the changes of people since that mark: so a person who
moves from one page to another while the list is read is not lost, and whoever is deleted meanwhile is not kept.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice, repeat
from typing import Any

from iwds.core.hygiene import told_dangling
from iwds.core.model import Anchor, Entry
from iwds.errors import SourceUnavailable
from iwds.sources._collecting import seldom
from iwds.sources._graph import GROUPS, USERS, BeginAgain, Graph
from iwds.sources._graphcolumns import Columns, People
from iwds.sources._graphgroups import GraphGroups
from iwds.sources._graphpages import Limits, Listing, Spool, reversed_rows, spooled
from iwds.sources._graphproperties import ON_PREMISES, Row, Wanted, wanted
from iwds.sources._groups import Seen, scratch
from iwds.sources._stream import Doubts, Tally

PEOPLE, CHANGES, GROUPS_LISTED, MARK = "people", "changes of people", "groups", "the mark of the present"
GROUP_PROPERTIES = "id,displayName,visibility,members"
_PAGE = 999
"""The most that Graph gives on one page of a list; for changes it takes no wish."""
_CHUNK = 500
_FRESH_SECONDS = 600.0
"""As long as large tenants take for one listing."""
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

    def people(self, graph: Graph, select: str, ready: Callable[[bytes], bytes] = bytes) -> Listing:
        """The list of people."""
        return Listing(PEOPLE, graph.url("/users", select=select, top=_PAGE), USERS, ready=ready)

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


@dataclass(slots=True)
class Listed:
    """All groups with their members, on pages that came a moment ago.

    Attributes:
        since: from where on changes of groups can be asked for.
        at: when the last page had come, of a clock that only goes forward.
    """

    spool: Spool
    since: str
    at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, graph: Graph, wishes: Wishes) -> "Listed":
        """The groups as they are now; raises like `spooled`."""
        spool = Spool()
        try:
            return cls(spool, spooled(graph, wishes.groups_listed(graph), spool, wishes.limits))
        except BaseException:
            spool.close()
            raise

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return self.spool.count(GROUPS_LISTED)

    @property
    def is_fresh(self) -> bool:
        """Whether a reading that begins now may take them for its own."""
        return time.monotonic() - self.at < _FRESH_SECONDS

    def newest_first(self) -> Iterator[list[dict[str, Any]]]:
        """The groups of each page."""
        return self.spool.newest_first(GROUPS_LISTED)

    def close(self) -> None:
        """Give back the file. May be called twice."""
        self.spool.close()


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

    Args:
        listed: the groups, where somebody has just listed them. They are closed with the reading.

    Attributes:
        counts: what was seen.
        since: from where on the changes of people, and of groups, can be asked for after this reading.
    """

    def __init__(self, graph: Graph, wishes: Wishes, tally: Tally, listed: Listed | None = None) -> None:
        self._graph, self._wishes, self._tally, self._listed = graph, wishes, tally, listed
        asked, login = wishes.wanted(tally.attributes), bool(tally.canaries.missing())
        self._select = asked.select(*([ON_PREMISES] if login else ()))
        self._columns = Columns(asked, login)
        self._spool, self._seen, self._changes = Spool(), Seen(), Changes()
        self._repeated = False
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
                for people in self._everybody():
                    yield from self._read(people)
                self._conclude()
        finally:
            self._spool.close()
            self._seen.close()
            self._changes.close()
            self._forget_groups()
            if self._groups is not None:
                self._groups.close()

    def _forget_groups(self) -> None:
        if self._listed is not None:
            self._listed.close()
        self._listed = None

    def _collect(self) -> None:
        """Every page; all of it again where Graph has lost the thread."""
        for _ in range(self._wishes.limits.begun):
            try:
                self._spool_all()
                return
            except BeginAgain as lost:
                told = lost.message
                for listing in (MARK, PEOPLE, CHANGES):
                    self._spool.forget(listing)
                self._forget_groups()
        raise SourceUnavailable(
            f"Graph wanted the reading from its beginning {self._wishes.limits.begun} times: {told}", "Run it again."
        )

    def _spool_all(self) -> None:
        graph, wishes, since = self._graph, self._wishes, {}
        mark = self._mark()
        if wishes.groups:
            self._listed = self._listed or Listed.of(graph, wishes)
            since[GROUPS_LISTED] = self._listed.since
        self._spooled(wishes.people(graph, self._select, self._ready))
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
        if self._groups is None or self._listed is None:
            return
        for rows in self._listed.newest_first():
            self._groups.add(rows)
        self._unread = self._groups.unread()
        self.counts.groups, self.counts.hidden_groups = len(self._groups), self._groups.hidden()
        self.counts.ambiguous = self._groups.ambiguous()

    def _ready(self, body: bytes) -> bytes:
        people = self._columns.of(reversed_rows(body, PEOPLE))
        self._repeated = self._repeated or not all(self._seen.add(people.keys))
        return people.packed()

    def _everybody(self) -> Iterator[People]:
        """Everybody once, as they were last."""
        for rows in self._spool.newest_first(CHANGES):
            self._changes.add(rows)
        if self._repeated:  # of those the newest counts, which is not the one that came first
            self._seen.close()
            self._seen = Seen()
        for body, ready in self._spool.made_ready(PEOPLE):
            people = People.unpacked(ready)
            new = self._seen.add(people.keys) if self._repeated else [True] * len(people.keys)
            if changed := self._changes.take([key for key, first in zip(people.keys, new, strict=True) if first]):
                rows = reversed_rows(body, PEOPLE)
                people = self._columns.of([{**row, **changed.get(_key(row), {})} for row in rows])
            yield people if all(new) else people.chosen(new)
        for rows in self._changes.rest():
            yield self._columns.of(rows)

    def _read(self, people: People) -> list[Entry]:
        """The entries of some users, but for those who are deleted or guests."""
        if "" in people.keys:
            self._tally.doubts.say("people without an id were left out")
            people = people.chosen([key != "" for key in people.keys])
        if people.removed:
            self.counts.deleted += people.removed.count(True)
            people = people.chosen([not removed for removed in people.removed])
        self.counts.users += len(people.keys)
        self.counts.guests += people.guests.count(True)
        groups = self._groups_of(people.keys)
        if people.guests and not self._wishes.guests:
            chosen = [not guest for guest in people.guests]
            people, groups = people.chosen(chosen), list(compress(groups, chosen))
        self.counts.disabled += people.usable.count(False)
        self.counts.external += people.external.count(True)
        self._tick_off(people)
        self._tally.counted(len(people.keys), people.presence())
        return self._entries(people, groups)

    def _groups_of(self, keys: list[str]) -> Sequence[frozenset[str] | None]:
        return [None] * len(keys) if self._groups is None else self._groups.of(keys)

    def _entries(self, people: People, groups: Sequence[frozenset[str] | None]) -> list[Entry]:
        anchors = map(Anchor, repeat(self._wishes.realm), people.keys)
        known = people.names, people.attributes(), groups, people.usable, repeat(self._unread)
        entries = list(map(Entry, anchors, *known))
        for place in compress(range(len(entries)), people.hidden):
            entries[place] = self._hidden(people.keys[place])
        return entries

    def _hidden(self, key: str) -> Entry:
        """Somebody of whom nothing is known."""
        self.counts.hidden += 1
        self._named.name(_HIDDEN, key)
        return Entry(Anchor(self._wishes.realm, key), key, {})

    def _tick_off(self, people: People) -> None:
        canaries = self._tally.canaries
        if not canaries.missing():
            return
        for key, name, login in zip(people.keys, people.names, people.logins, strict=True):
            canaries.saw(name, key, {"userprincipalname": (name,), "samaccountname": (login,)})

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
        if self._groups is not None and self._listed is not None:
            self._judge_groups(self._groups, self._listed.pages)

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
            tally.reasons.append(told_dangling(count, few))


def _key(row: Row) -> str:
    """The id that a user is known by; empty where there is none."""
    return str(row.get("id") or "").lower()


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"
