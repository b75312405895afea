"""`init` and `db upgrade`: the commands that prepare."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from iwds import examples
from iwds.cli.common import chosen_config
from iwds.cli.console import out
from iwds.errors import UsageError

db = typer.Typer(help="The database of our own memory.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.add_typer(db, name="db")


def init(folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path()) -> int:
    """Write a commented configuration, its mapping and its schedule, for you to change. Overwrites nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(examples.config(), folder / "config.yaml")]
    for part in ("mappings", "schedules"):
        wanted += [(path, folder / part / path.name) for path in sorted((examples.folder() / part).glob("*.yaml"))]
    existing = [str(target) for _, target in wanted if target.exists()]
    if existing:
        raise UsageError(f"{', '.join(existing)} exists already", "write it elsewhere: iwds init FOLDER")
    for source, target in wanted:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        out.print(f"wrote {escape(str(target))}")
    out.print("\nNext: change sources, targets and jobs in config.yaml, then")
    out.print(f"  iwds --config {escape(str(folder / 'config.yaml'))} check")
    return 0


@db.command("upgrade")
def upgrade() -> int:
    """Bring the database to the version of this program. Keeps everything; make a copy first."""
    from iwds import settings
    from iwds.bootstrap import state_url
    from iwds.state.database import upgrade as bring_up

    before, after = bring_up(state_url(settings.load(chosen_config())))
    out.print(
        f"the database is at version {after}" + (f" (was {before or 'empty'})" if before != after else " already")
    )
    return 0
