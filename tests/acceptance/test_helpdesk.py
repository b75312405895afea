"""The helpdesk on the command line: `iwds login` and `iwds audit`, against a real service and beside real runs."""

import os
import pwd
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.acceptance.world import PATIENCE, Company, Ran, World, gate, iwds

WHO = "kenji.mori"
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name
CODE = re.compile(r"\d{8,9}")


def login(world: World, what: str, *arguments: str, code: int = 0, who: str = WHO) -> Ran:
    return world.iwds("login", what, who, *arguments, code=code)


def sandbox(world: World, *arguments: str) -> Ran:
    ran = iwds("sandbox", *arguments, "--data", str(world.folder.parent / "service.db"))
    assert ran.code == 0, ran.err
    return ran


def status(world: World) -> int:
    return int(login(world, "show", "--json").json["login"]["status"])


def end_now(world: World) -> None:
    """Move the end of every hold into the past."""
    with closing(sqlite3.connect(world.folder / "iwds.db")) as database, database:
        database.execute("UPDATE hold SET until = '2020-01-01 00:00:00.000000' WHERE until IS NOT NULL")


def enrolled(world: World, code: str) -> None:
    sandbox(world, "enrol", code, "--pin", "4711")


class TestALock:
    def test_survives_a_real_run_and_is_undone_by_the_first_one_after_its_end(self, settled: World) -> None:
        told = login(settled, "lock", "--reason", "phone stolen", "--until", "7d", "--ticket", "T-1")
        assert (told.out, status(settled)) == ("", 1)
        assert "no run undoes it before" in told.err
        settled.company.change(WHO, "employeeNumber: ", "employeeNumber: 9")
        settled.save()
        ran = settled.iwds("run", "company")
        assert re.search(
            rf"locked-elsewhere: {WHO} \(locked by .* until \w{{3}} \d\d \w{{3}} \d{{4}} \d\d:\d\d: phone stolen\)",
            " ".join(ran.out.split()),
        )
        assert "1 done" in ran.out
        assert status(settled) == 1
        settled.iwds("status")

        end_now(settled)
        assert f"unlock {WHO}" in settled.iwds("plan", "company", code=2).out
        settled.iwds("run", "company")
        assert status(settled) == 0
        settled.iwds("plan", "company")

    def test_stays_without_an_end_until_it_is_lifted(self, settled: World) -> None:
        login(settled, "lock", "--reason", "phone stolen")
        end_now(settled)
        settled.iwds("run", "company")
        assert status(settled) == 1
        told = login(settled, "unlock", "--reason", "found")
        assert "Lifted: locked by " in told.err
        assert status(settled) == 0
        settled.iwds("plan", "company")

    def test_comes_out_on_top_of_a_run_that_is_just_writing_to_the_login(self, settled: World) -> None:
        """The run's call is held on its way; the lock is made and read back; then the call arrives."""
        direct = settled.env["IWDS_TARGETS__MFA__URL"]
        settled.company.change(WHO, "employeeNumber: ", "employeeNumber: 9")
        settled.save()
        with gate(settled.port) as (keeper, port):
            keeper.holds = lambda body: b"loginUpdate" in body and keeper.held.acquire(blocking=False) is False
            settled.at(port)
            with settled.start("run", "company") as process:
                assert keeper.held.acquire(timeout=PATIENCE)
                keeper.holds = lambda _: False
                settled.iwds("login", "lock", WHO, "--reason", "stolen", env={"IWDS_TARGETS__MFA__URL": direct})
                keeper.go.set()
                out, err = process.communicate(timeout=PATIENCE)
                assert process.returncode == 3, out + err
        assert "stolen, and locked again" in out
        settled.env["IWDS_TARGETS__MFA__URL"] = direct
        assert status(settled) == 1
        assert '"employee":"9' in login(settled, "show", "--json").json["login"]["extra"]

    def test_of_somebody_else_is_lifted_only_where_that_is_said(self, settled: World) -> None:
        login(settled, "lock", "--reason", "x", "--until", "1d")
        with closing(sqlite3.connect(settled.folder / "iwds.db")) as database, database:
            database.execute("DELETE FROM hold")
        assert "locked by somebody else" in login(settled, "unlock", "--reason", "found", code=3).err
        login(settled, "unlock", "--reason", "found", "--anyway")
        assert status(settled) == 0

    def test_of_a_run_comes_back_with_the_next_one(self, settled: World) -> None:
        settled.company.take(WHO)
        settled.save()
        settled.iwds("run", "company")
        assert "the next run locks it again" in " ".join(login(settled, "unlock", "--reason", "today").err.split())
        assert status(settled) == 0
        settled.iwds("run", "company")
        assert status(settled) == 1


