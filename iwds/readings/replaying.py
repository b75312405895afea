"""Adapters that answer from a captured reading, and from nothing else: they open no connection.

Whatever decides over everybody (attributes, who is selected, members of groups) must be in the reading, or
`NotCaptured` says what is missing. A question about one person that nobody asked then is answered as a directory
answers that cannot tell; it is counted, and whoever shows the plan says so.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from iwds.core.devices import Loss
from iwds.core.dn import normalise_dn, parent
from iwds.core.model import Account, Anchor, Entry, Group, LedgerRow, Login, Proof, Service, Unmapped
from iwds.core.policy import LONG_AGO
from iwds.core.recognition import MatchDecision
from iwds.core.rulings import Ruling
from iwds.errors import ConfigurationError, ForeignRealm, ServiceUnavailable, SourceUnavailable
from iwds.ports import RULE_REPORTED, HoldRow, JobMemory, RunRow, TargetReader, Unmailed
from iwds.readings.file import Reading
from iwds.readings.plain import back
from iwds.readings.questions import about, said
from iwds.readings.recording import asked_of, narrowed

_PLACES = 200
"""In so many places people are counted, as in every reading of a directory."""

Selects = Callable[[Entry], bool | None]
"""Whether base and filter of a source select an entry; None where that cannot be told from the entry alone."""


class NotCaptured(ConfigurationError):
    """A configuration needs what the reading does not hold."""


@dataclass(slots=True)
class Unknown:
    """Questions that a replay could not answer, by what was asked."""

    of: Counter[str] = field(default_factory=Counter)

    def say(self, what: str) -> None:
        """One more."""
        self.of[what] += 1


class FixedClock:
    """The time at which the reading was planned."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Then."""
        return self._now

    def monotonic(self) -> float:
        """No time passes."""
        return 0.0


class ReplayedSource:
    """A source as it was read.

    Args:
        name: as it is called in the reading.
        selection: what of the settings says who is selected, as it was recorded with questions about single people.
        selects: where another base or filter is asked for than that of the reading: who of those who were read is
            left, and who is selected of others. It may select nobody else where everybody is asked for.
    """

    def __init__(
        self,
        name: str,
        reading: Reading,
        unknown: Unknown,
        selection: str,
        selects: tuple[Selects, Selects] | None = None,
    ) -> None:
        self.name, self.answered_by, self.indexed = name, str(reading.path), True
        self._reading, self._unknown, self._selection, self._selects = reading, unknown, selection, selects
        self._readings = reading.readings(name)
        self._times = 0
        self._asked: Counter[tuple[str, str]] = Counter()
        self._proof = self._readings[-1][2] if self._readings else {}

    @property
    def attributes(self) -> frozenset[str]:
        """What was read of everybody; nothing of a source that only an earlier configuration asks."""
        return self._readings[0][1] if self._readings else frozenset()

    def read(self, attributes: Collection[str]) -> "_People":
        """All people, as the reading before left them; asked again, as they came when they were read again."""
        asked = frozenset(attributes)
        self._times += 1
        later = self._readings[: self._times][::-1]
        found = next((each for each in (*later, *self._readings) if asked <= each[1]), None)
        if found is None:
            raise not_captured(self.name, asked - self.attributes)
        number, _, proof = found
        return _People(self._reading.entries(number), back(Proof, proof), asked, self._selects and self._selects[0])

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by anchor, as they were answered then, or as they were read."""
        found = self._found(anchor)
        return None if found is None else narrowed(found, frozenset(attributes))

    def _found(self, anchor: Anchor) -> Entry | None:
        given, data = self._answer("find", about(anchor))
        if given:
            return None if data is None else self._reading.entry_of(anchor, json.loads(data))
        entry = self._read(anchor)
        if entry is None:
            raise self._untold("who was not read, and not looked for by id then")
        return entry

    def _read(self, anchor: Anchor) -> Entry | None:
        """Them as they were read; `ForeignRealm` where they are another directory's."""
        realm = self._proof.get("realm", anchor.realm)
        if anchor.realm != realm:
            raise ForeignRealm(f"{self.name} is the directory {realm}, and {anchor.id} is of {anchor.realm}.")
        return self._reading.entry(self._readings[-1][0], anchor) if self._readings else None

    def selects(self, anchor: Anchor) -> bool:
        """Whether base and filter find them."""
        given, data = self._answer("selects", about(anchor, self._selection))
        if given:
            return bool(data)
        entry = self._read(anchor)
        if self._selects is None and self._readings:
            return entry is not None
        within, elsewhere = self._selects or (_untold, _untold)
        if entry is not None:
            answer = within(entry)
        else:
            entry = self._found(anchor)
            answer = False if entry is None else elsewhere(entry)
        if answer is None:
            raise self._untold("of whom base and filter cannot be told")
        return answer

    def deleted(self, anchor: Anchor) -> bool:
        """Whether there is a tombstone."""
        given, data = self._answer("deleted", about(anchor))
        if not given:
            raise self._untold("of whom no tombstone was looked for")
        return bool(data)

    def changes(self, attributes: Collection[str]) -> None:
        """A recording is of everybody."""

    def confirm(self, proof: Proof) -> Sequence[str]:  # noqa: ARG002 - what moved since is no part of a reading
        """What the second count said; nothing where it was not needed."""
        given, data = self._answer("confirm", "")
        return tuple(data) if given else ()

    def shows(self, place: str) -> bool:
        """Whether a place was seen, or people directly below it."""
        given, data = self._answer("shows", place)
        if given:
            return bool(data)
        if place in self._proof.get("view", {}).get("places", ()):
            return True
        raise self._untold("places in the tree that were not looked for")

    def close(self) -> None:
        """Nothing to give back."""

    def _answer(self, op: str, whom: str) -> tuple[bool, Any]:
        """Whether this was asked, and the answer; asked again, the next one."""
        answers = self._reading.answers(self.name, op, whom)
        if not answers:
            return False, None
        self._asked[op, whom] += 1
        return True, said(answers[min(self._asked[op, whom], len(answers)) - 1])

    def _untold(self, what: str) -> SourceUnavailable:
        self._unknown.say(what)
        return SourceUnavailable("the reading does not say", "see: docs/replay.md")


