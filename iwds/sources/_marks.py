"""Marks: from where on a directory is to tell what changed, and everything on which the sense of this depends."""

import hashlib
import json
from collections.abc import Mapping

from iwds.errors import MarkLost


def sealed(bound: Mapping[str, str], at: str) -> str:
    """A mark for a place in a directory's history.

    Args:
        bound: what has to be the same when it is used again, each by what it is called in the middle of a sentence.
        at: the place, as the directory says it.
    """
    return json.dumps({"bound": dict(bound), "at": at}, sort_keys=True, ensure_ascii=False)


def opened(mark: str, bound: Mapping[str, str]) -> str:
    """The place that a mark is of. Raises `MarkLost` where it is garbage, or bound to anything else than this."""
    try:
        said = json.loads(mark)
        was, at = said["bound"], said["at"]
        if not isinstance(was, dict) or not isinstance(at, str) or not at:
            raise ValueError(at)
    except (ValueError, LookupError, TypeError):
        raise MarkLost("What was kept to go on from is no mark.") from None
    for what in sorted({*was, *bound}):
        if was.get(what) != bound.get(what):
            raise MarkLost(f"What was kept to go on from belongs to another {what}.")
    return at


def question(*parts: object) -> str:
    """What is asked, so short that it fits into a mark, and another text for whatever else is asked."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
