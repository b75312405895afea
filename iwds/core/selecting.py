"""Who a source selects, as a value: whether one selection lies within another, and whether it selects an entry.

A directory compares values by its schema, of which an entry says nothing. So an answer is given only where every schema
gives it: two values that are equal to the letter are equal, two that differ in more than case, spaces and punctuation
are not, and what lies between is not known. An ordering is known of numbers and times of one length alone.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from iwds.core.dn import is_under, normalise_dn, parent
from iwds.core.model import Entry
from iwds.errors import ConfigurationError

Scope = Literal["subtree", "one", "base"]
Answer = bool | None

_ALIASES = {
    "surname": "sn", "commonname": "cn", "userid": "uid", "rfc822mailbox": "mail", "gn": "givenname",
    "organizationalunitname": "ou", "domaincomponent": "dc", "organizationname": "o", "countryname": "c",
    "localityname": "l", "stateorprovincename": "st", "fax": "facsimiletelephonenumber", "mobiletelephonenumber":
    "mobile",
}  # fmt: skip
"""Other names of attributes (RFC 4519, RFC 4524), under which an entry does not show them."""
_UNTOLD = frozenset({"name", "objectcategory", "anr"})
"""Attributes of which a server compares more than the values that it shows: supertypes, names of classes, several."""
_WORDS = frozenset(
    {
        *("c", "cn", "company", "department", "departmentnumber", "description", "displayname", "employeenumber"),
        *("employeetype", "givenname", "l", "mail", "o", "ou", "physicaldeliveryofficename", "postalcode", "sn", "st"),
        *("street", "title", "uid"),
    }
)
"""Attributes that every directory compares without regard to case (RFC 4519, 4524, 2798; MS-ADA)."""
_CLASS = "objectclass"
_BIT_AND, _BIT_OR = "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804"
_LOOSE = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})")
_ITEM = re.compile(r"([A-Za-z0-9.;_-]*)((?::dn)?)((?::[A-Za-z0-9.-]+)?)(>=|<=|~=|:=|=)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filter:
    """A search filter (RFC 4515).

    Attributes:
        op: `&`, `|`, `!`, or how values are compared: `=`, `>=`, `<=`, `~=`, `:=`.
        parts: what `&`, `|` and `!` join.
        attribute: lower-case, under its usual name.
        texts: the value; of a pattern with `*` the pieces between them.
        rule: the matching rule of `:=`.
    """

    op: str
    parts: tuple["Filter", ...] = ()
    attribute: str = ""
    texts: tuple[str, ...] = ()
    rule: str = ""

    @property
    def attributes(self) -> frozenset[str]:
        """What it reads of an entry."""
        own = frozenset({self.attribute} if self.attribute else ())
        return own.union(*(part.attributes for part in self.parts))

    def holds(self, attrs: Mapping[str, tuple[str, ...]]) -> Answer:
        """Whether it is true of these values; None where that is not known."""
        if self.op in ("&", "|"):
            answers = [part.holds(attrs) for part in self.parts]
            settles = self.op == "|"
            return settles if settles in answers else None if None in answers else not settles
        if self.op == "!":
            inner = self.parts[0].holds(attrs)
            return None if inner is None else not inner
        values = attrs.get(self.attribute)
        if values is None or ";" in self.attribute:
            return None
        answers = [self._compares(value) for value in values]
        if True in answers:
            return True
        # A class that an entry does not name may stand above one that it names.
        unsure = self.attribute in _UNTOLD or self.op == ":=" or (self.attribute == _CLASS and any(self.texts))
        return None if None in answers or unsure else False

    def _compares(self, value: str) -> Answer:
        if self.op == "=" and self.attribute in _WORDS and len(self.texts) == 1:
            return _folded(value) == _folded(self.texts[0])
        if self.op == "=" and self.attribute == _CLASS and len(self.texts) == 1:
            return value.casefold() == self.texts[0].casefold()
        if self.op == "=":
            return _equal(value, self.texts[0]) if len(self.texts) == 1 else _matches(value, self.texts)
        if self.op in (">=", "<="):
            return _ordered(value, self.texts[0], self.op)
        return _bits(value, self.texts[0], self.rule) if self.op == ":=" else None


def parse(text: str) -> Filter:
    """The filter that a text means; `ValueError` where it is none."""
    found, rest = _parse(text.strip())
    if rest.strip():
        raise ValueError(f"{rest} stands behind the filter {text}")
    return found


def _parse(text: str) -> tuple[Filter, str]:
    if not text.startswith("("):
        raise ValueError(f"{text} does not begin with a parenthesis")
    inner = text[1:].lstrip()
    if inner[:1] not in ("&", "|", "!"):
        body, closing, rest = inner.partition(")")
        if not closing:
            raise ValueError(f"{text} does not end with a parenthesis")
        return _item(body), rest
    op, inner = inner[0], inner[1:].lstrip()
    parts = []
    while inner.startswith("("):
        part, inner = _parse(inner)
        parts.append(part)
        inner = inner.lstrip()
    if not inner.startswith(")") or (op == "!" and len(parts) != 1):
        raise ValueError(f"{text} is no filter")
    return Filter(op, tuple(parts)), inner[1:]


def _item(text: str) -> Filter:
    match = _ITEM.fullmatch(text)
    if match is None or "(" in match[5]:
        raise ValueError(f"({text}) is no filter")
    attribute, of_dn, rule, op, value = match.groups()
    name = attribute.lower()
    texts = tuple(map(_plain, value.split("*"))) if op == "=" else (_plain(value),)
    return Filter(op, (), _ALIASES.get(name, name), texts, of_dn + rule)


def _plain(text: str) -> str:
    """A value with its escapes undone."""
    raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return raw.encode("latin-1").decode() if raw != text else text
    except UnicodeError:
        return raw


def _loose(text: str) -> str:
    """A value without everything that some comparison makes no difference of."""
    return _LOOSE.sub("", text.casefold()).lstrip("0")


def _equal(value: str, wanted: str) -> Answer:
    if value == wanted:
        return True
    return None if _loose(value) == _loose(wanted) else False


def _folded(text: str) -> str:
    """A value as caseIgnoreMatch compares it (RFC 4518): without case, with one space for many, none around it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _matches(value: str, pieces: tuple[str, ...]) -> Answer:
    """Whether a value has these pieces in their order; a pattern of `*` alone asks whether there is any."""
    if not any(pieces):
        return True
    if _has(value, pieces):
        return True
    return None if _has_loosely(value, pieces) else False


