"""A company with two directories, a service and our memory, to which everything can happen that happens to companies.

It plays the world and the faults; what is right is judged next door, in `verdicts.py`.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from iwds.core.configuration import digest_of
from iwds.core.model import Account, Activation, Anchor, AtCreation, Entry, Login, Unmapped
from iwds.core.plan import Selection
from iwds.core.policy import CENTURY, Leaver, Policy
from iwds.core.recognition import BY_NAME, By, Matching, MatchRule
from iwds.engine.job import LEASE_SECONDS, Earlier, Tools
from iwds.engine.running import Request, RunReport, run
from iwds.errors import LeaseLost
from iwds.ports import State
from iwds.sources.memory import MemorySource
from iwds.state.database import SqlState, open_state
from iwds.state.scratch import ScratchWaist
from tests.unit.engine.crashing import Killed, Process, Watched
from tests.unit.engine.rehearsal import OURS, Rehearsal, SetClock
from tests.unit.engine.test_changed_configuration import ScopedRules

REALM = "here"
STAFF = tuple(f"s{number}" for number in range(1, 9))
"""Who is there from the first to the last day: enough people for a reading to be compared with the one before."""
FIRST_NAMES = {"p1": "ann", "p2": "bob", "p3": "cy", "p4": "dee"}
"""People who come, go and change, by the login that they have on the first day."""
PLACES = ("ou=paris", "ou=rome")
BASES = {"everything": ("main", "branch"), "paris": ("main", "branch"), "main alone": ("main",)}
"""Which directories a job reads by the name of its base; of the main one `paris` reads a part."""
GROUPS = {"vpn": 1, "wiki": 2}


KEY = "anchor"
MATCHING = {
    "": BY_NAME,
    "anchor": Matching((MatchRule(By.ANCHOR), MatchRule(By.LOGIN)), KEY),
    "mail": Matching((MatchRule(By.MAIL), MatchRule(By.LOGIN))),
}


@dataclass(frozen=True)
class CompanyRules(ScopedRules):
    """Rules with departments; whoever has a mail address gets a link when they are created."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = super().map(entry, now)
        if isinstance(made, Account) and made.mail:
            return replace(made, at_creation=AtCreation(Activation.LINK))
        return made


@dataclass(frozen=True)
class Config:
    """What of a configuration decides: `outside`, `without_vpn` and `without_mail` are departments, `grace` is days.

    `recognise` is by what people are recognised before their login's name: `anchor`, which is stored then, or `mail`.
    """

    outside: str = ""
    without_vpn: str = ""
    without_mail: str = ""
    base: str = "everything"
    wiki: bool = True
    exclusive: bool = False
    leaver: Leaver = Leaver.LOCK
    grace: int = 10
    recognise: str = ""

    def rules(self) -> CompanyRules:
        groups = {"vpn": self.exclusive, **({"wiki": False} if self.wiki else {})}
        return CompanyRules(
            digest=repr(self), groups=groups, group_roles={"vpn": frozenset({"user", "manager", "auditor"})},
            outside=self.outside, without_vpn=self.without_vpn, without_mail=self.without_mail,
            matching=MATCHING[self.recognise],
        )  # fmt: skip

    def policy(self) -> Policy:
        grace = timedelta(days=self.grace) if self.leaver is Leaver.LOCK_THEN_DELETE else CENTURY
        return Policy(OURS, self.leaver, delete_after=grace)

    def data(self) -> dict[str, Any]:
        said = asdict(self)
        policy = {"leavers": said.pop("leaver").value}
        grace = timedelta(days=said.pop("grace"))
        policy |= {"delete_after": grace.total_seconds()} if self.leaver is Leaver.LOCK_THEN_DELETE else {}
        return {"mapping": said, "sources": {"main": {"base": self.base}}, **policy}

    @classmethod
    def read(cls, text: str) -> "Config":
        said = json.loads(text)
        days = int(said.get("delete_after", 0) / 86_400)
        return cls(**said["mapping"], leaver=Leaver(said["leavers"]), grace=days)

    def selects(self, where: str, entry: Entry) -> bool:
        """Whether a reading gives an entry of a directory."""
        return where in BASES[self.base] and not (self.base == "paris" and where == "main" and PLACES[1] in entry.name)