class TestACode:
    def test_stands_alone_on_standard_output_and_fits_the_state(self, settled: World) -> None:
        first = login(settled, "code")
        assert CODE.fullmatch(first.out.strip())
        assert first.err.strip() == f"Activation code for {WHO}, good for 30 minutes:"
        enrolled(settled, first.out.strip())
        refused = login(settled, "code", code=3)
        assert "--add-device" in refused.err
        assert refused.out == ""
        assert CODE.fullmatch(login(settled, "code", "--add-device").out.strip())

    def test_is_mailed_as_a_link_and_not_shown(self, settled: World) -> None:
        enrolled(settled, login(settled, "code").out.strip())
        for mailed in (login(settled, "code", "--add-device", "--mail"), login(settled, "reset-password", "--mail")):
            assert mailed.out == ""
            assert f"was mailed to {WHO}@corp.example" in mailed.err
            assert not CODE.search(mailed.err)
        assert sandbox(settled, "show", "outbox").out.count("/console/activate?code=") == 2

    def test_that_restores_replaces_the_devices_when_it_is_used(self, settled: World) -> None:
        enrolled(settled, login(settled, "code").out.strip())
        (before,) = login(settled, "devices", "--json").json["devices"]
        restore = login(settled, "restore", "--reason", "phone lost", "--yes")
        assert "all devices of kenji.mori are deleted" in restore.err.replace("\n", " ")
        assert login(settled, "devices", "--json").json["devices"] == [before]
        enrolled(settled, restore.out.strip())
        (after,) = login(settled, "devices", "--json").json["devices"]
        assert after["id"] != before["id"]

    def test_reaches_no_log_no_audit_and_no_state(self, settled: World) -> None:
        codes = [login(settled, "code").out.strip()]
        enrolled(settled, codes[0])
        given = [
            login(settled, *what)
            for what in (("reset-password",), ("otp",), ("code", "--add-device"), ("restore", "--reason", "x", "--yes"))
        ]
        codes += [ran.out.strip() for ran in given]
        assert all(map(CODE.fullmatch, codes))
        seen = "".join(ran.err for ran in given) + settled.iwds("audit", "--json").out
        seen += login(settled, "show").out + login(settled, "show", "--json").out
        kept = b"".join(file.read_bytes() for file in settled.folder.glob("iwds.db*"))
        for code in codes:
            assert code not in seen
            assert code.encode() not in kept


class TestDevices:
    def test_are_listed_renamed_and_deleted(self, settled: World) -> None:
        enrolled(settled, login(settled, "code").out.strip())
        number = login(settled, "devices", "--json").json["devices"][0]["id"]
        login(settled, "devices", "--rename", str(number), "Work phone")
        assert re.search(rf"ma:{number}  Authenticator, active: Work phone", login(settled, "devices").out)
        login(settled, "devices", "--delete", f"ma:{number}", "--yes", code=64)
        told = login(settled, "devices", "--delete", f"ma:{number}", "--reason", "broken", "--yes")
        assert "It is the last one" in told.err
        assert login(settled, "devices").out == "No device.\n"

    def test_blocked_by_wrong_entries_say_so_and_are_forgiven_once(self, settled: World) -> None:
        enrolled(settled, login(settled, "code").out.strip())
        service = str(settled.folder.parent / "service.db")
        for _ in range(3):
            iwds("sandbox", "authenticate", WHO, "--pin", "0000", "--data", service)
        assert "PIN blocked after wrong entries" in login(settled, "show").out
        login(settled, "reset-pin-errors")
        assert "none after wrong entries" in login(settled, "show").out
        assert "iwds login reset-password" in login(settled, "reset-pin-errors", code=1).err


