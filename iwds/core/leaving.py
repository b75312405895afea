"""The life of a leaver: what becomes of a login of ours whose person has no account any more.

Whoever the directory still knows is locked at most, under every policy: disabled or expired there, out of the scope of
the mapping, out of a group, out of base or filter. Only who is gone is ever deleted, and with a grace only after it:

    gone, active                    lock; the grace begins when the lock is made, also where it had begun before,
                                    because then somebody else unlocked them
    gone, locked, no grace yet      the grace begins: a lock by another hand, by an earlier policy, for being disabled
    gone, locked, used since        the grace begins again: somebody unlocked and locked them in between
    gone, locked, within the grace  wait
    gone, locked, after the grace   delete

A grace begins in a run that was applied on proven readings, and nowhere else. Any sight of the person ends it, and so
does a hold.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from iwds.core.matching import Case, Graces, Match, is_protected
from iwds.core.model import Login, Status
from iwds.core.policy import Leaver, World


class Fate(StrEnum):
    """What becomes of a leaver today."""

    KEEP = "keep"
    LOCK = "lock"
    REST = "rest"
    """Locked, and nothing further follows."""
    BEGIN = "begin"
    """Locked, and the grace begins."""
    WAIT = "wait"
    DELETE = "delete"


def fate(case: Case, world: World) -> Fate:
    """What becomes of a leaver whose login is ours, not protected, and whose directory was asked."""
    login, policy = case.login, world.policy.leaver
    assert login is not None  # noqa: S101 - a leaver has a login
    if policy is Leaver.KEEP:
        return Fate.KEEP
    gone, locked = case.absent is None, login.status == Status.LOCKED
    if gone and policy is Leaver.DELETE:
        return Fate.DELETE
    if not locked:
        return Fate.LOCK
    if not gone or policy is not Leaver.LOCK_THEN_DELETE:
        return Fate.REST
    return _after_the_lock(case, login, world)


def _after_the_lock(case: Case, login: Login, world: World) -> Fate:
    left_at = case.row.left_at if case.row else None
    if left_at is None or _used_since(login, left_at):
        return Fate.BEGIN
    return Fate.DELETE if deletion_due(left_at, world) <= world.now else Fate.WAIT


def _used_since(login: Login, left_at: datetime) -> bool:
    """Whether somebody authenticated although the login was locked; where the service does not tell, nobody did."""
    return login.last_seen is not None and login.last_seen > left_at.timestamp()


def deletion_due(left_at: datetime, world: World) -> datetime:
    """When the grace ends."""
    return left_at + world.policy.delete_after


class Departures:
    """Whose grace begins, goes on or ends, found out case by case.

    What is not seen to go on ends: whoever came back and has what they should have makes no case at all.
    """

    def __init__(self, marked: Iterable[int], world: World) -> None:
        self._world = world
        self._marked = frozenset(marked)
        self._begin: set[int] = set()
        self._with_lock: set[int] = set()
        self._on: set[int] = set()

    def see(self, case: Case) -> None:
        """Take one case into account."""
        if case.match is not Match.LEAVER or case.absent or case.row is None or case.login is None:
            return
        if self._world.policy.leaver is not Leaver.LOCK_THEN_DELETE or is_protected(case, self._world):
            return
        if case.login.id in self._world.exempt:
            return  # nobody is deleted on the day on which a hold ends
        if case.row.owner != self._world.policy.provisioning_id:
            return
        if case.row.anchor.realm not in self._world.realms:
            self._on.add(case.login.id)  # nobody asked for them: nothing is known
            return
        self._note(case.login.id, fate(case, self._world))

    def _note(self, login_id: int, found: Fate) -> None:
        if found is Fate.BEGIN:
            self._begin.add(login_id)
        elif found is Fate.LOCK:
            self._with_lock.add(login_id)
        else:
            self._on.add(login_id)

    def graces(self) -> Graces:
        """What is to be remembered after all cases were seen."""
        return Graces(frozenset(self._begin), frozenset(self._with_lock), self._marked - self._on)
