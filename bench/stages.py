"""The stages, each run in a process of its own: `python -m bench.stages STAGE FOLDER` prints what it cost as JSON.

Only what stands inside `with watch` is measured; the rest puts the input in place.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.changes import changes
from bench.measure import Measured, Stopwatch, peak_mb
from bench.prepare import prepare, run_of
from bench.setting import JOB, Setting, opened
from iwds.captures import Capturing, wanted
from iwds.core.assembly import Facts, assemble
from iwds.core.decide import decide
from iwds.core.decision import Decision
from iwds.core.guards import Populations
from iwds.core.matching import Case, Tally
from iwds.core.model import Account, Entry, Proof
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.plan_document import plan_from_data, plan_to_data
from iwds.core.policy import World
from iwds.core.rulings import Rulings
from iwds.engine.applying import Applying, Hands
from iwds.engine.drift import Asked, survey
from iwds.engine.planning import make_plan
from iwds.engine.resync import Wish, preview
from iwds.engine.running import plan_only
from iwds.engine.verify import Verifier
from iwds.ports import ReadStream, Result, T_co, Waist
from iwds.readings.file import Reading
from iwds.replays import Replaying
from iwds.sandbox.schema import connect
from iwds.sources._search import Pull
from iwds.sources.ldap import LdapSource


def read_pages(setting: Setting, watch: Stopwatch) -> int:
    """The answers to the same searches as `read` makes, received, decoded and dropped."""
    source, doubts = setting.source, list[str]()
    assert isinstance(source, LdapSource)
    wishes = source._wishes
    people = wishes.user_searches(setting.job.rules.attributes)
    count = 0
    with source._dial() as session, watch:
        for search in (*wishes.group_searches(), *people):
            found = sum(len(page) for page in Pull(session.shaped, search, doubts.append))
            count += found if search in people else 0
    if doubts:
        raise RuntimeError(f"the pages are not whole: {doubts}")
    return count


def read(setting: Setting, watch: Stopwatch) -> int:
    """The directory's people, read and dropped."""
    stream = setting.source.read(setting.job.rules.attributes)
    with watch:
        return _drained(stream)


def read_and_map(setting: Setting, watch: Stopwatch) -> int:
    """The same, each made into an account within the service's constraints."""
    stream = setting.source.read(setting.job.rules.attributes)
    with watch:
        count = sum(isinstance(account, Account) for account in _accounts(setting, stream))
    stream.finish()
    return count


def read_service(setting: Setting, watch: Stopwatch) -> int:
    """The logins of the service and the memberships of the governed groups, read and dropped."""
    groups = [group.id for group in setting.groups().values()]
    with watch:
        count = _drained(setting.job.target.read_logins())
        _drained(setting.job.target.read_memberships(groups))
    return count


def read_ledger(setting: Setting, watch: Stopwatch) -> int:
    """Our memory of the service, read and dropped."""
    with watch:
        return sum(1 for _ in setting.tools.state.ledger(setting.job.target.service))


def join(setting: Setting, watch: Stopwatch) -> int:
    """The waist: filled from captured readings, joined, its cases drawn and dropped."""
    world = setting.world()
    waist = setting.tools.waist()
    people = _fill(setting, waist, watch)
    with watch:
        waist.join(world)
        for _ in waist.cases():
            pass
        waist.close()
    return people


def decide_and_assemble(setting: Setting, watch: Stopwatch) -> int:
    """What follows from the cases, and the plan that is made of it."""
    world = setting.world()
    waist = setting.tools.waist()
    _fill(setting, waist, Stopwatch())
    tally = waist.join(world)
    cases = list(waist.cases())
    waist.close()
    with watch:
        _assembled(setting, cases, world, tally)
    return len(cases)


def plan(setting: Setting, watch: Stopwatch) -> int:
    """Planning as a whole, as `iwds plan` does it; the plan is kept for `apply`."""
    with watch:
        made, tally = make_plan(setting.job, setting.tools)
    _as_meant(setting, made, tally)
    (setting.folder / "plan.json").write_text(json.dumps(plan_to_data(made)))
    return tally.people


def drift(setting: Setting, watch: Stopwatch) -> int:
    """As many logins as are to differ changed by hand on the service, and found as `iwds drift` finds them."""
    changed = setting.population.changed
    with closing(connect(str(setting.folder / "sandbox.db"))) as service:
        service.execute(
            "UPDATE login SET mail = 'hand.' || mail WHERE id IN (SELECT id FROM login ORDER BY id DESC LIMIT ?)",
            [changed],
        )
        service.commit()
    with watch:
        found = survey(setting.job, setting.tools, Asked())
    if len(found.drift) < changed:
        raise RuntimeError(f"{len(found.drift)} differ, where {changed} should")
    return found.ours


def capture(setting: Setting, watch: Stopwatch) -> int:
    """Planning with everything captured that the plan rests on, as `iwds plan --capture` does it."""
    want = wanted(setting.wiring.config, JOB, [], [])
    # What is captured is noted from the wiring on, and this process has wired the job already.
    with opened(setting.folder) as fresh, Capturing(fresh.wiring, JOB, want, setting.folder / READING_FILE):
        fresh.wire()
        with watch:
            plan_only(fresh.job, fresh.tools)
    return setting.population.people


