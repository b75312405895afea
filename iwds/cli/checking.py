"""`check`: looks at configuration, directories and service, and says what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, show_json, wired
from iwds.cli.console import WIDTH, say
from iwds.cli.page import columns, hanging, printable
from iwds.core.model import Entry, Unmapped
from iwds.errors import IwdsError, UsageError
from iwds.ports import Finding

_INDENT = 8
_MOST_LINES = 40
"""Of one finding; what a directory says of itself may be long, and is looked for here."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    job: Annotated[str | None, typer.Argument(help="One job; all without it.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="This source alone, and no service.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Look at configuration, directories and service, and say what is wrong. Changes nothing.

    A password that a directory has refused is tried once more.
    """
    with wired() as wiring:
        looked = []
        for name in _jobs(wiring, job, source):
            looked.append(_check_job(wiring, name, source))
            if not as_json:
                say(_check_lines(looked[-1]))
    if as_json:
        show_json({"schema": 1, "jobs": looked})
    return max(int(row["exit"]) for row in looked)


def _jobs(wiring: Any, job: str | None, source: str | None) -> list[str]:
    """The jobs to look at: the one that is named, or all, or all that read the source."""
    from iwds.core.nearest import nearest

    names = [job] if job else wiring.config.job_names()
    if source is None:
        return names
    known = {each for name in names for each in wiring.config.job(name).sources}
    if source not in known:
        of = f"job {job} reads" if job else "any job reads"
        raise UsageError(
            f'there is no source "{source}" that {of}{nearest(source, known)}', f"{', '.join(sorted(known))}"
        )
    return [name for name in names if source in wiring.config.job(name).sources]


def _check_job(wiring: Any, name: str, source: str | None) -> dict[str, Any]:
    """Everything that was found about one job, and the exit code that follows from it."""
    findings: list[Finding] = []
    code = 0
    try:
        for finding in _findings(wiring, name, source):
            findings.append(finding)
            code = code if finding.ok else max(code, finding.exit_code)
    except IwdsError as error:
        if not any(not told.ok and error.message in told.detail for told in findings):
            findings.append(Finding(False, "stopped", error.message, error.advice))
        code = max(code, error.exit_code)
    return {"job": name, "exit": code, "findings": [asdict(finding) for finding in findings]}


def _findings(wiring: Any, name: str, only: str | None) -> Iterator[Finding]:
    """Everything about one job: its own settings, its sources, its target, and how they fit together."""
    job = wiring.job(name)
    yield Finding(True, "configuration", f"{wiring.config.file}: valid")
    yield from _ended(job)
    yield from _early_codes(wiring, name, job)
    yield from _sources(job, only)
    if only is None:
        yield from job.target.check()
        yield from _missing_groups(job)
        yield from _roles(job)
        yield from _golden(wiring, name)


def _sources(job: Any, only: str | None) -> Iterator[Finding]:
    """What each source says of itself; then which groups of theirs nobody is in, where all of them are believed."""
    from iwds.bootstrap import SystemClock
    from iwds.engine.groups_read import count_groups, presence_in, told_empty

    presences, believed, fates, now = [], True, Counter[str](), SystemClock().now()

    def see(members: Counter[str], entry: Entry) -> None:
        count_groups(members, entry, [job.rules])
        fates[_fate(job, entry, now)] += 1

    for source in job.sources:
        if only in (None, source.name):
            members = Counter[str]()
            for finding in source.check(job.rules.attributes, partial(see, members)):
                believed = believed and finding.ok
                yield finding
            presences.append(presence_in(members, [job.rules]))
            yield from _changes(job, source)
    yield from _nobody(fates)
    for told in told_empty(job.rules, presences) if only is None and believed else ():
        advice = "compare their names in the mapping and in the directory; right where nobody is to be in them yet"
        yield Finding(True, "mapping", told, advice, warning=True)


def _fate(job: Any, entry: Entry, now: datetime) -> str:
    """Why somebody gets no account; empty where they get one."""
    made = job.rules.map(entry, now)
    made = made if isinstance(made, Unmapped) else job.target.normalise(made, entry.name)
    return made.reason.value.replace("-", " ") if isinstance(made, Unmapped) else ""


def _nobody(fates: Counter[str]) -> Iterator[Finding]:
    if fates and not fates[""]:
        why = ", ".join(f"{number:,} {fate}" for fate, number in fates.most_common() if fate)
        told = f"of {fates.total():,} people who were read nobody gets an account: {why}"
        yield Finding(True, "mapping", told, "see of one of them why: iwds explain LOGIN", warning=True)


def _changes(job: Any, source: Any) -> Iterator[Finding]:
    """Whether a source can tell what changed, and what of it that does not show; only where a job wants to know."""
    from iwds.errors import MarkLost

    if job.incremental is None:
        return
    feed, everybody = source.changes(job.rules.attributes), "so runs with --changes read everybody"
    if feed is None:
        yield Finding(True, "changes", f"{source.name} cannot tell what changed, {everybody}", warning=True)
        return
    try:
        delta = feed.since(feed.mark(), lambda _: None, job.incremental.most)
    except MarkLost as error:
        yield Finding(True, "changes", f"{source.name}: {error.message}; {everybody}", error.advice, warning=True)
        return
    told = "tells what changed, deletions too"
    yield Finding(True, "changes", f"{source.name} {told}") if not delta.blind else Finding(
        True, "changes", f"{source.name} tells what changed, and not who was deleted: {delta.blind}",
        "whoever was deleted keeps their access until everybody is read", warning=True,
    )  # fmt: skip


def _missing_groups(job: Any) -> Iterator[Finding]:
    from iwds.core.nearest import nearest

    existing = {group.name for group in job.target.read_groups()}
    for name in sorted(job.rules.groups.keys() - existing):
        what = f'the service has no group "{name}"{nearest(name, existing)}'
        yield Finding(False, "mapping", what, "make it in the service's console, or mend the mapping")


def _ended(job: Any) -> Iterator[Finding]:
    from iwds.bootstrap import SystemClock

    for told in job.rules.ended(SystemClock().now()):
        advice = "the rules decide about them again; take the line out, or give it another day"
        yield Finding(True, "mapping", told, advice, warning=True)


def _early_codes(wiring: Any, name: str, job: Any) -> Iterator[Finding]:
    """A code that works at once, given to people while they sleep."""
    from iwds.core.model import Activation
    from iwds.scheduling.schedules import load

    if job.rules.activation is not Activation.CODE:
        return
    config = wiring.config
    for schedule in load(config.path(config.settings.schedules), config.job_names()):
        if schedule.job == name:
            text = (
                f"new logins get `activation: code`, and schedule {schedule.name} runs this job ({schedule.words}):"
                " such a code expires after 30 minutes, before anyone is awake"
            )
            advice = "write `activation: inactive` or `link`"
            yield Finding(True, "mapping", text, advice, warning=True)


def _roles(job: Any) -> Iterator[Finding]:
    from iwds.engine.role_check import role_findings

    return role_findings(job)


def _golden(wiring: Any, name: str) -> Iterator[Finding]:
    from iwds.cli.golden import golden_findings

    return golden_findings(wiring, name)


def _check_lines(row: Mapping[str, Any]) -> Iterator[Text]:
    yield Text(row["job"], style="bold")
    for finding in row["findings"]:
        mark, colour = (
            ("look", "yellow") if finding["warning"] else ("  ok", "green") if finding["ok"] else ("  NO", "red")
        )
        for index, line in enumerate(_beside(f"{finding['what']}: {finding['detail']}")):
            yield Text.assemble("  ", (mark if index == 0 else "    ", colour), line[6:])
        yield from map(Text, _beside(finding["advice"]) if finding["advice"] else ())
        yield from map(Text, _typed(finding["command"]))


def _beside(text: str) -> list[str]:
    """Text beside the marks; each line of a message that has several begins anew."""
    return [line for part in text.splitlines() for line in hanging(" " * _INDENT, part, _MOST_LINES)]


def _typed(words: Sequence[str]) -> Iterator[str]:
    """A command over as many lines as it takes, so that a shell still reads it as one. A long word is not broken."""
    line = " " * _INDENT
    for number, word in enumerate(map(printable, words)):
        if number and columns(f"{line} {word}") > WIDTH - 2:
            yield f"{line} \\"
            line = " " * (_INDENT + 1)
        line += f" {word}" if number else word
    if words:
        yield line
