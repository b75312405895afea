"""What changed in a tenant since a mark: Graph's changes of users and of groups (see docs/incremental.md).

Both listings are read to their ends before anything of them is used. Nothing follows from who does not come.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from iwds.errors import MarkLost
from iwds.ports import Delta, Members
from iwds.sources._graph import GROUPS, USERS, BeginAgain, Declined, Graph, PageExpired
from iwds.sources._graphgroups import GraphGroups
from iwds.sources._graphmark import Tokens, token, tokens
from iwds.sources._graphmoves import CALLED, Moves, called, names, only_members
from iwds.sources._graphone import One
from iwds.sources._graphpages import Listing, Spool, spooled
from iwds.sources._graphproperties import ENABLED, NAME, Row, is_hidden
from iwds.sources._graphread import GROUP_PROPERTIES, Listed, Wishes
from iwds.sources._marks import opened, question, sealed
from iwds.sources._regrouped import Regrouped

PEOPLE, GROUPS_CHANGED = "changes of people", "changes of groups"
_LATEST = "the mark of the present"
_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class _People:
    """What was said of people, by id."""

    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)

    def add(self, rows: list[dict[str, object]]) -> None:
        for row in rows:
            if key := str(row.get("id") or "").lower():
                self._of(row).add(key)

    def _of(self, row: Row) -> set[str]:
        if "@removed" in row:
            return self.removed
        return self.unseen if _unseen(row) else self.changed


class GraphFeed:
    """Tells what changed in one tenant.

    Args:
        name: the source's name in the configuration.
        graph: gives what asks Graph.
        wishes: what a reading would give.
        app: the application that reads.
        select: the properties of users whose changes count.
        keep: is given the groups when they were listed.
    """

    def __init__(
        self, name: str, graph: Callable[[], Graph], wishes: Wishes, app: str, select: str,
        keep: Callable[[Listed], None],
    ) -> None:  # fmt: skip
        self._name, self._graph, self._wishes = name, graph, wishes
        self._app, self._select, self._keep = app, select, keep

    @property
    def realm(self) -> str:
        """The tenant."""
        return self._wishes.realm

    def mark(self) -> str:
        """The mark of the present, which Graph gives without listing anything."""
        graph, wishes, taken = self._graph(), self._wishes, datetime.now(UTC)
        people = self._latest(wishes.latest(graph, self._select), USERS, PEOPLE)
        members = self._latest(wishes.groups_latest(graph), GROUPS, GROUPS_CHANGED) if wishes.groups else ""
        return sealed(self._bound(graph), Tokens(people, members, taken).text())

    def members(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every group with those of its members who are people or groups, and behind `=` how it is called.

        The next reading takes the same pages, unless it begins much later: so both know the same of every group.
        """
        if not self._wishes.groups:
            return
        graph = self._graph()
        listed = Listed.of(graph, self._wishes)
        with closing(GraphGroups()) as groups:
            for rows in listed.newest_first():
                groups.add(rows)
            self._keep(listed)
            for key, members in groups.direct():
                yield key, members | {CALLED + name for name in groups.names(key)[1:]}

    def since(self, mark: str, known: Members, most: int) -> Delta:
        """What changed since a mark, as far as Graph still knows it."""
        graph, taken = self._graph(), datetime.now(UTC)
        old = tokens(opened(mark, self._bound(graph)))
        with closing(Spool()) as spool:
            new = sealed(self._bound(graph), Tokens(*self._spooled(graph, old, spool), taken).text())
            people, moves = _People(), Moves()
            for rows in spool.newest_first(PEOPLE):
                people.add(rows)
                _few(max(len(people.changed), len(people.removed)), most)
            for rows in spool.newest_first(GROUPS_CHANGED):
                moves.add(rows)
                _few(len(moves.everybody), most)
        groups = moves.now(known, self._present)
        regrouped = _Regrouping(groups, known, One(graph, self._wishes), most)
        return self._delta(people, regrouped, new, old.warning(self._name), most)

    def _delta(self, people: _People, regrouped: "_Regrouping", new: str, old: str, most: int) -> Delta:
        # Who was said to be deleted and to be there is looked at: which of the two came later is not said.
        gone = frozenset(people.removed - people.changed - people.unseen)
        affected = (people.changed | regrouped.people) - gone
        _few(len(affected) + len(gone), most)
        return Delta(
            people=frozenset(affected),
            gone=gone,
            left=regrouped.left(affected),
            groups=regrouped.groups,
            mark=new,
            notes=tuple(filter(None, (old, self._unseen(people.unseen)))),
        )

    def _unseen(self, keys: set[str]) -> str:
        if not keys:
            return ""
        return f"{self._name}: of {len(keys):,} who changed Graph gave nothing but the id ({min(keys)}): grant {USERS}"

    def _bound(self, graph: Graph) -> dict[str, str]:
        """What the tokens are good for: Graph writes it into them, and goes on from there without a word."""
        groups = GROUP_PROPERTIES if self._wishes.groups else ""
        asked = {"choice of properties": question(self._select), "choice of groups": question(groups)}
        return {"tenant": self._wishes.realm, "application": self._app, "cloud": graph.origin, **asked}

    def _latest(self, url: str, needs: str, what: str) -> str:
        with closing(Spool()) as spool:
            return token(spooled(self._graph(), Listing(_LATEST, url, needs), spool, self._wishes.limits), what)

    def _spooled(self, graph: Graph, old: Tokens, spool: Spool) -> tuple[str, str]:
        """All pages of both; returns the tokens for later."""
        users = Listing(PEOPLE, graph.url("/users/delta", deltatoken=old.people), USERS, minimal=True)
        groups = Listing(GROUPS_CHANGED, graph.url("/groups/delta", deltatoken=old.groups), GROUPS, minimal=True)
        try:
            people = token(spooled(graph, users, spool, self._wishes.limits), PEOPLE)
            if not old.groups:
                return people, ""
            return people, token(spooled(graph, groups, spool, self._wishes.limits), GROUPS_CHANGED)
        except (BeginAgain, PageExpired, Declined) as lost:
            raise MarkLost(lost.message, "Entra forgets changes after seven days: let a run come more often.") from lost

    def _present(self, group: str) -> frozenset[str] | None:
        """A group as it is now."""
        graph = self._graph()
        row = graph.json(graph.url(f"/groups/{group}", select="id,displayName"), GROUPS)
        if row is None:
            return None
        return called(group, row.get("displayName")) | One(graph, self._wishes).members(group)


