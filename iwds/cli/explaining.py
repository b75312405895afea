"""`explain`: why somebody has what they have, or has it not. Changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, show_json, wired
from iwds.cli.console import say
from iwds.cli.page import LATELY, hanging, printable, tell
from iwds.errors import IwdsError, UsageError

if TYPE_CHECKING:  # a help page should not load the engine
    from iwds.core.error_codes import Explained
    from iwds.engine.explaining import Explanation
    from iwds.engine.seeking import Candidate


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    who: Annotated[str, typer.Argument(metavar="WHO", help="A login, a mail address, a DN, an id, or '#1234'.")],
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="In this job; else in each that knows them.")] = "",
    error: Annotated[
        str, typer.Option("--error", metavar="CODE", help="Also what this error code means for them.")
    ] = "",
    lately: Annotated[
        int, typer.Option("--lately", metavar="N", min=1, help="How many of the last changes and actions.")
    ] = LATELY,
    as_json: JsonOption = False,
) -> int:
    """Why somebody has what they have: entry, scope, login, fields, groups, locks, what the next run would do.

    Reads this one person on both sides and changes nothing. Several people who fit are listed, and the exit code is 3.
    75 where a directory or the service does not answer; what is still known is told.
    """
    from iwds.cli.explain_data import data_of
    from iwds.cli.explain_text import explanation_lines
    from iwds.core.error_codes import Facts, explain_error

    now = datetime.now(UTC)
    if error:
        explain_error(error, Facts(who, None))  # a code that nobody knows is told before anything is asked
    with wired() as wiring:
        found = _Found(wiring, [job] if job else list(wiring.config.job_names()), who)
        times = {each.job: _next_run(wiring, each.job, now) for each in found.explained}
        lifetimes = wiring.config.settings.helpdesk
    if as_json:
        jobs = [{**data_of(each, times[each.job]), **_error_data(each, who, error)} for each in found.explained]
        document = {"schema": 1, "who": who, "jobs": jobs}
        show_json({**document, "several": [_described(*each) for each in found.several]})
    else:
        for number, each in enumerate(found.explained):
            say([Text()] if number else [])
            say(explanation_lines(each, times[each.job], now, lifetimes, lately))
            say(_of_code(each, who, error))
        say(_several(found.several))
    for name, failure in found.failed:
        tell(f"{name}: {failure.message}")
    return found.exit_code(who)


class _Found:
    """Who is meant in each job, and everything about them where that is one person."""

    def __init__(self, wiring: Any, jobs: list[str], who: str) -> None:
        self.explained: list[Explanation] = []
        self.several: list[tuple[str, Candidate]] = []
        self.failed: list[tuple[str, IwdsError]] = []
        for name in jobs:
            self._look(wiring, name, who)
        if any(each.one.sightings for each in self.explained):
            # What a job says whose directories do not know them would only be in the way.
            self.explained = [each for each in self.explained if each.one.sightings]

    def _look(self, wiring: Any, name: str, who: str) -> None:
        from iwds.engine import explaining, one
        from iwds.engine.seeking import seek

        job, tools = wiring.job(name), wiring.tools()
        sought = seek(job, tools, who)
        if len(sought.candidates) == 1:
            desk = wiring.desk(wiring.config.job(name).target)
            person = one.look(job, tools, sought.candidates[0], sought.failed)
            self.explained.append(explaining.explain(job, tools, desk, person))
            self.failed += [(f"{name}, {what}", error) for what, error in self.explained[-1].failed.items()]
            return
        self.several += [(name, each) for each in sought.candidates]
        self.failed += [(f"{name}, {what}", error) for what, error in sought.failed.items()]

    def exit_code(self, who: str) -> int:
        from iwds.engine.seeking import nobody_advice

        if self.failed:
            return max((error for _, error in self.failed), key=lambda error: error.exit_code == 75).exit_code
        if self.several:
            return 3
        if not self.explained:
            raise UsageError(f"nobody is found for {who}", nobody_advice(who))
        return 0


def _explained(seen: "Explanation", who: str, code: str) -> "Explained":
    from iwds.cli.login_text import error_facts
    from iwds.core.error_codes import Facts, explain_error

    return explain_error(code, error_facts(seen.seen) if seen.seen else Facts(seen.one.who.login_name or who, None))


def _of_code(seen: "Explanation", who: str, code: str) -> Iterator[Text]:
    """What an error code means for them."""
    from iwds.cli.access_text import error_lines
    from iwds.cli.page import block

    if code:
        yield from block(error_lines(_explained(seen, who, code)), Text("The error code", "bold"))


def _error_data(seen: "Explanation", who: str, code: str) -> dict[str, Any]:
    from iwds.cli.access_text import error_data

    return {"error": error_data(_explained(seen, who, code))} if code else {}


def _several(several: "list[tuple[str, Candidate]]") -> Iterator[Text]:
    """Whoever fits, each with what names exactly them."""
    if several:
        yield Text("Several people fit. Name one of them:", "yellow")
    for job, each in several:
        data = _described(job, each)
        yield from map(Text, hanging(f"  {printable(job)}: ", f"{each.login_name or '(no login)'}  {each.name}"))
        yield Text(printable(f"      iwds explain {data['name_by']} --job {job}"))


def _described(job: str, each: "Candidate") -> dict[str, Any]:
    import shlex

    exactly = each.anchor.id if each.anchor else f"#{each.login.id}" if each.login else each.name
    anchor = {"realm": each.anchor.realm, "id": each.anchor.id} if each.anchor else None
    return {
        "job": job,
        "anchor": anchor,
        "name": each.name,
        "login": each.login_name,
        "name_by": shlex.quote(exactly),
    }


def _next_run(wiring: Any, job: str, now: datetime) -> datetime | None:
    """When a schedule starts this job next; None where none does."""
    from iwds.scheduling import schedules

    folder: Path = wiring.config.path(wiring.config.settings.schedules)
    loaded = schedules.load(folder, wiring.config.job_names()) if folder.is_dir() else []
    times = [time for each in loaded if each.job == job for time in each.next_times(now, 1)]
    return min(times, default=None)
