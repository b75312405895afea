"""Files for their owner's eyes: what SQLite works on, and documents that hold people's data."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path


def make_private(path: Path) -> None:
    """Make the file, readable by its owner alone, where it is missing. Raises OSError where it cannot be used.

    One that is there is never opened: to close it again would drop the locks that SQLite holds on it for the other
    connections of this process (POSIX gives locks to a process, not to a descriptor). Another process would then take
    its own connection for the last one, and delete the log that ours still write to.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it is there whole, or as it was. Raises OSError."""
    write_private_parts(path, [text])


def write_private_parts(path: Path, parts: Iterable[str]) -> None:
    """The same, from parts that are made while it is written; where one of them cannot be made it is as it was.

    What stood there is replaced, with its mode. A link is followed; what is no plain file is left alone.
    """
    file = path.resolve()
    if file.exists() and not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    handle, part = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as written:
            written.writelines(parts)
            written.flush()
            os.fsync(written.fileno())
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
