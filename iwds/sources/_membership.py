"""Groups of an open directory one by one: whom each names now, and whose groups are others since some changed."""

from collections.abc import Iterator
from itertools import chain

from iwds.core.dn import is_under, normalise_dn, parent
from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._decode import Shaped, identity
from iwds.sources._groups import login_of, member_keys
from iwds.sources._ldapone import groups_of
from iwds.sources._ldapread import Branch, Wishes
from iwds.sources._ranges import Incomplete, all_values
from iwds.sources._regrouped import Regrouped
from iwds.sources._search import NO_SUCH_OBJECT, SUCCESS, Asks, Page, Pull, Search, equals

_ANYTHING = "(objectClass=*)"
_INVALID_NAME = 34
_NOBODY = frozenset({SUCCESS, NO_SUCH_OBJECT, _INVALID_NAME})


def members_of(asks: Asks, wishes: Wishes, group: Shaped) -> frozenset[str]:
    """The keys of a group's direct members. Raises `MarkLost` where they cannot all be read."""
    found: set[str] = set()
    for attribute in wishes.members:
        values = group.attrs.get(attribute, ())
        if attribute in group.incomplete:
            try:
                values = tuple(all_values(asks, group.dn, attribute))
            except (Incomplete, ValueError) as why:
                raise _unreadable(group) from why
        found.update(member_keys(attribute, values))
    if group.undecodable:
        raise _unreadable(group)
    return frozenset(found)


def group_now(asks: Asks, wishes: Wishes, dn: str) -> frozenset[str] | None:
    """The keys of the direct members of the group of this name; None where the settings select none there."""
    if wishes.groups is None or not any(_holds(wishes.groups, base, normalise_dn(dn)) for base in wishes.groups.bases):
        return None
    page = _named(asks, dn, wishes.groups.filter, wishes.group_attributes)
    return members_of(asks, wishes, page.entries[0]) if page.entries else None


def denies(asks: Asks, dn: str, text: str) -> bool:
    """Whether the entry of this name shows that the filter is false for it.

    A filter over what is hidden, or unknown to the server, is neither true nor false, and so is its contrary.
    """
    return bool(_named(asks, dn, f"(!{text})", ("1.1",)).entries)


def affected(asks: Asks, wishes: Wishes, regrouped: Regrouped) -> tuple[set[str], dict[str, frozenset[str]]]:
    """The ids of everybody whose groups may be others now, and of each the groups that they were shown to have left."""
    people: set[str] = set()
    left: dict[str, frozenset[str]] = {}
    for person in chain.from_iterable(_meant(asks, wishes, key) for key in sorted(regrouped.people)):
        key = identity(wishes.id, person.attrs.get(wishes.id))
        if not key or key in people:
            continue
        people.add(key)
        keys = wishes.keys(person, by_login=True)
        if regrouped.went(keys) and (gone := regrouped.lost(keys) - (groups_of(asks, wishes, person) or frozenset())):
            left[key] = gone
    return people, left


def _meant(asks: Asks, wishes: Wishes, key: str) -> Iterator[Shaped]:
    """The people whom the key of a member means."""
    attributes = tuple(sorted(wishes.person_attributes(())))
    if not (login := login_of(key)):
        yield from _named(asks, key, _ANYTHING, attributes).entries
        return
    for base in wishes.users.bases:
        problems: list[str] = []
        search = Search(base, wishes.users.scope, equals(wishes.login, login), attributes, wishes.page_size)
        for page in Pull(asks.shaped, search, problems.append, ignore_references=True):
            yield from page
        if problems:
            raise SourceUnavailable(f"It cannot be told who {login} is: {' '.join(problems)}")


def _named(asks: Asks, dn: str, text: str, attributes: tuple[str, ...]) -> Page[Shaped]:
    """The entry of this name, if the filter is true for it."""
    page = asks.shaped(Search(dn, "base", text, attributes), b"")
    if page.code not in _NOBODY:
        raise SourceUnavailable(f"{dn} could not be read: {page.code} {page.name} {page.text}".strip())
    return page


def _holds(branch: Branch, base: str, name: str) -> bool:
    """Whether a search from this base comes by an entry of this normalised name."""
    top = normalise_dn(base)
    if branch.scope == "subtree":
        return is_under(name, top)
    return (normalise_dn(parent(name)) if branch.scope == "one" else name) == top


def _unreadable(group: Shaped) -> MarkLost:
    return MarkLost(f"The members of {group.dn} could not all be read.")
