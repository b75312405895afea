"""`iwds activations` and what an error code means, as a user starts them, against a real service."""

import csv
import io
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.world import PATIENCE, Ran, World, gate

WHO = "kenji.mori"
CODE = re.compile(r"\d{8,9}|[0-9a-f]{64}")
LONG_AGO = "2026-01-01 00:00:00.000000"


@pytest.fixture
def mailed(world: World) -> World:
    """A company whose people got links from a run, longer ago than it counts; one of them has no address."""
    world.mapping("activation: inactive", "activation: link")
    world.env["IWDS_JOBS__COMPANY__LIMITS__MAIL__FLOOR"] = "100"
    world.iwds("run", "company", code=4)
    with closing(sqlite3.connect(world.folder / "iwds.db")) as database, database:
        database.execute("UPDATE intent SET at = ?", (LONG_AGO,))
    return world


def service(world: World, statement: str, *values: object) -> None:
    """Make the service what it is not by itself."""
    with closing(sqlite3.connect(world.folder.parent / "service.db", timeout=PATIENCE)) as database, database:
        database.execute(statement, values)


def mails(world: World) -> int:
    """How many mails the service has sent."""
    with closing(sqlite3.connect(world.folder.parent / "service.db", timeout=PATIENCE)) as database:
        return int(database.execute("SELECT count(*) FROM mail").fetchone()[0])


def resend(world: World, *arguments: str, code: int = 0) -> Ran:
    return world.iwds("activations", "--resend", "--reason", "never used it", *arguments, code=code)


class TestTheList:
    def test_groups_our_own_logins_by_how_far_they_are_in_80_columns(self, mailed: World) -> None:
        service(mailed, "UPDATE code SET expires = 10 WHERE login_id % 3 = 0")
        service(mailed, "UPDATE code SET kind = 1, long_code = NULL WHERE login_id % 3 = 1")
        page = mailed.iwds("activations").out
        for words in ("expired: ", "link pending: ", "not switched on: ", "Not activated on "):
            assert words in page
        assert "digits pending" not in page
        assert max(map(len, page.splitlines())) <= 80
        assert "\x1b" not in page
        data = mailed.iwds("activations", "--json").json
        assert data["schema"] == 1
        assert sum(data["counts"].values()) == len(data["logins"]) == data["looked_at"]
        assert {each["activation"] for each in data["logins"]} == {"expired", "link", "inactive"}
        assert all(each["ours"] for each in data["logins"])
        assert not CODE.search(page)

    def test_is_narrowed_widened_and_made_a_table(self, mailed: World) -> None:
        service(mailed, "UPDATE code SET expires = 10 WHERE login_id IN (SELECT id FROM login WHERE login = ?)", WHO)
        expired = mailed.iwds("activations", "--expired", "--json").json
        assert [each["login"] for each in expired["logins"]] == [WHO]
        pending = mailed.iwds("activations", "--pending", "--json").json
        assert WHO not in {each["login"] for each in pending["logins"]}
        assert len(pending["logins"]) == pending["looked_at"] - 1
        service(mailed, "UPDATE login SET activated = 0 WHERE login LIKE 'console.%'")
        widened = mailed.iwds("activations", "--all", "--json").json
        assert any(not each["ours"] for each in widened["logins"])
        table = list(csv.DictReader(io.StringIO(mailed.iwds("activations", "--expired", "--csv").out)))
        assert [(row["login"], row["group"]) for row in table] == [(WHO, "expired")]

    def test_of_idle_seats_asks_once_for_a_page_and_for_nobody_alone(self, mailed: World) -> None:
        service(mailed, "UPDATE login SET activated = 1")
        service(mailed, "UPDATE login SET lastauthdate = 1700000000 WHERE login = ?", WHO)
        with gate(mailed.port) as (keeper, port):
            asked: list[bytes] = []
            keeper.answered = asked.append
            mailed.at(port)
            page = mailed.iwds("activations", "--idle", "180d").out
            mailed.at(mailed.port)
        assert [b"loginsQuery" in body for body in asked].count(True) == 1
        assert not any(b"loginQuery" in body for body in asked)
        assert re.search(rf"{WHO} +2023-11-14 ", page)
        idle = mailed.iwds("activations", "--idle", "180d", "--json").json
        assert idle["counts"]["long-ago"] == 1
        service(mailed, "UPDATE login SET lastauthdate = unixepoch()")
        assert mailed.iwds("activations", "--idle", "180d", "--json").json["logins"] == []


