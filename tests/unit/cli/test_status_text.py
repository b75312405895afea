"""The lines of `iwds status`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from iwds.cli.common import local
from iwds.cli.looking import _status_lines
from iwds.cli.plan_list import progress_words

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REFUSED = {"source": "corp", "account": "cn=iwds", "since": NOON, "said": "49 invalidCredentials"}


def lines(**fields: Any) -> list[str]:
    row = {
        "job": "nightly",
        "fresh": True,
        "success": "1 min ago",
        "last_at": NOON,
        "last_exit": 78,
        "last": "refused",
        "approval": None,
        "refused": [],
        "mails": [],
        "changes": None,
        "marks": None,
    }
    return [line.plain for line in _status_lines(row | fields)]


def test_a_job_whose_account_is_refused_is_not_ok_though_it_succeeded_a_minute_ago() -> None:
    told = lines(refused=[REFUSED])
    assert told[0] == "NO   nightly  last success 1 min ago"
    assert "once more by: iwds check --source corp" in " ".join(" ".join(told).split())


def test_a_job_that_succeeded_lately_is_ok_and_one_that_did_not_is_old() -> None:
    assert lines()[0].startswith("ok   nightly")
    assert lines(fresh=False)[0].startswith("OLD  nightly")


def test_how_far_an_approval_has_come_is_told_in_numbers_and_names() -> None:
    counts = {"waiting": 5, "open": 2, "approved": 2, "rejected": 1, "by": ("kim", "zoe"), "needed": 2}
    told = progress_words(counts)
    assert told == "2 of 5 wait for approval, each by two people; 2 of 5 approved by kim, zoe; 1 rejected"
    assert progress_words({**counts, "waiting": 0}) == "nothing to approve"


def test_a_job_that_runs_on_what_changed_tells_its_last_such_run_apart() -> None:
    last = {"started": NOON, "exit_code": 0, "summary": "changes of 2 people: 2 done"}
    told = " ".join(" ".join(lines(changes=last)).split())
    assert "last of what changed" in told
    assert "exit 0: changes of 2 people: 2 done" in told


def test_a_job_that_runs_on_what_changed_tells_since_when_it_asks() -> None:
    everybody = NOON - timedelta(hours=9)
    marks = {"since": NOON, "everybody": everybody, "without": [], "late": False}
    told = " ".join(" ".join(lines(marks=marks)).split())
    assert f"what changed is asked since {local(NOON)}; everybody was last read {local(everybody)}" in told
    assert "the next run reads everybody" not in told


def test_a_job_without_a_mark_and_one_read_too_long_ago_say_that_everybody_is_read_next() -> None:
    without = {"since": None, "everybody": None, "without": ["corp"], "late": False}
    late = {"since": NOON, "everybody": NOON, "without": [], "late": True}
    assert "no mark of corp, so that the next run reads everybody" in " ".join(" ".join(lines(marks=without)).split())
    assert "too long ago: the next run reads everybody" in " ".join(" ".join(lines(marks=late)).split())
