"""What the next run makes of a drift: it puts back what we wrote, writes something else, agrees, leaves it or waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iwds.core.change import (
    AddToGroup,
    AdoptMembership,
    Change,
    CreateLogin,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    removes,
)
from iwds.core.decision import Decision, Skip
from iwds.core.drift import IN, OUT, Drift, DriftKind, Value, part_of
from iwds.core.ledger import EXTRA
from iwds.core.model import Account, Status, Unmapped, fold
from iwds.core.modes import is_left, mode_of
from iwds.core.policy import World


class Then(StrEnum):
    """What the next run does about a difference, as far as one person tells."""

    PUTS_BACK = "puts-back"
    WRITES = "writes"
    """The directory wants something else than we wrote, and than the service has."""
    AGREES = "agrees"
    """The directory wants what the service has."""
    LEAVES = "leaves"
    WAITS = "waits"
    """A step that would be made is held, exempt, rejected or unproven."""


@dataclass(frozen=True, slots=True)
class Next:
    """What the next run does, what the directory wants (None where that is not known), and why, in words."""

    then: Then
    wanted: Value
    why: str = ""


def next_step(drift: Drift, person: Account | Unmapped | None, decisions: Sequence[Decision], world: World) -> Next:
    """What is to become of a difference.

    Args:
        drift: the difference.
        person: what the directory makes of its person; None where it shows nobody.
        decisions: what was decided about this person, over the same login.
        world: the facts of the job.
    """
    wanted = wanted_of(drift, person, world) if isinstance(person, Account) else None
    for decision in decisions:
        if (value := _outcome(decision, drift)) is not _UNTOUCHED:
            assert value is None or isinstance(value, str | int)  # noqa: S101 - a part of a login
            return _stepped(decision, drift, value, wanted)
    if not isinstance(person, Account):
        return Next(Then.LEAVES, None, person.detail if person else "the directory shows nobody")
    return _untouched(drift, person, wanted, decisions)


_UNTOUCHED = object()


def _outcome(decision: Decision, drift: Drift) -> object:
    """What a step makes of a part of a login; `_UNTOUCHED` where it is not about that."""
    change = decision.change
    return _UNTOUCHED if change is None else _made(change, drift)


def _made(change: Change, drift: Drift) -> object:
    match change:
        case CreateLogin() if drift.kind is DriftKind.GONE:
            return change.account.login
        case Write(before=before, after=after) if drift.group is None and drift.kind not in _NO_PART:
            value = part_of(after, drift.what)
            return value if value != part_of(before, drift.what) else _UNTOUCHED
        case AddToGroup() | AdoptMembership() if _is_about(change.group.id, drift):
            return IN
        case RemoveFromGroup() if _is_about(change.group.id, drift):
            return OUT
        case Forget(group=group) if group is not None and _is_about(group.id, drift):
            return OUT
        case SetGroupRole(group=group, after=after) if drift.what == f"role in {group.id}":
            return after
        case _:
            return _UNTOUCHED


_NO_PART = frozenset({DriftKind.GONE, DriftKind.STRANGER, DriftKind.TAG})
"""What no update of a login can be about."""


def _is_about(group: int, drift: Drift) -> bool:
    return drift.what == f"group {group}"


def _stepped(decision: Decision, drift: Drift, value: Value, wanted: Value) -> Next:
    if isinstance(decision, Skip):
        return Next(Then.WAITS, wanted, f"{decision.reason.value}: {decision.detail}")
    if decision.exempt and removes(decision.change):
        return Next(Then.WAITS, wanted, decision.exempt)
    if drift.kind is DriftKind.GONE:
        return Next(Then.WRITES, value, "creates it anew, without its devices")
    if value == drift.now:
        return Next(Then.AGREES, value, decision.change.because)
    return Next(Then.PUTS_BACK if drift.is_was(value) else Then.WRITES, value, decision.change.because)


def _untouched(drift: Drift, account: Account, wanted: Value, decisions: Sequence[Decision]) -> Next:
    if drift.kind in _NO_PART:
        return Next(Then.LEAVES, None, _first_skip(decisions) or "no run writes to it while that is so")
    if wanted is None:
        return Next(Then.LEAVES, None, "the mapping does not govern it for them, or does not know it today")
    if wanted == drift.now or (drift.what == "login" and fold(str(wanted)) == fold(str(drift.now))):
        return Next(Then.AGREES, wanted)
    mode = mode_of(drift.what, dict(account.modes))
    if drift.group is None and drift.what not in ("login", "status") and is_left(wanted, drift.now, mode):
        return Next(Then.LEAVES, wanted, f"mode: {mode.value}")
    return Next(Then.LEAVES, wanted, _first_skip(decisions) or "somebody has to decide first")


def _first_skip(decisions: Iterable[Decision]) -> str:
    """Why nothing is done about somebody, where that is told."""
    skips = (each for each in decisions if isinstance(each, Skip))
    return next((f"{skip.reason.value}: {skip.detail}" for skip in skips), "")


def wanted_of(drift: Drift, account: Account, world: World) -> Value:
    """What the directory wants in the place of a difference; None where that is not governed or not known."""
    match drift.kind:
        case DriftKind.GROUP_ROLE:
            number = int(drift.what.rpartition(" ")[2])
            return world.roles_wanted(account).get(number)
        case DriftKind.JOINED | DriftKind.LEFT:
            assert drift.group is not None  # noqa: S101 - a membership is in a group
            return None if account.groups is None else IN if drift.group.name in account.groups else OUT
        case DriftKind.LOCKED | DriftKind.UNLOCKED:
            return None if account.enabled is None else int(Status.ACTIVE if account.enabled else Status.LOCKED)
        case DriftKind.TAG:
            return None
        case _ if drift.what.startswith(EXTRA):
            return dict(account.extra).get(drift.what.removeprefix(EXTRA))
        case _:
            value: Value = getattr(account, drift.what)
            return int(value) if isinstance(value, int) else value
