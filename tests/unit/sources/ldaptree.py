"""An open directory in memory: entries by name, some of whose attributes may be hidden, asked as a server is."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from iwds.core.dn import is_under, normalise_dn, parent
from iwds.core.selecting import Filter, parse
from iwds.sources._decode import Shaped, shape
from iwds.sources._ldapread import Branch, Wishes
from iwds.sources._search import NO_SUCH_OBJECT, Asks, Page, RawEntry, Search

SUFFIX = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
WISHES = Wishes(
    users=Branch((PEOPLE,), "subtree", "(objectClass=person)"),
    id="entryuuid",
    groups=Branch((GROUPS,), "subtree", "(objectClass=group)"),
)
"""What is read of it."""


def csn(second: int, count: int = 0) -> str:
    """The number of a change in a second of one hour."""
    return f"2026010112{second // 60:02}{second % 60:02}.000000Z#{count:06x}#000#000000"


@dataclass
class Tree(Asks):
    """The directory.

    Attributes:
        entries: attributes by name.
        hidden: names with an attribute that nobody is shown; `*` for the whole entry.
        code: the result of every search.
        asked: every search that came.
    """

    entries: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    hidden: set[tuple[str, str]] = field(default_factory=set)
    code: int = 0
    asked: list[Search] = field(default_factory=list)

    def add(self, dn: str, created: int = 0, changed: int | None = None, /, **attributes: str | list[str]) -> None:
        """Add an entry, made and changed at these seconds."""
        listed = {name: [values] if isinstance(values, str) else values for name, values in attributes.items()}
        csns = {
            "createTimestamp": [f"{csn(created)[:14]}Z"],
            "entryCSN": [csn(created if changed is None else changed)],
        }
        self.entries[dn] = csns | {"entryUUID": [f"id of {dn}"], "objectClass": ["thing"]} | listed

    def entry(self, dn: str, *attributes: str) -> Shaped:
        """An entry as a feed gives it."""
        return shape(dn.encode(), self._shown(dn), attributes)

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        """Everything in one page."""
        self.asked.append(search)
        base = normalise_dn(search.base)
        if base not in {normalise_dn(dn) for dn in self.entries}:
            return Page([], code=self.code or NO_SUCH_OBJECT)
        wanted = parse(search.filter)
        found = [dn for dn in self._within(base, search.scope) if self._holds(wanted, self._shown(dn))]
        return Page([(dn.encode(), self._shown(dn)) for dn in found[: search.size_limit or None]], code=self.code)

    def _within(self, base: str, scope: str) -> Iterator[str]:
        for dn in self.entries:
            name = normalise_dn(dn)
            near = {"base": name == base, "one": normalise_dn(parent(name)) == base, "subtree": is_under(name, base)}
            if near[scope] and (dn, "*") not in self.hidden:
                yield dn

    def _shown(self, dn: str) -> dict[str, list[bytes]]:
        below = any(normalise_dn(parent(each)) == normalise_dn(dn) for each in self.entries)
        own = self.entries[dn] | {"hasSubordinates": [str(below).upper()]}
        shown = {name: values for name, values in own.items() if (dn, name) not in self.hidden and values}
        return {name: [value.encode() for value in values] for name, values in shown.items()}

    def _holds(self, wanted: Filter, shown: dict[str, list[bytes]]) -> bool | None:
        """A filter over what is not shown is neither true nor false; what nobody hides is there or is not."""
        if wanted.op in "&|":
            answers = [self._holds(part, shown) for part in wanted.parts]
            settles = wanted.op == "|"
            return settles if settles in answers else None if None in answers else not settles
        if wanted.op == "!":
            inner = self._holds(wanted.parts[0], shown)
            return None if inner is None else not inner
        values = next((values for name, values in shown.items() if name.lower() == wanted.attribute), [])
        if not values and any(name.lower() == wanted.attribute for _, name in self.hidden):
            return None
        if wanted.op == ">=":
            return any(value.decode() >= wanted.texts[0] for value in values)
        return any(wanted.texts in (("", ""), (value.decode(),)) for value in values)
