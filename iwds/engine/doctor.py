"""What is wrong on both sides before anything is written: everybody is looked at while a plan is made.

One reading serves both, so that what is found and what the plan says have the same numbers. Nothing is changed, kept
or leased.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from iwds.core.dn import normalise_dn, parent
from iwds.core.doubt import group_key
from iwds.core.hygiene import (
    LARGE_GROUP,
    MANY_ADMINISTRATORS,
    Code,
    Severity,
    Whom,
    account_look,
    dangling_in,
    expired_enabled,
    severity_of,
)
from iwds.core.hygiene_cases import told_by
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Account, Entry, Group, Login, Proof, Unmapped
from iwds.core.nearest import close
from iwds.core.plan import Plan
from iwds.core.policy import World
from iwds.core.words import many
from iwds.engine.groups_read import empty_groups
from iwds.engine.job import Job, Tools
from iwds.engine.onlooking import Onlooker
from iwds.engine.planning import make_plan
from iwds.errors import AccessRefused, Refused, Unavailable
from iwds.ports import Ward

IDLE = timedelta(days=180)
"""An active login that was not used for so long is a seat that nobody needs."""
MOST_ASKED = 100
"""How many groups that nobody is in are looked for one by one."""
FOUND = 2
"""The exit code where there is something to mend or to look at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which numbers on something is told; see `core.hygiene`."""

    administrators: int = MANY_ADMINISTRATORS
    members: int = LARGE_GROUP


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, and the plan of the same reading; whom each finding is about is in the ward.

    Attributes:
        counts: how many of each code, in the order in which they are told.
    """

    plan: Plan
    counts: Mapping[Code, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 where a reading is not believed, so that somebody may be missing; 2 where there is something to do."""
        if self.plan.basis.unproven:
            return Refused.exit_code
        return FOUND if severity_of(self.counts) in (Severity.MEND, Severity.LOOK) else 0


def diagnose(
    job: Job, tools: Tools, ward: Ward, limits: Limits | None = None, stop: threading.Event | None = None
) -> Diagnosis:
    """Read both sides as a plan does, and look at everybody. Raises like planning; closes no ward."""
    limits = limits or Limits()
    look = _Examination(job, tools, ward)
    plan, _ = make_plan(job, tools, stop=stop, watch=look.case, onlooker=look)
    look.look_at_groups(plan.basis.sources, limits.members)
    ward.settle(limits.administrators, (look.now - IDLE).timestamp())
    return Diagnosis(plan, ward.counts())


class _Examination(Onlooker):
    """An onlooker who writes down what is wrong."""

    def __init__(self, job: Job, tools: Tools, ward: Ward) -> None:
        self.job, self.ward = job, ward
        self.now: datetime = tools.clock.now()
        self.existing: Sequence[Group] = ()

    # --- while everything is read -------------------------------------------------------------------------------------

    def person(self, source: str, entry: Entry, made: Account | Unmapped) -> None:
        """Look at one person alone."""
        self.ward.person(source, entry.name, made)
        for code, detail, proposed in self._alone(entry, made):
            self.ward.note(code, Whom(made.login, made.anchor, source=source, detail=detail, proposed=proposed))

    def _alone(self, entry: Entry, made: Account | Unmapped) -> Iterator[tuple[Code, str, str]]:
        if isinstance(made, Unmapped) and made.reason is not Absent.INVALID:
            return
        if isinstance(made, Unmapped):
            yield self._invalid(made)
        elif made.enabled is not False and (look := account_look(made, entry.attrs)):  # else they get no login
            yield Code.SERVICE_ACCOUNT, ", ".join(look), ""
        if expired_enabled(entry.attrs, self.now):
            yield Code.EXPIRED_ENABLED, "", ""

    def _invalid(self, made: Unmapped) -> tuple[Code, str, str]:
        if not made.login:
            return Code.NO_LOGIN, made.detail, ""
        proposed = self.job.rules.proposed_login(made.login)
        if proposed == made.login:
            return Code.NOT_MAPPED, made.detail, ""
        return Code.LOGIN_NOT_ALLOWED, made.detail, proposed

    def forget_people(self) -> None:
        """Everybody is read anew."""
        self.ward.forget_people()

    def login(self, login: Login) -> None:
        """A login of the service."""
        self.ward.login(login)

    def forget_logins(self) -> None:
        """The service is read anew."""
        self.ward.forget_logins()

    def groups(self, existing: Sequence[Group]) -> None:
        """All groups of the service."""
        self.existing = existing

    # --- when both sides have met -------------------------------------------------------------------------------------

    def case(self, case: Case, world: World) -> None:
        """Look at somebody in whom the two sides differ."""
        for code, whom in told_by(case, world):
            self.ward.note(code, whom)
        if case.match is Match.NEWCOMER and case.account and (like := self.ward.like(case.account.login)):
            whom = Whom(case.account.login, case.account.anchor, detail=f"{like} is on the service")
            self.ward.note(Code.ALIKE_ON_SERVICE, whom)

    def look_at_groups(self, proofs: Sequence[Proof], most: int) -> None:
        """Look at the groups of both sides; once everybody was read."""
        wanted = self.ward.wanted()
        found = chain(self._missing(wanted), self._large(wanted, proofs, most), _dangling(proofs), self._empty(proofs))
        for code, whom in found:
            self.ward.note(code, whom)

    def _missing(self, wanted: Mapping[str, int]) -> Iterator[tuple[Code, Whom]]:
        known = [group.name for group in self.existing]
        for name in sorted(self.job.rules.groups.keys() - set(known)):
            told = f"for {many(wanted.get(name, 0), 'person', 'people')}{close(name, known)}"
            yield Code.GROUP_MISSING, Whom(name=name, detail=told)

    def _large(self, wanted: Mapping[str, int], proofs: Sequence[Proof], most: int) -> Iterator[tuple[Code, Whom]]:
        for name, people in sorted(wanted.items()):
            if people > most:
                yield Code.GROUP_LARGE, Whom(name=name, detail=f"{people:,} people are to be in it on the service")
        for proof in proofs:
            for name in sorted(self.job.rules.reads_groups):
                if (people := proof.presence.get(group_key(name), 0)) > most:
                    told = f"{people:,} people of {proof.name} are in it"
                    yield Code.GROUP_LARGE, Whom(name=f"{proof.name}: {name}", detail=told)

    def _empty(self, proofs: Sequence[Proof]) -> Iterator[tuple[Code, Whom]]:
        """Groups that nobody is in; where readings are doubtful nobody can tell."""
        if not all(proof.proven for proof in proofs):
            return
        for number, name in enumerate(empty_groups(self.job.rules, [proof.presence for proof in proofs])):
            gone = number < MOST_ASKED and self._is_gone(normalise_dn(name))
            yield Code.GROUP_GONE if gone else Code.GROUP_EMPTY, Whom(name=name)

    def _is_gone(self, name: str) -> bool:
        """Whether no source shows a group of this distinguished name, and one shows a place above it.

        A source that shows no such place has nothing to say about it: a table has none, and a plain name no place.
        """
        try:
            return not self._shown(name) and any(map(self._shown, _places_above(name)))
        except (Unavailable, AccessRefused):
            return False

    def _shown(self, place: str) -> bool:
        return any(source.shows(place) for source in self.job.sources)


def _dangling(proofs: Sequence[Proof]) -> Iterator[tuple[Code, Whom]]:
    for proof in proofs:
        number, names = dangling_in(proof.reasons)
        if number:
            yield Code.MEMBER_NOBODY, Whom(name=proof.name, detail=f"{number:,} of them: {names}")


def _places_above(name: str) -> Iterator[str]:
    while name := parent(name):
        yield name
