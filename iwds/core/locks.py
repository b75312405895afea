"""Whose lock a login has: ours is undone by us, anybody else's by them alone.

Every update of the service says anew whether a login is active, so each write has to be asked, whatever it is about.
"""

from dataclasses import replace

from iwds.core.model import LedgerRow, Login, Status
from iwds.core.policy import Hold


def with_locks_kept(login: Login, after: Login, row: LedgerRow, hold: Hold | None) -> tuple[Login, str]:
    """What may be written of a login as it is wanted, and why not all of it; empty where all may.

    Args:
        login: as it is.
        after: as it is wanted.
        row: our memory of it, which knows whether the lock is ours.
        hold: the helpdesk's lock that stands on it.
    """
    if after.status == Status.ACTIVE and login.status == Status.LOCKED and (hold or not row.locked):
        locked = str(hold) if hold else "locked by somebody else, and stays so until they unlock it"
        return replace(after, status=login.status), locked
    if hold and after != login and after.status != Status.LOCKED:
        # Their lock is just being made, or another hand undid it: an update says active or locked in any case.
        return login, f"{hold}; but the login is active, so it is left as it is"
    if hold and login.status != Status.LOCKED:
        # The lock and nothing beside it: where it is withheld, what is left of the write would say active.
        return replace(login, status=after.status), ""
    return after, ""
