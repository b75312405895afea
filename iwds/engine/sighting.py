"""What a look at one person found, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iwds.core.decision import Decision
from iwds.core.matching import Case, Match
from iwds.core.model import Account, Entry, LedgerRow, Login, Unmapped
from iwds.core.policy import World
from iwds.engine.seeking import Candidate
from iwds.errors import IwdsError
from iwds.ports import HoldRow, JobMemory

Person = Account | Unmapped


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person's entry in one source.

    Attributes:
        source: its name.
        selected: whether its base and filter find them; a run reads nobody else.
        mapped: what the rules make of the entry.
    """

    source: str
    entry: Entry
    selected: bool
    mapped: Person


@dataclass(frozen=True, slots=True)
class One:
    """Everything about one person in one job.

    Attributes:
        who: who was meant.
        sightings: their entry in each source that has it, in the order of precedence.
        rivals: entries of others who want the same login.
        rows: our memory of them; several where we keep several logins for them.
        logins: the logins that these rows name and that exist, then the one that a person said is theirs, then the one
            that carries the name they want.
        member_of: of these logins the governed groups that they are in, by login id.
        world: the facts of the service and the rules of the job; None where the service does not answer.
        memory: what earlier runs of the job left.
        rivals_unsure: whether others may want the same login, whom no search by equality can find.
        unrecognised: whether the matching may recognise them in a login of another name.
        holds: what people hold about these logins.
        cases: how all of it belongs together; empty where nothing differs.
        decisions: what follows from what was found.
        on_absence: what a run would do whose proven reading of everybody does not show them either. Never from this.
        doubt: why such a login may be theirs, where they would get one; empty where none is.
        tombstone: whether no source has them and one shows that they were deleted; asked only of whom our memory knows.
        failed: what could not be asked, by the name of the source or `service`; then nothing is decided.
    """

    who: Candidate
    sightings: tuple[Sighting, ...]
    rivals: tuple[Sighting, ...]
    rows: tuple[LedgerRow, ...]
    logins: tuple[Login, ...]
    member_of: Mapping[int, frozenset[int]]
    world: World | None
    memory: JobMemory
    holds: tuple[HoldRow, ...]
    rivals_unsure: bool = False
    unrecognised: bool = False
    cases: tuple[Case, ...] = ()
    decisions: tuple[Decision, ...] = ()
    on_absence: tuple[Decision, ...] = ()
    doubt: str = ""
    tombstone: bool = False
    failed: Mapping[str, IwdsError] = field(default_factory=dict)

    @property
    def counts(self) -> Sighting | None:
        """The entry that a run would take: of the first source whose base and filter find it."""
        return next((each for each in self.sightings if each.selected), None)

    @property
    def person(self) -> Person | None:
        """What a run takes them for, once who gets a login that several want is settled; None where it reads nobody."""
        settled = (case.account or case.absent for case in self.cases)
        return next((each for each in settled if each), self.counts.mapped if self.counts else None)

    @property
    def login(self) -> Login | None:
        """The login that stands for them, or that they would adopt; None where they have none.

        One that carries the name they want and stands for somebody else is not theirs.
        """
        theirs = (case.login for case in self.cases if case.match is not Match.TAKEN)
        rows = {row.login_id for row in self.rows}
        kept = (login for login in self.logins if login.id in rows)
        return next((login for login in (*theirs, self.who.login, *kept) if login), None)
