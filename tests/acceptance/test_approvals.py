"""A plan approved in part, on the command line, against a real service."""

import os
import re

from tests.acceptance.world import World

GONE = ("kenji.mori", "olga.ivanova")
BOTH = ("--all", "--reason", "left for good", "-y")


def needing(world: World, *lines: str) -> None:
    """What needs approval from now on."""
    file = world.folder / "config.yaml"
    text = file.read_text(encoding="utf-8")
    approval = "".join(f"      {line}\n" for line in lines)
    file.write_text(text.replace("    leavers: lock\n", f"    leavers: lock\n    approval:\n{approval}", 1), "utf-8")


def leave(world: World, *people: str) -> None:
    for who in people:
        world.company.take(who)
    world.save()


def locked(world: World) -> list[str]:
    """Which of those who left are locked."""
    return [who for who in GONE if world.iwds("login", "show", who, "--json").json["login"]["status"] == 1]


def waiting(world: World) -> str:
    """The plan that waits for approval."""
    (plan,) = world.iwds("plans", "--waiting", "-n", "1", "--json").json["plans"]
    return str(plan["id"])


def test_a_nightly_run_applies_the_rest_and_what_is_approved_is_made_by_the_next_one(settled: World) -> None:
    needing(settled, "needed: removals")
    settled.company.change("marcel.petit", "sn: Petit", "sn: Grand")
    leave(settled, *GONE)
    ran = settled.iwds("run", "company", code=4)
    assert "1 done, 2 wait for approval" in ran.out
    assert locked(settled) == []
    plan = waiting(settled)
    assert f"iwds approve {plan}" in settled.iwds("show", plan).out
    status = settled.iwds("status")
    assert f"plan {plan}: 2 of 2 wait for approval" in status.out
    assert settled.iwds("run", "company", code=3).out.count("unapproved") == 1

    plan = waiting(settled)
    told = settled.iwds(
        "approve", plan, "--login", GONE[0].upper(), "--reason", "left for good", "--ticket", "T-7", "-y"
    )
    assert f"Approve changes of plan {plan}" in told.out
    assert "1 change approved until" in told.out
    listed = settled.iwds("plans", "company").out
    assert "1 of 2 wait for approval; 1 of 2 approved by" in " ".join(listed.split())
    assert max(map(len, listed.splitlines())) <= 80
    assert settled.iwds("approve", plan, "--login", GONE[0], "--reason", "again", "-y").out.startswith("You approved")
    shown = " ".join(settled.iwds("show", plan, "unapproved").out.split())
    assert re.search(rf"lock {GONE[0]}: status active > locked -- approved by \S+ since", shown)
    assert f"lock {GONE[1]}: status active > locked -- nobody approved it yet" in shown
    assert "1 done" in settled.iwds("apply", plan, "-y", code=4).out
    shown = " ".join(settled.iwds("show", plan, "unapproved").out.split())
    assert re.search(rf"lock {GONE[0]}: status active > locked -- made by run \w+ since", shown)
    assert locked(settled) == [GONE[0]]
    (row,) = settled.iwds("audit", GONE[0], "--json").json["audit"]
    assert (row["action"], row["reason"], row["ticket"], row["result"]) == ("approve", "left for good", "T-7", "done")


def test_what_is_rejected_stays_until_it_is_taken_back(settled: World) -> None:
    leave(settled, *GONE)
    plan = settled.iwds("plan", "company", "--json", code=2).json["id"]
    told = settled.iwds("reject", plan, "--login", GONE[0], "--until", "60d", "--reason", "on leave", "-y")
    assert "1 change rejected until" in told.out
    ran = settled.iwds("run", "company")
    assert f"rejected: {GONE[0]} (lock waits: rejected by " in " ".join(ran.out.split())
    assert locked(settled) == [GONE[1]]
    assert "rejected by" in settled.iwds("explain", GONE[0]).out
    assert settled.iwds("explain", GONE[0], "--json").json["jobs"][0]["rulings"][0]["verdict"] == "rejected"

    again = settled.iwds("plan", "company", "--json").json["id"]
    assert "1 ruling taken back" in settled.iwds("reject", again, "--undo", "--all", "--reason", "left", "-y").out
    assert "1 done" in settled.iwds("run", "company").out
    assert locked(settled) == list(GONE)
    actions = [each["action"] for each in settled.iwds("audit", GONE[0], "--json").json["audit"]]
    assert actions == ["undo reject", "reject"]


def test_two_people_are_needed_where_a_plan_holds_many(settled: World) -> None:
    needing(settled, "needed: removals", "two_people_above: 1", "stands: 2d")
    leave(settled, *GONE)
    settled.iwds("run", "company", code=3)
    plan = waiting(settled)
    assert "wait for the approval of two people" in settled.iwds("show", plan).out
    settled.env["SUDO_USER"] = "zoe"
    told = settled.iwds("approve", plan, "--login", GONE[0], "--reason", "left", "-y")
    assert "Another person has to approve them too" in told.out
    settled.iwds("run", "company", code=3)
    assert locked(settled) == []
    # Of root alone it is believed on whose behalf it acts; anybody else can claim anything.
    settled.env["SUDO_USER"] = "kim"
    said = settled.iwds("approve", plan, "--login", GONE[0], "--reason", "left", "-y").out
    is_root = os.getuid() == 0
    assert ("The next run makes" in said, "Another person" in said) == (is_root, not is_root)
    settled.iwds("run", "company", code=4 if is_root else 3)
    assert locked(settled) == ([GONE[0]] if is_root else [])


def test_what_cannot_be_approved_is_refused_with_the_way_out(settled: World) -> None:
    leave(settled, *GONE)
    plan = settled.iwds("plan", "company", "--json", code=2).json["id"]
    for command, says in {
        ("approve", plan, "--reason", "x", "-y"): "--all",
        ("approve", plan, "--all"): "--reason",
        ("approve", plan, *BOTH): "nothing of plan",
        ("approve", "company", *BOTH): "iwds plans",
        ("approve", "ffff", *BOTH): "iwds plans",
        ("show", "ffff"): "iwds plans",
        ("reject", plan, "--login", "nobody", "--reason", "x", "-y"): "nothing of plan",
        ("reject", plan, *BOTH, "--until", "401d"): "400 days",
        ("reject", plan, *BOTH, "--undo"): "nothing of plan",
        ("reject", plan, "--all", "--reason", "x"): "nobody is there to answer",
    }.items():  # fmt: skip
        assert says in " ".join(settled.iwds(*command, code=64).err.split()), command
