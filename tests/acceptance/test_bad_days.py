"""What goes wrong, how it ends, and what is printed: exit codes are promises."""

import json
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.world import Company, World, gate, iwds, run_id, saved


class TestTheCommandLine:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("nonsense",),
            ("--nonsense",),
            ("plan",),
            ("plan", "company", "--format", "xml"),
            ("plan", "company", "too", "many"),
            ("history", "-n", "0"),
            ("apply", "company", "--yes", "--allow", "lock=5"),
            ("apply", "company", "--yes", "--allow", "everything=5", "--reason", "x"),
            ("apply", "company", "--yes", "--allow", "lock", "--reason", "x"),
            ("apply", "company", "--yes", "--only", "nobody"),
            ("apply", "no-such-plan", "--yes"),
            ("show", "no-such-run"),
            ("sandbox", "--listen", "0.0.0.0:0"),
        ],
    )
    def test_where_it_is_wrong_the_exit_code_is_64(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        home = World(tmp_path / "home", 9, Company(people=1))
        ran = home.iwds(*arguments, code=64)
        assert ran.out == ""
        assert ran.err.strip()


class TestTheConfiguration:
    @pytest.mark.parametrize(
        ("file", "old", "new", "words"),
        [
            ("config.yaml", "    mapping:", "    maping:", 'unknown key "maping" (did you mean "mapping"?)'),
            ("config.yaml", "    realm:", "    relm:", 'unknown key "relm" (did you mean "realm"?)'),
            ("mappings/sample-company.yaml", "firstname: ", "fistname: ", 'did you mean "firstname"?'),
        ],
    )
    def test_where_it_is_wrong_the_exit_code_is_78_and_the_message_has_its_line(
        self, tmp_path: Path, file: str, old: str, new: str, words: str
    ) -> None:
        home = World(tmp_path / "home", 9, Company(people=1))
        path = home.folder / file
        text = path.read_text(encoding="utf-8")
        line = text[: text.index(old)].count("\n") + 1
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        ran = home.iwds("plan", "company", code=78)
        assert f"{path}:{line}: " in ran.err
        assert words in ran.err
        assert ran.out == ""

    def test_without_one_the_way_to_write_one_is_told(self, tmp_path: Path) -> None:
        if Path("/etc/iwds/config.yaml").exists():
            pytest.skip("this machine has a configuration of its own")
        ran = iwds("check", cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[2])})
        assert ran.code == 78
        assert "iwds init" in ran.err

    def test_a_job_that_is_not_there_is_named_with_the_nearest(self, tmp_path: Path) -> None:
        home = World(tmp_path / "home", 9, Company(people=1))
        assert 'no job "compny" (did you mean "company"?)' in home.iwds("plan", "compny", code=78).err


class TestWhatCannotBeReached:
    def test_a_service_that_does_not_answer_is_worth_trying_again(self, tmp_path: Path) -> None:
        home = World(tmp_path / "home", 9, Company(people=1))
        assert "cannot be reached" in home.iwds("plan", "company", code=75).err
        home.iwds("check", code=75)
        home.iwds("run", "company", code=75)
        (run,) = home.iwds("history", "--json").json["runs"]
        assert run["exit_code"] == 75

    def test_a_file_that_is_not_there_is_too(self, world: World) -> None:
        (world.folder / "company.ldif").unlink()
        assert "company.ldif" in world.iwds("plan", "company", code=75).err


class TestLeavers:
    def test_the_first_run_removes_nothing_and_the_second_locks_who_left(self, world: World) -> None:
        plan = world.iwds("run", "company").out
        assert "First run: it removes nothing." in plan
        everybody = list(world.company.records)
        world.company.take("tomas.novak")
        world.save()
        run = world.iwds("run", "company")
        assert "- lock tomas.novak" in world.iwds("show", run_id(run), "lock").out
        world.iwds("plan", "company")
        world.company.records = everybody
        world.save()
        (back,) = [c for c in world.iwds("plan", "company", "--json", code=2).json["changes"] if "after" in c]
        assert (back["before"]["status"], back["after"]["status"]) == (1, 0)

    def test_a_state_that_is_lost_removes_nobody(self, settled: World) -> None:
        (settled.folder / "iwds.db").unlink()
        settled.company.take("tomas.novak")
        settled.save()
        out = settled.iwds("run", "company").out
        assert "Nobody is locked" in out
        assert re.search(r"orphan.*tomas\.novak", out)

    def test_a_file_that_is_cut_removes_nobody(self, settled: World) -> None:
        settled.company.take("tomas.novak")
        settled.save()
        file = settled.folder / "company.ldif"
        file.write_text(file.read_text().rpartition("# end of company")[0])
        ran = settled.iwds("run", "company", code=3)
        assert re.search(r"^   NO  company: ", ran.out, re.MULTILINE)
        settled.company.write(file)
        assert "lock tomas.novak" in settled.iwds("show", saved(settled.iwds("plan", "company", code=2)), "lock").out


