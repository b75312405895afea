"""The expressions of a mapping, compiled once and evaluated together, the first time that one of them is asked for.

One evaluation of a list of expressions costs about as much as two single ones, so that is what is tried first. Where
that does not come off, because something that one of them reads is not known, or because one fails, each is evaluated
for itself as it is asked for: an expression that nobody asks for harms nobody.

An expression that reads anything that is not known is itself not known, whatever it would do with it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from iwds.core.doubt import group_key
from iwds.core.normal import printable
from iwds.errors import ConfigurationError
from iwds.mapping._cel import Checked, Wanted, checked, failure, program
from iwds.mapping._cel_bounds import (
    ALL,
    DN,
    ENTRY,
    GROUPS,
    LONGEST_LIST,
    LONGEST_TEXT,
    MEMBER,
    MOST_VALUES,
    NOW,
    WORK,
    Reads,
)
from iwds.mapping.groups import group_name, in_group
from iwds.mapping.person import Person, Test, Text, Unfit, one_text

MOST = 200
"""Expressions of one mapping."""
LONGEST_RESULT = 65_536
"""Characters of a text that an expression gives."""
_SHOWN = 60

_UNSET = object()


class _NotKnown(Exception):
    """Something that an expression reads is not known."""


class Expressions:
    """All expressions of one mapping.

    Attributes:
        timely: of each that looks at the present the attributes that it reads.
    """

    def __init__(self) -> None:
        self._all: list[_Expression] = []
        self.timely: list[frozenset[str]] = []

    def text(self, source: str, place: str, asked: set[str]) -> Text:
        """The function of an expression that gives text."""
        return self._added(source, "STRING", place, asked)

    def test(self, source: str, place: str, asked: set[str]) -> Test:
        """The function of an expression that gives yes or no."""
        return self._added(source, "BOOL", place, asked)

    def _added(self, source: str, wanted: Wanted, place: str, asked: set[str]) -> Callable[[Person], Any]:
        if len(self._all) == MOST:
            raise ConfigurationError(f"{place}: a mapping has {MOST} expressions at most")
        expression = _Expression(checked(source, wanted), place)
        asked.update(expression.inputs.asked)
        if expression.inputs.timely:
            self.timely.append(frozenset(name for name in expression.inputs.asked if not name.startswith("(")))
        number = len(self._all)
        self._all.append(expression)

        def read(person: Person) -> Any:
            found = person.found
            if found is None:
                found = person.found = self._first(person)
            if found[number] is _UNSET:
                found[number] = self._all[number].of(person)
            return found[number]

        return read

    def _first(self, person: Person) -> list[Any]:
        """What all expressions come to, as far as that is found in one go."""
        if not self._combine:
            return [_UNSET] * len(self._all)
        try:
            found = self._together.evaluated(person)
        except (_NotKnown, Unfit):
            return [_UNSET] * len(self._all)
        return [_UNSET if isinstance(each, str) and len(each) > LONGEST_RESULT else each for each in found]

    @cached_property
    def _combine(self) -> bool:
        return len(self._all) > 1 and sum(each.checked.work for each in self._all) <= WORK

    @cached_property
    def _together(self) -> "_Expression":
        source = "[" + ",\n".join(f"dyn({each.checked.source}\n)" for each in self._all) + "]"
        return _Expression(Checked(source, _union([each.checked.reads for each in self._all]), 0), "")


class _Expression:
    """One expression, ready to be evaluated."""

    def __init__(self, one: Checked, place: str) -> None:
        self.checked, self.inputs, self._place = one, _Inputs(one.reads), place

    @cached_property
    def _program(self) -> Any:
        return program(self.checked.source, self.checked.reads)

    def of(self, person: Person) -> Any:
        """The result, or None where something that it reads is not known. Raises `Unfit`."""
        try:
            found = self.evaluated(person)
        except _NotKnown:
            return None
        if isinstance(found, str) and len(found) > LONGEST_RESULT:
            raise Unfit(f"{self._place}: gives a text of more than {LONGEST_RESULT:,} characters")
        return found

    def evaluated(self, person: Person) -> Any:
        """The result. Raises `_NotKnown` and `Unfit`."""
        data = self.inputs.of(person, self._place)
        try:
            value = self._program.eval(data=data)
            found = value.plain_value()
            # asking for the type takes as long as a small expression; an error is plain text
            if isinstance(found, str) and value.type().name() == "ERROR":
                raise RuntimeError(found)
            return found
        except RuntimeError as error:  # an index that is not there, or the library's limit on iterations
            raise Unfit(f"{self._place}: {failure(str(error))}; it read {self.inputs.told(data)}") from None


class _Inputs:
    """What an expression is given of a person."""

    def __init__(self, reads: Reads) -> None:
        self._one = [(f"{ENTRY}.{name}", name.lower()) for name in sorted(reads.one)]
        self._many = [(f"{ALL}.{name}", name.lower()) for name in sorted(reads.many)]
        self._quoted = [(name, name.lower()) for name in sorted(reads.one_quoted)]
        self._many_quoted = [(name, name.lower()) for name in sorted(reads.many_quoted)]
        self._members = [(name, in_group(name)) for name in sorted(reads.members)]
        self._others = reads.others
        pairs = (*self._one, *self._many, *self._quoted, *self._many_quoted)
        self.timely = NOW in reads.others
        self.asked = {name for _, name in pairs} | {group_key(group_name(name)) for name in reads.members}

    def of(self, person: Person, place: str) -> dict[str, Any]:
        """The variables of the expression. Raises `_NotKnown`, and `Unfit` for what is longer than was allowed for."""
        attributes = person.attributes
        data: dict[str, Any] = {}
        for key, name in self._one:
            values = attributes.get(name)
            if values is not None and len(values) == 1 and len(values[0]) <= LONGEST_TEXT and "\0" not in values[0]:
                data[key] = values[0]  # as nearly all are
            else:
                data[key] = _text(values, place, name)
        if self._many:
            data.update({key: _texts(attributes.get(name), place, name) for key, name in self._many})
        if self._quoted:
            data[ENTRY] = {key: _text(attributes.get(name), place, name) for key, name in self._quoted}
        if self._many_quoted:
            data[ALL] = {key: _texts(attributes.get(name), place, name) for key, name in self._many_quoted}
        if self._members:
            data[MEMBER] = {name: _known(test(person)) for name, test in self._members}
        if self._others:
            data.update(self._rest(person, place))
        return data

    def _rest(self, person: Person, place: str) -> Iterator[tuple[str, Any]]:
        if NOW in self._others:
            yield NOW, person.now
        if DN in self._others:
            yield DN, _known(person.dn or None)
        if GROUPS in self._others:
            groups = None if person.groups is None or person.entry.unread else person.names(person.groups)
            yield GROUPS, _texts(None if groups is None else tuple(groups), place, "groups")

    def told(self, data: Mapping[str, Any]) -> str:
        """The values that were read, for a message."""
        parts = [f"{name} {_shown(value)}" for name, value in data.items() if name not in (ENTRY, ALL, MEMBER)]
        for base in (ENTRY, ALL, MEMBER):
            parts += [f'{base}["{name}"] {_shown(value)}' for name, value in data.get(base, {}).items()]
        return ", ".join(parts) or "nothing"


def _text(values: tuple[str, ...] | None, place: str, name: str) -> str:
    if values is None:
        raise _NotKnown
    text = one_text(values)
    if len(text) > LONGEST_TEXT:
        raise Unfit(f"{place}: {name} has more than {LONGEST_TEXT:,} characters")
    return _whole(text, place, name)


def _texts(values: tuple[str, ...] | None, place: str, name: str) -> list[str]:
    if values is None:
        raise _NotKnown
    if (
        len(values) > MOST_VALUES
        or sum(map(len, values)) > LONGEST_LIST
        or max(map(len, values), default=0) > LONGEST_TEXT
    ):
        raise Unfit(f"{place}: {name} has more than {MOST_VALUES:,} values, or {LONGEST_LIST:,} characters")
    return [_whole(value, place, name) for value in sorted(values)]


def _whole(text: str, place: str, name: str) -> str:
    """The text, which the library would cut at a character that ends a text in C."""
    if "\0" in text:
        raise Unfit(f"{place}: {name} holds a NUL character (U+0000)")
    return text


def _known(answer: Any) -> Any:
    if answer is None:
        raise _NotKnown
    return answer


def _shown(value: Any) -> str:
    text = f'"{printable(value)}"' if isinstance(value, str) else printable(str(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _union(reads: list[Reads]) -> Reads:
    names = ("one", "one_quoted", "many", "many_quoted", "members", "others")
    return Reads(*(set[str]().union(*(getattr(each, name) for each in reads)) for name in names))
