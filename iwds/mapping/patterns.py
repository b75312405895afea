"""Regular expressions in time that grows with the text alone, through RE2: no pattern and no text can make one hang.

RE2 is loaded only where a mapping has a pattern.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

LONGEST = 1_000
"""Characters of a pattern."""
_REFERENCE = re.compile(r"\\(.?)", re.DOTALL)


def checked_pattern(pattern: str) -> str:
    """The pattern, if it is one; raises `ValueError` with the column of what is wrong."""
    compiled(pattern)
    return pattern


def checked_replacement(find: str, replacement: str) -> str:
    r"""The replacement, if `\1` and its like refer to groups of the pattern; raises `ValueError` with the column."""
    groups = int(compiled(find).groups)
    for found in _REFERENCE.finditer(replacement):
        if found[1] != "\\" and not (found[1].isdigit() and int(found[1]) <= groups):
            raise ValueError(f'column {found.start() + 1}: "{found[0]}" is none of the {groups} groups of "find"')
    return replacement


@lru_cache(maxsize=1_024)
def compiled(pattern: str, *, folded: bool = False) -> Any:
    """The pattern as RE2 has it; `folded` pays no regard to case. Raises `ValueError` with a column."""
    import re2

    options = re2.Options()
    options.log_errors, options.case_sensitive = False, not folded
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern has {LONGEST} characters at most")
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_told(error.args[0].decode("utf-8", "replace"), pattern)) from None


@lru_cache(maxsize=1_024)
def searching(pattern: str) -> Callable[[str], bool]:
    """Whether a text holds what the pattern means, without regard to case."""
    search = compiled(pattern, folded=True).search
    return lambda text: search(text) is not None


def _told(message: str, pattern: str) -> str:
    """What RE2 says, with the column of the part that it names: of a group that is not closed where it begins."""
    told, _, part = message.partition(": ")
    place = pattern.find(part) + 1 if part and pattern.count(part) == 1 else 0
    where = f"column {place}: " if place else ""
    what = "backreferences are not understood" if "escape" in told and part[1:].isdigit() else f"{told}: {part}"
    return f"{where}{what}"