class TestTheAudit:
    def test_says_who_did_what_to_whom_and_why(self, settled: World) -> None:
        settled.env["SUDO_USER"] = "zoe"
        login(settled, "lock", "--reason", "phone stolen", "--ticket", "T-1", who=WHO.upper())
        login(settled, "unlock", "--reason", "found")
        login(settled, "code", who="olga.ivanova")
        rows = settled.iwds("audit", WHO, "--json").json["audit"]
        assert [row["who"].removesuffix(f" as {ACCOUNT}") for row in rows] == ["zoe", "zoe"]
        assert [(row["action"], row["result"], row["reason"], row["ticket"]) for row in rows] == [
            ("unlock", "done", "found", ""),
            ("lock", "done", "phone stolen", "T-1"),
        ]
        assert len(settled.iwds("audit", "--since", "1d", "--json").json["audit"]) == 3
        assert settled.iwds("audit", "nobody").out == "Nothing of that kind.\n"
        by_id = settled.iwds("audit", f"#{rows[0]['login_id']}", "-n", "1", "--json").json["audit"]
        assert by_id == rows[:1]
        page = settled.iwds("audit").out
        assert re.search(rf"zoe@\S+: lock {WHO}, done", page)
        assert max(map(len, page.splitlines())) <= 80


class TestALook:
    def test_tells_everything_in_80_columns_without_colour_where_nobody_looks(self, settled: World) -> None:
        page = login(settled, "show").out
        for words in (
            f"{WHO}  #",
            "mail        kenji.mori@",
            "activation  not activated",
            "Groups",
            "provisioning id 20",
        ):
            assert words in page
        assert max(map(len, page.splitlines())) <= 80
        assert "\x1b" not in page
        number = login(settled, "show", "--json").json["login"]["id"]
        assert login(settled, "show", who=f"#{number}").out == page


class TestARefusal:
    def test_of_a_wrong_command_is_64_and_is_in_no_audit(self, settled: World) -> None:
        for arguments, words in (
            (("show", "nobody"), "has no login nobody"),
            (("show", "#1"), "has no login #1"),
            (("lock", WHO), "needs --reason"),
            (("unlock", WHO), "needs --reason"),
            (("restore", WHO, "--reason", "x"), "nobody is there to answer"),
            (("lock", WHO, "--reason", "x", "--until", "yesterday"), "is no time"),
            (("devices", WHO, "--delete", "12", "--reason", "x", "--yes"), "12 is no device"),
            (("show", WHO, "--target", "mfo"), 'no target "mfo" (did you mean "mfa"?)'),
        ):
            assert words in settled.iwds("login", *arguments, code=64).err
        assert settled.iwds("audit", "--json").json["audit"] == []

    def test_of_a_protected_login_and_of_the_last_administrators_is_3(self, settled: World) -> None:
        refused = login(settled, "lock", "--reason", "x", code=3, who="console.ada")
        assert "active administrator" in refused.err
        settled.mapping("protect: [", f"protect: [{WHO}, ")
        assert "a mapping protects" in login(settled, "lock", "--reason", "x", code=3).err
        assert status(settled) == 0

    def test_of_several_targets_lists_them(self, settled: World) -> None:
        file = settled.folder / "config.yaml"
        text = file.read_text(encoding="utf-8")
        second = "  other: {kind: provisioning, url: http://127.0.0.1:9/x, service_id: 1, provisioning_id: 2}\n"
        file.write_text(text.replace("targets:\n", f"targets:\n{second}", 1), encoding="utf-8")
        assert "other, mfa" in login(settled, "show", code=64).err
        assert login(settled, "show", "--target", "mfa").out

    def test_by_a_service_that_does_not_answer_is_75_and_leaves_no_hold(self, settled: World) -> None:
        there = settled.env["IWDS_TARGETS__MFA__URL"]
        settled.at(9)
        login(settled, "lock", "--reason", "x", code=75)
        settled.env["IWDS_TARGETS__MFA__URL"] = there
        assert login(settled, "show", "--json").json["hold"] is None


def test_a_state_of_an_older_version_is_refused_with_the_command(tmp_path: Path) -> None:
    world = World(tmp_path / "home", 9, Company(people=1))
    with closing(sqlite3.connect(world.folder / "iwds.db")) as database, database:
        database.execute("CREATE TABLE iwds_version (version_num TEXT)")
        database.execute("INSERT INTO iwds_version VALUES ('0001')")
    assert "iwds db upgrade" in world.iwds("audit", code=78).err
