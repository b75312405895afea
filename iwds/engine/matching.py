"""Whose a login is, where the rules cannot tell: the cases for a person, and what that person says.

Nothing here is sent to the service but questions. What was said is kept in the state and followed by the next plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iwds.core.dn import normalise_dn
from iwds.core.matching import Case, Match
from iwds.core.model import Absent, Account, Anchor, Login, Unmapped, fold
from iwds.core.policy import World
from iwds.core.recognise import contradicts
from iwds.core.recognition import MatchDecision
from iwds.engine.actions import Desk, Why, recorded
from iwds.engine.job import Job, Tools
from iwds.engine.lookup import find_entries
from iwds.engine.planning import make_plan
from iwds.engine.seeking import seek
from iwds.errors import AccessRefused, ForeignRealm, Refused, Unavailable, UsageError

MOST_SHARED = 100
"""How many people who share a login name are looked up on the service."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be the owner of a login.

    Attributes:
        anchor: who.
        login: as they would be called.
        name: their entry in the directory; empty where it could not be read.
        why: why nobody but a person can tell.
    """

    anchor: Anchor
    login: str
    name: str
    why: str


@dataclass(slots=True)
class Doubt:
    """A login, and who may be its owner."""

    login: Login
    people: list[Candidate] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Doubts:
    """All cases for a person of one job, and what was said already.

    Attributes:
        open: by login id.
        said: the decisions that stand.
        notes: what is to be said of decisions that cannot be followed.
        called: who of those without a login of ours is called as was asked.
        has: the logins of those who are called so, where nobody without a login is.
    """

    open: Sequence[Doubt]
    said: Sequence[MatchDecision]
    notes: Sequence[str]
    called: Sequence[Candidate]
    has: Sequence[tuple[Anchor, Login]] = ()


def doubts(job: Job, tools: Tools, whom: str = "") -> Doubts:
    """Read both sides and find every login of which somebody has to say whose it is. Raises like planning.

    `whom` is who is meant by a login name or an entry id, or, of those who are in doubt, by a distinguished name.
    """
    seen = _Seen(job, tools, whom)
    _, tally = make_plan(job, tools, watch=seen.see)
    seen.look_for_shared()
    return Doubts(
        [doubt for _, doubt in sorted(seen.open.items())],
        tools.state.matches(job.target.service),
        tally.unfit,
        seen.called,
        tuple(_logins_of(job, tools, whom)) if whom and not seen.called else (),
    )


def _logins_of(job: Job, tools: Tools, whom: str) -> Iterator[tuple[Anchor, Login]]:
    """What our memory has for whoever is called so."""
    anchors = [each.anchor for each in seek(job, tools, whom).candidates if each.anchor]
    for anchor in anchors:
        for row in tools.state.find_rows(job.target.service, anchor=anchor):
            if login := job.target.login(row.login_id, row.login):
                yield anchor, login


_NO_LOGIN = frozenset({Match.AMBIGUOUS, Match.NEWCOMER, Match.NAMED, Match.TAKEN})


class _Seen:
    """What passes by while a plan is made."""

    def __init__(self, job: Job, tools: Tools, whom: str) -> None:
        self.job, self.tools, self.whom = job, tools, whom
        self.open: dict[int, Doubt] = {}
        self.called: list[Candidate] = []
        self.shared: list[Unmapped] = []

    def see(self, case: Case, world: World) -> None:
        account, login = case.account, case.login
        if account is not None and case.candidates:
            self._doubted(account, case.candidates, case.why)
        elif account is not None and case.match in _NO_LOGIN:
            self._meant(Candidate(account.anchor, account.login, "", ""))
        elif account is not None and login is not None and contradicts(account, login, world):
            self._doubted(account, [login], "it is theirs in our memory, and stores the anchor of somebody else")
        elif case.match is Match.UNMAPPED and case.absent and case.absent.reason is Absent.DUPLICATE:
            self.shared.append(case.absent)

    def look_for_shared(self) -> None:
        """A login that nobody remembers, and that several people would have: one of them may be its owner."""
        for person in self.shared[:MOST_SHARED]:
            login = self.job.target.named(person.login)
            if login and not self.tools.state.ledger_row(self.job.target.service, login.id):
                self._doubted(person, [login], person.detail)
            else:
                self._meant(Candidate(person.anchor, person.login, "", person.detail))

    def _doubted(self, person: Account | Unmapped, logins: Sequence[Login], why: str) -> None:
        candidate = Candidate(person.anchor, person.login, self._entry(person.anchor), why)
        self._meant(candidate)
        for login in logins:
            self.open.setdefault(login.id, Doubt(login)).people.append(candidate)

    def _meant(self, person: Candidate) -> None:
        names = {fold(person.login), fold(person.anchor.id), fold(str(person.anchor))}
        same_entry = person.name and normalise_dn(person.name) == normalise_dn(self.whom)
        if self.whom and (fold(self.whom) in names or same_entry):
            self.called.append(person)

    def _entry(self, anchor: Anchor) -> str:
        try:
            found = next(find_entries(self.job.sources, anchor, lambda _: ()), None)
        except (ForeignRealm, Unavailable, AccessRefused):
            return ""
        return found[1].name if found else ""


def say_whose(desk: Desk, login: Login, found: Doubts, why: Why) -> Candidate:
    """Keep that a login is that of the one person who is called as was asked.

    Raises `UsageError` where that is nobody without a login or more than one, `Refused` where the login or the person
    is taken already.
    """
    person = _one(login, found)
    row = desk.state.ledger_row(desk.reader.service, login.id)
    if row and row.anchor != person.anchor:
        raise Refused(f"{login.login} is in our memory as that of {row.anchor}", f"iwds login show {login.login}")
    for said in found.said:
        if said.anchor == person.anchor and said.login_id != login.id:
            raise Refused(
                f"{person.login} was said to be the owner of {said.login}",
                f"forget that first: iwds match JOB '#{said.login_id}' --undo --reason TEXT",
            )
    _keep(desk, login, person.anchor, why, f"that of {person.login}, {person.anchor}")
    return person


def say_nobodys(desk: Desk, login: Login, why: Why) -> None:
    """Keep that a login is that of none of those who might be its owner."""
    _keep(desk, login, None, why, "nobody's")


def _keep(desk: Desk, login: Login, anchor: Anchor | None, why: Why, words: str) -> None:
    said = MatchDecision(login.id, login.login, anchor, desk.who, why.reason, desk.clock.now())
    recorded(desk, login, ("match", words), why, lambda: desk.state.keep_match(desk.reader.service, said))


def said_of(desk: Desk, login_id: int) -> MatchDecision | None:
    """What was said of a login and still stands."""
    return next((said for said in desk.state.matches(desk.reader.service) if said.login_id == login_id), None)


def take_back(desk: Desk, login_id: int, why: Why) -> MatchDecision | None:
    """Forget what was said of a login, which need not exist any more; returns what that was."""
    service, before = desk.reader.service, said_of(desk, login_id)
    if before is None:
        return None

    def call() -> None:
        desk.state.forget_match(service, login_id, desk.who, desk.clock.now())

    recorded(desk, Login(login_id, before.login), ("unmatch", f"was {before}"), why, call)
    return before


def _one(login: Login, found: Doubts) -> Candidate:
    by_anchor: Mapping[Anchor, Candidate] = {person.anchor: person for person in found.called}
    if not by_anchor and found.has:
        raise _has_one(login, *found.has[0])
    if not by_anchor:
        advice = "say a login, an entry id, or a DN that is listed by: iwds match JOB"
        raise UsageError("nobody without a login is called so", advice)
    if len(by_anchor) > 1:
        ids = ", ".join(str(anchor) for anchor in sorted(by_anchor))
        raise UsageError(f"{len(by_anchor)} people are called so", f"say which by the entry id: {ids}")
    return next(iter(by_anchor.values()))


def _has_one(login: Login, anchor: Anchor, theirs: Login) -> Refused:
    """Why nothing can be said of somebody who has a login, and what to do."""
    if theirs.id == login.id:
        return Refused(f"{login.login} is theirs already, by our memory", f"iwds login show {login.login}")
    return Refused(
        f"{anchor} has a login already: {theirs.login} (#{theirs.id})",
        f"look at both: iwds login show {theirs.login}, iwds login show {login.login}\n"
        f"if {login.login} is not theirs: iwds match JOB {login.login} --nobody --reason TEXT\n"
        f"if they are to have {login.login} instead: delete {theirs.login} in the service's console and repeat this",
    )
