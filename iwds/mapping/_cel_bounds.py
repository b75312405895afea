"""What an expression reads, and the most that it can cost: found in its tree, before it is ever evaluated.

CEL has no loop but over a list, yet a few dozen characters can double a text thirty times. Every function here says
how long its result can be; the work of an expression is the number of characters and items that it touches when every
attribute is as long as can be. What could cost too much is refused when the mapping is read. What is not listed here
is refused too, so that a later CEL library brings nothing in that nobody has bounded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from iwds.mapping._cel_tree import Node
from iwds.mapping.patterns import checked_pattern

LONGEST_TEXT = 1_024
"""Characters of a value of an attribute that an expression may read."""
MOST_VALUES = 1_024
LONGEST_LIST = 32_768
"""Characters of all values of an attribute, or of all names of groups."""
WORK = 64 * 1024 * 1024
"""Characters and items that an expression may touch; takes about a second."""
LARGEST = 8 * 1024 * 1024
"""Characters of any text or list on the way."""
COPY = 32
"""What it counts to copy one item: the library makes the list of a `map` or a `filter` anew for each item."""
DEEPEST = 3
"""Loops within loops."""


class Costly(ValueError):
    """What an expression may not do; `at` is where, in code points from 0."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Size:
    """The most that a value can be.

    Attributes:
        items: of a list or a map; 0 for anything else.
        longest: characters of the text, or of the longest one in the list.
        whole: characters in all.
    """

    items: float = 0
    longest: float = 0
    whole: float = 0


@dataclass(slots=True)
class Reads:
    """What an expression reads, as it is spelled there.

    Attributes:
        one: attributes as `entry.NAME`; `one_quoted`: as `entry["NAME"]`.
        many: attributes as `all.NAME`; `many_quoted`: as `all["NAME"]`.
        members: groups as `member["NAME"]`.
        others: which of `groups`, `dn` and `now`.
    """

    one: set[str] = field(default_factory=set)
    one_quoted: set[str] = field(default_factory=set)
    many: set[str] = field(default_factory=set)
    many_quoted: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


ENTRY, ALL, MEMBER, GROUPS, DN, NOW = "entry", "all", "member", "groups", "dn", "now"
NAMES = frozenset({ENTRY, ALL, MEMBER, GROUPS, DN, NOW})
_NOTHING = Size()
_SCALAR = Size(0, 64, 64)
"""A number, a moment, yes or no, and each of them as text."""
_ONE = Size(0, LONGEST_TEXT, LONGEST_TEXT)
_MANY = Size(MOST_VALUES, LONGEST_TEXT, LONGEST_LIST)
_OTHERS = {GROUPS: _MANY, DN: _ONE, NOW: _SCALAR}

Sized = Callable[..., Size]


def _text(length: float) -> Size:
    return Size(0, length, length)


def _grown(times: float) -> Sized:
    return lambda of, *_: replace(of, longest=of.longest * times, whole=of.whole * times)


def _either(*sizes: Size) -> Size:
    return Size(*(max(getattr(each, name) for each in sizes) for name in ("items", "longest", "whole")))


def _sum(one: Size, other: Size) -> Size:
    return Size(one.items + other.items, one.longest + other.longest, one.whole + other.whole)


def _joined(items: Size, separator: Size = _NOTHING) -> Size:
    return _text(items.whole + items.items * separator.whole)


_OPERATORS = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "-_", "_-_", "_*_", "_/_", "_%_")
_ABOUT_TEXT = (
    "@in",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "indexOf",
    "lastIndexOf",
    "int",
    "double",
)
_MOMENTS = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours")
_OTHER = ("getMinutes", "getSeconds", "timestamp", "duration", "moment", "bool", "@not_strictly_false")
_OF_SCALARS = (*_OPERATORS, *_ABOUT_TEXT, *_MOMENTS, *_OTHER)
"""Functions that give a number, a moment, or yes or no."""

_SIZES: Mapping[str, Sized] = {
    **dict.fromkeys(("lowerAscii", "upperAscii", "trim", "substring", "charAt"), _grown(1)),
    **dict.fromkeys(("lower", "upper"), _grown(3)),
    "transliterate": _grown(32),
    "_+_": _sum,
    "_?_:_": lambda _, one, other: _either(one, other),
    "_[_]": lambda of, _: _text(of.longest),
    "split": lambda of, *_: Size(of.whole + 1, of.whole, of.whole),
    "join": _joined,
    "string": lambda of: _either(_SCALAR, of),
    **dict.fromkeys(
        _OF_SCALARS,
        lambda *_: _SCALAR,
    ),
}
"""The most that a function gives for arguments of these sizes; `replace` and loops stand below."""
FUNCTIONS = frozenset({*filter(str.isalpha, _SIZES), "replace", "exists", "exists_one", "filter", "map"})
"""What people may call by its name."""


@dataclass(frozen=True, slots=True)
class _Cost:
    work: float
    size: Size


