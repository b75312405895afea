"""A run of what changed: fifty people of many, told by the directory, looked at one by one, written and journalled."""

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from ldap3 import MODIFY_REPLACE, Connection, Server

from bench.measure import Stopwatch
from bench.prepare import run_of
from bench.setting import ADMIN, JOB, Setting
from iwds.core.model import Entry
from iwds.engine.job import Incremental
from iwds.engine.running import Request, run
from iwds.ports import Learnt, Mark

CHANGED = 50


class Counted:
    """Somebody who is asked, and how often for what."""

    def __init__(self, inner: Any, calls: Counter[str], side: str) -> None:
        self._inner, self._calls, self._side = inner, calls, side

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name in _NO_CALLS:
            return found

        def asked(*arguments: Any, **named: Any) -> Any:
            self._calls[f"{self._side} {name}"] += 1
            return found(*arguments, **named)

        return asked


_NO_CALLS = frozenset({"normalise", "close", "knows_tagged_creation"})


class Asked(Counted):
    """A source, and the feed of its changes."""

    def changes(self, attributes: Collection[str]) -> Any:
        """The feed, whose questions count too."""
        return Counted(self._inner.changes(attributes), self._calls, "feed")


def changes(setting: Setting, watch: Stopwatch) -> int:
    """Planned, applied, and remembered for the next time."""
    source, attributes = setting.source, setting.job.rules.attributes
    people = list(islice(_found(setting, attributes), CHANGED))
    _mark(setting, attributes)
    _alter(setting, people)
    calls: Counter[str] = Counter()
    counted: Any = Asked(source, calls, "directory")
    target: Any = Counted(setting.job.target, calls, "service")
    job = replace(setting.job, sources=(counted,), target=target, incremental=Incremental())
    make = setting.wiring.writer(JOB)
    assert make is not None
    with watch:
        done = run(job, setting.tools, lambda: Counted(make(), calls, "service"), Request("run", changes=True))
    if done.plan.basis.looked_at != len(people) or done.exit_code:
        raise RuntimeError(f"not what was meant: {done.run.summary}, {done.plan.skips[:3]}")
    told = ", ".join(f"{number} {name}" for name, number in sorted(calls.items()))
    print(f"{done.run.summary}; {calls.total()} calls: {told}", file=sys.stderr)
    return len(people)


def _found(setting: Setting, attributes: Collection[str]) -> Iterator[Entry]:
    """People of ours who are in the directory."""
    for row in setting.tools.state.ledger(setting.job.target.service):
        if entry := setting.source.find(row.anchor, attributes):
            yield entry


def _alter(setting: Setting, people: Sequence[Entry]) -> None:
    """The directory has another last name of them now."""
    url, name, password = json.loads((setting.folder / ADMIN).read_text())
    with Connection(Server(url), name, password, auto_bind=True, raise_exceptions=True) as connection:
        for entry in people:
            connection.modify(entry.name, {"sn": [(MODIFY_REPLACE, ["Altered"])]})


def _mark(setting: Setting, attributes: Collection[str]) -> None:
    """As a run of everybody would have left it."""
    state, now, job, name = setting.tools.state, setting.tools.clock.now(), setting.job, setting.source.name
    feed = setting.source.changes(attributes)
    assert feed is not None
    with run_of(setting) as (_, lease):
        row = state.runs(JOB, 1)[0]
        learnt = Learnt({name: Mark(feed.mark(), now, now, row.id)})
        state.keep_members(row.id, name, feed.members(), lease)
        ended = replace(row, ended=now, exit_code=0, report={"population": setting.population.people})
        state.finish_run(
            ended, applied=True, accepted=job.digest, configuration=job.deciding, lease=lease, learnt=learnt
        )
