"""YAML that remembers where everything stood, so that every error of a file finds its line.

The text is composed into nodes with PyYAML and turned into plain data here, because the usual loaders lose the
marks, let a later key win over an earlier one without a word, and guess types: in YAML 1.1 `no` is False, `007` is
seven and `12:30` is 750. Here, as in YAML 1.2, only `true`, `false`, `null`, plain decimal numbers and nothing else
are more than text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from iwds.core.nearest import nearest
from iwds.errors import ConfigurationError

Step = str | int
Where = Callable[[Sequence[Step]], tuple[str, int]]
"""Gives the file and the 1-based line of a path such as `("sources", "corp", "urls", 0)`; line 0 where unknown."""

ModelT = TypeVar("ModelT", bound=BaseModel)

REPEATS = 10_000
"""How many values aliases may repeat in all; enough for any real file, and the end of an alias bomb."""


class _Loader(yaml.SafeLoader):
    """A safe loader with the types of YAML 1.2; used for composing only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own interface


_CORE = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[re.Pattern[str], str]] = {
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    "null": (re.compile(r"~|null|Null|NULL|"), "~nN"),
    "int": (re.compile(r"-?(0|[1-9][0-9]{0,17})"), "-0123456789"),
    "float": (re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+"), "-0123456789"),
}
"""What is more than text when it stands without quotes: its pattern, and the letters that it may begin with."""

for _name, (_pattern, _begins) in _TYPES.items():
    _Loader.add_implicit_resolver(_CORE + _name, re.compile(f"(?:{_pattern.pattern})$"), [*_begins, ""])


@dataclass(frozen=True, slots=True)
class Marked:
    """A YAML document as plain data, and where each part of it stood.

    Attributes:
        data: dictionaries with text keys, lists, text, numbers, booleans and None.
        file: the file as the user named it.
    """

    data: Any
    file: str
    _root: yaml.Node | None

    def where(self, path: Sequence[Step] = ()) -> tuple[str, int]:
        """File and line of a path: of its key, of the item in a list, or of the deepest part that exists."""
        node, line = self._root, 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
            line = mark.line + 1
        return self.file, line


def load(path: Path | str) -> Marked:
    """Read one YAML file. Every failure is a `ConfigurationError` with file and line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8: byte {error.start} cannot be decoded"
        raise ConfigurationError(message, "save it as UTF-8", str(path)) from error
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", file=str(path)) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Marked:
    """Compose one YAML document from text; `file` is for messages."""
    try:
        root = _Loader(text).get_single_node()
        return Marked(_Builder(file).build(root) if root else None, file, root)
    except yaml.YAMLError as error:
        raise _syntax(error, file) from error
    except RecursionError as error:
        raise ConfigurationError("is nested too deeply", file=file) from error


def validate(model: type[ModelT], data: object, where: Where) -> ModelT:
    """Check plain data with a pydantic model.

    Raises one `ConfigurationError` that lists every problem on a line of its own, as `file:line: path: message`.
    The offending values are never part of it, since they may be secrets; validators of a model must keep to that.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_problem(model, data, dict(item), where) for item in error.errors(include_url=False)]
    raise all_of(problems)


def all_of(problems: Iterable[tuple[str, int, str]]) -> ConfigurationError:
    """One error that lists every problem, each given as file, line and message; there is at least one."""
    # sorted by line, since that is how somebody walks through the file
    (file, line, first), *rest = dict.fromkeys(sorted(problems, key=lambda problem: problem[:2]))
    return ConfigurationError("\n".join([first, *map(_line, rest)]), file=file, line=line)