class Walk:
    """Goes through a tree once, gathers what it reads, and adds up what it can cost. Raises `Costly`."""

    def __init__(self, groups: bool) -> None:
        self.reads = Reads()
        self._groups = groups

    def work(self, node: Node) -> float:
        """The most that the expression can touch; refuses what is too much."""
        work = self._cost(node, {}, 0).work
        if work > WORK:
            raise Costly(node.at, "could take too long: do less at once")
        return work

    def _cost(self, node: Node, bound: Mapping[str, Size], depth: int) -> _Cost:
        if (read := self._read(node, bound)) is not None:
            return _Cost(1, read)
        match node.kind:
            case "text" | "constant":
                return _Cost(1, _text(len(node.text)) if node.kind == "text" else _SCALAR)
            case "name":
                return _Cost(1, bound[node.text])
            case "loop":
                return self._loop(node, bound, depth)
            case "has":
                raise Costly(node.at, 'what is absent is the empty text here: compare with ""')
            case "select":
                raise Costly(node.at, f'".{node.text}" goes with "entry" and "all" only')
        parts = [self._cost(part, bound, depth) for part in node.parts]
        size = _bounded(node, self._size(node, [part.size for part in parts]))
        return _Cost(sum(part.work + part.size.whole for part in parts) * self._effort(node) + size.whole + 1, size)

    def _effort(self, node: Node) -> float:
        """How often a text is gone through: for a pattern once for each of its characters."""
        if node.text != "matches":
            return 1
        pattern = node.parts[-1]
        if pattern.kind != "text":
            raise Costly(pattern.at, "a pattern must be written out")
        try:
            return len(checked_pattern(pattern.text)) + 1
        except ValueError as error:
            raise Costly(pattern.at, f"in the pattern, {error}") from None

    def _size(self, node: Node, sizes: list[Size]) -> Size:
        if node.kind in ("list", "map"):
            if any(size.items for size in sizes):
                raise Costly(node.at, "a list within a list is not understood")
            return Size(len(sizes), max((size.longest for size in sizes), default=0), sum(s.whole for s in sizes))
        if node.text == "replace":
            return _replaced(node, sizes)
        if node.text not in _SIZES:
            raise Costly(node.at, f'"{node.text}" is not understood here')
        return _SIZES[node.text](*sizes)

    def _loop(self, node: Node, bound: Mapping[str, Size], depth: int) -> _Cost:
        if depth == DEEPEST:
            raise Costly(node.at, f"loops within loops are {DEEPEST} deep at most")
        if clash := NAMES & {node.text, *node.more}:
            raise Costly(node.at, f'"{min(clash)}" means something else already')
        over, start, condition, step, _ = node.parts
        ranged, init = self._cost(over, bound, depth), self._cost(start, bound, depth)
        inner = {**bound, **dict.fromkeys(node.more, init.size)}

        def once(length: float) -> _Cost:
            names = {**inner, node.text: _text(length)}
            each = self._cost(step, names, depth + 1)
            return _Cost(each.work + self._cost(condition, names, depth + 1).work, each.size)

        return self._repeated(node, ranged, once)

    def _repeated(self, node: Node, ranged: _Cost, once: Callable[[float], _Cost]) -> _Cost:
        """A step for every item. What it costs grows with the item no faster than along the chord, since each bound is
        convex; so the whole is told by the items' number and their length in all."""
        none, most, size = once(0), once(ranged.size.longest), ranged.size
        share = size.whole / size.longest if size.longest else 0
        work = size.items * none.work + (most.work - none.work) * share
        whole = size.items * none.size.whole + (most.size.whole - none.size.whole) * share
        made = Size(size.items * most.size.items, most.size.longest, whole)
        copied = COPY * size.items * made.items / 2
        return _Cost(ranged.work + work + size.items + copied + whole, _bounded(node, made))

    def _read(self, node: Node, bound: Mapping[str, Size]) -> Size | None:
        """What a reference to a person reads, or None where the node is none."""
        base, name, quoted = _reference(node)
        if base is None or base in bound:
            return None
        if base in (ENTRY, ALL) and name:
            attributes = {
                ENTRY: (self.reads.one, self.reads.one_quoted),
                ALL: (self.reads.many, self.reads.many_quoted),
            }
            attributes[base][quoted].add(name)
            return _ONE if base == ENTRY else _MANY
        if base == MEMBER and name and quoted:
            self.reads.members.add(name)
            return _SCALAR
        if base in _OTHERS and node.kind == "name":
            return self._other(node, base)
        raise Costly(node.at, _WANTED.get(base, f'"{base}" is not understood here'))

    def _other(self, node: Node, base: str) -> Size:
        if base == GROUPS and not self._groups:
            raise Costly(node.at, _UNCOUNTED)
        self.reads.others.add(base)
        return _OTHERS[base]


_WANTED = {
    ENTRY: '"entry" goes with the name of an attribute: entry.givenName or entry["msDS-name"]',
    ALL: '"all" goes with the name of an attribute: all.proxyAddresses',
    MEMBER: '"member" goes with the name of a group: member["VPN Users"]',
}
_UNCOUNTED = (
    'a condition asks for groups by name, as member["NAME"], or by "group: {matches: PATTERN}", so that one that cannot'
    " be read is noticed"
)


def _reference(node: Node) -> tuple[str | None, str, bool]:
    """The name at the head of `head`, `head.name` or `head["name"]`, the name behind, and whether it is quoted."""
    if node.kind == "name":
        return node.text, "", False
    if not node.parts or node.parts[0].kind != "name":
        return None, "", False
    head = node.parts[0].text
    if node.kind == "select":
        return head, node.text, False
    if node.kind == "call" and node.text == "_[_]" and head in NAMES - {GROUPS}:
        key = node.parts[1]
        return head, key.text if key.kind == "text" else "", True
    return None, "", False


def _bounded(node: Node, size: Size) -> Size:
    if size.whole > LARGEST:
        raise Costly(node.at, "could make too long a text: do less at once")
    return size


def _replaced(node: Node, sizes: list[Size]) -> Size:
    text, found, put = sizes[:3]
    if node.parts[1].kind == "text" and found.whole:
        return _text(text.whole * max(1, put.whole / found.whole) + put.whole)
    return _text((text.whole + 1) * (put.whole + 1))
