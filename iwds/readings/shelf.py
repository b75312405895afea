"""Where captured readings are kept: a folder for its owner's eyes, and what is too old goes."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iwds.errors import UsageError
from iwds.readings.file import Reading

_NAME = re.compile(r".+-\d{8}T\d{6}Z-[0-9a-f]{8}\.reading")
_PART = re.compile(r"\.[0-9a-f]{16}\.part")
_ABANDONED = 2 * 86_400
"""Seconds after which a part of a file is nobody's any more: no plan takes so long."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """One reading on the shelf. `size` in bytes; `until` is when it may go."""

    id: str
    job: str
    taken: datetime
    people: int
    size: int
    until: datetime
    path: Path


def ready(folder: Path) -> Path:
    """The folder, made where it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used: {error.strerror}", "name another folder: readings: FOLDER"
        ) from error
    return folder


def file_name(job: str, taken: str, plan: str) -> str:
    """What a reading is called on the shelf."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', job)}-{taken}-{plan}.reading"


def listed(folder: Path, job: str | None = None) -> list[Shelved]:
    """What is on the shelf, of one job or of all, the latest first. Other files are passed over."""
    found = [each for each in _found(folder) if job is None or each.job == job]
    return sorted(found, key=lambda each: (each.taken, each.id), reverse=True)


def _found(folder: Path) -> Iterator[Shelved]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _NAME.fullmatch(path.name) or path.is_symlink():
            continue
        with suppress(UsageError, sqlite3.Error, OSError, KeyError, TypeError):
            yield shelved(path)


def shelved(path: Path) -> Shelved:
    """What a reading says of itself; `UsageError` where the file is none."""
    reading = Reading(path)
    try:
        taken, until = (datetime.fromisoformat(reading[name]) for name in ("taken_at", "until"))
        return Shelved(reading["id"], reading["job"], taken, reading["people"], path.stat().st_size, until, path)
    finally:
        reading.close()


def chosen(folder: Path, what: str | None, job: str | None = None) -> Path:
    """A reading by id, by a unique beginning of one, or by file; the latest of a job where nothing is named."""
    if what and Path(what).is_file():
        return Path(what)
    found = [each for each in listed(folder, None if what else job) if each.id.startswith(what or "")]
    if not found:
        named = f"there is no reading {what}" if what else f"no reading of {job} was captured"
        raise UsageError(named, "see: iwds readings" if what else f"capture one: iwds plan {job} --capture")
    if what and len(found) > 1:
        raise UsageError(f"{what} may be {' or '.join(each.id for each in found[:3])}", "type more of it")
    return found[0].path


def tidy(folder: Path, now: datetime) -> list[Shelved]:
    """Delete what was kept long enough, and what a run left behind that was killed; returns the readings."""
    gone = [each for each in listed(folder) if each.until <= now]
    for each in gone:
        each.path.unlink(missing_ok=True)
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and time.time() - os.lstat(path).st_mtime > _ABANDONED:
            path.unlink(missing_ok=True)
    return gone