def replay(setting: Setting, watch: Stopwatch) -> int:
    """The same configuration planned on what was captured, and compared, as `iwds replay` does it."""
    with (
        closing(Reading(setting.folder / READING_FILE)) as reading,
        Replaying(setting.wiring.config, reading) as wiring,
        watch,
    ):
        said = wiring.compared(JOB, wiring.replay(JOB), "")
    if not said.same:
        raise RuntimeError("the same configuration plans something else")
    return setting.population.people


def one_person(setting: Setting, watch: Stopwatch) -> int:
    """One person whom we know, looked up on both sides and planned, as `iwds resync --dry-run` does it."""
    row = next(iter(setting.tools.state.ledger(setting.job.target.service)))
    with watch:
        looked = preview(setting.job, setting.tools, Wish(row.login))
    if looked.one.counts is None:
        raise RuntimeError(f"{row.login} was not found")
    return 1


def apply(setting: Setting, watch: Stopwatch) -> int:
    """The kept plan, made true: journal, last looks, calls, ledger."""
    made = plan_from_data(json.loads((setting.folder / "plan.json").read_text()))
    writer = setting.wiring.writer(JOB)
    assert writer is not None
    verifier = Verifier(setting.job, setting.tools.clock)
    with run_of(setting) as (journal, lease):
        find_row = partial(setting.tools.state.ledger_row, setting.job.target.service)
        find_hold = partial(setting.tools.hold, setting.job.target.service)
        hands = Hands(writer(), journal, lease, verifier, find_row, find_hold, threading.Event())
        with watch:
            applied = Applying(made, setting.job, hands).run()
    if applied.results[Result.DONE] != len(made.changes):
        raise RuntimeError(f"not everything was applied: {applied.results}, {applied.outcomes[:3]}")
    return len(made.changes)


READING_FILE = "bench.reading"
Stage = Callable[[Setting, Stopwatch], int]
STAGES: dict[str, tuple[Stage, str]] = {
    "read pages": (read_pages, "people"),
    "read": (read, "people"),
    "read + map": (read_and_map, "people"),
    "read the service": (read_service, "logins"),
    "read the ledger": (read_ledger, "rows"),
    "join": (join, "people"),
    "decide": (decide_and_assemble, "cases"),
    "one person": (one_person, "person"),
    "plan": (plan, "people"),
    "apply": (apply, "changes"),
    "capture": (capture, "people"),
    "replay": (replay, "people"),
    "drift": (drift, "logins"),
    "changes": (changes, "people"),
}
"""In the order in which they are run; `apply` needs the plan of `plan`, and `replay` what `capture` kept.

`apply`, `drift` and `changes` change the service.
"""
READING = ("read pages", "read", "read + map")
"""Those that read the directory, and need no login."""


def _drained(stream: ReadStream[T_co]) -> int:
    count = sum(1 for _ in stream)
    if problems := stream.finish().problems:
        raise RuntimeError(f"the reading is not proven: {problems}")
    return count


def _accounts(setting: Setting, stream: ReadStream[Entry]) -> Iterator[object]:
    rules, target, now = setting.job.rules, setting.job.target, datetime.now(UTC)
    for entry in stream:
        mapped = rules.map(entry, now)
        yield target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped


def _fill(setting: Setting, waist: Waist, watch: Stopwatch) -> int:
    """Put the captured readings into the waist; reading the capture does not count."""
    people = 0
    for chunk in setting.kept("people"):
        people += len(chunk)
        with watch:
            waist.add_people(chunk)
    fills: tuple[tuple[str, Callable[[list[Any]], None]], ...] = (
        ("logins", waist.add_logins),
        ("members", waist.add_members),
        ("rows", waist.add_ledger),
    )
    for name, add in fills:
        for chunk in setting.kept(name):
            with watch:
                add(chunk)
    return people


def _assembled(setting: Setting, cases: list[Case], world: World, tally: Tally) -> Plan:
    decisions: list[Decision] = []
    for case in cases:
        decisions.extend(decide(case, world))
    job = setting.job
    basis = Basis(_proofs(setting, "sources"), _proofs(setting, "service")[0], tally, job.digest, False, False)
    facts = Facts(basis, Populations(tally.population, tally.members, {}, {}), job.limits, Rulings())
    return assemble(("bench", JOB, str(job.target.service), datetime.now(UTC)), decisions, facts, Selection())


def _proofs(setting: Setting, name: str) -> tuple[Proof, ...]:
    return tuple(proof for chunk in setting.kept(name) for proof in chunk)


def _as_meant(setting: Setting, made: Plan, tally: Tally) -> None:
    """A benchmark of a plan that is not the one that was meant would measure something else."""
    population = setting.population
    agreed = population.people - population.differing
    if tally.people != population.people or made.basis.agreed != agreed or made.violations or made.held:
        raise RuntimeError(f"{made.basis.agreed} of {tally.people} agree, where {agreed} should: {made.skips[:3]}")


def main() -> None:
    """Run one stage; `prepare` puts everything in place and prints nothing."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    with opened(folder) as setting:
        if name == "prepare":
            prepare(setting)
            return
        stage, unit = STAGES[name]
        setting.wire()
        watch = Stopwatch()
        items = stage(setting, watch)
        measured = Measured(name, items, unit, watch.seconds, watch.cpu, watch.before_mb, peak_mb())
        print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
