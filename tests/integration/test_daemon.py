"""The daemon: one run of a job at a time, a clean stop, nothing that is long past."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from apscheduler.triggers.base import BaseTrigger
from structlog.testing import capture_logs

from iwds.scheduling.daemon import LATE, serve
from iwds.scheduling.schedules import Schedule

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what must come soon."""


class Often(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Every few milliseconds, from `first` on."""

    def __init__(self, first: datetime | None = None, most: int = 1_000_000) -> None:
        self.first, self.left = first or datetime.now(UTC), most

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        self.left -= 1
        if self.left < 0:
            return None
        return self.first if previous is None else max(previous, now) + timedelta(milliseconds=5)


def schedule(name: str, trigger: Any, job: str = "staff", *, changes: bool = False) -> Schedule:
    return Schedule(name, job, trigger, "often", UTC, changes)


@dataclass
class Runs:
    """What the daemon runs: each run waits until it is let go."""

    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    began: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _: Schedule, stop: threading.Event) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.began.release()
        assert self.go.acquire(timeout=PATIENCE)
        with self.lock:
            self.running -= 1


@contextmanager
def serving(schedules: list[Schedule], runs: Any) -> Iterator[tuple[threading.Thread, threading.Event]]:
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(schedules, runs, stop))
    thread.start()
    try:
        yield thread, stop
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def logged(event: str, count: int = 1) -> Iterator[threading.Semaphore]:
    """A semaphore that is released at each log line of this name."""
    seen = threading.Semaphore(0)

    def watch(_logger: Any, _method: str, line: Any) -> Any:
        if line["event"] == event:
            seen.release()
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[watch])
    try:
        yield seen
    finally:
        structlog.configure(processors=before)


@pytest.mark.parametrize("schedules", [1, 2])
def test_a_job_never_runs_twice_at_once(schedules: int) -> None:
    """Neither by one schedule whose runs take long, nor by two schedules of the same job."""
    runs = Runs()
    often = [schedule(f"often-{number}", Often()) for number in range(schedules)]
    with logged("schedule.skipped") as skipped, serving(often, runs):
        assert runs.began.acquire(timeout=PATIENCE)
        for _ in range(3):
            assert skipped.acquire(timeout=PATIENCE)
        runs.go.release()
        assert runs.began.acquire(timeout=PATIENCE)
        runs.go.release(1_000)
    assert runs.most == 1


def test_the_night_waits_for_a_run_of_what_changed() -> None:
    ran: list[bool] = []
    began, go, over = threading.Event(), threading.Event(), threading.Event()

    def run(each: Schedule, _: threading.Event) -> None:
        ran.append(each.changes)
        began.set()
        assert go.wait(PATIENCE)
        if not each.changes:
            over.set()

    soon = datetime.now(UTC)
    both = [
        schedule("often", Often(soon, 1), changes=True),
        schedule("nightly", Often(soon + timedelta(seconds=1), 1)),
    ]
    with logged("schedule.skipped") as skipped, serving(both, run):
        assert began.wait(PATIENCE)
        assert not over.wait(2)  # the night has come meanwhile
        go.set()
        assert over.wait(PATIENCE)
        assert not skipped.acquire(blocking=False)
    assert ran == [True, False]


def test_two_jobs_run_at_the_same_time() -> None:
    runs = Runs()
    with serving([schedule("one", Often(), "staff"), schedule("two", Often(), "guests")], runs):
        assert runs.began.acquire(timeout=PATIENCE)
        assert runs.began.acquire(timeout=PATIENCE)
        assert runs.running == 2
        runs.go.release(1_000)


def test_a_stop_asks_the_running_job_and_waits_for_its_end() -> None:
    began, over = threading.Event(), threading.Event()
    told: list[str] = []

    def run(_: Schedule, stop: threading.Event) -> None:
        began.set()
        assert stop.wait(PATIENCE)
        told.append("left alone" if over.wait(0.3) else "waited for")

    with serving([schedule("often", Often())], run) as (thread, stop):
        assert began.wait(PATIENCE)
        stop.set()
        thread.join(PATIENCE)
        over.set()
    assert told == ["waited for"]


def test_a_run_that_is_long_past_is_left_out_and_said_so() -> None:
    runs = Runs()
    long_past = datetime.now(UTC) - timedelta(seconds=LATE + 60)
    with logged("schedule.skipped") as skipped, serving([schedule("late", Often(long_past, most=1))], runs):
        assert skipped.acquire(timeout=PATIENCE)
    assert runs.most == 0


def test_a_run_that_is_a_little_late_is_made() -> None:
    runs = Runs()
    lately = datetime.now(UTC) - timedelta(seconds=LATE - 60)
    with serving([schedule("late", Often(lately))], runs):
        assert runs.began.acquire(timeout=PATIENCE)
        runs.go.release(1_000)


def test_a_run_that_crashes_does_not_end_the_daemon() -> None:
    calls = threading.Semaphore(0)

    def crash(schedule: Schedule, stop: threading.Event) -> None:
        calls.release()
        raise ZeroDivisionError(schedule.job)

    with logged("run.crashed") as crashed, serving([schedule("often", Often())], crash):
        for _ in range(2):
            assert calls.acquire(timeout=PATIENCE)
            assert crashed.acquire(timeout=PATIENCE)


def test_what_is_loaded_is_logged_with_its_next_time() -> None:
    first = datetime.now(UTC) + timedelta(days=1)
    with capture_logs() as lines, serving([schedule("later", Often(first))], Runs()):
        pass
    assert [line["event"] for line in lines] == ["schedule.loaded", "daemon.stopping"]
    assert lines[0]["next"] == str(first)


CONFIG = """\
sources: {people: {kind: ldif, path: people.ldif, realm: here}}
targets: {mfa: {kind: provisioning, url: "http://127.0.0.1:9/", service_id: 1, provisioning_id: 20}}
jobs: {staff: {sources: [people], mapping: mapping.yaml, target: mfa}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "mapping.yaml").write_text("login: uid\nname: sn\nfirstname: givenName\nmail: mail\nrole: user\n")
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "nightly.yaml").write_text('job: staff\ncron: "15 2 1 1 *"\ntimezone: Europe/Paris\n')
    return tmp_path / "config.yaml"


