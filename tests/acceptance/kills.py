"""Killing an applying run at random instants, against a local MFA service in a process of its own.

Some instants are picked by the clock, others by counting calls: just before the service gets one, after it made the
change and before the answer is handed on, and a moment later. The seed of each kill is in its message: KILL_SEED=SEED
KILLS=1 repeats it, as far as the machine lets two processes run alike.
"""

import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.world import Company, World, gate, sandbox

SETTLED_PEOPLE, PEOPLE = 24, 32
"""How many there are on the first day, and on the second."""


@dataclass(frozen=True)
class End:
    """What a run leaves: the service and our memory, without what differs between any two histories.

    Attributes:
        logins: name -> fields, tag and groups.
        mails: how many each login got.
        ledger: entry id -> login name, origin, whether locked by us, groups.
    """

    logins: dict[str, tuple[Any, ...]]
    mails: dict[str, int]
    ledger: dict[str, tuple[Any, ...]]


def end_of(world: World, service: Path) -> End:
    """The end that a history has come to."""
    with closing(sqlite3.connect(service)) as there:
        groups: dict[int, list[str]] = {}
        joined = "SELECT login_id, name FROM membership JOIN team ON team.id = team_id ORDER BY name"
        for login_id, name in there.execute(joined):
            groups.setdefault(login_id, []).append(name)
        fields = "id, login, firstname, name, mail, phone, extrafields, status, role, createdby"
        rows = list(there.execute(f"SELECT {fields} FROM login"))  # noqa: S608 - written above
        mails = dict(
            there.execute("SELECT login, count(*) FROM mail JOIN login ON login.id = login_id GROUP BY login_id")
        )
    logins = {row[1]: (*row[2:], tuple(groups.get(row[0], ()))) for row in rows}
    assert len({name.lower() for name in logins}) == len(rows), "somebody was created twice"
    names = {row[0]: row[1] for row in rows}
    with closing(sqlite3.connect(world.folder / "iwds.db")) as ours:
        members: dict[int, int] = dict(ours.execute("SELECT login_id, count(*) FROM membership GROUP BY login_id"))
        kept = ours.execute("SELECT entry, login_id, origin, locked, owner FROM login")
        ledger = {entry: (names[number], *rest, members.get(number, 0)) for entry, number, *rest in kept}
    return End(logins, mails, ledger)


@dataclass(frozen=True)
class Stage:
    """Where each history begins: a folder that is copied for each, and the company that it meets."""

    base: Path
    settled: bool

    @contextmanager
    def world(self, folder: Path) -> Iterator[tuple[World, Path]]:
        """A copy with its own service process, and the service's file."""
        folder.mkdir()
        shutil.copy(self.base / "service.db", folder)
        with sandbox(folder) as port:
            world = _world(folder, port, second_day() if self.settled else first_day())
            if self.settled:
                shutil.copy(self.base / "home" / "iwds.db", world.folder)
            yield world, folder / "service.db"


def _world(folder: Path, port: int, company: Company) -> World:
    """Everybody who is new gets a link by mail."""
    world = World(folder / "home", port, company)
    world.mapping("  activation: inactive", "  activation: link")
    world.env["IWDS_JOBS__COMPANY__LIMITS__MAIL__FLOOR"] = "100"
    return world


def first_day() -> Company:
    return _with_addresses(Company(people=SETTLED_PEOPLE))


def _with_addresses(company: Company) -> Company:
    """Without those who cannot be mailed: to them every run would fail alike."""
    for record in list(company.records):
        if "\nuid: " in record and "\nmail: " not in record:
            company.take(_uid(record))
    return company


def second_day() -> Company:
    """Newcomers, somebody who left, and corrections."""
    company = _with_addresses(Company(people=PEOPLE))
    uids = [_uid(record) for record in company.records if "\nuid: " in record]
    company.take(uids[3])
    for uid in uids[4:14]:
        company.change(uid, "telephoneNumber: ", "telephoneNumber: 9")
    return company


