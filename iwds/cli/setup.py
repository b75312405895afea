"""`init`, `db upgrade` and `db restored`: the commands that prepare."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from iwds import examples
from iwds.cli.common import chosen_config
from iwds.cli.console import out
from iwds.errors import UsageError

LEASE_SECONDS = 60
"""Nobody may write to a service while it is forgotten what is ours there."""

db = typer.Typer(help="The database of our own memory.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.add_typer(db, name="db")


def init(folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path()) -> int:
    """Write a commented configuration, mappings, golden people and a schedule to change. Overwrites nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(examples.config(), folder / "config.yaml")]
    for part in examples.FOLDERS:
        files = sorted((examples.folder() / part).rglob("*.*"))
        wanted += [(path, folder / path.relative_to(examples.folder())) for path in files]
    existing = [str(target) for _, target in wanted if target.exists()]
    if existing:
        raise UsageError(f"{', '.join(existing)} exists already", "write it elsewhere: iwds init FOLDER")
    for source, target in wanted:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        out.print(f"wrote {escape(str(target))}")
    out.print("\nNext: change sources, targets and jobs in config.yaml, then")
    out.print(f"  iwds --config {escape(str(folder / 'config.yaml'))} check")
    out.print("As it is, check says NO to the file company.ldif and to the local MFA service:")
    out.print("neither is there. A company to play with: iwds demo")
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


@db.command("restored")
def restored() -> int:
    """Say that you put back a backup. Which locks and memberships are ours is forgotten: others may have changed them.

    Whoever is locked stays locked until somebody unlocks them on the service, and memberships that the directory does
    not explain stay.
    """
    from iwds.cli.common import wired

    with wired() as wiring:
        jobs = wiring.config.settings.jobs.values()
        services = {wiring.target(job.target).reader.service for job in jobs}
        for service in sorted(services, key=str):
            lease = wiring.state().lease(service, "iwds db restored", LEASE_SECONDS)
            wiring.state().note_restored(service, lease)
            lease.release()
            out.print(f"{service}: no lock and no membership counts as ours any more")
    return 0
