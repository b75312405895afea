"""Asks an open directory about one person: by id, by whatever names them, and how they come into their groups."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from iwds.core.dn import normalise_dn
from iwds.core.model import Anchor, Entry
from iwds.errors import SourceUnavailable
from iwds.ports import MOST_FOUND
from iwds.sources._decode import Shaped, guid_bytes, identity, shape
from iwds.sources._deletionlog import logged
from iwds.sources._directory import Directory
from iwds.sources._ldapread import AD_ID, SID, Wishes, member_of, primary_sid
from iwds.sources._search import (
    NO_SUCH_OBJECT,
    REFERRAL,
    SUCCESS,
    UNAVAILABLE_CRITICAL_EXTENSION,
    Asks,
    Pull,
    RawEntry,
    Search,
    equals,
)

_INVALID_NAME = 34
_NOBODY = frozenset({NO_SUCH_OBJECT, REFERRAL, _INVALID_NAME})
"""Answers by which a name means nothing here; whoever has it elsewhere is another source's."""
_UNSHOWN = frozenset({UNAVAILABLE_CRITICAL_EXTENSION, 50, 53})
"""Answers of a server that shows no deleted entries: 50 is insufficientAccessRights, 53 unwillingToPerform."""
_NO_WAY: tuple[str, ...] = ()
_ANYTHING = "(objectClass=*)"


def find(asks: Asks, directory: Directory, wishes: Wishes, key: str, attributes: Collection[str]) -> Entry | None:
    """One person by id, anywhere in the naming contexts. Raises `SourceUnavailable` where the answer is in doubt."""
    person = _person(asks, directory, wishes, key, wishes.person_attributes(attributes))
    if person is None:
        return None
    return entry_of(person, wishes.id, directory.realm, attributes, groups_of(asks, wishes, person))


def _person(asks: Asks, directory: Directory, wishes: Wishes, key: str, wanted: Collection[str]) -> Shaped | None:
    text = id_filter(wishes.id, key)
    if not text:
        return None
    found: list[Shaped] = []
    for context in directory.contexts:
        search = Search(context, "subtree", text, tuple(sorted(wanted)), wishes.page_size)
        found += [shape(*entry, wanted) for entry in _all(asks, search, wishes, one=True)]
    if len(found) > 1:
        raise SourceUnavailable(f"{wishes.id} {key} is not one person: {'; '.join(person.dn for person in found)}.")
    return found[0] if found else None


def there(asks: Asks, directory: Directory, wishes: Wishes, key: str) -> bool:
    """Whether an entry of this id is shown anywhere in the naming contexts. Raises like `find`."""
    return _person(asks, directory, wishes, key, {wishes.id}) is not None


def search(
    asks: Asks, directory: Directory, wishes: Wishes, meant: tuple[str, Collection[str]], attributes: Collection[str]
) -> list[Entry]:
    """Whom a text may mean: by name, by id, or as a value of one of some attributes. Raises like `find`.

    Args:
        meant: the text, and the attributes.
        attributes: what to give of each.
    """
    wanted = wishes.person_attributes(attributes)
    found: dict[str, Shaped] = {}
    people = chain(_named(asks, meant[0], wanted), _equal(asks, directory, wishes, meant, wanted))
    for person in islice(people, MOST_FOUND):
        if key := identity(wishes.id, person.attrs.get(wishes.id)):
            found.setdefault(key, person)
    return [
        entry_of(person, wishes.id, directory.realm, attributes, groups_of(asks, wishes, person))
        for person in found.values()
    ]


def _named(asks: Asks, text: str, wanted: Collection[str]) -> Iterator[Shaped]:
    """The entry of this distinguished name."""
    if "=" not in text:
        return
    page = asks.page(Search(text, "base", _ANYTHING, tuple(sorted(wanted))), b"")
    if page.code not in {SUCCESS, *_NOBODY}:
        raise SourceUnavailable(f"It cannot be told who is {text}: {page.code} {page.name} {page.text}".strip())
    yield from (shape(*entry, wanted) for entry in page.entries)


def _equal(
    asks: Asks, directory: Directory, wishes: Wishes, meant: tuple[str, Collection[str]], wanted: Collection[str]
) -> Iterator[Shaped]:
    """The entries of which a text is the id, or a value of one of these attributes."""
    text, by = meant
    by_id = id_filter(wishes.id, text)
    filters = [*filter(None, [by_id]), *(equals(each, text) for each in sorted(set(by) - {wishes.id}))]
    if not text or not filters:
        return
    size = min(wishes.page_size or MOST_FOUND, MOST_FOUND)
    for context in directory.contexts:
        asked = Search(context, "subtree", f"(|{''.join(filters)})", tuple(sorted(wanted)), size)
        yield from (shape(*entry, wanted) for entry in _first(asks, asked, wishes))


def _first(asks: Asks, search: Search, wishes: Wishes) -> list[RawEntry]:
    """So many entries of an answer as anybody wants; no doubt about the rest matters."""
    problems: list[str] = []
    entries: list[RawEntry] = []
    for page in Pull(asks.page, search, problems.append, wishes.ignore_references):
        entries += page
        if len(entries) >= MOST_FOUND:
            return entries[:MOST_FOUND]
    return _undoubted(entries, problems)


def paths(asks: Asks, directory: Directory, wishes: Wishes, key: str) -> Mapping[str, tuple[str, ...]]:
    """How one person comes into each group, by the names of the groups on the way. Raises like `find`."""
    person = _person(asks, directory, wishes, key, wishes.person_attributes(()))
    if person is None:
        return {}
    if wishes.groups is None:
        return {group: (group,) for group in (member_of(person) if wishes.member_of else None) or ()}
    return _ways(asks, wishes, person, in_chain=False)


