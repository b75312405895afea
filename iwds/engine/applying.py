"""Making a plan true: intent, last look, call, outcome. A dumb loop; everything clever was decided before.

One thread writes the journal; lanes make the calls, each person's steps in one lane and in order, with a barrier after
each phase and between the links of a chain of renames.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from random import SystemRandom
from typing import assert_never

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
    Write,
)
from iwds.core.guards import exempt
from iwds.core.ledger import ledger_effect
from iwds.core.model import LedgerRow, Login, Status
from iwds.core.order import batches
from iwds.core.plan import Plan
from iwds.core.policy import Hold
from iwds.engine.budget import DEADLINE, Spending
from iwds.engine.job import Job, Progress, silent
from iwds.engine.settle import FindRow, settled_by_reading
from iwds.engine.status import set_status
from iwds.engine.verify import Verifier
from iwds.errors import (
    AccessRefused,
    Busy,
    CallFailed,
    IwdsError,
    MemoryLost,
    NotSent,
    OutcomeUnknown,
    ServiceFull,
    ServiceUnavailable,
    Unavailable,
)
from iwds.ports import Journal, Lease, Outcome, Result, TargetWriter

AHEAD = 64
"""How many people's intents are written before their calls are made: one commit for all of them."""
ATTEMPTS = 3
PAUSE = 0.5
"""Seconds before a call that certainly had no effect is tried again, at most; doubled each time."""
LONGEST_PAUSE = 30.0
"""A service that wants to be left alone for more seconds than this is not waited for."""
FULL = "the service is full"

_LOCKED_AGAIN = ", and locked again"
"""How the reason of a write ends that was sent, and after which the helpdesk's lock had to be made again."""

_SETTLED_LATER = "what was sent without being recorded is settled by the next run, by reading"


def may_stand(result: Result | None, error: str) -> bool:
    """Whether something of a change may stand on the service that was not simply done: nobody knows, or it was sent."""
    return result in (None, Result.UNKNOWN, Result.SUPERSEDED) or was_sent(result, error)


def was_sent(result: Result | None, error: str) -> bool:
    """Whether a write was held only after it was sent: the helpdesk's lock came meanwhile, and was made again."""
    return result is Result.HELD and error.endswith(_LOCKED_AGAIN)


Heard = Callable[[Change, Result, str, int], None]
"""Told of each change once its end is recorded: what became of it, why, and the id of its login or 0."""


def unheard(_: Change, __: Result, ___: str, ____: int) -> None:
    """Nobody wants to know of single changes."""


@dataclass(slots=True)
class Applied:
    """What became of a plan.

    Attributes:
        results: how many changes ended how.
        outcomes: every change that was not simply done, with its result and why.
        done: the changes that were made.
        stopped: why the run ended early; empty where it did not.
    """

    results: Counter[Result] = field(default_factory=Counter)
    outcomes: list[tuple[Change, Result, str]] = field(default_factory=list)
    done: list[Change] = field(default_factory=list)
    stopped: str = ""

    @property
    def waiting_for_seats(self) -> int:
        """How many creations wait until the service has room."""
        return sum(error == FULL for _, _, error in self.outcomes)


@dataclass(frozen=True, slots=True)
class Hands:
    """What applying needs: the writer, the journal, the lease, our memory, the request to stop, and what time is left.

    `find_hold` gives the helpdesk's lock that stands on a login at the moment of the question. `until` is the monotonic
    time after which no further change is begun; None for no deadline. `heard` is called by the thread that applies.
    """

    writer: TargetWriter
    journal: Journal
    lease: Lease
    verifier: Verifier
    find_row: FindRow
    find_hold: Callable[[int], Hold | None]
    stop: threading.Event
    progress: Progress = silent
    until: float | None = None
    heard: Heard = unheard


@dataclass(frozen=True, slots=True)
class _Step:
    intent: int
    change: Change


@dataclass(frozen=True, slots=True)
class _Verdict:
    change: Change
    outcome: Outcome