class _Regrouping:
    """Who is affected by what became of groups. That a group is called something is one more group around it.

    Attributes:
        groups: what is kept of each group that changed.
        people: who is affected.
    """

    def __init__(self, groups: Mapping[str, frozenset[str] | None], known: Members, one: One, most: int) -> None:
        self.groups, self._known, self._one = groups, known, one
        self._renamed: dict[str, set[str]] = {}
        changed: dict[str, frozenset[str] | None] = {}
        for key, now in groups.items():
            before = known(key) or _NONE
            changed[key] = None if now is None else only_members(now)
            self._rename(key, before, before if now is None else now, changed)
        self._regrouped = Regrouped(changed, self._before, self._parents, most)
        self.people = self._regrouped.people

    def left(self, people: set[str]) -> dict[str, frozenset[str]]:
        """The names of the groups that each of these people left."""
        lost = {key: self._regrouped.lost([key]) for key in people if self._regrouped.went([key])}
        return {key: frozenset(name for group in groups for name in self._names(group)) for key, groups in lost.items()}

    def _rename(
        self, key: str, before: frozenset[str], now: frozenset[str], changed: dict[str, frozenset[str] | None]
    ) -> None:
        for name in before ^ now:
            if name.startswith(CALLED):
                held = changed.get(name) or _NONE
                changed[name] = held | {key} if name in now else held
                if name in before:
                    self._renamed.setdefault(name, set()).add(key)

    def _before(self, key: str) -> frozenset[str] | None:
        if key.startswith(CALLED):
            return frozenset(self._renamed.get(key, ()))
        kept = self._known(key)
        return None if kept is None else only_members(kept)

    def _parents(self, key: str) -> tuple[str, ...]:
        return () if key.startswith(CALLED) else tuple(self._one.memberships(f"/groups/{key}/memberOf"))

    def _names(self, group: str) -> Iterator[str]:
        """What a mapping may call a group that somebody left: as it was called when they were in it."""
        if group.startswith(CALLED):
            return iter((group.removeprefix(CALLED),))
        return iter((group, *names(self._known(group) or _NONE)))


def _few(number: int, most: int) -> None:
    if number > most:
        raise MarkLost(f"More than {most:,} people changed.")


def _unseen(row: Row) -> bool:
    """Whether Graph may not show somebody: it gives the type and the id, or nulls where nobody has any."""
    return is_hidden(row) and ("@odata.type" in row or (NAME in row and ENABLED in row))