def selects(asks: Asks, wishes: Wishes, key: str) -> bool:
    """Whether the searches for people find this id. Raises `SourceUnavailable` where the answer is in doubt."""
    text = id_filter(wishes.id, key)
    return bool(text) and any(
        _all(asks, replace(search, filter=f"(&{search.filter}{text})"), wishes) for search in wishes.user_searches(())
    )


def deleted(asks: Asks, directory: Directory, wishes: Wishes, key: str) -> bool:
    """Whether the directory shows what it keeps of an entry with this id that was deleted.

    Active Directory keeps that under the id, OpenLDAP in a log. Raises `SourceUnavailable` where it is in doubt.
    """
    if wishes.id == "entryuuid":
        return logged(asks, directory, key)
    text = id_filter(wishes.id, key) if wishes.id == AD_ID else ""
    return bool(text) and any(_keeps(asks, context, f"(&{text}(isDeleted=TRUE))") for context in directory.contexts)


def _keeps(asks: Asks, context: str, text: str) -> bool:
    page = asks.page(Search(context, "subtree", text, ("1.1",), deleted=True), b"")
    if page.code not in {SUCCESS, *_UNSHOWN} and not page.entries:
        raise SourceUnavailable(
            f"It cannot be told who was deleted below {context}: {page.code} {page.name} {page.text}".strip()
        )
    return bool(page.entries)


def entry_of(
    person: Shaped, id_attribute: str, realm: str, attributes: Collection[str], groups: frozenset[str] | None
) -> Entry:
    """The entry of a person, with the attributes that were asked for."""
    key = identity(id_attribute, person.attrs.get(id_attribute))
    shown = {name: person.attrs[name] for name in attributes if name in person.attrs}
    return Entry(Anchor(realm, key), person.dn, shown, groups)


def groups_of(asks: Asks, wishes: Wishes, person: Shaped) -> frozenset[str] | None:
    """The groups of one person: those that name the person, those that name these, and so on. Raises like `find`."""
    if wishes.groups is None:
        return member_of(person) if wishes.member_of else None
    return frozenset(_ways(asks, wishes, person, in_chain=wishes.nested_by_server))


def groups_naming(asks: Asks, wishes: Wishes, dn: str) -> frozenset[str]:
    """The groups that name an object right now, as `Entry.groups` names them. Raises like `find`."""
    return frozenset(map(normalise_dn, _groups_where(asks, wishes, _naming(wishes, dn, in_chain=False))))


def _ways(asks: Asks, wishes: Wishes, person: Shaped, in_chain: bool) -> dict[str, tuple[str, ...]]:
    """The groups on the way to each group, nearest first: group by group from the person on.

    Args:
        in_chain: whether the server follows the links itself; then the ways are not told.
    """
    ways: dict[str, tuple[str, ...]] = {}
    waiting = deque([(_NO_WAY, _person_filters(wishes, person, in_chain))])
    while waiting:
        way, filters = waiting.popleft()
        for dn in _groups_where(asks, wishes, filters):
            if (name := normalise_dn(dn)) not in ways:
                ways[name] = (*way, name)
                waiting.append((ways[name], _naming(wishes, dn, in_chain)))
    return ways


def _groups_where(asks: Asks, wishes: Wishes, filters: Sequence[str]) -> Iterator[str]:
    """The names of the groups for which one of these filters is true."""
    for search in wishes.group_searches() if filters else ():
        text = f"(&{search.filter}(|{''.join(filters)}))"
        narrowed = replace(search, filter=text, attributes=("1.1",))
        yield from (shape(raw_dn, values, ()).dn for raw_dn, values in _all(asks, narrowed, wishes))


def _all(asks: Asks, search: Search, wishes: Wishes, one: bool = False) -> list[RawEntry]:
    """Every entry of an answer that is beyond doubt.

    Args:
        one: whether there can only be one: once it came, no doubt about the rest of the answer matters.
    """
    problems: list[str] = []
    entries = [entry for page in Pull(asks.page, search, problems.append, wishes.ignore_references) for entry in page]
    return _undoubted(entries, () if one and entries else problems)


def _undoubted(entries: list[RawEntry], problems: Sequence[str]) -> list[RawEntry]:
    if problems:
        raise SourceUnavailable(f"It cannot be told who is there: {' '.join(problems)}")
    return entries


def _naming(wishes: Wishes, dn: str, in_chain: bool) -> list[str]:
    """The filters for groups that name this object."""
    attributes = ("member",) if wishes.nested_by_server else wishes.members
    return [equals(each, dn, in_chain) for each in attributes if each != "memberuid"]


def _person_filters(wishes: Wishes, person: Shaped, in_chain: bool) -> list[str]:
    logins = person.attrs.get(wishes.login, ()) if "memberuid" in wishes.members else ()
    by_name = _naming(wishes, person.dn, in_chain)
    if primary := primary_sid(person):
        by_name.append(equals(SID, primary))
    return [*by_name, *(equals("memberUid", login) for login in logins)]


def id_filter(attribute: str, key: str) -> str:
    """The filter for an id; empty where no entry can have this one."""
    if attribute != AD_ID:
        return equals(attribute, key)
    try:
        return f"(objectGUID={''.join(f'{chr(92)}{byte:02x}' for byte in guid_bytes(key))})"
    except ValueError:
        return ""
