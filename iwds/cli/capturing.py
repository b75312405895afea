"""`capture`: what a real service holds, in a file to rehearse on."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from iwds.cli.common import wired
from iwds.cli.console import out
from iwds.core.captured import End, Item, Member, line_of
from iwds.errors import ServiceUnproven, UsageError
from iwds.ports import ReadStream, T_co, TargetReader

if TYPE_CHECKING:  # what settings take to load, a help page should not wait for
    from iwds.configuration import Configuration

_Write = Callable[[Item], None]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("capture")(capture)


def capture(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME", help="Which target; the only one without it.")
    ] = None,
) -> int:
    """Write logins, groups and memberships of the service to a file, to rehearse on them in a sandbox.

    Codes are not among them. A reading that is not proven writes nothing. To load it: iwds sandbox fill --reading FILE
    """
    if file.exists():
        raise _taken(file)
    with wired() as wiring, _written(file) as write:
        end = _capture(wiring.target(_target(wiring.config, target)).reader, write)
    out.print(f"{end.logins:,} logins, {end.groups:,} groups, {end.members:,} memberships in {escape(str(file))}")
    return 0


def _target(config: "Configuration", name: str | None) -> str:
    known = list(config.settings.targets)
    if name is None and len(known) == 1:
        return known[0]
    if name is None or name not in known:
        what = "there is more than one target" if name is None else f'there is no target "{name}"'
        raise UsageError(what, f"name one with --target: {', '.join(known)}")
    return name


def _capture(reader: TargetReader, write: _Write) -> End:
    """A line for everything that the service holds, and one for the end."""
    groups = reader.read_groups()
    for group in groups:
        write(group)
    logins = _all(reader.read_logins(), write, lambda login: login)
    members = _all(
        reader.read_memberships([group.id for group in groups]),
        write,
        lambda member: Member(member.group_id, member.login_id),
    )
    end = End(len(groups), logins, members)
    write(end)
    return end


def _all(reading: ReadStream[T_co], write: _Write, item: Callable[[T_co], Item]) -> int:
    """Write a whole reading; how many there are. Raises `ServiceUnproven`."""
    for read in reading:
        write(item(read))
    proof = reading.finish()
    if not proof.proven:
        raise ServiceUnproven(f"{proof.asked}: {'; '.join(proof.problems)}", "Nothing was written. Try again.")
    return proof.count


@contextmanager
def _written(file: Path) -> Iterator[_Write]:
    """What is written in the block is in the file once the block has ended well; for its owner's eyes only."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as part:
            yield lambda item: part.writelines((line_of(item), "\n"))
        os.link(name, file)  # unlike a renaming it never replaces what somebody put there meanwhile
    except FileExistsError:
        raise _taken(file) from None
    finally:
        os.unlink(name)


def _taken(file: Path) -> UsageError:
    return UsageError(f"{file} exists already", "name a new file")
