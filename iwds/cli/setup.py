"""`init`, `db upgrade` and `db restored`: the commands that prepare."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from iwds import examples
from iwds.cli.common import chosen_config
from iwds.cli.console import err, out
from iwds.cli.page import hanging, tell
from iwds.core.words import many
from iwds.errors import UsageError

if TYPE_CHECKING:  # a help page should not load it
    from iwds.java.taking import Found

LEASE_SECONDS = 60
"""Nobody may write to a service while it is forgotten what is ours there."""

db = typer.Typer(help="The database of our own memory.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.add_typer(db, name="db")


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    from_java: Annotated[
        Path | None,
        typer.Option("--from-java", metavar="DIR", help="Take what is known of the Java IWDS whose conf/ is there."),
    ] = None,
    tag: Annotated[
        int | None, typer.Option("--tag", metavar="N", min=1, help="--from-java: our provisioning_id.")
    ] = None,
) -> int:
    """Write a commented configuration, mappings, golden people and a schedule to change. Overwrites nothing."""
    if from_java is not None:
        return _from_java(folder, from_java, tag)
    if tag is not None:
        raise UsageError("--tag goes with --from-java", "else write it in config.yaml: provisioning_id")
    copies = [(examples.config(), folder / "config.yaml"), *_examples(folder, examples.FOLDERS)]
    _refuse_existing(target for _, target in copies)
    _copy(copies)
    out.print("\nNext: change sources, targets and jobs in config.yaml, then")
    out.print(f"  iwds --config {escape(str(folder / 'config.yaml'))} check")
    out.print("As it is, check says NO to the file company.ldif and to the local MFA service:")
    out.print("neither is there. A company to play with: iwds demo")
    return 0


def _examples(folder: Path, parts: Iterable[str]) -> list[tuple[Path, Path]]:
    """The files of some folders of examples, each with where it is to go."""
    files = (path for part in parts for path in sorted((examples.folder() / part).rglob("*.*")))
    return [(path, folder / path.relative_to(examples.folder())) for path in files]


def _refuse_existing(targets: Iterable[Path]) -> None:
    if existing := [str(target) for target in targets if target.exists()]:
        more = f" and {many(len(existing) - 1, 'file')} more exist" if len(existing) > 1 else " exists"
        raise UsageError(f"{existing[0]}{more} already", "nothing was written; elsewhere: iwds init FOLDER")


def _copy(copies: Iterable[tuple[Path, Path]]) -> None:
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        out.print(f"wrote {escape(str(target))}")


def _from_java(folder: Path, old: Path, tag: int | None) -> int:
    """The same from what the Java IWDS left: a job that only reports."""
    from iwds.java.taking import configuration, take
    from iwds.privatefile import write_private

    config, copies = folder / "config.yaml", _examples(folder, ("mappings", "schemas"))
    _refuse_existing([config, *(target for _, target in copies)])
    found = take(old)
    ours = tag or found.tag or _asked_tag()
    _copy(copies)
    write_private(config, configuration(found, ours))
    out.print(f"wrote {escape(str(config))}\n")
    for line in _told(found, ours):
        out.print(Text(line))
    out.print("\nNext: write what is missing in config.yaml; this names it:")
    out.print(f"  iwds --config {escape(str(config))} check")
    out.print("Then compare after each run of the old tool:")
    out.print(f"  iwds --config {escape(str(config))} parity takeover")
    return 0


def _asked_tag() -> int | None:
    """Our provisioning_id, of whoever sits there; None where nobody does."""
    if not err.is_terminal or not os.isatty(0):
        return None
    tell(
        "The old tool says no provisioning_id; 1 is its default. docs/migrating-from-java-iwds.md says what each means."
    )
    while True:
        if (tag := int(typer.prompt("Which one shall be ours", type=int, err=True))) > 0:
            return tag
        tell("0 is the console's; choose a number from 1 on")


def _told(found: "Found", tag: int | None) -> Iterator[str]:
    """What was taken and what was not."""
    yield f"Taken: {len(found.taken)}"
    for each in found.taken:
        yield from hanging("  ", f"{each.setting}: {each.value}   from {each.where}")
    if tag is None:
        yield "  provisioning_id is open: choose one, docs/migrating-from-java-iwds.md says what"
        yield "  each choice means"
    elif tag != found.tag:
        yield f"  provisioning_id: {tag}   as you said"
    yield f"Not taken: {len(found.left)}"
    for left in found.left:
        yield from hanging("  ", str(left))
    yield "Secrets are never copied. They go into the environment:"
    yield "  IWDS_SOURCES__DIRECTORY__PASSWORD, IWDS_TARGETS__MFA__CERTIFICATE_PASSWORD"
    yield "or into files of the names sources__directory__password and"
    yield "targets__mfa__certificate_password in /run/secrets."


@db.command("upgrade")
def upgrade() -> int:
    """Bring the database to the version of this program. Keeps everything; make a copy first."""
    from iwds import configuration
    from iwds.state.database import upgrade as bring_up

    before, after = bring_up(configuration.load(chosen_config()).state_url)
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
