"""Conditions of a mapping, compiled once into plain functions of a person.

They answer in the logic of three values: yes, no, or None where it is not known, because an attribute or the groups
were not readable. A certain no outweighs what is not known in `all`, a certain yes in `any`.
"""

import re
from collections.abc import Callable
from datetime import datetime

from iwds.core.dn import is_under
from iwds.core.doubt import group_key
from iwds.core.model import fold
from iwds.mapping.asked import Asked
from iwds.mapping.document import Condition
from iwds.mapping.groups import group_name, in_group
from iwds.mapping.moments import any_moment, relative
from iwds.mapping.patterns import searching
from iwds.mapping.person import Answer, Person, Test

_WHOLE = re.compile(r"-?[0-9]{1,19}")


def compile_condition(condition: Condition, asked: Asked) -> Test:
    """The function that a condition means; what it reads is added to `asked`: attributes, and groups by their key."""
    if condition.group is not None:
        asked.add(group_key(group_name(condition.group)))
        return in_group(condition.group)
    if condition.attribute is not None:
        asked.add(condition.attribute)
        if condition.before or condition.after:
            asked.dated.add(condition.attribute)
        return _on_attribute(condition)
    if condition.expr is not None:
        return asked.expressions.test(condition.expr, asked.place(condition), asked.names)
    if condition.under is not None:
        return _under(condition.under)
    if condition.not_ is not None:
        return _not(compile_condition(condition.not_, asked))
    tests = tuple(compile_condition(each, asked) for each in condition.all or condition.any or ())
    return every(tests) if condition.all else some(tests)


def words(condition: Condition) -> str:
    """A condition in words, for the message about a person who does not meet it."""
    if condition.group is not None:
        group = condition.group
        return f"in group {group}" if isinstance(group, str) else f"in a group that matches {group.matches}"
    if condition.attribute is not None:
        return f"{condition.attribute} {_operator_words(condition)}"
    if condition.under is not None:
        return f"below {condition.under}"
    if condition.expr is not None:
        return " ".join(condition.expr.split())
    if condition.not_ is not None:
        return f"not ({words(condition.not_)})"
    return (" and " if condition.all else " or ").join(
        f"({words(each)})" for each in condition.all or condition.any or ()
    )


def every(tests: tuple[Test, ...]) -> Test:
    """Yes where all say yes, no where one says no, otherwise not known."""
    if len(tests) == 1:
        return tests[0]

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
    if len(tests) == 1:
        return tests[0]

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


def _not(test: Test) -> Test:
    def negated(person: Person) -> Answer:
        answer = test(person)
        return None if answer is None else not answer

    return negated


def _under(base: str) -> Test:
    """Below a base, or the base itself. An entry that has no distinguished name is neither in nor out."""

    ending = "," + base

    def test(person: Person) -> Answer:
        # Most people are below a base as it is written, and normalising a whole name costs more than all else here.
        name = person.entry.name.lower()
        if name.endswith(ending) and "\\" not in name:
            return True
        return is_under(person.dn, base) if person.dn else None

    return test


def _on_attribute(condition: Condition) -> Test:
    name = condition.attribute or ""
    return _dated(name, condition) if condition.before or condition.after else _attribute(name, _asks(condition))


def _dated(name: str, condition: Condition) -> Test:
    """Whether one of the moments comes before or after another; what is no moment is not known."""
    moment, before = relative(condition.before or condition.after or ""), condition.before is not None

    def compares(value: str, now: datetime) -> Answer:
        try:
            found = any_moment(value.strip()) if value.strip() else None
        except ValueError:
            return None
        return False if found is None else found < moment(now) if before else found > moment(now)

    def test(person: Person) -> Answer:
        values = person.attributes.get(name)
        if values is None:
            return None
        answers = {compares(value, person.now) for value in values}
        return True if True in answers else None if None in answers else False

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
    if condition.matches is not None:
        fits = searching(condition.matches)
        return lambda values: any(map(fits, values))
    texts = condition.in_ or (condition.equals or "",)
    return _equals(frozenset(map(fold, texts)))


def _equals(folded: frozenset[str]) -> Callable[[tuple[str, ...]], Answer]:
    def test(values: tuple[str, ...]) -> Answer:
        if len(values) == 1:
            return fold(values[0]) in folded
        return any(fold(value) in folded for value in values)

    return test


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
    if condition.matches is not None:
        return f"matches {condition.matches}"
    if condition.before is not None or condition.after is not None:
        return f"before {condition.before}" if condition.before is not None else f"after {condition.after}"
    return f"= {condition.equals}" if condition.in_ is None else f"one of {', '.join(condition.in_)}"
