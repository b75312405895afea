"""The last look before a login is overwritten or something is taken: at the service, and at the source by id.

An update overwrites every field, so that a lock that somebody set by hand since the reading would be undone by any.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from iwds.core.change import (
    REMOVALS,
    WRITTEN_FIELDS,
    Change,
    DeleteLogin,
    Evidence,
    RemoveFromGroup,
    Write,
    field_kind,
    fields_changed,
    removes,
)
from iwds.core.matching import extra_held, extra_wanted
from iwds.core.model import Absent, Account, Anchor, Entry, Login, Status, Unmapped, fold
from iwds.engine.job import Job
from iwds.ports import Clock


@dataclass(frozen=True, slots=True)
class Verifier:
    """Looks one person up, ignoring base and filter, and one login; answers with the reason to hold a change.

    Attributes:
        job: sources, mapping and the service's reading half.
        clock: the time; disabled and expired are decided against it.
    """

    job: Job
    clock: Clock

    def objection(self, change: Change) -> str:
        """Why this change may not be made after all; empty where nothing speaks against it.

        Raises `Unavailable`, `AccessRefused` where it cannot tell.
        """
        return (self._person(change) if removes(change) else "") or self._login(change)

    def _person(self, change: Change) -> str:
        anchor = change.subject.anchor
        if anchor is None or change.evidence is Evidence.ORDERED:
            return ""
        found = next(self._find(anchor), None)
        if change.evidence is Evidence.UNSEEN:
            return self._still_there(anchor, found)
        if found is None:
            # A configuration that no longer looks where they are was accepted by a person for exactly these.
            return "" if change.evidence is Evidence.RULE else "the directory no longer answers for this person"
        return self._still_follows(change, found)

    def _find(self, anchor: Anchor) -> Iterator[Entry]:
        for source in self.job.sources:
            if entry := source.find(anchor, self.job.rules.attributes):
                yield entry

    def _still_there(self, anchor: Anchor, found: Entry | None) -> str:
        """Not found in the reading: gone, or moved out of base or filter, which is as good a reason."""
        if found is None or not any(source.selects(anchor) for source in self.job.sources):
            return ""
        return f"still in the directory as {found.name}, although the reading did not show it"

    def _still_follows(self, change: Change, entry: Entry) -> str:
        """Whether the entry as it is now still asks for what is to be taken."""
        wanted = self._wanted(entry)
        if _asks_for(change, wanted):
            return ""
        if change.evidence is Evidence.RULE and not any(s.selects(entry.anchor) for s in self.job.sources):
            return ""
        return f"{entry.name} has changed in the directory since it was read"

    def _wanted(self, entry: Entry) -> Account | Unmapped:
        mapped = self.job.rules.map(entry, self.clock.now())
        return self.job.target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped

    def _login(self, change: Change) -> str:
        """Whether the login is still what the change was decided by: the base of every field that is written."""
        before = change.before if isinstance(change, Write | DeleteLogin) else None
        if before is None:
            return ""
        now = self.job.target.login(before.id, before.login)
        if now is None:
            return f"login {before.id} no longer exists"
        moved = [name for name in WRITTEN_FIELDS if getattr(now, name) != getattr(before, name)]
        return f"{', '.join(moved)} changed on the service since it was read" if moved else ""


def _asks_for(change: Change, wanted: Account | Unmapped) -> bool:
    """Whether somebody's account, or its absence, still leads to this removal."""
    if isinstance(change, DeleteLogin):
        return _leaves(wanted)
    if isinstance(change, RemoveFromGroup):
        return isinstance(wanted, Account) and wanted.groups is not None and change.group.name not in wanted.groups
    assert isinstance(change, Write)  # noqa: S101 - nothing else removes
    taken = [name for name in fields_changed(change) if field_kind(change, name) in REMOVALS]
    return all(_same(name, change.after, wanted) for name in taken)


def _leaves(wanted: Account | Unmapped) -> bool:
    """Whether they are out of scope. Whoever is present but excluded, invalid or a duplicate keeps what they have."""
    return isinstance(wanted, Unmapped) and wanted.reason is Absent.OUT_OF_SCOPE


def _same(name: str, after: Login, wanted: Account | Unmapped) -> bool:
    if isinstance(wanted, Unmapped):
        return name == "status" and _leaves(wanted)
    match name:
        case "login":
            return fold(wanted.login) == fold(after.login)
        case "status":
            return (wanted.enabled is False) == (after.status == Status.LOCKED)
        case "extra":
            return extra_wanted(wanted) == extra_held(after.extra, wanted)
        case _:
            return bool(getattr(wanted, name) == getattr(after, name))