def _untold(_: Entry) -> None:
    """Nobody can tell whom a source selects that was not read."""


class _People:
    """People as they came, or those of them who are selected."""

    def __init__(self, entries: Iterable[Entry], proof: Proof, asked: frozenset[str], selects: Selects | None) -> None:
        self._entries, self._proof, self._asked, self._selects = entries, asked_of(proof, asked), asked, selects
        self._count = 0
        self._presence: Counter[str] = Counter()
        self._places: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._entries:
            if self._selects is None:
                yield narrowed(entry, self._asked)
            elif self._kept(entry, self._selects):
                yield self._counted(narrowed(entry, self._asked))

    def _kept(self, entry: Entry, selects: Selects) -> bool:
        kept = selects(entry)
        if kept is None:
            raise NotCaptured(
                f"whether the filter of {self._proof.name} finds {entry.name} cannot be told without the directory:"
                " how it compares these values is its own matter",
                "capture a reading with this filter, and replay that",
            )
        return kept

    def _counted(self, entry: Entry) -> Entry:
        self._count += 1
        self._presence.update(name for name, values in entry.attrs.items() if values)
        self._places[normalise_dn(parent(entry.name))] += 1
        return entry

    def finish(self) -> Proof:
        if self._selects is None:
            return self._proof
        places = {place: n for place, n in self._places.most_common(_PLACES) if place}
        return replace(
            self._proof,
            count=self._count,
            presence={name: self._presence[name] for name in self._proof.presence},
            view=replace(self._proof.view, places=places),
        )


