"""What became of a call without an answer: read, never guess."""

from collections.abc import Callable

from iwds.core.change import Change, CreateLogin, DeleteLogin, SetGroupRole, Write, fields_changed
from iwds.core.model import LedgerRow, Login
from iwds.core.normal import parse_extra
from iwds.ports import Result, TargetReader

MADE_BY_API = 1
"""The tag of what was created through the API without one."""

FindRow = Callable[[int], LedgerRow | None]
"""The ledger row of one login id."""


def settled_by_reading(change: Change, login_id: int, target: TargetReader, find_row: FindRow) -> tuple[Result, int]:
    """What a read says became of a change, and the login's id.

    A membership would take the reading of a whole group, which the next run does once for all, and a mail cannot be
    seen: both stay unknown. Raises `Unavailable` and `AccessRefused` where the service cannot be read.
    """
    match change:
        case Write():
            return _written(change, target), login_id
        case DeleteLogin():
            gone = target.login(change.before.id, change.before.login) is None
            return (Result.DONE if gone else Result.REJECTED), login_id
        case CreateLogin():
            return _created(change, target, find_row)
        case SetGroupRole():
            return _role_set(change, login_id, target), login_id
        case _:
            return Result.UNKNOWN, login_id


def _created(change: CreateLogin, target: TargetReader, find_row: FindRow) -> tuple[Result, int]:
    login = target.named(change.account.login)
    if login is None:
        return Result.REJECTED, 0
    row = find_row(login.id)
    if row is not None and row.anchor != change.subject.anchor:
        # Whoever was to give up this name still has it, with their devices.
        return Result.REJECTED, 0
    ours = login.created_by == target.provisioning_id or _untagged(login, target)
    return (Result.DONE, login.id) if ours else (Result.UNKNOWN, 0)


def _untagged(login: Login, target: TargetReader) -> bool:
    """Whether this may be a login that we could only create without our tag, as the settings allow.

    The plan saw nobody of that name shortly before, and nobody has used it yet.
    """
    unused = login.created_by == MADE_BY_API and login.activated is False
    return unused and target.untagged_creations and not target.knows_tagged_creation()


def _role_set(change: SetGroupRole, login_id: int, target: TargetReader) -> Result:
    now = target.role_in(change.group.id, login_id)
    if now == change.after:
        return Result.DONE
    return Result.REJECTED if now in (change.before, None) else Result.UNKNOWN


def _written(change: Write, target: TargetReader) -> Result:
    now = target.login(change.after.id, change.after.login)
    if now is None:
        return Result.REJECTED
    changed = fields_changed(change)
    if all(_same(name, now, change.after) for name in changed):
        return Result.DONE
    untouched = all(_same(name, now, change.before) for name in changed)
    return Result.REJECTED if untouched else Result.UNKNOWN


def _same(name: str, now: Login, meant: Login) -> bool:
    """Whether a field reads as it was meant; the service may write the text of the extra fields in its own way."""
    one, other = getattr(now, name), getattr(meant, name)
    return bool(one == other or (name == "extra" and one and other and parse_extra(one) == parse_extra(other)))
