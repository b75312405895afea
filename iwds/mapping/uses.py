"""Where a mapping uses what it reads of people."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from iwds.core import directory
from iwds.mapping.asked import Asked
from iwds.mapping.compile import read
from iwds.mapping.conditions import compile_condition
from iwds.mapping.document import Condition, Document, Enabled
from iwds.mapping.tables import with_tables
from iwds.mapping.values import compile_value
from iwds.mapping.written_values import Value
from iwds.yamlmarks import Step

Place = tuple[str, int]


def uses(path: Path) -> dict[str, list[Place]]:
    """Every attribute (lower-case) that a mapping file reads, with file and line of each part that does."""
    document, where = read(path)
    found: dict[str, list[Place]] = {}
    for part, steps in _parts(with_tables(document, where), ()):
        for name in sorted(_read_by(part)):
            found.setdefault(name, []).append(where(steps))
    return {name: sorted(set(places), key=lambda place: place[1]) for name, places in found.items()}


def asked_about(written: Mapping[str, Any]) -> frozenset[str]:
    """Attributes (lower-case) that only conditions of a mapping look at, so that no value is made of them."""
    document = Document.model_validate(written)
    parts = [part for part, _ in _parts(document, ())]
    made = [_read_by(part) for part in parts if isinstance(part, Value)]
    return frozenset[str]().union(*map(_read_by, parts)) - frozenset[str]().union(*made)


def _parts(part: object, steps: tuple[Step, ...]) -> Iterator[tuple[BaseModel, tuple[Step, ...]]]:
    """The values and conditions of a document, each as a whole, with its path."""
    if isinstance(part, Value | Condition | Enabled):
        yield part, steps
    elif isinstance(part, BaseModel):
        for name in part.model_fields_set:
            alias = type(part).model_fields[name].alias or name
            yield from _parts(getattr(part, name), (*steps, alias))
    elif isinstance(part, tuple):
        for number, each in enumerate(part):
            yield from _parts(each, (*steps, number))
    elif isinstance(part, dict):
        for key, each in part.items():
            yield from _parts(each, (*steps, key))


def _read_by(part: BaseModel) -> set[str]:
    asked = Asked()
    _compiler(part)(asked)
    return {name for name in asked.names if not name.startswith("(")}


def _compiler(part: BaseModel) -> Callable[[Asked], Any]:
    if isinstance(part, Enabled):
        if part.when is not None:
            when = part.when
            return lambda asked: compile_condition(when, asked)
        told = directory.KINDS[part.as_ or ""]
        reads = {name for each in (directory.USABLE, *part.also) for name in told[each].reads}
        return lambda asked: asked.update(reads)
    if isinstance(part, Condition):
        return lambda asked: compile_condition(part, asked)
    assert isinstance(part, Value)  # noqa: S101 - nothing else is yielded
    return lambda asked: compile_value(part, asked)
