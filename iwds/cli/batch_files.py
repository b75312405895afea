"""What a batch writes beside its file: how each row ended, and codes, only where somebody asks for them.

The result is written as rows end, so that after a crash it says what is certain; the same batch again completes it, and
puts it into the order of lines. A login in it is text for a spreadsheet, whatever it looks like.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import TextIO

from iwds.cli.spreadsheet import cell, table
from iwds.core.batch_people import Wish
from iwds.core.devices import Code
from iwds.engine.batch_rows import ALREADY, RowEnd
from iwds.errors import UsageError
from iwds.ports import Result
from iwds.privatefile import kept_alone, make_private, write_private

HEADS = ("line", "action", "login", "login id", "outcome", "code kind", "message")
CODE_HEADS = ("login", "login id", "code")
_ANOTHER = "name another: --result FILE"
_BOM = "\ufeff"
"""What tells Excel, which asks nobody, that a file is UTF-8."""

_Cells = tuple[str, ...]


class ResultFile:
    """The result of one batch, 0600.

    `lost` says why something could not be written, empty where all could: that is no reason to stop a batch, which is
    in the journal whatever becomes of this file.
    """

    def __init__(self, path: Path, wishes: Sequence[Wish]) -> None:
        """Read what an earlier run left. `UsageError` where the file is of other rows, or is no such file."""
        self.path, self.lost = path, ""
        self._written: dict[int, _Cells] = {}
        self._file: TextIO | None = None
        self._alone = ExitStack()
        self._rows = {row.line: (row.action.value, str(cell(row.login))) for wish in wishes for row in wish.rows}
        self._earlier = _read(path, self._rows)

    def open(self) -> None:
        """Make sure that it can be written, and by nobody else until `close`.

        `UsageError` where it cannot, before anything is done.
        """
        try:
            self._alone.enter_context(kept_alone(self.path))
            self._earlier = _read(self.path, self._rows)  # somebody may have written it since it was looked at
            make_private(self.path)
        except BlockingIOError:
            told = f"another batch writes its result to {self.path} at the moment"
            raise UsageError(told, f"wait until it has ended, or {_ANOTHER}") from None
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}", _ANOTHER) from error

    def row(self, end: RowEnd) -> None:
        """One more row has ended. What an earlier run has done stays as that run told it."""
        earlier = self._earlier.get(end.line)
        kept = end.outcome == ALREADY and earlier and earlier[4] == Result.DONE
        self._written[end.line] = earlier if kept and earlier else _cells(end)
        if not kept:
            self._append(self._written[end.line])

    def _append(self, cells: _Cells) -> None:
        try:
            if self._file is None:
                self._rewrite(self._certain())
                self._file = self.path.open("a", encoding="utf-8", newline="")
            self._file.write(table([_typed(cells)]))
            self._file.flush()
        except OSError as error:
            self.lost = error.strerror or "it cannot be written"

    def _certain(self) -> dict[int, _Cells]:
        """What an earlier run has done, before this one says more."""
        return {line: cells for line, cells in self._earlier.items() if cells[4] == Result.DONE}

    def close(self) -> None:
        """Put it into the order of lines, each row once; without any row the file is as it was."""
        try:
            if self._file is not None:
                self._file.close()
            if self._written:
                self._rewrite(self._certain() | self._written)
            elif self.path.stat().st_size == 0:
                self.path.unlink()
        except OSError as error:
            self.lost = error.strerror or "it cannot be written"
        finally:
            self._alone.close()

    def _rewrite(self, rows: Mapping[int, _Cells]) -> None:
        write_private(self.path, _BOM + table([HEADS, *(_typed(rows[line]) for line in sorted(rows))]))


def _cells(end: RowEnd) -> _Cells:
    login_id = str(end.login_id) if end.login_id else ""
    return str(end.line), end.action.value, end.login, login_id, end.outcome, end.code_kind, end.message


def _typed(cells: _Cells) -> list[object]:
    """The same with numbers as numbers; a login that an earlier file has made safe is not made so twice."""
    line, action, login, login_id, *rest = cells
    return [int(line), action, login, int(login_id) if login_id else "", *rest]


def _read(path: Path, rows: Mapping[int, tuple[str, str]]) -> dict[int, _Cells]:
    """The rows of an earlier result, the last of each line; a line that a crash has torn is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no result of a batch: {error}", _ANOTHER) from error
    whole, _, _ = text.rpartition("\n")
    lines = list(csv.reader(StringIO(whole, newline="")))
    if text and tuple(next(iter(lines), ())) != HEADS:
        raise UsageError(f"{path} is there and is no result of a batch", f"move it away, or {_ANOTHER}")
    found: dict[int, _Cells] = {}
    for cells in lines[1:]:
        if len(cells) != len(HEADS) or not cells[0].isdigit():
            continue
        if rows.get(int(cells[0])) != (cells[1], cells[2]):
            raise UsageError(
                f"{path} is the result of another batch: line {cells[0]} was {cells[1]} {cells[2]}",
                f"move it away, or {_ANOTHER}",
            )
        found[int(cells[0])] = (*cells[:2], cells[2], *cells[3:])
    return found


class CodesFile:
    """The activation codes of one batch: a file that was not there before, 0600. `lost`: whose code is not."""

    def __init__(self, path: Path) -> None:
        self.path, self.lost = path, list[str]()
        if path.exists():
            raise UsageError(f"{path} is there already", "codes are never put over others: name another, --codes FILE")
        self._handle, self._lock = -1, Lock()
        self._written = False

    def open(self) -> None:
        """Make it. `UsageError` where it cannot be, before anything is done."""
        try:
            self._handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be made: {error.strerror}", "name another: --codes FILE") from error
        self._write(CODE_HEADS)

    def code(self, login: str, login_id: int, code: Code) -> None:
        """Keep one code at once: it may live for minutes only. Called by any lane."""
        with self._lock:
            if self._write((login, login_id, code.reveal())):
                self._written = True
            else:
                self.lost.append(login)

    def _write(self, cells: Sequence[object]) -> bool:
        """Whether a line is in the file, whole."""
        line = table([cells]).encode()
        try:
            return os.write(self._handle, line) == len(line)
        except OSError:
            return False

    def close(self) -> None:
        """Without a code there is no file."""
        if self._handle < 0:
            return
        os.close(self._handle)
        if not self._written:
            self.path.unlink()
