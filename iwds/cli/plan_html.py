"""A whole plan as one page that stands alone: no script, nothing from elsewhere, and names that are only text."""

from iwds.cli.markup import DOCTYPE, Html, element, head
from iwds.cli.plan_sections import LOSES, WAITS, Section, Step, facts, sections, title_of
from iwds.core.plan import Plan

_CLASSES = {LOSES: "loses", WAITS: "waits"}


def plan_as_html(plan: Plan) -> str:
    """The whole page."""
    return f"{DOCTYPE}{element('html', head(title_of(plan)), _body(plan), lang='en')}\n"


def _body(plan: Plan) -> Html:
    parts = sections(plan)
    told = [element("tr", element("th", label, scope="row"), element("td", words)) for label, words in facts(plan)]
    links = [element("a", _title(part), href=f"#s{number}") for number, part in enumerate(parts, 1)]
    return element(
        "body",
        element("h1", title_of(plan)),
        element("table", *told, class_="facts"),
        element("nav", *links),
        *(_section(part, f"s{number}") for number, part in enumerate(parts, 1)),
    )


def _title(section: Section) -> str:
    return f"{section.part}: {section.title} ({len(section.steps):,})"


def _section(section: Section, name: str) -> Html:
    heads = element("thead", element("tr", *(element("th", head, scope="col") for head in ("Login", "What", "Why"))))
    return element(
        "details",
        element("summary", element("h2", _title(section))),
        element("table", heads, element("tbody", *map(_row, section.steps)), class_="steps"),
        open="",
        id=name,
        class_=_CLASSES.get(section.part, "rest"),
    )


def _row(step: Step) -> Html:
    return element("tr", *(element("td", cell, dir="auto") for cell in (step.login, step.what, step.why)))
