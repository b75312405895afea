"""What is kept of an Active Directory to tell the next time what a change means: its groups, and where entries lie.

Each is a row under the id of the entry: the keys of direct members, which are ids too, and the name that the entry has.
Of places in the tree there is the name alone: whoever moves one renames everybody below, and none of these changes.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from iwds.core.dn import is_under, normalise_dn
from iwds.errors import MarkLost, SourceUnavailable
from iwds.ports import Members
from iwds.sources._decode import Shaped, identity
from iwds.sources._extended import Extended, Named, named
from iwds.sources._groups import login_key, primary_key
from iwds.sources._ldapone import id_filter
from iwds.sources._ldapread import AD_ID, Branch, Wishes
from iwds.sources._ranges import Incomplete, all_values
from iwds.sources._search import Asks, Pull, Search, equals

ANY_GROUP = "(objectClass=group)"
PEOPLE = "(&(objectClass=person)(!(objectClass=computer)))"
PLACES = "(|(objectClass=organizationalUnit)(objectClass=container))"
PLACE_CLASSES = frozenset({"organizationalunit", "container"})
_PLACE, _NAME = "place", "name:"
_AT_ONCE = 50
"""So many groups are asked for in one search; each comes with all its members."""
MEMBER, _MEMBER_UID = "member", "memberuid"
_LOGIN, _PRIMARY = login_key(""), primary_key("")
_MENTIONED = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)[^()=<>~]*[<>~]?=")

Row = frozenset[str]


def mentioned(text: str) -> frozenset[str]:
    """The attributes that a search filter (RFC 4515) rests on, lower-case."""
    return frozenset(name.lower() for name in _MENTIONED.findall(text))


def shadowed(wishes: Wishes, contexts: Sequence[str]) -> tuple[Branch, tuple[str, ...]] | None:
    """Which groups are kept, and which of their attributes name members; None where no group matters.

    All groups of the domain where the server says who is in one, so that any may lie in between, and where people are
    selected by `memberOf`, by whatever group.
    """
    every = Branch(tuple(contexts), "subtree", ANY_GROUP)
    if wishes.member_of or wishes.nested_by_server or "memberof" in mentioned(wishes.users.filter):
        return every, tuple(each for each in (MEMBER, _MEMBER_UID) if each in wishes.members)
    return (wishes.groups, wishes.members) if wishes.groups else None


def place_row(dn: str) -> Row:
    """What is kept of a place in the tree."""
    return frozenset({_PLACE, _NAME + normalise_dn(dn)})


def is_place(row: Row) -> bool:
    """Whether a row is of a place, and not of a group."""
    return _PLACE in row


def is_called(row: Row, dn: str) -> bool:
    """Whether this is still the name of what a row is of."""
    return _NAME + normalise_dn(dn) in row


def name_of(row: Row) -> str:
    """The normalised name of what a row is of."""
    return next(each for each in row if each.startswith(_NAME)).removeprefix(_NAME)


def members_of(row: Row) -> Row | None:
    """The keys of a group's members; None for what is no group."""
    return None if is_place(row) else frozenset(key for key in row if not key.startswith(_NAME))


def people_of(row: Row) -> Row:
    """The keys of those whom a group names itself."""
    return frozenset(key for key in row if not key.startswith((_NAME, _PRIMARY)))


def as_members(known: Members) -> Members:
    """What was kept, as the keys of members."""

    def members(key: str) -> Row | None:
        row = known(key)
        return None if row is None else members_of(row)

    return members