class TestLinks:
    def test_are_mailed_once_in_a_week_and_a_few_at_a_time(self, mailed: World) -> None:
        before = mails(mailed)
        first = resend(mailed, "--limit", "2", "--yes")
        assert "2 of 2 links mailed." in first.out
        assert mails(mailed) == before + 2
        second = resend(mailed, "--limit", "1000", "--yes")
        assert "2 left out: mailed in the last 7 days" in second.err
        sent = mails(mailed) - before
        assert "1 left out: no mail address" in second.err
        assert sent == mailed.iwds("activations", "--pending", "--json").json["looked_at"] - 1
        assert "Nobody to mail a link to." in resend(mailed, "--limit", "1000", "--yes").err
        assert mails(mailed) - before == sent
        rows = mailed.iwds("audit", "-n", "1000", "--json").json["audit"]
        assert len(rows) == sent
        assert {(row["action"], row["detail"], row["result"], row["reason"]) for row in rows} == {
            ("code", "link by mail", "done", "never used it")
        }
        assert not CODE.search(first.out + first.err + second.out + second.err)

    def test_that_have_run_out_are_made_anew_where_the_service_makes_one(self, mailed: World) -> None:
        service(mailed, "UPDATE code SET expires = 10 WHERE login_id IN (SELECT id FROM login WHERE login = ?)", WHO)
        refused = resend(mailed, "--expired", "--yes", code=4)
        assert "never chose a PIN" in " ".join(refused.out.split())
        assert "iwds login code LOGIN" in refused.out
        assert "1 left out: refused in the last 7 days" in resend(mailed, "--expired", "--yes").err
        service(mailed, "UPDATE login SET pin = 'known' WHERE login = ?", WHO)
        with closing(sqlite3.connect(mailed.folder / "iwds.db")) as database, database:
            database.execute("UPDATE audit SET at = ?", (LONG_AGO,))
        sent = resend(mailed, "--expired", "--yes", "--json").json
        assert [(each["login"], each["result"]) for each in sent["mails"]] == [(WHO, "done")]
        assert mailed.iwds("login", "show", WHO, "--json").json["activation"] == "link"

    def test_are_not_mailed_to_who_is_held_or_protected(self, mailed: World) -> None:
        mailed.iwds("login", "lock", WHO, "--reason", "stolen")
        mailed.mapping("protect: [", "protect: [olga.ivanova, ")
        told = resend(mailed, "--limit", "1000", "--yes")
        assert "1 left out: held by the helpdesk" in told.err
        assert "1 left out: protected by a mapping" in told.err
        assert WHO not in told.err
        assert not {row["name"] for row in mailed.iwds("audit", "-n", "1000", "--json").json["audit"]} & {
            "olga.ivanova"
        }

    def test_wait_for_a_run_that_holds_the_service(self, mailed: World) -> None:
        mailed.company.change(WHO, "employeeNumber: ", "employeeNumber: 9")
        mailed.save()
        direct = mailed.env["IWDS_TARGETS__MFA__URL"]
        with gate(mailed.port) as (keeper, port):
            keeper.holds = lambda body: b"loginUpdate" in body
            mailed.at(port)
            with mailed.start("run", "company") as process:
                assert keeper.held.acquire(timeout=PATIENCE)
                mailed.env["IWDS_TARGETS__MFA__URL"] = direct
                refused = resend(mailed, "--yes", code=3)
                keeper.go.set()
                process.communicate(timeout=PATIENCE)
        assert "is held by" in refused.err
        assert mailed.iwds("audit", "--json").json["audit"] == []


class TestAnErrorCode:
    def test_is_explained_for_this_person(self, settled: World) -> None:
        page = settled.iwds("login", "show", WHO, "--error", "CODE_ENTRY_DOES_NOT_EXIST").out
        assert "not switched on" in " ".join(page.split())
        assert f"iwds login code {WHO}" in page
        assert max(map(len, page.splitlines())) <= 80
        service(settled, "UPDATE login SET pin_locked = 1 WHERE login = ?", WHO)
        data = settled.iwds("login", "show", WHO, "--error", "user_is_blocked", "--json").json
        assert (data["schema"], data["error"]["code"]) == (1, "USER_IS_BLOCKED")
        assert data["error"]["here"] == [f"{WHO}: PIN is blocked after wrong entries."]

    def test_of_who_has_no_login_is_explained_too(self, settled: World) -> None:
        told = settled.iwds("login", "show", "nobody", "--error", "USER_ENTRY_DOES_NOT_EXIST").out
        assert "The service has no login nobody." in told

    def test_that_is_none_is_64_with_the_nearest(self, settled: World) -> None:
        refused = settled.iwds("login", "show", WHO, "--error", "USER_BLOCKED", code=64)
        assert "USER_IS_BLOCKED" in refused.err


class TestARefusal:
    def test_of_a_wrong_command_is_64_and_sends_nothing(self, mailed: World) -> None:
        before = mails(mailed)
        for arguments, words in (
            (("--resend", "--yes"), "needs --reason"),
            (("--resend", "--reason", "x"), "nobody is there to answer"),
            (("--resend", "--reason", "x", "--all"), "only to look at"),
            (("--idle", "180d", "--expired"), "--idle lists seats"),
            (("--idle", "soon"), "soon"),
            (("--json", "--csv"), "not both"),
            (("--limit", "0"), "'--limit'"),
            (("--target", "mfo"), 'no target "mfo"'),
        ):
            assert words in mailed.iwds("activations", *arguments, code=64).err
        assert mails(mailed) == before

    def test_by_a_service_that_does_not_answer_is_75(self, mailed: World, tmp_path: Path) -> None:
        mailed.at(9)
        mailed.iwds("activations", code=75)
