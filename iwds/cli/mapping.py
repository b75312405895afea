"""`mapping`: try a mapping on one entry, compare two, check golden people. Nothing is written anywhere."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from iwds.cli.common import JsonOption, show_json, wired
from iwds.cli.console import say
from iwds.errors import UsageError

_NAME = 26
"""The width of the column of names; a longer name has a line of its own."""
_MAPPINGS = (".yaml", ".yml")
"""What the name of a mapping file ends with; a job of the same name as another file is a job."""
group = typer.Typer(help="Try a mapping on one entry, compare two, check golden people.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="mapping")


@group.command("try")
def try_(
    file: Annotated[Path, typer.Argument(help="A mapping file.")],
    login: Annotated[
        str, typer.Option("--login", metavar="WHO", help="Somebody in the job's sources: login or DN.")
    ] = "",
    entry: Annotated[
        Path | None, typer.Option("--entry", help="An entry in a file: JSON, LDIF or CSV; `-` for standard input.")
    ] = None,
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="Whose sources; the only job without it.")] = "",
    as_json: JsonOption = False,
) -> int:
    """Show each rule of a mapping, each step of a value, and the account, for one entry. Changes nothing."""
    if not login and entry is None:
        raise UsageError("one of --login and --entry is needed", "both say whom of the people in a file")
    if entry and not job:
        _show(_from_file(entry, bench := _bench(file), login), bench, file, entry.name, as_json)
        return 0
    from iwds.savedpeople import saved_of_job

    with wired() as wiring:
        name = job or _only_job(wiring)
        bench = _bench(file, wiring.job(name).target.group_roles)
        saved = partial(saved_of_job, wiring.config, name)
        person = _from_file(entry, bench, login, saved) if entry else _from_sources(wiring, name, login, bench)
        wiring.progress.hide()
        _show(person, bench, file, entry.name if entry else f"the sources of {name}", as_json)
    return 0


def _only_job(wiring: Any) -> str:
    names = wiring.config.job_names()
    if len(names) > 1:
        raise UsageError(f"which of {len(names)} jobs?", f"say --job NAME: {', '.join(names)}")
    return str(names[0])


def _bench(file: Path, roles: Mapping[str, int] | None = None) -> Any:
    from iwds.cli.golden import bench

    return bench(file, roles)


def _show(entry: Any, bench: Any, file: Path, read_from: str, as_json: bool) -> None:
    from iwds.cli.mapping_text import trace_lines
    from iwds.core.model import Account
    from iwds.core.normal import normalise
    from iwds.mapping.entries import form
    from iwds.mapping.trace import account_data

    seen = bench.trace(entry)
    made = normalise(seen.outcome, entry.name) if isinstance(seen.outcome, Account) else seen.outcome
    if not as_json:
        say(trace_lines(entry, f"by {file.name}, from {read_from}", seen, made))
        return
    absent = None if isinstance(made, Account) else {"reason": made.reason.value, "detail": made.detail}
    rules = [piece.data for piece in seen.pieces]
    data = {"mapping": str(file), "entry": form(entry, bench.rules.attributes), "rules": rules}
    account = account_data(made) if isinstance(made, Account) else None
    show_json({"schema": 1, **data, "account": account, "absent": absent})


def _from_file(path: Path, bench: Any, login: str, *source: Any) -> Any:
    """The one person in a file, or the one of this login or name; `source`: what reads LDIF and CSV."""
    from iwds.cli.golden import from_file, named

    entries = from_file(path, bench.rules.attributes, *source)
    if login:
        return _the_one(named(entries, [login], bench)[login], login, str(path))
    several = list(entries)
    if len(several) != 1:
        raise UsageError(f"{path} holds {len(several)} entries", "say which one: --login WHO" if several else "")
    return several[0]


_NOBODY = "a distinguished name or the id of an entry finds somebody too, whatever login the mapping makes"


def _from_sources(wiring: Any, job: str, login: str, bench: Any) -> Any:
    """The one person whom a job's sources have under this login or name."""
    from iwds.cli.golden import named, people_named

    found = named(people_named(wiring, job, bench, [login]), [login], bench)[login]
    return _the_one(found, login, f"the sources of {job}", f"base and filter of a source may leave them out; {_NOBODY}")


