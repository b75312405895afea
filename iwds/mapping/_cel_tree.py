"""What a checked expression consists of, read from the bytes that the CEL library makes of it.

The library shows no tree. What it serialises is `cel.expr.CheckedExpr` of the CEL specification, in the wire format of
protocol buffers; the field numbers below are those of its `checked.proto` and `syntax.proto`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "constant", "name", "select", "has", "call", "list", "map", "loop"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node of an expression.

    Attributes:
        at: its place in the source, in code points from 0.
        text: the text of a text constant; the name of a name, a field, a function, or the variable of a loop.
        parts: what it is made of: the operand, the arguments (the target first), items, keys and values in turn; of a
            loop the range, the start, the condition, the step and the result.
        more: names that a loop binds besides.
    """

    kind: Kind
    at: int
    text: str = ""
    parts: tuple["Node", ...] = ()
    more: tuple[str, ...] = ()


def tree(serialized: bytes) -> Node:
    """The tree in what `Expression.serialize()` gave."""
    checked = _fields(_one(_fields(serialized), 2))
    source = _fields(_one(checked, 5))
    places = dict(_place(each) for each in _all(source, 4))
    return _node(_one(checked, 4), places)


_Field = tuple[int, int | bytes]


def _fields(data: bytes) -> list[_Field]:
    found: list[_Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            found.append((number, value))
        else:
            # 1: eight bytes, a double; 2: as long as it says. The messages of an expression have no other.
            length, at = _varint(data, at) if wire == 2 else (8, at)
            found.append((number, data[at : at + length]))
            at += length
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _all(fields: list[_Field], number: int) -> Iterator[bytes]:
    return (value for each, value in fields if each == number and isinstance(value, bytes))


def _one(fields: list[_Field], number: int) -> bytes:
    return next(_all(fields, number), b"")


def _number(fields: list[_Field], number: int) -> int:
    return next((value for each, value in fields if each == number and isinstance(value, int)), 0)


def _word(fields: list[_Field], number: int) -> str:
    return _one(fields, number).decode()


def _place(entry: bytes) -> tuple[int, int]:
    fields = _fields(entry)
    return _number(fields, 1), _number(fields, 2)


def _node(data: bytes, places: dict[int, int]) -> Node:
    fields = _fields(data)
    at = places.get(_number(fields, 2), 0)
    ((kind, inner),) = [(each, value) for each, value in fields if each != 2 and isinstance(value, bytes)]
    body = _fields(inner)

    def parts(*numbers: int) -> tuple[Node, ...]:
        return tuple(_node(each, places) for number in numbers for each in _all(body, number))

    match kind:
        case 3:
            is_text = any(number == 6 for number, _ in body)
            return Node("text" if is_text else "constant", at, _word(body, 6))
        case 4:
            return Node("name", at, _word(body, 1))
        case 5:
            return Node("has" if _number(body, 3) else "select", at, _word(body, 2), parts(1))
        case 6:
            return Node("call", at, _word(body, 2), parts(1, 3))
        case 7:
            return Node("list", at, "", parts(1))
        case 8:
            entries = [_fields(each) for each in _all(body, 2)]
            pairs = (_node(_one(entry, number), places) for entry in entries for number in (3, 4))
            return Node("map", at, _word(body, 1), tuple(pairs))
        case _:
            bound = (_word(body, 1), _word(body, 3), _word(body, 8))
            return Node("loop", at, bound[0], parts(2, 4, 5, 6, 7), bound[1:])
