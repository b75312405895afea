"""By what a file proves that it is whole: an export that broke off is a correct file, and says so by nothing else."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from iwds.errors import SourceUnavailable
from iwds.settings import Span
from iwds.sources._file import Stamp

UNPROVEN = "and is not proven to be complete"
_MOST = 1 << 20
"""Characters that are read of a file with checksums."""
_AHEAD = timedelta(minutes=5)
"""So far may the clock of whoever wrote the file be ahead of ours."""
_WORD = re.compile(r"[^\W\d_]+")
_CHECKSUM = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))
PROVE = "Configure `complete:` (a trailer, a count or a checksum), or export the file again."


class Complete(BaseModel):
    """How a file proves that it is whole, by one of the first three; and what else is asked of it.

    Attributes:
        trailer: its last line that is not empty; `{count}` stands for the number of its items.
        count: the number of items. The last one must be closed then, or it may be cut.
        sha256: the checksum in hexadecimal, or a file as sha256sum writes it; it is seen from the folder of the file
            that it is about.
        minimum: with fewer items it is not believed, whatever it proves.
        not_older_than: nor where it was last changed longer ago than this.
        settle: it is not read at all before it was left alone for so long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trailer: str | None = None
    count: int | None = Field(default=None, ge=0)
    sha256: str | None = None
    minimum: int | None = Field(default=None, ge=1)
    not_older_than: Span | None = None
    settle: Span | None = None

    @model_validator(mode="after")
    def _one(self) -> "Complete":
        if sum(proof is not None for proof in (self.trailer, self.count, self.sha256)) > 1:
            raise ValueError("one of trailer, count and sha256 is enough")
        if not self.model_fields_set:
            raise ValueError("one of trailer, count and sha256 is needed")
        if self.trailer is not None and self.trailer.count("{count}") != 1:
            raise ValueError("the trailer must hold {count} once")
        return self


@dataclass(slots=True)
class Ending:
    """How a file ended.

    Attributes:
        item, close: what the file is made of, and what stands behind the last of them, for people.
        items: how many there are, unreadable ones included.
        last_line: its last line that is not empty.
        closed: True where the last item cannot have been cut within itself.
        sha256: checksum of all bytes, hexadecimal.
    """

    item: str
    close: str
    items: int = 0
    last_line: str = ""
    closed: bool = True
    sha256: str = ""


def settled(complete: Complete | None, path: Path, stamp: Stamp) -> None:
    """Raises `SourceUnavailable` where somebody may still be writing the file."""
    rest = complete.settle if complete else None
    if rest is not None and abs(time.time() - _modified(stamp).timestamp()) < rest.total_seconds():
        raise SourceUnavailable(
            f"{path} was written a moment ago, and is read once it was left alone for {_written(rest)}.",
            "Run it again later. `settle` under `complete:` says how long.",
        )


def reservations(complete: Complete | None, ending: Ending, stamp: Stamp) -> Iterator[str]:
    """Why a file is not believed although it may be whole, each as the end of a sentence."""
    if complete is None:
        return
    if complete.minimum is not None and ending.items < complete.minimum:
        yield f"holds {ending.items} {ending.item}s, and should hold {complete.minimum} at least"
    oldest, modified, now = complete.not_older_than, _modified(stamp), datetime.now(UTC)
    if oldest is not None and now - modified > oldest:
        yield f"was last written {modified:%d %b %Y %H:%M} UTC, and should not be older than {_written(oldest)}"
    if oldest is not None and modified - now > _AHEAD:
        yield f"was written {modified:%d %b %Y %H:%M} UTC, which is yet to come, so nobody knows how old it is"


def objection(complete: Complete | None, path: Path, ending: Ending) -> str:
    """Why the file is not proven to be whole, as the end of a sentence; empty where it is."""
    if complete is None or (complete.trailer, complete.count, complete.sha256) == (None, None, None):
        return "does not prove that it is whole: no trailer, count or checksum is configured (`complete:`)"
    if complete.trailer is not None:
        return _trailer_objection(complete.trailer, ending)
    if complete.count is not None:
        return _count_objection(complete.count, ending)
    return _checksum_objection(complete.sha256 or "", path, ending)


