"""Whether somebody new may have a login already that nobody looked at: under a `matching` by more than the name.

The service cannot be searched by extra field or mail address. So what a run of everybody saw of the logins that are not
ours is kept, as hashes (`ports.Strangers`), and is enough while nobody but us makes or deletes logins. Any difference
is a doubt, and whoever is new waits for the next run of everybody.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from iwds.core.alone import ANOTHER, MOVED, STRANGER, needs_a_name
from iwds.core.change import Adopt
from iwds.core.decision import Decision
from iwds.core.model import Account
from iwds.core.recognition import By, hashes_of
from iwds.engine.job import Job, Tools
from iwds.engine.sighting import One
from iwds.ports import Strangers


class Newcomers:
    """What is known of strangers now, asked once for everybody, and only where somebody new needs it."""

    def __init__(self, job: Job, tools: Tools, now: datetime) -> None:
        self.job, self.state, self.now = job, tools.state, now
        self.service, self.matching = job.target.service, job.rules.matching

    def doubt(self, one: One, decisions: Sequence[Decision]) -> str:
        """Why a login of another name may be theirs who would get one; empty where none is.

        Raises like `TargetReader.count`.
        """
        person = one.counts.mapped if one.counts else None
        if not (one.unrecognised and isinstance(person, Account) and needs_a_name(decisions)):
            return ""
        # Whose the mail address of that login is, everybody else would have to be asked.
        adopted = any(isinstance(each.change, Adopt) for each in decisions)
        if self._kept is None or (adopted and self.matching.by(By.MAIL)):
            return ANOTHER
        hashes = hashes_of(person, self.matching, self._kept.kept_by)
        if self.state.are_strangers(self.job.name, self.service, frozenset(hashes)):
            return STRANGER
        return "" if self._is_whole else MOVED

    @cached_property
    def _kept(self) -> Strangers | None:
        """What the last run of everybody kept, as long as it counts."""
        kept, settings = self.state.strangers(self.job.name, self.service), self.job.incremental
        if kept is None or settings is None or kept.matching != str(self.matching):
            return None
        return kept if self.now - kept.read_at <= settings.full_within else None

    @cached_property
    def _is_whole(self) -> bool:
        """Whether there are as many logins as there were then, with what we made and deleted since."""
        assert self._kept is not None  # noqa: S101 - asked before
        made = self.state.made_since(self.service, self._kept.intent)
        return made is not None and self.job.target.count() == self._kept.logins + made
