"""From groups that changed to the people whose groups are others now, without reading a group that did not change.

Groups and members are given by keys. What members are known of is a group, everything else is taken for a person. A
person may have several keys, so that what is true of one key need not be of the person.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from iwds.errors import MarkLost
from iwds.ports import Members

Parents = Callable[[str], Collection[str]]
"""The groups that name a group right now, by key; asked at the directory."""
_NONE: frozenset[str] = frozenset()


class Regrouped:
    """What became of memberships.

    Args:
        changed: of each group that changed the keys of its direct members now; None for a group that is gone.
        known: the same of all groups as it was before.
        parents: who names a group; asked for those alone of whom `lost` wants to know.
        most: how many people may be affected; `MarkLost` above it.

    Attributes:
        people: the keys of everybody below a member that came or went. The groups of some may still be the same,
            because they are in them by another way too.
    """

    def __init__(
        self, changed: Mapping[str, frozenset[str] | None], known: Members, parents: Parents, most: int
    ) -> None:
        self._changed, self._known, self._parents, self._most = changed, known, parents, most
        self._before = {group: known(group) or _NONE for group in changed}
        self._above: dict[str, frozenset[str]] = {}
        self._out: dict[str, set[str]] = {}
        self._people: set[str] = set()
        for group, members in changed.items():
            self._compare(group, self._before[group], members or _NONE)
        self.people = frozenset(self._people)

    def went(self, keys: Iterable[str]) -> bool:
        """Whether somebody, given by all their keys, was below a member that went; `lost` is empty for all others."""
        return any(key in self._out for key in keys)

    def lost(self, keys: Iterable[str]) -> frozenset[str]:
        """The groups, by key, that somebody, given by all their keys, was in through a member that went.

        Whoever is in one of them now is so by another way. The others are those that they left, and there are no more.
        """
        found = {group for key in keys for group in self._out.get(key, ())}
        waiting = list(found)
        while waiting:
            above = self._named_by(waiting.pop()) - found
            found |= above
            waiting.extend(above)
        return frozenset(found)

    def _compare(self, group: str, before: frozenset[str], now: frozenset[str]) -> None:
        for key in self._below(before - now, self._known):
            self._out.setdefault(key, set()).add(group)
        self._below(now - before, self._now)

    def _below(self, members: Collection[str], of: Members) -> set[str]:
        """The keys of the people below these members, noted as affected; a cycle is walked once."""
        people: set[str] = set()
        seen, waiting = set(members), list(members)
        while waiting:
            inner = of(key := waiting.pop())
            if inner is None:
                people.add(key)
                self._note(key)
            else:
                waiting.extend(inner - seen)
                seen |= inner
        return people

    def _note(self, key: str) -> None:
        self._people.add(key)
        if len(self._people) > self._most:
            raise MarkLost(f"More than {self._most:,} people may have come into groups or left them.")

    def _now(self, key: str) -> frozenset[str] | None:
        return self._changed[key] if key in self._changed else self._known(key)

    def _named_by(self, group: str) -> frozenset[str]:
        """The groups that named a group before: those that do so now, but for the groups that changed."""
        if group not in self._above:
            changed = frozenset(each for each, members in self._before.items() if group in members)
            self._above[group] = changed | (frozenset(self._parents(group)) - self._changed.keys())
        return self._above[group]
