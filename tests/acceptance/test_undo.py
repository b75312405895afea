"""`iwds undo` as a process, against the local MFA service."""

import json
from itertools import count
from typing import Any

from tests.acceptance.kills import let_the_lease_run_out
from tests.acceptance.test_leavers import a_month_later, wait
from tests.acceptance.world import PATIENCE, Ran, World, gate, run_id

WHO, OTHER = "claire.martin", "kenji.mori"
REASON = ("--reason", "a mistake")


def undo(world: World, run: str, *arguments: str, code: int = 0) -> Ran:
    ran = world.iwds("undo", run, *REASON, *arguments, code=code)
    if "--json" not in arguments:
        lines = ran.out.splitlines()
        assert all(len(line) <= 80 for line in lines), ran.out
        assert len(lines) <= 44, "a page, and how it ended"
    return ran


def nightly(world: World, code: int = 0) -> str:
    world.save()
    return run_id(world.iwds("run", "company", code=code))


def login(world: World, who: str) -> Any:
    return world.iwds("login", "show", who, "--json").json


def without_moments(shown: Any) -> str:
    """A login as it is shown, without what is only when it was looked at."""
    return json.dumps({name: shown[name] for name in ("login", "groups") if name in shown}, sort_keys=True)


def words(ran: Ran) -> str:
    return " ".join(ran.out.split())


def test_fields_are_put_back_and_the_next_night_leaves_them(settled: World) -> None:
    before = without_moments(login(settled, WHO))
    settled.company.change(WHO, "sn: Martin", "sn: Dubois")
    run = nightly(settled)
    assert login(settled, WHO)["login"]["name"] == "Dubois"

    looked = undo(settled, run, "--dry-run", code=2)
    assert "last name Dubois > Martin" in looked.out
    assert f"iwds undo {run}" in looked.out
    assert login(settled, WHO)["login"]["name"] == "Dubois"
    assert "--yes" in undo(settled, run, code=64).err

    done = undo(settled, run, "--yes")
    assert "No run does it again before" in done.out
    assert f"undo of run {run}: 1 done" in done.out
    assert without_moments(login(settled, WHO)) == before
    nightly(settled)
    assert without_moments(login(settled, WHO)) == before
    assert "rejected by" in words(settled.iwds("plan", "company"))

    undo(settled, run_id(done), "--yes")
    assert login(settled, WHO)["login"]["name"] == "Dubois"
    settled.iwds("plan", "company")


def test_what_others_changed_since_is_left_alone_and_told(settled: World) -> None:
    settled.company.change(WHO, "sn: Martin", "sn: Dubois")
    settled.company.change(WHO, "mobile: +33 6 39 98 00 01", "mobile: +33 6 39 98 00 99")
    run = nightly(settled)
    shown = login(settled, WHO)["login"]
    settled.company.change(WHO, "sn: Dubois", "sn: Durand")
    nightly(settled)
    done = undo(settled, run, "--yes", code=4)
    assert "last name is Durand now, the run made it Dubois" in words(done)
    after = login(settled, WHO)["login"]
    assert after["name"] == "Durand"
    assert after["phone"] != shown["phone"]
    data = undo(settled, run, "--dry-run", "--json", code=3).json
    assert (data["schema"], data["undoes"], data["run"], data["exit"]) == (1, run, None, 3)
    assert [left["reason"] for left in data["left_alone"]] == ["changed"]


def test_several_people_are_chosen_by_repeating(settled: World) -> None:
    settled.company.take(OTHER)
    settled.company.change(WHO, "sn: Martin", "sn: Dubois")
    run = nightly(settled)
    looked = undo(settled, run, "--dry-run", "--login", WHO, "--login", OTHER, code=2)
    assert "last name Dubois > Martin" in looked.out
    assert f"unlock {OTHER}" in looked.out
    assert f"--login {WHO} --login {OTHER}" in words(looked).replace(" \\", "")


def test_a_lock_is_undone_and_made_again_only_after_its_end(settled: World) -> None:
    settled.company.take(OTHER)
    run = nightly(settled)
    assert login(settled, OTHER)["login"]["status"] == 1
    undo(settled, run, "--yes", "--hold", "30d")
    assert login(settled, OTHER)["login"]["status"] == 0
    nightly(settled)
    assert login(settled, OTHER)["login"]["status"] == 0


