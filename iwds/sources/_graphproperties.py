"""What Microsoft Graph calls the properties of a user, which of them can be asked for, and how they become text.

Graph gives a handful of properties without `$select` and refuses a page for one that it does not know. So everything is
named, and what is not here is never asked for: a property outside of the directory, such as the last sign-in, would
make the listing of changes fail.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
"""One object as JSON."""

TEXTS = tuple(
    """
    ageGroup city companyName consentProvidedForMinor country createdDateTime creationType department displayName
    employeeHireDate employeeId employeeType externalUserState externalUserStateChangeDateTime faxNumber givenName
    id jobTitle lastPasswordChangeDateTime legalAgeGroupClassification mail mailNickname mobilePhone officeLocation
    onPremisesDistinguishedName onPremisesDomainName onPremisesImmutableId onPremisesLastSyncDateTime
    onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesUserPrincipalName passwordPolicies postalCode
    preferredDataLocation preferredLanguage securityIdentifier signInSessionsValidFromDateTime state streetAddress
    surname usageLocation userPrincipalName userType
    """.split()  # noqa: SIM905 - so many names are read more easily
)
SWITCHES = ("accountEnabled", "onPremisesSyncEnabled", "showInAddressList")
LISTS = ("businessPhones", "imAddresses", "otherMails", "proxyAddresses")
PARTS: Mapping[str, tuple[str, ...]] = {
    "onPremisesExtensionAttributes": tuple(f"extensionAttribute{number}" for number in range(1, 16)),
    "employeeOrgData": ("costCenter", "division"),
}
"""Properties with properties of their own, under whose names a mapping reads them."""

ENABLED, TYPE, NAME, ON_PREMISES = "accountEnabled", "userType", "userPrincipalName", "onPremisesSamAccountName"
ALWAYS = frozenset({"id", ENABLED, TYPE, NAME})
"""What is asked of everybody, whatever the mapping needs. Every user has the first, the second and the last."""
GUEST = "guest"
EXTERNAL = "#ext#"
"""Stands in the user principal name of whoever came from another tenant, also of those who were made members."""

_BY_EQUALITY = frozenset(
    """
    businessPhones city companyName country department displayName employeeId givenName jobTitle mail mailNickname
    mobilePhone officeLocation onPremisesImmutableId onPremisesSamAccountName onPremisesSecurityIdentifier
    otherMails postalCode proxyAddresses state surname usageLocation userPrincipalName userType
    """.split()  # noqa: SIM905 - the same
)
"""Texts and lists that `$filter` compares with `eq`, as an advanced query at least."""
MISSING = object()
"""Instead of the value of a property that Graph did not give."""
_PROXY = ("smtp:", "SMTP:")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the value of an attribute stands: a property, and one within it or none."""

    property: str
    part: str = ""


def _table() -> dict[str, Place]:
    plain = {name.lower(): Place(name) for name in (*TEXTS, *SWITCHES, *LISTS)}
    return plain | {part.lower(): Place(name, part) for name, parts in PARTS.items() for part in parts}


KNOWN: Mapping[str, Place] = _table()
"""Attributes as a mapping asks for them, in lower case -> where they stand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a mapping asks for, as far as Graph has it.

    Attributes:
        places: where each attribute stands that can be asked for, by its lower-case name.
        absent: attributes that the configuration says to be empty here.
        unknown: the others, of which nothing is known of anybody.
    """

    places: Mapping[str, Place]
    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    _texts: tuple[tuple[str, str], ...] = field(init=False, repr=False)
    _parts: tuple[tuple[str, Place], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = tuple((name, place.property) for name, place in self.places.items() if not place.part)
        object.__setattr__(self, "_texts", plain)
        object.__setattr__(self, "_parts", tuple((name, place) for name, place in self.places.items() if place.part))

    def select(self, *more: str) -> str:
        """The value of `$select`: what is asked for, what always is, and these."""
        return ",".join(sorted({*ALWAYS, *more, *(place.property for place in self.places.values())}))

    def attributes(self, row: Row) -> dict[str, tuple[str, ...]]:
        """The values of a user: `()` where there are none, missing where Graph did not give the property."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(self.absent, ())
        for attribute, name in self._texts:
            value = row.get(name, MISSING)
            if value is not MISSING and (values := values_of(name, value)) is not None:
                found[attribute] = values
        for attribute, place in self._parts:
            whole = row.get(place.property, MISSING)
            value = whole.get(place.part, MISSING) if isinstance(whole, dict) else whole
            if value is not MISSING and (values := values_of(place.part, value)) is not None:
                found[attribute] = values
        return found


def wanted(attributes: Collection[str], extensions: Iterable[str] = (), absent: Collection[str] = ()) -> Wanted:
    """What of these attributes (lower-case) can be asked for.

    Args:
        extensions: directory extensions in their own spelling.
        absent: attributes that are known to be empty.
    """
    known = {**KNOWN, **{name.lower(): Place(name) for name in extensions}}
    places = {name: known[name] for name in sorted(attributes) if name in known and name not in absent}
    others = sorted(set(attributes) - places.keys())
    return Wanted(places, tuple(n for n in others if n in absent), tuple(n for n in others if n not in absent))


def values_of(name: str, value: Any) -> tuple[str, ...] | None:
    """Text of what JSON has; None, which is not known, for what is no text, and for a switch that is not set."""
    if isinstance(value, bool):
        return ("true",) if value else ("false",)
    if value is None:
        return None if name == ENABLED else ()
    if isinstance(value, list):
        return tuple(value) if all(isinstance(each, str) for each in value) else None
    if isinstance(value, str | int | float):
        return (str(value),) if value != "" else ()
    return None


def is_hidden(row: Row) -> bool:
    """Whether Graph gave nothing but the id: who may not see a user gets no error, but nothing of them."""
    return not any(value or value is False for name, value in row.items() if name != "id" and not name.startswith("@"))


def is_guest(row: Row) -> bool:
    """Whether a user is a guest, by the type alone: whoever was made a member is none."""
    kind = row.get(TYPE)
    return isinstance(kind, str) and kind.lower() == GUEST


def enabled(row: Row) -> bool | None:
    """Whether the account may sign in; None where Graph does not say."""
    value = row.get(ENABLED)
    return value if isinstance(value, bool) else None


def name_of(row: Row) -> str:
    """What a person calls a user: the user principal name, or else the id."""
    name = row.get(NAME)
    return name if isinstance(name, str) and name else str(row["id"])


def equals(attributes: Iterable[str], text: str, extensions: Iterable[str] = ()) -> str:
    """The `$filter` for users of whom a text is a value of one of these attributes; empty where none can be asked."""
    quoted = text.replace("'", "''")
    own = {name.lower(): name for name in extensions}
    names = (KNOWN[name].property if name in KNOWN else own.get(name, "") for name in sorted(attributes))
    return " or ".join(_clause(name, quoted) for name in names if name in _BY_EQUALITY or name in own.values())


def _clause(name: str, quoted: str) -> str:
    if name not in LISTS:
        return f"{name} eq '{quoted}'"
    texts = (*(kind + quoted for kind in _PROXY), quoted) if name == "proxyAddresses" else (quoted,)
    return " or ".join(f"{name}/any(x:x eq '{each}')" for each in texts)
