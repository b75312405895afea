"""Letting a drift stay: what a run would write over it is rejected, whatever the directory wants of it by now.

The rejection also carries a mark of the drift itself, so that it is listed as kept for as long as it is that very
difference. What somebody changes by hand after that is a drift again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b

from iwds.core.change import AddToGroup, Change, CreateLogin, RemoveFromGroup, SetGroupRole, Subject, Write
from iwds.core.drift import IN, Drift, DriftKind, Value
from iwds.core.ledger import EXTRA
from iwds.core.model import Account, LedgerRow, Login
from iwds.core.normal import merge_extra
from iwds.core.rulings import Ruling, Said, Verdict, aims
from iwds.core.words import describe

BECAUSE = "what was done by hand stays"


def can_be_written(drift: Drift) -> bool:
    """Whether a run could write over it: never over a tag, nor to a login of which nobody knows whose it is."""
    return drift.kind not in (DriftKind.STRANGER, DriftKind.TAG)


def kept_mark(row: LedgerRow, drift: Drift) -> str:
    """By what the rejection of a drift is recognised, for as long as the service has what it had then."""
    what = ["drift", str(row.anchor), row.login_id, drift.what, drift.now]
    return blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()


def keeping(row: LedgerRow, login: Login | None, drift: Drift, values: Iterable[Value], said: Said) -> Ruling | None:
    """The rejection that lets a drift stay; None where no run would write over it in any case.

    Args:
        row: our memory of the login.
        login: as it is; None where it is gone.
        drift: what was done by hand.
        values: what we wrote, and what the directory wants, as far as they are known; None for not known.
        said: who lets it stay, why, and until when.
    """
    changes = list(_over(row, login, drift, values))
    if not changes:
        return None
    marks = frozenset[str]().union(*map(aims, changes)) | {kept_mark(row, drift)}
    return Ruling(Verdict.REJECTED, marks, changes[0].subject, describe(changes[0]), said)


def _over(row: LedgerRow, login: Login | None, drift: Drift, values: Iterable[Value]) -> Iterator[Change]:
    if drift.kind is DriftKind.GONE:
        subject = Subject(row.login, row.anchor, None)
        yield CreateLogin(subject, Account(row.anchor, row.login), BECAUSE)
    elif login is not None and can_be_written(drift):
        for value in dict.fromkeys(values):
            if value is not None and value != drift.now and (change := writing(row, login, drift, value)):
                yield change


def writing(row: LedgerRow, login: Login, drift: Drift, value: Value) -> Change | None:
    """The change that writes a value over a drift; None where the extra fields cannot be understood."""
    subject = Subject(login.login, row.anchor, login.id)
    if drift.group is None:
        after = _with(login, drift.what, value)
        return Write(subject, login, after, BECAUSE) if after else None
    if drift.kind is DriftKind.GROUP_ROLE:
        return SetGroupRole(subject, drift.group, int(drift.now or 0), int(value or 0), BECAUSE)
    if value == IN:
        return AddToGroup(subject, drift.group, BECAUSE)
    return RemoveFromGroup(subject, drift.group, BECAUSE)


def _with(login: Login, what: str, value: Value) -> Login | None:
    if not what.startswith(EXTRA):
        return replace(login, **{what: value})  # type: ignore[arg-type]  # a part has the type of its field
    merged = merge_extra(login.extra or "", ((what.removeprefix(EXTRA), str(value)),))
    return None if merged is None else replace(login, extra=merged)
