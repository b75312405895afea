"""A whole plan as Markdown: headings and tables, in which names are text and nothing else."""

import re
from collections.abc import Iterator

from iwds.cli.page import printable
from iwds.cli.plan_sections import Section, facts, sections, title_of
from iwds.core.plan import Plan

_MARKUP = re.compile(r"[\\`*_\[\]|~#!$]|(?<=:)/(?=/)|(?<=www)\.")
"""What means something in Markdown, in a table, or makes a link of an address."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def plan_as_markdown(plan: Plan) -> str:
    """The whole document."""
    return "".join(f"{line}\n" for line in _lines(plan))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    safe = "".join(_ENTITIES.get(letter, letter) for letter in printable(text))
    # An entity's own `&` and `;` stay; a backslash before any mark takes its meaning away.
    return _MARKUP.sub(lambda found: "\\" + found[0], safe)


def _lines(plan: Plan) -> Iterator[str]:
    yield f"# {escaped(title_of(plan))}"
    yield from ("", "| | |", "|---|---|")
    yield from (_row(label, words) for label, words in facts(plan))
    for section in sections(plan):
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {escaped(f'{section.part}: {section.title}')} ({len(section.steps):,})")
    yield from ("", "| Login | What | Why |", "|---|---|---|")
    yield from (_row(step.login, step.what, step.why) for step in section.steps)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
