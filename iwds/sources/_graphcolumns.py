"""The users of one page, property by property: most of the work is then done once for a page and not for each of them.

It is done while the next page is on its way, and what came of it waits in the scratch file for the last one.
"""

import marshal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, compress
from operator import itemgetter
from typing import Any, TypeVar

from iwds.sources._graphproperties import (
    ENABLED,
    EXTERNAL,
    GUEST,
    MISSING,
    NAME,
    ON_PREMISES,
    TYPE,
    Row,
    Wanted,
    is_hidden,
    values_of,
)

T = TypeVar("T")
Values = tuple[str, ...] | None
"""Of one attribute of somebody; None where nothing is known of it."""

_NOTHING: Values = ()


@dataclass(frozen=True, slots=True)
class People:
    """Users, each at the same place of every list. Of the flags an empty list says no of everybody.

    Attributes:
        keys: the ids that they are known by; empty where there is none.
        names: what people call them.
        usable: whether each account may sign in; None where Graph does not say.
        removed: who was deleted.
        guests: who is a guest, by the type.
        external: who came from another tenant, by the name.
        hidden: of whom Graph gave nothing but the id.
        logins: their logins on premises, where those were asked for.
        fields: the attributes.
        columns: of each of these the values.
    """

    keys: list[str]
    names: list[str]
    usable: list[bool | None]
    removed: list[bool]
    guests: list[bool]
    external: list[bool]
    hidden: list[bool]
    logins: list[str]
    fields: tuple[str, ...]
    columns: list[list[Values]]

    def chosen(self, flags: Sequence[bool]) -> "People":
        """Some of them."""
        return People(
            keys=_some(self.keys, flags),
            names=_some(self.names, flags),
            usable=_some(self.usable, flags),
            removed=_some(self.removed, flags),
            guests=_some(self.guests, flags),
            external=_some(self.external, flags),
            hidden=_some(self.hidden, flags),
            logins=_some(self.logins, flags),
            fields=self.fields,
            columns=[_some(column, flags) for column in self.columns],
        )

    def attributes(self) -> list[dict[str, tuple[str, ...]]]:
        """The values of each of them: `()` where there are none, missing where they are not known."""
        if not self.columns:
            return [{} for _ in self.keys]
        names = self.fields
        found: list[dict[str, Any]] = [dict(zip(names, values)) for values in zip(*self.columns)]  # noqa: B905 - equal
        if any(None in column for column in self.columns):
            return [{name: values for name, values in each.items() if values is not None} for each in found]
        return found

    def presence(self) -> Mapping[str, int]:
        """How many of them have a value of each attribute."""
        return {name: sum(map(bool, column)) for name, column in zip(self.fields, self.columns, strict=True)}

    def packed(self) -> bytes:
        """As it is put aside, for this process alone."""
        return marshal.dumps([getattr(self, each.name) for each in fields(self)])

    @classmethod
    def unpacked(cls, data: bytes) -> "People":
        """What was put aside."""
        return cls(*marshal.loads(data))  # noqa: S302 - nobody else writes there


class Columns:
    """Makes columns of rows, for one mapping. With the login on premises where `login` says so."""

    def __init__(self, wanted: Wanted, login: bool = False) -> None:
        self._wanted, self._login = wanted, login
        properties = dict.fromkeys((NAME, ENABLED, TYPE, "id", *(place.property for place in wanted.places.values())))
        self._properties = (*properties, ON_PREMISES) if login else tuple(properties)
        self._fields = (*wanted.places, *wanted.absent)

    def of(self, rows: Sequence[Row]) -> People:
        """These users."""
        raw = dict(zip(self._properties, self._columns(rows), strict=True))
        keys = [key.lower() if key.__class__ is str else "" for key in raw["id"]]
        given = [name if name.__class__ is str else "" for name in raw[NAME]]
        return People(
            keys=keys,
            names=[name or key for name, key in zip(given, keys, strict=True)],
            usable=[value if value.__class__ is bool else None for value in raw[ENABLED]],
            removed=_flags(["@removed" in row for row in rows]),
            guests=_of_some(raw[TYPE], lambda kind: kind.lower() == GUEST),
            external=_external(given),
            hidden=[] if all(given) else _flags([not n and is_hidden(row) for n, row in zip(given, rows, strict=True)]),
            logins=[login if login.__class__ is str else "" for login in raw[ON_PREMISES]] if self._login else [],
            fields=self._fields,
            columns=[*self._values(raw), *([_NOTHING] * len(rows) for _ in self._wanted.absent)],
        )

    def _columns(self, rows: Sequence[Row]) -> Iterable[Sequence[Any]]:
        try:
            return list(zip(*map(itemgetter(*self._properties), rows), strict=True)) or [()] * len(self._properties)
        except KeyError:  # of some there is less
            return [[row.get(name, MISSING) for row in rows] for name in self._properties]

    def _values(self, raw: Mapping[str, Sequence[Any]]) -> Iterable[list[Values]]:
        for place in self._wanted.places.values():
            name, found = place.part or place.property, raw[place.property]
            if place.part:
                found = [each.get(name, MISSING) if each.__class__ is dict else each for each in found]
            yield _column(name, found)


def _column(name: str, found: Sequence[Any]) -> list[Values]:
    """The values of one property: as many at once as are of one kind."""
    kinds = set(map(type, found))
    if kinds == {str} and "" not in found:
        return list(zip(found))
    if kinds == {list} and {*map(type, chain.from_iterable(found))} <= {str}:
        return list(map(tuple, found))
    if name == ENABLED:
        return [values_of(name, value) for value in found]
    return [(v,) if v.__class__ is str and v else () if v is None else values_of(name, v) for v in found]


def _some(values: list[T], flags: Sequence[bool]) -> list[T]:
    return list(compress(values, flags))


def _flags(flags: list[bool]) -> list[bool]:
    return flags if True in flags else []


def _of_some(values: Sequence[Any], test: Callable[[str], bool]) -> list[bool]:
    """Of which texts something is true, where there are few different ones."""
    true = {each for each in {v for v in values if v.__class__ is str} if test(each)}
    return [v in true for v in values] if true else []


def _external(names: Sequence[str]) -> list[bool]:
    return [EXTERNAL in name.lower() for name in names] if EXTERNAL in "\n".join(names).lower() else []
