"""Values of a mapping, compiled once into plain functions of a person.

Such a function answers with text, with the empty text where the value is known to be empty, or with None where it is
not known: because an attribute was not readable, or because a `map` without a `default` has no word for it. What is
not known is never replaced by a default, since that would overwrite what the service has with a guess.
"""

from iwds.mapping.asked import Asked
from iwds.mapping.patterns import compiled
from iwds.mapping.person import Person, Text, one_text
from iwds.mapping.steps import Step, steps_of
from iwds.mapping.written_values import Value


def compile_value(value: Value, asked: Asked) -> Text:
    """The function that a value means; what it reads is added to `asked`."""
    read, steps = _origin(value, asked), steps_of(value, asked.place(value))
    if not steps:
        return read
    if len(steps) == 1:
        (only,) = steps
        return lambda person: None if (text := read(person)) is None else only(text)
    if len(steps) == 2:
        return _two(read, *steps)

    def run(person: Person) -> str | None:
        text = read(person)
        for step in steps:
            if text is None:
                return None
            text = step(text)
        return text

    return run


def read_by(value: Value) -> frozenset[str]:
    """The attributes that a value is made of."""
    asked = Asked()
    compile_value(value, asked)
    return frozenset(name for name in asked.names if not name.startswith("("))


def is_written(value: Value) -> bool:
    """Whether the text stands in an attribute as it is, but for case and spaces, so that equality finds it there."""
    if not value.model_fields_set <= _AS_WRITTEN:
        return False
    return value.from_ is not None or (value.first is not None and all(map(is_written, value.first)))


_AS_WRITTEN = frozenset({"from_", "first", "trim", "lower", "upper"})


def _two(read: Text, first: Step, second: Step) -> Text:
    def run(person: Person) -> str | None:
        text = read(person)
        if text is None or (text := first(text)) is None:
            return None
        return second(text)

    return run


def _origin(value: Value, asked: Asked) -> Text:
    if value.from_ is not None:
        asked.add(value.from_)
        return _attribute(value.from_, value)
    if value.first is not None:
        return _first(tuple(compile_value(each, asked) for each in value.first))
    if value.expr is not None:
        return asked.expressions.text(value.expr, asked.place(value), asked.names)
    constant = value.value
    return lambda _: constant


def _attribute(name: str, value: Value) -> Text:
    """One text of an attribute, or all of them; with `match`, one of those that match."""
    if value.join is not None:
        return _joined(name, value.join, value.match)
    if value.match is not None:
        return _matching(name, value.match)

    def read(person: Person) -> str | None:
        values = person.attributes.get(name)
        if values is None:
            return None
        return values[0] if len(values) == 1 else one_text(values)

    return read


def _matching(name: str, pattern: str) -> Text:
    search = compiled(pattern).search

    def read(person: Person) -> str | None:
        values = person.attributes.get(name)
        return None if values is None else one_text(tuple(value for value in values if search(value)))

    return read


def _joined(name: str, separator: str, pattern: str | None) -> Text:
    """All values that are not empty, in code point order."""
    search = None if pattern is None else compiled(pattern).search

    def read(person: Person) -> str | None:
        values = person.attributes.get(name)
        if values is None:
            return None
        return separator.join(sorted(value for value in values if value.strip() and (search is None or search(value))))

    return read


def _first(texts: tuple[Text, ...]) -> Text:
    """The first that is not empty; not known as soon as one is not known, since it might have been the one."""

    def read(person: Person) -> str | None:
        for each in texts:
            text = each(person)
            if text is None or text.strip():
                return text
        return ""

    return read
