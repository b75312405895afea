"""What became of each row of a batch, told as soon as all that the row wants has ended."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from iwds.core.batch import CREATED, MAILED, parts, wanted_parts
from iwds.core.batch_people import Wish
from iwds.core.batch_table import Action, Row
from iwds.core.change import Change, Forget
from iwds.core.decision import Reason, Skip
from iwds.core.model import Activation, fold
from iwds.core.moved import DRIFT_WORDS, Drift
from iwds.core.plan import Plan
from iwds.core.words import field_words
from iwds.ports import Result

ALREADY, PARTLY = "already", "partly"
"""Outcomes of a row beside those of a change: all of it was so before; a part was made, and another was not."""
_WORST = (Result.UNKNOWN, Result.REJECTED, Result.NOT_TRIED, Result.HELD)


@dataclass(frozen=True, slots=True)
class RowEnd:
    """How one row ended.

    Attributes:
        login_id: 0 where it is not known.
        outcome: a `Result`, `already` or `partly`.
        code_kind: what somebody new gets to enrol with; empty for the others. Never the code.
        message: why, for people; empty for what was simply done.
    """

    line: int
    action: Action
    login: str
    login_id: int
    outcome: str
    code_kind: str
    message: str


@dataclass(slots=True)
class _Open:
    """One row under way: what became of its parts so far, and which are still awaited."""

    row: Row
    login_id: int
    awaited: set[str]
    ended: dict[str, tuple[str, str]]
    before: bool = False


@dataclass(slots=True)
class Rows:
    """The rows of one batch.

    Attributes:
        told: called once for each row.
        logins: ids of those that are there, by folded name.
        unmailed: folded names of those of whom nobody knows whether their link was mailed.
        counts: how many rows ended how.
        coded: folded names of those whose code was handed over.
        uncoded: who was created with a code that came in an answer that was lost.
    """

    wishes: Sequence[Wish]
    told: Callable[[RowEnd], None]
    logins: Mapping[str, int] = field(default_factory=dict)
    unmailed: Collection[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    coded: set[str] = field(default_factory=set)
    uncoded: list[str] = field(default_factory=list)
    _open: dict[str, list[_Open]] = field(default_factory=dict)
    _begun: bool = False

    def begin(self, plan: Plan) -> None:
        """What the plan says of each row; rows of which nothing is awaited end at once. A second time it is ignored."""
        if self._begun:
            return
        self._begun = True
        made: dict[str, set[str]] = {}
        for change in plan.changes:
            made.setdefault(fold(change.subject.login), set()).update(parts(change))
        skips: dict[str, list[Skip]] = {}
        for skip in plan.skips:
            skips.setdefault(fold(skip.subject.login), []).append(skip)
        for wish in self.wishes:
            key = fold(wish.login)
            self._open[key] = [self._row(wish, row, made.get(key, set()), skips.get(key, [])) for row in wish.rows]
            self._tell_ended(key)

    def _row(self, wish: Wish, row: Row, made: Collection[str], skips: Sequence[Skip]) -> _Open:
        key = fold(wish.login)
        wanted = wanted_parts(wish)[row.line]
        ended = {part: _end_of(part, skips) for part in wanted if part not in made}
        if ended.get(MAILED) == (ALREADY, "") and key in self.unmailed:
            told = f"the link may never have been mailed: iwds login code {wish.login} --mail"
            ended[MAILED] = (Result.UNKNOWN.value, told)
        return _Open(row, self.logins.get(key, 0), set(wanted & set(made)), ended)

    def heard(self, change: Change, result: Result, error: str, login_id: int) -> None:
        """One change of the plan has ended."""
        key = fold(change.subject.login)
        for each in self._open.get(key, ()):
            for part in parts(change) & each.awaited:
                each.awaited.discard(part)
                each.ended[part] = (result.value, error)
            each.login_id = login_id or each.login_id
        self._tell_ended(key)

    def finish(self) -> None:
        """Tell the rows that are still open: what the run never came to."""
        for key, listed in self._open.items():
            for each in listed:
                each.ended |= dict.fromkeys(each.awaited, (Result.NOT_TRIED.value, "the run ended before"))
                each.awaited.clear()
            self._tell_ended(key)

    def _tell_ended(self, key: str) -> None:
        for each in self._open.get(key, ()):
            if not each.awaited and not each.before:
                each.before = True
                self._tell(each)

    def _tell(self, each: _Open) -> None:
        row = each.row
        outcome, message = _whole(each.ended)
        kind = row.activation.value if row.action is Action.CREATE else ""
        if kind == Activation.CODE and self._without_code(row.login, each.ended.get(CREATED, ("", ""))[0]):
            told = f"its code was not kept; for another one: iwds login code {row.login}"
            message = f"{message}; {told}" if message else told
        self.counts[outcome] += 1
        self.told(RowEnd(row.line, row.action, row.login, each.login_id, outcome, kind, message))

    def _without_code(self, login: str, created: str) -> bool:
        """Whether somebody is there, and no code of theirs is."""
        if created == Result.DONE and fold(login) not in self.coded:
            self.uncoded.append(login)
            return True
        return created == ALREADY


def _end_of(part: str, skips: Sequence[Skip]) -> tuple[str, str]:
    """What a plan without a change that makes a part says of it."""
    for skip in sorted(skips, key=lambda each: each.reason is Reason.MOVED):  # what stands now says more
        if _is_about(skip, part):
            return Result.HELD.value, f"{skip.reason.value}: {skip.detail}"
    return ALREADY, ""


def _is_about(skip: Skip, part: str) -> bool:
    """Whether a skip keeps a part from being made; who gets no login gets nothing that goes with it."""
    if isinstance(skip.change, Forget) or (skip.reason is Reason.MOVED and skip.detail == DRIFT_WORDS[Drift.ALREADY]):
        return False
    kept = parts(skip.change) if skip.change else frozenset()
    return not kept or part in kept or CREATED in kept


def _whole(ended: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The outcome of a row, and what to say of it, from those of its parts."""
    outcomes = {outcome for outcome, _ in ended.values()}
    bad = [result.value for result in _WORST if result.value in outcomes]
    if not bad:
        return (Result.DONE.value if Result.DONE.value in outcomes else ALREADY), ""
    whys: dict[str, list[str]] = {}
    for part, (outcome, why) in sorted(ended.items()):
        if outcome in bad:
            whys.setdefault(why or outcome, []).append(field_words(part))
    words = [why if len(whys) == 1 and len(bad) == len(outcomes) else f"{', '.join(which)}: {why}"
             for why, which in whys.items()]  # fmt: skip
    return PARTLY if Result.DONE.value in outcomes else bad[0], "; ".join(words)
