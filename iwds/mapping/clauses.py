"""What each condition of a mapping says of one person, one by one: for whoever asks why."""

from collections.abc import Iterator, Mapping

from iwds.core.directory import KINDS, USABLE, Check
from iwds.core.doubt import group_names
from iwds.mapping.asked import Asked
from iwds.mapping.conditions import compile_condition, words
from iwds.mapping.document import Condition, Document
from iwds.mapping.groups import among
from iwds.mapping.person import Answer, Person, Unfit
from iwds.ports import Clause, Grant


def scope_answers(document: Document, places: Mapping[str, str], person: Person) -> Iterator[Clause]:
    """What each clause of the scope answers, in the order of the file."""
    for number, clause in enumerate(document.scope):
        yield Clause(words(clause), places.get(f"scope {number}", ""), _answer(clause, person))


def group_answers(document: Document, places: Mapping[str, str], person: Person) -> Iterator[Grant]:
    """What each line of `groups` answers, with the groups of the directory that it looks at and the person is in."""
    for number, line in enumerate(document.groups):
        answer = _answer(line.condition, person)
        place = places.get(f"groups.{number}", "")
        yield Grant(line.to, line.role or "", words(line.condition), place, answer, _held(line.condition, person))


def disabling(document: Document, person: Person) -> Iterator[str]:
    """What of an entry says that somebody is disabled: the source itself, the attributes that do alone, a condition."""
    if person.entry.enabled is False:
        yield "the source says so"
    rule = document.enabled
    if rule is None:
        return
    if rule.when is not None and _answer(rule.when, person) is False:
        yield f"not: {words(rule.when)}"
    told = KINDS[rule.as_] if rule.as_ else {}
    for check in (told[state] for state in (USABLE, *rule.also) if told):
        values = [person.attributes.get(name) for name in check.reads]
        if check.decide(*values, person.now) is False:
            yield _deciding(check, person)


def _deciding(check: Check, person: Person) -> str:
    """The attributes each of which settles it with nothing else known; all of them where only together they do."""
    known = person.attributes.get
    alone = [
        name
        for name in check.reads
        if check.decide(*(known(each) if each == name else None for each in check.reads), person.now) is False
    ]
    return " and ".join(alone or check.reads)


def _answer(condition: Condition, person: Person) -> Answer:
    """The answer; not known where the condition cannot be asked of what was read. Its expressions are its own."""
    try:
        return compile_condition(condition, Asked())(Person(person.entry, person.now))
    except (Unfit, UnicodeEncodeError):
        return None


def _held(condition: Condition, person: Person) -> tuple[str, ...]:
    asked = Asked()
    compile_condition(condition, asked)
    names = group_names(asked.names)
    return tuple(sorted(g for g in person.groups or () if any(among(name, frozenset({g})) for name in names)))
