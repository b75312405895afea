"""The libraries whose own data decide what a mapping computes: under another version the same rules may say otherwise.

Normalising text (NFC) is not among them: what it makes of a character is fixed for good by the Unicode standard.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from iwds.mapping.document import Condition, Document, GroupPattern, Listed
from iwds.mapping.written_values import Value

PHONES, LETTERS, EXPRESSIONS, PATTERNS = "phonenumbers", "anyascii", "cel-expr-python", "google-re2"
_DISTRIBUTIONS = {PHONES: "phonenumberslite"}
"""Where a library is installed under another name than people know it by."""
_GIVEN_ONCE = frozenset({"at_creation", "language"})
"""What only newcomers get: nobody loses anything by it."""


def libraries_of(document: Document) -> dict[str, frozenset[str]]:
    """Each library that the rules use -> the parts of the mapping that it may decide, as `core.previous` names them."""
    used: dict[str, set[str]] = {}
    for name, part in _parts(document):
        for library in _used(part):
            used.setdefault(library, set()).add(name)
    lists = {"include": document.include, "exclude": document.exclude}
    for parts in used.values():
        parts.update(name for name, listed in lists.items() if "login" in parts and _names_logins(listed))
    return {library: frozenset(parts) for library, parts in used.items()}


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """The version of each of these that is installed."""
    return {name: version(_DISTRIBUTIONS.get(name, name)) for name in sorted(libraries)}


def _parts(document: Document) -> Iterator[tuple[str, Any]]:
    for name in type(document).model_fields:
        part = getattr(document, name)
        if name == "extra":
            yield from ((f"extra {key}", value) for key, value in part.items())
        elif name == "groups":
            yield from ((f"groups {line.to}", line) for line in part)
        elif name not in _GIVEN_ONCE:
            yield name, part


def _used(part: Any) -> Iterator[str]:
    """The libraries that a part uses, or anything inside it."""
    if isinstance(part, BaseModel):
        yield from _used_here(part)
        for name in type(part).model_fields:
            yield from _used(getattr(part, name))
    elif isinstance(part, tuple):
        for each in part:
            yield from _used(each)


def _used_here(part: BaseModel) -> Iterator[str]:
    if isinstance(part, Value | Condition) and part.expr is not None:
        yield EXPRESSIONS
        if "transliterate" in part.expr:
            yield LETTERS
    if isinstance(part, Value):
        told: Mapping[str, bool] = {
            PHONES: part.phone is not None,
            LETTERS: part.transliterate is not False,
            PATTERNS: part.match is not None or part.regex is not None,
        }
        yield from (library for library, uses in told.items() if uses)
    if isinstance(part, GroupPattern) or (isinstance(part, Condition) and part.matches is not None):
        yield PATTERNS


def _names_logins(listed: Iterable[Listed]) -> bool:
    return any(each.login for each in listed)
