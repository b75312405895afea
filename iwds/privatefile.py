"""Files for their owner's eyes that SQLite works on."""

import errno
import os
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
