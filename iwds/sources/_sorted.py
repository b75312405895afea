"""From entries that changed to groups with their members, and to people; and the names that may have changed below."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from re import findall

from iwds.core.dn import is_under, normalise_dn
from iwds.errors import MarkLost, SourceUnavailable
from iwds.ports import Members
from iwds.sources._csn import CREATED, ENTRY_CSN
from iwds.sources._decode import Shaped, identity
from iwds.sources._ldapone import groups_naming
from iwds.sources._ldapread import Wishes
from iwds.sources._membership import denies, group_now
from iwds.sources._search import NO_SUCH_OBJECT, SUCCESS, Asks, Search

_SUBORDINATES, _CLASS = "hassubordinates", "objectclass"
ATTRIBUTES = (CREATED, ENTRY_CSN, _SUBORDINATES, _CLASS)
"""What is asked of each entry beside its id."""
_SIZE_LIMIT = 4
_SECOND = slice(14)


@dataclass(slots=True)
class Sorted:
    """Who and what changed.

    Attributes:
        began: when the mark was made, by the clock of the server, to the second.
        people: ids of all that changed and is no group.
        groups: the keys of the direct members that groups have now, by the key of the group; None for none any more.
    """

    asks: Asks
    wishes: Wishes
    known: Members
    began: str
    people: set[str] = field(default_factory=set)
    groups: dict[str, frozenset[str] | None] = field(default_factory=dict)

    def add(self, entries: Iterable[Shaped]) -> None:
        """Sort these in. Raises `MarkLost` where somebody may have another name now without any sign at their entry."""
        for entry in entries:
            name = normalise_dn(entry.dn)
            self._judge_container(entry, name)
            if not self._is_group(entry, name) and self._may_be_somebody(entry, name):
                self.people.add(identity(self.wishes.id, entry.attrs.get(self.wishes.id)))
                self._note_groups(entry, name)
        self.people.discard("")

    def bury(self, names: Iterable[str]) -> None:
        """Sort in groups of which there is proof that entries of these names were deleted."""
        for name in names:
            if name not in self.groups and self.known(name) is not None:
                members = group_now(self.asks, self.wishes, name)
                if members is None:
                    self.groups[name] = None

    def _is_group(self, entry: Shaped, name: str) -> bool:
        members, before = group_now(self.asks, self.wishes, entry.dn), self.known(name)
        if members is None and before is None:
            return False
        if before is None and self._is_older(entry):
            raise MarkLost(f"{entry.dn} is a group that was not one under this name before: it may have been renamed.")
        if before and not members:
            self._judge_emptied(entry, members)
        self.groups[name] = members
        return members is not None

    def _note_groups(self, entry: Shaped, name: str) -> None:
        """Sort in the groups that name somebody by a name that nobody had in them.

        Overlay refint gives members their new names, and the entries of the groups show no change.
        """
        for group in groups_naming(self.asks, self.wishes, entry.dn) if self._is_older(entry) else ():
            before = self.known(group)
            if group not in self.groups and before is not None and name not in before:
                members = group_now(self.asks, self.wishes, group)
                self.groups |= {} if members is None else {group: members}

    def _judge_emptied(self, entry: Shaped, members: frozenset[str] | None) -> None:
        """Whether a group shows that it is none any more, or that nobody is in it. Else `MarkLost`."""
        wishes = self.wishes
        anybody = f"(|{''.join(f'({attribute}=*)' for attribute in wishes.members)})"
        if members is None and not (wishes.groups and denies(self.asks, entry.dn, wishes.groups.filter)):
            raise MarkLost(f"{entry.dn} is no longer among the groups that are read, or may be seen no more.")
        if members is not None and not denies(self.asks, entry.dn, anybody):
            raise MarkLost(f"{entry.dn} has no members any more, or they may be seen no more.")

    def _judge_container(self, entry: Shaped, name: str) -> None:
        """A new name of an entry renames all below it, whose own entries do not change."""
        wishes = self.wishes
        bases = [*wishes.users.bases, *(wishes.groups.bases if wishes.groups else ())]
        if entry.attrs.get(_SUBORDINATES) == ("FALSE",) or not self._is_older(entry):
            return
        if any(is_under(normalise_dn(base), name) for base in bases):
            return  # the settings name it, so its name is the same
        if self._somebody_below(entry.dn, name):
            raise MarkLost(f"{entry.dn} changed: whoever is below it may have another name now.")

    def _somebody_below(self, dn: str, name: str) -> bool:
        wishes = self.wishes
        either = f"(|{wishes.users.filter}{wishes.groups.filter if wishes.groups else ''})"
        page = self.asks.page(Search(dn, "subtree", either, ("1.1",), size_limit=2), b"")
        if page.code not in {SUCCESS, NO_SUCH_OBJECT, _SIZE_LIMIT}:
            raise SourceUnavailable(f"{dn} could not be read: {page.code} {page.name} {page.text}".strip())
        return any(normalise_dn(raw.decode(errors="replace")) != name for raw, _ in page.entries)

    def _is_older(self, entry: Shaped) -> bool:
        """Whether it was there when the mark was made. In doubt it was.

        Within the second of the last change before the mark that is not said. A server at rest has its mark of there,
        so that only what is as it was made then may be new.
        """
        created = (entry.attrs.get(CREATED) or ("",))[0][_SECOND]
        changed = identity(ENTRY_CSN, entry.attrs.get(ENTRY_CSN))[_SECOND]
        return created < self.began or (created == self.began and changed != created)

    def _may_be_somebody(self, entry: Shaped, name: str) -> bool:
        """All in the bases; elsewhere what is of a class that the filter for people names, because it may have left."""
        if any(is_under(name, normalise_dn(base)) for base in self.wishes.users.bases):
            return True
        named = findall(r"(!?)\(objectclass=([^()*]+)\)", self.wishes.users.filter.lower())
        asked = {each for but, each in named if not but}
        return not asked or not {each.lower() for each in entry.attrs.get(_CLASS, ())}.isdisjoint(asked)
