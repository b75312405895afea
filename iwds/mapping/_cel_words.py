"""What the CEL library says of a mistake, in words of people who write mappings and need not know its grammar.

What is not known here keeps the library's own words, in parentheses.
"""

import re
from collections.abc import Callable, Sequence

from iwds.core.nearest import close
from iwds.mapping._cel_bounds import FUNCTIONS

_TYPES = {
    "string": "text",
    "bool": "yes or no",
    "int": "a whole number",
    "uint": "a whole number",
    "double": "a number",
    "bytes": "bytes",
    "timestamp": "a moment",
    "google.protobuf.Timestamp": "a moment",
    "duration": "a length of time",
    "google.protobuf.Duration": "a length of time",
    "null_type": "null",
}
_BEHIND = FUNCTIONS - {"size", "int", "double", "string", "bool", "timestamp", "duration", "moment"}
"""Functions that are written behind what they are about."""
_WORDS_FOR = {"and": "&&", "or": "||", "not": "!", "=": "==", "<>": "!=", "&": "&&", "|": "||"}
"""What people write who know another language -> what it is here."""
_COMPARING = ("==", "!=", "<", "<=", ">", ">=")


_QUOTES = "'\""


def type_words(name: str) -> str:
    """A type of the library in words."""
    name = name.lower() if name.isupper() else name
    if name.startswith(("list", "map")):
        return "a list" if name.startswith("list") else "a table"
    return _TYPES.get(name, name)


def mistake_words(message: str, line: str, column: int) -> str:
    """What is wrong with an expression.

    Args:
        message: what the library says, without place and code.
        line: the line of the expression that it speaks of.
        column: where in it, from 1.
    """
    rest = line[column - 1 :]
    before = line[: column - 1]
    for pattern, told in _MISTAKES:
        if found := pattern.match(message):
            return told(found, before, rest)
    return f"is not understood ({message})"


def failure_words(message: str) -> str:
    """Why an expression gives nothing for somebody."""
    for pattern, told in _FAILURES:
        if found := pattern.search(message):
            return found.expand(told)
    return f"cannot be worked out ({message})"


def _undeclared(found: re.Match[str], before: str, rest: str) -> str:
    name = found[1]
    if not rest.startswith("("):
        first = name.partition(".")[0]
        return f'"{first}" is not known: an attribute is entry.{first}, and all.{first} is every value of it'
    behind = before.removesuffix(name).rstrip().endswith(".")
    if name not in FUNCTIONS:
        return f'there is no function "{name}"{close(name, FUNCTIONS)}'
    if not behind and name in _BEHIND:
        return f'"{name}" stands behind what it is about, as in entry.uid.{name}(...)'
    return f'"{name}" does not go with what stands before it or in its parentheses'


def _overload(found: re.Match[str], _before: str, _rest: str) -> str:
    name, given = found[1], [type_words(each) for each in _types(found[2])]
    if name == "_?_:_":
        return _choice(given)
    if name == "_[_]":
        return f"[...] takes one of a list; this is {given[0]}"
    operator = name.strip("_@")
    return f'"{operator}" does not go with {" and ".join(given)}' + _advice(operator, given)


def _choice(given: Sequence[str]) -> str:
    if given[0] != "yes or no":
        return f'before "?" stands a question that is answered yes or no; this is {given[0]}'
    return f'both sides of ":" must be of one kind; these are {given[1]} and {given[2]}'


def _advice(operator: str, given: Sequence[str]) -> str:
    if operator == "in":
        return ': a list stands behind it, as in entry.uid in ["ann", "bob"]'
    if operator == "+" and "text" in given and "a whole number" in given:
        return ": string(...) makes text of a number"
    if operator in _COMPARING and "text" in given:
        moment = "a moment" in given
        return ": moment(...) makes a moment of text" if moment else ": int(...) makes a whole number of text"
    return ""


def _types(listed: str) -> list[str]:
    """The types in a list of them; what they are made of is left out."""
    while "(" in listed:
        listed = re.sub(r"\([^()]*\)", "", listed)
    return [each.strip() for each in listed.split(",")]


