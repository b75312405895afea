"""One person by id in every source that answers for their directory."""

from collections.abc import Callable, Collection, Iterable, Iterator

from iwds.core.model import Anchor, Entry
from iwds.errors import ForeignRealm
from iwds.ports import Source


def find_entries(
    sources: Iterable[Source], anchor: Anchor, attributes: Callable[[Source], Collection[str]]
) -> Iterator[tuple[Source, Entry]]:
    """Each source that has them, with their entry, ignoring base and filter, the first source first.

    Raises `ForeignRealm` where no source answers for them, `Unavailable` and `AccessRefused` where one cannot tell.
    """
    foreign: list[ForeignRealm] = []
    asked = 0
    for source in sources:
        asked += 1
        try:
            entry = source.find(anchor, attributes(source))
        except ForeignRealm as error:
            foreign.append(error)
            continue
        if entry:
            yield source, entry
    if foreign and len(foreign) == asked:
        raise foreign[0]
