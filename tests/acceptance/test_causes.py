"""A night on which much is wrong, and one person was really dismissed: their access ends all the same."""

import re
import sqlite3
from contextlib import closing

from tests.acceptance.test_bad_days import commands
from tests.acceptance.world import Company, World


def dismissed(world: World, uid: str) -> None:
    """Their account has expired in the directory."""
    world.company.change(uid, "\nemployeeNumber: ", "\nshadowExpire: 1\nemployeeNumber: ")
    world.save()


def locked(world: World, run: str) -> set[str]:
    return set(re.findall(r"lock ([a-z.]+)", world.iwds("show", run, "lock").out))


def test_somebody_dismissed_while_a_container_vanished_is_locked_by_the_command_of_the_refusal(settled: World) -> None:
    settled.company = Company(people=18)
    dismissed(settled, "kenji.mori")
    refusal = settled.iwds("run", "company", code=3).out
    assert re.search(r"^  +\d+  unseen  no longer in the directory, and not found by their id$", refusal, re.MULTILINE)
    assert re.search(r"^  +1  seen    disabled or expired in the directory$", refusal, re.MULTILINE)
    assert all(len(line) <= 80 for line in refusal.splitlines())
    done = settled.iwds(*commands(refusal, "--only seen"), "--yes").out
    assert "1 done" in done
    settled.iwds("run", "company", code=3)
    seen = settled.iwds("login", "show", "kenji.mori").out
    assert "locked" in seen


def test_somebody_dismissed_on_the_night_of_an_edit_is_locked_and_the_edit_waits(settled: World) -> None:
    settled.mapping("in: [contractor]", "in: [nobody]")
    dismissed(settled, "kenji.mori")
    ran = settled.iwds("run", "company", code=4)
    assert "1 done" in ran.out
    plan = settled.iwds("plan", "company", "--json", code=3).json
    held = [skip["change"] for skip in plan["skips"] if skip.get("change", {}).get("evidence") == "rule"]
    assert held
    assert {change["cause"] for change in held} == {"rule sample-company.yaml:13"}
    (gauge,) = [each for each in plan["basis"]["gauges"] if each["kind"] == "lock"]
    assert gauge["causes"] == {"rule sample-company.yaml:13": len(held)}


def test_an_upgraded_library_takes_nobody_s_phone_and_keeps_nobody_s_access(world: World) -> None:
    world.mapping("  mode: always   ", "  phone: {region: FR, invalid: empty}\n  mode: always   ")
    world.iwds("run", "company")
    world.company.change("olga.ivanova", "\nmobile: +33 6 39 98 00 05\n", "\nmobile: 12\n")
    dismissed(world, "kenji.mori")
    assert earlier_library(world, "phonenumbers") == 1
    assert "1 done, 1 held by the plan" in world.iwds("run", "company", code=4).out
    page = world.iwds("plan", "company", code=3).out
    assert "What only the changed library phonenumbers 8.0.0 > " in page
    plan = world.iwds("plan", "company", "--json", code=3).json
    (held,) = [skip["change"]["cause"] for skip in plan["skips"] if skip["reason"] == "held"]
    assert re.fullmatch(r"rule library phonenumbers 8\.0\.0 > [0-9.]+", held)
    assert "phone" in page
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "1 done" in world.iwds(*commands(page, "--allow out-of-scope="), "--yes").out
    assert "changed library" not in world.iwds("plan", "company").out


def earlier_library(world: World, name: str) -> int:
    """Our memory says that the run before had another version of a library; how many configurations say so now."""
    with closing(sqlite3.connect(world.folder / "iwds.db")) as database, database:
        place = f"$.libraries.{name}"
        change = (
            "update job set configuration = json_set(configuration, ?, '8.0.0') where json_extract(configuration, ?)"
        )
        return database.execute(change, (place, place)).rowcount


def test_an_edit_of_the_policy_for_leavers_waits_when_it_first_takes_effect(settled: World) -> None:
    settled.env["IWDS_JOBS__COMPANY__LEAVERS"] = "delete"
    settled.iwds("run", "company")
    settled.company.take("tomas.novak")
    settled.save()
    assert "1 done, 1 held by the plan" in settled.iwds("run", "company", code=4).out
    assert "locked" in settled.iwds("login", "show", "tomas.novak").out
    page = settled.iwds("plan", "company", code=3).out
    assert "What only the changed leavers would take away waits" in page
    assert "1 done" in settled.iwds(*commands(page, "--allow out-of-scope="), "--yes").out
    settled.iwds("plan", "company")