def _unexpected(found: re.Match[str], _before: str, _rest: str) -> str:
    what = found[1]
    if what == "<EOF>":
        awaited = re.fullmatch(r"'(.+)'", found[2])
        return "ends too early" + (f': "{awaited[1]}" is missing' if awaited else "")
    if what in _WORDS_FOR:
        return f'"{what}" is not known here: write {_WORDS_FOR[what]}'
    return f'"{what.strip(_QUOTES)}" cannot stand here'


def _unreadable(found: re.Match[str], _before: str, rest: str) -> str:
    what = found[1].strip()
    if what[0] in _QUOTES:
        return "here begins a text that does not end, or holds a \\ with a letter that means nothing behind it"
    return _unexpected(re.match("(.+)()", what) or found, "", rest)


def _reserved(found: re.Match[str], _before: str, _rest: str) -> str:
    choice = ": a choice is QUESTION ? THIS : THAT" if found[1] in ("if", "else") else ""
    return f'"{found[1]}" is not known here{choice}'


_Told = Callable[[re.Match[str], str, str], str]


def _as(told: str) -> _Told:
    return lambda found, _before, _rest: found.expand(told)


_MISTAKES: Sequence[tuple[re.Pattern[str], _Told]] = [
    (re.compile(pattern), told)
    for pattern, told in (
        (r"undeclared reference to '(.+)'", _undeclared),
        (r"found no matching overload for '(.+)' applied to '\((.*)\)'", _overload),
        (r"missing '(.+)' at '<EOF>'", _as(r'ends too early: "\1" is missing')),
        (r"missing '(.+)' at '(.+)'", _as(r'"\1" is missing before "\2"')),
        (r"(?:mismatched|extraneous) input '(.+?)' expecting (.+)", _unexpected),
        (r"token recognition error at: '(.+)'", _unreadable),
        (r"no viable alternative at input '(.+)'", _as(r'something is missing at "\1"')),
        (r"reserved identifier: (.+)", _reserved),
        (r"invalid int literal", _as("this number is too large")),
        (
            r"expression of type '(.+)' cannot be the operand of a select",
            lambda found, _before, _rest: f'nothing of {type_words(found[1])} can be named behind a "."',
        ),
        (r"has\(\) argument must be", _as('what is absent is the empty text here: compare with ""')),
    )
]

_FAILURES = [
    (re.compile(pattern), told)
    for pattern, told in (
        (r"^(.* is no moment.*)$", r"\1"),
        (r"Index error: index=(-?\d+) size=0$", "asks for one of a list that is empty"),
        (r"Index error: index=(-?\d+) size=(\d+)", r"asks for number \1 of a list of \2, counted from 0"),
        (r"Key not found in map : (.+)", r"has no line for \1 in its table"),
        (r"(?:divide|modulus) by zero", "divides by zero"),
        (r"cannot convert string to (?:int|uint)", "int(...) got a text that is no whole number"),
        (r"cannot convert string to double", "double(...) got a text that is no number"),
        (r"from 'string' to 'bool'", "bool(...) got a text that is neither true nor false"),
        (
            r"String to Timestamp conversion failed",
            "timestamp(...) got a text that is no moment such as 2026-12-31T00:00:00Z",
        ),
        (r"String to Duration conversion failed", "duration(...) got a text that is no length of time such as 72h"),
        (r"<string>\.charAt", "asks for a character behind the end of a text"),
        (r"<end> is less than <start>", "takes a part of a text that ends before it begins"),
        (
            r"<start>.* is less than 0",
            "takes a part of a text from before its beginning: what was looked for is not in it",
        ),
        (r"<string>\.substring", "takes a part of a text that is shorter"),
        (r"overflow|out of int64 range|above maximum|below minimum", "comes to more than a number or a moment can be"),
        (r"Invalid timezone", "names a time zone that does not exist"),
        (r"malformed UTF-8", "makes text of bytes that are none"),
        (r"(?i)iteration|budget", "takes too many steps"),
    )
]
