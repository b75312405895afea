"""The composition root: from a configuration to a job with its adapters. The only module that knows them."""

import importlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self, cast

from pydantic import BaseModel

from iwds import yamlmarks
from iwds.configuration import Configuration, deciding
from iwds.core.configuration import digest_of, doubted_parts, grace_of
from iwds.core.model import BUILTIN_ROLES
from iwds.core.nearest import nearest
from iwds.core.plan import Lifetime, Plan
from iwds.core.policy import CENTURY, Leaver, Policy
from iwds.core.previous import Places
from iwds.engine.actions import Desk
from iwds.engine.budget import FailureBudget
from iwds.engine.job import Earlier, Incremental, Job, MakeWriter, Progress, Tools, silent
from iwds.engine.who import caller, host
from iwds.errors import ConfigurationError, UsageError
from iwds.mapping import CompiledRules, versions_of
from iwds.mapping import again as compile_again
from iwds.mapping import load as load_mapping
from iwds.ports import Actions, Finding, RefusedBind, Source, State, TargetReader, TargetWriter, Ward
from iwds.settings import seconds
from iwds.state.database import open_state
from iwds.state.scratch import ScratchWaist
from iwds.state.ward import ScratchWard

SOURCE_KINDS = ("csv", "entra", "ldap", "ldif")
TARGET_KINDS = ("provisioning",)

_NO_MAPPING: Mapping[str, Any] = {"login": "login"}
"""The mapping of a job that reads nobody."""

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, never going back, and counting on while the machine is suspended."""
        return time.clock_gettime(_BOOTTIME)


class Target(Protocol):
    """What `connect` of a target's module returns: both halves of one service."""

    @property
    def reader(self) -> TargetReader:
        """The half that cannot change anything."""
        ...

    def writer(self) -> TargetWriter:
        """The other half, made only where something is to be written."""
        ...

    def actions(self) -> Actions:
        """What the helpdesk does to one login, made where somebody asks for it."""
        ...

    def certificates(self) -> Iterable[Finding]:
        """How long the configured certificates are valid; nothing is sent."""
        ...


class Watch(Protocol):
    """Sees what a plan rests on: each of these is given back with something around it that notes its answers."""

    def source(self, source: Source, adapter: Any, model: BaseModel) -> Source:
        """A source, with its module and its settings."""
        ...

    def target(self, target: Target) -> Target:
        """A service."""
        ...

    def state(self, state: State) -> State:
        """Our own memory."""
        ...

    def planned(self, plan: Plan, alone: bool) -> None:
        """A plan was made; see `Tools`."""
        ...


