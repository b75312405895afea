"""Before a deletion is planned: is the person really gone everywhere, and what would be lost for good?"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from iwds.core.change import DeleteLogin
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.leaving import lock_instead
from iwds.engine.job import Job
from iwds.engine.lookup import find_entries
from iwds.errors import AccessRefused, LoginUnknown, Unavailable

MOST = 500
"""How many deletions are looked into in one run; the rest waits. The guard allows fewer, unless somebody raised it."""


class Parting:
    """Looks into deletions, in lanes.

    Attributes:
        seen: ids of the logins of people who are still in the directory, outside of base or filter.
    """

    def __init__(self, job: Job, told: Callable[[int], None]) -> None:
        self._job, self._told = job, told
        self.seen: set[int] = set()

    def of(self, decisions: Sequence[Decision]) -> list[Decision]:
        """The same decisions: deletions with what would be lost, or locks, or skips instead of them."""
        places = [place for place, each in enumerate(decisions) if _delete_in(each)]
        meanwhile = {each.change.subject.key for each in decisions if isinstance(each, Proposal) and each.meanwhile}
        made = list(decisions)
        with ThreadPoolExecutor(self._job.target.lanes, thread_name_prefix="deletions") as lanes:
            for start in range(0, min(len(places), MOST), self._job.target.lanes):
                some = places[start : min(start + self._job.target.lanes, MOST)]
                for place, answer in zip(
                    some, lanes.map(lambda at: self._look(decisions[at], meanwhile), some), strict=True
                ):
                    made[place] = answer
                self._told(start + len(some))
        for place in places[MOST:]:
            made[place] = _held(decisions[place], f"{MOST:,} deletions are looked into in one run, and this is none")
        return made

    def _look(self, decision: Decision, meanwhile: Collection[str]) -> Decision:
        delete = _delete_in(decision)
        assert isinstance(decision, Proposal)  # noqa: S101 - only what is proposed is looked at
        assert delete is not None  # noqa: S101 - and of that only deletions
        assert delete.subject.anchor is not None  # noqa: S101 - and only leavers are deleted
        try:
            for _, entry in find_entries(self._job.sources, delete.subject.anchor, lambda _: frozenset()):
                self.seen.add(delete.before.id)
                return lock_instead(decision, delete, entry.name, delete.subject.key in meanwhile)
            return replace(decision, change=replace(delete, lost=self._job.target.loss(delete.before.id)))
        except (Unavailable, AccessRefused, LoginUnknown) as error:
            return _held(decision, f"what would be lost for good could not be read: {error.message}")


def _delete_in(decision: Decision) -> DeleteLogin | None:
    change = decision.change if isinstance(decision, Proposal) and not decision.exempt else None
    return change if isinstance(change, DeleteLogin) else None


def _held(decision: Decision, why: str) -> Skip:
    delete = _delete_in(decision)
    assert delete is not None  # noqa: S101 - only deletions are looked at
    return Skip(delete.subject, Reason.UNPROVEN, why, delete)
