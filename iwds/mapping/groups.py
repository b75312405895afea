"""Groups of the directory as a mapping names them: by plain name, by distinguished name, or by a pattern."""

from functools import lru_cache
from typing import TYPE_CHECKING

from iwds.core.dn import normalise_dn
from iwds.core.model import fold
from iwds.mapping.document import GroupPattern
from iwds.mapping.patterns import searching
from iwds.mapping.texts import is_dn, plain_name

if TYPE_CHECKING:
    from iwds.mapping.person import Person, Test

_MATCHING = "groups that match "
"""Begins the name under which the people are counted who are in any group that a pattern fits."""


def group_name(group: str | GroupPattern) -> str:
    """The name under which a reading counts who is in such a group; doubt about it is doubt about the condition."""
    return group if isinstance(group, str) else _MATCHING + group.matches


def among(name: str, groups: frozenset[str]) -> bool:
    """Whether a group, by its `group_name`, is one of these groups of the directory."""
    if name.startswith(_MATCHING):
        return _fits(name.removeprefix(_MATCHING), groups)
    return normalise_dn(name) in groups if is_dn(name) else fold(name) in map(plain_name, groups)


def in_group(group: str | GroupPattern) -> "Test":
    """Whether a person is in such a group; not known where their groups are not, or where this one was not readable."""
    return _named(group) if isinstance(group, str) else _matching(group)


def _named(name: str) -> "Test":
    dn, plain = normalise_dn(name) if is_dn(name) else "", fold(name)

    def test(person: "Person") -> bool | None:
        if person.groups is None:
            return None
        if dn in person.groups if dn else plain in person.names(person.groups):
            return True
        return None if _unread(name, person.entry.unread) else False

    return test


def _matching(group: GroupPattern) -> "Test":
    name = group_name(group)

    def test(person: "Person") -> bool | None:
        if person.groups is None:
            return None
        if _fits(group.matches, person.groups):
            return True
        return None if _unread(name, person.entry.unread) else False

    return test


def _unread(name: str, unread: frozenset[str]) -> bool:
    """Whether a group is one of these, which a run names as the mapping does, and a source as the directory does."""
    return bool(unread) and (name in unread or among(name, unread))


@lru_cache(maxsize=65_536)
def _fits(pattern: str, groups: frozenset[str]) -> bool:
    return any(_group_fits(pattern, group) for group in groups)


@lru_cache(maxsize=65_536)
def _group_fits(pattern: str, group: str) -> bool:
    """A pattern with `=` is held against the distinguished name, any other against the plain name."""
    try:
        return searching(pattern)(group if "=" in pattern else plain_name(group))
    except UnicodeEncodeError:  # half a surrogate pair, which is no character that a pattern could mean
        return False