class _Remembered:
    """What the state remembers of refused binds; it is opened when a source is about to bind, and not before."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def refused_bind(self, source: str, servers: Collection[str], account: str, secret: bytes) -> RefusedBind | None:
        """What stands against this account with this secret."""
        return self._state().refused_bind(source, servers, account, secret)

    def note_refused_bind(self, refused: RefusedBind, secret: bytes) -> None:
        """Keep it."""
        self._state().note_refused_bind(refused, secret)

    def forget_refused_bind(self, source: str, servers: Collection[str], account: str) -> None:
        """The account was let in."""
        self._state().forget_refused_bind(source, servers, account)


class Wiring:
    """Opens what a command needs and closes all of it at the end; use it as a context manager."""

    def __init__(self, config: Configuration, progress: Progress = silent) -> None:
        self.config, self.progress = config, progress
        self._watch: Watch | None = None
        self._open = ExitStack()
        self._sources: dict[str, Source] = {}
        self._targets: dict[str, Target] = {}
        self._jobs: dict[str, Job] = {}
        self._state: State | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def state(self) -> State:
        """Our own memory."""
        if self._state is None:
            self._state = open_state(self.config.state_url, clock=SystemClock())
            self._open.callback(self._state.close)
        return self._state

    def tools(self) -> Tools:
        """State, clock, waist and progress for the engine."""
        tools = Tools(self.state(), SystemClock(), ScratchWaist, self.progress, float(self.config.settings.lease_s))
        watch = self._watch
        return replace(tools, state=watch.state(tools.state), planned=watch.planned) if watch else tools

    def watched(self, watch: "Watch") -> None:
        """From now on everything is wired so that this sees what is read; what was wired before is not used again."""
        self._watch = watch
        for wired in (self._jobs, self._sources, self._targets):
            wired.clear()

    def source(self, name: str) -> Source:
        """One source, not connected yet; the same for all jobs, so that what it was refused is refused to all."""
        if name not in self._sources:
            self._sources[name] = self._connected(name, *self.validated("sources", name))
        return self._sources[name]

    def _connected(self, name: str, adapter: Any, model: BaseModel) -> Source:
        more = {"refusals": _Remembered(self.state)} if adapter.BINDS else {}
        source = cast("Source", adapter.connect(name, model, **more))
        self._open.callback(source.close)
        return self._watch.source(source, adapter, model) if self._watch else source

    def validated(self, section: str, name: str) -> tuple[Any, BaseModel]:
        """The adapter module of one source or target (`section` is `sources` or `targets`), and its settings."""
        return _validated(self.config, section, name)

    def target(self, name: str) -> Target:
        """One target; nothing is sent yet."""
        if name not in self._targets:
            adapter, model = self.validated("targets", name)
            target = cast("Target", adapter.connect(name, model))
            self._open.callback(target.reader.close)
            self._targets[name] = self._watch.target(target) if self._watch else target
        return self._targets[name]

    def job(self, name: str) -> Job:
        """One job, with its mapping compiled and its adapters ready to connect."""
        if name not in self._jobs:
            self._jobs[name] = self._wire(name)
        return self._jobs[name]

    def desk(self, target: str = "") -> Desk:
        """What the helpdesk works with on one target: the one named, or the only one."""
        name = self._target_name(target)
        service = self.target(name)
        jobs = (job for job in self.config.settings.jobs.values() if job.target == name)
        roles = service.reader.group_roles
        rules = (self._rules(mapping, roles) for mapping in {job.mapping for job in jobs})
        protected = frozenset(login for each in rules for login in each.protected)
        return Desk(
            service.reader, service.writer, service.actions, self.state(), SystemClock(), protected, caller(), host()
        )  # fmt: skip

    def _target_name(self, name: str) -> str:
        names = list(self.config.settings.targets)
        if name and name not in names:
            hint = nearest(name, names)
            raise UsageError(f'there is no target "{name}"{hint}', f"targets: {', '.join(names)}")
        if not name and len(names) > 1:
            raise UsageError(f"which of {len(names)} targets?", f"say --target NAME: {', '.join(names)}")
        return name or names[0]

    def _wire(self, name: str) -> Job:
        job = self.config.job(name)
        self.config.check_references(name)
        self._refuse_shared_tag(name)
        target = self.target(job.target).reader
        rules = self._rules(job.mapping, target.group_roles)
        given = frozenset[str]().union(*rules.group_roles.values())
        custom = {name: target.group_roles[name] for name in sorted(given - BUILTIN_ROLES.keys())}
        grace = job.delete_after or CENTURY
        policy = Policy(target.provisioning_id, job.leavers, job.adopt, target.untagged_creations, grace)
        decides = deciding(job, self.config.settings.sources, rules.digest, target.provisioning_id, custom)
        return Job(
            name=name,
            sources=tuple(self.source(source) for source in job.sources),
            rules=rules,
            target=target,
            policy=policy,
            limits=job.guard_limits(),
            digest=digest_of(decides),
            deciding=_kept(decides, rules),
            earlier=partial(self._earlier, policy),
            places=Places({**rules.places, **dict(self._places(name))}),
            config=self.config.effective(name),
            verify_roles_every=job.verify_roles_every_days,
            approval=job.approval.rule(),
            failure_budget=FailureBudget(**job.failure_budget.model_dump()),
            deadline=None if job.deadline is None else seconds(job.deadline),
            lifetime=Lifetime(job.plan_valid, self.config.settings.keep_plans),
            incremental=Incremental(**job.incremental.model_dump()) if job.incremental else None,
        )

    def _rules(self, mapping: str, roles: Mapping[str, int]) -> CompiledRules:
        """The rules of a mapping file; where a job has none, rules that govern nothing."""
        return load_mapping(self.config.path(mapping), roles) if mapping else compile_again(_NO_MAPPING, roles)

    def _places(self, name: str) -> Iterator[tuple[str, str]]:
        """Where the sources of a job, its target and its policy stand."""
        job = self.config.job(name)
        paths: dict[str, tuple[str, ...]] = {f"source {each}": ("sources", each) for each in job.sources}
        first = ("sources", job.sources[0]) if job.sources else ("jobs", name, "sources")
        paths |= {"sources": first, "leavers": ("jobs", name, "leavers")}
        paths |= {"adopt": ("jobs", name, "adopt"), "mode": ("jobs", name, "mode"), "service": ("targets", job.target)}
        paths |= {"provisioning_id": ("targets", job.target, "provisioning_id")}
        for part, path in paths.items():
            file, line = self.config.where(*path)
            yield part, f"{Path(file).name}:{line}"

    def _earlier(self, policy: Policy, deciding: str) -> Earlier | None:
        """What a configuration of earlier meant; None where it cannot be understood any more."""
        data = json.loads(deciding)
        roles = {**BUILTIN_ROLES, **data.get("group_roles", {})}
        try:
            sources = tuple(self._source_of_earlier(name, data["sources"][name]) for name in data["order"])
            rules = compile_again(data["rules"], roles)
            leaver, adopt = Leaver(data["leavers"]), frozenset(data["adopt"])
        except (ConfigurationError, KeyError, ValueError):
            return None
        grace = grace_of(data) or CENTURY
        then = replace(policy, provisioning_id=data["provisioning_id"], leaver=leaver, adopt=adopt, delete_after=grace)
        doubted = doubted_parts(data.get("libraries", {}), versions_of(rules.libraries), rules.libraries)
        return Earlier(rules, sources, then, roles, doubted)

    def _source_of_earlier(self, name: str, before: Mapping[str, Any]) -> Source:
        """A source with what then decided who is read, over the connection of today; `KeyError` where it is no more.

        Neither its address nor its account are those of then: an old password, tried again, may lock the account.
        """
        now = self.config.settings.sources[name]
        if now.get("kind") != before.get("kind"):
            raise KeyError(name)
        adapter, _ = self.validated("sources", name)
        kept = {key: value for key, value in now.items() if key not in adapter.SELECTING}
        data = {**kept, **{key: before[key] for key in adapter.SELECTING if key in before}}
        model = yamlmarks.validate(adapter.Settings, data, lambda path: self.config.where("sources", name, *path))
        return self._connected(name, adapter, _anchored(model, self.config))

    def _refuse_shared_tag(self, name: str) -> None:
        """Of two jobs that write to one service with one tag, each would take the other's people for leavers."""
        jobs = self.config.settings.jobs
        writing = [other for other, job in jobs.items() if job.mode == "apply"]
        for other in writing if name in writing else ():
            if other != name and self._place(other) == self._place(name):
                service, tag = self._place(name)
                raise self.config.error(
                    f"jobs {name} and {other} both write to {service} with provisioning_id {tag}, so that each would"
                    " take the other's people for leavers",
                    *("jobs", name, "target"),
                    advice="give each a target with a provisioning_id of its own, or make one of them mode: report",
                )

    def _place(self, job: str) -> tuple[str, int]:
        """Service and tag of a job; nothing is sent."""
        reader = self.target(self.config.job(job).target).reader
        return str(reader.service), reader.provisioning_id

    def batch_job(self, name: str) -> str:
        """The job by whose rules a batch goes: the one named, or the only one without sources, or the only one."""
        names = self.config.job_names()
        batches = [each for each in names if not self.config.job(each).sources]
        if name or len(names) == 1 or len(batches) == 1:
            return name or (batches or names)[0]
        raise UsageError(f"which of {len(names)} jobs?", f"say --job NAME: {', '.join(names)}")

    def actions(self, name: str) -> Callable[[], Actions]:
        """What builds the half of a job's target that shows codes."""
        return self.target(self.config.job(name).target).actions

    def writer(self, name: str) -> MakeWriter | None:
        """What builds the writing half of a job's target; None for a job that only reports."""
        job = self.config.job(name)
        return None if job.mode == "report" else self.target(job.target).writer


