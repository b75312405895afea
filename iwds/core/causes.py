"""Why something is taken or given, as a closed list by which a refusal breaks its numbers down.

A cause is kept and counted as text: its value, for `RULE` and `OUT_OF_SCOPE` with the place of the rule behind it
(`rule staff.yaml:14`), so that people who share a cause are one number.
"""

from collections.abc import Mapping
from enum import StrEnum


class Cause(StrEnum):
    """Why somebody loses or gains something."""

    GONE = "gone"
    """Not found in the directory, by id neither."""
    DELETED = "deleted"
    """The directory shows that the entry was deleted."""
    NOT_READ = "not-read"
    """Not in the reading, and not looked for by id, or nobody could tell."""
    MOVED = "moved"
    """Found by id, outside base and filter."""
    DISABLED = "disabled"
    OUT_OF_SCOPE = "out-of-scope"
    """Read, and out of scope under rules that did not change."""
    RULE = "rule"
    """Only the changed configuration asks for it."""
    LEFT_GROUP = "left-group"
    LESS = "less"
    """A lower role."""
    RENAMED = "renamed"
    EMPTIED = "emptied"
    FEWER = "fewer"
    ORDERED = "ordered"
    JOINED = "joined"
    BACK = "back"
    GRANTED = "granted"
    EXPLAINED = "explained"
    MAILED = "mailed"


_WORDS: Mapping[Cause, str] = {
    Cause.GONE: "unseen  no longer in the directory, and not found by their id",
    Cause.DELETED: "seen    deleted in the directory (tombstone)",
    Cause.NOT_READ: "unseen  not in the reading, and not looked for by their id",
    Cause.MOVED: "unseen  still there, but outside base and filter",
    Cause.DISABLED: "seen    disabled or expired in the directory",
    Cause.OUT_OF_SCOPE: "seen    out of scope",
    Cause.RULE: "rule    only the changed configuration asks for it",
    Cause.LEFT_GROUP: "seen    no directory group puts them there any more",
    Cause.LESS: "seen    a lower role in the directory",
    Cause.RENAMED: "seen    renamed in the directory",
    Cause.EMPTIED: "seen    empty in the directory",
    Cause.FEWER: "fewer than in the last proven reading",
    Cause.ORDERED: "ordered by a named person",
    Cause.JOINED: "in the directory, no login yet",
    Cause.BACK: "enabled, or back in the directory",
    Cause.GRANTED: "a group or rule of the directory grants it",
    Cause.EXPLAINED: "one person explains the login",
    Cause.MAILED: "new logins get their link by mail",
}


def cause_text(cause: Cause, where: str = "") -> str:
    """A cause with the place of the rule behind it, as it is kept and counted."""
    return f"{cause.value} {where}".rstrip()


def cause_of_text(text: str) -> tuple[Cause, str]:
    """The two halves of `cause_text`; `ValueError` for anything else."""
    value, _, where = text.partition(" ")
    return Cause(value), where


def cause_words(text: str, since: str = "") -> str:
    """A kept cause as people read it; `since` is the run that the changed configuration is compared with.

    What is none, from a plan that an older version kept, is given back as it is.
    """
    try:
        cause, where = cause_of_text(text)
    except ValueError:
        return text
    if cause is Cause.RULE and where:
        return f"rule    {where} changed" + (f" since run {since}" if since else "")
    return f"{_WORDS[cause]} ({where})" if where else _WORDS[cause]
