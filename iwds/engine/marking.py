"""What a run of everybody takes before and while it reads, for runs of what changes after it."""

from collections.abc import Iterator
from datetime import datetime

from iwds.core.model import Account, Anchor, Entry, Unmapped
from iwds.core.recognition import BY_NAME
from iwds.engine.job import Incremental, Job, Tools
from iwds.engine.onlooking import Onlooker
from iwds.errors import MarkLost
from iwds.ports import Due, Lease, Mark, Strangers, Waist


class Marking(Onlooker):
    """The mark of each source and the members of its groups, taken before anybody is read; and who becomes due.

    So whatever changes meanwhile is seen twice, and never missed.

    Attributes:
        marks: of the sources that can tell what changes.
        strangers: how the logins that are not ours were kept; None where the matching asks for names alone.
    """

    def __init__(self, job: Job, tools: Tools, run_id: str, lease: Lease) -> None:
        assert job.incremental is not None  # noqa: S101 - else nobody keeps anything for it
        self.job, self.tools, self.run_id, self.lease = job, tools, run_id, lease
        self.incremental: Incremental = job.incremental
        self.now = tools.clock.now()
        self.until = self.now + self.incremental.full_within
        self.marks: dict[str, Mark] = {}
        self.strangers: Strangers | None = None
        self._due: dict[Anchor, datetime] = {}

    def begin(self) -> Iterator[str]:
        """Take the marks, then the members; a sentence for each source that gives none. Raises like a reading."""
        for source in self.job.sources:
            feed = source.changes(self.job.rules.attributes)
            if feed is None:
                continue
            try:
                mark = feed.mark()
                self.tools.state.keep_members(self.run_id, source.name, feed.members(), self.lease)
            except MarkLost as error:
                yield f"{source.name} gives no mark, so that later runs have to read everybody: {error.message}"
                continue
            self.marks[source.name] = Mark(mark, self.now, self.now, self.run_id)

    def joined(self, waist: Waist, logins: int) -> None:
        """Keep what the logins that are not ours are recognised by."""
        matching = self.job.rules.matching
        if matching != BY_NAME:
            last = self.tools.state.keep_strangers(self.run_id, waist.strangers(self.run_id), self.lease)
            self.strangers = Strangers(self.run_id, self.now, str(matching), logins, last)

    def person(self, source: str, entry: Entry, made: Account | Unmapped) -> None:  # noqa: ARG002 - as shown to all
        """Note whether the rules make something else of an entry by time alone, before everybody is read again."""
        at = self.job.rules.due(entry, self.now, self.until)
        if at is not None:
            self._due[entry.anchor] = at

    @property
    def due(self) -> list[Due]:
        """Who becomes due."""
        return [Due(anchor, at) for anchor, at in self._due.items()]
