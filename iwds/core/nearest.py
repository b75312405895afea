"""What to say after a name that nobody knows."""

import difflib
from collections.abc import Iterable


def close(name: str, known: Iterable[str]) -> str:
    """The known name that this one looks like, as a question; nothing where none does."""
    found = difflib.get_close_matches(name.lower(), sorted(known), 1)
    return f' (did you mean "{found[0]}"?)' if found else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest known one, or the known ones, or nothing."""
    names = sorted(known)
    return close(name, names) or (f" (known: {', '.join(names)})" if names else "")
