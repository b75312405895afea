"""A resync of one person in words and as data: what is made, what waits for a run of everybody, what is left alone."""

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from rich.text import Text

from iwds.cli.change_text import change_line, heading
from iwds.cli.order_text import ended_data
from iwds.cli.page import hanging, printable
from iwds.cli.refusal_text import refusal_lines
from iwds.core.alone import DELETED
from iwds.core.decision import Skip
from iwds.core.model import Activation
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_to_data
from iwds.core.words import describe
from iwds.engine.resync import Resynced
from iwds.engine.seeking import Candidate
from iwds.engine.sighting import One


def person_lines(one: One, plan: Plan) -> list[Text]:
    """Who it is, what would be made of them now, and what would not."""
    if plan.violations:
        return refusal_lines(plan, report_only=False)
    waiting = [skip for skip in plan.skips if skip in plan.held]
    others = [skip for skip in plan.skips if skip not in waiting]
    return [
        *_head(one, plan),
        *(change_line(change) for change in plan.changes),
        *_skips("Waits:", waiting),
        *_skips("Left alone:", others),
        *([] if plan.changes else [_nothing(plan)]),
    ]


def _head(one: One, plan: Plan) -> Iterator[Text]:
    login = f", login #{one.login.id}" if one.login else ", no login"
    yield Text(printable(f"{_called(one)}{login}, in job {plan.job}"), "bold")
    for each in one.sightings:
        outside = "" if each.selected else " (outside of base or filter)"
        yield from map(Text, hanging("  ", f"{each.entry.name}, {each.source}{outside}"))
    if not one.sightings:
        yield Text(f"  {DELETED if one.tombstone else 'not found in any directory'}", "yellow")


def _called(one: One) -> str:
    return one.login.login if one.login else one.who.login_name or one.who.name


def _skips(title: str, skips: Iterable[Skip]) -> Iterator[Text]:
    lines = [line for skip in skips for line in hanging("    . ", _skip_words(skip), 4)]
    if lines:
        yield Text(f"  {title}")
        yield from map(Text, lines)


def _skip_words(skip: Skip) -> str:
    what = describe(skip.change) if skip.change else skip.reason.value
    return f"{what}: {skip.detail}"


def _nothing(plan: Plan) -> Text:
    return Text("Nothing is changed now.") if plan.held else Text("Nothing to do.", style="green")


def hints(one: One, plan: Plan, code: Activation | None) -> list[Text]:
    """What to type where it is not done here."""
    told: list[Text] = []
    name = printable(shlex.quote(_called(one)))
    if code and one.login:
        state = "is activated" if one.login.activated else "exists and is not activated"
        words = f"{_called(one)} {state}, so --code changes nothing. A code, or with --mail a link:"
        told += [*map(Text, hanging("", words)), Text(f"  iwds login code {name}")]
    if any(skip.change and heading(skip.change) in ("lock", "delete") for skip in plan.held) and one.login:
        told += [Text("If it cannot wait, lock them by hand:"), Text(f"  iwds login lock {name} --reason TEXT")]
    return told


def several_lines(candidates: Iterable[Candidate], job: str) -> Iterator[Text]:
    """Who fits, each with what names exactly them."""
    yield Text("Several people fit. Name one of them:", "yellow")
    for each in candidates:
        yield from map(Text, hanging("  ", f"{each.login_name or '(no login)'}  {each.name}"))
        yield Text(printable(f"      iwds resync {shlex.quote(_exactly(each))} --job {job}"))


def _exactly(candidate: Candidate) -> str:
    if candidate.anchor:
        return candidate.anchor.id
    return f"#{candidate.login.id}" if candidate.login else candidate.name


def several_data(who: str, candidates: Iterable[Candidate], job: str) -> dict[str, Any]:
    """The same as JSON-ready data."""
    several = [{"name": each.name, "login": each.login_name, "name_by": _exactly(each)} for each in candidates]
    return {"schema": 1, "who": who, "job": job, "several": several}


def looked_data(who: str, one: One, plan: Plan, exit_code: int) -> dict[str, Any]:
    """A person and a plan as JSON-ready data."""
    anchor = {"realm": one.who.anchor.realm, "id": one.who.anchor.id} if one.who.anchor else None
    person = {
        "login": _called(one),
        "login_id": one.login.id if one.login else None,
        "anchor": anchor,
        "found": [{"source": e.source, "name": e.entry.name, "selected": e.selected} for e in one.sightings],
        "tombstone": one.tombstone,
    }
    return {
        "schema": 1,
        "who": who,
        "job": plan.job,
        "person": person,
        "plan": plan_to_data(plan),
        "waits": [_skip_words(skip) for skip in plan.held],
        **ended_data(None),
        "exit": exit_code,
    }


def resynced_data(who: str, done: Resynced) -> dict[str, Any]:
    """The same after it was applied; codes are no part of it."""
    return looked_data(who, done.one, done.plan, done.exit_code) | ended_data(done)
