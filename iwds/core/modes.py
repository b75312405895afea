"""What of a person's fields is written to a login, and what is left as the service has it.

    mode          the source has a value               the source is empty
    always        written                              emptied
    if-empty      written where the service is empty   left
    never-clear   written                              left

Emptying has to be asked for: every field but the role is `never-clear` where nothing else is said. A role is never
empty; a plain user counts as that, so that `never-clear` takes nobody down to it, and `if-empty` raises only those.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from iwds.core.model import Account, Login, Mode
from iwds.core.normal import parse_extra

MODED = ("firstname", "name", "mail", "phone", "role")
"""The fields that have a mode, beside the keys of the extra fields."""
_UNLESS_SAID = {"role": Mode.ALWAYS}


def mode_of(field: str, modes: Mapping[str, Mode]) -> Mode:
    """The mode of a field, or of `extra KEY`, among these."""
    return modes.get(field) or _UNLESS_SAID.get(field, Mode.NEVER_CLEAR)


def is_left(want: object, held: object, mode: Mode) -> bool:
    """Whether a field that is wanted so is left as the service has it; a `held` of None was not read."""
    if mode is Mode.ALWAYS:
        return False
    return not want or (mode is Mode.IF_EMPTY and bool(held))


def governed(account: Account, login: Login) -> Account:
    """The account as far as it says anything about this login: what is left as it is counts as not governed."""
    modes = dict(account.modes)
    left: dict[str, Any] = {
        name: None
        for name in MODED
        if (want := getattr(account, name)) is not None and is_left(want, getattr(login, name), mode_of(name, modes))
    }
    extra = tuple(_extra(account, login.extra, modes)) if account.extra else ()
    return replace(account, **left, extra=extra) if left or extra != account.extra else account


def _extra(account: Account, raw: str | None, modes: Mapping[str, Mode]) -> Iterator[tuple[str, str]]:
    held = (None if raw is None else parse_extra(raw)) or {}
    for key, want in account.extra:
        if not is_left(want, held.get(key), mode_of(f"extra {key}", modes)):
            yield key, want
