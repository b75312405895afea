"""What the commands share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iwds.cli.common import require_reason
from iwds.cli.page import way_on
from iwds.cli.planning import selection_of
from iwds.cli.replaying import reading_lines
from iwds.errors import UsageError
from iwds.readings.shelf import Shelved


@pytest.mark.parametrize("reason", ["...", "…", " .. ", '"..."', "TEXT", "REASON"])
def test_what_we_print_for_a_reason_is_none(reason: str) -> None:
    with pytest.raises(UsageError, match="is no reason"):
        require_reason(reason)
    with pytest.raises(UsageError, match="is no reason"):
        selection_of(None, ["lock=5"], reason)


@pytest.mark.parametrize("reason", ["", "  "])
def test_nothing_is_no_reason(reason: str) -> None:
    with pytest.raises(UsageError, match="--allow needs --reason"):
        selection_of(None, ["lock=5"], reason)


def test_a_reason_in_any_words_is_one() -> None:
    require_reason("the Lyon office closes...")
    assert selection_of(None, ["lock=5"], "x").reason == "x"


def test_a_guard_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r'did you mean "lock"\?'):
        selection_of(None, ["lokc=5"], "x")
    with pytest.raises(UsageError, match=r"--allow lock=many: write GUARD=NUMBER$"):
        selection_of(None, ["lock=many"], "x")


def test_a_way_on_stands_on_one_line_or_below_its_words_as_a_shell_reads_it() -> None:
    assert way_on("look", ["iwds show 3f9c", "--all"]) == [f"  {'look':30}  iwds show 3f9c --all"]
    long = way_on("put it back", ["iwds drift company --revert", *(f"--allow guard-{n}=1000" for n in range(4))])
    assert long == [
        "  put it back",
        "    iwds drift company --revert --allow guard-0=1000 --allow guard-1=1000 \\",
        "      --allow guard-2=1000 --allow guard-3=1000",
    ]
    assert max(map(len, long)) <= 80


def test_readings_are_listed_whole_by_job_and_times_in_one_way() -> None:
    taken = datetime(2026, 11, 22, 12, tzinfo=UTC)
    end, folder = taken + timedelta(days=7), Path("/a/folder/whose/name/is/rather/long")
    shelved = [
        Shelved("3f9c12ab", job, taken, 250_000, 123_456_789, end, folder)
        for job in ("a-job-whose-name-is-longer", "b", "b")
    ]
    lines = [line.plain for line in reading_lines(shelved, str(folder))]
    assert lines[0] == "a-job-whose-name-is-longer"
    assert lines[2] == "  3f9c12ab  Sun 22 Nov 2026 12:00    250,000   123.5 MB  Sun 29 Nov 2026 12:00"
    assert [line for line in lines if line == "b"] == ["b"]
    assert max(map(len, lines)) <= 80
    long = "/srv/" + "folder/" * 20
    assert [line.plain for line in reading_lines([], long)][-2:] == [
        f"{long}.", "Capture one:  iwds plan JOB --capture"
    ]  # fmt: skip