class _Builder:
    """Turns composed nodes into plain data, and refuses what a configuration has no use for."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._repeats = 0

    def build(self, node: yaml.Node) -> Any:
        self._count(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            return self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        finally:
            self._open.discard(id(node))

    def _count(self, node: yaml.Node) -> None:
        if id(node) in self._open:
            raise self._error("an alias refers to what contains it", node)
        if id(node) in self._seen:
            self._repeats += 1
            if self._repeats > REPEATS:
                raise self._error(f"aliases repeat more than {REPEATS} values", node)
        self._seen.add(id(node))

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_CORE)
        if kind == "str":
            return text
        # a tag may have been written out, on what is nothing of the kind
        if kind not in _TYPES or not _TYPES[kind][0].fullmatch(text):
            raise self._error('a word that begins with "!" is a tag in YAML; put it in quotes', node)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        return int(text) if kind == "int" else float(text)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        if node.tag != "tag:yaml.org,2002:map":
            raise self._error("tags are not understood here", node)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in data:
                raise self._error(f'the key "{shown(key)}" stands here twice', key_node)
            data[key] = self.build(value_node)
        return data

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error("a key must be a word", node)
        if node.tag != "tag:yaml.org,2002:str":
            raise self._error(f'the key "{shown(node.value)}" must be text; put it in quotes', node)
        return str(node.value)

    def _sequence(self, node: yaml.Node) -> list[Any]:
        if node.tag != "tag:yaml.org,2002:seq":
            raise self._error("tags are not understood here", node)
        return [self.build(item) for item in node.value]

    def _error(self, message: str, node: yaml.Node) -> ConfigurationError:
        return ConfigurationError(message, file=self._file, line=node.start_mark.line + 1)


def shown(key: str) -> str:
    """A key as it may be shown: without what follows a colon, where `password:secret` forgot its space."""
    head, colon, _ = key.partition(":")
    return head + (":…" if colon else "")


def _syntax(error: yaml.YAMLError, file: str) -> ConfigurationError:
    if not isinstance(error, yaml.MarkedYAMLError):
        return ConfigurationError("holds a character that YAML does not allow", "look for control characters", file)
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "is not YAML"
    if problem.startswith("found undefined"):  # names the word, which may be a password without its quotes
        problem = 'a word that begins with "*" or "!" means something to YAML; put it in quotes'
    return ConfigurationError(problem, file=file, line=mark.line + 1 if mark else 0)


def _child(node: yaml.Node | None, step: Step) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _problem(model: type[BaseModel], data: object, error: Mapping[str, Any], where: Where) -> tuple[str, int, str]:
    loc: tuple[Step, ...] = error["loc"]
    path, models = _follow(model, data, loc)
    file, line = where(path)
    name = str(loc[-1]) if loc else ""
    match error["type"]:
        case "extra_forbidden":
            path, models = _follow(model, data, loc[:-1])
            message = f'unknown key "{shown(name)}"{nearest(name, _names(models))}'
        case "missing":
            message = f'the key "{name}" is missing'
        case "string_type":
            message = "must be text" + ("; put it in quotes" if isinstance(error["input"], int | float) else "")
        case "tuple_type" | "list_type":
            message = "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = "must be keys and values"
        case _:
            message = re.sub(r"^(Value error, |Assertion failed, )", "", error["msg"])
            message = re.sub(r"^(Input|String|Value|List|Tuple) should", "must", message)
    dotted = ".".join(map(str, path))
    return file, line, f"{dotted}: {message}" if dotted else message


def _line(problem: tuple[str, int, str]) -> str:
    file, line, message = problem
    return f"{file}:{line}: {message}" if line else f"{file}: {message}"


def _follow(model: type[BaseModel], data: object, loc: Sequence[Step]) -> tuple[list[Step], list[type[BaseModel]]]:
    """The part of a pydantic location that exists in the data, and the models that may stand there.

    The rest are pydantic's own words, such as the tag of the member of a union that it tried.
    """
    path: list[Step] = []
    kinds: list[Any] = [model]
    for step in loc:
        if isinstance(data, dict) and step in data:
            kinds = [inner for kind in kinds for inner in _below(kind, str(step))]
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            kinds = [inner for kind in kinds for inner in _items(kind)]
            data = data[step]
        else:
            continue
        path.append(step)
    return path, [kind for kind in kinds if _is_model(kind)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _flat(annotation: Any) -> Iterator[Any]:
    """The members of a union, and anything else as it is."""
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _flat(member)
    elif hasattr(annotation, "__metadata__"):
        yield from _flat(get_args(annotation)[0])
    else:
        yield annotation


def _below(kind: Any, key: str) -> Iterator[Any]:
    if _is_model(kind):
        for name, field in kind.model_fields.items():
            if key in (name, field.alias):
                yield from _flat(field.annotation)
    elif len(arguments := get_args(kind)) == 2:
        yield from _flat(arguments[1])


def _items(kind: Any) -> Iterator[Any]:
    for argument in get_args(kind):
        yield from _flat(argument)


def _names(models: Iterable[type[BaseModel]]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}
