"""Links mailed once more to people who are not activated: each at most once in a week, and a few in one go.

A mail cannot be unsent and no reading shows one. So the audit's row is kept before each call, and whoever was tried of
late, by a run or by hand, is left out, however that ended: after a death the command goes on where it was.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from os import getpid

from iwds.core.change import SendActivation
from iwds.core.devices import Activated, Details
from iwds.core.document import change_from_data
from iwds.core.model import LedgerRow, Status, fold
from iwds.core.policy import HoldKind
from iwds.engine.actions import Desk, Giving, Why
from iwds.engine.activations import Person, Sheet
from iwds.errors import AccessRefused, LeaseLost, NotSent, OutcomeUnknown, Refused, Rejected, Unavailable
from iwds.ports import Lease, Result

AGAIN = timedelta(days=7)
"""Who was tried in this time is not tried again."""
LIMIT = 20
"""How many mails are sent in one go, where nobody says otherwise."""
MAILED = (Activated.LINK, Activated.EXPIRED)
"""Who can get a link, those first whose link is good still. A code in digits is told in person, and never mailed."""
CALLS = 4
"""The calls of one person, at most: a look, a new link, its mail, and one to spare."""
MOST_UNKNOWN = 3
"""After so many calls in a row without an answer the rest is left for later."""


class Obstacle(StrEnum):
    """Why somebody gets no link from here."""

    LOCKED = "locked on the service"
    HELD = "held by the helpdesk"
    PROTECTED = "protected by a mapping"
    GONE = "locked by a run, or gone from the directory"
    NO_MAIL = "no mail address"
    TRIED = "mailed in the last 7 days"
    REFUSED = "refused in the last 7 days"
    OPEN = "a run broke off while it mailed them"
    NOT_OURS = "not ours any more"
    ACTIVATED = "not waiting for a link any more"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is to get a link, why others are not, and how many were not looked at because the limit was reached."""

    people: Sequence[Person]
    left_out: Mapping[Obstacle, int]
    rest: int


@dataclass(slots=True)
class Resent:
    """What became of the links.

    Attributes:
        results: each person with how it ended, and why where it is not done.
        stopped: why the rest was not tried; empty where all were.
    """

    results: list[tuple[Person, Result, str]] = field(default_factory=list)
    stopped: str = ""

    @property
    def exit_code(self) -> int:
        """0 where every mail was sent or was not needed, else 4."""
        failed = any(result in (Result.REJECTED, Result.UNKNOWN) for _, result, _ in self.results)
        return 4 if failed or self.stopped else 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What keeps people from a link, as our memory has it at one moment."""

    tried: Mapping[int, Result]
    held: Collection[int]
    open: Collection[str]


def choose(desk: Desk, sheet: Sheet, limit: int) -> Chosen:
    """The first people of a sheet, `limit` at most, whom nothing keeps from a link. Sends nothing."""
    known, left_out, chosen = _known(desk), Counter[Obstacle](), list[Person]()
    groups = [state.value for state in MAILED if state.value in sheet.groups]
    looked_at = 0
    for person in (person for group in groups for person in sheet.people(group)):
        if len(chosen) == limit:
            break
        looked_at += 1
        if obstacle := _obstacle(desk, person, known):
            left_out[obstacle] += 1
        else:
            chosen.append(person)
    return Chosen(chosen, left_out, sum(sheet.counts[group] for group in groups) - looked_at)


def resend(
    desk: Desk, people: Sequence[Person], why: Why, seconds: float, told: Callable[[int], None] = lambda _: None
) -> Resent:
    """Mail a link to each under the lease of the service, which lasts `seconds`; `told` how many are done.

    Looks at each once more before. Raises `LeaseHeld`. What ends it early is in `stopped`, and nothing is lost by it.
    """
    resent = Resent()
    with _leased(desk, seconds) as lease:
        known, unknown = _known(desk), 0
        for person in people:
            resent.stopped = resent.stopped or _past(lease, desk)
            if resent.stopped:
                break
            result, words = _sent(desk, person, why, known, resent)
            resent.results.append((person, result, words))
            told(len(resent.results))
            unknown = unknown + 1 if result is Result.UNKNOWN else 0
            if unknown == MOST_UNKNOWN:
                resent.stopped = f"{unknown} mails in a row without an answer"
    return resent


@contextmanager
def _leased(desk: Desk, seconds: float) -> Iterator[Lease]:
    lasts = max(seconds, 2 * CALLS * desk.reader.timeout)
    lease = desk.state.lease(desk.reader.service, f"{desk.who}@{desk.host} pid {getpid()}", lasts)
    try:
        yield lease
    finally:
        lease.release()


def _past(lease: Lease, desk: Desk) -> str:
    """Why nothing may be sent any more; empty where it may."""
    try:
        lease.renew()
    except (LeaseLost, Unavailable) as error:
        return error.message
    return "" if lease.outlives(CALLS * desk.reader.timeout) else "the lease of the service was about to end"


def _sent(desk: Desk, person: Person, why: Why, known: _Known, resent: Resent) -> tuple[Result, str]:
    """What became of one person's link; what concerns everybody after them too is noted as the reason to stop."""
    try:
        if obstacle := _obstacle(desk, person, known):
            return Result.HELD, obstacle.value
        details = desk.make_actions().details(person.id)
    except (Unavailable, AccessRefused) as error:
        resent.stopped = error.message
        return Result.NOT_TRIED, error.message
    except Rejected as error:
        return Result.REJECTED, error.message
    if obstacle := _changed(details):
        return Result.HELD, obstacle.value
    return _given(Giving(desk, details.login, why), details, resent)


