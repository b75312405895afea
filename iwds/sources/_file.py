"""Files that are read: opened with our errors, with their checksum, and watched for whoever writes them meanwhile."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from iwds.errors import AccessRefused, SourceUnavailable

_CHUNK = 1 << 16

Stamp = tuple[int, int, int, int]
"""Which state of a file this is: device, inode, size, time of the last change in nanoseconds."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, with every complaint of the system as an error of ours."""
    try:
        with path.open("rb") as file:
            yield file
    except PermissionError as refused:
        raise AccessRefused(
            f"{path} may not be read by this user.", "Give the account of iwds read access."
        ) from refused
    except FileNotFoundError as missing:
        raise SourceUnavailable(
            f"{path} does not exist.", "See whether the export ran, and where it writes."
        ) from missing
    except OSError as failed:
        raise SourceUnavailable(f"{path} could not be read: {failed.strerror or failed}.") from failed


class Metered(io.RawIOBase):
    """The bytes of an open file as they are read, with their checksum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._checksum = file, hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # typeshed: any buffer
        """The next bytes."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._checksum.update(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """The checksum of all bytes that were read so far, hexadecimal."""
        return self._checksum.hexdigest()


def buffered(metered: Metered) -> io.BufferedReader:
    """The same by lines."""
    return io.BufferedReader(metered, _CHUNK)


def stamp_of(file: BinaryIO) -> Stamp:
    """Which state of a file is open."""
    return _stamp(os.fstat(file.fileno()))


def stands(path: Path, stamp: Stamp) -> bool:
    """Whether the file of this name is still in that state."""
    try:
        return _stamp(os.stat(path)) == stamp
    except OSError:
        return False


def changed(path: Path) -> SourceUnavailable:
    """The error for a file that was written, or replaced, while it was read: what was read may be of two states."""
    return SourceUnavailable(
        f"{path} changed while it was read.",
        "Run it again once nobody writes it any more. An export is safest that writes beside it and renames.",
    )


def same_bytes(path: Path, sha256: str) -> tuple[str, ...]:
    """Whether the file is still byte for byte the one with this checksum: nothing, or the sentence that it is not."""
    with opened(path) as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    return () if checksum == sha256 else (f"{path} changed since it was read: run it again",)


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