class TestABackupThatIsPutBack:
    def test_is_told_with_a_command_and_nobody_who_is_locked_is_unlocked_by_it(self, settled: World) -> None:
        everybody = list(settled.company.records)
        settled.company.take("tomas.novak")
        settled.save()
        settled.iwds("run", "company")
        settled.company.records = everybody
        settled.save()
        settled.iwds("plan", "company", code=2)
        assert "no lock and no membership counts as ours" in settled.iwds("db", "restored").out
        out = settled.iwds("run", "company").out
        assert re.search(r"locked-elsewhere.*tomas\.novak", out)


class TestADeadline:
    def test_ends_a_run_in_good_order_and_the_next_one_makes_the_rest(self, world: World) -> None:
        ran = world.iwds("run", "company", "--deadline", "0s", code=4)
        assert re.search(r"(\d+) not tried; deadline reached; \1 wait for the next run", ran.out)
        world.iwds("run", "company", "--deadline", "soon", code=64)
        world.iwds("run", "company", env={"IWDS_JOBS__COMPANY__DEADLINE": "soon"}, code=78)
        assert "done" in world.iwds("run", "company", env={"IWDS_JOBS__COMPANY__DEADLINE": "1h"}).out
        world.iwds("plan", "company")


class TestGuards:
    def bad_day(self, world: World) -> None:
        """Half of the people are not in the answer, which is whole and believed."""
        world.company = Company(people=18)
        world.save()

    def test_a_trip_changes_nothing_and_prints_the_refusal_on_standard_output(self, settled: World) -> None:
        self.bad_day(settled)
        ran = settled.iwds("run", "company", code=3)
        assert ran.out.startswith("HELD: nothing was changed.")
        assert re.search(r"^lock: \d+, the limit is 3 ", ran.out, re.MULTILINE)
        assert re.search(r"^  +\d+  unseen  no longer in the directory", ran.out, re.MULTILINE)
        assert len(ran.out.splitlines()) <= 42
        assert ran.err == ""
        settled.iwds("plan", "company", code=3)
        assert settled.iwds("history", "--json").json["runs"][0]["exit_code"] == 3

    def test_the_commands_of_the_refusal_work(self, settled: World) -> None:
        self.bad_day(settled)
        settled.company.change("kenji.mori", "telephoneNumber: ", "telephoneNumber: 0")
        settled.company.change("kenji.mori", "employeeNumber: ", "employeeNumber: 9")
        settled.save()
        refusal = settled.iwds("run", "company", code=3).out
        gifts = commands(refusal, "--only update")
        assert "1 done" in settled.iwds(*gifts, "--yes").out
        refusal = settled.iwds("run", "company", code=3).out
        allow = commands(refusal, "--allow")
        assert "done" in settled.iwds(*allow, "--yes").out
        settled.iwds("plan", "company")

    def test_an_allowance_that_is_too_small_is_none(self, settled: World) -> None:
        self.bad_day(settled)
        settled.iwds("apply", "company", "--yes", "--allow", "lock=4", "--reason", "a try", code=3)


def commands(refusal: str, option: str) -> list[str]:
    """The arguments of the command in a page that has this option; lines that end in a backslash go on."""
    lines = refusal.replace("\\\n", " ").splitlines()
    line = next(line for line in lines if option in line)
    return line[line.index("iwds apply") :].replace('"..."', "tested").split()[1:]


class TestAChangedConfiguration:
    def test_holds_what_it_would_take_until_somebody_accepts_it(self, settled: World) -> None:
        """Contractors are no longer in scope: they are held, night after night, and let go on purpose."""
        settled.mapping("in: [contractor]", "in: [nobody]")
        held = settled.iwds("run", "company", code=3)
        assert "What only the changed mapping would take away waits (since run " in held.out
        settled.iwds("run", "company", code=3)
        page = settled.iwds("plan", "company", code=3).out
        accept = commands(page, "--allow out-of-scope=")
        number = int(re.search(r"out-of-scope=(\d+)", page)[1])  # type: ignore[index]
        assert number > 0
        fewer = [word.replace(f"out-of-scope={number}", f"out-of-scope={number - 1}") for word in accept]
        settled.iwds(*fewer, "--yes", code=3)
        done = settled.iwds(*accept, "--yes")
        assert f"{number} done" in done.out
        settled.iwds("plan", "company")
        settled.company.take("tomas.novak")
        settled.save()
        settled.iwds("run", "company")

    def test_a_plan_that_was_made_before_is_refused(self, settled: World) -> None:
        settled.company.take("tomas.novak")
        settled.save()
        plan = saved(settled.iwds("plan", "company", code=2))
        settled.mapping("in: [contractor]", "in: [nobody]")
        assert "changed since this plan was made" in settled.iwds("apply", plan, "--yes", code=64).err


