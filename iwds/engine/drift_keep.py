"""What was done by hand stays until a date: rejections of what would be written over it, and what they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from iwds.core.drift_keep import can_be_written, keeping, kept_mark, writing
from iwds.core.model import Login
from iwds.core.rulings import Ruling, Rulings, Said, Verdict
from iwds.core.words import until_words
from iwds.engine.drift import Found, Kept
from iwds.engine.holds import LONGEST
from iwds.engine.job import Job, Tools
from iwds.engine.who import caller, host
from iwds.errors import UsageError

USUAL = timedelta(days=90)
"""How long what was done by hand stays where nobody says so."""
DRIFT = "drift"
"""Where such rejections say that they come from."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What was let stay, each with its rejection, and what no run would write over in any case."""

    kept: Sequence[tuple[Found, Ruling]]
    left: Sequence[Found]


def kept_by(job: Job, tools: Tools) -> Kept:
    """Tells by whose decision a difference stays: one of `keep`, or the rejection of what would put it back."""
    now = tools.clock.now()
    rows = tools.state.open_rulings(job.target.service, now)
    marks = {mark: row for row in rows if row.verdict is Verdict.REJECTED for mark in row.marks}
    rulings = Rulings(rows, job.name, now)

    def kept(found: Found) -> Ruling | None:
        ruling = marks.get(kept_mark(found.row, found.drift))
        if ruling is None and found.login and can_be_written(found.drift):
            ruling = _rejection(found, found.login, rulings)
        return ruling

    return kept


def _rejection(found: Found, login: Login, rulings: Rulings) -> Ruling | None:
    """The rejection of what would put it back, wherever that came from."""
    if not found.trace.known:
        return None
    change = writing(found.row, login, found.drift, found.trace.was)
    ruling = rulings.rejected(change) if change else None
    # One of `keep` is about what was there then; what somebody did after it is told anew.
    return ruling if ruling and ruling.said.source != DRIFT else None


def keep(job: Job, tools: Tools, found: Sequence[Found], until: datetime | None, why: tuple[str, str]) -> Keeping:
    """Let these differences stay until then, 90 days without a date; `why` is reason and ticket.

    Raises `UsageError` for an end beyond 400 days.
    """
    now = tools.clock.now()
    end = until or now + USUAL
    if end - now > LONGEST:
        raise UsageError(f"{until_words(end)} is more than {LONGEST.days} days away", "choose an earlier end")
    reason, ticket = why
    said = Said(caller(), host(), reason, now, end, DRIFT, job.name, ticket)
    made = [(each, keeping(each.row, each.login, each.drift, _values(each), said)) for each in found]
    kept = [(each, ruling) for each, ruling in made if ruling]
    tools.state.place_rulings(job.target.service, [ruling for _, ruling in kept])
    return Keeping(kept, [each for each, ruling in made if ruling is None])


def _values(found: Found) -> tuple[str | int | None, ...]:
    """What we wrote, and what the directory wants by now."""
    return found.trace.was if found.trace.known else None, found.next.wanted if found.next else None