class ReplayedReader:
    """The service as it was read; what its settings say, and what it can hold, comes from `configured`."""

    lanes = 1

    def __init__(self, configured: TargetReader, reading: Reading, unknown: Unknown) -> None:
        self._configured, self._reading, self._unknown = configured, reading, unknown

    def __getattr__(self, name: str) -> Any:
        if name not in ("service", "provisioning_id", "untagged_creations", "timeout", "group_roles"):
            raise AttributeError(name)
        return getattr(self._configured, name)

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account as this service can hold it."""
        return self._configured.normalise(account, name)

    def read_logins(self) -> "_Listed":
        """All logins."""
        return _Listed(self._reading.logins(), back(Proof, self._reading["logins"]))

    def read_groups(self) -> Sequence[Group]:
        """All groups."""
        return self._reading.groups()

    def read_memberships(self, groups: Collection[int]) -> "_Listed":
        """The members of groups that were read."""
        if missing := frozenset(groups) - self._reading.listed():
            names = ", ".join(group.name for group in self._reading.groups() if group.id in missing)
            raise NotCaptured(f"the members of {names} were not captured", capture_groups(self._reading, names))
        return _Listed(self._reading.members(groups), back(Proof, self._reading["members"]))

    def login(self, login_id: int, name: str) -> Login | None:  # noqa: ARG002 - by id, as the service
        """One login."""
        return self._reading.login(login_id)

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """A login's roles, as far as they were read."""
        known = self._reading.roles(login_id)
        if not known.keys() >= frozenset(groups):
            self._unknown.say("whose roles in groups were not read")
            raise ServiceUnavailable("these roles are not in the reading")
        return {group: role for group in groups if (role := known[group]) is not None}

    def loss(self, login_id: int) -> Loss | None:
        """What goes with a login; None where nobody asked."""
        data = self._reading.loss(login_id)
        if data is None:
            self._unknown.say("whose deletion would take for good what was not read")
            return None
        return back(Loss, said(data))  # type: ignore[no-any-return]

    def knows_tagged_creation(self) -> bool:
        """Whether creations could be tagged."""
        return bool(self._reading["tagged"])

    def close(self) -> None:
        """Nothing to give back."""


class _Listed:
    """A listing that does not move."""

    moved = False

    def __init__(self, items: Iterable[Any], proof: Proof) -> None:
        self._items, self._proof = items, proof

    def __iter__(self) -> Iterator[Any]:
        yield from self._items

    def finish(self) -> Proof:
        return self._proof

    def close(self) -> None:
        """Nothing runs."""


class ReplayedState:
    """Our own memory as it was; nothing can be written to it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def memory(self, job: str, service: Service, since: datetime) -> JobMemory:  # noqa: ARG002 - it is of one job
        """What earlier runs had left."""
        (known,) = self._reading.said("memory", JobMemory)
        return known  # type: ignore[no-any-return]

    def open_holds(self, service: Service) -> Sequence[HoldRow]:  # noqa: ARG002 - it is of one service
        """What people held."""
        return self._reading.said("hold", HoldRow)

    def matches(self, service: Service) -> Sequence[MatchDecision]:  # noqa: ARG002 - it is of one service
        """What people had said about whose a login is."""
        return self._reading.said("match", MatchDecision)

    def open_rulings(self, service: Service, now: datetime, who: str | None = None) -> Sequence[Ruling]:  # noqa: ARG002
        """What people had decided about single changes, of one service and for that moment."""
        return self._reading.said("ruling", Ruling)

    def runs(self, job: str | None = None, *_: object, **__: object) -> Sequence[RunRow]:
        """What runs had told about the rule of approvals, and nothing else."""
        told = self._reading.said("rule", dict)
        return [
            RunRow("", job or "", each["service"], "", "", LONG_AGO, LONG_AGO, 0, "", "", {RULE_REPORTED: each["rule"]})
            for each in told
        ]

    def unmailed(self, job: str, service: str, since: datetime) -> Sequence[Unmailed]:  # noqa: ARG002 - it is of one job
        """Links that may never have been mailed."""
        return self._reading.said("unmailed", Unmailed)

    def ledger(self, service: Service) -> Iterator[LedgerRow]:  # noqa: ARG002 - it is of one service
        """Which logins were ours."""
        return self._reading.ledger()

    def ledger_row(self, service: Service, login_id: int) -> LedgerRow | None:  # noqa: ARG002 - it is of one service
        """One row of it."""
        return self._reading.ledger_row(login_id)


def not_captured(source: str, missing: Iterable[str]) -> NotCaptured:
    """The error about attributes of a source that were not read."""
    names = ",".join(sorted(missing))
    return NotCaptured(
        f"{names.replace(',', ', ')} of {source} was not captured",
        f"capture a reading with it: iwds plan JOB --capture --attributes {names}",
    )


def capture_groups(reading: Reading, names: str) -> str:
    """What to type so that the members of groups are captured."""
    return f"capture a reading with them: iwds plan {reading['job']} --capture --groups {names.replace(', ', ',')}"
