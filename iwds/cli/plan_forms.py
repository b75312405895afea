"""The forms of a plan's document: which there are, which a file's name asks for, and how one is written."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from iwds.cli.page import tell
from iwds.core.plan import Plan
from iwds.errors import UsageError
from iwds.privatefile import write_private


class Form(StrEnum):
    """What a document of a plan can be."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[
    Form | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="Print it all as text, markdown, html, csv or json; files of other suffixes too.",
    ),
]
FormsOption = Annotated[
    list[Path] | None,
    typer.Option("--output", "-o", help="Write the plan to a .json, .txt, .md, .html or .csv, 0600; may be repeated."),
]

_SUFFIXES: Mapping[str, Form] = {
    ".json": Form.JSON,
    ".txt": Form.TEXT,
    ".md": Form.MARKDOWN,
    ".html": Form.HTML,
    ".csv": Form.CSV,
}
BOM = "\ufeff"
"""What tells Excel, which asks nobody, that a file is UTF-8."""


def forms_of(files: Sequence[Path], form: Form | None) -> Sequence[tuple[Path, Form]]:
    """Each file with the form that its name asks for, or else the one that was chosen; `UsageError` without either."""
    chosen = [(file, _SUFFIXES.get(file.suffix.lower(), form)) for file in files]
    for file, asked in chosen:
        if asked is None:
            raise UsageError(f"{file}: which form?", f"end its name with {', '.join(_SUFFIXES)}, or say --format")
    return [(file, asked) for file, asked in chosen if asked]


def rendered(plan: Plan, form: Form) -> str:
    """A plan as text in one form."""
    return _renderers()[form](plan)


def _renderers() -> Mapping[Form, Callable[[Plan], str]]:
    from iwds.cli.plan_csv import plan_as_csv
    from iwds.cli.plan_html import plan_as_html
    from iwds.cli.plan_markdown import plan_as_markdown
    from iwds.cli.plan_whole import plan_as_text

    return {
        Form.TEXT: plan_as_text,
        Form.MARKDOWN: plan_as_markdown,
        Form.HTML: plan_as_html,
        Form.CSV: plan_as_csv,
        Form.JSON: _as_json,
    }


def _as_json(plan: Plan) -> str:
    from iwds.core.plan_document import plan_to_data

    return json.dumps(plan_to_data(plan), ensure_ascii=False, indent=2) + "\n"


def write_forms(plan: Plan, files: Sequence[tuple[Path, Form]]) -> None:
    """Write each file whole or not at all, readable by its owner alone, and say so on standard error.

    `UsageError` where one cannot be written.
    """
    for file, form in files:
        text = rendered(plan, form)
        try:
            write_private(file, BOM + text if form is Form.CSV else text)
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}") from error
        tell(f"written {file}", "dim")
