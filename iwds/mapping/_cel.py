"""The one door to the CEL library: expressions are checked here when a mapping is read, and made ready to be evaluated.

The library is loaded only where a mapping has an expression.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from iwds.mapping._cel_bounds import ALL, DN, ENTRY, GROUPS, MEMBER, NOW, Costly, Reads, Walk
from iwds.mapping._cel_tree import tree
from iwds.mapping._cel_words import failure_words, mistake_words, type_words
from iwds.mapping.letters import transliterated
from iwds.mapping.moments import any_moment

LONGEST = 4_096
"""Characters of the source of an expression."""
Wanted = Literal["STRING", "BOOL"]
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that may be evaluated: its source, what it reads, and the most that it can touch."""

    source: str
    reads: Reads
    work: float


def checked_text(source: str) -> str:
    """The source, if it is an expression that gives text; raises `ValueError` with the column of what is wrong."""
    checked(source, "STRING")
    return source


def checked_condition(source: str) -> str:
    """The source, if it is an expression that gives yes or no; raises `ValueError` with the column."""
    checked(source, "BOOL")
    return source


@lru_cache(maxsize=1_024)
def checked(source: str, wanted: Wanted) -> Checked:
    """What is to be known of an expression before it runs; raises `ValueError` with the column of what is wrong."""
    if len(source) > LONGEST:
        raise ValueError(f"an expression has {LONGEST:,} characters at most")
    expression = _compiled(source)
    given = expression.return_type().name()
    if given != wanted:
        raise ValueError(f"must give {type_words(wanted)}, and gives {type_words(given)}")
    walk = Walk(groups=wanted == "STRING")
    try:
        return Checked(source, walk.reads, walk.work(tree(expression.serialize())))
    except Costly as error:
        before = source[: error.at].split("\n")
        raise ValueError(f"{_place(len(before), len(before[-1]) + 1)}: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def program(source: str, reads: Reads) -> Any:
    """An expression that is ready to be evaluated, with a variable of its own for each attribute, which is quickest."""
    from cel_expr_python import cel

    text, texts = cel.Type.STRING, cel.Type.List(cel.Type.STRING)
    variables = {
        **{f"{ENTRY}.{name}": text for name in reads.one},
        **{f"{ALL}.{name}": texts for name in reads.many},
    }
    return _environment({**_variables(), **variables}).compile(source)


def failure(message: str) -> str:
    """What the library says of an error while it evaluates, in words."""
    return failure_words(_CODE.sub("", _CODE.sub("", message)))


def _compiled(source: str) -> Any:
    try:
        return _checking().compile(source)
    except RuntimeError as error:
        found = _ERROR.search(str(error))
        if found is None:  # the only one without a place
            raise ValueError("is nested too deeply, or has too many operators in a row") from None
        line, column = int(found[1]), int(found[2])
        message = _CODE.sub("", found[3].partition(" (in container")[0])
        told = mistake_words(message, source.split("\n")[line - 1], column)
        raise ValueError(f"{_place(line, column)}: {told}") from None


def _place(line: int, column: int) -> str:
    return f"line {line}, column {column}" if line > 1 else f"column {column}"


@lru_cache(maxsize=1)
def _checking() -> Any:
    return _environment(_variables())


def _variables() -> dict[str, Any]:
    from cel_expr_python import cel

    kind = cel.Type
    texts = kind.List(kind.STRING)
    return {
        ENTRY: kind.Map(kind.STRING, kind.STRING),
        ALL: kind.Map(kind.STRING, texts),
        MEMBER: kind.Map(kind.STRING, kind.BOOL),
        GROUPS: texts,
        DN: kind.STRING,
        NOW: kind.TIMESTAMP,
    }


def _environment(variables: Mapping[str, Any]) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_strings

    text, moment = cel.Type.STRING, cel.Type.TIMESTAMP
    ours = {"lower": str.lower, "upper": str.upper, "transliterate": transliterated}
    functions = [
        cel.FunctionDecl(name, [cel.Overload(f"iwds_{name}", text, [text], True, act)]) for name, act in ours.items()
    ]
    functions.append(cel.FunctionDecl("moment", [cel.Overload("iwds_moment", moment, [text], False, _moment)]))
    return cel.NewEnv(variables=variables, extensions=[ext_strings.ExtStrings()], functions=functions)


def _moment(text: str) -> Any:
    found = any_moment(text.strip())
    if found is None:
        raise ValueError(f'"{text}" is no moment')
    return found
