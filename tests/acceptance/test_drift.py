"""`iwds drift` against the local MFA service, in whose console somebody changed logins by hand."""

import csv
import io
import os
import pty
import re
import sqlite3
import subprocess
from contextlib import closing, suppress
from typing import Any

import pytest

from tests.acceptance.world import PATIENCE, Ran, World, environment


def by_hand(world: World, login: str, **fields: Any) -> None:
    """What an administrator does in the console of the service."""
    with closing(sqlite3.connect(world.folder.parent / "service.db", timeout=PATIENCE)) as database, database:
        for name, value in fields.items():
            done = database.execute(f"UPDATE login SET {name} = ? WHERE login = ?", (value, login))  # noqa: S608 - ours
            assert done.rowcount == 1


def held(world: World, login: str) -> dict[str, Any]:
    with closing(sqlite3.connect(world.folder.parent / "service.db", timeout=PATIENCE)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM login WHERE login = ?", (login,)).fetchone())


def fits(ran: Ran) -> None:
    assert all(len(line) <= 80 for line in ran.out.splitlines()), ran.out
    assert len(ran.out.splitlines()) <= 40


@pytest.fixture
def touched(settled: World) -> World:
    """Three logins that somebody changed since: a mail address, a role, and a lock."""
    settled.iwds("run", "company")
    assert "every login of ours is as we last wrote it" in settled.iwds("drift", "company").out
    by_hand(settled, "aisha.haddad", mail="hand@corp.example")
    by_hand(settled, "claire.martin", role=2)
    by_hand(settled, "anh.tran", status=1)
    return settled


def test_who_was_changed_by_hand_is_on_one_page_with_since_when_and_what_the_next_run_does(touched: World) -> None:
    ran = touched.iwds("drift", "company", "--directory", code=2)
    fits(ran)
    assert "3 logins of ours differ" in ran.out
    assert "claire.martin  role user > administrator" in ran.out
    assert "aisha.haddad  mail aisha.haddad@corp.example > hand@corp.example" in ran.out
    assert "the next run puts" in ran.out
    assert "locked by somebody else: no run unlocks them" in ran.out
    found = touched.iwds("drift", "company", "--json", code=2).json
    assert (found["schema"], found["counts"]) == (1, {"role": 1, "locked": 1, "field": 1})
    assert {each["login"] for each in found["drift"]} == {"aisha.haddad", "claire.martin", "anh.tran"}
    assert all(each["after"]["at"] < each["before"]["at"] for each in found["drift"])
    alone = touched.iwds("drift", "company", "--login", "anh.tran", code=2)
    assert "anh.tran  status active > locked" in alone.out
    touched.iwds("drift", "company", "--login", "dana.levi", code=0)


def test_a_login_may_not_run_a_formula_in_a_spreadsheet_or_html_in_a_report(touched: World) -> None:
    by_hand(touched, "aisha.haddad", mail="=cmd@corp.example|<b>")
    table = csv.DictReader(io.StringIO(touched.iwds("drift", "company", "--csv", code=2).out))
    rows = {row["login"]: row for row in table}
    assert rows["aisha.haddad"]["service_has"] == "'=cmd@corp.example|<b>"
    report = touched.iwds("drift", "company", "--adopt", code=2).out
    assert "=cmd@corp.example\\|&lt;b&gt;" in report
    owners = list(csv.DictReader(io.StringIO(touched.iwds("drift", "company", "--adopt", "--csv", code=2).out)))
    assert {row["field"]: (row["directory_has"], row["service_has"]) for row in owners}["role"] == (
        "user", "administrator",
    )  # fmt: skip
    assert held(touched, "aisha.haddad")["mail"].startswith("="), "a report changes nothing"


def on_terminal(world: World, *arguments: str) -> str:
    """What a terminal gets of a command, escapes left out."""
    ours, theirs = pty.openpty()
    env = {**environment(world.env), "TERM": "xterm"}
    process = subprocess.Popen(world.command(*arguments), env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the end of a terminal is an error
        while part := os.read(ours, 65_536):
            shown += part
    os.close(ours)
    process.wait(PATIENCE)
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown.decode())


@pytest.mark.parametrize("command", ["drift", "undo"])
def test_on_a_terminal_no_bar_is_drawn_once_the_page_has_begun(touched: World, command: str) -> None:
    run = touched.iwds("history", "--json").json["runs"][-1]["id"]
    undo = ("undo", run, "--dry-run", "--reason", "a mistake")
    shown = on_terminal(touched, *(undo if command == "undo" else ("drift", "company", "--no-directory")))
    before, _, page = shown.partition("Undo of run" if command == "undo" else "company: ")
    assert "reading memberships" in before
    assert page
    assert "reading memberships" not in page
    assert before.endswith(("\r", "\n")), "on a line of its own"


def test_what_is_kept_stays_and_what_is_put_back_is_as_we_wrote_it(touched: World) -> None:
    touched.iwds("drift", "company", "--keep", "aisha.haddad", code=64)
    kept = touched.iwds("drift", "company", "--keep", "aisha.haddad", "--until", "2d", "--reason", "she asked")
    assert "stays until" in " ".join(kept.out.split())
    owners = csv.DictReader(io.StringIO(touched.iwds("drift", "company", "--adopt", "--csv", code=2).out))
    until = {row["login"]: row["kept_until"] for row in owners}
    assert until.keys() == {"aisha.haddad", "claire.martin", "anh.tran"}
    assert until["aisha.haddad"] > until["claire.martin"] == ""
    dry = touched.iwds("drift", "company", "--revert", "--dry-run", "--json", code=2).json
    (change,) = dry["plan"]["changes"]
    assert change["subject"]["login"] == "claire.martin"
    assert held(touched, "claire.martin")["role"] == 2
    touched.iwds("drift", "company", "--revert", "--reason", "nobody knows why", code=64)
    done = touched.iwds("drift", "company", "--revert", "--field", "role", "--reason", "nobody knows why", "--yes")
    assert "drift put back: 1 done" in done.out
    assert held(touched, "claire.martin")["role"] == 0
    touched.iwds("run", "company")
    assert held(touched, "aisha.haddad")["mail"] == "hand@corp.example"
    ran = touched.iwds("drift", "company", "--all", code=2)
    assert "she asked" in ran.out
    assert "1 login of ours differs" in ran.out, "the lock of somebody else"


def test_what_waits_for_another_tool_is_put_back_by_the_command_that_the_page_prints(touched: World) -> None:
    by_hand(touched, "dana.levi", createdby=7)
    listed = touched.iwds("drift", "company", "--directory", code=2).out
    told = " ".join(listed.split())
    assert "a run would write user, and that waits: held: another tool retagged 1 of our logins" in told
    put = ("--revert", "--login", "claire.martin")
    page = touched.iwds(
        "drift", "company", "--revert", "--field", "role", "--reason", "nobody ordered it", "-y", code=3
    )
    fits(page)
    assert '--revert --field role \\\n    --allow retagged=1 --reason "..."' in page.out
    assert held(touched, "claire.martin")["role"] == 2
    touched.iwds("drift", "company", *put, "--allow", "retagged=1", "--reason", "nobody ordered it", "-y")
    assert held(touched, "claire.martin")["role"] == 0


def test_nothing_is_listed_where_the_reading_is_not_proven(touched: World) -> None:
    data = str(touched.folder.parent / "service.db")
    touched.iwds("sandbox", "fault", "add", "wrong-count", "--data", data)
    ran = touched.iwds("drift", "company", code=3)
    assert "aisha" not in ran.out
    assert "nothing follows from such a reading" in ran.err


def test_what_makes_no_sense_is_refused(world: World) -> None:
    for arguments in (
        ("--keep", "x", "--revert", "--reason", "y"),
        ("--json", "--csv"),
        ("--yes",),
        ("--group", "nothing"),
        ("--login", "nobody"),
        ("--revert", "--json", "--reason", "why"),
        ("--until", "2d"),
        ("--adopt", "--json"),
    ):
        world.iwds("drift", "company", *arguments, code=64)