@dataclass
class Pause(Process):
    """A process that is stopped (SIGSTOP, a sleeping laptop) at a moment, for as long as `meanwhile` takes."""

    meanwhile: Callable[[], object] = lambda: None
    after: list[str] = field(default_factory=list)

    def passes(self, moment: str) -> None:
        if self.dies_at <= 0 and moment.startswith("before "):
            self.after.append(moment.removeprefix("before "))
        self.dies_at -= 1
        # Who is stopped within a call is beyond help: only between two effects a process can still look.
        if self.dies_at <= 0 and not self.after and not moment.startswith("before "):
            self.after.append("")
            self.meanwhile()


class Recorder:
    """A writer that notes for whom each login is made, whatever becomes of the call."""

    def __init__(self, company: "Company", writer: Any) -> None:
        self._company, self._writer = company, writer

    def create(self, account: Account) -> int:
        logins = self._company.target.state.logins
        before = set(logins)
        self._company.asked.add((account.login.casefold(), account.anchor.id))
        try:
            return int(self._writer.create(account))
        finally:
            self._company.born |= dict.fromkeys(logins.keys() - before, account.anchor.id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


@dataclass(frozen=True)
class Copy:
    """Our memory as it was."""

    memory: sqlite3.Connection
    known: Mapping[int, str]


class Company(Rehearsal):
    """Everything that runs need, with the directories as they truly are.

    Attributes:
        people: entry and directory of everybody, by id.
        born: for whom each login was created that a run created, by login id.
        asked: login name and person of each creation that was ever tried.
    """

    def __init__(self, state: State, clock: SetClock) -> None:
        super().__init__(lanes=1, group_roles={"auditor": 17})
        vars(self).update(state=state, clock=clock)
        self.people: dict[str, tuple[str, Entry]] = {}
        self.directories = {
            base: [MemorySource(name, (), REALM) for name in names] for base, names in BASES.items()
        }  # fmt: skip
        self.born: dict[int, str] = {}
        self.asked: set[tuple[str, str]] = set()
        self.now_is(Config())

    # --- the directories and the configuration ------------------------------------------------------------------------

    def put(self, who: str, where: str, place: str, groups: tuple[str, ...], attributes: Mapping[str, str]) -> None:
        """What a directory says of a person from now on; an empty text is no value."""
        attrs = {name: (value,) if value else () for name, value in attributes.items()}
        self.people[who] = where, Entry(Anchor(REALM, who), f"cn={who},{place}", attrs, frozenset(groups))

    def amend(self, who: str, **attributes: str) -> None:
        """What changes of somebody, if they are there."""
        if who not in self.people:
            return
        where, entry = self.people[who]
        attrs = {**entry.attrs, **{name: (value,) if value else () for name, value in attributes.items()}}
        self.people[who] = where, replace(entry, attrs=attrs)

    def regroup(self, who: str, groups: tuple[str, ...]) -> None:
        if who in self.people:
            where, entry = self.people[who]
            self.people[who] = where, replace(entry, groups=frozenset(groups))

    def move(self, who: str, place: str, changes: bool) -> None:
        """To another place in the tree; and to the other directory where it `changes`."""
        if who in self.people:
            where, entry = self.people[who]
            there = "branch" if where == "main" else "main"
            self.people[who] = there if changes else where, replace(entry, name=f"cn={who},{place}")

    def now_is(self, config: Config) -> None:
        """From now on the job has this configuration."""
        self.config = config
        data = config.data()
        self.configure(
            rules=config.rules(), policy=config.policy(), sources=self.directories[config.base],
            digest=digest_of(data), deciding=json.dumps(data), earlier=self._earlier,
        )  # fmt: skip

    def _earlier(self, text: str) -> Earlier:
        config = Config.read(text)
        roles = self.target.reader.group_roles
        return Earlier(config.rules(), self.directories[config.base], config.policy(), roles)

    def publish(self) -> None:
        """The directories as their servers have them now."""
        for base, sources in self.directories.items():
            for source in sources:
                here = [entry for where, entry in self.people.values() if where == source.name]
                source.entries = [e for e in here if Config(base=base).selects(source.name, e)]
                source.elsewhere = [e for e in here if e not in source.entries]

    @contextmanager
    def troubled(self, name: str, **faults: Any) -> Iterator[None]:
        """A directory in trouble: attributes of its sources as the memory source explains them."""
        sources = [source for each in self.directories.values() for source in each if source.name == name]
        before = {fault: getattr(sources[0], fault) for fault in faults}
        for source in sources:
            vars(source).update(faults)
        try:
            yield
        finally:
            for source in sources:
                vars(source).update(before)

    # --- the service --------------------------------------------------------------------------------------------------

    @property
    def logins(self) -> dict[int, Login]:
        return self.target.state.logins

    def set(self, number: int, **fields: Any) -> None:
        """What another hand does to a login."""
        self.logins[number] = replace(self.logins[number], **fields)

    def drop(self, number: int) -> None:
        del self.logins[number]
        members = self.target.state.members
        self.target.state.members = {member: role for member, role in members.items() if member[1] != number}

    @contextmanager
    def full(self) -> Iterator[None]:
        """No seat is left."""
        before = self.target._settings
        self.target._settings = before.model_copy(update={"max_logins": len(self.logins)})
        try:
            yield
        finally:
            self.target._settings = before

    # --- runs ---------------------------------------------------------------------------------------------------------

    def perform(self, selection: Selection | None = None, process: Process | None = None) -> RunReport | None:
        """One process with one run; None where it was killed or lost its lease, which has run out since."""
        self.publish()
        state = Watched(self.state, process) if process else self.state
        request = Request("run", selection or Selection())
        try:
            return run(self.job, Tools(state, self.clock, ScratchWaist), lambda: self._writer(process), request)
        except (Killed, LeaseLost):
            self.clock.passed += LEASE_SECONDS + 1
            return None

    def _writer(self, process: Process | None) -> Any:
        recorder = Recorder(self, self.target.writer())
        return Watched(recorder, process) if process else recorder

    # --- our memory ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        assert isinstance(self.state, SqlState)
        with closing(self.state._database.engine.raw_connection()) as pooled:
            assert isinstance(pooled.driver_connection, sqlite3.Connection)
            yield pooled.driver_connection

    def back_up(self) -> Copy:
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        with self._database() as memory:
            memory.backup(copy)
        return Copy(copy, self.remembered())

    def put_back(self, copy: Copy) -> None:
        """Our memory is what it was when the copy was made."""
        with self._database() as memory:
            copy.memory.backup(memory)

    def tell_restored(self) -> None:
        """What an administrator does who put back a backup: `iwds db restored`."""
        service = self.job.target.service
        lease = self.state.lease(service, "iwds db restored", LEASE_SECONDS)
        self.state.note_restored(service, lease)
        lease.release()

    def remembered(self) -> dict[int, str]:
        """Whose each login is by our memory, by its id."""
        return {row.login_id: row.anchor.id for row in self.state.ledger(self.job.target.service)}


class Founding:
    """Companies after their first days, made once for each way in which they can begin and then copied."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.state = open_state("sqlite://", clock=self.clock)
        self._empty = Company(self.state, self.clock).back_up()
        self._founded: dict[Config, tuple[Company, Copy]] = {}

    def company(self, config: Config, every: int) -> Company:
        """Staff with everything, three administrators who are nobody's, and two applied runs behind them."""
        if config not in self._founded:
            self._founded[config] = self._found(config)
        like, copy = self._founded[config]
        self.clock.passed = 0.0
        made = Company(self.state, self.clock)
        made.put_back(copy)
        made.people, made.born, made.asked = dict(like.people), dict(like.born), set(like.asked)
        there, now = like.target.state, made.target.state
        now.logins, now.members, now.links = dict(there.logins), dict(there.members), set(there.links)
        now.mails, now.last_id = list(there.mails), there.last_id
        made.now_is(config)
        made.configure(verify_roles_every=every)
        return made

    def _found(self, config: Config) -> tuple[Company, Copy]:
        self.clock.passed = 0.0
        company = Company(self.state, self.clock)
        company.put_back(self._empty)
        company.now_is(config)
        for number in range(3):  # of whom the service never has fewer than two
            company.target.state.add(f"boss{number}", role=2)
        for number, who in enumerate(STAFF):
            given = {"uid": who, "mail": f"{who}@x.y", "department": "it", "role": "1", "vpn_role": "manager"}
            company.put(who, "main", PLACES[number % 2], ("vpn", "wiki"), given)
        for number, (who, uid) in enumerate(FIRST_NAMES.items()):
            given = {"uid": uid, "mail": f"{who}@x.y", "department": "sales"}
            company.put(who, ("main", "branch")[number % 2], PLACES[number // 2], ("vpn",), given)
        for _ in range(2):
            report = company.perform()
            assert report is not None
            assert report.exit_code == 0
        return company, company.back_up()

    def nothing(self) -> Copy:
        """Our memory before the first run."""
        return self._empty

    def close(self) -> None:
        with suppress(Exception):
            self.state.close()
