"""Which entries of an Active Directory changed: asked by DirSync, or by the change numbers of one server."""

import base64
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from iwds.errors import MarkLost, SourceUnavailable
from iwds.sources._adshadow import ANY_GROUP, MEMBER, PEOPLE, PLACES
from iwds.sources._decode import identity, shape
from iwds.sources._dirsync import AS_SEEN, BY_RIGHT, WENT, NotAllowed, Synchronising
from iwds.sources._extended import Extended, named, plain
from iwds.sources._ldapread import AD_ID
from iwds.sources._search import Asks, Pull, RawEntry, Search

WHO = f"(|{PEOPLE}{ANY_GROUP}{PLACES})"
"""By class alone: whoever is selected no more, or was deleted, has changed too, and keeps its classes."""
_WHERE_DELETED = "(&(objectClass=container)(isDeleted=TRUE))"
"""The place where a domain keeps what was deleted, which itself counts as deleted, and hardly anything else."""
_CLASSES, _DELETED, _NAME = "objectclass", "isdeleted", "name"
_OWN = frozenset({AD_ID, _CLASSES, _DELETED, _NAME, "parentguid"})
"""Asked for beside what matters of people; the name, because it moves with an entry, and the RDN does not."""


@dataclass(frozen=True, slots=True)
class Point:
    """From where on to ask.

    Attributes:
        number: where the server's change counter stood.
        rights: how DirSync is asked, `BY_RIGHT` or `AS_SEEN`; None where change numbers are asked for.
        shown: whether DirSync showed where deleted entries are, and so these.
        cookie: DirSync's.
    """

    number: int
    rights: int | None = None
    shown: bool = False
    cookie: bytes = b""

    def __str__(self) -> str:
        if self.rights is None:
            return f"usn {self.number}"
        return f"dirsync {self.number} {self.rights} {int(self.shown)} {base64.b64encode(self.cookie).decode()}"


def point_of(text: str) -> Point:
    """The point that a text means. Raises `MarkLost` where it means none."""
    try:
        way, number, *rest = text.split(" ")
        if way == "usn" and not rest:
            return Point(int(number))
        rights, shown, cookie = rest
        if way == "dirsync" and cookie and int(rights) in {BY_RIGHT, AS_SEEN}:
            return Point(int(number), int(rights), bool(int(shown)), base64.b64decode(cookie, validate=True))
    except ValueError:
        pass
    raise MarkLost("What was kept to go on from is no place in the history of an Active Directory.")


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry that changed.

    Attributes:
        classes: lower-case; none where the server does not say them, because they are what they were.
        deleted: whether this is what is kept of an entry that was deleted.
        went: ids of members that are shown to have left it; change numbers show none.
    """

    dn: str
    classes: frozenset[str]
    deleted: bool
    went: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """Asks one server.

    Attributes:
        contexts: the naming contexts that matter.
        attributes: those of people and groups on which anything rests, lower-case.
        number: where the change counter of the server stands.
        page_size: entries per page.
    """

    asks: Asks
    contexts: Sequence[str]
    attributes: Collection[str]
    number: int
    page_size: int

    def numbered(self) -> Point:
        """The present, by change numbers."""
        return Point(self.number)

    def synchronised(self) -> Point:
        """The present, by DirSync: by right where the account has it, else as far as it sees.

        The server looks at every entry for it and sends next to none. Raises `MarkLost` where it gives no cookie.
        """
        if len(self.contexts) > 1:
            raise MarkLost("DirSync tells of one naming context, and the bases lie in several.")
        asked = Search(self.contexts[0], "subtree", _WHERE_DELETED, (AD_ID, _NAME))
        try:
            return self._begun(Synchronising(Extended(self.asks), asked, BY_RIGHT))
        except NotAllowed:
            return self._begun(Synchronising(Extended(self.asks), asked, AS_SEEN))

    def since(self, point: Point, most: int) -> tuple[dict[str, Changed], Point]:
        """What changed since then, by id, and the point to ask from the next time.

        Raises `MarkLost` where the server cannot say, or more than `most` entries changed.
        """
        if self.number < point.number:
            raise MarkLost("The change counter of the server went back: it was restored from a backup.")
        if point.rights is None:
            return _collected(self._since(point.number), most), self.numbered()
        wanted = tuple(sorted({*self.attributes, *_OWN}))
        search = Search(self.contexts[0], "subtree", WHO, wanted)
        synchronising = Synchronising(Extended(self.asks), search, point.rights, point.cookie)
        found = _collected(synchronising, most)
        return found, replace(point, number=self.number, cookie=synchronising.cookie)

    def _since(self, number: int) -> Iterator[list[RawEntry]]:
        """Everything with a greater number; entries that were deleted as far as they are shown."""
        text, wanted = f"(&(uSNChanged>={number + 1}){WHO})", (AD_ID, _CLASSES, _DELETED)
        problems: list[str] = []
        for context in self.contexts:
            search = Search(context, "subtree", text, wanted, self.page_size, deleted=True)
            yield from Pull(self.asks.page, search, problems.append, ignore_references=True)
        if problems:
            raise SourceUnavailable(f"It cannot be told what changed: {' '.join(problems)}")

    def _begun(self, synchronising: Synchronising) -> Point:
        shown = sum(map(len, synchronising)) > 0
        return Point(self.number, synchronising.rights, shown, synchronising.cookie)


def _collected(pages: Iterable[list[RawEntry]], most: int) -> dict[str, Changed]:
    found: dict[str, Changed] = {}
    for page in pages:
        found |= dict(map(_changed, page))
        if len(found) > most:
            raise MarkLost(f"More than {most:,} entries changed.")
    return found


def _changed(entry: RawEntry) -> tuple[str, Changed]:
    shaped = shape(*entry, (AD_ID, _CLASSES, _DELETED))
    key = identity(AD_ID, shaped.attrs.get(AD_ID))
    if not key:
        raise MarkLost(f"The server does not give the id of {shaped.dn}.")
    links = {name.lower(): values for name, values in entry[1].items()}
    went = frozenset(named(value.decode(errors="replace")).guid for value in links.get(MEMBER + WENT, ()))
    classes = frozenset(each.lower() for each in shaped.attrs.get(_CLASSES, ()))
    return key, Changed(plain(shaped.dn), classes, "TRUE" in shaped.attrs.get(_DELETED, ()), went)
