"""Where words go: data on standard output, progress and warnings on standard error and only where someone looks."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

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


class Bars:
    """Progress of readings and of an apply, on standard error while somebody looks at it."""

    _WORDS: ClassVar[Mapping[str, str]] = {
        "apply": "applying",
        "mails": "mailing links",
        "service": "reading the service",
        "memberships": "reading memberships",
        "undo": "looking at what still stands",
        "batch": "looking at the logins of the batch",
    }

    def __init__(self) -> None:
        self._bars: dict[str, TaskID] = {}
        self._progress = _progress() if err.is_terminal else None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """The engine's `Progress`."""
        if self._progress is None:
            return
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(self._WORDS.get(what, f"reading {what}"), total=total)
        self._progress.update(self._bars[what], completed=done, total=total)

    @contextmanager
    def shown(self) -> Iterator["Bars"]:
        """Draw while the block runs; nothing at all where standard error is no terminal."""
        if self._progress is None:
            yield self
            return
        with self._progress:
            yield self

    def hide(self) -> None:
        """Stop drawing, to say something at the end."""
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Stop drawing while the block says or asks something."""
        self.hide()
        yield
        if self._progress is not None:
            self._progress.start()


def _progress() -> "Progress":
    """A bar for each thing that goes on, which is wiped away at the end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=err, transient=True)
