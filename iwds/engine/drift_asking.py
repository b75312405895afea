"""What the directory wants of those who differ, asked person by person, and what the next run makes of it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from iwds.core.change import removes
from iwds.core.drift import Moment, since
from iwds.core.drift_keep import writing
from iwds.core.drift_next import Next, Then, next_step
from iwds.core.guards import retagged_words
from iwds.core.plan_document import plan_from_data
from iwds.core.rulings import Rulings
from iwds.engine.drift import Found
from iwds.engine.job import Job, Tools
from iwds.engine.leasing import APART
from iwds.engine.one import look
from iwds.engine.ruling import standing
from iwds.engine.seeking import Candidate
from iwds.engine.sighting import One

_LOOKED_THROUGH = 50
"""In how many runs is looked for the last one that read everybody and went well."""


def ask(job: Job, tools: Tools, found: Sequence[Found], retagged: int = 0) -> Iterator[Found]:
    """The same differences, with what the next run does about each; those of one login stand together.

    While so many logins of ours are `retagged`, a run holds every removal.

    What the directory wants as it stands on the service is remembered, so that it is not listed again.
    """
    last, rulings = _last_run(job, tools), standing(job, tools)
    agreed: list[tuple[int, str]] = []
    for number, (_, mine) in enumerate(groupby(found, lambda each: each.row.login_id), 1):
        for each in _asked(job, tools, list(mine)):
            if each.next and each.next.then is Then.AGREES:
                agreed.append((each.row.login_id, each.drift.what))
            yield _narrowed(_held(each, rulings, retagged), last)
        tools.progress("people", number, None)
    tools.state.note_agreed(job.name, job.target.service, agreed)


def _asked(job: Job, tools: Tools, mine: Sequence[Found]) -> Iterator[Found]:
    row = mine[0].row
    one = look(job, tools, Candidate(row.anchor, None, row.login, row.login))
    entry = one.counts.entry.name if one.counts else ""
    for each in mine:
        yield each if one.failed or one.world is None else replace(each, next=_next(each, one), entry=entry)


def _held(found: Found, rulings: Rulings, retagged: int) -> Found:
    """A run leaves what somebody rejected, and takes nothing from anybody while another tool writes to logins."""
    step = found.next
    if step is None or found.login is None or step.then not in (Then.PUTS_BACK, Then.WRITES):
        return found
    change = writing(found.row, found.login, found.drift, step.wanted)
    ruling = rulings.rejected(change) if change else None
    why = str(ruling) if ruling else ""
    if retagged and change and removes(change):
        why = why or f"held: {retagged_words(retagged)}"
    return replace(found, next=Next(Then.WAITS, step.wanted, why)) if why else found


def _next(found: Found, one: One) -> Next:
    assert one.world is not None  # noqa: S101 - the caller looked
    counting = one.counts.mapped if one.counts else None
    return next_step(found.drift, one.person or counting, (*one.decisions, *one.on_absence), one.world)


@dataclass(frozen=True, slots=True)
class _LastRun:
    """The last run that read everybody and went well: when it began, and whom it did not find settled."""

    moment: Moment
    about: frozenset[str]


def _last_run(job: Job, tools: Tools) -> _LastRun | None:
    """Whoever is not in its plan had what the directory wanted when it read the service."""
    for run in tools.state.runs(job.name, _LOOKED_THROUGH, without=APART):
        applied = run.report.get("succeeded") and "results" in run.report
        document = tools.state.plan(run.plan) if applied and run.service == str(job.target.service) else None
        plan = plan_from_data(json.loads(document)) if document else None
        if plan and plan.basis.sources and not plan.basis.selection.only:
            subjects: Iterable[str] = (each.subject.key for each in (*plan.changes, *plan.skips))
            return _LastRun(Moment(run.started, run.id), frozenset(subjects))
    return None


def _narrowed(found: Found, last: _LastRun | None) -> Found:
    """A later begin, where the last run would have put it back and had nothing to do for this person."""
    puts_back = found.next is not None and found.next.then is Then.PUTS_BACK
    if last is None or not puts_back or str(found.row.anchor) in last.about:
        return found
    narrowed = since([found.since.after, last.moment], [found.since.before], found.since.before.at)
    return replace(found, since=narrowed)
