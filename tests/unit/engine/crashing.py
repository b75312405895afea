"""A process that is killed at a chosen moment, in this process: every effect on the world has two such moments.

Each writing method of the state is one transaction, and each one of the service one call: so a process can die before
it takes effect, or after, before anything that follows. Between two effects it does not matter when it dies: it reads.
Whatever else would still run (a `finally`, another lane) is dead too, and leaves nothing behind.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from iwds.core.model import Account, Activation, AtCreation, Entry, Unmapped, fold
from iwds.engine.job import LEASE_SECONDS, Tools
from iwds.engine.running import Request, RunReport, run
from iwds.engine.unsettled import unmailed
from iwds.state.scratch import ScratchWaist
from tests.unit.engine.rehearsal import PlainRules, Rehearsal


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Process:
    """Counts the moments at which it can be killed, and dies at one of them.

    Attributes:
        dies_at: which of them, counted from 1; 0 for never.
        moments: what was about to happen, or had just happened.
    """

    dies_at: int = 0
    moments: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, moment: str) -> None:
        """One moment; nothing passes any more once it is dead."""
        with self.lock:
            dead = 0 < self.dies_at <= len(self.moments)
            if not dead:
                self.moments.append(moment)
            if dead or len(self.moments) == self.dies_at:
                raise Killed(moment)


READS = frozenset(
    {"ledger", "ledger_row", "memory", "unsettled", "unmailed", "runs", "run", "intents", "plan", "outlives", "close"}
    | {"open_hold", "open_holds", "audit"}
)
OPENS = frozenset({"lease", "journal"})


class Watched:
    """Anything whose effects are moments of a process; what it opens is watched too."""

    def __init__(self, watched: Any, process: Process) -> None:
        self._watched, self._process = watched, process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._watched, name)
        if not callable(found) or name in READS:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._process.passes(f"before {name}")
            bare = [one._watched if isinstance(one, Watched) else one for one in arguments]
            given = {key: one._watched if isinstance(one, Watched) else one for key, one in named.items()}
            result = found(*bare, **given)
            self._process.passes(f"after {name}")
            return Watched(result, self._process) if name in OPENS else result

        return call


class Inline:
    """Lanes without threads: what is submitted is done at once, so that moments come in the same order every time."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except BaseException as error:  # noqa: BLE001 - as a real executor does
            future.set_exception(error)
        return future


class LinkRules(PlainRules):
    """Whoever has a mail address gets a link by mail when they are created."""

    def map(self, entry: Entry, now: Any) -> Account | Unmapped:
        account = super().map(entry, now)
        if isinstance(account, Account) and account.mail:
            return replace(account, at_creation=AtCreation(Activation.LINK))
        return account


class Mortal(Rehearsal):
    """A rehearsal whose runs can be killed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(lanes=1, **settings)
        self.configure(rules=LinkRules())

    def start(self, process: Process) -> RunReport | None:
        """One process with one run; None where it was killed, and its lease has run out since."""
        tools = Tools(Watched(self.state, process), self.clock, ScratchWaist)
        try:
            return run(self.job, tools, lambda: Watched(self.writer(), process), Request("run"))
        except Killed:
            self.clock.passed += LEASE_SECONDS + 1
            return None

    def settle_down(self) -> None:
        """Run until nothing is left to do; the last of these runs notes what the one before could not know yet."""
        for _ in range(5):
            report = self.run()
            if not report.plan.changes and not report.plan.basis.first_run:
                return
        raise AssertionError(f"still something to do: {report.plan.changes}")

    def end(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both the service and our memory, without the numbers and times that differ from one history to the next."""
        groups: dict[int, set[str]] = {}
        for group, login in self.target.state.members:
            groups.setdefault(login, set()).add(self.target.state.groups[group].name)
        logins = {
            login.login: (replace(login, id=0), groups.get(login.id, set()))
            for login in self.target.state.logins.values()
        }
        assert len({fold(name) for name in logins}) == len(self.target.state.logins), "somebody was created twice"
        return logins, {
            who: replace(row, login_id=0, left_at=row.left_at and self.clock.now())
            for who, row in self.ledger().items()
        }

    def mailed(self) -> set[str]:
        """Who has got their link, of those whose login is still there; nobody ever gets two."""
        assert max(Counter(self.target.state.mails).values(), default=0) <= 1, "somebody was mailed twice"
        return {login.login for number, login in self.target.state.logins.items() if number in self.target.state.mails}

    def listed(self) -> set[str]:
        """Whom a person is told to look after, because nobody knows whether their link was mailed."""
        return {mail.login for mail in unmailed(self.job, self.tools)}
