"""Leavers and holds on the command line, against a real service."""

import sqlite3
from contextlib import closing

from tests.acceptance.world import World

WHO = "kenji.mori"


def wait(world: World, policy: str) -> None:
    """What becomes of leavers from now on."""
    file = world.folder / "config.yaml"
    text = file.read_text(encoding="utf-8")
    assert "    leavers: lock\n" in text
    file.write_text(text.replace("    leavers: lock\n", f"    {policy}\n", 1), encoding="utf-8")


def a_month_later(world: World) -> None:
    """Move the beginning of every grace into the past."""
    with closing(sqlite3.connect(world.folder / "iwds.db")) as database, database:
        database.execute("UPDATE login SET left_at = '2020-01-01 00:00:00.000000' WHERE left_at IS NOT NULL")


def test_a_leaver_is_locked_and_after_the_grace_deleted_with_what_is_lost_named(settled: World) -> None:
    wait(settled, "leavers: lock-then-delete\n    delete_after: 30d")
    settled.iwds("run", "company")
    settled.company.take(WHO)
    settled.save()
    assert "1 done" in settled.iwds("run", "company").out
    shown = settled.iwds("login", "show", WHO, "--json").json
    assert shown["login"]["status"] == 1
    assert shown["ledger"]["left_at"]
    assert "if they stay away" in " ".join(settled.iwds("plan", "company").out.split())

    a_month_later(settled)
    planned = settled.iwds("plan", "company", "--json", code=3).json
    (change,) = [skip["change"] for skip in planned["skips"] if skip["reason"] == "held"]
    assert change["do"] == "delete"
    assert {"devices", "groups", "last_seen"} == change["lost"].keys()
    assert f"delete {WHO} with no device" in settled.iwds("show", planned["id"], "delete").out
    assert "What only the changed leavers would take away waits" in settled.iwds("run", "company", code=3).out
    settled.iwds("apply", "company", "--allow", "out-of-scope=1", "--reason", "as agreed", "--yes")
    settled.iwds("login", "show", WHO, code=64)
    settled.iwds("plan", "company")


def test_a_held_leaver_keeps_access_until_the_end_and_every_plan_says_so(settled: World) -> None:
    refused = settled.iwds("hold", WHO, "--reason", "on leave", code=64)
    assert "--until" in refused.err
    settled.iwds("hold", WHO, "--until", "30d", code=64)
    settled.iwds("hold", WHO, "--until", "401d", "--reason", "on leave", code=64)
    told = settled.iwds("hold", WHO, "--until", "30d", "--reason", "on leave", "--ticket", "T-1")
    assert "stays active until then" in " ".join(told.err.split())
    settled.company.take(WHO)
    settled.save()
    ran = settled.iwds("run", "company")
    assert f"exempt: {WHO} (lock waits: held by " in " ".join(ran.out.split())
    assert settled.iwds("login", "show", WHO, "--json").json["exempt"]["reason"] == "on leave"
    assert "exempt from removals" in " ".join(settled.iwds("login", "show", WHO).out.split())
    assert WHO in settled.iwds("status").out
    (held,) = settled.iwds("holds", "--json").json["holds"]
    assert (held["login"], held["kind"], held["stands"]) == (WHO, "exempt", True)
    assert "[T-1]" in settled.iwds("holds").out

    assert "Lifted: held by " in settled.iwds("unhold", WHO, "--reason", "is not coming back").err
    assert "was not held" in settled.iwds("unhold", WHO, "--reason", "twice").err
    assert settled.iwds("holds").out.strip() == "Nothing is held."
    actions = [each["action"] for each in settled.iwds("audit", WHO, "--json").json["audit"]]
    assert actions == ["unhold", "hold"]
    assert "1 done" in settled.iwds("run", "company").out
