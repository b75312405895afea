"""What a batch writes beside its file."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from iwds.cli.batch_files import HEADS, CodesFile, ResultFile
from iwds.core.batch_people import wishes
from iwds.core.batch_table import Action, parse
from iwds.core.devices import Code
from iwds.engine.batch_rows import RowEnd
from iwds.errors import UsageError

WISHES, _ = wishes(parse("action,login\nlock,ann\nlock,=bob\nlock,cy\n").rows)


def end(line: int, login: str, outcome: str = "done", message: str = "") -> RowEnd:
    return RowEnd(line, Action.LOCK, login, 100 + line, outcome, "", message)


def rows(path: Path) -> list[list[str]]:
    heads, *found = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    assert tuple(heads) == HEADS
    return found


def written(path: Path, *ends: RowEnd) -> None:
    result = ResultFile(path, WISHES)
    result.open()
    for each in ends:
        result.row(each)
    result.close()
    assert result.lost == ""


class TestAResult:
    def test_has_each_row_once_in_the_order_of_lines_and_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        written(path, end(4, "cy"), end(2, "ann", "held", "foreign: why"))
        assert rows(path) == [
            ["2", "lock", "ann", "102", "held", "", "foreign: why"],
            ["4", "lock", "cy", "104", "done", "", ""],
        ]
        assert path.stat().st_mode & 0o777 == 0o600

    def test_is_there_row_by_row_while_the_batch_runs(self, tmp_path: Path) -> None:
        result = ResultFile(tmp_path / "r.csv", WISHES)
        result.open()
        result.row(end(4, "cy"))
        assert [row[2] for row in rows(result.path)] == ["cy"]
        result.row(end(2, "ann"))
        assert [row[2] for row in rows(result.path)] == ["cy", "ann"]
        result.close()

    def test_is_completed_by_the_same_batch_after_a_crash(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        crashed = ResultFile(path, WISHES)
        crashed.open()
        crashed.row(end(3, "=bob"))
        crashed.row(end(2, "ann", "unknown", "no answer"))
        assert crashed._file is not None
        crashed._file.write('4,"lock","c')  # torn
        crashed._file.close()
        crashed._alone.close()
        (tmp_path / ".r.csv.lock").touch()  # what a process that died leaves behind locks nothing
        written(path, end(2, "ann", "already"), end(3, "=bob", "already"), end(4, "cy"))
        assert [(row[0], row[2], row[4]) for row in rows(path)] == [
            ("2", "ann", "already"),
            ("3", "'=bob", "done"),
            ("4", "cy", "done"),
        ]

    def test_of_another_batch_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        written(path, end(2, "ann"))
        others, _ = wishes(parse("action,login\nunlock,ann\n").rows)
        with pytest.raises(UsageError, match="of another batch: line 2 was lock ann"):
            ResultFile(path, others)

    @pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\n", b"one line without an end"])
    def test_is_no_file_that_is_something_else(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "r.csv"
        path.write_bytes(content)
        with pytest.raises(UsageError, match="no result of a batch"):
            ResultFile(path, WISHES)

    def test_that_cannot_be_written_is_said_before_anything_is_done(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be written"):
            ResultFile(tmp_path / "nowhere" / "r.csv", WISHES).open()

    def test_that_cannot_be_written_any_more_is_no_reason_to_stop(self, tmp_path: Path) -> None:
        folder = tmp_path / "gone"
        folder.mkdir()
        result = ResultFile(folder / "r.csv", WISHES)
        result.open()
        shutil.rmtree(folder)
        result.row(end(2, "ann"))
        result.close()
        assert result.lost

    def test_is_written_by_one_batch_at_a_time(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        first, second = ResultFile(path, WISHES), ResultFile(path, WISHES)
        first.open()
        with pytest.raises(UsageError, match="another batch writes its result to"):
            second.open()
        first.row(end(2, "ann"))
        first.close()
        second.open()
        second.row(end(2, "ann", "already"))
        second.row(end(4, "cy"))
        second.close()
        assert [(row[2], row[4]) for row in rows(path)] == [("ann", "done"), ("cy", "done")]
        assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]

    def test_that_another_batch_has_written_meanwhile_is_not_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        others, _ = wishes(parse("action,login\nunlock,ann\n").rows)
        late = ResultFile(path, others)
        written(path, end(2, "ann"))
        with pytest.raises(UsageError, match="of another batch: line 2 was lock ann"):
            late.open()
        assert [row[2] for row in rows(path)] == ["ann"]

    def test_without_a_row_leaves_no_file(self, tmp_path: Path) -> None:
        written(tmp_path / "r.csv")
        assert not (tmp_path / "r.csv").exists()


class TestCodes:
    def test_are_kept_at_once_in_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        codes = CodesFile(tmp_path / "c.csv")
        codes.open()
        codes.code("ann", 1, Code("123456789"))
        assert codes.path.read_text(encoding="utf-8").splitlines()[1] == '"ann",1,"123456789"'
        assert codes.path.stat().st_mode & 0o777 == 0o600
        codes.close()
        assert codes.path.exists()

    def test_are_never_put_over_others(self, tmp_path: Path) -> None:
        path = tmp_path / "c.csv"
        codes = CodesFile(path)
        path.touch()
        with pytest.raises(UsageError, match="cannot be made"):
            codes.open()
        with pytest.raises(UsageError, match="is there already"):
            CodesFile(path)

    def test_are_not_put_through_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "c.csv").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UsageError):
            CodesFile(tmp_path / "c.csv").open()
        assert not (tmp_path / "elsewhere").exists()

    def test_leave_no_file_where_there_is_none(self, tmp_path: Path) -> None:
        codes = CodesFile(tmp_path / "c.csv")
        codes.close()
        codes.open()
        codes.close()
        assert not codes.path.exists()

    def test_that_cannot_be_kept_are_named_by_login(self, tmp_path: Path) -> None:
        codes = CodesFile(tmp_path / "c.csv")
        codes.open()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, codes._handle)
        os.close(full)
        codes.code("ann", 1, Code("123456789"))
        codes.close()
        assert codes.lost == ["ann"]
