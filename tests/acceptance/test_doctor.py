"""What `iwds doctor` finds in a directory that nobody cleaned up, before the first run."""

import base64
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import World

EVIL = "<script>alert(1)</script>"
ANOTHER_TOOL = {"IWDS_TARGETS__MFA__PROVISIONING_ID": "1", "IWDS_STATE": "sqlite:///another.db"}


def logins_of(world: World) -> list[str]:
    """Who would be created, in the order of the file."""
    made = [
        change["account"]["login"]
        for change in world.iwds("plan", "company", "--json", code=2).json["changes"]
        if change["do"] == "create"
    ]
    records = "\n".join(world.company.records)
    return sorted(made, key=lambda login: records.index(f"\nuid: {login}\n"))


def named(world: World, who: str, uid: str) -> None:
    """Give somebody another uid, in whatever letters."""
    coded = base64.b64encode(uid.encode()).decode()
    world.company.change(who, f"\nuid: {who}\n", f"\nuid:: {coded}\n")


def mess_up(world: World) -> list[str]:
    """Everything that is usual in a directory of twenty years; gives whom it was done to."""
    who = logins_of(world)
    world.company.change(who[4], f"mail: {who[4]}@corp.example", f"mail: {who[9]}@corp.example")
    named(world, who[0], who[1].upper())
    named(world, who[2], who[3].replace(".", ". "))
    named(world, who[6], "Ørjan.Müller")
    named(world, who[7], f"{EVIL}")
    named(world, who[8], "svc-scanner")
    world.save()
    world.mapping("groups:\n", "groups:\n  - {to: wikki, group: nobody-is-here}\n")
    return who


def of(document: Any, finding: str) -> list[Any]:
    found = [each["people"] for each in document["findings"] if each["finding"] == finding]
    return found[0] if found else []


@pytest.fixture
def messy(world: World) -> World:
    """Somebody whom another tool made a login for, and a mess."""
    world.iwds("run", "company", env=ANOTHER_TOOL)
    (world.folder / "iwds.db").unlink(missing_ok=True)
    return world


def test_a_messy_directory_is_told_with_the_numbers_of_the_plan(world: World) -> None:
    who = mess_up(world)
    told = world.iwds("doctor", "company", "--json", code=2).json
    names = {finding: [person["login"] for person in of(told, finding)] for finding in (
        "same-login", "alike-logins", "same-mail", "login-not-allowed", "service-account",
    )}  # fmt: skip
    assert names["same-login"] == [who[1]] * 2
    assert sorted(names["alike-logins"]) == sorted([who[3], who[3].replace(".", ". ")])
    assert sorted(names["same-mail"]) == sorted([who[4], who[9]])
    assert {"ørjan.müller", EVIL} <= set(names["login-not-allowed"])
    assert names["service-account"] == ["svc-scanner"]
    proposed = {person["login"]: person["proposed_login"] for person in of(told, "login-not-allowed")}
    assert proposed["ørjan.müller"] == "orjan.muller"
    assert [(group["name"], "wiki" in group["detail"]) for group in of(told, "group-missing")] == [("wikki", True)]
    assert "nobody-is-here" in [group["name"] for group in of(told, "group-empty")]

    plan = world.iwds("plan", "company", "--json", code=2).json
    skips = Counter(skip["reason"] for skip in plan["skips"])
    counts = {each["finding"]: each["count"] for each in told["findings"]}
    assert counts["same-login"] == skips["duplicate"] == plan["basis"]["tally"]["absent"]["duplicate"]
    invalid = sum(counts.get(code, 0) for code in ("login-not-allowed", "no-login", "not-mapped"))
    assert invalid == skips["invalid"] == plan["basis"]["tally"]["absent"]["invalid"]
    assert counts["unexplained-console"] == skips["foreign"] == told["plan"]["logins"]
    assert told["plan"]["changes"]["create"] == sum(change["do"] == "create" for change in plan["changes"])
    assert all(each["count"] == len(each["people"]) for each in told["findings"])


def test_the_page_fits_a_terminal_and_the_files_hold_everybody(world: World, tmp_path: Path) -> None:
    mess_up(world)
    table, page = tmp_path / "found.csv", tmp_path / "found.html"
    shown = world.iwds("doctor", "company", "--csv", str(table), "--html", str(page), code=2)
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "\x1b" not in shown.out
    assert "ørjan.müller > orjan.muller" in shown.out
    assert re.search(r"ines\.garcia \(uid=\S+?,ou=\S+?\);\s+ines\.garcia \(uid=", shown.out)
    assert "Nothing was changed." in shown.out
    told = world.iwds("doctor", "company", "--json", code=2).json

    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8-sig"))))
    assert Counter(row["finding"] for row in rows) == {each["finding"]: each["count"] for each in told["findings"]}
    assert {row["proposed_login"] for row in rows} >= {"orjan.muller"}

    html = page.read_text(encoding="utf-8")
    assert EVIL not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not re.search(r"<script|<img|<link|https?://(?!127)", html)
    assert html.count("<tr>") == len(rows) + len(told["findings"]) + len(re.findall(r'<th scope="row">', html))
    for file in (table, page):
        assert file.stat().st_mode & 0o777 == 0o600


def test_it_keeps_no_plan_and_makes_nobody(world: World) -> None:
    world.iwds("doctor", "company", code=2)
    assert world.iwds("plans", "--json").json["plans"] == []
    assert world.iwds("history", "--json").json["runs"] == []
    assert world.iwds("doctor", "company", "--json", code=2).json["plan"]["logins"] == 2


def test_logins_of_another_tool_are_told_before_they_are_adopted(messy: World) -> None:
    told = messy.iwds("doctor", "company", "--json", code=2).json
    others = of(told, "not-adopted")
    assert len(others) > 30
    assert {person["detail"] for person in others} == {"tag 1"}
    assert told["plan"]["skips"]["foreign"] == len(others) + len(of(told, "unexplained-console"))
    adopting = messy.iwds("doctor", "company", "--json", code=2, env={"IWDS_JOBS__COMPANY__ADOPT": "[1]"}).json
    assert of(adopting, "not-adopted") == []


def test_a_file_that_cannot_be_written_is_a_wrong_command_line(world: World, tmp_path: Path) -> None:
    (world.folder / "company.ldif").unlink()  # it is said before anybody is read
    ran = world.iwds("doctor", "company", "--csv", str(tmp_path / "no" / "where.csv"), code=64)
    assert "cannot be written" in ran.err
    assert "cannot be written" in world.iwds("doctor", "company", "--html", str(tmp_path), code=64).err
    both = str(tmp_path / "found")
    assert "is named twice" in world.iwds("doctor", "company", "--html", both, "--csv", both, code=64).err


def test_a_reading_that_proves_nothing_is_told_with_3(world: World) -> None:
    file = world.folder / "company.ldif"
    file.write_text(file.read_text(encoding="ascii").rpartition("# end of")[0], encoding="ascii")
    assert "NO" in world.iwds("doctor", "company", code=3).out
