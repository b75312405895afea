"""`parity`: whether a job would leave the service as another tool has just left it, and for how many nights."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iwds.cli.common import JsonOption, require_reason, wired
from iwds.cli.console import say
from iwds.cli.login import ReasonOption, TicketOption, moment
from iwds.errors import UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.engine.parity import Wish

COLUMNS = ("login", "reason")
"""What the head line of a list of accepted differences must name; `until` may stand there too."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("parity")(parity)


def parity(
    job: Annotated[str, typer.Argument(help="A job of the configuration.")],
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="LOGIN", help="What differs of this login today is right; or '#1234'."),
    ] = None,
    accept_file: Annotated[
        Path | None,
        typer.Option("--accept-file", metavar="FILE", help="The same of many: login,reason,until."),
    ] = None,
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help="--accept: so long; 30d without it.")] = "",
    reason: ReasonOption = "",
    ticket: TicketOption = "",
    undo: Annotated[bool, typer.Option("--undo", help="Accept the differences of --accept no longer.")] = False,
    history: Annotated[bool, typer.Option("--history", help="List the last looks; take none.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Every line.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Compare with what another tool has just left on the service. Run it after each of its runs. Changes nothing.

    Parity is a plan that only adopts. Exit code 0: parity; 2: something differs; 3: a reading is in doubt.
    """
    wishes = _wishes(accept, accept_file, until, reason)
    if undo and (not accept or accept_file or until):
        raise UsageError("--undo takes back what --accept LOGIN accepted", "iwds parity JOB --accept LOGIN --undo")
    if history and (wishes or undo):
        raise UsageError("--history lists the looks that were taken, and accepts nothing: give one of the two")
    with wired() as wiring:
        if history:
            return _history(wiring, job, as_json)
        if undo:
            return _undo(wiring, job, (accept or (), reason, ticket), as_json)
        return _look(wiring, job, (wishes, ticket), (show_all, as_json))


def _look(wiring: Any, job: str, asked: "tuple[Sequence[Wish], str]", how: tuple[bool, bool]) -> int:
    from iwds.cli import parity_text as words
    from iwds.engine.parity import compare

    (wishes, ticket), (show_all, as_json) = asked, how
    found = compare(wiring.job(job), wiring.tools(), wishes, ticket)
    wiring.progress.hide()
    if as_json:
        words.show_data(found)
    else:
        say(words.lines(found, show_all))
    return words.EXIT_CODES[found.judged.parity]


def _history(wiring: Any, job: str, as_json: bool) -> int:
    from iwds.cli import parity_text as words

    looks = wiring.state().parities(job, wiring.job(job).target.service)
    words.show_history(job, looks, as_json)
    return 0


def _undo(wiring: Any, job: str, what: tuple[Sequence[str], str, str], as_json: bool) -> int:
    from iwds.cli import parity_text as words
    from iwds.engine.parity import take_back

    logins, reason, ticket = what
    require_reason(reason, "--undo")
    ready, tools = wiring.job(job), wiring.tools()
    rows = [row for who in logins for row in take_back(ready, tools, who, reason, ticket)]
    words.show_taken_back(rows, as_json)
    return 0


def _wishes(accept: list[str] | None, file: Path | None, until: str, reason: str) -> "list[Wish]":
    from iwds.engine.parity import Wish

    if (until or reason) and not (accept or file):
        raise UsageError("--reason and --until are about --accept LOGIN")
    if accept:
        require_reason(reason, "--accept")
    end = moment(until, datetime.now(UTC)) if until else None
    wishes = [Wish(who, reason, end) for who in accept or ()]
    return wishes + (list(_of_file(file, end)) if file else [])


def _of_file(file: Path, usual: datetime | None) -> "Iterator[Wish]":
    """The lines of a list, each complaint with its line."""
    from iwds.engine.parity import Wish

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise UsageError(
            f"{file}:1: there is no column {' and no '.join(missing)}", "begin it with: login,reason,until"
        )
    for row in rows:
        who, why, end = ((row.get(name) or "").strip() for name in (*COLUMNS, "until"))
        if not who or not why:
            raise UsageError(f"{file}:{rows.line_num}: a line needs a login and a reason")
        try:
            yield Wish(who, why, moment(end, datetime.now(UTC)) if end else usual)
        except UsageError as error:
            raise UsageError(f"{file}:{rows.line_num}: {error}", error.advice) from None
