"""Values of the core as plain data and back, by the types that they are declared with."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def plain(value: Any) -> Any:
    """JSON-ready data; `back` makes an equal value of it. Keys of mappings become text."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    if isinstance(value, tuple | list):
        return list(map(plain, value))
    return value


def back(kind: Any, data: Any) -> Any:
    """The value of a declared type that `plain` made this of; a field that is missing has its default."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (only,) = (each for each in inner if each is not NoneType)
        return None if data is None else back(only, data)
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: back(each, data[name]) for name, each in _fields(kind) if name in data})
    if isinstance(kind, type) and issubclass(kind, datetime):
        return datetime.fromisoformat(data)
    if isinstance(kind, type) and issubclass(kind, timedelta):
        return timedelta(seconds=data)
    return _many(origin, inner, data) if origin else kind(data)


def _many(origin: Any, inner: tuple[Any, ...], data: Any) -> Any:
    if issubclass(origin, Mapping):
        return {back(inner[0], key): back(inner[1], each) for key, each in data.items()}
    if origin is frozenset:
        return frozenset(back(inner[0], each) for each in data)
    if inner[-1] is ...:
        return tuple(back(inner[0], each) for each in data)
    return tuple(back(each, one) for each, one in zip(inner, data, strict=True))


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(kind).items())
