"""Saved plans: found by the id that we keep them under, or in a file, and read with every doubt."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iwds.cli.plan_forms import Form
from iwds.core.nearest import close
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_from_data
from iwds.errors import UsageError
from iwds.ports import State


def applicable(what: str, wiring: Any) -> tuple[str, Plan]:
    """The job and the saved plan that were named. Raises `UsageError` and `Refused` where it must not be applied."""
    from iwds.engine.approved import refuse_unfit

    jobs = wiring.config.settings.jobs
    approved = found(what, wiring.state(), jobs)
    if approved.job not in jobs:
        raise UsageError(f'the plan is of job "{approved.job}", and there is none', f"jobs: {', '.join(jobs)}")
    document = wiring.state().plan(approved.id)
    kept = plan_of(document, approved.id) if document else None
    refuse_unfit(approved, kept, wiring.job(approved.job), datetime.now(UTC))
    return approved.job, approved


def refuse_ordered(approved: Plan | None) -> None:
    """A plan that a person ordered may be approved; it is not applied, because no directory would ask for the same."""
    if approved and approved.basis.ordered:
        raise UsageError(
            f"this plan is what somebody ordered ({approved.basis.ordered}), and no directory asks for it",
            "order it again: it is planned afresh from how things are then",
        )


def found(what: str, state: State, jobs: Iterable[str] = ()) -> Plan:
    """The plan in a file, or the one that is kept under an id or the beginning of one; see `document_of`."""
    return plan_of(document_of(what, state, jobs), what)


def document_of(what: str, state: State, jobs: Iterable[str] = ()) -> str:
    """The text of a plan's document; `UsageError` where there is none, or no more.

    Args:
        jobs: names of jobs, of which one may have been meant; none where a run may be named instead.
    """
    if Path(what).is_file():
        return _read(Path(what))
    text = state.plan(what)
    if text is None:
        other = f"job, nor a file, nor a saved plan{close(what, jobs)}" if jobs else "run, nor a file, nor a saved plan"
        raise UsageError(
            f'"{what}" is neither a {other}', "see: iwds plans" if jobs else "see: iwds history, iwds plans"
        )
    if not text:
        raise deleted(what)
    return text


def deleted(what: str) -> UsageError:
    """What is said of a plan that was kept as long as plans are."""
    return UsageError(f"plan {what} was deleted: plans are kept as long as keep_plans says", "see: iwds plans")


def plan_of(text: str, name: str) -> Plan:
    """The plan of a document, which is called `name`; `UsageError` where it is none, or was altered."""
    if form := _form_of(text):
        raise UsageError(
            f"{name} is a plan as {form.value}, which is for people and cannot be read back",
            "show the JSON form, or the plan by its id: iwds plans",
        )
    try:
        return plan_from_data(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name} is not a plan that can be read: {error}", "only the JSON form can; or make one: iwds plan JOB"
        ) from error


def _form_of(text: str) -> Form | None:
    """Which of the forms for people a document is, by how ours begin; None where it is none of them."""
    head = text[:40].replace('"', "").lower()
    begins = {Form.CSV: "step,order,", Form.HTML: "<!doctype html>", Form.MARKDOWN: "# Plan ", Form.TEXT: "Plan "}
    return next((form for form, start in begins.items() if head.startswith(start.lower())), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {why}") from error
