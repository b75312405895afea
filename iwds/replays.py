"""A configuration over a captured reading instead of the world, and how its plan differs from the one of then."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from iwds.bootstrap import Target, Wiring, adapter_of
from iwds.captures import selection_key
from iwds.configuration import Configuration
from iwds.core.change import Evidence
from iwds.core.decision import Reason
from iwds.core.guards import GuardKind, Limit
from iwds.core.impact import Impact, changed_parts, impact
from iwds.core.model import Account, Entry, Unmapped
from iwds.core.plan import Plan, Selection
from iwds.core.plan_document import plan_from_data, plan_to_data
from iwds.core.previous import Places
from iwds.core.selecting import ANYBODY
from iwds.engine.job import Job, Progress, Tools, silent
from iwds.engine.planning import make_plan
from iwds.errors import UsageError
from iwds.mapping.uses import asked_about, uses
from iwds.ports import Actions, Finding, Source, State, TargetReader, TargetWriter
from iwds.readings.draft import Draft
from iwds.readings.file import Reading
from iwds.readings.plain import back
from iwds.readings.pseudonyms import Guise, pseudonymise, words_of
from iwds.readings.replaying import (
    FixedClock,
    NotCaptured,
    ReplayedReader,
    ReplayedSource,
    ReplayedState,
    Unknown,
    capture_groups,
)
from iwds.readings.scramble import Scramble
from iwds.settings import limits_of
from iwds.state.scratch import ScratchWaist


class _Offline:
    """A service of which there is only a reading."""

    def __init__(self, reader: ReplayedReader) -> None:
        self.reader = cast("TargetReader", reader)

    def writer(self) -> TargetWriter:
        """Nothing is written."""
        raise UsageError("a replay writes nothing")

    def actions(self) -> Actions:
        """Nothing is done."""
        raise UsageError("a replay does nothing")

    def certificates(self) -> Iterable[Finding]:
        """None is shown to anybody."""
        return ()


class Replaying(Wiring):
    """A configuration over a captured reading: no connection is opened, no state either, and no secret is needed."""

    def __init__(self, config: Configuration, reading: Reading, progress: Progress = silent) -> None:
        super().__init__(config, progress)
        self.reading, self.unknown = reading, Unknown()

    def state(self) -> State:
        """Our memory as it was."""
        return cast("State", ReplayedState(self.reading))

    def tools(self) -> Tools:
        """Everything as it was."""
        now = datetime.fromisoformat(self.reading["taken_at"])
        return Tools(self.state(), FixedClock(now), ScratchWaist, self.progress)

    def target(self, name: str) -> Target:
        """The service as it was, under the settings of now."""
        adapter, model = self.validated("targets", name)
        return _Offline(ReplayedReader(adapter.unconnected(name, model), self.reading, self.unknown))

    def _connected(self, name: str, adapter: Any, model: BaseModel) -> Source:
        key = selection_key(adapter, name, model)
        source = ReplayedSource(name, self.reading, self.unknown, key, self._selects(name, adapter, model))
        return cast("Source", source)

    def _selects(self, name: str, adapter: Any, model: BaseModel) -> Any:
        """Who is left of those who were read, and who is selected of others; None for everybody who was read."""
        before = self._captured(name)
        if before is None:
            return None
        now = adapter.selection(name, model)
        if now == before:
            return None
        nobody = not now.within(before)
        return now.among(before), (lambda _: False) if nobody else now.among(ANYBODY)

    def _captured(self, name: str) -> Any:
        """Whom a source selected when it was read; None where it was not."""
        settings = self.reading.sources().get(name)
        if settings is None:
            return None
        adapter = adapter_of("sources", str(settings["kind"]))
        return adapter.selection(name, adapter.Settings.model_validate(settings))

    def replay(self, name: str) -> Plan:
        """What the configuration plans on the reading. Raises `ConfigurationError` where it asks for what is not in it.

        Nothing is kept, and no lease is taken.
        """
        self._check(name)
        job = self.job(name)
        self._check_job(job)
        selection = back(Selection, self.reading["selection"])
        return make_plan(job, self.tools(), selection, alone=self.reading["alone"])[0]

    def _check(self, name: str) -> None:
        """That the reading is of this job, and holds the people whom its sources select."""
        if self.reading["job"] != name:
            raise UsageError(f"the reading is of the job {self.reading['job']}, and not of {name}")
        known = self.reading.sources()
        for number, source in enumerate(self.config.job(name).sources):
            if source not in known:
                raise self._lacking(f"the source {source} was not captured", "jobs", name, "sources", number)
            if source in self.config.settings.sources:
                self._check_source(source)

    def _check_source(self, source: str) -> None:
        adapter, model = self.validated("sources", source)
        before, now = self._captured(source), adapter.selection(source, model)
        kind = self.reading.sources()[source]["kind"]
        if kind != self.config.settings.sources[source]["kind"]:
            raise self._lacking(f"the source {source} was of kind {kind} when it was read", "sources", source, "kind")
        part = "base" if now.filter == before.filter else "filter"
        if why := now.within(before):
            raise self._lacking(f"{source}: {why}", "sources", source, *(("users", part) if "its" in why else ()))
        missing = now.beyond(before).attributes - self._attributes(source)
        if missing:
            raise self._uncaptured(source, missing, self.config.where("sources", source, "users", part))

    def _attributes(self, source: str) -> frozenset[str]:
        return self.reading.readings(source)[0][1]

    def _check_job(self, job: Job) -> None:
        """That it holds what the mapping reads of people, and the members of the groups that it governs."""
        if str(job.target.service) != self.reading["service"]:
            where = ("jobs", job.name, "target")
            raise self._lacking(f"the reading is of {self.reading['service']}, and not of {job.target.service}", *where)
        mapping = self.config.path(self.config.job(job.name).mapping)
        for source in job.sources:
            if missing := job.rules.attributes - self._attributes(source.name):
                used = uses(mapping)
                first = sorted(missing, key=lambda each: used.get(each, [("", 0)])[0][1])[0]
                raise self._uncaptured(source.name, missing, used.get(first, [(str(mapping), 0)])[0])
        listed = self.reading.listed()
        unread = [g.name for g in self.reading.groups() if g.name in job.rules.groups and g.id not in listed]
        if unread:
            place = job.places[f"groups {unread[0]}"]
            names = ", ".join(unread)
            raise NotCaptured(f"{place}: the members of {names} were not captured", capture_groups(self.reading, names))

    def _uncaptured(self, source: str, missing: Collection[str], place: tuple[str, int]) -> NotCaptured:
        names = sorted(missing)
        advice = f"capture a reading with it: iwds plan {self.reading['job']} --capture --attributes {','.join(names)}"
        return NotCaptured(f"{', '.join(names)} of {source} was not captured", advice, *place)

    def _lacking(self, message: str, *path: str | int) -> NotCaptured:
        advice = f"capture a reading under this configuration: iwds plan {self.reading['job']} --capture"
        return NotCaptured(message, advice, *self.config.where(*path))

    def disguised(self, name: str, key: bytes, file: Path) -> int:
        """Write the reading with pseudonyms; how many changes its plan has. `UsageError` for another configuration."""
        job, reading = self.job(name), self.reading
        if job.digest != reading["config_digest"]:
            raise UsageError(
                "the configuration is another one than that which the reading was planned with",
                "give that one with --config: the mapping says what follows from what",
            )
        settings = [reading["config"], json.loads(reading["deciding"])]
        now = datetime.fromisoformat(reading["taken_at"])

        def account(entry: Entry) -> Account | Unmapped:
            made = job.rules.map(entry, now)
            return job.target.normalise(made, entry.name) if isinstance(made, Account) else made

        kept = {*words_of(settings), *words_of([group.name for group in reading.groups()])}
        shown = asked_about(settings[1]["rules"]) | self._filtered(name)
        draft = Draft(file.parent)
        try:
            pseudonymise(reading, draft, Guise(Scramble(key, kept), shown, account, job.rules.matching.key))
            # What somebody gave as a reason may name people.
            facts = {**reading.facts(), "config": {}, "selection": {**reading["selection"], "reason": ""}}
            for fact in ("logins", "members", "tagged", "unlisted", "plan"):
                facts.pop(fact)
            for fact, value in facts.items():
                draft.note(fact, value)
            with closing(draft.whole()) as disguised:
                plan = Replaying(self.config, disguised).replay(name)
            draft.note("plan", plan_to_data(plan))
            draft.note("digest", plan.digest)
            draft.finish(file)
        finally:
            draft.discard()
        return len(plan.changes)

    def _filtered(self, name: str) -> frozenset[str]:
        """What the filters of the sources look at."""
        sources = self.config.job(name).sources
        read = [self._captured(source).filter.attributes for source in sources]
        return frozenset[str]().union(*read) - self.job(name).rules.login_attributes

    def compared(self, name: str, plan: Plan, config: str) -> "Replayed":
        """What a replayed plan does that was not planned then, by the parts of the configuration that changed."""
        before, job = plan_from_data(self.reading["plan"]), self.job(name)
        changed = changed_parts(self.reading["deciding"], job.deciding)
        places = Places({**job.places.of, **dict(self._more_places(name))})
        found = impact(before, plan, changed, places)
        limits = tuple(self._limits(name))
        return Replayed(self.reading["id"], config, before, plan, found, dict(self.unknown.of), limits)

    def _limits(self, name: str) -> Iterator["ChangedLimit"]:
        """The limits of guards that differ; of a reading with pseudonyms nobody knows them."""
        settings = self.reading["config"].get("job", {}).get(name)
        if settings is None:
            return
        before, now = limits_of(settings.get("limits", {})), self.config.job(name).guard_limits()
        for kind in GuardKind:
            if before[kind] != now[kind]:
                file, line = self.config.where("jobs", name, "limits", kind.value)
                yield ChangedLimit(kind, before[kind], now[kind], f"{Path(file).name}:{line}" if line else file)

    def _more_places(self, name: str) -> Iterator[tuple[str, str]]:
        """Where each source, and what of the job decides, stands."""
        job = self.config.job(name)
        paths: dict[str, tuple[str, ...]] = {f"sources {each}": ("sources", each) for each in job.sources}
        paths |= {part: ("jobs", name, part) for part in ("leavers", "adopt", "delete_after")}
        paths |= {"order": ("jobs", name, "sources"), "provisioning_id": ("targets", job.target, "provisioning_id")}
        for part, path in paths.items():
            file, line = self.config.where(*path)
            yield part, f"{Path(file).name}:{line}" if line else file


@dataclass(frozen=True, slots=True)
class ChangedLimit:
    """A guard's limit that is another one than when the reading was planned, and where it stands by now."""

    kind: GuardKind
    before: Limit
    now: Limit
    place: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        reading: its id.
        config: the file of the configuration that was tried; empty for today's.
        before: the plan that was made then.
        plan: what the configuration plans.
        impact: how they differ.
        unknown: how many questions about single people could not be answered, by what was asked.
        limits: the limits of guards that changed.
    """

    reading: str
    config: str
    before: Plan
    plan: Plan
    impact: Impact
    unknown: Mapping[str, int]
    limits: tuple[ChangedLimit, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nobody would notice, and the guards stop as much as they did."""
        return not self.impact.rules and _tripped(self.plan) == _tripped(self.before)

    @property
    def exit_code(self) -> int:
        """0 for the same, 2 for something else, 3 where a guard or the gate would stop a part of it."""
        if self.same:
            return 0
        gated = any(
            s.reason is Reason.HELD and s.change and s.change.evidence is Evidence.RULE for s in self.plan.skips
        )
        return 3 if self.plan.violations or gated else 2


def _tripped(plan: Plan) -> frozenset[tuple[GuardKind, str]]:
    return frozenset((gauge.kind, gauge.of) for gauge in plan.violations)
