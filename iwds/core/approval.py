"""What of a plan needs somebody's approval before it is made, and of how many people."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from iwds.core.change import REMOVALS, Change, Forget, Write, only, removes

STANDS = timedelta(days=7)
"""How long an approval stands, unless the job says otherwise."""


class Needed(StrEnum):
    """What needs approval, the mildest first."""

    NOTHING = "nothing"
    REMOVALS = "removals"
    """Whatever takes something away: `core.change.REMOVALS`. An adoption takes nothing."""
    EVERYTHING = "everything"
    """Whatever a plan lists, adoptions among it. Not `Forget`: it follows what somebody else did on the service."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A job's rule about approvals.

    Attributes:
        needed: what needs one.
        two_people_above: where a plan holds more such changes than this, each needs two different people; None for
            never.
        stands: how long an approval stands.
    """

    needed: Needed = Needed.NOTHING
    two_people_above: int | None = None
    stands: timedelta = STANDS

    def part(self, change: Change) -> Change | None:
        """The part of a change that needs approval; None where nothing of it does."""
        if self.needed is Needed.EVERYTHING:
            return None if isinstance(change, Forget) else change
        if self.needed is Needed.NOTHING or not removes(change):
            return None
        return only(change, REMOVALS) if isinstance(change, Write) else change

    def people(self, count: int) -> int:
        """How many different people must approve each of so many changes of one plan."""
        return 2 if self.two_people_above is not None and count > self.two_people_above else 1

    def stricter(self, other: "Approval") -> "Approval":
        """The stricter of two in each point; how long approvals stand is this one's."""
        order = list(Needed)
        limits = [each for each in (self.two_people_above, other.two_people_above) if each is not None]
        needed = max(self.needed, other.needed, key=order.index)
        return Approval(needed, min(limits, default=None), self.stands)

    def __str__(self) -> str:
        two = "" if self.two_people_above is None else f", two people above {self.two_people_above:,}"
        return f"{self.needed.value}{two if self.needed is not Needed.NOTHING else ''}"


NOTHING_NEEDED = Approval()
"""The rule of a job that has none."""