def _has(value: str, pieces: tuple[str, ...]) -> bool:
    first, *middle, last = pieces
    if not value.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = value.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return value.endswith(last) and len(value) - len(last) >= at


def _has_loosely(value: str, pieces: tuple[str, ...]) -> bool:
    loose = re.sub(r"[\W_]+", "", value.casefold())
    return all(re.sub(r"[\W_]+", "", piece.casefold()) in loose for piece in pieces)


def _ordered(value: str, wanted: str, op: str) -> Answer:
    """Of two numbers or times of one length every rule gives one order."""
    if len(value) != len(wanted) or not re.fullmatch(r"\d+Z?", value) or not re.fullmatch(r"\d+Z?", wanted):
        return None
    return value >= wanted if op == ">=" else value <= wanted


def _bits(value: str, wanted: str, rule: str) -> Answer:
    if rule not in (f":{_BIT_AND}", f":{_BIT_OR}") or not re.fullmatch(r"-?\d+", value) or not wanted.isdigit():
        return None
    bits, asked = int(value), int(wanted)
    return bits & asked == asked if rule == f":{_BIT_AND}" else bool(bits & asked)


def implies(narrow: Filter, wide: Filter) -> bool:
    """Whether everybody for whom the first is true is one for whom the second is; False where that is not sure."""
    if narrow == wide:
        return True
    if wide.op == "&":
        return all(implies(narrow, part) for part in wide.parts)
    if narrow.op == "|":
        return all(implies(part, wide) for part in narrow.parts)
    if narrow.op == "&" and any(implies(part, wide) for part in narrow.parts):
        return True
    if wide.op == "|":
        return any(implies(narrow, part) for part in wide.parts)
    present = wide.op == "=" and len(wide.texts) > 1 and not any(wide.texts)
    return present and bool(narrow.attribute) and narrow.attribute == wide.attribute and narrow.op in ("=", ">=", "<=")


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a source's settings says who is selected, and what of them is known.

    Attributes:
        bases: normalised; the empty name is above everything.
        filter: what is asked below them.
        rest: other settings that decide; two selections can be compared only where these are equal.
    """

    bases: tuple[str, ...]
    scope: Scope
    filter: Filter
    rest: Mapping[str, object] = field(default_factory=dict)

    def within(self, other: "Selection") -> str:
        """Why this one may select somebody whom the other does not, or asks for something else; empty if it cannot."""
        differing = sorted(key for key in {*self.rest, *other.rest} if self.rest.get(key) != other.rest.get(key))
        if differing:
            return (
                f"`{'` and `'.join(differing)}` of it {'is' if len(differing) == 1 else 'are'} not what was read with"
            )
        if not all(any(self._below(base, wide, other.scope) for wide in other.bases) for base in self.bases):
            return "its base reaches further than the one that was read"
        sure = implies(self.filter, other.filter)
        return "" if sure else "its filter may find people whom the one that was read does not find"

    def _below(self, base: str, wide: str, scope: Scope) -> bool:
        if scope == "subtree":
            return is_under(base, wide)
        if base == wide:
            return scope == self.scope
        return scope == "one" and self.scope == "base" and normalise_dn(parent(base)) == wide

    def beyond(self, other: "Selection") -> Filter:
        """What is still to be asked of those whom the other selects."""
        parts = self.filter.parts if self.filter.op == "&" else (self.filter,)
        return Filter("&", tuple(part for part in parts if not implies(other.filter, part)))

    def among(self, other: "Selection") -> Callable[[Entry], Answer]:
        """Whether an entry that the other selects is selected; None where only the directory can tell."""
        left = self.beyond(other)

        def selects(entry: Entry) -> Answer:
            name = normalise_dn(entry.name)
            return left.holds(entry.attrs) if any(self._reaches(name, base) for base in self.bases) else False

        return selects

    def _reaches(self, name: str, base: str) -> bool:
        if self.scope == "subtree":
            return is_under(name, base)
        return name == base if self.scope == "base" else normalise_dn(parent(name)) == base


ANYBODY = Selection(("",), "subtree", Filter("&"))
"""Everybody whom a directory has."""


def selection_of(bases: tuple[str, ...], scope: Scope, text: str, rest: Mapping[str, object], where: str) -> Selection:
    """A selection; raises `ConfigurationError`, which says `where`, for a filter that is none."""
    try:
        return Selection(tuple(map(normalise_dn, bases)), scope, parse(text), rest)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}", "See RFC 4515 for its form.") from error
