"""What a change does to our memory of a login."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from iwds.core.change import (
    WRITTEN_FIELDS,
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Write,
    fields_changed,
)
from iwds.core.model import Account, LedgerRow, Login, Origin, Role, Status
from iwds.core.normal import parse_extra, plain

EXTRA = "extra "
"""What the name of an extra field begins with, in the ledger's `written` and wherever single ones are named."""


def fingerprint(value: object) -> str:
    """A short hash of one field's value, for the ledger: enough to see a difference, too little to read."""
    return hashlib.blake2s(repr(value).encode(), digest_size=6).hexdigest()


def held_value(login: Login, name: str) -> str | int | None:
    """What a login has in what `written` calls so: a field or `extra KEY`; None where that cannot be read."""
    if not name.startswith(EXTRA):
        value: str | int | None = getattr(login, name)
        return value
    held = None if login.extra is None else parse_extra(login.extra)
    return None if held is None else held.get(name.removeprefix(EXTRA), "")


def marks(value: str | int | None, mark: str) -> bool:
    """Whether a hash of `written` is that of a value, however the service spells it."""
    spelled = {value, plain(value)} if isinstance(value, str) else {value}
    return any(fingerprint(int(each) if isinstance(each, int) else each) == mark for each in spelled)


def written_of(login: Login) -> Mapping[str, str]:
    """The ledger's `written` for a login that now reads so; extra fields are shared with others and left out.

    Those that we wrote ourselves are added to it one by one, as `extra KEY`.
    """
    known = ((name, getattr(login, name)) for name in WRITTEN_FIELDS if name != "extra")
    return {name: fingerprint(int(v) if isinstance(v, int) else v) for name, v in known if v is not None}


def created_login(account: Account, login_id: int) -> Login:
    """What the service holds after a creation, but for the extra fields, which the target renders."""
    return Login(
        id=login_id,
        login=account.login,
        firstname=account.firstname or "",
        name=account.name or "",
        mail=account.mail or "",
        phone=account.phone or "",
        role=int(account.role or Role.USER),
        status=int(Status.ACTIVE),
    )


def ledger_effect(change: Change, login_id: int, row: LedgerRow | None, owner: int) -> LedgerRow | None:
    """The ledger row of a login after a change was made; None where the login is gone.

    Args:
        change: what was made.
        login_id: the login that it was made to.
        row: the ledger row before, None where the login was not ours.
        owner: the provisioningId of the job.
    """
    anchor = change.subject.anchor
    match change:
        case CreateLogin():
            assert anchor is not None  # noqa: S101 - only a person can be created
            made = created_login(change.account, login_id)
            extra = {EXTRA + key: fingerprint(value) for key, value in change.account.extra}
            return LedgerRow(login_id, anchor, owner, Origin.CREATED, made.login, written={**written_of(made), **extra})
        case Adopt():
            assert anchor is not None  # noqa: S101 - only a person explains an adoption
            login = change.login
            return LedgerRow(
                login_id, anchor, owner, Origin.ADOPTED, login.login, login.created_by,
                groups=frozenset(change.groups), written=written_of(login), group_roles=dict(change.roles),
            )  # fmt: skip
        case DeleteLogin() | Forget(group=None):
            return None
        case _ if row is None:
            return None
        case Write():
            locked = row.locked if change.before.status == change.after.status else change.after.status == Status.LOCKED
            unlocked = change.after.status != Status.LOCKED == change.before.status
            # An undoing unlocks leavers too: who locks them after it begins their grace anew.
            left_at = None if unlocked else row.left_at
            written = _rewritten(row, change)
            return replace(row, login=change.after.login, locked=locked, written=written, left_at=left_at)
        case AddToGroup() | AdoptMembership():
            return _with_role(replace(row, groups=row.groups | {change.group.id}), change.group.id, change.role)
        case SetGroupRole():
            return _with_role(row, change.group.id, change.after)
        case RemoveFromGroup() | Forget():
            assert change.group is not None  # noqa: S101 - the case above took the other
            return _with_role(replace(row, groups=row.groups - {change.group.id}), change.group.id, None)
        case SendActivation():
            return row
        case _:
            assert_never(change)


def _rewritten(row: LedgerRow, write: Write) -> dict[str, str]:
    """The ledger's `written` after a write: what it merely echoed stays known as it was.

    An update overwrites every field; else what somebody did by hand would count as ours from the next update on.
    """
    changed = fields_changed(write)
    echoed = {name: known for name, known in row.written.items() if name not in changed}
    old, new = (parse_extra(login.extra or "") or {} for login in (write.before, write.after))
    extra = {EXTRA + key: fingerprint(new.get(key, "")) for key in old | new if old.get(key, "") != new.get(key, "")}
    return {**written_of(write.after), **echoed, **extra}


def _with_role(row: LedgerRow, group: int, role: int | None) -> LedgerRow:
    """The same row, with what we know of the role in one group; None for nothing."""
    others = {known: number for known, number in row.group_roles.items() if known != group}
    return replace(row, group_roles=others if role is None else {**others, group: role})
