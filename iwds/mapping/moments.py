"""Moments as directories write them, and as a mapping names them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from iwds.core.directory import NEVER, generalized_time

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_WHOLE = re.compile(r"[0-9]{1,19}")
_FILETIME = re.compile(r"0|[0-9]{17,19}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].{1,40})?", re.ASCII)
_RELATIVE = re.compile(r"now(?:\s*([+-])\s*([0-9]{1,5})\s*([mhdw]))?", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DIRECTIVES = re.compile("%(.?)", re.DOTALL)
_FORMATS = {"Y": "04d", "m": "02d", "d": "02d", "H": "02d", "M": "02d", "S": "02d"}
_PARTS = {"Y": "year", "m": "month", "d": "day", "H": "hour", "M": "minute", "S": "second"}

Moment = datetime | None
"""None means never."""


def read_filetime(text: str) -> Moment:
    """Steps of 100 nanoseconds since 1601, as Active Directory counts; 0 and the largest number mean never."""
    number = _whole(text)
    return None if number in NEVER else _filetime(number)


def read_generalized(text: str) -> Moment:
    """GeneralizedTime, as LDAP writes it."""
    moment = generalized_time(text)
    if moment is None:
        raise ValueError(f'"{text[:60]}" is no moment such as 20261231120000Z')
    return moment


def read_iso(text: str) -> Moment:
    """ISO 8601: a day, or a moment; UTC where it says nothing else."""
    if not _ISO.fullmatch(text):
        raise ValueError(f'"{text[:60]}" is no date such as 2026-12-31')
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'"{text[:60]}" is no date such as 2026-12-31') from None


def read_days(text: str) -> Moment:
    """Days since 1970, as shadowAccount counts; -1 means never."""
    try:
        return None if text == "-1" else _UNIX_EPOCH + timedelta(days=_whole(text))
    except OverflowError:
        raise ValueError(f'"{text}" is no number of days') from None


READERS: dict[str, Callable[[str], Moment]] = {
    "filetime": read_filetime,
    "generalized": read_generalized,
    "iso": read_iso,
    "days": read_days,
}
"""By the word in a mapping. Each takes text without space around it and raises `ValueError` with what it wants."""


def any_moment(text: str) -> Moment:
    """A moment in whichever way it is written; a number of 17 digits or more is one of Active Directory's.

    The largest number there is, which means never, is the end of all time here; 0 is no moment at all. Raises
    `ValueError` for anything else.
    """
    if _FILETIME.fullmatch(text):
        number = int(text)
        return (_LAST if number else None) if number in NEVER else _filetime(number)
    return read_iso(text) if "-" in text[:5] else read_generalized(text)


def relative(text: str) -> Callable[[datetime], datetime]:
    """What `now`, `now+30d` or a date means, as a function of now. Raises `ValueError`."""
    found = _RELATIVE.fullmatch(text.strip())
    if found is None:
        return _fixed(text.strip())
    ahead = timedelta(**{_UNITS[found[3]]: int(found[2])}) if found[1] else timedelta()
    return lambda now: now - ahead if found[1] == "-" else now + ahead


def _fixed(text: str) -> Callable[[datetime], datetime]:
    try:
        moment = read_iso(text) or _LAST
    except ValueError:
        raise ValueError('must be "now", "now+30d", "now-12h" or a date such as 2026-12-31') from None
    return lambda _: moment


def checked_format(form: str) -> str:
    """The form of a date, if it is one; raises `ValueError` with the column of what is wrong."""
    for found in _DIRECTIVES.finditer(form):
        if found[1] not in {*_PARTS, "%"}:
            known = " ".join(f"%{each}" for each in (*_PARTS, "%"))
            raise ValueError(f'column {found.start() + 1}: "{found[0]}" is not one of {known}')
    return form


def formatted(moment: datetime, form: str) -> str:
    """A moment in UTC, in a form as `checked_format` lets it pass."""
    return _DIRECTIVES.sub(lambda found: _part(moment, found[1]), form)


def _filetime(number: int) -> datetime:
    try:
        return _FILETIME_EPOCH + timedelta(microseconds=number // 10)
    except OverflowError:
        raise ValueError(f'"{number}" lies beyond the year 9999') from None


def _part(moment: datetime, letter: str) -> str:
    return "%" if letter == "%" else format(getattr(moment, _PARTS[letter]), _FORMATS[letter])


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'"{text[:60]}" is no whole number')
    return int(text)
