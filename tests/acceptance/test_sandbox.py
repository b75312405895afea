"""The local MFA service as somebody rehearses with it: filled, looked into, enrolled at, and put forward in time."""

import re
from pathlib import Path

import pytest

from tests.acceptance.world import Ran, World, iwds

PERSON = "priya.silva"
READING = """\
{"group":{"id":7,"name":"vpn","policy":0}}
{"login":{"id":5001,"login":"ada","firstname":"Ada","name":"李 Wong","activated":true}}
{"login":{"id":5002,"login":"zoe","activated":false}}
{"member":{"group":7,"login":5001}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "sandbox.db"
    (tmp_path / "reading.jsonl").write_text(READING, encoding="utf-8")
    filled = sandbox(data, "fill", "--reading", str(tmp_path / "reading.jsonl"))
    assert (filled.code, filled.out) == (0, "2 logins, 1 group, 1 membership\n")
    return data


def sandbox(data: Path, *arguments: str) -> Ran:
    return iwds("sandbox", *arguments, "--data", str(data))


def code_of(data: Path, login: str) -> str:
    (code,) = sandbox(data, "show", login, "--json").json["login"]["codes"]
    return str(code["code"])


def test_an_administrator_s_code_enrols_a_device_that_authenticates(data: Path) -> None:
    issued = sandbox(data, "issue", "zoe", "--long")
    assert issued.code == 0
    code = code_of(data, "zoe")
    assert code not in issued.out
    assert code in sandbox(data, "show", "codes").out
    enrolled = sandbox(data, "enrol", code, "--device", "ca", "--name", "Browser", "--pin", "2468")
    assert (enrolled.code, code in enrolled.out) == (0, False)
    (device,) = sandbox(data, "show", "devices", "--json").json["devices"]
    assert (device["login"], device["kind"], device["name"]) == ("zoe", "ca", "Browser")
    assert sandbox(data, "authenticate", "zoe", "--pin", "2468", "--device", str(device["id"])).code == 0
    again = sandbox(data, "enrol", code)
    assert (again.code, again.err) == (1, "this code was used already\nAsk for a new one.\n")


def test_wrong_pins_lock_and_the_console_locks_a_device(data: Path) -> None:
    for _ in range(3):
        assert sandbox(data, "authenticate", "ada", "--pin", "0000").code == 1
    assert "locked after 3" in sandbox(data, "authenticate", "ada", "--pin", "1234").err
    assert "PIN locked" in sandbox(data, "show", "ada").out
    assert sandbox(data, "mark", "ada", "--shared").code == 0
    assert "with other services" in sandbox(data, "show", "ada").out
    sandbox(data, "issue", "zoe")
    sandbox(data, "enrol", code_of(data, "zoe"))
    (device,) = sandbox(data, "show", "zoe", "--json").json["login"]["devices"]
    assert sandbox(data, "mark", "zoe", "--lock", str(device["id"])).code == 0
    assert "locked" in sandbox(data, "show", "devices").out
    assert sandbox(data, "mark", "ada", "--lock", str(device["id"])).code == 64
    assert sandbox(data, "mark", "zoe", "--unlock", str(device["id"])).code == 0
    assert "active" in sandbox(data, "show", "devices").out


def test_the_clock_lets_codes_expire_and_comes_back(data: Path) -> None:
    sandbox(data, "issue", "zoe")
    assert "ahead" not in sandbox(data, "clock").out
    assert ", 22 days ahead." in sandbox(data, "clock", "--advance", "22d").out
    assert sandbox(data, "show", "codes").out == "There are no codes.\n"
    assert "ahead" not in sandbox(data, "clock", "--reset").out
    assert "zoe" in sandbox(data, "show", "codes").out


def test_everything_that_is_shown_fits_80_columns(tmp_path: Path) -> None:
    data = tmp_path / "many.db"
    assert sandbox(data, "fill", "--people", "300", "--groups", "8", "--seed", "3").code == 0
    login = sandbox(data, "show", "--json").json["logins"][0]["login"]
    for what in ("logins", "codes", "groups", "devices", "outbox", login):
        shown = sandbox(data, "show", what)
        assert (shown.code, shown.err) == (0, "")
        assert [line for line in shown.out.splitlines() if len(line) > 80] == []
    assert "262 more: add --all" in sandbox(data, "show").out
    assert len(sandbox(data, "show", "--all").out.splitlines()) == 302


def test_an_outbox_shows_its_mails(world: World, tmp_path: Path) -> None:
    assert sandbox(tmp_path / "service.db", "show", "outbox").out == "No mail was sent.\n"


def test_what_cannot_be_is_refused_with_what_to_do(data: Path, tmp_path: Path) -> None:
    for arguments, code, words in (
        (("show", "nobody"), 64, "show logins"),
        (("issue", "nobody"), 64, "show logins"),
        (("fill", "--people", "3"), 3, "--replace"),
        (("fill",), 64, "--people N and --reading"),
        (("authenticate", "ada"), 64, "--pin"),
        (("enrol", "x", "--device", "toaster"), 64, "ma, ca, va, mac"),
        (("enrol", "123456789"), 1, "no such code"),
        (("clock", "--advance", "soon"), 64, "30m"),
    ):
        ran = sandbox(data, *arguments)
        assert (ran.code, words in ran.err) == (code, True), ran
    missing = sandbox(tmp_path / "nowhere.db", "show")
    assert (missing.code, "--data" in missing.err) == (78, True)
    assert not (tmp_path / "nowhere.db").exists()
    misplaced = iwds("sandbox", "--data", str(data), "show")
    assert (misplaced.code, "behind the command" in misplaced.err) == (64, True)
    assert iwds("sandbox", "--smtp", "nowhere", "--data", str(tmp_path / "new.db")).code == 64


def test_a_real_service_is_captured_and_rehearsed_on(world: World, tmp_path: Path) -> None:
    file = tmp_path / "captured.jsonl"
    captured = world.iwds("capture", str(file))
    assert captured.err == ""
    assert re.match(r"2 logins, 5 groups, 0 memberships in ", captured.out)
    rehearsal = tmp_path / "rehearsal.db"
    assert sandbox(rehearsal, "fill", "--reading", str(file)).code == 0
    assert [row["login"] for row in sandbox(rehearsal, "show", "--json").json["logins"]] == [
        "console.ada",
        "console.linus",
    ]
    world.iwds("capture", str(file), code=64)
