"""What OpenLDAP's log of writes (slapo-accesslog) says of deletions.

It is the only proof that an open directory gives. The delete set of RFC 4533 is none: slapd puts into it whoever was
changed and is not shown to this account any more, just like whoever was deleted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iwds.core.dn import is_under, normalise_dn
from iwds.sources._changed import Place
from iwds.sources._csn import ENTRY_CSN, newest
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._directory import Directory
from iwds.sources._search import SUCCESS, Asks, Pull, Search, equals

_UUID, _NAME, _FIRST = "reqentryuuid", "reqdn", "mincsn"
_DELETED = "(objectClass=auditDelete)(reqResult=0)"
_CONTAINER = "(objectClass=auditContainer)"


@dataclass(frozen=True, slots=True)
class Deletions:
    """What the logs that this account may read say since some moment.

    Attributes:
        names: of each entry that was deleted the normalised name, by its id.
        blind: why this may not be all; empty where it is.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    blind: str = ""


def deletions(asks: Asks, directory: Directory, was: Iterable[Place], after: str, page_size: int) -> Deletions:
    """Who was deleted since a mark. Raises `SourceUnavailable` where no answer comes.

    Args:
        was: the mark.
        after: what all changes since then are newer than.
        page_size: entries per page.
    """
    logs = list(_logs(asks, directory))
    if not logs:
        return Deletions(
            blind="this account is shown no log of the deletions: see overlay accesslog, and let it read there"
        )
    known = [item for place in was for item in (place.told or place.seen).items()]
    names: dict[str, str] = {}
    blind = ""
    for log in logs:
        began = newest(log.attrs.get(_FIRST, ()))
        if any(began.get(server, "") > csn for server, csn in known):
            blind = f"the log {log.dn} does not reach back to the last run: let it keep more (logpurge)"
        problems: list[str] = []
        wanted = f"(&{_DELETED}({ENTRY_CSN}>={after}))"
        names |= {
            key: name for key, name in _found(asks, log.dn, wanted, problems, page_size) if _inside(name, directory)
        }
        blind = f"the log of deletions could not be read: {problems[0]}" if problems else blind
    return Deletions(names, blind)


def logged(asks: Asks, directory: Directory, key: str) -> bool:
    """Whether a log that this account may read says that the entry of this id was deleted."""
    wanted = f"(&{_DELETED}{equals(_UUID, key)})"
    return any(
        _inside(name, directory)
        for log in _logs(asks, directory)
        for _, name in _found(asks, log.dn, wanted, [], page_size=0)
    )


def _logs(asks: Asks, directory: Directory) -> Iterator[Shaped]:
    """The logs among the naming contexts that hold no people, as far as they may be read."""
    for context in directory.all_contexts:
        if context not in directory.contexts:
            page = asks.page(Search(context, "base", _CONTAINER, (_FIRST,)), b"")
            if page.code == SUCCESS:
                yield from (shape(*entry, (_FIRST,)) for entry in page.entries)


def _found(asks: Asks, log: str, wanted: str, problems: list[str], page_size: int) -> Iterator[tuple[str, str]]:
    search = Search(log, "one", wanted, (_UUID, _NAME), page_size)
    for page in Pull(asks.shaped, search, problems.append):
        for said in page:
            key = identity("entryuuid", said.attrs.get(_UUID))
            name = identity(_NAME, said.attrs.get(_NAME))
            if key and name:
                yield key, normalise_dn(name)


def _inside(name: str, directory: Directory) -> bool:
    return any(is_under(name, normalise_dn(context)) for context in directory.contexts)
