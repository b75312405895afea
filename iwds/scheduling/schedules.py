"""Schedule files: one YAML file per schedule, cron fields with a time zone and weekday names.

job: company
cron: "0 2 * * mon-fri"     # minute hour day month weekday
timezone: Europe/Paris      # the machine's own where it is left out
changes: true               # only people of whom something changed; everybody where it is left out
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from pydantic import BaseModel, ConfigDict

from iwds import yamlmarks
from iwds.core.nearest import nearest
from iwds.errors import ConfigurationError

_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_INSTANT = timedelta(microseconds=1)
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


class ScheduleFile(BaseModel):
    """What stands in a schedule file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    cron: str
    timezone: str | None = None
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one job runs; `changes`: only on what changed."""

    name: str
    job: str
    trigger: Any
    words: str
    zone: tzinfo
    changes: bool = False

    def next_times(self, after: datetime, count: int) -> list[datetime]:
        """The next moments after `after`, in the schedule's time zone."""
        times: list[datetime] = []
        moment = after
        while len(times) < count and (fire := self.trigger.get_next_fire_time(None, moment)) is not None:
            times.append(fire.astimezone(self.zone))
            moment = fire + _INSTANT
        return times


class WallClock(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Cron fields on the clock on the wall: a time that exists twice comes once, one that does not exist is left out.

    The library's own trigger adds hours to local times, so that a night in which the clocks change may run twice, or
    at an hour that nobody wrote. Moments come out in UTC, where they can be compared.
    """

    def __init__(self, fields: Mapping[str, str], zone: tzinfo) -> None:
        self.zone = zone
        self._cron = CronTrigger(timezone=UTC, **fields)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first moment from now on; after the previous one, where that was longer ago."""
        after = (now if previous is None else min(now, previous + _INSTANT)).astimezone(UTC)
        wall = after.astimezone(self.zone).replace(tzinfo=UTC)
        while (found := self._cron.get_next_fire_time(None, wall)) is not None:
            wall = cast("datetime", found)
            moment = wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
            if moment >= after and moment.astimezone(self.zone).replace(tzinfo=UTC) == wall:
                return moment
            wall += _INSTANT
        return None


def load(folder: Path, jobs: Sequence[str]) -> list[Schedule]:
    """All schedules of a folder, by file name. Every mistake is a `ConfigurationError` with file and line."""
    return [_read(path, jobs) for path in sorted(folder.glob("*.yaml"))]


def _read(path: Path, jobs: Sequence[str]) -> Schedule:
    marked = yamlmarks.load(path)
    settings = yamlmarks.validate(ScheduleFile, marked.data, marked.where)
    if settings.job not in jobs:
        file, line = marked.where(("job",))
        raise ConfigurationError(f'there is no job "{settings.job}"{nearest(settings.job, jobs)}', file=file, line=line)
    zone = _zone(settings.timezone, marked)
    what = ", of what changed" if settings.changes else ""
    words = f"{settings.cron} {settings.timezone or 'local time'}{what}"
    trigger = _trigger(settings.cron, zone, marked)
    return Schedule(path.stem, settings.job, trigger, words, zone, settings.changes)


def _zone(name: str | None, marked: yamlmarks.Marked) -> tzinfo:
    if name is None:
        return cast("tzinfo", CronTrigger().timezone)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        file, line = marked.where(("timezone",))
        raise ConfigurationError(f'"{name}" is no time zone', "write it like Europe/Paris", file, line) from error


def _trigger(cron: str, zone: tzinfo, marked: yamlmarks.Marked) -> WallClock:
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
        trigger = WallClock(dict(zip(_FIELDS, fields, strict=True)), zone)
    except ValueError as error:
        raise ConfigurationError(f'"{cron}": {error}', 'write it like "0 2 * * mon-fri"', file, line) from error
    if trigger.get_next_fire_time(None, _ANY_TIME) is None:
        raise ConfigurationError(f'"{cron}" never comes', 'write it like "0 2 * * mon-fri"', file, line)
    return trigger
