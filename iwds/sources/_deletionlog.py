"""What OpenLDAP's log of writes (slapo-accesslog) says of deletions.

It is the only proof that an open directory gives. The delete set of RFC 4533 is none: slapd puts into it whoever was
changed and is not shown to this account any more, just like whoever was deleted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from iwds.core.dn import is_under, normalise_dn
from iwds.sources._changed import Place
from iwds.sources._csn import ENTRY_CSN, newest, server_of
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._directory import Directory
from iwds.sources._search import SUCCESS, Asks, Pull, Search, equals

_UUID, _NAME, _FIRST = "reqentryuuid", "reqdn", "mincsn"
_DELETED = "(objectClass=auditDelete)(reqResult=0)"
_CONTAINER = "(objectClass=auditContainer)"


class _Deleted(NamedTuple):
    """A line of the log: id and normalised name of the entry, as far as they are shown, and when it was deleted."""

    key: str
    name: str
    csn: str


@dataclass(frozen=True, slots=True)
class Deletions:
    """What the logs that this account may read say since some moment.

    Attributes:
        names: of each entry that was deleted the normalised name, by its id.
        new: those of the names that were deleted after the mark for certain. A name may have been given anew before it.
        blind: why this may not be all; empty where it is.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    new: frozenset[str] = frozenset()
    blind: str = ""


def deletions(asks: Asks, directory: Directory, was: Mapping[str, Place], after: str, page_size: int) -> Deletions:
    """Who was deleted since a mark. Raises `SourceUnavailable` where no answer comes.

    Args:
        was: the mark, by naming context.
        after: what all changes since then are newer than.
        page_size: entries per page.
    """
    logs = list(_logs(asks, directory))
    if not logs:
        return Deletions(
            blind="this account is shown no log of the deletions: see overlay accesslog, and let it read there"
        )
    known = [item for place in was.values() for item in (place.seen or place.told).items()]
    found: list[_Deleted] = []
    blind = ""
    for log in logs:
        began = newest(log.attrs.get(_FIRST, ()))
        if any(began.get(server, "") > csn for server, csn in known):
            blind = f"the log {log.dn} does not reach back to the last run: let it keep more (logpurge)"
        problems: list[str] = []
        wanted = f"(&{_DELETED}({ENTRY_CSN}>={after}))"
        found += _found(asks, log.dn, wanted, problems, page_size)
        blind = f"the log of deletions could not be read: {problems[0]}" if problems else blind
    if not all(each.key and each.name for each in found):
        blind = "the log of deletions does not show this account reqEntryUUID and reqDN of each"
    inside = [each for each in found if each.key and _inside(each.name, directory)]
    new = frozenset(each.name for each in inside if _is_new(each, was))
    return Deletions({each.key: each.name for each in inside}, new, blind)


def _is_new(deleted: _Deleted, was: Mapping[str, Place]) -> bool:
    places = (place for context, place in was.items() if is_under(deleted.name, normalise_dn(context)))
    server = server_of(deleted.csn)
    return any(deleted.csn > (place.seen or place.told).get(server, "") for place in places)


def logged(asks: Asks, directory: Directory, key: str) -> bool:
    """Whether a log that this account may read says that the entry of this id was deleted."""
    wanted = f"(&{_DELETED}{equals(_UUID, key)})"
    return any(
        _inside(each.name, directory)
        for log in _logs(asks, directory)
        for each in _found(asks, log.dn, wanted, [], page_size=0)
    )


def _logs(asks: Asks, directory: Directory) -> Iterator[Shaped]:
    """The logs among the naming contexts that hold no people, as far as they may be read."""
    for context in directory.all_contexts:
        if context not in directory.contexts:
            page = asks.page(Search(context, "base", _CONTAINER, (_FIRST,)), b"")
            if page.code == SUCCESS:
                yield from (shape(*entry, (_FIRST,)) for entry in page.entries)


def _found(asks: Asks, log: str, wanted: str, problems: list[str], page_size: int) -> Iterator[_Deleted]:
    search = Search(log, "one", wanted, (_UUID, _NAME, ENTRY_CSN), page_size)
    for page in Pull(asks.shaped, search, problems.append):
        for said in page:
            key = identity("entryuuid", said.attrs.get(_UUID))
            name = normalise_dn(identity(_NAME, said.attrs.get(_NAME)))
            yield _Deleted(key, name, identity(ENTRY_CSN, said.attrs.get(ENTRY_CSN)))


def _inside(name: str, directory: Directory) -> bool:
    return any(is_under(name, normalise_dn(context)) for context in directory.contexts)
