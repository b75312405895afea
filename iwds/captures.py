"""Readings in use: a job wired so that its plan is captured, and one wired to a reading instead of the world."""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from iwds.bootstrap import Target, Wiring
from iwds.configuration import Configuration, without_secrets
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_to_data
from iwds.engine.job import Job
from iwds.errors import AccessRefused, IwdsError, Unavailable, UsageError
from iwds.ports import Source, State, TargetReader
from iwds.readings import shelf
from iwds.readings.draft import Draft
from iwds.readings.file import NEVER, batched
from iwds.readings.plain import plain
from iwds.readings.questions import about
from iwds.readings.recording import Recorder, RecordingReader, RecordingSource, RecordingState
from iwds.settings import KEEP

MOST_LOOKED_FOR = 500
"""How many people of ours who were not read are looked for by id, for whoever asks about them later."""
MOST_GROUPS = 50
"""Of so many groups that the mapping does not govern the members are read too, for whoever governs them later."""
_SMALL = 100
"""Their members may be as many as there are logins, all together; on a small service so many."""
_SHORTEST_KEY = 32
_BINARY = frozenset({"jpegphoto", "thumbnailphoto", "thumbnaillogo", "photo", "audio", "usercertificate", "objectsid"})
"""What is no text, and would make every reading that asks for it unproven."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is captured beside what the plan asks for.

    Attributes:
        attributes: of people, lower-case.
        groups: of the service, by name; their members are read whatever it takes.
        keep: how long the reading is kept on the shelf.
    """

    attributes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    keep: timedelta = KEEP

    def __post_init__(self) -> None:
        for name in sorted(self.attributes & (NEVER | _BINARY)):
            why = "holds secrets and is never captured" if name in NEVER else "is no text and cannot be captured"
            raise UsageError(f"{name} {why}")


def wanted(config: Configuration, job: str, attributes: Iterable[str] = (), groups: Iterable[str] = ()) -> Wanted:
    """What the job's settings ask to be captured, and what a person asks for besides."""
    said = config.job(job).capture
    named = [*attributes, *(said.attributes if said else ())]
    keep = said.keep if said else KEEP
    return Wanted(frozenset(map(str.lower, named)), frozenset({*groups, *(said.groups if said else ())}), keep)


def as_configured(wiring: Wiring, job: str, tell: Callable[[str], None]) -> AbstractContextManager[object]:
    """Captures what a run of a job plans where its settings say so; a capture that fails is told and stops no run."""
    if wiring.config.job(job).capture is None:
        return nullcontext()
    try:
        return Capturing(wiring, job, wanted(wiring.config, job), tell=tell)
    except IwdsError as error:
        tell(_FAILED.format(error))
        return nullcontext()


_FAILED = "the reading was not captured: {}"


