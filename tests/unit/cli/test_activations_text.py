"""Lists of people as pages, as JSON and as tables."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from iwds.cli.activations_text import (
    activation_page,
    chosen_lines,
    idle_page,
    resent_lines,
    write_csv,
    write_json,
    write_resent,
)
from iwds.core.devices import Activated
from iwds.engine.activations import UNTOLD, Idle, Person, Sheet, Surveyed
from iwds.engine.resending import Chosen, Obstacle, Resent
from iwds.ports import Result
from tests.unit.core.made import NOON

FOUND = Surveyed(10, 7, NOON)
GROUPS = [state.value for state in (Activated.EXPIRED, Activated.LINK)]


def person(login: str = "ann", **fields: Any) -> Person:
    made = {"id": 1, "name": "Ann Lee", "mail": "ann@x.y", "locked": False, "activation": "expired", "last_seen": 0}
    return Person(**{**made, "login": login, "ours": True, **fields})


@pytest.fixture
def sheet() -> Iterator[Sheet]:
    with closing(Sheet(GROUPS)) as made:
        yield made


def page(sheet: Sheet, shown: int = 20, everybody: bool = False) -> list[str]:
    return [line.plain for line in activation_page(FOUND, "mfa#1", sheet, shown, everybody)[1]]


class TestAPage:
    def test_names_the_first_of_each_group_and_counts_the_rest(self, sheet: Sheet) -> None:
        for number in range(3):
            sheet.add("expired", person(f"u{number}"))
        told = page(sheet, 2)
        assert told[0] == "Not activated on mfa#1, our logins"
        assert "3  expired: no code or link was used in time" in told
        assert any(line.split()[0] == "u1" for line in told if line.strip())
        assert not any("u2" in line for line in told)
        assert "  ... 1 more: --limit N, or all of them: --csv, --json" in told
        assert told[-1] == "3 of our 7 logins; 3 more are not ours."
        assert not any("link pending" in line for line in told)

    def test_says_what_stands_in_the_way_of_somebody(self, sheet: Sheet) -> None:
        sheet.add("link", person(locked=True, ours=False, mail=""))
        assert "  ann                       Ann Lee, locked, not ours, no mail" in page(sheet)

    def test_says_of_how_many_nothing_is_told(self, sheet: Sheet) -> None:
        sheet.add(UNTOLD, person())
        told = " ".join(page(sheet, everybody=True)).split()
        assert "Of 1 the service does not tell how far their activation is" in " ".join(told)
        assert "0 of 10 logins." in " ".join(told)

    def test_of_idle_seats_has_the_day_of_the_last_use(self) -> None:
        with closing(Sheet([each.value for each in Idle])) as sheet:
            sheet.add(Idle.LONG_AGO, person(last_seen=1_700_000_000))
            head, lines = idle_page(FOUND, "mfa#1", NOON, sheet, 20, False)
            told = [line.plain for line in lines]
        assert "  ann                       2023-11-14  Ann Lee" in told
        assert (head["idle_since"], head["counts"]["long-ago"]) == (NOON, 1)

    def test_fits_and_moves_no_cursor_whatever_people_are_called(self, sheet: Sheet) -> None:
        for name in ("x\x1b[31m\n" * 30, "森" * 90):
            sheet.add("expired", person("a" * 90, name=name))
            sheet.add("expired", person(name, name=name))
        for line in page(sheet):
            assert "\x1b" not in line
            assert len(line) <= 80


class TestForMachines:
    def test_json_is_one_document_with_everybody(self, sheet: Sheet, capsys: pytest.CaptureFixture[str]) -> None:
        head, _ = activation_page(FOUND, "mfa#1", sheet, 1, False)
        write_json(head, sheet, None)
        assert json.loads(capsys.readouterr().out)["logins"] == []
        for login in ("ann", 'b"o\\b', "森"):
            sheet.add("link", person(login))
        write_json(head, sheet, None)
        data = json.loads(capsys.readouterr().out)
        assert (data["schema"], data["service"], data["not_told"]) == (1, "mfa#1", 0)
        assert [(each["group"], each["login"]) for each in data["logins"]] == [
            ("link", "ann"), ("link", 'b"o\\b'), ("link", "森"),
        ]  # fmt: skip
        write_json(head, sheet, 1)
        assert len(json.loads(capsys.readouterr().out)["logins"]) == 1

    @pytest.mark.parametrize("start", ["=", "+", "-", "@"])
    def test_a_table_holds_no_formula(self, sheet: Sheet, capsys: pytest.CaptureFixture[str], start: str) -> None:
        sheet.add("expired", person(name=f"{start}cmd|' /C calc'!A0", mail="ann@x.y"))
        write_csv(sheet, None)
        head, line = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
        cells = dict(zip(head, line, strict=True))
        assert cells["name"].startswith(f"'{start}")
        assert (cells["login"], cells["mail"], cells["group"]) == ("ann", "ann@x.y", "expired")

    def test_a_table_moves_no_cursor_and_breaks_no_line(self, sheet: Sheet, capsys: pytest.CaptureFixture[str]) -> None:
        sheet.add("expired", person(name="x\x1b[31m\r=1\n\t"))
        write_csv(sheet, None)
        out = capsys.readouterr().out
        assert out.count("\n") == 2
        assert not {"\x1b", "\r", "\t"} & set(out)


class TestMails:
    def test_are_listed_before_the_question_with_who_is_left_out(self) -> None:
        told = [line.plain for line in chosen_lines(Chosen([person()], {Obstacle.LOCKED: 2}, 1200))]
        assert told == [
            "  ann                       ann@x.y",
            "  2 left out: locked on the service",
            "  1,200 more are left for later: --limit N",
        ]
        assert [line.plain for line in chosen_lines(Chosen([], {}, 0))] == ["Nobody to mail a link to."]

    def test_are_told_with_what_to_do_for_each_that_failed(self, capsys: pytest.CaptureFixture[str]) -> None:
        results = [
            (person(), Result.DONE, ""),
            (person("bob"), Result.REJECTED, "no PIN"),
            (person("cy"), Result.UNKNOWN, "no answer"),
        ]
        resent, chosen = Resent(results, "the service is out"), Chosen([person()] * 4, {Obstacle.NO_MAIL: 1}, 0)
        told = "\n".join(line.plain for line in resent_lines(resent, chosen))
        assert "bob: rejected: no PIN" in told
        assert "cy: unknown: no answer" in told
        assert "1 of 4 links mailed." in told
        assert "give a code: iwds login code LOGIN" in told
        assert "ask whether a mail came" in told
        assert "Stopped: the service is out\nThe same command goes on with the rest." in told
        write_resent(resent, chosen)
        data = json.loads(capsys.readouterr().out)
        assert [each["result"] for each in data["mails"]] == ["done", "rejected", "unknown"]
        assert (data["left_out"], data["stopped"]) == ({"no-mail": 1}, "the service is out")

    def test_that_all_went_are_one_line(self) -> None:
        resent = Resent([(person(), Result.DONE, "")])
        assert [line.plain for line in resent_lines(resent, Chosen([person()], {}, 0))] == ["1 of 1 links mailed."]