class Applying:
    """One application of one plan."""

    def __init__(self, plan: Plan, job: Job, hands: Hands) -> None:
        self.plan, self.job, self.hands = plan, job, hands
        self.applied = Applied()
        self.created: dict[str, int] = {}
        self.not_ours: set[str] = set()
        self.full = threading.Event()
        self.over = threading.Event()
        self.called = threading.Event()
        self.total = len(plan.changes)
        self.exempt = exempt(plan.basis.selection.allow, plan.basis.first_run, job.limits)
        self.spending = Spending(job.failure_budget, self.total, hands.until, hands.verifier.clock)

    def run(self) -> Applied:
        """Make every change, or stop in good order.

        Raises `LeaseLost` where the lease ended, and where our memory fails `MemoryLost`, or `Unavailable` if nothing
        was sent before.
        """
        with ThreadPoolExecutor(self.job.target.lanes, thread_name_prefix="lane") as lanes:
            try:
                for phase, changes in batches(self.plan.changes):
                    self._batch(lanes, phase, changes)
            except BaseException as error:
                # Lanes still hold work; they look at this before every call.
                self.over.set()
                self.applied.stopped = f"stopped by {type(error).__name__}"
                if isinstance(error, Unavailable) and self.called.is_set():
                    # This thread asks our memory and nothing else; its exit code would say that nothing was done.
                    raise MemoryLost(f"stopped while applying: {error}", _SETTLED_LATER) from error
                raise
        if self.applied.stopped == DEADLINE:
            waiting = sum(error == DEADLINE for _, _, error in self.applied.outcomes)
            self.applied.stopped = self.spending.left_over(self.total - waiting, waiting)
        return self.applied

    def _batch(self, lanes: ThreadPoolExecutor, phase: int, changes: Sequence[Change]) -> None:
        people = deque(list(steps) for _, steps in groupby(changes, key=lambda change: change.subject.key))
        running: set[Future[list[_Verdict]]] = set()
        while people or running:
            if self._halted():
                self._not_tried(people)
            if people and len(running) < AHEAD:
                batch = [people.popleft() for _ in range(min(AHEAD, len(people)))]
                running |= {lanes.submit(self._person, steps) for steps in self._intend(phase, batch)}
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            self._settle(verdict for future in finished for verdict in future.result())

    def _intend(self, phase: int, batch: Sequence[Sequence[Change]]) -> Iterator[list[_Step]]:
        self.hands.lease.renew()
        flat = [(phase, change) for steps in batch for change in steps]
        intents = iter(self.hands.journal.intend(flat, self.exempt))
        for steps in batch:
            yield [_Step(next(intents), change) for change in steps]

    def _settle(self, verdicts: Iterable[_Verdict]) -> None:
        listed = list(verdicts)
        if not listed:
            return
        self.hands.journal.settle([verdict.outcome for verdict in listed])
        for verdict in listed:
            self._note(verdict.change, verdict.outcome.result, verdict.outcome.error, verdict.outcome.login_id)
        self.hands.progress("apply", sum(self.applied.results.values()), self.total)

    def _note(self, change: Change, result: Result, error: str, login_id: int = 0) -> None:
        self.applied.results[result] += 1
        if result is Result.DONE:
            self.applied.done.append(change)
        else:
            self.applied.outcomes.append((change, result, error))
        self.hands.heard(change, result, error, login_id or change.subject.login_id or 0)

    def _halted(self) -> bool:
        if not self.applied.stopped and (reason := self._reason_to_stop()):
            self.applied.stopped = reason
        return bool(self.applied.stopped)

    def _reason_to_stop(self) -> str:
        failures = self.applied.results[Result.REJECTED] + self.applied.results[Result.UNKNOWN]
        return "stopped on request" if self.hands.stop.is_set() else self.spending.reason_to_stop(failures)

    def _not_tried(self, people: deque[list[Change]]) -> None:
        while people:
            for change in people.popleft():
                self._note(change, Result.NOT_TRIED, self.applied.stopped)

    def _person(self, steps: Sequence[_Step]) -> list[_Verdict]:
        """One person's steps of one phase, in order, in one lane."""
        verdicts: list[_Verdict] = []
        for step in steps:
            refused = self._rests_on_what_failed(step.change, verdicts)
            begun = any(isinstance(v.change, CreateLogin) and v.outcome.result is Result.DONE for v in verdicts)
            outcome = Outcome(step.intent, Result.HELD, refused, attempts=0) if refused else self._step(step, begun)
            if isinstance(step.change, Adopt) and outcome.result is not Result.DONE:
                self.not_ours.add(step.change.subject.key)
            verdicts.append(_Verdict(step.change, outcome))
        return verdicts

    def _rests_on_what_failed(self, change: Change, before: Sequence[_Verdict]) -> str:
        """Why a change makes no sense any more after what became of an earlier one of the same person."""
        if change.subject.key in self.not_ours:
            return "their login was not adopted"
        if isinstance(change, Forget) and change.evidence is Evidence.ORDERED and self._failed_before(change):
            return "not all of theirs was put back first"
        gains = [v for v in before if isinstance(v.change, AddToGroup) and v.outcome.result is not Result.DONE]
        if isinstance(change, RemoveFromGroup) and gains:
            return "the group that they were to gain first was refused"
        return ""

    def _failed_before(self, change: Change) -> bool:
        return any(other.subject.key == change.subject.key for other, _, _ in self.applied.outcomes)

    def _step(self, step: _Step, begun: bool) -> Outcome:
        """One step. Whoever was just created is completed even on a request to stop: no later run mails their link."""
        change = step.change
        if self._halted() and not begun:
            return Outcome(step.intent, Result.NOT_TRIED, self.applied.stopped, attempts=0)
        if over := self._past_calling():
            return Outcome(step.intent, Result.NOT_TRIED, over, attempts=0)
        login_id = change.subject.login_id or self.created.get(change.subject.key, 0)
        if not login_id and not isinstance(change, CreateLogin):
            return Outcome(step.intent, Result.NOT_TRIED, "the login was not created", attempts=0)
        if isinstance(change, CreateLogin) and self.full.is_set():
            return Outcome(step.intent, Result.HELD, FULL, attempts=0)
        try:
            if objection := self._held(change) or self.hands.verifier.objection(change):
                return Outcome(step.intent, Result.HELD, str(objection), attempts=0)
        except (Unavailable, AccessRefused) as error:
            self.spending.reached(not isinstance(error, ServiceUnavailable))
            return Outcome(step.intent, Result.HELD, f"could not be looked up once more: {error}", attempts=0)
        return self._made(step, login_id)

    def _made(self, step: _Step, login_id: int) -> Outcome:
        attempts = 0
        while True:
            attempts += 1
            if over := self._past_calling():
                return Outcome(step.intent, Result.NOT_TRIED, over, attempts)
            if hold := self._held(step.change):
                return Outcome(step.intent, Result.HELD, str(hold), attempts - 1)
            try:
                made = self._call(step.change, login_id)
            except NotSent as error:
                pause = _pause(attempts, error)
                if attempts == ATTEMPTS or pause > LONGEST_PAUSE or self.hands.stop.wait(pause):
                    self.spending.reached(False)
                    return Outcome(step.intent, Result.REJECTED, str(error), attempts)
            except OutcomeUnknown as error:
                return self._locked_again(step, attempts) or self._unknown(step, login_id, error, attempts)
            except (CallFailed, AccessRefused) as error:
                return self._failed(step, error, attempts)
            else:
                return self._locked_again(step, attempts) or self._done(step, made, attempts)

    def _past_calling(self) -> str:
        """Why this run may send nothing any more; empty where it may."""
        if self.over.is_set():
            return self.applied.stopped
        return "" if self.hands.lease.outlives(self.job.target.timeout) else "the lease of the service was about to end"

    def _held(self, change: Change) -> Hold | None:
        """The helpdesk's lock that a change would undo: every update says anew whether a login is active."""
        if not isinstance(change, Write) or change.after.status == Status.LOCKED:
            return None
        return self.hands.find_hold(change.after.id)

    def _locked_again(self, step: _Step, attempts: int) -> Outcome | None:
        """A lock that came while we wrote, made again; None where none came.

        Who locks keeps the hold first, so asking before and after misses none. What cannot be made again stays open:
        the next run does it before anything else. The lease is not looked at: it is the helpdesk's lock, not the run's.
        But a run that broke off, because its lease or our memory was lost, leaves it to the next one, intent and all.
        """
        change = step.change
        if self.over.is_set() or (hold := self._held(change)) is None:
            return None
        assert isinstance(change, Write)  # noqa: S101 - nothing else can undo a lock
        try:
            self._lock(change.after)
            result, login_id = settled_by_reading(change, change.after.id, self.job.target, self.hands.find_row)
        except IwdsError as error:
            open_still = f"{hold}; it could not be locked again: {error}"
            return Outcome(step.intent, Result.UNKNOWN, open_still, attempts, change.after.id)
        effect = self._effect(change, login_id) if result is Result.DONE else None
        return Outcome(step.intent, Result.HELD, f"{hold}{_LOCKED_AGAIN}", attempts, login_id, effect)

    def _lock(self, login: Login) -> None:
        """Lock a login; a request to stop ends the waiting, and not the attempts."""
        for attempt in range(1, ATTEMPTS):
            try:
                return set_status(self.job.target, self.hands.writer, login, Status.LOCKED)
            except NotSent as error:
                if self.over.is_set():
                    raise
                self.hands.stop.wait(min(_pause(attempt, error), LONGEST_PAUSE))
        return set_status(self.job.target, self.hands.writer, login, Status.LOCKED)

    def _call(self, change: Change, login_id: int) -> int:
        call = _call_for(change, self.hands.writer, login_id)
        self.called.set()
        return call() or login_id

    def _done(self, step: _Step, login_id: int, attempts: int) -> Outcome:
        self.spending.reached(True)
        if isinstance(step.change, CreateLogin):
            self.created[step.change.subject.key] = login_id
        return Outcome(step.intent, Result.DONE, "", attempts, login_id, self._effect(step.change, login_id))

    def _effect(self, change: Change, login_id: int) -> Callable[[LedgerRow | None], LedgerRow | None]:
        owner = self.job.policy.provisioning_id
        return lambda row: ledger_effect(change, login_id, row, owner)

    def _unknown(self, step: _Step, login_id: int, error: IwdsError, attempts: int) -> Outcome:
        """Sent, no answer to trust: a read shows what was done, and a run that lost its lease reads not.

        What is not done yet may be done yet, by a service that is slow: the next run looks again before it plans.
        """
        result = Result.UNKNOWN
        if self.hands.lease.outlives(self.job.target.timeout):
            try:
                result, login_id = settled_by_reading(step.change, login_id, self.job.target, self.hands.find_row)
            except (Unavailable, AccessRefused):
                self.spending.reached(False)
        if result is Result.DONE:
            return self._done(step, login_id, attempts)
        return Outcome(step.intent, Result.UNKNOWN, str(error), attempts, login_id)

    def _failed(self, step: _Step, error: IwdsError, attempts: int) -> Outcome:
        self.spending.reached(True)
        if isinstance(error, ServiceFull):
            self.full.set()
            return Outcome(step.intent, Result.HELD, FULL, attempts)
        if isinstance(error, AccessRefused):
            self.applied.stopped = str(error)
        return Outcome(step.intent, Result.REJECTED, str(error), attempts)


def _pause(attempts: int, error: NotSent) -> float:
    """Seconds until the next attempt: what the service asked for, and some chance, so that lanes do not come as one."""
    asked = error.wait or 0.0 if isinstance(error, Busy) else 0.0
    return asked + SystemRandom().uniform(0, PAUSE * 2 ** (attempts - 1))


def _call_for(change: Change, writer: TargetWriter, login_id: int) -> Callable[[], int | None]:
    """The one call that makes a change; it returns a login id only for a creation."""
    match change:
        case CreateLogin():
            return partial(writer.create, change.account)
        case Write():
            return partial(writer.update, change.after)
        case DeleteLogin():
            return partial(writer.delete, login_id)
        case AddToGroup():
            return partial(writer.add_to_group, change.group.id, login_id, change.role or 0)
        case SetGroupRole():
            return partial(writer.set_role_in, change.group.id, login_id, change.after)
        case RemoveFromGroup():
            return partial(writer.remove_from_group, change.group.id, login_id)
        case SendActivation():
            return partial(writer.send_activation, login_id)
        case Adopt() | AdoptMembership() | Forget():
            return lambda: None
        case _:
            assert_never(change)