def ward() -> Ward:
    """An empty ward for a doctor; whoever asks for it closes it."""
    return ScratchWard()


def _kept(decides: Mapping[str, Any], rules: CompiledRules) -> str:
    """What decides, as it is kept; see `core.configuration`."""
    libraries = {"libraries": versions_of(rules.libraries)} if rules.libraries else {}
    return json.dumps({**decides, "rules": rules.written, **libraries}, default=str, ensure_ascii=False)


def adapter_of(section: str, kind: str) -> Any:
    """The adapter module of a kind of source or target; `section` is `sources` or `targets`."""
    return importlib.import_module(f"iwds.{section}.{kind}")


def _validated(config: Configuration, section: str, name: str) -> tuple[Any, BaseModel]:
    """The adapter module of one source or target, and its settings in the adapter's own model."""
    data: Mapping[str, Any] = getattr(config.settings, section)[name]
    kinds = SOURCE_KINDS if section == "sources" else TARGET_KINDS
    kind = data.get("kind")
    if kind not in kinds:
        hint = nearest(str(kind), kinds)
        raise config.error(f'"{kind}" is no kind of {section[:-1]}{hint}', section, name, "kind")
    adapter = adapter_of(section, str(kind))
    model = yamlmarks.validate(adapter.Settings, dict(data), lambda path: config.where(section, name, *path))
    try:
        return adapter, _anchored(model, config)
    except ValueError as error:
        raise ConfigurationError(str(error), file=str(config.file)) from error


def _anchored(model: BaseModel, config: Configuration) -> BaseModel:
    """The same settings with relative paths seen from where the configuration stands."""
    paths: dict[str, Any] = {
        name: config.path(str(value)) for name, value in model if isinstance(value, Path) and not value.is_absolute()
    }
    parts = {name: _anchored(value, config) for name, value in model if isinstance(value, BaseModel)}
    return model.model_copy(update=paths | parts)
