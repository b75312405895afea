"""Where words go: data on standard output, progress and warnings on standard error and only where someone looks."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

WIDTH = 80
"""A text fits this many columns, in a terminal or in a mail."""

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def say(lines: Iterable[str | Text]) -> None:
    """Lines of rich markup, or of text as it is, to standard output; colour only on a terminal."""
    for line in lines:
        out.print(line)


def plain(text: str) -> None:
    """Text as it is, to standard output: JSON and files."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def warn(text: str) -> None:
    """A warning to standard error."""
    err.print(f"[yellow]warning:[/] {escape(text)}")


class Bars:
    """Progress of readings and of an apply, on standard error while somebody looks at it."""

    _WORDS = {"apply": "applying", "service": "reading the service", "memberships": "reading memberships"}  # noqa: RUF012

    def __init__(self) -> None:
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """The engine's `Progress`."""
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(self._WORDS.get(what, f"reading {what}"), total=total)
        self._progress.update(self._bars[what], completed=done, total=total)

    @contextmanager
    def shown(self) -> Iterator["Bars"]:
        """Draw while the block runs; nothing at all where standard error is no terminal."""
        if not err.is_terminal:
            yield self
            return
        with self._progress:
            yield self

    def hide(self) -> None:
        """Stop drawing, to say something at the end."""
        if err.is_terminal:
            self._progress.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Stop drawing while the block says or asks something."""
        self.hide()
        yield
        if err.is_terminal:
            self._progress.start()
