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

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from iwds.core.batch_people import BATCH_REALM
from iwds.core.causes import Cause, cause_text
from iwds.core.change import (
    WRITTEN_FIELDS,
    DeleteLogin,
    Evidence,
    Subject,
    Write,
)
from iwds.core.decision import WITHOUT_ACCOUNT, Decision, Proposal, Reason, Skip, kept_by, made_by_batch, subject_of
from iwds.core.matching import Case, Graces, Match, is_protected
from iwds.core.model import Absent, Login, Status, Unmapped
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


def left_behind(case: Case, world: World) -> Iterator[Decision]:
    """What the case of a leaver leads to."""
    row, login, subject = case.row, case.login, subject_of(case)
    assert row is not None  # noqa: S101 - a leaver is a row
    assert login is not None  # noqa: S101 - whose login is there
    if row.owner != world.policy.provisioning_id:
        yield kept_by(subject, row.owner)
    elif row.anchor.realm == BATCH_REALM:
        yield made_by_batch(subject)
    elif case.absent is None and row.anchor.realm not in world.realms:
        yield Skip(subject, Reason.UNPROVEN, f"directory {row.anchor.realm} was not asked in this run")
    elif case.absent and case.absent.reason is not Absent.OUT_OF_SCOPE:
        yield from _without_account(case.absent, subject, login, is_protected(case, world))
    elif is_protected(case, world):
        yield Skip(subject, Reason.PROTECTED, "the mapping protects this login")
    else:
        yield from _left(case, subject, login, world)


def _without_account(absent: Unmapped, subject: Subject, login: Login, protected: bool) -> Iterator[Decision]:
    """Who is there and cannot be mapped keeps what they have, but not for being disabled as well."""
    keeps = not absent.disabled or protected
    then = "keeps what they have" if keeps else "disabled or expired in the directory, and nothing else is changed"
    yield Skip(subject, WITHOUT_ACCOUNT[absent.reason], f"{absent.detail}; {then}")
    if not keeps and login.status != Status.LOCKED:
        yield _locked(subject, login, "disabled or expired in the directory", Evidence.SEEN)


def _left(case: Case, subject: Subject, login: Login, world: World) -> Iterator[Decision]:
    """The policy for a leaver, applied."""
    gone = case.absent is None
    evidence = Evidence.UNSEEN if gone else Evidence.SEEN
    because = "no longer in the directory" if case.absent is None else f"out of scope: {case.absent.detail}"
    match fate(case, world):
        case Fate.KEEP:
            yield Skip(subject, Reason.POLICY, f"{because}; leavers are kept")
        case Fate.DELETE:
            yield Proposal(DeleteLogin(subject, login, tuple(sorted(case.member_of)), because, evidence))
        case Fate.REST:
            pass
        case Fate.BEGIN:
            yield Skip(subject, Reason.POLICY, f"{because}; locked, and the grace before the deletion begins")
        case Fate.WAIT:
            yield Skip(subject, Reason.POLICY, f"{because}; locked, {_due_words(case, world)}")
        case Fate.LOCK:
            yield _locked(subject, login, because, evidence)
        case other:
            assert_never(other)


def _locked(subject: Subject, login: Login, because: str, evidence: Evidence) -> Decision:
    if any(getattr(login, f) is None for f in WRITTEN_FIELDS):
        return Skip(subject, Reason.UNPROVEN, "not every field was read, and an update overwrites every field")
    return Proposal(Write(subject, login, replace(login, status=int(Status.LOCKED)), because, evidence))


def lock_instead(proposal: Proposal, delete: DeleteLogin, name: str, locked: bool) -> Decision:
    """What becomes of somebody who was to be deleted and whom their directory still knows, by this name.

    Args:
        proposal: the deletion, with whose doing it is.
        delete: the deletion itself.
        name: who they are in the directory.
        locked: whether this plan locks them already.
    """
    because = f"moved out of base or filter: {name}"
    if locked or delete.before.status == Status.LOCKED:
        return Skip(delete.subject, Reason.POLICY, f"{because}; locked, and whoever is there is not deleted")
    lock = _locked(delete.subject, delete.before, because, delete.evidence or Evidence.UNSEEN)
    if isinstance(lock, Proposal) and isinstance(lock.change, Write):
        return replace(proposal, change=replace(lock.change, cause=cause_text(Cause.MOVED)))
    return lock


def _due_words(case: Case, world: World) -> str:
    assert case.row is not None  # noqa: S101 - a leaver is a row
    assert case.row.left_at is not None  # noqa: S101 - and who waits has a grace
    return f"deleted from {deletion_due(case.row.left_at, world):%Y-%m-%d} on if they stay away"
