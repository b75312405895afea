"""One person as JSON: the same as the page says."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from iwds.cli.explain_text import attributes_of
from iwds.cli.explain_verdict import verdict
from iwds.cli.login_text import login_data
from iwds.core.change import Change
from iwds.core.decision import Decision, Proposal, Skip
from iwds.core.document import change_to_data
from iwds.core.model import Unmapped
from iwds.core.rulings import Ruling
from iwds.core.words import describe
from iwds.engine.explaining import Explanation
from iwds.ports import Told


def data_of(seen: Explanation, when: datetime | None) -> dict[str, Any]:
    """The same as JSON; no code and no link."""
    one = seen.one
    person = one.person
    return {
        "job": seen.job,
        "verdict": verdict(seen)[0],
        "login": asdict(one.login) if one.login else None,
        "anchor": asdict(one.who.anchor) if one.who.anchor else None,
        "entries": [
            {
                "source": each.source,
                "answered_by": seen.answered_by.get(each.source, ""),
                "name": each.entry.name,
                "selected": each.selected,
                "counts": each is one.counts,
            }
            for each in one.sightings
        ],
        "tombstone": one.tombstone,
        "attributes": None if seen.entry is None else dict(attributes_of(seen)),
        "rivals": [each.entry.name for each in one.rivals],
        "scope": [asdict(each) for each in seen.clauses],
        "absent": {"reason": person.reason.value, "detail": person.detail} if isinstance(person, Unmapped) else None,
        "disabled_by": list(seen.disabled_by),
        "match": [case.match.value for case in one.cases],
        "ledger": [asdict(row) for row in one.rows],
        "fields": [asdict(each) for each in seen.fields],
        "groups": [
            {**asdict(each), "paths": {g: seen.paths.get(g, (g,)) for grant in each.grants for g in grant.groups}}
            for each in seen.groups
        ],
        "holds": [{**asdict(each), "hold": {**asdict(each.hold), "kind": each.hold.kind.value}} for each in one.holds],
        "phone": login_data(seen.seen) if seen.seen else None,
        "rulings": [_ruling_data(each) for each in seen.rulings],
        "lately": [_told_data(each) for each in seen.lately],
        "next_run": when,
        "changes": [_decided_data(each) for each in (seen.plan.changes if seen.plan else ())],
        "left_alone": [_skip_data(each) for each in (seen.plan.skips if seen.plan else ())],
        "on_absence": [_decision_data(each) for each in seen.on_absence],
        "failed": {what: error.message for what, error in seen.failed.items()},
    }


def _decided_data(change: Change) -> dict[str, Any]:
    return {"words": describe(change), **change_to_data(change)}


def _skip_data(skip: Skip) -> dict[str, Any]:
    change = _decided_data(skip.change) if skip.change else None
    return {"reason": skip.reason.value, "detail": skip.detail, "change": change}


def _decision_data(decision: Decision) -> dict[str, Any]:
    return _decided_data(decision.change) if isinstance(decision, Proposal) else _skip_data(decision)


def _told_data(told: Told) -> dict[str, Any]:
    return {**asdict(told), "result": told.result.value if told.result else "unknown"}


def _ruling_data(ruling: Ruling) -> dict[str, Any]:
    return {"verdict": ruling.verdict.value, "change": ruling.words, "people": ruling.people, **asdict(ruling.said)}
