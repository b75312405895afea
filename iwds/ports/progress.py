"""How far a job has read what changed, and who has to be looked at again although nothing changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from iwds.core.model import Anchor, Service
from iwds.ports.memory import Lease


@dataclass(frozen=True, slots=True)
class Mark:
    """From where on a source is asked what changed.

    Attributes:
        text: the mark itself; see `Feed`.
        taken_at: when it was taken.
        read_at: when everybody was last read.
        kept_by: the run that read everybody then, under whose id the members of groups are kept.
    """

    text: str
    taken_at: datetime
    read_at: datetime
    kept_by: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody of whom something was wanted that was not made.

    Attributes:
        why: the reasons of the plan, and behind `call` the results of the run, each once, sorted.
        since: when it was first so.
        left: groups of the directory that they were shown to have left, as `Entry.groups` names them.
        gone: whether the directory showed that their entry was deleted.
    """

    anchor: Anchor
    why: tuple[str, ...]
    since: datetime
    left: frozenset[str] = frozenset()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """Of whom the rules make something else by the passing of time alone, and from when on."""

    anchor: Anchor
    at: datetime


@dataclass(frozen=True, slots=True)
class Strangers:
    """How the logins that are not ours were kept: by what somebody new might be recognised in one, as hashes.

    Attributes:
        kept_by: the run that read them, under whose id the hashes are kept; their salt.
        read_at: when that run began.
        matching: the rules that they are for, as text.
        logins: how many logins there were on the service, ours too.
        intent: the last one of all before the hashes were kept; what we make later has a higher id.
    """

    kept_by: str
    read_at: datetime
    matching: str
    logins: int
    intent: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a run that looked at people leaves for the next one; kept with its end, all of it or nothing.

    Attributes:
        marks: of each source the mark; of a run of everybody instead of all that were kept.
        groups: of each source the direct members of groups that changed; None for a group that is gone.
        strangers: of a run of everybody, instead of those that were kept; None for none.
        looked_at: whose entries of `waiting` and `due` replace those that were kept; None for everybody's.
    """

    marks: Mapping[str, Mark] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, frozenset[str] | None]] = field(default_factory=dict)
    looked_at: frozenset[Anchor] | None = None
    waiting: Sequence[Waiting] = ()
    due: Sequence[Due] = ()
    strangers: Strangers | None = None


class Progress(Protocol):
    """What `Learnt` was kept; each answer is of one job and one service."""

    def marks(self, job: str, service: Service) -> Mapping[str, Mark]:
        """The mark of each source."""
        ...

    def known_members(self, job: str, service: Service, source: str, group: str) -> frozenset[str] | None:
        """The direct members that were kept of a group; None where it is not known."""
        ...

    def keep_members(
        self, run_id: str, source: str, groups: Iterable[tuple[str, frozenset[str]]], lease: Lease
    ) -> None:
        """Keep every group with its direct members, streamed; they count once the run's end is kept with its marks."""
        ...

    def keep_strangers(self, run_id: str, hashes: Iterable[bytes], lease: Lease) -> int:
        """Keep these, streamed, each once; they count once the run's end is kept with its `Strangers`.

        Returns the id of the last intent so far, 0 for none.
        """
        ...

    def strangers(self, job: str, service: Service) -> Strangers | None:
        """How the logins that are not ours were kept; None where they were not."""
        ...

    def are_strangers(self, job: str, service: Service, hashes: Collection[bytes]) -> bool:
        """Whether any of these is among those kept."""
        ...

    def made_since(self, service: Service, intent: int) -> int | None:
        """How many logins there are more, by what was made and deleted after this intent, by any job.

        None where that is not known: a call has no answer, or somebody let go of a login that stays.
        """
        ...

    def waiting(self, job: str, service: Service) -> Sequence[Waiting]:
        """Everybody who waits, in the order of their anchors."""
        ...

    def due(self, job: str, service: Service, until: datetime) -> Sequence[Anchor]:
        """Whoever is due until then, in the order of their anchors."""
        ...
