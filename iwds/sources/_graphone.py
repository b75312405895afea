"""Asks Graph about one person: by id, by whatever names them, and how they come into their groups."""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote

from iwds.core.model import Anchor, Entry, Proof
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.ports import MOST_FOUND
from iwds.sources._check import differs
from iwds.sources._graph import GROUPS, HIDDEN_MEMBERS, USERS, Graph
from iwds.sources._graphgroups import COUNTED, GROUP, hides, names_of
from iwds.sources._graphproperties import TYPE, Row, enabled, equals, is_guest, is_hidden, name_of
from iwds.sources._graphread import Wishes

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GROUP_PROPERTIES, _LISTED = "id,displayName", "id,displayName,visibility"
_PAGE = 999
_PROBED = 5
"""So many groups that hide their members are asked for one, to see whether we may: it is allowed for all or none."""
_MOST_HIDING = 20
"""With more groups that hide their members from us, it is not looked up which groups these are in."""
_NO_WAY: tuple[str, ...] = ()


def is_id(text: str) -> bool:
    """Whether a text can be the id of an object, in the spelling of an anchor."""
    return bool(_GUID.fullmatch(text))


@dataclass(slots=True)
class One:
    """Questions about one person.

    Attributes:
        graph: who is asked.
        wishes: what a reading would give.
    """

    graph: Graph
    wishes: Wishes
    _unread: frozenset[str] | None = field(default=None, init=False)
    _asked_hidden: bool = field(default=False, init=False)

    def find(self, key: str, attributes: Collection[str]) -> Entry | None:
        """One person by id, whoever they are. Raises `SourceUnavailable` or `AccessRefused`."""
        wanted = self.wishes.wanted(attributes)
        row = self._row(key, wanted.select()) if is_id(key) else None
        if row is None:
            return None
        anchor = Anchor(self.wishes.realm, key)
        if is_hidden(row):
            return Entry(anchor, key, {})
        groups, unread = self._groups(key)
        return Entry(anchor, name_of(row), wanted.attributes(row), groups, enabled(row), unread)

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> list[Entry]:
        """Whom a text may mean: by id, by user principal name, or as a value of one of some attributes."""
        if not text.strip():
            return []
        keys = dict.fromkeys(islice(self._meant(text.strip(), by), MOST_FOUND))
        found = (self.find(key, attributes) for key in keys)
        return [entry for entry in found if entry is not None]

    def selects(self, key: str) -> bool:
        """Whether a reading would give this person."""
        row = self._row(key, f"id,{TYPE}") if is_id(key) else None
        return row is not None and (self.wishes.guests or not is_guest(row))

    def deleted(self, key: str) -> bool:
        """Whether this person lies in the recycle bin, as far as we may look into it."""
        if not is_id(key):
            return False
        try:
            return self.graph.json(self.graph.url(f"/directory/deletedItems/{key}", select="id"), USERS) is not None
        except AccessRefused:
            return False

    def shows(self, name: str) -> bool:
        """Whether somebody of this name is there."""
        return self._row(name, "id") is not None

    def paths(self, key: str) -> dict[str, tuple[str, ...]]:
        """How one person comes into each group, by each name that a mapping may call it."""
        if not self.wishes.groups or not is_id(key):
            return {}
        everything = self.memberships(f"/users/{key}/transitiveMemberOf")
        ways: dict[str, tuple[str, ...]] = {}
        waiting = deque([(f"/users/{key}/memberOf", _NO_WAY)])
        while waiting and len(ways) < len(everything):
            path, way = waiting.popleft()
            for group in self.memberships(path):
                if group in everything and group not in ways:
                    ways[group] = (*way, everything[group][-1])
                    waiting.append((f"/groups/{group}/memberOf", ways[group]))
        return {name: (*ways[group][:-1], name) for group in ways for name in everything[group]}

    def memberships(self, path: str) -> dict[str, tuple[str, ...]]:
        """The groups that an object is in, by id, with what a mapping may call them."""
        url = self.graph.url(path, select=_GROUP_PROPERTIES, top=_PAGE)
        rows = self.graph.rows(url, GROUPS)
        return {
            (key := str(row["id"]).lower()): names_of(key, row.get("displayName"))
            for row in rows
            if row.get("@odata.type") == GROUP
        }

    def members(self, group: str) -> frozenset[str]:
        """The ids of the people and groups that a group names."""
        url = self.graph.url(f"/groups/{group}/members", select="id", top=_PAGE)
        rows = self.graph.rows(url, GROUPS)
        return frozenset(str(row["id"]).lower() for row in rows if row.get("@odata.type") in COUNTED)

    def recount(self, proof: Proof) -> Iterator[str]:
        """What Graph's index counts more than a proven reading gave. Of fewer nothing follows, and it lags behind."""
        counted = [("people", "/users/$count", USERS)]
        counted += [("groups", "/groups/$count", GROUPS)] if self.wishes.groups else []
        for read, (what, path, needs) in zip(map(int, proof.view.mark.split()), counted, strict=True):
            count = self._count(path, needs)
            if count > read:
                yield differs(what, read, count)

    def _count(self, path: str, needs: str) -> int:
        body = self.graph.get(self.graph.url(path), needs, eventual=True) or b""
        text = body.decode("utf-8-sig", errors="replace").strip()
        if not (text.isascii() and text.isdigit()):
            raise SourceUnavailable(f"{self.graph.origin} was asked how many there are, and answered no number.")
        return int(text)

    def _row(self, name: str, select: str) -> Mapping[str, Any] | None:
        return self.graph.json(self.graph.url(f"/users/{quote(name, safe='@')}", select=select), USERS)

    def _meant(self, text: str, by: Collection[str]) -> Iterator[str]:
        """The ids of whom a text may mean."""
        if is_id(text.lower()):
            yield text.lower()
        named = {*by, "userprincipalname"} - set(self.wishes.absent)
        asked = equals(named, text, self.wishes.extensions)
        url = self.graph.url("/users", filter=asked, select="id", count="true", top=MOST_FOUND)
        yield from (str(row["id"]).lower() for row in self.graph.rows(url, USERS, eventual=True))

    def _groups(self, key: str) -> tuple[frozenset[str] | None, frozenset[str]]:
        """The groups of one person, and those of which it is not known whether they are in them."""
        if not self.wishes.groups:
            return None, frozenset()
        unread = self._hidden()
        if unread is None:
            return None, frozenset()
        found = self.memberships(f"/users/{key}/transitiveMemberOf")
        return frozenset(name for names in found.values() for name in names), unread

    def _hidden(self) -> frozenset[str] | None:
        """The names of groups of which nobody is known to be in them; None where they are too many. Asked once."""
        if not self._asked_hidden:
            self._unread, self._asked_hidden = self._look_for_hidden(), True
        return self._unread

    def _look_for_hidden(self) -> frozenset[str] | None:
        url = self.graph.url("/groups", select=_LISTED, top=_PAGE)
        hiding: list[Row] = [row for row in self.graph.rows(url, GROUPS) if hides(row)]
        if not hiding or any(self._shows_members(row) for row in hiding[:_PROBED]):
            return frozenset()
        if len(hiding) > _MOST_HIDING:
            return None
        names: set[str] = set()
        for row in hiding:
            key = str(row["id"]).lower()
            names.update(names_of(key, row.get("displayName")))
            names.update(*self.memberships(f"/groups/{key}/transitiveMemberOf").values())
        return frozenset(names)

    def _shows_members(self, row: Row) -> bool:
        url = self.graph.url(f"/groups/{str(row['id']).lower()}/members", select="id", top=1)
        try:
            return next(self.graph.rows(url, HIDDEN_MEMBERS), None) is not None
        except AccessRefused:
            return False
