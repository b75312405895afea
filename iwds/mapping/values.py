"""Values of a mapping, compiled once into plain functions of a person's attributes.

Such a function answers with text, with the empty text where the value is known to be empty, or with None where it is
not known: because an attribute was not readable, or because a `map` without a `default` has no word for it. What is
not known is never replaced by a default, since that would overwrite what the service has with a guess.
"""

from collections.abc import Callable, Mapping

from iwds.core.model import fold
from iwds.mapping.document import Value

Attributes = Mapping[str, tuple[str, ...]]
Text = Callable[[Attributes], str | None]
Step = Callable[[str], str | None]


def compile_value(value: Value, asked: set[str]) -> Text:
    """The function that a value means; the attributes that it reads are added to `asked`."""
    read, steps = _origin(value, asked), _steps(value)
    if not steps:
        return read

    def run(attributes: Attributes) -> str | None:
        text = read(attributes)
        for step in steps:
            if text is None:
                return None
            text = step(text)
        return text

    return run


def read_by(value: Value) -> frozenset[str]:
    """The attributes that a value is made of."""
    asked: set[str] = set()
    compile_value(value, asked)
    return frozenset(asked)


def is_written(value: Value) -> bool:
    """Whether the text stands in an attribute as it is, but for case and spaces, so that equality finds it there."""
    if not value.model_fields_set <= _AS_WRITTEN:
        return False
    return value.from_ is not None or (value.first is not None and all(map(is_written, value.first)))


_AS_WRITTEN = frozenset({"from_", "first", "trim", "lower", "upper"})


def _origin(value: Value, asked: set[str]) -> Text:
    if value.from_ is not None:
        asked.add(value.from_)
        return _attribute(value.from_)
    if value.first is not None:
        return _first(tuple(compile_value(each, asked) for each in value.first))
    return lambda _: value.value


def _attribute(name: str) -> Text:
    """One text of an attribute.

    Of several values it is the smallest in code point order: a directory may answer them in another order each time,
    and the account must not follow that.
    """

    def read(attributes: Attributes) -> str | None:
        values = attributes.get(name)
        if values is None:
            return None
        return values[0] if len(values) == 1 else min(filter(str.strip, values), default="")

    return read


def _first(texts: tuple[Text, ...]) -> Text:
    """The first that is not empty; not known as soon as one is not known, since it might have been the one."""

    def read(attributes: Attributes) -> str | None:
        for each in texts:
            text = each(attributes)
            if text is None or text.strip():
                return text
        return ""

    return read


def _steps(value: Value) -> tuple[Step, ...]:
    """Trim, case, table, prefix and suffix, default: always in this order, whatever the order in the file."""
    steps: list[Step] = []
    if value.trim:
        steps.append(str.strip)
    if value.lower or value.upper:
        steps.append(str.lower if value.lower else str.upper)
    if value.map is not None:
        steps.append(_table(value.map, known=value.default is not None))
    if value.prefix or value.suffix:
        steps.append(_around(value.prefix, value.suffix))
    if value.default is not None:
        steps.append(_default(value.default))
    return tuple(steps)


def _table(table: Mapping[str, str], known: bool) -> Step:
    """What the table has for a text, compared without case; `known`: whether a word that it lacks counts as empty."""
    folded = {fold(key): text for key, text in table.items()}

    def look_up(text: str) -> str | None:
        key = fold(text)
        return folded.get(key, None if key and not known else "")

    return look_up


def _around(prefix: str, suffix: str) -> Step:
    return lambda text: f"{prefix}{text}{suffix}" if text else ""


def _default(default: str) -> Step:
    return lambda text: text if text.strip() else default
