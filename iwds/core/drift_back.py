"""Putting back what we last wrote: the changes for one login, and what has to be left as it is, with the reason."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from iwds.core.change import AddToGroup, RemoveFromGroup, SetGroupRole, Subject, Write
from iwds.core.drift import IN, Drift, DriftKind, How, Trace
from iwds.core.ledger import EXTRA
from iwds.core.model import LedgerRow, Login
from iwds.core.normal import merge_extra

BECAUSE = "changed by hand on the service; put back as we last wrote it"
Step = Write | AddToGroup | SetGroupRole | RemoveFromGroup

_GONE_FOR_GOOD = {
    DriftKind.GONE: "it was deleted with its devices; the next run creates it anew where the directory has the person",
    DriftKind.STRANGER: "neither its name nor its tag is what we knew: nobody knows whose it is",
    DriftKind.TAG: "no call gives a login its tag back; find out which other tool writes to it",
}


@dataclass(frozen=True, slots=True)
class Left:
    """A difference that cannot be put back, and why."""

    drift: Drift
    why: str


def obstacle(drift: Drift, trace: Trace) -> str:
    """Why a difference cannot be put back; empty where it can."""
    if why := _GONE_FOR_GOOD.get(drift.kind):
        return why
    if drift.kind is DriftKind.JOINED and not trace.known:
        return "as the journal says we put or found them there, and our memory does not know it any more"
    if not trace.known or trace.was is None:
        return "what we wrote is not in the journal any more, only its hash"
    if drift.kind is DriftKind.JOINED and trace.how is How.ADOPTED:
        return "they may have been in it before the login became ours"
    return ""


def put_back(row: LedgerRow, login: Login, found: Iterable[tuple[Drift, Trace]]) -> tuple[Sequence[Step], list[Left]]:
    """One write for all fields of a login, and a step for each group; and what is left.

    Args:
        row: our memory of the login.
        login: as it is now.
        found: what differs now, each with what the journal tells.
    """
    left: list[Left] = []
    possible: list[tuple[Drift, Trace]] = []
    for drift, trace in found:
        if why := obstacle(drift, trace):
            left.append(Left(drift, why))
        else:
            possible.append((drift, trace))
    subject = Subject(login.login, row.anchor, login.id)
    fields = [(drift, trace) for drift, trace in possible if drift.group is None]
    after = _as_written(login, fields)
    if after is None:
        left += [Left(drift, "the extra fields on the service cannot be read") for drift, _ in fields]
    write = [Write(subject, login, after, BECAUSE)] if after and after != login else []
    return [*write, *_in_groups(subject, row, possible)], left


def _as_written(login: Login, fields: Sequence[tuple[Drift, Trace]]) -> Login | None:
    """The login with these parts as we wrote them; None where its extra fields cannot be understood."""
    plain = {drift.what: trace.was for drift, trace in fields if not drift.what.startswith(EXTRA)}
    extra = tuple(
        (drift.what.removeprefix(EXTRA), str(trace.was)) for drift, trace in fields if drift.what.startswith(EXTRA)
    )
    merged = merge_extra(login.extra or "", extra) if extra else login.extra
    if extra and merged is None:
        return None
    return replace(login, **plain, extra=merged)  # type: ignore[arg-type]  # each part has the type of its field


def _in_groups(subject: Subject, row: LedgerRow, found: Iterable[tuple[Drift, Trace]]) -> Iterator[Step]:
    for drift, trace in found:
        if drift.group is None:
            continue
        if drift.kind is DriftKind.GROUP_ROLE:
            assert isinstance(drift.now, int)  # noqa: S101 - a role is a number
            assert isinstance(trace.was, int)  # noqa: S101 - and so was this one
            yield SetGroupRole(subject, drift.group, drift.now, trace.was, BECAUSE)
        elif trace.was == IN:
            yield AddToGroup(subject, drift.group, BECAUSE, role=row.group_roles.get(drift.group.id))
        else:
            yield RemoveFromGroup(subject, drift.group, BECAUSE)