class TestAPlanFile:
    def written(self, world: World) -> Path:
        file = world.folder / "plan.json"
        world.iwds("plan", "company", "-o", str(file), code=2)
        return file

    def test_that_was_altered_by_hand_is_refused(self, world: World) -> None:
        file = self.written(world)
        data = json.loads(file.read_text())
        data["changes"][0]["subject"]["login"] = "somebody.else"
        file.write_text(json.dumps(data))
        assert "altered" in world.iwds("apply", str(file), "--yes", code=64).err
        world.iwds("plan", "company", code=2)

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"schema": 1}', "not json"])
    def test_that_is_none_is_refused(self, world: World, text: str) -> None:
        file = world.folder / "plan.json"
        file.write_text(text)
        world.iwds("apply", str(file), "--yes", code=64)

    def test_of_a_world_that_moved_on_makes_what_is_still_true_and_lists_the_rest(self, world: World) -> None:
        file = self.written(world)
        world.company.take("tomas.novak")
        world.company.records.append(JOINER)
        world.save()
        ran = world.iwds("apply", str(file), "--yes", code=4)
        assert re.search(r"^  moved  create tomas\.novak .*no longer in the directory$", ran.out, re.MULTILINE)
        later = world.iwds("plan", "company", "--json", code=2).json["changes"]
        assert {change["subject"]["login"] for change in later} == {"amara.okafor"}


JOINER = """\
dn: uid=amara.okafor,ou=lyon,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
entryUUID: 11111111-2222-5333-8444-555555555555
uid: amara.okafor
cn: Amara Okafor
givenName: Amara
sn: Okafor
mail: amara.okafor@corp.example
telephoneNumber: +33 1 99 00 50 00
employeeType: contractor
employeeNumber: 005000
departmentNumber: OPS
preferredLanguage: en"""


class TestInterrupted:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_apply_that_is_told_to_stop_ends_in_good_order_and_a_later_run_completes_it(
        self, world: World, number: signal.Signals
    ) -> None:
        with gate(world.port) as (keeper, port):
            world.at(port)
            keeper.hold_creations(after=5)
            with world.start("run", "company") as process:
                assert keeper.held.acquire(timeout=60)
                process.send_signal(number)
                assert process.stderr is not None
                assert any("Stopping in good order" in line for line in process.stderr)  # up to its end
                keeper.go.set()
                out, _ = process.communicate(timeout=60)
            assert process.returncode == 4, out
            assert "stopped on request" in out
            assert 5 < keeper.created < 20
        world.at(world.port)
        rest = world.iwds("run", "company")
        assert "done" in rest.out
        world.iwds("plan", "company")

    def test_a_second_run_is_refused_while_the_first_holds_the_service(self, world: World) -> None:
        with gate(world.port) as (keeper, port):
            world.at(port)
            keeper.hold_creations()
            with world.start("run", "company") as first:
                assert keeper.held.acquire(timeout=60)
                second = world.iwds("run", "company", code=3)
                assert "pid" in second.out
                assert "pid" in second.err
                world.iwds("plan", "company", code=2)
                keeper.go.set()
                first.communicate(timeout=60)
            assert first.returncode == 0

    def test_one_that_was_killed_leaves_nothing_that_the_next_cannot_settle(self, world: World) -> None:
        with gate(world.port) as (keeper, port):
            world.at(port)
            keeper.hold_creations(after=5)
            with world.start("run", "company") as process:
                assert keeper.held.acquire(timeout=60)
                process.kill()
            keeper.go.set()
        world.at(world.port)
        assert "a run that died frees the service when its lease runs out" in world.iwds("run", "company", code=3).err
        forget_the_lease(world.folder / "iwds.db")
        assert "done" in world.iwds("run", "company").out
        world.iwds("plan", "company")


def forget_the_lease(database: Path) -> None:
    """Let the time pass that the lease of a run that died still lasts."""
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute("DELETE FROM lease").rowcount == 1
