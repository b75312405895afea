"""A memory that is older than the service: somebody put back a backup of our state.

Whatever a run creates is remembered with its outcome, even where the process died in between. So a login that carries
our tag and is to be adopted, although this job was applied before, says that our memory has lost something. What it
then still says may be out of date too. A login never ceases to be ours while it exists; but a lock that it calls ours
may be the console's by now, and a membership somebody else's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from iwds.core.change import REMOVALS, Adopt, Kind, Write, kinds, only, removes, without
from iwds.core.decision import Decision, Proposal, Reason, Skip

OLDER = "our memory is older than the service"
NOTE = (
    f"{OLDER}: logins with our tag are not in it. Nobody loses anything in this run, and every lock and membership of"
    " before counts as somebody else's from now on"
)


def is_older(decisions: Iterable[Decision], provisioning_id: int) -> bool:
    """Whether a login that only we can have created has to be adopted. Meaningless on a first run."""
    adoptions = (d.change for d in decisions if isinstance(d, Proposal) and isinstance(d.change, Adopt))
    return any(change.login.created_by == provisioning_id for change in adoptions)


def without_doubtful(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """The same decisions; what takes something away waits for the next run, and who is locked stays locked."""
    for decision in decisions:
        if isinstance(decision, Skip):
            yield decision
        else:
            yield from _parts(decision)


def _parts(proposal: Proposal) -> Iterator[Decision]:
    change = proposal.change
    if removes(change):
        taken = only(change, REMOVALS) if isinstance(change, Write) else change
        yield Skip(change.subject, Reason.HELD, f"{OLDER}; the next run decides afresh", taken)
    if isinstance(change, Write) and Kind.UNLOCK in kinds(change):
        detail = f"{OLDER}, so that their lock may be somebody else's: it stays until they unlock it"
        yield Skip(change.subject, Reason.LOCKED_ELSEWHERE, detail, only(change, {Kind.UNLOCK}))
    if isinstance(change, Write):
        rest = without(change, {*REMOVALS, Kind.UNLOCK})
        yield from [replace(proposal, change=rest)] if rest else []
    elif not removes(change):
        yield proposal
