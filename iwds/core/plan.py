"""A plan as a value: what will change, what was deliberately left alone, and the facts that both rest on."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from iwds.core.approval import NOTHING_NEEDED, Approval
from iwds.core.change import (
    REMOVALS,
    Adopt,
    Change,
    CreateLogin,
    DeleteLogin,
    Kind,
    RemoveFromGroup,
    SendActivation,
    Write,
    fields_changed,
    kinds,
    only,
)
from iwds.core.decision import Reason, Skip
from iwds.core.document import change_to_data
from iwds.core.guards import OUT_OF_SCOPE, Gauge
from iwds.core.matching import Tally
from iwds.core.model import Absent, Proof
from iwds.core.words import describe

UNDO_OF = "undo of run "
"""How what was ordered (`Basis.ordered`) begins where a run is undone; its id follows."""

NEEDS_A_PERSON = frozenset({Reason.HELD, Reason.UNPROVEN, Reason.UNAPPROVED})
"""Reasons for which a withheld step waits for somebody to decide or repair; the others settle themselves."""


MISFITS_FLOOR, MISFITS_RATIO = 20, 0.1
"""More people than this who cannot be mapped are no exceptions: the mapping, or what it reads, is wrong."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a plan is good for, and how long it and its documents, which hold people's data, are kept."""

    valid: timedelta = timedelta(hours=72)
    kept: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a person chose of a plan, and allowed for it.

    Attributes:
        only: kinds (`create`, `update`, …) and evidence (`seen`, `rule`); empty for everything.
        allow: guard name or `out-of-scope` -> the number allowed for this one plan.
        reason: why, in the person's words; recorded.
    """

    only: frozenset[str] = frozenset()
    allow: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """The facts that a plan rests on.

    Attributes:
        sources: the proof of each source's reading.
        service: the proof of the service's reading.
        tally: what the join counted.
        config_digest: digest of mapping, scope, sources and policy.
        config_changed: whether it differs from the one last applied.
        aspects: which parts of it differ, as far as the one last applied is known.
        accepted_by: the run that applied or accepted the other one.
        approval: the rule about approvals that the plan was made under.
        to_approve: how many changes need approval by it, whoever gave it and whatever became of them; of a plan of one
            person not fewer than in the last plan of everybody.
        parts: the digest of each part of the configuration, by its name; see `core.configuration.parts_of`.
        first_run: whether no run of the job was ever applied to this service.
        gauges: every guard with something to count.
        selection: what a person chose and allowed.
        agreed: accounts that are already as they should be.
        matched: accounts whose login is ours, those that agree included.
        notes: what else an admin should know, each a sentence.
        lacking: groups that the mapping fills and the service does not have.
        ordered: what a named person asked for (`undo of run 8812`); empty where a directory did.
        looked_at: of how many people everything was asked one by one, in a plan of what changed; None where everybody
            was read.
    """

    sources: tuple[Proof, ...]
    service: Proof
    tally: Tally
    config_digest: str
    config_changed: bool
    first_run: bool
    gauges: tuple[Gauge, ...] = ()
    selection: Selection = Selection()
    agreed: int = 0
    matched: int = 0
    notes: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    accepted_by: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    ordered: str = ""
    approval: Approval = NOTHING_NEEDED
    to_approve: int = 0
    looked_at: int | None = None

    @property
    def approvers(self) -> int:
        """How many different people must approve each change that needs approval."""
        return self.approval.people(self.to_approve)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Names of the sources whose reading is not believed."""
        return tuple(proof.name for proof in self.sources if not proof.proven)

    @property
    def misfits(self) -> int:
        """How many people cannot be mapped, where these are more than exceptions; else 0."""
        number = self.tally.absent.get(Absent.INVALID, 0)
        return number if number > max(MISFITS_FLOOR, MISFITS_RATIO * self.tally.people) else 0

    @property
    def untried(self) -> bool:
        """Whether the configuration was never applied and leaves out so many that nobody can have meant it.

        Whoever opens the gate for it has seen that.
        """
        new = self.config_changed or self.first_run
        return new and self.misfits > 0 and OUT_OF_SCOPE not in self.selection.allow

    @property
    def withheld(self) -> tuple[str, ...]:
        """What of the sources is taken for unreadable in this run; a person should look at it."""
        return tuple(f"{proof.name}: {key}" for proof in self.sources for key in proof.withheld)


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes, skips and their basis. `changes` are in the order they are made in.

    It may be applied until `valid_until`, and whoever keeps it deletes it by `delete_by`: both are None in a plan that
    an older version made.
    """

    id: str
    job: str
    service: str
    made_at: datetime
    changes: tuple[Change, ...]
    skips: tuple[Skip, ...]
    basis: Basis
    valid_until: datetime | None = None
    delete_by: datetime | None = None

    @property
    def violations(self) -> tuple[Gauge, ...]:
        """The guards that trip; any of them stops the whole run."""
        return tuple(gauge for gauge in self.basis.gauges if gauge.tripped)

    @property
    def held(self) -> tuple[Skip, ...]:
        """Steps that wait for a person."""
        return tuple(skip for skip in self.skips if skip.reason in NEEDS_A_PERSON)

    @property
    def unapproved(self) -> tuple[Change, ...]:
        """What waits for approval."""
        return tuple(skip.change for skip in self.skips if skip.reason is Reason.UNAPPROVED and skip.change)

    @property
    def digest(self) -> str:
        """A hash over changes and basis, not over id and time: two plans that would do the same have the same one."""
        basis = self.basis
        data = {
            "job": self.job,
            "service": self.service,
            "changes": [change_to_data(change) for change in self.changes],
            "readings": [[p.name, p.realm, p.count, p.proven] for p in (*basis.sources, basis.service)],
            "config": basis.config_digest,
        }
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    @property
    def people(self) -> int:
        """How many people and logins it tells of."""
        return len({step.subject.key for step in (*self.changes, *self.skips)})

    def count(self) -> Counter[Kind]:
        """How many changes of each kind."""
        return Counter(kind for change in self.changes for kind in kinds(change))


_WHY = frozenset({"because", "evidence", "cause"})


def identities(change: Change) -> frozenset[str]:
    """What a change does, without why: one text, or one for each field of a write.

    A plan approves a change where it holds all of them. What a write merely echoes is not part of it.
    """
    if isinstance(change, DeleteLogin) and change.lost:
        # Who approved a deletion approved the loss of these devices; when the login was used last is no part of it.
        change = replace(change, lost=replace(change.lost, last_seen=None))
    if isinstance(change, RemoveFromGroup):
        change = replace(change, role=None)  # what is remembered of it is for who puts them back
    data = change_to_data(change)
    if isinstance(change, Write):
        fields = fields_changed(change)
        return frozenset(
            json.dumps([change.before.id, name, data["before"][name], data["after"][name]]) for name in fields
        )
    return frozenset({json.dumps({k: v for k, v in data.items() if k not in _WHY}, sort_keys=True)})


def has_twin(skip: Skip) -> bool:
    """Whether somebody with a login of ours wants one that others want too: they keep theirs until these are gone."""
    return skip.reason is Reason.DUPLICATE and skip.subject.login_id is not None


def skip_order(skip: Skip) -> tuple[str, str, str, str, int, str]:
    """Skips are listed by reason, then by login; the order of the input does not matter."""
    who, step = skip.subject, describe(skip.change) if skip.change else ""
    return skip.reason.value, who.login, who.key, skip.detail, who.login_id or 0, step


def chosen_part(change: Change, chosen: frozenset[str]) -> Change | None:
    """The part of a change that was chosen by kind or by evidence; all of it where nothing was chosen."""
    if not chosen:
        return change
    if isinstance(change, SendActivation) and Kind.CREATE.value in chosen:
        return change  # no later run would send it
    by_kind = {kind for kind in kinds(change) if kind.value in chosen}
    if change.evidence and change.evidence.value in chosen:
        by_kind |= kinds(change) & REMOVALS
    if isinstance(change, Write):
        return only(change, by_kind)
    return change if by_kind else None


def restrict(fresh: Plan, approved: Plan) -> tuple[Plan, tuple[Change, ...]]:
    """What of a fresh plan was in an approved one too, and what of the approved one is no longer true.

    Whatever the fresh plan adds is held; so a saved plan can never do what a fresh one may not.
    """
    known = _all_identities([*approved.changes, *_released(fresh, approved)])
    missing = [change for change in fresh.changes if not identities(change) <= known]
    # Without their login nothing else of such a person can be made.
    lost = {change.subject.key for change in missing if isinstance(change, Adopt | CreateLogin)}
    changes = tuple(c for c in fresh.changes if identities(c) <= known and c.subject.key not in lost)
    kept = set(map(id, changes))
    added = [
        Skip(change.subject, Reason.HELD, "not in the plan that was approved", change)
        for change in fresh.changes
        if id(change) not in kept
    ]
    still = _all_identities(fresh.changes)
    parts = (chosen_part(change, fresh.basis.selection.only) for change in approved.changes)
    moved = tuple(part for part in parts if part is not None and not identities(part) <= still)
    skips = tuple(sorted([*fresh.skips, *added], key=skip_order))
    return replace(fresh, changes=changes, skips=skips), moved


def _released(fresh: Plan, approved: Plan) -> list[Change]:
    """What the approved plan held back for a person to decide, where a person now chose or allowed something.

    What waited for approval, and is in the fresh plan, was approved since.
    """
    selection = fresh.basis.selection
    reasons = NEEDS_A_PERSON if selection.only or selection.allow else {Reason.UNAPPROVED}
    return [skip.change for skip in approved.skips if skip.change and skip.reason in reasons]


def _all_identities(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(identity for change in changes for identity in identities(change))


def summary_data(plan: Plan) -> dict[str, Any]:
    """Counts of a plan as JSON-ready data, for logs and reports."""
    return {
        "changes": {kind.value: n for kind, n in sorted(plan.count().items())},
        "skips": dict(sorted(Counter(skip.reason.value for skip in plan.skips).items())),
        "violations": [gauge.kind.value for gauge in plan.violations],
    }
