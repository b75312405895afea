"""What runs of what changed had missed, as a run that reads everybody finds it: a directory may not tell all."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from iwds.core.change import (
    AddToGroup,
    Change,
    CreateLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SetGroupRole,
    Subject,
    Write,
    fields_changed,
)
from iwds.core.ledger import EXTRA, held_value
from iwds.core.ledger import marks as fits
from iwds.core.model import Anchor, LedgerRow
from iwds.core.plan import Plan
from iwds.engine.job import Job, Tools
from iwds.errors import AccessRefused, MarkLost, Unavailable
from iwds.ports import Mark, Waiting

MOST_COMPARED = 10_000
"""More people than this are not compared: each may cost a directory some questions, and the night is to end."""
LISTED = 20
"""How many a report names."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What runs of what changed knew before this run.

    Attributes:
        marks: of each source, up to where they had seen everything.
        waiting: of whom they knew that something is wanted.
        due: of whom the rules make something else by now.
    """

    marks: Mapping[str, Mark]
    waiting: Mapping[Anchor, Waiting]
    due: Collection[Anchor]


def earlier_of(job: Job, tools: Tools) -> Earlier:
    """What is kept now."""
    service, state = job.target.service, tools.state
    waiting = {each.anchor: each for each in state.waiting(job.name, service)}
    return Earlier(state.marks(job.name, service), waiting, state.due(job.name, service, tools.clock.now()))


def missed(plan: Plan, job: Job, tools: Tools, before: Earlier) -> tuple[Subject, ...]:
    """Whom the directory changed without telling it; empty also where the sources cannot be asked for that any more.

    Somebody whose login was changed on the service is none of them, nor whoever a changed configuration touches.
    """
    basis = plan.basis
    if basis.config_changed or basis.first_run or basis.unproven or basis.selection.only or basis.tally.older:
        return ()
    known = {*before.waiting, *before.due}
    asked = {who: change for who, change in _asked(plan, job, tools) if who not in known} if before.marks else {}
    if not asked:
        return ()
    try:
        told = set(_told(job, tools, before.marks, asked))
    except (MarkLost, Unavailable, AccessRefused):
        return ()
    realms = {proof.realm for proof in basis.sources if proof.name in before.marks}
    return tuple(change.subject for who, change in asked.items() if who not in told and who.realm in realms)


def _told(job: Job, tools: Tools, marks: Mapping[str, Mark], asked: Mapping[Anchor, Change]) -> Iterator[Anchor]:
    """Who changed by what the sources tell by now; also who was deleted, where nobody may see that."""
    service = job.target.service
    for source in job.sources:
        feed = source.changes(job.rules.attributes) if source.name in marks else None
        if feed is None:
            continue
        known = partial(tools.state.known_members, job.name, service, source.name)
        delta = feed.since(marks[source.name].text, known, MOST_COMPARED)
        yield from (Anchor(feed.realm, who) for who in delta.people | delta.gone | delta.left.keys())
        yield from (who for who, change in asked.items() if delta.blind and change.evidence is Evidence.UNSEEN)


def _asked(plan: Plan, job: Job, tools: Tools) -> Iterator[tuple[Anchor, Change]]:
    """Whom the directory changed, and how, by what the plan makes or would make."""
    changes = [*plan.changes, *(skip.change for skip in plan.skips if skip.change)]
    deleted = {c.subject.key for c in changes if isinstance(c, Forget) and c.group is None}
    for change in changes:
        anchor, login_id = change.subject.anchor, change.subject.login_id
        if anchor is None or change.subject.key in deleted:
            continue
        row = tools.state.ledger_row(job.target.service, login_id) if login_id else None
        if isinstance(change, CreateLogin) or (row and _is_of_the_directory(change, row)):
            yield anchor, change


def _is_of_the_directory(change: Change, row: LedgerRow) -> bool:
    """Whether the service still has what we last wrote, so that it is the directory that moved."""
    match change:
        case Write():
            return any(_untouched(change, name, row) for name in fields_changed(change))
        case AddToGroup():
            return change.group.id not in row.groups
        case RemoveFromGroup():
            return change.group.id in row.groups
        case SetGroupRole():
            return row.group_roles.get(change.group.id) == change.before
        case _:
            return False


def _untouched(write: Write, name: str, row: LedgerRow) -> bool:
    keys = [key for key in row.written if key.startswith(EXTRA)] if name == "extra" else [name]
    held = [(held_value(write.before, key), row.written.get(key)) for key in keys]
    return bool(held) and all(mark is not None and fits(value, mark) for value, mark in held)


def missed_words(people: Collection[Subject]) -> str:
    """A sentence; empty where nobody was missed."""
    if not people:
        return ""
    names = [subject.login for subject in people]
    more = ", …" if len(names) > _NAMED else ""
    who = "1 person" if len(names) == 1 else f"{len(names):,} people"
    return f"runs of changes had missed {who}: {', '.join(names[:_NAMED])}{more}"


_NAMED = 5
"""How many the sentence names."""


def missed_data(people: Collection[Subject]) -> dict[str, Any]:
    """For the report of a run; nothing where nobody was missed."""
    names = [subject.login for subject in people]
    return {"missed": {"count": len(names), "listed": names[:LISTED]}} if names else {}
