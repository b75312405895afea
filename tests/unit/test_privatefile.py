"""What one connection wrote is there for everybody, however often its process opens the file and others close it."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from iwds.errors import IwdsError
from iwds.privatefile import make_private
from iwds.sandbox.controls import Controls
from iwds.sandbox.store import Store
from iwds.state.database import open_state
from tests.unit.engine.rehearsal import SetClock

LOOK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM seen').fetchone()[0])"


def state(path: Path) -> None:
    open_state(f"sqlite:///{path}", clock=SetClock()).close()


def sandbox(path: Path) -> None:
    Store(str(path)).close()


def controls(path: Path) -> None:
    Controls(str(path)).close()


@pytest.mark.parametrize("open_again", [state, sandbox, controls])
def test_opening_a_file_once_more_takes_no_lock_away(tmp_path: Path, open_again: Callable[[Path], None]) -> None:
    path = tmp_path / "data.db"
    make_private(path)
    with ExitStack() as opened:
        if open_again is not state:
            opened.enter_context(closing(Store(str(path))))
        ours = opened.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        ours.execute("PRAGMA journal_mode = WAL")
        ours.execute("CREATE TABLE seen (number INTEGER)")
        with suppress(IwdsError):  # a file of another form is refused after it was opened
            open_again(path)
        for number in (1, 2, 3):
            ours.execute("INSERT INTO seen VALUES (?)", (number,))
            other = subprocess.run([sys.executable, "-c", LOOK, path], capture_output=True, text=True, check=True)
            assert int(other.stdout) == number


def test_a_new_file_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new"
    make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("kept")
    make_private(path)
    assert path.read_text() == "kept"


def test_what_cannot_be_used_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IsADirectoryError):
        make_private(tmp_path)
    (tmp_path / "theirs").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        make_private(tmp_path / "theirs")
