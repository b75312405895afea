"""What every order of a named person has to pass, whatever it asks for: drift put right, a run undone.

An order rests on no reading of a directory, so the questions that one answers are not asked. Whose a login is, who
protects it, who holds it and who locked it is asked as in every plan, and answered by what our own memory says now:
not by the person who orders, and not by the journal of an earlier run.
"""

from collections.abc import Iterator
from dataclasses import replace

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    AdoptMembership,
    Change,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    removes,
)
from iwds.core.decision import Decision, Proposal, Reason, Skip
from iwds.core.locks import with_locks_kept
from iwds.core.matching import believed
from iwds.core.model import LedgerRow, Login, fold
from iwds.core.policy import World
from iwds.core.words import field_words

OfLogin = Write | DeleteLogin | AddToGroup | SetGroupRole | RemoveFromGroup | AdoptMembership | Forget
"""What an order may ask for of a login that is there."""


def objection(login: Login, row: LedgerRow | None, world: World) -> tuple[Reason, str] | None:
    """Why a login may not be touched by an order of this job; None where it may."""
    if row is None:
        return Reason.FOREIGN, "not ours any more"
    if not believed(row, login):
        return Reason.FOREIGN, f"login {login.id} was {row.login} and is {login.login} now, with another tag"
    if row.owner != world.policy.provisioning_id:
        return Reason.FOREIGN, f"kept by the job with provisioningId {row.owner}"
    if not world.protected.isdisjoint({fold(login.login), fold(row.login)}):
        return Reason.PROTECTED, "the mapping protects this login"
    return None


def order(change: OfLogin, login: Login, row: LedgerRow | None, world: World) -> Decision:
    """What becomes of one ordered change of a login as it is now, but for a write (`order_write`)."""
    ordered: Change = replace(change, evidence=Evidence.ORDERED)
    if against := objection(login, row, world):
        return Skip(change.subject, *against, ordered)
    hold = world.exempt.get(login.id)
    return Proposal(ordered, exempt=str(hold) if hold and removes(ordered) else "")


def order_write(write: Write, row: LedgerRow | None, world: World, waits_for: int | None = None) -> Iterator[Decision]:
    """What becomes of an ordered write, whose `before` is the login as it is now; what may not be written is a skip.

    Args:
        write: what is wanted of it.
        row: our memory of the login.
        world: the facts of now.
        waits_for: the login that must give up its name first.
    """
    login = write.before
    decided = order(write, login, row, world)
    if isinstance(decided, Skip) or row is None:
        yield decided
        return
    if unread := [field_words(name) for name in WRITTEN_FIELDS if getattr(login, name) is None]:
        detail = f"{', '.join(unread)} not read, and an update overwrites every field"
        yield Skip(write.subject, Reason.UNPROVEN, detail, decided.change)
        return
    after, locked = with_locks_kept(login, write.after, row, world.holds.get(login.id))
    if locked:
        yield Skip(write.subject, Reason.LOCKED_ELSEWHERE, locked, decided.change)
    if after != login:
        kept = order(replace(write, after=after), login, row, world)
        yield replace(kept, waits_for=waits_for) if isinstance(kept, Proposal) else kept
