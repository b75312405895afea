"""What a run did to each login, on balance; how it stands now; and what undoing it comes to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decision import Decision, Reason, Skip
from iwds.core.devices import Loss
from iwds.core.model import Group, LedgerRow, Login
from iwds.core.policy import World


class Step(NamedTuple):
    """One change that a run made, and the login it was made to; 0 where that is not known."""

    change: Change
    login_id: int


class Place(NamedTuple):
    """Being in a group: in which role, None where that is not known."""

    role: int | None


@dataclass(slots=True)
class GroupNet:
    """What a run did to one membership, on balance; None stands for being outside."""

    group: Group
    before: Place | None
    after: Place | None
    names: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class Net:
    """What a run did to one login, on balance.

    Attributes:
        before, after: the login before the first write of the run and after its last one; None where it wrote nothing.
        groups: the memberships that it changed, by group id.
        noted: the memberships that it adopted, by group id.
        mailed: whether it mailed an activation link.
        forgot: whether it noted that somebody else had taken something away.
        disowned: whether it forgot the login because somebody ordered that.
        left: the memberships that it forgot so, by group id.
    """

    subject: Subject
    login_id: int
    created: CreateLogin | None = None
    deleted: DeleteLogin | None = None
    adopted: Adopt | None = None
    before: Login | None = None
    after: Login | None = None
    groups: dict[int, GroupNet] = field(default_factory=dict)
    noted: dict[int, Group] = field(default_factory=dict)
    mailed: bool = False
    forgot: bool = False
    disowned: bool = False
    left: dict[int, Group] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        """Take one more change of the run into account; they come in the order in which they were made."""
        match change:
            case CreateLogin():
                self.created = change
            case DeleteLogin():
                self.deleted = change
            case Adopt():
                self.adopted = change
            case Write():
                self.before, self.after = self.before or change.before, change.after
            case AddToGroup():
                self._moved(change.group, None, Place(change.role or 0), change.names)
            case RemoveFromGroup():
                self._moved(change.group, Place(change.role), None)
            case SetGroupRole():
                self._moved(change.group, Place(change.before), Place(change.after), change.names)
            case AdoptMembership():
                self.noted[change.group.id] = change.group
            case SendActivation():
                self.mailed = True
            case Forget(evidence=Evidence.ORDERED, group=Group() as group):
                self.left[group.id] = group
            case Forget(evidence=Evidence.ORDERED):
                self.disowned = True
            case Forget():
                self.forgot = True
            case _:
                assert_never(change)

    def _moved(
        self, group: Group, before: Place | None, after: Place | None, names: tuple[tuple[int, str], ...] = ()
    ) -> None:
        known = self.groups.setdefault(group.id, GroupNet(group, before, after))
        known.after, known.names = after, names or known.names


def nets(steps: Iterable[Step]) -> list[Net]:
    """What a run did, login by login, in the order in which it came to them."""
    found: dict[tuple[str, int], Net] = {}
    for change, login_id in steps:
        number = login_id or change.subject.login_id or 0
        found.setdefault((change.subject.key, number), Net(change.subject, number)).take(change)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand now with one login that a run changed.

    Attributes:
        login: as it is; None where it is gone.
        row: our memory of it.
        roles: its roles by group id, of the groups that are asked about and that it is in.
        loss: what a deletion would take; asked for where the run created it.
        again: the login of ours that the person of a deleted login has now, with `row` and `roles` of that one.
        holder: who carries the login name that would come back.
        groups: all groups of the service, by id.
        relocked: what shows that somebody else made the lock anew that the run had set; empty where nothing does.
    """

    login: Login | None
    row: LedgerRow | None
    world: World
    roles: Mapping[int, int] = field(default_factory=dict)
    loss: Loss | None = None
    again: Login | None = None
    holder: Callable[[str], Login | None] = lambda _: None
    groups: Mapping[int, Group] = field(default_factory=dict)
    relocked: str = ""


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing comes to for one login.

    Attributes:
        decisions: what would be made, and what is left alone.
        lost: what cannot come back, each a sentence.
        locks: whether the login has to end locked, whatever was decided about locks: it was when it was deleted.
    """

    decisions: tuple[Decision, ...] = ()
    lost: tuple[str, ...] = ()
    locks: bool = False


def left_alone(net: Net, detail: str, reason: Reason = Reason.CHANGED) -> Skip:
    """What is not put back, and why."""
    return Skip(replace(net.subject, login_id=net.login_id or None), reason, detail)


def here(net: Net, login: Login) -> Subject:
    """Whom a net is about, named as the service names them now."""
    return replace(net.subject, login=login.login, login_id=login.id)


def lost_with(net: Net) -> tuple[str, ...]:
    """What of a run nobody can put back, each a sentence."""
    mailed = ("the activation link was mailed, and cannot be called back",) if net.mailed else ()
    forgot = ("it was only noted what somebody else took away",) if net.forgot else ()
    return (*mailed, *forgot)
