"""`audit`: who did what to whom, when, why, and how it ended."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from iwds.cli.common import JsonOption, duration, show_json, wired
from iwds.cli.console import out, say
from iwds.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="One login by name or '#1234'; all without it.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="No older than this: 12h, 7d.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> int:
    """List what the helpdesk did by `iwds login`, the latest first. Asks our memory alone."""
    from iwds.cli.login_text import audit_data, audit_lines

    which = _which(login)
    oldest = datetime.now(UTC) - duration(since) if since else None
    with wired() as wiring:
        rows = wiring.state().audit(which, since=oldest, limit=limit)
    if as_json:
        show_json({"schema": 1, "audit": audit_data(rows)})
    elif not rows:
        out.print("Nothing of that kind.")
    else:
        say(audit_lines(rows))
    return 0


def _which(login: str) -> int | str | None:
    from iwds.core.words import login_id_in

    if not login.startswith("#"):
        return login or None
    if (number := login_id_in(login)) is None:
        raise UsageError(f"{login} is no login id", "write it like '#1234'")
    return number
