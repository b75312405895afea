"""`schema`: what an editor needs to complete and check the files that people write."""

from typing import Annotated

import typer

from iwds.cli.common import show_json
from iwds.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    file: Annotated[str, typer.Argument(metavar="FILE", help="mapping, schedule, configuration, golden, entry, plan.")],
) -> int:
    """Print the JSON Schema of a kind of file, or of a plan. `iwds init` writes all of them beside the files."""
    from iwds.schemas import SCHEMAS

    if file not in SCHEMAS:
        raise UsageError(f"{file} is no kind of file", f"known: {', '.join(SCHEMAS)}")
    show_json(SCHEMAS[file]())
    return 0
