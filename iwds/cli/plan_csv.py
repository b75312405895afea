"""A whole plan as a table: a line for every change and every skip. The columns stay; new ones come behind them."""

from collections.abc import Iterator

from iwds.cli.plan_sections import Step, cause_of, fields_of, group_of, kinds_of, personal, sections
from iwds.cli.spreadsheet import table
from iwds.core.change import Subject
from iwds.core.plan import Plan

COLUMNS = (
    *("step", "order", "kinds", "login", "login_id", "realm", "person", "group", "fields", "what", "why"),
    *("evidence", "cause", "reason", "plan", "job", "service", "made_at", "valid_until", "delete_by", "personal_data"),
)


def plan_as_csv(plan: Plan) -> str:
    """The whole table with its heads."""
    return table([COLUMNS, *_rows(plan)])


def _rows(plan: Plan) -> Iterator[tuple[object, ...]]:
    ends = (moment.isoformat() if moment else "" for moment in (plan.valid_until, plan.delete_by))
    whose = (plan.id, plan.job, plan.service, plan.made_at.isoformat(), *ends, personal(plan))
    for section in sections(plan):
        yield from ((*_row(step), *whose) for step in section.steps)


def _row(step: Step) -> tuple[object, ...]:
    subject = _subject(step)
    anchor, evidence = subject.anchor, step.change.evidence if step.change else None
    return (
        "skip" if step.skip else "change",
        step.order or "",
        kinds_of(step),
        step.login,
        "" if subject.login_id is None else subject.login_id,
        anchor.realm if anchor else "",
        anchor.id if anchor else "",
        group_of(step),
        fields_of(step),
        step.what,
        step.why,
        evidence.value if evidence else "",
        cause_of(step.change),
        step.skip.reason.value if step.skip else "",
    )


def _subject(step: Step) -> Subject:
    if step.skip:
        return step.skip.subject
    assert step.change is not None  # noqa: S101 - what is made is a change
    return step.change.subject
