"""Wrappers around what a plan reads: they hand on every answer as it is, and note it.

Once the plan is made the recording ends, and the wrappers only hand on: what a run asks while it applies is no part of
its reading.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from iwds.core.model import Anchor, Entry, Group, LedgerRow, Login, Membership, Proof, Service
from iwds.core.recognition import MatchDecision
from iwds.core.rulings import Ruling
from iwds.ports import (
    RULE_REPORTED,
    HoldRow,
    JobMemory,
    Listing,
    ReadStream,
    RunRow,
    Source,
    State,
    TargetReader,
    Unmailed,
)
from iwds.readings.draft import Draft
from iwds.readings.file import batched
from iwds.readings.plain import plain
from iwds.readings.questions import about, noted


class Recorder:
    """What is recorded, and whether it still is.

    Attributes:
        draft: the file.
        more: attributes (lower-case) that are read beside those that the plan asks for.
        asked: attributes that were asked for so far, by source.
        on: whether answers are still noted.
    """

    def __init__(self, draft: Draft, more: Collection[str] = ()) -> None:
        self.draft, self.more = draft, frozenset(more)
        self.asked: dict[str, frozenset[str]] = {}
        self.on = True

    def wanted(self, source: str, attributes: Collection[str]) -> frozenset[str]:
        """What is asked of a source so that everything is known of everybody who is asked for."""
        return self.asked.get(source, self.more) | frozenset(attributes)


class RecordingSource:
    """A source whose answers are noted. It asks for more attributes than the plan does, and hands on none of them.

    Args:
        selection: what of its settings says who is selected; another one is another question.
    """

    def __init__(self, inner: Source, recorder: Recorder, selection: str) -> None:
        self._inner, self._recorder, self._selection = inner, recorder, selection

    @property
    def name(self) -> str:
        """As it is."""
        return self._inner.name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, attributes: Collection[str]) -> ReadStream[Entry]:
        """All people."""
        recorder = self._recorder
        if not recorder.on:
            return self._inner.read(attributes)
        wanted = frozenset(attributes) | recorder.more
        recorder.asked[self.name] = recorder.wanted(self.name, wanted)
        number = recorder.draft.begin_reading(self.name, wanted)
        return _People(self._inner.read(wanted), recorder.draft, number, frozenset(attributes))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by anchor."""
        recorder = self._recorder
        if not recorder.on:
            return self._inner.find(anchor, attributes)
        wanted = recorder.wanted(self.name, attributes)
        found = self._noted("find", about(anchor), lambda: self._inner.find(anchor, wanted), self._form)
        return None if found is None else narrowed(found, frozenset(attributes))

    def selects(self, anchor: Anchor) -> bool:
        """Whether base and filter find them."""
        return bool(self._noted("selects", about(anchor, self._selection), lambda: self._inner.selects(anchor)))

    def deleted(self, anchor: Anchor) -> bool:
        """Whether there is a tombstone."""
        return bool(self._noted("deleted", about(anchor), lambda: self._inner.deleted(anchor)))

    def confirm(self, proof: Proof) -> Sequence[str]:
        """The second count."""
        return tuple(self._noted("confirm", "", lambda: tuple(self._inner.confirm(proof)), list))

    def shows(self, place: str) -> bool:
        """Whether a place is seen."""
        return bool(self._noted("shows", place, lambda: self._inner.shows(place)))

    def _noted(self, op: str, whom: str, ask: Any, form: Any = bool) -> Any:
        if not self._recorder.on:
            return ask()
        return noted(ask, lambda data: self._recorder.draft.answer(self.name, op, whom, data), form)

    def _form(self, found: Entry | None) -> Any:
        return None if found is None else self._recorder.draft.entry_data(found)


class _People:
    """A reading of people, noted as it comes."""

    def __init__(self, inner: ReadStream[Entry], draft: Draft, number: int, asked: frozenset[str]) -> None:
        self._inner, self._draft, self._number, self._asked = inner, draft, number, asked

    def __iter__(self) -> Iterator[Entry]:
        for batch in batched(self._inner):
            self._draft.add_entries(self._number, batch)
            yield from (narrowed(entry, self._asked) for entry in batch)

    def finish(self) -> Proof:
        proof = self._inner.finish()
        self._draft.end_reading(self._number, proof)
        return asked_of(proof, self._asked)


def narrowed(entry: Entry, attributes: frozenset[str]) -> Entry:
    """The entry with these attributes alone; what was not readable stays missing."""
    if entry.attrs.keys() <= attributes:
        return entry
    return replace(entry, attrs={name: values for name, values in entry.attrs.items() if name in attributes})


def asked_of(proof: Proof, attributes: frozenset[str]) -> Proof:
    """The proof of a reading that was asked for these attributes alone."""
    return replace(proof, presence={name: n for name, n in proof.presence.items() if name in attributes})