def command(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "iwds", "--config", str(config), "daemon", *arguments]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_ends_well_when_told_to(config: Path, number: signal.Signals) -> None:
    with subprocess.Popen(command(config), stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        try:
            assert '"event": "schedule.loaded"' in daemon.stderr.readline()
            daemon.send_signal(number)
            _, errors = daemon.communicate(timeout=PATIENCE)
        finally:
            daemon.kill()
    assert daemon.returncode == 0
    assert "daemon.stopping" in errors
    assert "Traceback" not in errors


def test_it_shows_when_it_would_run(config: Path) -> None:
    shown = subprocess.run(command(config, "--show"), capture_output=True, text=True, timeout=PATIENCE, check=False)
    head, *times = shown.stdout.splitlines()
    assert shown.returncode == 0
    assert head == "nightly  job staff  15 2 1 1 * Europe/Paris"
    assert len(times) == 5
    assert all("01 Jan" in line and "02:15 CET" in line for line in times)


def test_it_says_what_that_is_here_where_here_is_elsewhere(config: Path) -> None:
    for zone, told in (("UTC", True), ("Europe/Paris", False)):
        run = subprocess.run(
            command(config, "--show"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "TZ": zone},
        )
        assert ("here: " in run.stdout) is told


def test_without_a_schedule_it_says_where_one_belongs(config: Path) -> None:
    (config.parent / "schedules" / "nightly.yaml").unlink()
    ended = subprocess.run(command(config), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 78
    assert str(config.parent / "schedules") in ended.stderr


def test_a_configuration_that_cannot_work_is_found_at_the_start(config: Path) -> None:
    (config.parent / "mapping.yaml").write_text("logn: uid\n")
    ended = subprocess.run(command(config), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 78
    assert "mapping.yaml:1: " in ended.stderr
