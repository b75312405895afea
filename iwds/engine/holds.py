"""Exemptions: somebody from whom no run takes anything away until a date, because a person said so.

Nothing is sent to the service. Whoever has left stays active for as long as they are exempt, if they were active when
the hold was made.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from iwds.core.model import Login
from iwds.core.policy import Hold, HoldKind
from iwds.core.words import until_words
from iwds.engine.actions import Desk, Why, recorded
from iwds.errors import UsageError
from iwds.ports import HoldRow

LONGEST = timedelta(days=400)
"""A hold that ends later than this is forgotten before it ends; whoever means it says so."""


@dataclass(frozen=True, slots=True)
class Held:
    """How a hold was made: what stands now, and what stood before."""

    hold: Hold
    replaced: Hold | None


def exempt(desk: Desk, login: Login, until: datetime | None, why: Why) -> Held:
    """Take nothing away from a login before `until`; None for not before somebody lifts it.

    Raises `UsageError` for an end beyond `LONGEST`.
    """
    now, service = desk.clock.now(), desk.reader.service
    if until and until - now > LONGEST:
        raise UsageError(
            f"{until_words(until)} is more than {LONGEST.days} days away", "choose an earlier end, or say it: --forever"
        )
    before = desk.state.open_hold(service, login.id, HoldKind.EXEMPT)
    hold = Hold(desk.who, why.reason, until, HoldKind.EXEMPT)
    detail = f"until {until_words(until)}" if until else "until lifted"
    row = HoldRow(login.id, hold, why.ticket, now)
    recorded(desk, login, ("hold", detail), why, lambda: desk.state.place_hold(service, row))
    return Held(hold, before.hold if before else None)


def lift(desk: Desk, login: Login, why: Why) -> Hold | None:
    """Lift the exemption of a login; returns what was lifted, None where there was none."""
    service = desk.reader.service
    before = desk.state.open_hold(service, login.id, HoldKind.EXEMPT)
    if before is None:
        return None

    def call() -> None:
        desk.state.lift_hold(service, login.id, desk.who, desk.clock.now(), HoldKind.EXEMPT)

    recorded(desk, login, ("unhold", f"was {before.hold}"), why, call)
    return before.hold
