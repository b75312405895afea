"""`doctor`: what is wrong on both sides, before the first sync and at any time after it."""

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from iwds.cli.common import JsonOption, wired
from iwds.cli.console import err, say
from iwds.core.hygiene import LARGE_GROUP, MANY_ADMINISTRATORS
from iwds.errors import UsageError

CsvOption = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write everybody to a table, 0600.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write everybody to a page that stands alone, 0600.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    administrators: Annotated[
        int, typer.Option("--administrators", metavar="N", min=0, help="More active ones than this are told.")
    ] = MANY_ADMINISTRATORS,
    members: Annotated[
        int, typer.Option("--members", metavar="N", min=0, help="Groups of more people than this are told.")
    ] = LARGE_GROUP,
    csv: CsvOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> int:
    """Read both sides, and say what is wrong there and what to do about it. Changes nothing, and needs no lease.

    Exit code 0: nothing to mend or to look at; 2: something; 3: a reading is not believed, so somebody may be missing.
    """
    from iwds.bootstrap import ward
    from iwds.cli import doctor_files as files
    from iwds.cli.doctor_text import doctor_lines
    from iwds.cli.planning import stoppable
    from iwds.engine.doctor import Limits, diagnose
    from iwds.privatefile import write_private_parts

    _refuse_places(csv, html)
    with wired() as wiring, closing(ward()) as everybody:
        with stoppable() as stop:
            found = diagnose(wiring.job(job), wiring.tools(), everybody, Limits(administrators, members), stop)
        wiring.progress.hide()
        for file, parts in ((csv, files.csv_parts), (html, files.html_parts)):
            if file is not None:
                try:
                    write_private_parts(file, parts(found, everybody))
                except OSError as error:
                    raise UsageError(f"{file} cannot be written: {error.strerror}") from error
                err.print(f"Written:  {escape(str(file))}", style="dim")
        if as_json:
            files.print_json(found, everybody)
        else:
            say(doctor_lines(found, everybody, written=bool(csv or html)))
    return found.exit_code


def _refuse_places(*files: Path | None) -> None:
    """`UsageError` where a file has no place, before everybody is read for it."""
    named = [file.resolve() for file in files if file is not None]
    if len(set(named)) < len(named):
        raise UsageError(f"{named[0]} is named twice, and the table and the page are two files")
    for file in named:
        if file.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
            raise UsageError(f"{file} cannot be written: it is a folder, or its folder is missing or not ours")
