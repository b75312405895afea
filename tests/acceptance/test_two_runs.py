"""Two processes, one service: at most one of them writes, even where one was asleep for a while."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.acceptance.world import PATIENCE, Company, Gate, World, environment, gate, sandbox
from tests.servers.postgres import PrivatePostgres, postgres

NIGHTLY = pytest.mark.skipif("KILLS" not in os.environ, reason="waits for full minutes: make nightly")


WITHOUT_ADDRESS = 1
"""How many of the people have no mail address, by which the gate knows a creation."""


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    """One server for all tests."""
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, world: World) -> World:
    """A world whose memory is on either database."""
    if request.param == "postgresql":
        world.env["IWDS_STATE"] = request.getfixturevalue("server").new_database()
    world.iwds("db", "upgrade")
    return world


def test_of_two_runs_at_once_one_writes_and_the_other_is_refused_and_remembered(shared: World) -> None:
    with gate(shared.port) as (keeper, port), ExitStack() as both:
        shared.at(port)
        keeper.hold_creations()
        first = both.enter_context(shared.start("run", "company"))
        assert keeper.held.acquire(timeout=PATIENCE)
        others = [both.enter_context(shared.start("run", "company")) for _ in range(2)]
        for other in others:
            other.communicate(timeout=PATIENCE)
        keeper.go.set()
        first.communicate(timeout=PATIENCE)
    assert [process.returncode for process in (first, *others)] == [0, 3, 3]
    runs = shared.iwds("history", "--json").json["runs"]
    assert sorted(run["exit_code"] for run in runs) == [0, 3, 3]
    assert all(f"pid {first.pid} since" in run["summary"] for run in runs if run["exit_code"] == 3)
    everybody_once(shared, keeper)


def everybody_once(world: World, keeper: Gate) -> None:
    """Nobody is left to create, and nobody was created in two calls."""
    world.at(world.port)
    plan = world.iwds("plan", "company", "--json").json
    assert plan["changes"] == []
    assert keeper.created + WITHOUT_ADDRESS == plan["basis"]["matched"]


@NIGHTLY
def test_of_two_daemons_one_writes_and_the_other_is_refused_or_finds_nothing_to_do(shared: World) -> None:
    schedule = "job: company\ncron: '* * * * *'\n"
    for file in (shared.folder / "schedules").iterdir():
        file.unlink()
    (shared.folder / "schedules" / "every-minute.yaml").write_text(schedule)
    with gate(shared.port) as (keeper, port), ExitStack() as both:
        shared.at(port)
        daemons = [both.enter_context(shared.start("daemon")) for _ in range(2)]
        runs = until_they_ran(shared, 4)
        for daemon in daemons:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=PATIENCE)
    assert [daemon.returncode for daemon in daemons] == [0, 0]
    assert {run["exit_code"] for run in runs} <= {0, 3}
    assert sum("done" in run["summary"] for run in runs) == 1
    everybody_once(shared, keeper)


def until_they_ran(world: World, times: int) -> list[dict[str, str]]:
    """All runs, as soon as so many have ended."""
    for _ in range(200):
        runs = [run for run in world.iwds("history", "--json").json["runs"] if run["ended"]]
        if len(runs) >= times:
            return runs
        time.sleep(1)
    raise AssertionError(f"after 200 s there are {runs}")


def test_a_run_that_slept_until_its_lease_was_lost_makes_no_further_call(tmp_path: Path) -> None:
    with sandbox(tmp_path) as direct, gate(direct) as (keeper, port):
        world = World(tmp_path / "home", direct, Company(people=40))
        patient = dict(world.env)
        # A lease lasts four calls at least, and one of these takes 4 s at most. With a second lane it might fall asleep
        # between its look at the lease and its call, which then is made as soon as it wakes up.
        world.env |= {"IWDS_LEASE_S": "5", "IWDS_TARGETS__MFA__TIMEOUT_S": "2", "IWDS_TARGETS__MFA__LANES": "1"}
        world.at(port)
        keeper.hold_creations(after=5)
        with world.start("run", "company") as sleeper:
            assert keeper.held.acquire(timeout=PATIENCE)
            put_to_sleep(sleeper, world.folder / "iwds.db")
            keeper.go.set()  # what was sent is done by the service, and answered
            world.env = patient
            succeeds(world)
            calls = keeper.calls
            sleeper.send_signal(signal.SIGCONT)
            out, err = sleeper.communicate(timeout=PATIENCE)
        assert sleeper.returncode == 4, out + err
        assert "is no longer ours: another run has taken it" in err
        assert keeper.calls == calls, "it called the service although another run had taken over"
        ended = [run["exit_code"] for run in world.iwds("history", "--json").json["runs"]]
        assert sorted(code for code in ended if code != 3) == [0, 4]
        world.iwds("run", "company")
        world.iwds("plan", "company")


def put_to_sleep(process: subprocess.Popen[str], database: Path) -> None:
    """Stop it where it writes nothing: a process that sleeps in a transaction keeps SQLite's lock."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        while True:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
            else:
                connection.execute("ROLLBACK")
                return


def succeeds(world: World) -> None:
    """The first run that is not refused completes everything."""
    for _ in range(60):
        command, env = world.command("run", "company"), environment(world.env)
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if ran.returncode != 3:
            assert ran.returncode == 0, ran.stdout + ran.stderr
            return
        time.sleep(0.5)
    raise AssertionError("the lease never ran out")