def _uid(record: str) -> str:
    return record.split("\nuid: ")[1].splitlines()[0]


def prepare(folder: Path, settled: bool) -> Stage:
    """A first or a second day."""
    base = folder / "base"
    base.mkdir()
    with sandbox(base) as port:
        world = _world(base, port, first_day())
        if settled:
            world.iwds("run", "company")
    return Stage(base, settled)


@dataclass
class Killer:
    """Kills a process at one instant, which it picks by chance."""

    seed: int
    seconds: float
    calls: int

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - repeatable on purpose
        self.how = chance.choice(("by the clock", "before a call", "after a call", "a moment after a call"))
        self.at = chance.randrange(self.calls)
        self.after = chance.uniform(0, self.seconds)
        self.moment = chance.uniform(0, 0.03)
        self.seen = 0
        self.first = threading.Event()
        self.now = threading.Event()

    def comes(self, _: bytes) -> bool:
        """A call came to the gate."""
        self.first.set()
        if self.how == "before a call" and self.seen == self.at:
            self.now.set()
        return False

    def answered(self, _: bytes) -> None:
        """A call was made by the service, and its answer is about to be handed on."""
        if self.how.endswith("after a call") and self.seen == self.at:
            self.now.set()
        self.seen += 1

    def wait(self) -> None:
        """Until the instant has come."""
        if self.how == "by the clock":
            self.first.wait(60)
            self.now.wait(self.after)
        else:
            self.now.wait(60)
        if self.how == "a moment after a call":
            threading.Event().wait(self.moment)


def killed_and_completed(stage: Stage, folder: Path, killer: Killer) -> End:
    """A run is killed; the next one completes it."""
    with stage.world(folder) as (world, service), gate(world.port) as (keeper, port):
        keeper.holds, keeper.answered = killer.comes, killer.answered
        world.at(port)
        with world.start("run", "company") as process:
            watcher = threading.Thread(target=_until_over, args=(process, killer))
            watcher.start()
            killer.wait()
            process.kill()
            watcher.join()
        world.at(world.port)
        let_the_lease_run_out(world.folder / "iwds.db")
        world.iwds("run", "company")
        end = end_of(world, service)
        told = world.iwds("status", "--json").json["jobs"][0]["unmailed"]
        missing = set(end.logins) - set(end.mails)
        created = {name for name, fields in end.logins.items() if fields[7] == TAG}
        assert max(end.mails.values(), default=0) <= 1, "somebody was mailed twice"
        assert missing & created <= set(told), "somebody was never mailed, and nobody is told"
    shutil.rmtree(folder)
    return end


TAG = 20
"""The provisioning id of the example configuration."""


def _until_over(process: Any, killer: Killer) -> None:
    """A run that is over earlier is not waited for."""
    process.communicate()
    killer.first.set()
    killer.now.set()


def let_the_lease_run_out(database: Path) -> None:
    """Let the time pass that the lease of a run that died still lasts."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE lease SET expires_at = '2000-01-01 00:00:00.000000' WHERE expires_at IS NOT NULL")


def undisturbed(stage: Stage, folder: Path) -> tuple[End, float, int]:
    """The end of a run that nobody kills, how long it takes from its first call, and how many calls it makes."""
    with stage.world(folder) as (world, service), gate(world.port) as (keeper, port):
        watch = Stopwatch()
        keeper.holds, keeper.answered = watch.comes, watch.answered
        world.at(port)
        world.iwds("run", "company")
        world.at(world.port)
        world.iwds("run", "company")
        return end_of(world, service), watch.seconds, watch.calls


class Stopwatch:
    """Counts calls, and the time from the first to the last."""

    def __init__(self) -> None:
        self.calls, self._first, self._last = 0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        return self._last - self._first

    def comes(self, _: bytes) -> bool:
        self._first = self._first or time.monotonic()
        return False

    def answered(self, _: bytes) -> None:
        self.calls += 1
        self._last = time.monotonic()