class Capturing:
    """Captures the next plan of a job, while it is entered; without a plan it leaves nothing behind.

    Args:
        wiring: nothing of the job was wired yet.
        file: where to; None for the shelf.
        tell: told where it fails; None to raise.

    Attributes:
        made: the file, once it is whole.
        id: what it is known by: the id of its plan.
    """

    def __init__(
        self,
        wiring: Wiring,
        job: str,
        want: Wanted,
        file: Path | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if file is not None and file.exists():
            raise UsageError(f"{file} exists already", "name a new file")
        self._wiring, self._name, self._want, self._file, self._tell = wiring, job, want, file, tell
        self._folder = shelf.ready(shelf_of(wiring.config)) if file is None else file.parent
        filters = frozenset[str]().union(*(read for _, read in self._selections()))
        self._recorder = Recorder(Draft(self._folder), want.attributes | filters)
        self._services: list[TargetReader] = []
        self.made: Path | None = None
        self.id = ""

    def _selections(self) -> Iterator[tuple[str, frozenset[str]]]:
        """What the filters of the job's sources read: a narrower one may be tried on it."""
        for name in self._wiring.config.job(self._name).sources:
            adapter, model = self._wiring.validated("sources", name)
            yield name, adapter.selection(name, model).filter.attributes

    def __enter__(self) -> "Capturing":
        self._wiring.watched(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._recorder.on = False
        self._recorder.draft.discard()

    def source(self, source: Source, adapter: Any, model: BaseModel) -> Source:
        """A source, noted."""
        return cast("Source", RecordingSource(source, self._recorder, selection_key(adapter, source.name, model)))

    def target(self, target: Target) -> Target:
        """A service, whose reading half is noted."""
        self._services.append(target.reader)
        return _Noted(target, self._recorder)

    def state(self, state: State) -> State:
        """Our own memory, noted."""
        return cast("State", RecordingState(state, self._recorder))

    def planned(self, plan: Plan, alone: bool) -> None:
        """The plan is made: the reading ends here."""
        if not self._recorder.on:
            return
        try:
            self._capture(plan, alone)
        except (IwdsError, OSError, sqlite3.Error) as error:
            if self._tell is None:
                raise
            self._tell(_FAILED.format(error))
        finally:
            self._recorder.on = False

    def _capture(self, plan: Plan, alone: bool) -> None:
        job = self._wiring.job(self._name)
        with suppress(Unavailable, AccessRefused):
            self._look_for_the_unread(job)
        self._read_other_groups(job, plan)
        self._note(job, plan, alone)
        taken = f"{plan.made_at:%Y%m%dT%H%M%SZ}"
        path = self._file or self._folder / shelf.file_name(job.name, taken, plan.id)
        self._recorder.draft.finish(path)
        self.made, self.id = path, plan.id
        if self._file is None:
            shelf.tidy(self._folder, plan.made_at)

    def _look_for_the_unread(self, job: Job) -> None:
        """A stricter configuration will ask of those who left whether they are really gone."""
        draft = self._recorder.draft
        for row in list(islice(draft.unread(), MOST_LOOKED_FOR)):
            for source in job.sources:
                if not draft.asked(source.name, "find", about(row.anchor)):
                    source.find(row.anchor, ())

    def _read_other_groups(self, job: Job, plan: Plan) -> None:
        """The members of groups that a later mapping may govern, as long as that is cheap."""
        draft, want = self._recorder.draft, self._want.groups
        service = next(each for each in self._services if each.service == job.target.service)
        groups = draft.groups()
        if missing := sorted(want - {group.name for group in groups}):
            raise UsageError(f"the service has no group {', '.join(missing)}")
        left = [group for group in groups if group.name not in job.rules.groups]
        for group in left:
            if group.name in want:
                self._members(service, group.id, None)
        room = max(plan.basis.tally.logins, _SMALL)
        for group in [group for group in left if group.name not in want][:MOST_GROUPS]:
            room -= self._members(service, group.id, room) if room > 0 else 0
        listed = draft.listed()
        draft.note("unlisted", [group.name for group in groups if group.id not in listed])

    def _members(self, service: TargetReader, group: int, most: int | None) -> int:
        """Read the members of one group, unless they are more than that; how many came."""
        draft, count = self._recorder.draft, 0
        draft.list_members([group])
        with closing(service.read_memberships([group])) as listing, suppress(Unavailable, AccessRefused):
            for batch in batched(listing):
                draft.add_members(batch)
                count += len(batch)
                if most is not None and count > most:
                    break
            else:
                if listing.finish().proven:
                    return count
        draft.unlist_members(group)
        return count

    def _note(self, job: Job, plan: Plan, alone: bool) -> None:
        draft = self._recorder.draft
        for name in self._wiring.config.job(self._name).sources:
            draft.add_source(name, without_secrets(dict(self._wiring.config.settings.sources[name])))
        facts = {
            "id": plan.id, "job": plan.job, "service": plan.service, "taken_at": plan.made_at, "alone": alone,
            "until": plan.made_at + self._want.keep, "people": plan.basis.tally.people, "logins_read":
            plan.basis.tally.logins, "selection": plan.basis.selection, "digest": plan.digest,
            "config": json.loads(job.config), "config_digest": job.digest, "deciding": job.deciding,
            "places": dict(job.places.of), "plan": plan_to_data(plan),
        }  # fmt: skip
        for name, fact in facts.items():
            draft.note(name, fact)


def shelf_of(config: Configuration) -> Path:
    """The folder of captured readings."""
    return config.path(config.settings.readings)


def key_of(file: Path) -> bytes:
    """The key of pseudonyms in a file, which is made for its owner alone where it is missing."""
    try:
        if not file.exists():
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
                made.write(f"{secrets.token_hex(32)}\n")
        key = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{file} cannot be used: {error.strerror}") from error
    if len(key) < _SHORTEST_KEY:
        raise UsageError(f"{file} holds no key: {_SHORTEST_KEY} characters at least", "name a file that is not there")
    return key


def selection_key(adapter: Any, name: str, model: BaseModel) -> str:
    """What of a source's settings decides who is selected, as text: with another one it is another question."""
    return json.dumps(plain(adapter.selection(name, model)), sort_keys=True)


class _Noted:
    """A service whose reading half is noted."""

    def __init__(self, inner: Target, recorder: Recorder) -> None:
        self.reader = cast("TargetReader", RecordingReader(inner.reader, recorder))
        self.writer, self.actions, self.certificates = inner.writer, inner.actions, inner.certificates
