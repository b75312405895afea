"""The helpdesk's locks: made on the service, and held against every run until their end.

The hold is kept before the service is called. A run asks for holds before and after each of its own writes, so
whichever of the two comes last, the login ends locked; neither waits for the other.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from iwds.core.assembly import ADMINISTRATORS
from iwds.core.model import LedgerRow, Login, Role, Status
from iwds.core.policy import Hold
from iwds.core.words import until_words
from iwds.engine.actions import Desk, Why, recorded, refuse_protected
from iwds.engine.status import refuse_unread, set_status
from iwds.errors import IwdsError, OutcomeUnknown, Refused
from iwds.ports import HoldRow


@dataclass(frozen=True, slots=True)
class Locked:
    """How a lock ended.

    Attributes:
        hold: what stands now.
        replaced: the hold that stood before.
        already: whether the login was locked before.
        gives_back: whether the first run after the end may unlock it, where the directory says enabled.
    """

    hold: Hold
    replaced: Hold | None
    already: bool
    gives_back: bool


@dataclass(frozen=True, slots=True)
class Unlocked:
    """How an unlock ended.

    Attributes:
        hold: the helpdesk's lock that was lifted.
        by_run: whether a run had locked the login, and the next one will again while the directory says the same.
        already: whether the login was active before.
    """

    hold: Hold | None
    by_run: bool
    already: bool


def lock(desk: Desk, login: Login, until: datetime | None, why: Why) -> Locked:
    """Lock a login so that no run undoes it before `until`; without an end not before `unlock`.

    Raises `Refused` for a protected login and for one of the last active administrators, and what a call raises. After
    an `OutcomeUnknown` the hold stands.
    """
    refuse_protected(desk, login)
    refuse_unread(login)
    _keep_administrators(desk, login)
    service = desk.reader.service
    before, row = desk.state.open_hold(service, login.id), desk.state.ledger_row(service, login.id)
    already = login.status == Status.LOCKED
    foreign = already and _is_foreign(before, row)
    hold = Hold(desk.who, why.reason, until)
    placed = HoldRow(login.id, hold, why.ticket, desk.clock.now(), foreign)
    detail = f"until {until_words(until)}" if until else "until unlocked"
    recorded(desk, login, ("lock", detail), why, lambda: _hold(desk, login, placed, before))
    return Locked(hold, before.hold if before else None, already, bool(row) and not foreign)


def unlock(desk: Desk, login: Login, why: Why, *, anyway: bool = False) -> Unlocked:
    """Lift the helpdesk's lock and make the login active.

    Raises `Refused` where the lock is neither the helpdesk's nor a run's, unless `anyway`; and what a call raises.
    After that the hold stands as before.
    """
    refuse_unread(login)
    service = desk.reader.service
    hold, row = desk.state.open_hold(service, login.id), desk.state.ledger_row(service, login.id)
    already = login.status == Status.ACTIVE
    if already and hold is None:
        return Unlocked(None, False, already)
    if not already and not anyway and _is_foreign(hold, row):
        raise Refused(
            f"{login.login} was locked by somebody else, in the service's console for instance",
            f"where you may undo that: iwds login unlock {login.login} --anyway --reason TEXT",
        )

    def call() -> None:
        _set_status(desk, login, Status.ACTIVE)
        desk.state.lift_hold(service, login.id, desk.who, desk.clock.now())

    recorded(desk, login, ("unlock", _whose(hold, row)), why, call)
    return Unlocked(hold.hold if hold else None, bool(row and row.locked), already)


def _is_foreign(hold: HoldRow | None, row: LedgerRow | None) -> bool:
    """Whether the lock on a locked login is neither a run's nor the helpdesk's."""
    return not (row and row.locked) and (hold is None or hold.foreign)


def _whose(hold: HoldRow | None, row: LedgerRow | None) -> str:
    if hold:
        return f"was {hold.hold}"
    return "was locked by a run" if row and row.locked else "was locked by somebody else"


def _hold(desk: Desk, login: Login, placed: HoldRow, before: HoldRow | None) -> None:
    """Keep the hold, then lock. Where it is certain that nothing was locked, everything is as before."""
    service = desk.reader.service
    desk.state.place_hold(service, placed)
    try:
        _set_status(desk, login, Status.LOCKED)
    except OutcomeUnknown:
        raise
    except IwdsError:
        if before:  # in one step: to lift first would lose it where we die between the two
            desk.state.place_hold(service, before)
        else:
            desk.state.lift_hold(service, login.id, desk.who, desk.clock.now())
        raise


def _set_status(desk: Desk, login: Login, status: Status) -> None:
    with closing(desk.make_writer()) as writer:
        set_status(desk.reader, writer, login, status)


def _keep_administrators(desk: Desk, login: Login) -> None:
    """Never fewer than two active administrators on the whole service; all of it is read to know."""
    if login.role != Role.ADMINISTRATOR or login.status != Status.ACTIVE:
        return
    stream = desk.reader.read_logins()
    left = sum(
        other.role == Role.ADMINISTRATOR and other.status == Status.ACTIVE and other.id != login.id for other in stream
    )
    proof = stream.finish()
    if not proof.proven:
        raise Refused(f"how many administrators would be left is not known: {'; '.join(proof.problems)}")
    if left < ADMINISTRATORS:
        raise Refused(
            f"locking {login.login} would leave {left} active administrator{'' if left == 1 else 's'} on the service",
            "make somebody else an administrator first, or lock it in the service's console",
        )
