"""The kinds of text in a mapping file, each checked as it is read."""

import re
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from iwds.core.dn import normalise_dn, rdn_value
from iwds.core.model import fold
from iwds.core.normal import LOGIN_LETTERS
from iwds.mapping._cel import checked_condition, checked_text
from iwds.mapping.moments import checked_format, relative
from iwds.mapping.patterns import checked_pattern
from iwds.shortforms import Written

_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._;-]*")
_EXTRA_KEY = re.compile(r"[\w.-]{1,60}")
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DN = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*)\s*=")


def is_dn(text: str) -> bool:
    """Whether text can be a distinguished name at all: it begins with `type=`."""
    return _DN.match(text) is not None


def _distinguished(text: str) -> str:
    if not is_dn(text):
        raise ValueError('must be a distinguished name such as "ou=people,dc=example,dc=org"')
    return normalise_dn(text)


def _attribute(text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError("must be the name of an attribute, such as givenName")
    return text.lower()


def _extra_key(text: str) -> str:
    if not _EXTRA_KEY.fullmatch(text):
        raise ValueError("must be a key of letters, digits and . _ - with 60 characters at most")
    return text


def _day(text: object) -> date:
    if isinstance(text, str) and _DAY.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError("must be a day such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_day)]
"""A day of the calendar. Its end is midnight UTC, wherever the machine stands."""


def letters_of(text: str) -> frozenset[str]:
    """The letters of `a-z0-9._`; a `-` stands for itself at either end."""
    letters: set[str] = set()
    for first, last, alone in _RANGE.findall(text):
        letters.update(map(chr, range(ord(first), ord(last) + 1)) if first else alone)
    return frozenset(letters)


def _letters(text: str) -> str:
    if not text or any(first > last for first, last, _ in _RANGE.findall(text)):
        raise ValueError('must be letters and ranges such as "a-z0-9._-"')
    if wrong := sorted(letters_of(text) - LOGIN_LETTERS):
        raise ValueError(f"the service allows no {' '.join(wrong)} in a login")
    return text


Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Attribute = Annotated[str, AfterValidator(_attribute)]
"""An attribute of the source: case does not matter; options such as `;lang-fr` and OIDs are names too."""
Distinguished = Annotated[str, AfterValidator(_distinguished)]
ExtraKey = Annotated[str, AfterValidator(_extra_key)]
Letters = Annotated[str, AfterValidator(_letters)]
Letter = Annotated[str, StringConstraints(min_length=1, max_length=1)]
RoleName = Literal["user", "manager", "administrator"]


class Part(Written):
    """Any part of a mapping file."""


def _checked_moment(text: str) -> str:
    relative(text)
    return text


def _whole_part(number: int) -> int:
    if not number:
        raise ValueError("must be 1 for the first, 2 for the second, or -1 for the last")
    return number


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(checked_pattern)]
"""A regular expression as RE2 understands it: linear in time, without backreferences."""
DateFormat = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(checked_format)]
MomentText = Annotated[str, AfterValidator(_checked_moment)]
TextExpression = Annotated[str, AfterValidator(checked_text)]
BoolExpression = Annotated[str, AfterValidator(checked_condition)]
Counted = Annotated[int, Field(ge=-1_000, le=1_000), AfterValidator(_whole_part)]
"""A place counted from 1, or from the end with -1."""


@lru_cache(maxsize=65_536)
def plain_name(group: str) -> str:
    """The folded plain name of a group of the directory."""
    return fold(rdn_value(group))