def test_memberships_are_put_back(settled: World) -> None:
    before = without_moments(login(settled, WHO))
    group = "\ncn: team-legal\n"
    index = next(n for n, record in enumerate(settled.company.records) if group in f"{record}\n")
    settled.company.records[index] = "\n".join(
        line for line in settled.company.records[index].splitlines() if f"uid={WHO}," not in line
    )
    settled.company.change(WHO, "departmentNumber: LEGAL", "departmentNumber: SALES")
    run = nightly(settled)
    undo(settled, run, "--yes")
    assert without_moments(login(settled, WHO)) == before


def test_a_deletion_is_undone_as_a_creation_that_says_what_is_lost(settled: World) -> None:
    wait(settled, "leavers: lock-then-delete\n    delete_after: 30d")
    settled.iwds("run", "company")
    before = login(settled, OTHER)["login"]
    settled.company.take(OTHER)
    nightly(settled)
    a_month_later(settled)
    run = run_id(settled.iwds("apply", "company", "--allow", "out-of-scope=1", "--reason", "as agreed", "--yes"))
    settled.iwds("login", "show", OTHER, code=64)

    looked = undo(settled, run, "--dry-run", code=2)
    assert "Cannot come back" in looked.out
    assert "PIN and password" in words(looked)
    undo(settled, run, "--yes")
    after = login(settled, OTHER)["login"]
    assert after["id"] != before["id"]
    assert after["status"] == 1, "it was locked when it was deleted"
    same = ("login", "firstname", "name", "mail", "phone", "role")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    nightly(settled)
    assert login(settled, OTHER)["login"]["id"] == after["id"]


def test_a_creation_is_deleted_where_nobody_uses_it(world: World) -> None:
    new = world.company.records[next(n for n, r in enumerate(world.company.records) if f"\nuid: {WHO}\n" in r)]
    world.company.records.remove(new)
    world.save()
    world.iwds("run", "company")
    world.company.records.append(new)
    run = nightly(world)
    assert login(world, WHO)
    undo(world, run, "--yes", "--only", "create")
    world.iwds("login", "show", WHO, code=64)
    nightly(world)
    world.iwds("login", "show", WHO, code=64)


def test_what_cannot_be_undone_is_an_error_that_says_why(settled: World) -> None:
    assert 'no run is called "beefbeef"' in undo(settled, "beefbeef", "--yes", code=64).err
    run = nightly(settled)
    assert "changed nothing" in undo(settled, run, "--yes", code=64).err
    settled.company.change(WHO, "sn: Martin", "sn: Dubois")
    run = nightly(settled)
    assert "nothing that run" in undo(settled, run, "--yes", "--login", "nobody", code=64).err
    assert "--reason" in settled.iwds("undo", run, "--yes", code=64).err
    assert "at most 400 days" in undo(settled, run, "--yes", "--hold", "999d", code=64).err
    settled.iwds("undo", run, *REASON, "--json", code=64)
    file = settled.folder / "config.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\n  company:\n    sources:", "\n  firm:\n    sources:"), encoding="utf-8")
    del settled.env["IWDS_JOBS__COMPANY__LIMITS__PROMOTE__FLOOR"]
    assert "not configured any more" in undo(settled, run, "--yes", code=64).err


def test_an_undoing_that_is_killed_is_settled_by_the_next_night(settled: World) -> None:
    """Of three people one is put back when the process dies at the second; the night redoes exactly the others."""
    people = ("claire.martin", "marcel.petit", "theo.bernard")
    names = {who: login(settled, who)["login"]["name"] for who in people}
    for who in people:
        settled.company.change(who, f"sn: {names[who]}", "sn: Dubois")
    run = nightly(settled)
    with gate(settled.port) as (keeper, port):
        settled.at(port)
        updates = count(1)
        keeper.holds = lambda body: b"loginUpdate" in body and next(updates) > 1
        with settled.start("undo", run, *REASON, "--yes") as process:
            assert keeper.held.acquire(timeout=PATIENCE)
            process.kill()
            process.wait(PATIENCE)
            keeper.port = 0  # what is held never arrives: nobody listens there
        settled.at(settled.port)
    let_the_lease_run_out(settled.folder / "iwds.db")
    nightly(settled)
    back = [who for who in people if login(settled, who)["login"]["name"] == names[who]]
    assert len(back) < len(people), "what was not undone is done again"
    planned = settled.iwds("plan", "company", "--json").json
    held = [skip["subject"]["login"] for skip in planned["skips"] if skip["reason"] == "rejected"]
    assert sorted(held) == sorted(back), "what was undone is rejected, and nothing else"
    undo(settled, run, "--yes")
    assert {who: login(settled, who)["login"]["name"] for who in people} == names