class RecordingReader:
    """The reading half of a service, whose answers are noted."""

    def __init__(self, inner: TargetReader, recorder: Recorder) -> None:
        self._inner, self._recorder = inner, recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read_logins(self) -> Listing[Login]:
        """All logins."""
        if not self._recorder.on:
            return self._inner.read_logins()
        draft = self._recorder.draft
        draft.forget_logins()
        return _Listing(self._inner.read_logins(), draft.add_logins, lambda proof: draft.note("logins", proof))

    def read_groups(self) -> Sequence[Group]:
        """All groups."""
        groups = self._inner.read_groups()
        if self._recorder.on:
            self._recorder.draft.add_groups(groups)
        return groups

    def read_memberships(self, groups: Collection[int]) -> Listing[Membership]:
        """The members of some groups."""
        if not self._recorder.on:
            return self._inner.read_memberships(groups)
        draft = self._recorder.draft
        draft.list_members(groups)
        proven = lambda proof: draft.note("members", proof)  # noqa: E731 - beside its like above
        return _Listing(self._inner.read_memberships(groups), draft.add_members, proven)

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """A login's roles in some groups; a failure is none, as for whoever asks."""
        roles = self._inner.roles_in(groups, login_id)
        if self._recorder.on:
            self._recorder.draft.add_roles(login_id, {group: roles.get(group) for group in groups})
        return roles

    def knows_tagged_creation(self) -> bool:
        """Whether creations can be tagged."""
        tagged = self._inner.knows_tagged_creation()
        if self._recorder.on:
            self._recorder.draft.note("tagged", tagged)
        return tagged

    def loss(self, login_id: int) -> Any:
        """What goes for good with a login."""
        if not self._recorder.on:
            return self._inner.loss(login_id)
        draft = self._recorder.draft
        return noted(lambda: self._inner.loss(login_id), lambda data: draft.add_loss(login_id, data), plain)


class _Listing:
    """A reading of the service, noted as it comes."""

    def __init__(self, inner: Any, add: Any, end: Any) -> None:
        self._inner, self._add, self._end = inner, add, end

    def __iter__(self) -> Iterator[Any]:
        for batch in batched(self._inner):
            self._add(batch)
            yield from batch

    @property
    def moved(self) -> bool:
        return bool(self._inner.moved)

    def finish(self) -> Proof:
        proof: Proof = self._inner.finish()
        self._end(proof)
        return proof

    def close(self) -> None:
        self._inner.close()


class RecordingState:
    """Our own memory, whose answers to a plan are noted; everything else is handed on."""

    def __init__(self, inner: State, recorder: Recorder) -> None:
        self._inner, self._recorder = inner, recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def memory(self, job: str, service: Service, since: datetime) -> JobMemory:
        """What earlier runs left."""
        return self._said("memory", [self._inner.memory(job, service, since)])[0]  # type: ignore[no-any-return]

    def open_holds(self, service: Service) -> Sequence[HoldRow]:
        """What people hold."""
        return self._said("hold", self._inner.open_holds(service))

    def matches(self, service: Service) -> Sequence[MatchDecision]:
        """What people said about whose a login is."""
        return self._said("match", self._inner.matches(service))

    def open_rulings(self, service: Service, now: datetime, who: str | None = None) -> Sequence[Ruling]:
        """What people decided about single changes; a plan asks for all of them."""
        found = self._inner.open_rulings(service, now, who)
        return self._said("ruling", found) if who is None else found

    def runs(
        self, job: str | None = None, limit: int = 20, *, without: Collection[str] = (), telling: str = ""
    ) -> Sequence[RunRow]:
        """The latest runs; a plan asks them for the rule about approvals, and only that is noted."""
        found = self._inner.runs(job, limit, without=without, telling=telling)
        told = [(run.service, run.report.get(RULE_REPORTED)) for run in found]
        self._said("rule", [{"service": service, "rule": rule} for service, rule in told if rule])
        return found

    def unmailed(self, job: str, service: str, since: datetime) -> Sequence[Unmailed]:
        """Links that may never have been mailed."""
        return self._said("unmailed", self._inner.unmailed(job, service, since))

    def ledger(self, service: Service) -> Iterator[LedgerRow]:
        """Which logins are ours."""
        if not self._recorder.on:
            yield from self._inner.ledger(service)
            return
        self._recorder.draft.forget_ledger()
        for batch in batched(self._inner.ledger(service)):
            self._recorder.draft.add_ledger(batch)
            yield from batch

    def _said(self, kind: str, values: Sequence[Any]) -> Sequence[Any]:
        if self._recorder.on:
            self._recorder.draft.say(kind, values)
        return values