def _given(giving: Giving, details: Details, resent: Resent) -> tuple[Result, str]:
    try:
        giving.fitting(details, mail=True)
    except (NotSent, AccessRefused) as error:
        resent.stopped = error.message
        return Result.NOT_TRIED, error.message
    except (Refused, Rejected) as error:
        return Result.REJECTED, error.message
    except OutcomeUnknown as error:
        return Result.UNKNOWN, error.message
    except Unavailable as error:  # our memory, before the call or after it
        resent.stopped = error.message
        return Result.UNKNOWN, error.message
    return Result.DONE, ""


def _known(desk: Desk) -> _Known:
    service, state = desk.reader.service, desk.state
    changes = (change_from_data(row.change) for row in state.unsettled(service) if row.result is None)
    return _Known(
        state.links_tried(service, desk.clock.now() - AGAIN),
        {row.login_id for row in state.open_holds(service) if row.hold.kind is HoldKind.LOCK},
        {fold(change.subject.login) for change in changes if isinstance(change, SendActivation)},
    )


def _obstacle(desk: Desk, person: Person, known: _Known) -> Obstacle | None:
    """What keeps a person from a link, as far as our memory and the listing tell."""
    name, tried = fold(person.login), known.tried.get(person.id)
    checks = {
        Obstacle.PROTECTED: name in desk.protected,
        Obstacle.HELD: person.id in known.held,
        Obstacle.LOCKED: person.locked,
        Obstacle.NO_MAIL: not person.mail,
        Obstacle.OPEN: name in known.open,
        Obstacle.REFUSED: tried is Result.REJECTED,
        Obstacle.TRIED: tried is not None,
    }
    found = next((obstacle for obstacle, stands in checks.items() if stands), None)
    return found or _by_ledger(desk.state.ledger_row(desk.reader.service, person.id))


def _by_ledger(row: LedgerRow | None) -> Obstacle | None:
    if row is None:
        return Obstacle.NOT_OURS
    return Obstacle.GONE if row.locked or row.left_at else None


def _changed(details: Details) -> Obstacle | None:
    """What the last look shows that the listing did not."""
    if details.login.status == Status.LOCKED:
        return Obstacle.LOCKED
    if details.activated not in MAILED or details.devices:
        return Obstacle.ACTIVATED
    return None if details.login.mail else Obstacle.NO_MAIL
