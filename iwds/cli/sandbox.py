"""`sandbox` and what belongs to it: the local MFA service, to rehearse against."""

from pathlib import Path
from typing import Annotated

import typer

from iwds.cli import sandbox_controls
from iwds.errors import UsageError
from iwds.sandbox.behaviour import Behaviour, Dialect, networks

group = typer.Typer(help="The local MFA service, to rehearse against.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group.callback(invoke_without_command=True)(serve)
    sandbox_controls.register(group)
    app.add_typer(group, name="sandbox", short_help="Run a local MFA service to rehearse against")


def serve(
    context: typer.Context,
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT here; port 0 picks one.")] = "127.0.0.1:8099",
    data: Annotated[Path, typer.Option("--data", help="Its state; made when it is missing.")] = Path("sandbox.db"),
    service_id: Annotated[int, typer.Option("--service-id", min=1, help="The service id of a new one.")] = 10408,
    seats: Annotated[int, typer.Option("--seats", min=0, help="Logins before NOK:full; 0 for no limit.")] = 0,
    tls: Annotated[Path | None, typer.Option("--tls", help="HTTPS with the certificates of this folder; made.")] = None,
    no_client: Annotated[
        bool, typer.Option("--tls-no-client", help="With --tls: ask for no client certificate.")
    ] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="NETWORK", help="Answer these addresses only; repeatable.")
    ] = None,
    no_option: Annotated[bool, typer.Option("--no-option", help="IWDS_check says NOK: the option is off.")] = False,
    dialect: Annotated[Dialect, typer.Option("--dialect", help="Which fields answers carry.")] = Dialect.BOTH,
    token_cache: Annotated[
        int, typer.Option("--token-cache", min=0, max=3600, help="Seconds for which a REST token is believed.")
    ] = 3600,
) -> None:
    """Run the local MFA service: the provisioning API at the wire, to rehearse against. Ends on SIGINT or SIGTERM."""
    if context.invoked_subcommand:
        return
    from iwds.sandbox.server import serve as serve_until_told
    from iwds.sandbox.store import NOT_LIMITED

    if no_client and tls is None:
        raise UsageError("--tls-no-client says how --tls is meant", "give --tls FOLDER too")
    behaviour = Behaviour(dialect, not no_option, networks(allow or ()), tls, not no_client, token_cache)
    serve_until_told(listen, str(data), service_id=service_id, max_logins=seats or NOT_LIMITED, behaviour=behaviour)
