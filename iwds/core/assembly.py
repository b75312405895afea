"""From what the cases lead to, to the plan: whatever may not be made today becomes a skip with its reason.

Whose a login is was settled by `decide`. Here a removal has to get past three more questions: was everything read that
it rests on, would the configuration of the last applied run have asked for it too, and is the number of such removals
one that nobody needs to look at?
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from iwds.core.causes import Cause, cause_text
from iwds.core.change import (
    REMOVALS,
    Adopt,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    fields_changed,
    fields_only,
    kinds,
    only,
    removes,
    without,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.guards import OUT_OF_SCOPE, RETAGGED, GuardKind, Limit, Populations, read_gauges, retagged_words
from iwds.core.model import Role, Status
from iwds.core.order import ordered, rename_cycles
from iwds.core.plan import Basis, Lifetime, Plan, Selection, chosen_part, skip_order
from iwds.core.rulings import Rulings

ADMINISTRATORS = 2
"""Never fewer active administrators than this on the whole service: nobody can make one again from outside."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan is assembled from, beside the decisions.

    Attributes:
        basis: what was read, with the rule about approvals; `to_approve` is a lower bound of what is counted here.
        populations: what the guards' ratios are taken of.
        limits: of the guards.
        rulings: what people decided about single changes.
    """

    basis: Basis
    populations: Populations
    limits: Mapping[GuardKind, Limit]
    rulings: Rulings
    lifetime: Lifetime = field(default_factory=Lifetime)


def assemble(
    head: tuple[str, str, str, datetime], decisions: Iterable[Decision], facts: Facts, selection: Selection
) -> Plan:
    """The plan.

    Args:
        head: id, job, service and time of the plan.
        decisions: what the cases lead to, in any order.
        facts: readings, guards and populations.
        selection: what a person chose and allowed; `Selection()` for an unattended run.
    """
    return _Assembly(facts, selection).plan(head, decisions)


class _Assembly:
    """One assembly: proposals go through every check in turn, and what does not pass becomes a skip."""

    def __init__(self, facts: Facts, selection: Selection) -> None:
        self.facts, self.basis, self.selection = facts, facts.basis, selection
        self.skips: list[Skip] = []
        self.waits_for: dict[str, int] = {}
        self.at_the_gate = 0
        self.to_approve = 0

    def plan(self, head: tuple[str, str, str, datetime], decisions: Iterable[Decision]) -> Plan:
        proposals: list[Proposal] = []
        for decision in decisions:
            if isinstance(decision, Skip):
                self.skips.append(decision)
            else:
                self.to_approve += self.basis.approval.part(decision.change) is not None and not decision.meanwhile
                proposals += self._not_rejected(self._spared(self._rested(decision)))
        proposals = self._with_their_login(proposals)
        self.waits_for = {p.change.subject.key: p.waits_for for p in proposals if p.waits_for is not None}
        changes = self._named(self._selected([proposal.change for proposal in proposals]))
        if self.basis.first_run:
            changes = self._named(self._withhold(changes, _first_run))
        self.at_the_gate = sum(change.evidence is Evidence.RULE for change in changes)
        changes = self._without_meanwhile(changes, [p.change for p in proposals if p.meanwhile])
        gauges = read_gauges(
            changes, self._populations(changes), self.facts.limits, self.selection.allow, self.basis.first_run
        )
        changes = _whole(self._without_early_adoptions(self._withhold(self._believed_adoptions(changes), self._hold)))
        self.basis = replace(self.basis, to_approve=max(self.to_approve, self.basis.to_approve))
        changes = self._named(self._circles(self._administrators(self._approved(changes))))
        changes = self._without_early_forgetting(changes)
        return Plan(
            *head,
            changes=tuple(change for _, change in ordered(changes)),
            skips=tuple(sorted(self.skips, key=skip_order)),
            basis=replace(self.basis, gauges=gauges, selection=self.selection),
            valid_until=head[3] + self.facts.lifetime.valid,
            delete_by=head[3] + self.facts.lifetime.kept,
        )

    def _populations(self, changes: Sequence[Change]) -> Populations:
        """Who picks out what does not rest on absence is not stopped by people having vanished."""
        chosen = self.selection.only and all(change.evidence is not Evidence.UNSEEN for change in changes)
        populations = self.facts.populations
        return replace(populations, sources={}) if chosen else populations

    def _rested(self, proposal: Proposal) -> Proposal:
        """What only the changed configuration asks for, or may ask for, is its doing, unless a source failed first."""
        change = proposal.change
        if not self.basis.config_changed or not removes(change) or self.basis.first_run or proposal.known:
            return proposal
        if change.evidence is Evidence.UNSEEN and self.basis.unproven:
            return proposal
        assert isinstance(change, Write | DeleteLogin | RemoveFromGroup | SetGroupRole)  # noqa: S101 - they remove
        cause = cause_text(Cause.RULE, proposal.blamed)
        return replace(proposal, change=replace(change, evidence=Evidence.RULE, cause=cause))

    def _spared(self, proposal: Proposal) -> Proposal | None:
        """What a hold leaves of a proposal; what it spares is a skip that says whose doing it would be."""
        change = proposal.change
        if not proposal.exempt or not removes(change):
            return proposal  # of a write in parts only what removes is spared
        self.skips.append(Skip(change.subject, Reason.EXEMPT, proposal.exempt, _taken_by(change)))
        left = without(change, REMOVALS) if isinstance(change, Write) else None
        return replace(proposal, change=left, exempt="") if left else None

    def _not_rejected(self, proposal: Proposal | None) -> Iterator[Proposal]:
        """What people's rejections leave of a proposal."""
        if proposal is None:
            return
        rejected, left = self.facts.rulings.parted(proposal.change)
        self.skips += [Skip(part.subject, Reason.REJECTED, str(ruling), part) for part, ruling in rejected]
        if left:
            yield replace(proposal, change=left) if rejected else proposal

    def _with_their_login(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Without what rests on a login whose creation or adoption is rejected."""
        rejected = (skip for skip in self.skips if skip.reason is Reason.REJECTED)
        lost = {skip.subject.key: skip.detail for skip in rejected if isinstance(skip.change, CreateLogin | Adopt)}
        kept: list[Proposal] = []
        for proposal in proposals:
            change, detail = proposal.change, lost.get(proposal.change.subject.key)
            if detail is None or isinstance(change, Forget):
                kept.append(proposal)
            elif removes(change):
                # It would be taken on the day on which the rejection ends; a changed configuration is not accepted yet.
                self.skips.append(Skip(change.subject, Reason.REJECTED, f"their login is {detail}", _taken_by(change)))
        return kept

    def _approved(self, changes: Sequence[Change]) -> list[Change]:
        """Without what needs approval and has none; the rest of a write goes on.

        Whoever waits for their login waits with all that comes with it: no later run would mail their link.
        """
        rule, people = self.basis.approval, self.basis.approvers
        waiting = {id(c): part for c in changes if (part := self.facts.rulings.unapproved(c, rule, people))}
        lost = {part.subject.key for part in waiting.values() if isinstance(part, CreateLogin | Adopt)}
        kept: list[Change] = []
        for change in changes:
            part = waiting.get(id(change))
            if change.subject.key in lost and not isinstance(change, Forget):
                part = change
            if part:
                detail = self._approvals_of(part) if id(change) in waiting else "their login waits for approval"
                self.skips.append(Skip(part.subject, Reason.UNAPPROVED, detail, part))
            kept += [left] if (left := _minus(change, part)) else []
        return kept

    def _approvals_of(self, part: Change) -> str:
        """Who approved it so far, and who is missing."""
        people = self.basis.approvers
        names = dict.fromkeys(row.said.by for row in self.facts.rulings.approvals(part))
        if not names:
            return "two different people have to approve it" if people > 1 else "nobody approved it yet"
        return f"approved by {', '.join(names)}; another person has to approve it too"

    def _without_meanwhile(self, changes: Sequence[Change], locks: Sequence[Change]) -> list[Change]:
        """Without the locks that stand in for deletions, where these are made; else both are counted."""
        if not locks or not self._gate_open:
            return list(changes)
        deleted = {change.before.id for change in changes if isinstance(change, DeleteLogin)}
        return [c for c in changes if not (c in locks and isinstance(c, Write) and c.before.id in deleted)]

    def _selected(self, changes: Sequence[Change]) -> list[Change]:
        """Only what was chosen; a person whose creation or adoption was not chosen keeps nothing else of it."""
        kept = [(change, chosen_part(change, self.selection.only)) for change in changes]
        lost = {c.subject.key for c, part in kept if part is None and isinstance(c, CreateLogin | Adopt)}
        return [part for _, part in kept if part is not None and part.subject.key not in lost]

    def _named(self, changes: Sequence[Change]) -> list[Change]:
        """Without the renames and creations whose name nobody gives up in this plan, to the last of a chain."""
        while stuck := self._stuck(changes):
            changes = self._without_names(changes, stuck)
        return list(changes)

    def _stuck(self, changes: Sequence[Change]) -> list[Change]:
        freed = {c.before.id for c in changes if isinstance(c, DeleteLogin) or (isinstance(c, Write) and _renames(c))}
        waiting = ((c, self.waits_for.get(c.subject.key)) for c in changes if _renames(c) or isinstance(c, CreateLogin))
        return [c for c, holder in waiting if holder is not None and (holder not in freed or _hurries(c))]

    def _without_names(self, changes: Sequence[Change], stuck: Sequence[Change]) -> list[Change]:
        """The same changes, with those renames and newcomers turned into skips."""
        blocked = {change.subject.key for change in stuck}
        rest: list[Change] = []
        for change in changes:
            if change.subject.key not in blocked or isinstance(change, Forget):
                rest.append(change)
            elif isinstance(change, CreateLogin):
                self._skip_taken(change, change.subject.login)
            elif isinstance(change, Write) and _renames(change):
                self._skip_taken(only(change, {Kind.RENAME}) or change, change.after.login)
                rest += [left] if (left := without(change, {Kind.RENAME})) else []
            elif change.subject.login_id is not None:
                rest.append(change)
        return rest

    def _skip_taken(self, change: Change, name: str) -> None:
        detail = f"the login {name} stands for somebody else"
        self.skips.append(Skip(change.subject, Reason.TAKEN, detail, change))

    def _withhold(
        self, changes: Iterable[Change], reason_of: Callable[[Change], tuple[Reason, str] | None]
    ) -> list[Change]:
        """Without the removals that `reason_of` gives a reason for; the rest of a write goes on."""
        kept: list[Change] = []
        for change in changes:
            reason = reason_of(change) if removes(change) else None
            if reason is None:
                kept.append(change)
                continue
            self.skips.append(Skip(change.subject, reason[0], reason[1], _taken_by(change)))
            if isinstance(change, Write) and (left := without(change, REMOVALS)):
                kept.append(left)
        return kept

    def _hold(self, change: Change) -> tuple[Reason, str] | None:
        """Why a removal may not be made today, or None."""
        basis = self.basis
        if basis.tally.retagged > self.selection.allow.get(RETAGGED, 0):
            return Reason.HELD, retagged_words(basis.tally.retagged)
        if basis.unproven and (change.evidence is Evidence.UNSEEN or not self.selection.only):
            return Reason.UNPROVEN, f"the reading of {', '.join(basis.unproven)} is not proven complete"
        if change.evidence is Evidence.RULE and not self._gate_open:
            return Reason.HELD, "only the changed configuration asks for it"
        return None

    @property
    def _gate_open(self) -> bool:
        return self.at_the_gate <= self.selection.allow.get(OUT_OF_SCOPE, 0)

    def _believed_adoptions(self, changes: Sequence[Change]) -> list[Change]:
        """Without adoptions from an unproven reading, where a second person may explain the login, and what follows."""
        if not self.basis.unproven:
            return list(changes)
        doubtful = {c.subject.key: c for c in changes if isinstance(c, Adopt)}
        for change in doubtful.values():
            detail = f"the reading of {', '.join(self.basis.unproven)} is not proven complete"
            self.skips.append(Skip(change.subject, Reason.UNPROVEN, detail, change))
        return [c for c in changes if c.subject.key not in doubtful]

    def _without_early_adoptions(self, changes: Sequence[Change]) -> list[Change]:
        """Without adoptions of logins from which the changed configuration takes something that waits at the gate.

        Once they were ours, what waits would look like what the configuration last applied takes as well.
        """
        rule = [skip for skip in self.skips if skip.change and skip.change.evidence is Evidence.RULE]
        waiting = {skip.subject.key for skip in rule if skip.reason is Reason.HELD}
        early = {c.subject.key: c for c in changes if isinstance(c, Adopt) and c.subject.key in waiting}
        detail = "what the changed configuration takes from them waits, and so does their adoption"
        self.skips += [Skip(change.subject, Reason.HELD, detail, change) for change in early.values()]
        return [c for c in changes if c.subject.key not in early]

    def _without_early_forgetting(self, changes: Sequence[Change]) -> list[Change]:
        """Without what a person orders our memory to forget while something else of theirs waits.

        Once the login is not ours, nobody would put the rest back any more.
        """
        waiting = {skip.subject.key for skip in self.skips if skip.change and skip.reason in _NOT_YET}
        early = {id(c) for c in changes if _is_ordered_forgetting(c) and c.subject.key in waiting}
        detail = "not before the rest of theirs is put back"
        self.skips += [Skip(c.subject, Reason.HELD, detail, c) for c in changes if id(c) in early]
        return [c for c in changes if id(c) not in early]

    def _administrators(self, changes: Sequence[Change]) -> list[Change]:
        """Never fewer than two active administrators on the whole service."""
        leaving = sum(_takes_administrator(change) for change in changes)
        left = self.basis.tally.administrators - leaving
        if not leaving or left >= ADMINISTRATORS:
            return list(changes)
        detail = f"it would leave {left} active administrator{'s' if left != 1 else ''} on the whole service"
        return self._withhold(
            changes, lambda change: (Reason.PROTECTED, detail) if _takes_administrator(change) else None
        )

    def _circles(self, changes: Sequence[Change]) -> list[Change]:
        """Without renames that wait for each other in a circle."""
        renames = [c for c in changes if isinstance(c, Write) and _renames(c)]
        circular = rename_cycles(renames)
        kept: list[Change] = []
        for change in changes:
            if not isinstance(change, Write) or change.before.id not in circular:
                kept.append(change)
                continue
            detail = "these people swap their logins in a circle: rename one of them by hand first"
            self.skips.append(Skip(change.subject, Reason.HELD, detail, only(change, {Kind.RENAME})))
            if left := without(change, {Kind.RENAME}):
                kept.append(left)
        return kept


_NOT_YET = frozenset(
    {Reason.EXEMPT, Reason.HELD, Reason.PROTECTED, Reason.REJECTED, Reason.TAKEN, Reason.UNAPPROVED, Reason.UNPROVEN}
)
"""Reasons for which a change is not made now, and may be on another day."""


def _is_ordered_forgetting(change: Change) -> bool:
    return isinstance(change, Forget) and change.evidence is Evidence.ORDERED


def _minus(change: Change, part: Change | None) -> Change | None:
    """What is left of a change without a part of it."""
    if part is None:
        return change
    if not isinstance(change, Write) or not isinstance(part, Write):
        return None
    return fields_only(change, set(fields_changed(change)) - set(fields_changed(part)))


def _whole(changes: Sequence[Change]) -> list[Change]:
    """With the parts of each write together again: what the directory asked for, and what was let through the gate."""
    parts: dict[tuple[str, int], list[Write]] = {}
    for change in changes:
        if isinstance(change, Write):
            parts.setdefault((change.subject.key, change.before.id), []).append(change)
    wholes = (parts.pop((c.subject.key, c.before.id), None) if isinstance(c, Write) else [c] for c in changes)
    return [_joined(each) for each in wholes if each]


def _joined(parts: Sequence[Change]) -> Change:
    first, *others = parts
    for part in others:
        assert isinstance(first, Write)  # noqa: S101 - only a write comes in parts
        assert isinstance(part, Write)  # noqa: S101 - only a write comes in parts
        fields = {name: getattr(part.after, name) for name in fields_changed(part)}
        doing = part if part.evidence is Evidence.RULE else first
        first = replace(
            first, after=replace(first.after, **fields), evidence=doing.evidence or part.evidence, cause=doing.cause
        )
    return first


def _taken_by(change: Change) -> Change | None:
    return only(change, REMOVALS) if isinstance(change, Write) else change


def _first_run(_: Change) -> tuple[Reason, str]:
    return Reason.FIRST_RUN, "a job's first run removes nothing"


def _renames(change: Change) -> bool:
    return isinstance(change, Write) and "login" in fields_changed(change)


def _hurries(change: Change) -> bool:
    """Whether a write is made before renames are, so that it cannot wait for a name that another one gives up."""
    return isinstance(change, Write) and not kinds(change).isdisjoint({Kind.LOCK, Kind.DEMOTE})


def _takes_administrator(change: Change) -> bool:
    """Whether a change takes an active administrator away from the service."""
    if isinstance(change, DeleteLogin):
        return _is_administrator(change.before.role, change.before.status)
    if isinstance(change, Write):
        before, after = change.before, change.after
        return _is_administrator(before.role, before.status) and not _is_administrator(after.role, after.status)
    return False


def _is_administrator(role: int | None, status: int | None) -> bool:
    return role == Role.ADMINISTRATOR and status == Status.ACTIVE
