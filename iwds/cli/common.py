"""What the commands share: options, the configuration, durations, JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from iwds.cli.console import Bars, plain
from iwds.cli.page import warn
from iwds.errors import UsageError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

_chosen: list[Path] = []


def choose_config(path: Path | None) -> None:
    """Remember `iwds --config FILE COMMAND`."""
    _chosen[:] = [path] if path else []


def chosen_config() -> Path | None:
    """What `--config` named."""
    return _chosen[0] if _chosen else None


@contextmanager
def wired(path: Path | None = None) -> Iterator[Any]:
    """Configuration read, adapters ready, progress shown; everything is closed at the end."""
    from iwds import configuration
    from iwds.bootstrap import Wiring

    config = configuration.load(path or chosen_config())
    for warning in config.warnings:
        warn(warning)
    bars = Bars()
    with Wiring(config, bars) as wiring, bars.shown():
        yield wiring


def show_json(data: Any) -> None:
    """Data as JSON to standard output; the first key says which schema."""
    plain(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `26h`, `7d`."""
    from iwds.settings import seconds

    try:
        return timedelta(seconds=seconds(text))
    except ValueError as error:
        raise UsageError(str(error)) from None


def require_reason(reason: str, what: str = "this") -> None:
    """`UsageError` without a reason, and where one was pasted that we printed for somebody to replace."""
    if not reason.strip():
        raise UsageError(f"{what} needs --reason: somebody will ask")
    if not reason.strip("\"'.… \t") or reason.strip() in ("TEXT", "REASON"):
        raise UsageError(
            f'"{reason}" is no reason: it stands for yours', "write why; it is kept, and somebody will ask"
        )


def local(moment: datetime) -> str:
    """A moment in the machine's time zone."""
    from iwds.core.words import moment_words

    return moment_words(moment)


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
