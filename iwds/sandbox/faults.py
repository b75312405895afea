"""Faults on demand: what can go wrong at the wire, as values. `iwds.sandbox.mischief` does it.

No library is imported here: the command line shows the kinds in its help.
"""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Self

from iwds.errors import UsageError
from iwds.soap.description import OPERATIONS


class FaultKind(StrEnum):
    """What goes wrong. The values are the words of the command line."""

    LATENCY = "latency"
    RATE_LIMIT = "rate-limit"
    TIMEOUT_BEFORE = "timeout-before"
    TIMEOUT_AFTER = "timeout-after"
    RESET = "reset"
    HTML = "html"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    SOAP_FAULT = "fault"
    NOK = "nok"
    DRIFT = "drift"
    WRONG_COUNT = "wrong-count"
    EXPIRED_CERTIFICATE = "expired-certificate"


_OWN: Mapping[FaultKind, frozenset[str]] = {
    FaultKind.LATENCY: frozenset({"ms"}),
    FaultKind.RATE_LIMIT: frozenset({"per_second"}),
    FaultKind.HTML: frozenset({"status", "effect"}),
    FaultKind.WRONG_COUNT: frozenset({"by"}),
    **dict.fromkeys((FaultKind.RESET, FaultKind.EMPTY, FaultKind.SOAP_FAULT, FaultKind.NOK), frozenset({"effect"})),
}
"""Which settings belong to which kind, beside those that all have."""

LISTINGS = frozenset(name for name, operation in OPERATIONS.items() if "offset" in {p.name for p in operation.request})
"""The operations that answer page by page."""
_OF_LISTINGS = frozenset({FaultKind.DRIFT, FaultKind.WRONG_COUNT})
_LONGEST = 3_600_000  # ms; more is a slip of the keyboard


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, with which calls, and how often. Raises `UsageError` for what makes no sense.

    Args:
        kind: what goes wrong.
        operation: with which operations; a name of the API, in which `*` and `?` stand for others.
        times: at most so many times; None for no end.
        after: so many calls go well first.
        rate: with this share of the calls, chosen by chance; None for every one.
        seed: makes the chance the same each time.
        ms: (latency) milliseconds from and to.
        per_second: (rate-limit) calls per second that are answered.
        status: (html) HTTP status of the page, 503 without one.
        effect: (reset, html, empty, fault, nok) the call is carried out all the same.
        by: (wrong-count) how much `count` is off, 1 without a number.
    """

    kind: FaultKind
    operation: str = "*"
    times: int | None = None
    after: int = 0
    rate: float | None = None
    seed: int | None = None
    ms: tuple[int, int] | None = None
    per_second: float | None = None
    status: int | None = None
    effect: bool = False
    by: int | None = None

    def __post_init__(self) -> None:
        self._check_settings()
        self._check_operation()
        self._check_numbers()

    def concerns(self, operation: str) -> bool:
        """Whether calls of this operation can meet it."""
        if self.kind is FaultKind.EXPIRED_CERTIFICATE or (self.kind in _OF_LISTINGS and operation not in LISTINGS):
            return False
        return fnmatchcase(operation, self.operation)

    def is_due(self, seen: int, struck: int) -> bool:
        """Whether it strikes now: the `seen`-th call (from 1) that it concerns, after `struck` strikes."""
        if seen <= self.after or (self.times is not None and struck >= self.times):
            return False
        return self.rate is None or self._chance("rate", seen) < self.rate

    def delay(self, seen: int) -> float:
        """Seconds that the `seen`-th call waits."""
        low, high = self.ms or (0, 0)
        return (low + (high - low) * self._chance("ms", seen)) / 1000

    def words(self) -> str:
        """As it is typed, without `iwds sandbox fault add`."""
        words = [self.kind.value]
        for each in fields(self)[1:]:
            value = getattr(self, each.name)
            if value != each.default:
                words += [f"--{each.name.replace('_', '-')}", *_word(value)]
        return " ".join(words)

    def to_json(self) -> str:
        """For the data file."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        known: dict[str, Any] = json.loads(text)
        ms = known.get("ms")
        return cls(**{**known, "kind": FaultKind(known["kind"]), "ms": (ms[0], ms[1]) if ms else None})

    def _chance(self, what: str, seen: int) -> float:
        """A number from 0 to below 1 that depends on the seed and the call alone."""
        return Random(f"{self.seed}/{what}/{seen}").random()  # noqa: S311 - a rehearsal is repeated, nothing is kept secret

    def _check_settings(self) -> None:
        own = _OWN.get(self.kind, frozenset())
        for name in sorted(frozenset().union(*_OWN.values()) - own):
            if getattr(self, name) not in (None, False):
                owners = ", ".join(kind.value for kind, names in _OWN.items() if name in names)
                raise UsageError(f"{self.kind.value} knows no {_option(name)}", f"{_option(name)} is for {owners}")
        for name in own & {"ms", "per_second"}:
            if getattr(self, name) is None:
                raise UsageError(f"{self.kind.value} needs {_option(name)}", f"for example {_EXAMPLES[self.kind]}")
        if self.seed is not None and self.rate is None and self.ms is None:
            raise UsageError("there is no chance for a --seed to decide", "give --rate too")

    def _check_operation(self) -> None:
        if self.kind is FaultKind.EXPIRED_CERTIFICATE and self.operation != "*":
            raise UsageError(
                "a certificate is shown before any operation is known",
                "leave --operation out: --times counts handshakes",
            )
        known = sorted(LISTINGS if self.kind in _OF_LISTINGS else OPERATIONS)
        if not any(fnmatchcase(name, self.operation) for name in known):
            near = difflib.get_close_matches(self.operation, known, 1)
            what = "no operation that lists" if self.operation in OPERATIONS else "no operation of the API"
            advice = f"the nearest is {near[0]}" if near else f"they are {', '.join(known)}"
            raise UsageError(f'"{self.operation}" is {what}', advice)

    def _check_numbers(self) -> None:
        low, high = self.ms or (0, 0)
        limit = self.per_second
        for wrong, problem, advice in (
            (self.times is not None and self.times < 1, "--times is at least 1", "leave it out for no end"),
            (self.after < 0, "--after is a number of calls, 0 or more", ""),
            (self.rate is not None and not 0 < self.rate <= 1, "--rate is a share from above 0 to 1", "0.05 is 5 %"),
            (not 0 <= low <= high <= _LONGEST, f"--ms is from 0 to {_LONGEST}", "write 500, or 100-2000"),
            (limit is not None and not 0 < limit < math.inf, "--per-second is above 0", "0.5 is a call in two seconds"),
            (self.status is not None and not 200 <= self.status <= 599, "--status is from 200 to 599", "200 or 503"),
            (self.by == 0, "--by 0 would leave the count as it is", "leave it out for one too many"),
        ):
            if wrong:
                raise UsageError(problem, advice)


_EXAMPLES = {FaultKind.LATENCY: "--ms 500, or --ms 100-2000", FaultKind.RATE_LIMIT: "--per-second 5"}


def milliseconds(text: str) -> tuple[int, int]:
    """`500` or `100-2000`. Raises `UsageError`."""
    low, dash, high = text.partition("-")
    if not (low.isdecimal() and (high.isdecimal() or not dash)):
        raise UsageError(f'"{text}" is no number of milliseconds', "write 500, or 100-2000")
    return int(low), int(high or low)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _word(value: object) -> list[str]:
    """A setting's value as it is typed; a switch has none."""
    if isinstance(value, tuple):
        return ["-".join(map(str, dict.fromkeys(value)))]
    return [] if value is True else [str(value)]
