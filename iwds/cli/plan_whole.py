"""A whole plan as text: every line of it, by cause."""

from collections.abc import Iterator

from rich.text import Text

from iwds.cli.change_text import change_line
from iwds.cli.page import printable
from iwds.cli.plan_sections import Section, Step, facts, sections, title_of
from iwds.core.plan import Plan

_WIDE = 1000
"""Columns for a line: what somebody looks for in it is not cut."""


def whole_lines(plan: Plan) -> Iterator[Text]:
    """Whose plan it is and what holds for all of it, then every change and every skip."""
    yield Text(printable(title_of(plan)), "bold")
    yield from (Text(printable(f"{label}: {words}")) for label, words in facts(plan))
    for section in sections(plan):
        yield Text()
        yield Text(printable(_title(section)), "bold")
        yield from map(step_line, section.steps)


def _title(section: Section) -> str:
    return f"{section.part}: {section.title}, {len(section.steps):,}"


def step_line(step: Step) -> Text:
    """One change or skip as one line."""
    if step.skip is None:
        assert step.change is not None  # noqa: S101 - what is made is a change
        return change_line(step.change, _WIDE)
    what = f"{step.what}  -- " if step.change else ""
    text = printable(f"{step.login}  {step.skip.reason.value}: {what}{step.why}")
    return Text.assemble("    ", (".", "dim"), f" {text}")


def plan_as_text(plan: Plan) -> str:
    """The same as plain text."""
    return "".join(f"{line.plain}\n" for line in whole_lines(plan))
