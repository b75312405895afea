"""Schedule files: one YAML file per schedule, cron fields with a time zone and weekday names.

job: company
cron: "0 2 * * mon-fri"     # minute hour day month weekday
timezone: Europe/Paris      # the machine's own where it is left out
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger
from pydantic import BaseModel, ConfigDict

from iwds import yamlmarks
from iwds.errors import ConfigurationError

_FIELDS = ("minute", "hour", "day", "month", "day_of_week")


class ScheduleFile(BaseModel):
    """What stands in a schedule file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    cron: str
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one job runs."""

    name: str
    job: str
    trigger: Any
    words: str

    def next_times(self, after: datetime, count: int) -> list[datetime]:
        """The next moments after `after`, in the schedule's time zone."""
        times: list[datetime] = []
        moment = after
        while len(times) < count and (fire := self.trigger.get_next_fire_time(None, moment)) is not None:
            times.append(fire)
            moment = fire + timedelta(seconds=1)
        return times


def load(folder: Path, jobs: Sequence[str]) -> list[Schedule]:
    """All schedules of a folder, by file name. Every mistake is a `ConfigurationError` with file and line."""
    return [_read(path, jobs) for path in sorted(folder.glob("*.yaml"))]


def _read(path: Path, jobs: Sequence[str]) -> Schedule:
    marked = yamlmarks.load(path)
    settings = yamlmarks.validate(ScheduleFile, marked.data, marked.where)
    if settings.job not in jobs:
        file, line = marked.where(("job",))
        raise ConfigurationError(
            f'there is no job "{settings.job}"{yamlmarks.nearest(settings.job, jobs)}', file=file, line=line
        )
    zone = _zone(settings.timezone, marked)
    words = f"{settings.cron} {settings.timezone or 'local time'}"
    return Schedule(path.stem, settings.job, _trigger(settings.cron, zone, marked), words)


def _zone(name: str | None, marked: yamlmarks.Marked) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        file, line = marked.where(("timezone",))
        raise ConfigurationError(f'"{name}" is no time zone', "write it like Europe/Paris", file, line) from error


def _trigger(cron: str, zone: tzinfo | None, marked: yamlmarks.Marked) -> CronTrigger:
    """A cron trigger. Weekdays are names: cron counts them from Sunday and the scheduler from Monday."""
    file, line = marked.where(("cron",))
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        raise ConfigurationError(f'"{cron}" has {len(fields)} fields', 'write 5: "0 2 * * mon-fri"', file, line)
    if re.search(r"\d", fields[4]):
        advice = 'write weekdays as names: "mon-fri", "sun"'
        raise ConfigurationError(
            f'"{fields[4]}": weekday numbers mean different days to different tools', advice, file, line
        )
    try:
        return CronTrigger(timezone=zone, **dict(zip(_FIELDS, fields, strict=True)))
    except ValueError as error:
        raise ConfigurationError(f'"{cron}": {error}', 'write it like "0 2 * * mon-fri"', file, line) from error
