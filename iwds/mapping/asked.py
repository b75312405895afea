"""What compiling gathers: what the rules read of a person, their expressions, and where each part stands."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from iwds.mapping.expressions import Expressions
from iwds.yamlmarks import Step, Where

NO_PLACE = "the mapping"
"""Where a part stands that is none of the document, or the document itself."""


class Asked:
    """What the rules of one mapping ask for, filled while they are compiled.

    Attributes:
        names: attributes in lower case, and groups by their key in `Proof.presence`.
        expressions: all of the mapping.
        dated: of these attributes those whose values are compared with the present.
    """

    def __init__(self, document: BaseModel | None = None, where: Where | None = None) -> None:
        self.names: set[str] = set()
        self.dated: set[str] = set()
        self.expressions = Expressions()
        self._places = {} if document is None or where is None else dict(_placed(document, where, ()))

    def add(self, name: str) -> None:
        """One more attribute, or group by its key."""
        self.names.add(name)

    def update(self, names: Iterable[str]) -> None:
        """Several more."""
        self.names.update(names)

    def place(self, part: BaseModel) -> str:
        """Where a part of the document stands, for messages: `login (m.yaml:4)`."""
        return self._places.get(id(part), NO_PLACE)


def _placed(part: Any, where: Where, path: tuple[Step, ...]) -> Iterator[tuple[int, str]]:
    if isinstance(part, BaseModel):
        yield id(part), _told(where, path)
        fields = type(part).model_fields
        for name in part.model_fields_set:
            yield from _placed(getattr(part, name), where, (*path, fields[name].alias or name))
    elif isinstance(part, tuple):
        for number, each in enumerate(part):
            yield from _placed(each, where, (*path, number))
    elif isinstance(part, dict):
        for key, each in part.items():
            yield from _placed(each, where, (*path, key))


def _told(where: Where, path: tuple[Step, ...]) -> str:
    file, line = where(path)
    name = ".".join(map(str, path)) or NO_PLACE
    return f"{name} ({Path(file).name}:{line})" if line else name
