"""One person while the rules look at them, and the kinds of functions that rules are compiled into."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from iwds.core.dn import normalise_dn
from iwds.core.model import Entry
from iwds.mapping.texts import is_dn, plain_name

Answer = bool | None


class Unfit(Exception):
    """What is known of a person cannot be used as a rule wants it; the message says which rule and which value.

    It makes the person invalid, so that they keep what they have until somebody has looked.
    """


class Person:
    """One entry while it is being mapped, with what several rules need of it worked out once.

    Attributes:
        found: what the expressions of the mapping came to, kept by `Expressions`.
    """

    __slots__ = ("_dn", "_names", "attributes", "entry", "found", "groups", "now")

    def __init__(self, entry: Entry, now: datetime) -> None:
        self.entry = entry
        self.attributes: Mapping[str, tuple[str, ...]] = entry.attrs
        self.groups = entry.groups
        self.now = now
        self.found: list[Any] | None = None
        self._names: frozenset[str] | None = None
        self._dn: str | None = None

    def names(self, groups: frozenset[str]) -> frozenset[str]:
        """The plain names of the person's groups, folded."""
        if self._names is None:
            self._names = frozenset(map(plain_name, groups))
        return self._names

    @property
    def dn(self) -> str:
        """The normalised distinguished name; empty for an entry that is named otherwise, such as a line of a file."""
        if self._dn is None:
            self._dn = normalise_dn(self.entry.name) if is_dn(self.entry.name) else ""
        return self._dn


Test = Callable[[Person], Answer]
Text = Callable[[Person], str | None]
"""Text, the empty text where it is known to be empty, None where it is not known. Raises `Unfit`."""


def one_text(values: tuple[str, ...]) -> str:
    """One text of an attribute.

    Of several values it is the smallest in code point order: a directory may answer them in another order each time,
    and the account must not follow that.
    """
    if len(values) == 1:
        return values[0]
    return min(filter(str.strip, values), default="") if values else ""
