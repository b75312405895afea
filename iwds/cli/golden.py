"""Golden people of a job: who they are in its sources or in a file, and whether everything is as it must be."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iwds.core.dn import normalise_dn
from iwds.core.model import Entry, fold
from iwds.errors import ConfigurationError
from iwds.mapping import compile_mapping, read
from iwds.mapping.document import is_dn
from iwds.mapping.entries import load_entries
from iwds.mapping.golden import Expected, Miss, load_golden, misses
from iwds.mapping.trace import trace
from iwds.ports import Finding, Rules

TICK = 500
"""How many people lie between two words of progress."""


@dataclass(frozen=True, slots=True)
class Tested:
    """One golden person: what is expected, where that stands, and what is not so."""

    name: str
    expected: Expected
    place: str
    misses: tuple[Miss, ...]


def golden_file(wiring: Any, job: str) -> Path | None:
    """The file of golden people that a job names."""
    named = wiring.config.job(job).golden
    return wiring.config.path(named) if named else None


def golden_people(wiring: Any, job: str, golden: Path, entries: Path | None) -> list[Tested]:
    """Every golden person of a file, by the mapping of a job; people come from its sources, or from a file."""
    wired, now = wiring.job(job), wiring.tools().clock.now()
    document, where = read(wiring.config.path(wiring.config.job(job).mapping))
    people, places = load_golden(golden)
    rules = compile_mapping(document, where, wired.target.group_roles)
    given = read_all(wiring, wired, rules.attributes) if entries is None else saved(wiring, job, entries, rules)
    found = named(given, people.people, rules, now)
    results = []
    for name, expected in people.people.items():
        file, line = places(("people", name))
        seen = [trace(document, where, entry, now, wired.target.group_roles) for entry in found[name]]
        missed = [_several(found[name])] if len(seen) > 1 else misses(expected, seen[0] if seen else None)
        results.append(Tested(name, expected, f"{Path(file).name}:{line}", tuple(missed)))
    return results


def _several(entries: list[Entry]) -> Miss:
    return Miss("people", "one; name them by distinguished name", " and ".join(entry.name for entry in entries))


def read_all(wiring: Any, job: Any, attributes: Collection[str]) -> Iterator[Entry]:
    """Everybody in the sources of a job, once; nothing follows from who is missing."""
    for source in job.sources:
        for number, entry in enumerate(source.read(attributes), 1):
            if number % TICK == 0:
                wiring.progress(source.name, number, None)
            yield entry


def saved(wiring: Any, job: str, file: Path, rules: Rules) -> Iterator[Entry]:
    """The people in a file: LDIF, read as the job's own source of that kind would, or JSON."""
    if file.suffix.lower() in (".ldif", ".ldf"):
        return iter(wiring.saved(job, file).read(rules.attributes))
    return load_entries(file, rules.attributes)


def named(entries: Iterable[Entry], names: Iterable[str], rules: Rules, now: Any) -> Mapping[str, list[Entry]]:
    """Who of these people is meant by each name: a distinguished name, or the login that the mapping makes."""
    wanted = {_key(name): name for name in names}
    found: dict[str, list[Entry]] = {name: [] for name in wanted.values()}
    if len(found) != len(wanted):
        raise ConfigurationError("two names mean one login: logins are compared without case")
    by_dn = any(map(is_dn, found))
    for entry in entries:
        for key in {fold(rules.map(entry, now).login), _key(entry.name) if by_dn else ""} & wanted.keys():
            same = found[wanted[key]]
            if all(entry.anchor != other.anchor for other in same):  # of two sources the first one counts
                same.append(entry)
    return found


def _key(name: str) -> str:
    return normalise_dn(name) if is_dn(name) else fold(name)


def golden_findings(wiring: Any, job: str) -> Iterator[Finding]:
    """What `iwds check` says of a job's golden people: a line for each who is not as they must be."""
    file = golden_file(wiring, job)
    if file is None:
        return
    results = golden_people(wiring, job, file, None)
    for each in results:
        for miss in each.misses:
            what = f"{each.name} ({each.place}): {miss.what}: {miss.found}; expected {miss.expected}"
            yield Finding(False, "golden", what, f"see by which rule: iwds mapping test {job}")
    good = sum(not each.misses for each in results)
    if good:
        yield Finding(True, "golden", f"{good:,} of {len(results):,} people are as {file.name} says")
