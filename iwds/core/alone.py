"""What may be made of somebody who was read alone: never more than in a run that reads everybody, and often less.

A run that reads everybody notices when an attribute or a group is hidden from it, because far fewer people have it than
before. Who reads one person cannot tell what is hidden from what is gone. So only what was seen takes something away:

    lock                 disabled, expired or out of scope, as the entry itself says; not out of scope where it lacks
                         what at least half of all people had when everybody was last read; and who is not found, where
                         the directory shows their tombstone and the policy locks
    another login name   where it stands in the entry, in the one attribute that logins are read from
    a lost group         where the directory's own group shows that they left it
    anything else        waits for the next run: a cleared field, another lost group, a lesser role, every deletion

Whoever wants a new name needs to be the only one who wants it, and where that cannot be asked they wait too. So does
somebody new who may be recognised in a login of another name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from iwds.core.causes import Cause, cause_text
from iwds.core.change import (
    REMOVALS,
    Adopt,
    Change,
    CreateLogin,
    Evidence,
    Kind,
    RemoveFromGroup,
    SendActivation,
    Write,
    kinds,
    only,
    removes,
    without,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.model import Activation, Role, Status
from iwds.core.restored import is_older

UNSEEN = "what is not seen may be hidden: a run that reads everybody decides"
NOT_FOUND = "not being found proves nothing: a run that reads everybody decides"
DELETED = "deleted in the directory (tombstone)"
NO_DELETION = f"{DELETED}; only a run that reads everybody deletes a login"
RIVALS = "who else wants this login only a run that reads everybody knows"
ANOTHER = "whether another login is theirs only a run that reads everybody knows"
STRANGER = "a login that is not ours has their id or mail address: a run that reads everybody decides"
MOVED = "logins came or went by another hand since everybody was read: a run that reads everybody decides"
LAST_ONES = "how many active administrators there are only a run that reads everybody knows"
_FOR_EVERYBODY = frozenset({UNSEEN, NOT_FOUND, NO_DELETION, RIVALS, ANOTHER, STRANGER, MOVED, LAST_ONES})
_TAKEN_OR_OPENED = REMOVALS | {Kind.UNLOCK}
EARLY = "what the changed configuration may take from them waits, and so does their adoption"
OLDER = "our memory lacks this login with our tag: the next run finds out why"


@dataclass(frozen=True, slots=True)
class Alone:
    """What is known of somebody who was read alone.

    Attributes:
        provisioning_id: the tag of the job.
        applied_before: whether the job was ever applied.
        changed: whether the configuration is another one than that last applied.
        rivals_known: whether everybody who wants the same login was found.
        scope_seen: whether somebody out of scope is so by what their entry says, and not by what it may hide.
        name_seen: whether the login that they want stands in their entry, in the one attribute that logins come from.
        left: ids of the service's groups that they have no part in any more for the groups that they were shown to
            have left.
        usual: whether their entry shows what nearly all people have; else what disables them may be hidden, and nobody
            is let in again. Whoever asks for one person sees that themselves.
        doubt: why a login of another name, at which nobody looked, may be theirs already; empty where none is.
    """

    provisioning_id: int
    applied_before: bool
    changed: bool
    rivals_known: bool
    scope_seen: bool
    name_seen: bool
    left: frozenset[int] = frozenset()
    usual: bool = True
    doubt: str = ""


def made_alone(decisions: Sequence[Decision], alone: Alone) -> list[Decision]:
    """The same decisions; whatever needs a reading of everybody is a skip that waits for one."""
    if alone.applied_before and is_older(decisions, alone.provisioning_id):
        return [_held(each, Reason.HELD, OLDER) for each in decisions]
    unsure = alone.doubt if alone.rivals_known else RIVALS
    if unsure and needs_a_name(decisions):
        return [_held(each, Reason.UNPROVEN, unsure) for each in decisions]
    if alone.changed and any(map(_adopts, decisions)) and any(map(_takes, decisions)):
        return [_held(each, Reason.HELD, EARLY) for each in decisions]
    return [part for each in decisions for part in _seen(each, alone)]


def absent_alone(decisions: Iterable[Decision], tombstone: bool = False) -> list[Decision]:
    """What would follow from not having been found, none of which is made but the lock of who was seen to be deleted.

    Args:
        tombstone: whether the directory shows that they were deleted.
    """
    return [_deleted(each) if tombstone else _held(each, Reason.UNPROVEN, NOT_FOUND) for each in decisions]


def _deleted(decision: Decision) -> Decision:
    """What becomes of a decision about somebody of whom there is a tombstone: a lock then rests on that."""
    if isinstance(decision, Skip):
        return decision
    change = decision.change
    if not isinstance(change, Write):
        return _held(decision, Reason.UNPROVEN, NO_DELETION)
    if change.cause != Cause.GONE:
        return _held(decision, Reason.UNPROVEN, NOT_FOUND)  # the plan's own look by id did not agree
    lock = replace(change, evidence=Evidence.SEEN, because=DELETED, cause=cause_text(Cause.DELETED))
    return _held(decision, Reason.UNPROVEN, LAST_ONES) if _is_administrator(lock) else replace(decision, change=lock)


def waits_for_everybody(skip: Skip) -> bool:
    """Whether a step waits for nothing but a run that reads everybody: nobody has to decide or repair anything."""
    return skip.reason is Reason.UNPROVEN and skip.detail in _FOR_EVERYBODY


def needs_a_name(decisions: Iterable[Decision]) -> bool:
    """Whether somebody is to get a login."""
    return any(isinstance(each, Proposal) and isinstance(each.change, CreateLogin | Adopt) for each in decisions)


def _adopts(decision: Decision) -> bool:
    return isinstance(decision, Proposal) and isinstance(decision.change, Adopt)


def _takes(decision: Decision) -> bool:
    return isinstance(decision, Proposal) and removes(decision.change)


def _held(decision: Decision, reason: Reason, detail: str) -> Decision:
    if isinstance(decision, Skip):
        return decision
    return Skip(decision.change.subject, reason, detail, decision.change)


def _seen(decision: Decision, alone: Alone) -> Iterator[Decision]:
    """A decision without what it takes away and nobody saw; each such part as a skip."""
    change = None if isinstance(decision, Skip) else decision.change
    if isinstance(decision, Skip) or change is None or kinds(change).isdisjoint(_TAKEN_OR_OPENED):
        yield decision
        return
    if not isinstance(change, Write):
        seen = isinstance(change, RemoveFromGroup) and change.group.id in alone.left
        yield decision if seen else _held(decision, Reason.UNPROVEN, UNSEEN)
        return
    asked = sorted(kinds(change) & _TAKEN_OR_OPENED)
    against = {kind: why for kind in asked if (why := _against(kind, change, alone))}
    for why in dict.fromkeys(against.values()):
        yield Skip(change.subject, Reason.UNPROVEN, why, only(change, {k for k, v in against.items() if v == why}))
    left = without(change, against)
    if left is not None:
        yield replace(decision, change=left)


def _against(kind: Kind, write: Write, alone: Alone) -> str:
    """Why this part of a write may not be made by who saw one person alone; empty where it may."""
    if kind is Kind.UNLOCK:
        return "" if alone.usual else UNSEEN
    if write.evidence is Evidence.UNSEEN:
        return UNSEEN
    if kind is Kind.LOCK:
        return LAST_ONES if _is_administrator(write) else "" if alone.scope_seen else UNSEEN
    if kind is Kind.RENAME and alone.name_seen:
        return "" if alone.rivals_known else RIVALS
    return UNSEEN


def _is_administrator(write: Write) -> bool:
    return write.before.role == Role.ADMINISTRATOR and write.before.status == Status.ACTIVE


def with_activation(decisions: Iterable[Decision], activation: Activation) -> Iterator[Decision]:
    """The same decisions; whoever is created gets this to enrol with, instead of what the mapping says."""
    for decision in decisions:
        if not isinstance(decision, Proposal):
            yield decision
        elif isinstance(decision.change, CreateLogin):
            yield from _created(decision, decision.change, activation)
        elif not isinstance(decision.change, SendActivation):
            yield decision


def _created(proposal: Proposal, creation: CreateLogin, activation: Activation) -> Iterator[Decision]:
    account = creation.account
    asked: Change = replace(
        creation, account=replace(account, at_creation=replace(account.at_creation, activation=activation))
    )
    yield replace(proposal, change=asked)
    if activation is Activation.LINK:
        yield Proposal(SendActivation(creation.subject, "a link by mail was asked for"))