def _the_one(found: list[Any], login: str, where: str, nobody: str = "") -> Any:
    if len(found) != 1:
        names = ": " + " and ".join(entry.name for entry in found) if found else ""
        raise UsageError(
            f"{len(found) or 'nobody'} in {where} would be {login}{names}",
            "name one by distinguished name, or by id" if found else nobody or _NOBODY,
        )
    return found[0]


@group.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="A mapping file, or `applied`: what the job last applied.")],
    new: Annotated[str, typer.Argument(help="The other one.")],
    job: Annotated[str, typer.Argument(help="Whose people.")],
    first: Annotated[int, typer.Option("-n", min=0, help="How many people of each kind to show.")] = 5,
    all_: Annotated[bool, typer.Option("--all", help="Show everybody, as they are read.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Read everybody once and show who would change from one mapping to the other, and how. Changes nothing."""
    from iwds.cli.mapping_diff import compared

    with wired() as wiring:
        return compared(wiring, (old, new), job, None if all_ else first, as_json)


@group.command("test")
def check_golden(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Or a mapping file, with --golden and --entries.")],
    golden: Annotated[Path | None, typer.Option("--golden", help="Instead of the file that the job names.")] = None,
    entries: Annotated[
        Path | None,
        typer.Option("--entries", help="People from a file, JSON, LDIF or CSV, and not from the directory."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Check golden people: what must come of a few whom everybody knows. Changes nothing."""
    from iwds.cli.mapping_text import miss_lines, person_lines

    file, results = _tested(job, golden, entries)
    wrong = [each for each in results if each.misses]
    if as_json:
        show_json({"schema": 1, "job": job, "golden": str(file), "people": [_result(each) for each in results]})
        return 1 if wrong else 0
    width = min(_NAME, max(len(each.name) for each in results))
    for each in results:
        say(person_lines(each.name, each.expected.words, not each.misses, width))
        for miss in each.misses:
            say(miss_lines(miss))
    say([Text(f"{len(results) - len(wrong):,} of {len(results):,} are as {file.name} says")])
    return 1 if wrong else 0


def _tested(job: str, golden: Path | None, entries: Path | None) -> tuple[Path, list[Any]]:
    """The file of golden people, and what came of each; a mapping file needs no configuration, and no secret."""
    from iwds.cli.golden import from_file, golden_people, job_bench, job_golden, people_named
    from iwds.savedpeople import saved_of_job

    if golden and entries and Path(job).is_file():
        bench = _bench(Path(job))
        return golden, golden_people(golden, bench, lambda _: from_file(entries, bench.rules.attributes))
    if Path(job).suffix in _MAPPINGS and Path(job).is_file():
        missing = " and ".join(name for name, given in (("--golden", golden), ("--entries", entries)) if not given)
        raise UsageError(
            f"a mapping file needs {missing}", "a job of the configuration needs neither: iwds mapping test JOB"
        )
    with wired() as wiring:
        file = golden or job_golden(wiring, job)
        if file is None:
            raise UsageError(f"job {job} names no golden people", "golden: FILE in the job, or --golden FILE")
        bench = job_bench(wiring, job)

        def people(names: Collection[str]) -> Iterable[Any]:
            if entries:
                return from_file(entries, bench.rules.attributes, partial(saved_of_job, wiring.config, job))
            return people_named(wiring, job, bench, names)

        return file, golden_people(file, bench, people)


def _result(each: Any) -> dict[str, Any]:
    missed = [
        {"what": miss.what, "expected": miss.expected, "found": miss.found, "rules": [p.data for p in miss.because]}
        for miss in each.misses
    ]
    return {"name": each.name, "place": each.place, "ok": not missed, "misses": missed}
