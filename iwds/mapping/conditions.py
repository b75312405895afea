"""Conditions of a mapping, compiled once into plain functions of a person.

They answer in the logic of three values: yes, no, or None where it is not known, because an attribute or the groups
were not readable. A certain no outweighs what is not known in `all`, a certain yes in `any`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache

from iwds.core.dn import is_under, normalise_dn, rdn_value
from iwds.core.doubt import group_key
from iwds.core.model import Entry, fold
from iwds.mapping.document import Condition, is_dn

Answer = bool | None

_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Person:
    """One entry while it is being mapped, with what several conditions need of it worked out once."""

    __slots__ = ("_dn", "_names", "attributes", "entry", "groups", "now")

    def __init__(self, entry: Entry, now: datetime) -> None:
        self.entry = entry
        self.attributes: Mapping[str, tuple[str, ...]] = entry.attrs
        self.groups = entry.groups
        self.now = now
        self._names: frozenset[str] | None = None
        self._dn: str | None = None

    def names(self, groups: frozenset[str]) -> frozenset[str]:
        """The plain names of the person's groups, folded."""
        if self._names is None:
            self._names = frozenset(map(_plain_name, groups))
        return self._names

    @property
    def dn(self) -> str:
        """The normalised distinguished name; empty for an entry that is named otherwise, such as a line of a file."""
        if self._dn is None:
            self._dn = normalise_dn(self.entry.name) if is_dn(self.entry.name) else ""
        return self._dn


Test = Callable[[Person], Answer]


def compile_condition(condition: Condition, asked: set[str]) -> Test:
    """The function that a condition means; what it reads is added to `asked`: attributes, and groups by their key."""
    if condition.group is not None:
        asked.add(group_key(condition.group))
        return _in_group(condition.group)
    if condition.attribute is not None:
        asked.add(condition.attribute)
        return _attribute(condition.attribute, _asks(condition))
    if condition.under is not None:
        return _under(condition.under)
    if condition.not_ is not None:
        return _not(compile_condition(condition.not_, asked))
    tests = tuple(compile_condition(each, asked) for each in condition.all or condition.any or ())
    return every(tests) if condition.all else some(tests)


def words(condition: Condition) -> str:
    """A condition in words, for the message about a person who does not meet it."""
    if condition.group is not None:
        return f"in group {condition.group}"
    if condition.attribute is not None:
        return f"{condition.attribute} {_operator_words(condition)}"
    if condition.under is not None:
        return f"below {condition.under}"
    if condition.not_ is not None:
        return f"not ({words(condition.not_)})"
    return (" and " if condition.all else " or ").join(
        f"({words(each)})" for each in condition.all or condition.any or ()
    )


def every(tests: tuple[Test, ...]) -> Test:
    """Yes where all say yes, no where one says no, otherwise not known."""

    def test(person: Person) -> Answer:
        answer: Answer = True
        for each in tests:
            one = each(person)
            if one is False:
                return False
            if one is None:
                answer = None
        return answer

    return test


def some(tests: tuple[Test, ...]) -> Test:
    """Yes where one says yes, no where all say no, otherwise not known."""

    def test(person: Person) -> Answer:
        answer: Answer = False
        for each in tests:
            one = each(person)
            if one:
                return True
            if one is None:
                answer = None
        return answer

    return test


@lru_cache(maxsize=65_536)
def _plain_name(group: str) -> str:
    return fold(rdn_value(group))


def among(name: str, groups: frozenset[str]) -> bool:
    """Whether a group, as the mapping names it, is one of these groups of the directory."""
    return normalise_dn(name) in groups if is_dn(name) else fold(name) in map(_plain_name, groups)


def _in_group(name: str) -> Test:
    dn, plain = normalise_dn(name) if is_dn(name) else "", fold(name)

    def test(person: Person) -> Answer:
        if person.groups is None:
            return None
        if dn in person.groups if dn else plain in person.names(person.groups):
            return True
        return None if name in person.entry.unread else False

    return test


def _not(test: Test) -> Test:
    def negated(person: Person) -> Answer:
        answer = test(person)
        return None if answer is None else not answer

    return negated


def _under(base: str) -> Test:
    """Below a base, or the base itself. An entry that has no distinguished name is neither in nor out."""

    def test(person: Person) -> Answer:
        # Most people are below a base as it is written, and normalising a whole name costs more than all else here.
        if is_under(person.entry.name.lower(), base):
            return True
        return is_under(person.dn, base) if person.dn else None

    return test


def _attribute(name: str, asks: Callable[[tuple[str, ...]], Answer]) -> Test:
    def test(person: Person) -> Answer:
        values = person.attributes.get(name)
        return None if values is None else asks(values)

    return test


def _asks(condition: Condition) -> Callable[[tuple[str, ...]], Answer]:
    """What is asked of an attribute's values: with several, whether one of them fits."""
    if condition.present is not None:
        wanted = condition.present
        return lambda values: any(map(str.strip, values)) is wanted
    if condition.flag is not None:
        return _flag(condition.flag)
    texts = condition.in_ or (condition.equals or "",)
    folded = frozenset(map(fold, texts))
    return lambda values: any(fold(value) in folded for value in values)


def _flag(bits: int) -> Callable[[tuple[str, ...]], Answer]:
    """Whether all these bits are set; an absent attribute has none, and what is no number is not known."""

    def test(values: tuple[str, ...]) -> Answer:
        numbers = [int(value) for value in values if _WHOLE.fullmatch(value)]
        if any(number & bits == bits for number in numbers):
            return True
        return False if len(numbers) == len(values) else None

    return test


def _operator_words(condition: Condition) -> str:
    if condition.present is not None:
        return "present" if condition.present else "absent"
    if condition.flag is not None:
        return f"with flag {condition.flag}"
    return f"= {condition.equals}" if condition.in_ is None else f"one of {', '.join(condition.in_)}"
