"""The last look before a login is overwritten or something is taken: at the service, and at the source by id.

An update overwrites every field, so that a lock that somebody set by hand since the reading would be undone by any.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from iwds.core.causes import Cause
from iwds.core.change import (
    REMOVALS,
    WRITTEN_FIELDS,
    Change,
    DeleteLogin,
    Evidence,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    field_kind,
    fields_changed,
    removes,
)
from iwds.core.doubt import without
from iwds.core.matching import extra_held, extra_wanted
from iwds.core.model import Absent, Account, Anchor, Entry, Login, Status, Unmapped
from iwds.core.modes import governed
from iwds.core.naming import may_have
from iwds.core.policy import Hold
from iwds.engine.job import Job
from iwds.engine.lookup import find_entries
from iwds.errors import ForeignRealm, LoginUnknown
from iwds.ports import Clock, Source


@dataclass(frozen=True, slots=True)
class Verifier:
    """Looks one person up, ignoring base and filter, and one login; answers with the reason to hold a change.

    Attributes:
        job: sources, mapping and the service's reading half.
        clock: the time; disabled and expired are decided against it.
        withheld: what of each source is not believed in this run (`Proof.withheld`): the last look does not either.
        find_exempt: what holds every removal from a login at the moment of the question.
        ruled: why people's rulings of this moment do not let a change through; empty where they do.
        gone: of whom a directory told that their entry was deleted; many keep nothing that shows it later.
    """

    job: Job
    clock: Clock
    withheld: Mapping[str, Collection[str]] = field(default_factory=dict)
    find_exempt: Callable[[int], Hold | None] = lambda _: None
    ruled: Callable[[Change], str] = lambda _: ""
    gone: Collection[Anchor] = ()

    def objection(self, change: Change) -> str:
        """Why this change may not be made after all; empty where nothing speaks against it.

        Raises `Unavailable`, `AccessRefused` where it cannot tell.
        """
        if not removes(change):
            return self._service(change) or self.ruled(change)
        return self._person(change) or self._service(change) or self._exempt(change) or self.ruled(change)

    def _exempt(self, change: Change) -> str:
        """Asked last: a hold may have come while the plan was made, or during the look itself."""
        hold = self.find_exempt(change.subject.login_id or 0)
        return str(hold) if hold else ""

    def _person(self, change: Change) -> str:
        anchor = change.subject.anchor
        if anchor is None or change.evidence is Evidence.ORDERED:
            return ""
        found = next(self._find(anchor), None)
        if found and isinstance(change, DeleteLogin):
            return f"still in the directory as {found.name}, and whoever is there is not deleted"
        if change.evidence is Evidence.UNSEEN:
            return self._still_there(anchor, found)
        if found is None:
            return self._not_found(change, anchor)
        return self._still_follows(change, found)

    def _not_found(self, change: Change, anchor: Anchor) -> str:
        """Whether a removal stands that rests on an entry, or on a configuration, although nobody is found."""
        if change.evidence is Evidence.RULE:
            return ""  # a configuration that no longer looks where they are was accepted for exactly these
        if isinstance(change, Write) and change.cause == Cause.DELETED and self._deleted(anchor):
            return ""
        return "the directory no longer answers for this person"

    def _deleted(self, anchor: Anchor) -> bool:
        return anchor in self.gone or any(_shows_deleted(source, anchor) for source in self.job.sources)

    def _find(self, anchor: Anchor) -> Iterator[Entry]:
        """Their entry in each source that answers for their directory; `ForeignRealm` where none does."""
        for source, entry in find_entries(self.job.sources, anchor, self._attributes):
            yield without(entry, frozenset(self.withheld.get(source.name, ())))

    def _attributes(self, source: Source) -> frozenset[str]:
        withheld = frozenset(self.withheld.get(source.name, ()))
        return self.job.rules.attributes - withheld

    def _selected(self, anchor: Anchor) -> bool:
        return any(_selects(source, anchor) for source in self.job.sources)

    def _still_there(self, anchor: Anchor, found: Entry | None) -> str:
        """Not found in the reading: gone, or moved out of base or filter, which is as good a reason."""
        if found is None or not self._selected(anchor):
            return ""
        return f"still in the directory as {found.name}, although the reading did not show it"

    def _still_follows(self, change: Change, entry: Entry) -> str:
        """Whether the entry as it is now still asks for what is to be taken."""
        wanted = self._wanted(entry)
        if _asks_for(change, wanted, self.job.target.group_roles):
            return ""
        if change.evidence is Evidence.RULE and not self._selected(entry.anchor):
            return ""
        return f"{entry.name} has changed in the directory since it was read"

    def _wanted(self, entry: Entry) -> Account | Unmapped:
        mapped = self.job.rules.map(entry, self.clock.now())
        return self.job.target.normalise(mapped, entry.name) if isinstance(mapped, Account) else mapped

    def _service(self, change: Change) -> str:
        """Whether the service still holds what the change was decided by."""
        return self._role(change) if isinstance(change, SetGroupRole) else self._login(change)

    def _role(self, change: SetGroupRole) -> str:
        name, now = change.group.name, self.job.target.role_in(change.group.id, change.subject.login_id or 0)
        if now is None:
            return f"no member of {name} any more"
        return "" if now == change.before else f"their role in {name} changed on the service since it was read"

    def _login(self, change: Change) -> str:
        """Whether the login is still what the change was decided by: the base of every field that is written."""
        before = change.before if isinstance(change, Write | DeleteLogin) else None
        if before is None:
            return ""
        now = self.job.target.login(before.id, before.login)
        if now is None:
            return f"login {before.id} no longer exists"
        moved = [name for name in WRITTEN_FIELDS if getattr(now, name) != getattr(before, name)]
        if isinstance(change, DeleteLogin) and now.last_seen != before.last_seen and now.last_seen is not None:
            moved.append("last login")
        if isinstance(change, DeleteLogin) and change.evidence is Evidence.ORDERED:
            moved += self._begun(change, now)
        return f"{', '.join(moved)} changed on the service since it was read" if moved else ""

    def _begun(self, change: DeleteLogin, now: Login) -> Iterator[str]:
        """What of a login changed that was to be deleted because nobody had begun to use it."""
        if now.activated != change.before.activated:
            yield "activation"
        try:
            loss = self.job.target.loss(now.id)
        except LoginUnknown:
            return  # the call itself finds out
        lost = change.lost
        if loss is None or lost is None or (loss.devices, loss.groups) != (lost.devices, lost.groups):
            yield "devices or groups"


def _selects(source: Source, anchor: Anchor) -> bool:
    try:
        return source.selects(anchor)
    except ForeignRealm:
        return False  # whether any source answers for them at all was asked before


def _shows_deleted(source: Source, anchor: Anchor) -> bool:
    try:
        return source.deleted(anchor)
    except ForeignRealm:
        return False  # whether any source answers for them at all was asked before


def _asks_for(change: Change, wanted: Account | Unmapped, roles: Mapping[str, int]) -> bool:
    """Whether somebody's account, or its absence, still leads to this removal; `roles` are the target's by name."""
    if isinstance(change, RemoveFromGroup):
        return isinstance(wanted, Account) and wanted.groups is not None and change.group.name not in wanted.groups
    if isinstance(change, SetGroupRole):
        role = dict(wanted.group_roles).get(change.group.name) if isinstance(wanted, Account) else None
        return role is not None and roles.get(role) == change.after
    assert isinstance(change, Write)  # noqa: S101 - nothing else removes
    taken = [name for name in fields_changed(change) if field_kind(change, name) in REMOVALS]
    if isinstance(wanted, Account):
        wanted = governed(wanted, change.before)
    return all(_same(name, change.after, wanted) for name in taken)


def _leaves(wanted: Account | Unmapped) -> bool:
    """Whether they are out of scope or disabled. Else the excluded, invalid and duplicate keep what they have."""
    return isinstance(wanted, Unmapped) and (wanted.reason is Absent.OUT_OF_SCOPE or wanted.disabled)


def _same(name: str, after: Login, wanted: Account | Unmapped) -> bool:
    if isinstance(wanted, Unmapped):
        return name == "status" and _leaves(wanted)
    match name:
        case "login":
            return may_have(wanted, after.login)
        case "status":
            return (wanted.enabled is False) == (after.status == Status.LOCKED)
        case "extra":
            return extra_wanted(wanted) == extra_held(after.extra, wanted)
        case _:
            return bool(getattr(wanted, name) == getattr(after, name))