def reason(complete: Complete, ending: Ending) -> str:
    """Why a file is believed that nothing speaks against."""
    if complete.sha256 is not None:
        return f"the checksum of the file is the expected one ({ending.items} {ending.item}s)"
    if complete.trailer is not None:
        return f"its last line counts {ending.items} {ending.item}s, and so many were read"
    return f"it holds the {ending.items} {ending.item}s that the configuration expects"


def is_trailer(trailer: str, line: str) -> "re.Match[str] | None":
    """Whether a line is this trailer; its group is the number that it gives."""
    before, _, after = trailer.strip().partition("{count}")
    return re.fullmatch(re.escape(before) + r"([0-9]+)" + re.escape(after), line.strip())


def resembles(trailer: str, line: str) -> bool:
    """Whether a line was surely meant as this trailer, though it is written in another way: in quotes, or padded."""
    if trailer.startswith("#"):
        return line.startswith("#")
    word = _first_word(trailer.replace("{count}", ""))
    return bool(word) and _first_word(line) == word


def _first_word(text: str) -> str:
    found = _WORD.search(text)
    return found[0].casefold() if found else ""


def _trailer_objection(trailer: str, ending: Ending) -> str:
    last = ending.last_line.strip()
    match = is_trailer(trailer, last)
    if not ending.items and not last:
        return f"is empty, and should end with the trailer `{trailer}`"
    if match is None:
        # Any other line is somebody's data, a password maybe: it is not shown.
        instead = f" but with `{last[:60]}`" if resembles(trailer, last) else ""
        return f"does not end with the trailer `{trailer}`{instead}: it is cut, or not that export"
    if int(match[1]) != ending.items:
        return f"announces {match[1]} {ending.item}s in its trailer and holds {ending.items}"
    return ""


def _count_objection(count: int, ending: Ending) -> str:
    if ending.items != count:
        return f"should hold {count} {ending.item}s and holds {ending.items}"
    return "" if ending.closed else f"ends without {ending.close}, so its last {ending.item} may be cut"


def _checksum_objection(sha256: str, path: Path, ending: Ending) -> str:
    expected = sha256 if _CHECKSUM.fullmatch(sha256) else _noted(path.parent / sha256, path.name)
    if not expected:
        return f"has no checksum to compare with: {sha256} cannot be read, or holds none of it"
    return "" if expected.lower() == ending.sha256 else f"has the checksum {ending.sha256} and should have {expected}"


def _noted(file: Path, name: str) -> str:
    """What a file as sha256sum writes it gives as the checksum: of one line whatever its name, of several the named."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as open_file:
            text = open_file.read(_MOST)
    except OSError:
        return ""
    lines = [(found[0], line) for line in text.splitlines() if (found := _CHECKSUM.search(line))]
    if len(lines) > 1:
        lines = [(checksum, line) for checksum, line in lines if _is_of(line, name)]
    return lines[0][0] if lines else ""


def _is_of(line: str, name: str) -> bool:
    """Whether a line with a checksum is of the file of this name: `CHECKSUM  NAME`, or `SHA256 (NAME) = CHECKSUM`."""
    tagged = re.fullmatch(r"SHA256 \((.*)\) = \S+", line.strip())
    told = tagged[1] if tagged else line.split(maxsplit=1)[-1].strip()
    return Path(told.removeprefix("*")).name == name


def _modified(stamp: Stamp) -> datetime:
    return datetime.fromtimestamp(stamp[3] / 1e9, UTC)


def _written(span: timedelta) -> str:
    """A duration as the configuration writes it."""
    return next(f"{span // unit}{letter}" for letter, unit in _UNITS if not span % unit)