@dataclass(frozen=True, slots=True)
class Shadow:
    """Reads what is to be kept.

    Raises `MarkLost` where groups cannot be read whole, `SourceUnavailable` where the server gives no answer.

    Attributes:
        groups: which groups, and the attributes that name members, as `shadowed` says; None for no groups.
        contexts: the naming contexts.
        login: the attribute of people that memberUid means.
    """

    asks: Asks
    groups: tuple[Branch, tuple[str, ...]] | None
    contexts: Sequence[str]
    page_size: int
    login: str

    def rows(self) -> Iterator[tuple[str, Row]]:
        """All there is to keep, by id."""
        for group in self._found(""):
            yield self._row(group)
        yield from self._places(PLACES)

    def places(self, keys: Iterable[str]) -> dict[str, Row]:
        """The rows of those of these that are places."""
        return {key: row for text in _in_chunks(keys) for key, row in self._places(f"(&{PLACES}{text})")}

    def of(self, keys: Iterable[str]) -> dict[str, Row]:
        """The rows of these groups, as far as they are groups that are kept."""
        return dict(self._row(group) for text in _in_chunks(keys) for group in self._found(text))

    def ids(self, keys: Iterable[str], most: int) -> dict[str, set[str]]:
        """Whom keys of members mean, by id, each with these keys. `MarkLost` where they are more than `most`."""
        found: dict[str, set[str]] = {}
        for key in keys:
            for who in self._meant(key):
                found.setdefault(who, {who}).add(key)
                if len(found) > most:
                    raise MarkLost(f"The groups of more than {most:,} people changed.")
        return found

    def parents(self, dn: str) -> Collection[str]:
        """The ids of the groups that name this one right now."""
        return [named(group.dn).guid for group in self._found(equals(MEMBER, dn), ("1.1",))]

    def _places(self, text: str) -> Iterator[tuple[str, Row]]:
        for context in self.contexts:
            for place in self._all(self.asks, Search(context, "subtree", text, (AD_ID,), self.page_size)):
                if (key := identity(AD_ID, place.attrs.get(AD_ID))) and matters(place.dn, context):
                    yield key, place_row(place.dn)

    def _meant(self, key: str) -> Iterator[str]:
        if key.startswith(_PRIMARY):
            yield from self._who(equals("primaryGroupID", key.rpartition("-")[2]))
        elif key.startswith(_LOGIN):
            yield from self._who(equals(self.login, key.removeprefix(_LOGIN)))
        else:
            yield key

    def _who(self, text: str) -> Iterator[str]:
        for context in self.contexts:
            asked = Search(context, "subtree", f"(&{PEOPLE}{text})", (AD_ID,), self.page_size)
            for person in self._all(self.asks, asked):
                if key := identity(AD_ID, person.attrs.get(AD_ID)):
                    yield key

    def _found(self, text: str, attributes: tuple[str, ...] = ()) -> Iterator[Shaped]:
        """The groups that are kept and fit this filter, under their extended names."""
        if self.groups is None:
            return
        branch, members = self.groups
        for base in branch.bases:
            narrowed = f"(&{branch.filter}{text})" if text else branch.filter
            size = min(self.page_size, _AT_ONCE)
            asked = Search(base, branch.scope, narrowed, attributes or members, size)
            yield from self._all(Extended(self.asks), asked)

    def _all(self, asks: Asks, search: Search) -> Iterator[Shaped]:
        problems: list[str] = []
        for page in Pull(asks.shaped, search, problems.append, ignore_references=True):
            yield from page
        if problems:
            raise SourceUnavailable(f"It cannot be told what changed: {' '.join(problems)}")

    def _row(self, group: Shaped) -> tuple[str, Row]:
        who = named(group.dn)
        keys = {key for attribute in self.groups[1] for key in self._keys(who, group, attribute)} if self.groups else ()
        return who.guid, frozenset({*keys, _NAME + normalise_dn(who.dn), primary_key(who.sid)})

    def _keys(self, who: Named, group: Shaped, attribute: str) -> Iterator[str]:
        """The keys of those whom an attribute of a group names."""
        if attribute in group.undecodable:
            raise MarkLost(f"{who.dn} has a member that is not text.")
        values = group.attrs.get(attribute, ())
        if attribute in group.incomplete:
            values = self._whole(who, attribute)
        return map(login_key, values) if attribute == _MEMBER_UID else (named(value).guid for value in values)

    def _whole(self, who: Named, attribute: str) -> tuple[str, ...]:
        try:
            return tuple(all_values(Extended(self.asks), who.dn, attribute))
        except (Incomplete, ValueError) as why:
            raise MarkLost(f"The members of {who.dn} could not be read whole: {why}.") from why


def _in_chunks(keys: Iterable[str]) -> Iterator[str]:
    """Filters for the entries of these ids, a few in each."""
    remaining = iter(keys)
    while chunk := list(islice(remaining, _AT_ONCE)):
        yield f"(|{''.join(id_filter(AD_ID, key) for key in chunk)})"


def matters(dn: str, context: str) -> bool:
    """Whether people may lie at a place: not among what the domain keeps for itself."""
    name, above = normalise_dn(dn), normalise_dn(context)
    return not any(is_under(name, f"{own},{above}") for own in ("cn=system", "cn=deleted objects"))
