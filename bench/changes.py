"""A run of what changed: fifty people of many, looked at one by one, written and journalled.

Which people changed is given, so that what is measured is ours and the latency of the calls, and no directory's feed.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

from bench.measure import Stopwatch
from bench.prepare import run_of
from bench.setting import JOB, REALM, Setting
from iwds.core.model import LedgerRow
from iwds.engine.job import Incremental, Job
from iwds.engine.running import Request, run
from iwds.ports import Delta, Learnt, Mark, Members

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


class Given(Counted):
    """A source that says of these people that they changed."""

    def __init__(self, inner: Any, calls: Counter[str], people: frozenset[str]) -> None:
        super().__init__(inner, calls, "directory")
        self._people = people

    def changes(self, _: object) -> Any:
        """The feed is this."""
        return self

    @property
    def realm(self) -> str:
        """Of the directory."""
        return REALM

    def mark(self) -> str:
        """Some mark."""
        return "bench"

    def members(self) -> Iterator[Any]:
        """No groups."""
        return iter(())

    def since(self, mark: str, known: Members, most: int) -> Delta:  # noqa: ARG002 - of a feed
        """These people."""
        return Delta(people=self._people, mark="bench")


def changes(setting: Setting, watch: Stopwatch) -> int:
    """Planned, applied, and remembered for the next time."""
    rows = list(islice(setting.tools.state.ledger(setting.job.target.service), CHANGED))
    _alter(setting, rows)
    calls: Counter[str] = Counter()
    source: Any = Given(setting.source, calls, frozenset(row.anchor.id for row in rows))
    target: Any = Counted(setting.job.target, calls, "service")
    job = replace(setting.job, sources=(source,), target=target, incremental=Incremental())
    _mark(setting, job)
    make = setting.wiring.writer(JOB)
    assert make is not None
    with watch:
        done = run(job, setting.tools, lambda: Counted(make(), calls, "service"), Request("run", changes=True))
    if done.plan.basis.looked_at != len(rows) or done.exit_code:
        raise RuntimeError(f"not what was meant: {done.run.summary}, {done.plan.skips[:3]}")
    told = ", ".join(f"{number} {name}" for name, number in sorted(calls.items()))
    print(f"{done.run.summary}; {calls.total()} calls: {told}", file=sys.stderr)
    return len(rows)


def _alter(setting: Setting, rows: list[LedgerRow]) -> None:
    """The service has another last name of them than the directory."""
    make = setting.wiring.writer(JOB)
    assert make is not None
    with closing(make()) as writer:
        for row in rows:
            login = setting.job.target.login(row.login_id, row.login)
            assert login is not None
            writer.update(replace(login, name="Altered"))


def _mark(setting: Setting, job: Job) -> None:
    """As a run of everybody would have left it."""
    state, now = setting.tools.state, setting.tools.clock.now()
    with run_of(setting) as (_, lease):
        row = state.runs(JOB, 1)[0]
        marks = {source.name: Mark("bench", now, now, row.id) for source in job.sources}
        ended = replace(row, ended=now, exit_code=0, report={"population": setting.population.people})
        state.finish_run(
            ended, applied=True, accepted=job.digest, configuration=job.deciding, lease=lease, learnt=Learnt(marks)
        )
