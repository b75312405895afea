"""By what a file proves that it is whole: an export that broke off is a correct file, and says so by nothing else."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

UNPROVEN = "and is not proven to be complete"
PROVE = "Configure `complete:` (a trailer, a count or a checksum), or export the file again."


class Complete(BaseModel):
    """How a file proves that it is whole; exactly one of the three.

    Attributes:
        trailer: its last line that is not empty; `{count}` stands for the number of its items.
        count: the number of items. The last one must be closed then, or it may be cut.
        sha256: the checksum in hexadecimal, or a file that begins with it, as sha256sum writes it; it is seen from
            the folder of the file that it is about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trailer: str | None = None
    count: int | None = Field(default=None, ge=0)
    sha256: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Complete":
        if sum(proof is not None for proof in (self.trailer, self.count, self.sha256)) != 1:
            raise ValueError("exactly one of trailer, count and sha256 is needed")
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


def objection(complete: Complete | None, path: Path, ending: Ending) -> str:
    """Why the file is not proven to be whole, as the end of a sentence; empty where it is."""
    if complete is None:
        return "does not prove that it is whole: no trailer, count or checksum is configured (`complete:`)"
    if complete.trailer is not None:
        return _trailer_objection(complete.trailer, ending)
    if complete.count is not None:
        return _count_objection(complete.count, ending)
    return _checksum_objection(complete.sha256 or "", path.parent, ending)


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


def _trailer_objection(trailer: str, ending: Ending) -> str:
    last = ending.last_line.strip()
    match = is_trailer(trailer, last)
    if not ending.items and not last:
        return f"is empty, and should end with the trailer `{trailer}`"
    if match is None:
        return f"does not end with the trailer `{trailer}` but with `{last[:60]}`: it is cut, or not that export"
    if int(match[1]) != ending.items:
        return f"announces {match[1]} {ending.item}s in its trailer and holds {ending.items}"
    return ""


def _count_objection(count: int, ending: Ending) -> str:
    if ending.items != count:
        return f"should hold {count} {ending.item}s and holds {ending.items}"
    return "" if ending.closed else f"ends without {ending.close}, so its last {ending.item} may be cut"


def _checksum_objection(sha256: str, folder: Path, ending: Ending) -> str:
    expected = sha256
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", sha256):
        try:
            expected = (folder / sha256).read_text(encoding="ascii", errors="replace").split(maxsplit=1)[0]
        except (OSError, IndexError):
            return f"has no checksum to compare with: {sha256} cannot be read or is empty"
    return "" if expected.lower() == ending.sha256 else f"has the checksum {ending.sha256} and should have {expected}"
