"""What each condition of a mapping says of one person, one by one: for whoever asks why."""

from collections.abc import Iterator, Mapping

from iwds.core.doubt import group_names
from iwds.mapping.conditions import Person, among, compile_condition, words
from iwds.mapping.document import Condition, Document
from iwds.ports import Clause, Grant


def scope_answers(document: Document, places: Mapping[str, str], person: Person) -> Iterator[Clause]:
    """What each clause of the scope answers, in the order of the file."""
    for number, clause in enumerate(document.scope):
        answer = compile_condition(clause, set())(person)
        yield Clause(words(clause), places.get(f"scope {number}", ""), answer)


def group_answers(document: Document, places: Mapping[str, str], person: Person) -> Iterator[Grant]:
    """What each line of `groups` answers, with the groups of the directory that it looks at and the person is in."""
    for number, line in enumerate(document.groups):
        answer = compile_condition(line.condition, set())(person)
        place = places.get(f"groups.{number}", "")
        yield Grant(line.to, line.role or "", words(line.condition), place, answer, _held(line.condition, person))


def _held(condition: Condition, person: Person) -> tuple[str, ...]:
    asked: set[str] = set()
    compile_condition(condition, asked)
    names = group_names(asked)
    return tuple(sorted(g for g in person.groups or () if any(among(name, frozenset({g})) for name in names)))
