"""Golden people of a job: who they are in its sources or in a file, and whether everything is as it must be."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from iwds.core.dn import normalise_dn
from iwds.core.model import BUILTIN_ROLES, Entry, fold
from iwds.errors import ConfigurationError, SourceUnavailable
from iwds.mapping import CompiledRules, Document, compile_mapping, read
from iwds.mapping.entries import load_entries
from iwds.mapping.golden import Expected, Miss, load_golden, misses
from iwds.mapping.texts import is_dn
from iwds.mapping.trace import Trace, trace
from iwds.ports import MOST_FOUND, Finding, Source
from iwds.savedpeople import saved
from iwds.yamlmarks import Where

_READ_BY_SOURCES = (".ldif", ".ldf", ".csv")
TICK = 500
"""How many people lie between two words of progress."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A mapping on which people are tried.

    Attributes:
        roles: the names of roles in groups that count as known.
        now: the time by which expiry is decided.
    """

    document: Document
    where: Where
    rules: CompiledRules
    roles: Mapping[str, int]
    now: datetime

    def trace(self, entry: Entry) -> Trace:
        """What each rule says of an entry."""
        return trace(self.document, self.where, entry, self.now, self.roles)


def bench(mapping: Path, roles: Mapping[str, int] | None = None) -> Bench:
    """A mapping file, read and compiled. Without `roles` of a target, those that it gives in groups are believed."""
    document, where = read(mapping)
    known = roles or {**BUILTIN_ROLES, **{line.role: -1 for line in document.groups if line.role}}
    return Bench(document, where, compile_mapping(document, where, known), known, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Tested:
    """One golden person: what is expected, where that stands, and what is not so."""

    name: str
    expected: Expected
    place: str
    misses: tuple[Miss, ...]


def golden_people(golden: Path, tried: Bench, people: Callable[[Collection[str]], Iterable[Entry]]) -> list[Tested]:
    """Every golden person of a file, by a mapping; `people` gives whoever may be meant by their names."""
    written, places = load_golden(golden)
    found = named(people(written.people), written.people, tried)
    results = []
    for name, expected in written.people.items():
        file, line = places(("people", name))
        seen = [tried.trace(entry) for entry in found[name]]
        missed = [_several(found[name])] if len(seen) > 1 else misses(expected, seen[0] if seen else None)
        results.append(Tested(name, expected, f"{Path(file).name}:{line}", tuple(missed)))
    return results


def _several(entries: list[Entry]) -> Miss:
    return Miss("people", "one; name them by distinguished name", " and ".join(entry.name for entry in entries))


def job_bench(wiring: Any, job: str) -> Bench:
    """The mapping of a job."""
    return bench(wiring.config.path(wiring.config.job(job).mapping), wiring.job(job).target.group_roles)


def job_golden(wiring: Any, job: str) -> Path | None:
    """The file of golden people that a job names."""
    written = wiring.config.job(job).golden
    return wiring.config.path(written) if written else None


def people_named(wiring: Any, job: str, tried: Bench, names: Collection[str]) -> Iterator[Entry]:
    """Whoever may be meant by these names in the sources of a job; nothing follows from who is missing.

    A directory is asked for them alone where a search finds everybody of a name, and is read whole where it cannot.
    """
    searchable = tried.rules.login_is_written or all(map(is_dn, names))
    for source in wiring.job(job).sources:
        found = _searched(source, tried.rules, names) if searchable and source.indexed else None
        yield from _read(wiring, source, tried.rules.attributes) if found is None else found


def _searched(source: Source, rules: CompiledRules, names: Iterable[str]) -> list[Entry] | None:
    """Those whom a search for each name finds and a run would read; None where it may not have told all of them."""
    found: list[Entry] = []
    for name in names:
        try:
            meant = source.search(name, rules.login_attributes, rules.attributes)
            found += [entry for entry in meant if source.selects(entry.anchor)]
        except SourceUnavailable:  # a search may be refused, as one without an index is, where a reading is not
            return None
        if len(meant) >= MOST_FOUND:
            return None
    return found


def _read(wiring: Any, source: Source, attributes: Collection[str]) -> Iterator[Entry]:
    for number, entry in enumerate(source.read(attributes), 1):
        if number % TICK == 0:
            wiring.progress(source.name, number, None)
        yield entry


def from_file(file: Path, attributes: Collection[str], source: Callable[[Path], Source] = saved) -> Iterator[Entry]:
    """The people in a file: LDIF, CSV, or JSON.

    Raises `ConfigurationError` where some cannot be read: whoever is missing would be taken for nobody.
    """
    if file.suffix.lower() not in _READ_BY_SOURCES:
        yield from load_entries(file, attributes)
        return
    reading = source(file).read(attributes)
    for entry in reading:
        lacking = attributes if file.suffix.lower() == ".csv" else ()  # no column: nobody has any
        yield replace(entry, attrs={**dict.fromkeys(lacking, ()), **entry.attrs})
    if problems := reading.finish().problems:
        raise ConfigurationError("; ".join(problems), "save the entries again, or take out what is named")


def named(entries: Iterable[Entry], names: Iterable[str], tried: Bench) -> Mapping[str, list[Entry]]:
    """Who of these people is meant by each name: a distinguished name, an id, or the login that the mapping makes."""
    found: dict[str, list[Entry]] = {name: [] for name in names}
    wanted = {_key(name): name for name in found}
    if len(found) != len(wanted):
        raise ConfigurationError("two names mean one login: logins are compared without case")
    by_dn = any(map(is_dn, found))
    for entry in entries:
        login = fold(tried.rules.map(entry, tried.now).login)
        for key in {login, fold(entry.anchor.id), _key(entry.name) if by_dn else ""} & wanted.keys():
            same = found[wanted[key]]
            if all(entry.anchor != other.anchor for other in same):  # of two sources the first one counts
                same.append(entry)
    return found


def _key(name: str) -> str:
    return normalise_dn(name) if is_dn(name) else fold(name)


def golden_findings(wiring: Any, job: str) -> Iterator[Finding]:
    """What `iwds check` says of a job's golden people: a line for each who is not as they must be."""
    file = job_golden(wiring, job)
    if file is None:
        return
    tried = job_bench(wiring, job)
    results = golden_people(file, tried, partial(people_named, wiring, job, tried))
    for each in results:
        for miss in each.misses:
            what = f"{each.name} ({each.place}): {miss.what}: {miss.found}; expected {miss.expected}"
            yield Finding(False, "golden", what, f"see by which rule: iwds mapping test {job}")
    good = sum(not each.misses for each in results)
    if good:
        yield Finding(True, "golden", f"{good:,} of {len(results):,} people are as {file.name} says")
