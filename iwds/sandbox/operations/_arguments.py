"""What the operations share: their arguments, checked, and the refusal."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeAlias

from iwds.sandbox.post import Letter
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Result

MAX_PAGE = 1000
DEFAULT_PAGE = 100

Operate: TypeAlias = Callable[[Store, Arguments], Result | str | Letter]
"""An operation. A letter is an answer that waits until the mail is sent."""


class Nok(Exception):
    """The operation was refused; `text` is the result code."""

    def __init__(self, cause: str = "") -> None:
        self.text = f"NOK:{cause}" if cause else "NOK"
        super().__init__(self.text)


def number(arguments: Arguments, name: str) -> int:
    value = arguments[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is no number")
    return value


def text_of(arguments: Arguments, name: str) -> str:
    """A text; one that was missing is as good as an empty one."""
    return str(arguments[name] or "")


def one_of(arguments: Arguments, name: str, allowed: Iterable[int]) -> int:
    value = number(arguments, name)
    if value not in allowed:
        raise Nok("SN")
    return value


def window(arguments: Arguments) -> tuple[int, int]:
    """Offset and number of lines; 0 lines mean the default."""
    offset, lines = number(arguments, "offset"), number(arguments, "nmax")
    if offset < 0 or lines < 0:
        raise Nok("SN")
    return offset, min(lines or DEFAULT_PAGE, MAX_PAGE)


def known_login(store: Store, arguments: Arguments) -> sqlite3.Row:
    row = store.login(number(arguments, "loginid"))
    if row is None:
        raise Nok("account unknown")
    return row


def known_group(store: Store, arguments: Arguments) -> int:
    group_id = number(arguments, "groupid")
    if not store.has_group(group_id):
        raise Nok
    return group_id
