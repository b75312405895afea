"""`replay`, `readings`: what another configuration would do, on a reading that was captured."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, chosen_config, local, show_json
from iwds.cli.console import Bars, out, say
from iwds.cli.page import printable
from iwds.errors import ConfigurationError, UsageError

ReadingOption = Annotated[
    str | None, typer.Option("--reading", metavar="ID|FILE", help="Which reading; the latest of the job without it.")
]

group = typer.Typer(help="Without a command: list captured readings. The command makes one fit for others' eyes.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("replay")(replay)
    group.callback(invoke_without_command=True)(readings)
    app.add_typer(group, name="readings")


def replay(
    job: Annotated[str, typer.Argument(help="A job of both configurations.")],
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration to try; today's without it.")
    ] = None,
    reading: ReadingOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Name everybody who would notice.")] = False,
    as_json: JsonOption = False,
) -> int:
    """What would this configuration do? Answered on a captured reading: nothing is asked, nothing is changed.

    Exit code 0: the same as was planned; 2: it would change something; 3: a guard or the gate would stop it.
    """
    from iwds.cli.replay_text import replay_data, replay_lines

    with _replaying(job, config, reading) as wiring:
        found = wiring.replay(job)
        wiring.progress.hide()
        said = wiring.compared(job, found, str(config) if config else "")
    if as_json:
        show_json(replay_data(said))
    else:
        say(replay_lines(said, all_))
    return int(said.exit_code)


@contextmanager
def _replaying(job: str, config: Path | None, what: str | None) -> Iterator[Any]:
    """The configuration to try over the reading that was meant."""
    from iwds import configuration
    from iwds.captures import shelf_of
    from iwds.readings import shelf
    from iwds.readings.file import Reading
    from iwds.replays import Replaying

    if config is not None and not config.is_file():
        raise ConfigurationError("there is no such file", file=str(config))
    tried = configuration.load(config or chosen_config(), secrets=False)
    tried.job(job)
    if what and Path(what).is_file():
        file = Path(what)
    else:
        ours = tried if config is None else configuration.load(chosen_config(), secrets=False)
        file = shelf.chosen(shelf_of(ours), what, job)
    bars = Bars()
    with closing(Reading(file)) as reading, Replaying(tried, reading, bars) as wiring, bars.shown():
        yield wiring


def readings(
    context: typer.Context,
    job: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only those of this job.")] = None,
    delete: Annotated[str | None, typer.Option("--delete", metavar="ID", help="Delete this one.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Without a command: list captured readings, the latest first."""
    from iwds import configuration
    from iwds.captures import shelf_of
    from iwds.readings import shelf

    if context.invoked_subcommand:
        return 0
    folder = shelf_of(configuration.load(chosen_config(), secrets=False))
    if delete:
        path = shelf.chosen(folder, delete)
        if path.parent != folder:
            raise UsageError(f"{delete} is not on the shelf {folder}", "delete a file of your own yourself")
        path.unlink()
        out.print(f"Deleted {path.name}", markup=False)
        return 0
    listed = shelf.listed(folder, job)
    if as_json:
        show_json({"schema": 1, "folder": str(folder), "readings": [_row(each) for each in listed]})
        return 0
    say(reading_lines(listed, str(folder)))
    return 0


@group.command("pseudonymise")
def pseudonymise(
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="The reading.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, 0600; it must not exist yet.")],
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="Holds the key; made if missing. readings/key without it."),
    ] = None,
) -> int:
    """Write a reading with pseudonyms for people, to go with a bug report. The key stays with you."""
    from iwds import configuration
    from iwds.captures import key_of, shelf_of
    from iwds.readings import shelf
    from iwds.readings.file import Reading
    from iwds.replays import Replaying

    config = configuration.load(chosen_config(), secrets=False)
    if output.exists():
        raise UsageError(f"{output} exists already", "name a new file")
    folder = shelf_of(config)
    key = key_of(key_file or shelf.ready(folder) / "key")
    with closing(Reading(shelf.chosen(folder, what))) as reading, Replaying(config, reading) as wiring:
        changes = wiring.disguised(reading["job"], key, output)
    out.print(f"{output}: people have pseudonyms, its plan has {changes:,} changes. Look at it before", markup=False)
    out.print("you send it: docs/replay.md says what it does not hide.", markup=False)
    return 0


def _row(each: Any) -> dict[str, Any]:
    return {
        "id": each.id, "job": each.job, "taken": each.taken.isoformat(), "people": each.people, "bytes": each.size,
        "until": each.until.isoformat(), "file": str(each.path),
    }  # fmt: skip


def reading_lines(listed: list[Any], folder: str) -> Iterator[Text]:
    """A line for each, the latest of a job first."""
    from iwds.cli.page import flowing

    if not listed:
        yield from map(Text, flowing(f"No reading in {folder}."))
        yield Text("Capture one:  iwds plan JOB --capture")
        return
    head = f"  {'id':8}  {'taken':21}  {'people':>9}  {'size':>9}  kept until"
    for job in dict.fromkeys(each.job for each in listed):
        yield Text.assemble((printable(job), "bold"))
        yield Text(head, style="dim")
        for each in (each for each in listed if each.job == job):
            size = f"{each.size / 1_000_000:,.1f} MB"
            yield Text(f"  {each.id:8}  {local(each.taken)}  {each.people:>9,}  {size:>9}  {local(each.until)}")
