"""What mapping one person costs: ten declarative fields, three of them as expressions, and plain Python beside."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iwds.core.directory import openldap
from iwds.core.model import Account, Anchor, AtCreation, Entry, Role, Unmapped
from iwds.mapping import load

NOW = datetime(2024, 3, 10, tzinfo=UTC)
REPEATS = 40
CHUNK = 25
"""So many people at once, and the quickest of the repeats counts: on a busy machine it is the least disturbed."""
_NAMES = ("Müller", "O'Neill", "García", "Smith", "Łukasz", "de la Tour")
_LOCKS = ("pwdaccountlockedtime", "pwdstarttime", "pwdendtime", "shadowexpire")

Rule = Callable[[Entry, datetime], Account | Unmapped]


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor microseconds for each person."""

    rules: str
    people: int
    microseconds: float


def compare(people: int) -> list[Cost]:
    """Plain Python first, then the two mappings; all make the same accounts but for what the expressions add."""
    entries = [_entry(number) for number in range(people)]
    return [Cost(name, people, _quickest(rule, entries)) for name, rule in _rules()]


def table(costs: Sequence[Cost]) -> str:
    """One line for each, compared with plain Python."""
    head = f"{'rules':<28}{'people':>10}{'us/person':>12}{'x Python':>10}"
    first = costs[0].microseconds
    lines = (f"{c.rules:<28}{c.people:>10,}{c.microseconds:>12.1f}{c.microseconds / first:>10.1f}" for c in costs)
    return "\n".join([head, *lines])


def _rules() -> list[tuple[str, Rule]]:
    here = Path(__file__).parent
    return [
        ("plain Python", plain),
        ("ten fields", load(here / "mapping-declarative.yaml").map),
        ("three of them expressions", load(here / "mapping-expressions.yaml").map),
    ]


def _quickest(rule: Rule, entries: Sequence[Entry]) -> float:
    chunks = [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]
    return sum(min(_round(rule, chunk) for _ in range(REPEATS)) for chunk in chunks) / len(entries) * 1e6


def _round(rule: Rule, entries: Sequence[Entry]) -> float:
    gc.disable()  # as timeit does; a reading calls the collector seldom as well
    begun = time.process_time()
    for entry in entries:
        rule(entry, NOW)
    taken = time.process_time() - begun
    gc.enable()
    return taken


def _entry(number: int) -> Entry:
    name = _NAMES[number % len(_NAMES)]
    attributes = {
        "uid": (f"U{number}",),
        "givenname": ("Zoë",),
        "sn": (name,),
        "displayname": (f"Zoë {name}",),
        "mail": (f"U{number}@Example.org",) if number % 10 else (),
        "mobile": ("+33 6 12 34 56 78",) if number % 3 else (),
        "telephonenumber": ("+33 1 12 34 56 78",),
        "preferredlanguage": ("fr",) if number % 2 else (),
        "departmentnumber": (f"{number % 40}",),
        "employeetype": ("internal",),
        **dict.fromkeys(_LOCKS, ()),
    }
    groups = frozenset(f"cn={each},ou=groups,dc=example,dc=org" for each in ("vpn-users", f"team-{number % 50}"))
    return Entry(Anchor("corp", str(number)), f"uid=u{number},ou=people,dc=example,dc=org", attributes, groups)


def plain(entry: Entry, now: datetime) -> Account | Unmapped:
    """What somebody would write by hand for one directory: no values that are not known, no messages."""
    read = entry.attrs
    uid, given, surname, mail = (_one(read, key) for key in ("uid", "givenname", "sn", "mail"))
    kind = _one(read, "employeetype")
    assert entry.name.endswith("ou=people,dc=example,dc=org")
    assert kind != "service"
    groups = {name.partition("=")[2].partition(",")[0] for name in entry.groups or ()}
    member = {"vpn" if "vpn-users" in groups else "", "wiki" if "wiki-users" in groups or kind == "partner" else ""}
    return Account(
        entry.anchor,
        uid.strip().lower(),
        given,
        surname or _one(read, "displayname"),
        mail.lower(),
        (_one(read, "mobile") or _one(read, "telephonenumber")).strip(),
        Role.MANAGER if "mfa-managers" in groups else Role.USER,
        _usable(entry, now),
        frozenset(member - {""}),
        (("department", f"D-{_one(read, 'departmentnumber')}"),),
        AtCreation(language=_one(read, "preferredlanguage") or "en"),
    )


def _usable(entry: Entry, now: datetime) -> bool:
    locked, start, end, expire = (entry.attrs[key] for key in _LOCKS)
    return openldap(locked, start, end, expire, now) is not False


def _one(attributes: Mapping[str, tuple[str, ...]], name: str) -> str:
    values = attributes[name]
    return values[0] if values else ""
