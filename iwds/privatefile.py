"""Files for their owner's eyes: what SQLite works on, and documents that hold people's data."""

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


@contextmanager
def kept_alone(path: Path) -> Iterator[None]:
    """Keep a file to ourselves while the block runs, among those who ask for it. `BlockingIOError` where others do.

    A file that is replaced cannot be locked itself, so a hidden one beside it is. It goes away with the block; of a
    process that died it may stay, and locks nothing. Raises OSError where none can be made.
    """
    file = path.resolve()
    lock = file.with_name(f".{file.name}.lock")
    handle = _locked(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # before it is let go: who waits for this one looks again
        os.close(handle)


def _locked(lock: Path) -> int:
    while True:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # whoever had it took it away between our two steps
