"""`sandbox` and what belongs to it: the local MFA service, to rehearse against."""

from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(help="The local MFA service, to rehearse against.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group.callback(invoke_without_command=True)(serve)
    app.add_typer(group, name="sandbox", short_help="Run a local MFA service to rehearse against")


def serve(
    context: typer.Context,
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT here; port 0 picks one.")] = "127.0.0.1:8099",
    data: Annotated[Path, typer.Option("--data", help="Its state; made when it is missing.")] = Path("sandbox.db"),
    service_id: Annotated[int, typer.Option("--service-id", min=1, help="The service id of a new one.")] = 10408,
    seats: Annotated[int, typer.Option("--seats", min=0, help="Logins before NOK:full; 0 for no limit.")] = 0,
) -> None:
    """Run the local MFA service: the provisioning API at the wire, to rehearse against. Ends on SIGINT or SIGTERM."""
    if context.invoked_subcommand:
        return
    from iwds.sandbox.server import serve as serve_until_told
    from iwds.sandbox.store import NOT_LIMITED

    serve_until_told(listen, str(data), service_id=service_id, max_logins=seats or NOT_LIMITED)
