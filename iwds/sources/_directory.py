"""What a directory says of itself: its naming contexts, and the identity by which its entries are anchored."""

from collections.abc import Sequence
from dataclasses import dataclass

from iwds.core.dn import is_under, normalise_dn
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources._decode import Shaped, identity, shape
from iwds.sources._search import NO_SUCH_OBJECT, SUCCESS, Asks, Search

_ANYTHING = "(objectClass=*)"
_NO_RIGHTS = 50
_NOT_LIKE_THIS = frozenset({8, 13, 53})  # strongerAuthRequired, confidentialityRequired, unwillingToPerform
_REALM_ADVICE = "Write `realm:` with a name of your choice, and never change it."


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory as it describes itself.

    Attributes:
        realm: the domain SID (AD), else the entryUUID of the naming context, else its name; or as configured.
        contexts: the naming contexts that hold the people, as the directory spells them.
        all_contexts: all that it announces.
    """

    realm: str
    contexts: tuple[str, ...]
    all_contexts: tuple[str, ...]


def describe(asks: Asks, bases: Sequence[str], realm: str) -> Directory:
    """Ask the root entry (RFC 4512 5.1), and the naming context of the bases unless the realm is configured.

    Raises `AccessRefused` where the directory does not say who it is, or is two at once.
    """
    found = _read(asks, "", ("namingContexts",))
    announced = found.attrs["namingcontexts"] if found else ()
    contexts = tuple(dict.fromkeys(_context(base, announced) for base in bases))
    if realm:
        return Directory(realm, contexts, announced)
    if len(contexts) > 1:
        raise AccessRefused(f"The bases lie in {len(contexts)} directories ({', '.join(contexts)}).", _REALM_ADVICE)
    if not announced:
        raise AccessRefused("The directory does not show its naming contexts to this account.", _REALM_ADVICE)
    return Directory(_identity(asks, contexts[0]), contexts, announced)


@dataclass(frozen=True, slots=True)
class ChangeCounter:
    """Where the change counter of one Active Directory server stands.

    Attributes:
        server: which server, and which life of it: one that was restored from a backup begins another. Empty for
            directories without such a counter.
        changes: `highestCommittedUSN` (MS-ADTS 3.1.1.3.2.6): every change of an object on this server moves it.
    """

    server: str = ""
    changes: int = 0


def change_counter(asks: Asks) -> ChangeCounter:
    """The counter of the server that answers."""
    root = _read(asks, "", ("dsServiceName", "highestCommittedUSN"))
    if root is None:
        return ChangeCounter()
    service, changes = (identity("", root.attrs.get(name)) for name in ("dsservicename", "highestcommittedusn"))
    if not service or not changes.isdigit():
        return ChangeCounter()
    settings = _read(asks, service, ("invocationId",))
    life = identity("", settings.attrs.get("invocationid")) if settings else ""
    return ChangeCounter(f"{normalise_dn(service)} {life}", int(changes)) if life else ChangeCounter()


def visible(asks: Asks, dn: str) -> bool:
    """Whether an entry of this name is there and may be seen."""
    return _read(asks, dn, ("1.1",)) is not None


def _context(base: str, announced: Sequence[str]) -> str:
    """The innermost naming context that holds a base; the base itself where none is announced."""
    name = normalise_dn(base)
    holding = [context for context in announced if is_under(name, normalise_dn(context))]
    return max(holding, key=lambda context: len(normalise_dn(context)), default=base)


def _identity(asks: Asks, context: str) -> str:
    entry = _read(asks, context, ("objectSid", "entryUUID"))
    if entry is None:
        return normalise_dn(context)
    for attribute in ("objectsid", "entryuuid"):
        if value := identity(attribute, entry.attrs.get(attribute)):
            return value
    return normalise_dn(context)


def _read(asks: Asks, dn: str, attributes: tuple[str, ...]) -> Shaped | None:
    """One entry by name; None where it does not exist or may not be seen."""
    page = asks.page(Search(dn, "base", _ANYTHING, attributes), b"")
    if page.code in _NOT_LIKE_THIS:
        raise AccessRefused(
            f"{dn or 'The root entry'} may not be read like this: {page.code} {page.name} {page.text}".strip() + ".",
            "Bind with an account, over an encrypted connection.",
        )
    if page.code not in {SUCCESS, NO_SUCH_OBJECT, _NO_RIGHTS}:
        # The realm must not change because a server is busy: nobody would be known by it any more.
        raise SourceUnavailable(
            f"{dn or 'The root entry'} could not be read: {page.code} {page.name} {page.text}".strip()
        )
    if not page.entries:
        return None
    return shape(*page.entries[0], {attribute.lower() for attribute in attributes})
