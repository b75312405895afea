"""Who is not activated and who never comes: lists from one reading of the service, whose memory stays flat.

How far an activation is and the last authentication stand in the listing of the service, so nobody is asked about one
by one. Links that are mailed once more are next door in `resending.py`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum
from tempfile import TemporaryFile
from typing import IO

from iwds.core.devices import Activated, Enrolment
from iwds.core.ids import IdSet
from iwds.core.model import Proof, Status
from iwds.engine.actions import Desk
from iwds.engine.job import Progress, silent
from iwds.engine.service_reading import MOST_READINGS
from iwds.errors import ServiceUnproven

UNTOLD = "untold"
"""The group of those of whom the service does not tell what was asked for; they are counted, and not listed."""
_TOLD_EVERY = 100


class Idle(StrEnum):
    """Why a seat counts as one that nobody uses."""

    LONG_AGO = "long-ago"
    NEVER = "never"
    """Activated, and no authentication is known."""
    NOT_ACTIVATED = "not-activated"


@dataclass(frozen=True, slots=True)
class Person:
    """One login of a list.

    Attributes:
        name: first and last name; empty where there is none.
        mail: empty also where the service does not tell.
        locked: whether the login is locked on the service.
        activation: a value of `Activated`; empty where the service does not tell.
        last_seen: last authentication in seconds since 1970, 0 for never; None where the service does not tell.
        ours: whether it is in our ledger.
    """

    id: int
    login: str
    name: str
    mail: str
    locked: bool
    activation: str
    last_seen: int | None
    ours: bool


Sort = Callable[[Enrolment], str | None]
"""The group of a login in a list, or `UNTOLD`; None where it does not belong into the list."""


def not_activated(states: Sequence[Activated]) -> Sort:
    """Sorts into how far the activation is, for those that are in one of these states."""

    def group(each: Enrolment) -> str | None:
        if each.activated is None:
            return UNTOLD
        return each.activated.value if each.activated in states else None

    return group


def idle_since(moment: datetime) -> Sort:
    """Sorts those whose last authentication is older than a moment by why that is; never counts as older."""
    seconds = moment.timestamp()

    def group(each: Enrolment) -> str | None:
        seen = each.login.last_seen
        if seen is None:
            return UNTOLD
        if seen >= seconds:
            return None
        if seen:
            return Idle.LONG_AGO.value
        never = each.activated is Activated.DONE or each.activated is None
        return Idle.NEVER.value if never else Idle.NOT_ACTIVATED.value

    return group


class Sheet:
    """People in groups, each group in a file that has no name and is gone with this object."""

    def __init__(self, groups: Sequence[str]) -> None:
        self.groups = tuple(groups)
        self.counts: Counter[str] = Counter()
        self._files: Mapping[str, IO[str]] = {group: _nameless() for group in self.groups}

    def add(self, group: str, person: Person) -> None:
        """Write a person down; one of a group that is not listed is counted alone."""
        self.counts[group] += 1
        if group in self._files:
            self._files[group].write(json.dumps(astuple(person)) + "\n")

    def people(self, group: str) -> Iterator[Person]:
        """A group in the order in which it came."""
        file = self._files[group]
        file.seek(0)
        return (Person(*json.loads(line)) for line in file)

    def clear(self) -> None:
        """Begin anew."""
        self.counts.clear()
        for file in self._files.values():
            file.seek(0)
            file.truncate()

    def close(self) -> None:
        """Throw it away."""
        for file in self._files.values():
            file.close()


def _nameless() -> IO[str]:
    return TemporaryFile("w+", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Surveyed:
    """How many logins there are on the service, how many of them were looked at, and when."""

    total: int
    looked_at: int
    taken_at: datetime


def survey(desk: Desk, sort: Sort, sheet: Sheet, *, everybody: bool = False, progress: Progress = silent) -> Surveyed:
    """Read the service into a sheet: our own logins, or everybody's. Raises `ServiceUnproven`, and what reading raises.

    One call for each page of the listing, whatever is asked; it is read again where it moved.
    """
    ours = _ours(desk)
    for _ in range(MOST_READINGS):
        sheet.clear()
        with closing(desk.reader.read_enrolments()) as listing:
            looked_at = sum(_noted(listing, sort, sheet, (ours, everybody), progress))
            proof = listing.finish()
        if not listing.moved:
            break
    _refuse_unproven(proof)
    return Surveyed(proof.count, looked_at, proof.taken_at)


def _ours(desk: Desk) -> IdSet:
    ours = IdSet()
    for row in desk.state.ledger(desk.reader.service):
        ours.add(row.login_id)
    return ours


def _noted(
    listing: Iterable[Enrolment], sort: Sort, sheet: Sheet, whose: tuple[IdSet, bool], progress: Progress
) -> Iterator[int]:
    """Writes down whoever belongs into the sheet; gives 1 for each login that was looked at, 0 for another's."""
    ours, everybody = whose
    done = 0
    for done, each in enumerate(listing, 1):
        mine = each.login.id in ours
        if (mine or everybody) and (group := sort(each)):
            sheet.add(group, _person(each, mine))
        if not done % _TOLD_EVERY:
            progress("service", done, None)
        yield int(mine or everybody)
    progress("service", done, done)


def _refuse_unproven(proof: Proof) -> None:
    if not proof.proven:
        raise ServiceUnproven(
            f"the service contradicts itself: {'; '.join(proof.problems)}", "try again: nothing follows from that"
        )


def _person(each: Enrolment, ours: bool) -> Person:
    login = each.login
    return Person(
        login.id,
        login.login,
        " ".join(filter(None, (login.firstname, login.name))),
        login.mail or "",
        login.status == Status.LOCKED,
        each.activated.value if each.activated else "",
        login.last_seen,
        ours,
    )
