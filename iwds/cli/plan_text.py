"""A plan as a person wants to see it: at most 40 lines of 80 columns, whatever its size."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    Write,
    describe,
    fields_changed,
    kinds,
    removes,
)
from iwds.core.decide import Reason, Skip
from iwds.core.guards import Gauge
from iwds.core.model import Proof
from iwds.core.plan import Plan

EXAMPLES = 8
"""How many changes a plan names before it refers to `iwds show`."""

_FIELD_WORDS = {"firstname": "first name", "name": "last name", "extra": "extra fields"}
_MARKS = {"create": "+", "delete": "-", "lock": "-", "remove": "-", "demote": "-", "add": "+", "adopt": "="}
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "=": "cyan"}


def plan_lines(plan: Plan, *, report_only: bool = False, show_next: bool = True) -> Iterator[str | Text]:
    """The whole page, as rich markup."""
    if plan.violations:
        yield from _refused(plan)
        return
    yield from _head(plan, report_only)
    yield from _readings(plan)
    yield from _sides(plan)
    yield from _changes(plan)
    yield from _left_alone(plan)
    yield from _guards(plan)
    if show_next:
        yield from _next(plan, report_only)


def _refused(plan: Plan) -> Iterator[str | Text]:
    """The page of a plan that a guard stopped: the refusal first, then what it rests on, then the ways on."""
    yield "[red bold]HELD: nothing was changed.[/] Guards stopped this plan; somebody must decide."
    yield from _head(plan, report_only=False)
    for gauge in plan.violations:
        yield from _violation(gauge)
    yield from _readings(plan)
    yield from _sides(plan)
    yield ""
    yield "What you can do now"
    for words, command in _ways_on(plan):
        yield escape(f"  {words:32} {command}")
    allow = " ".join(f"--allow {kind}={n}" for kind, n in _needed(plan.violations).items())
    yield "  allow exactly this, once:"
    yield Text(f"    iwds apply {plan.id} {allow} \\")
    yield '      --reason "..."'


def _head(plan: Plan, report_only: bool) -> Iterator[str]:
    sources = " + ".join(proof.name for proof in plan.basis.sources)
    left = f"{plan.job}: {sources} -> MFA service {plan.service}"
    yield f"[bold]{escape(_spread(left, plan.made_at.strftime('%a %d %b %Y %H:%M %Z')))}[/]"
    if report_only:
        yield "REPORT ONLY: this job cannot write."
    if plan.basis.first_run:
        yield "First run of this job on this service: it removes nothing."
    if plan.basis.config_changed:
        yield "[yellow]The configuration differs from the one last applied: removals wait for a person.[/]"
    if plan.basis.tally.retagged:
        n = plan.basis.tally.retagged
        yield f"[red]Another tool retagged {n} of our logins: every removal is held.[/]"


def _spread(left: str, right: str) -> str:
    """Left and right on one line; the right part gives way."""
    gap = WIDTH - len(left) - len(right)
    return left + " " * gap + right if gap >= 2 else left


def _readings(plan: Plan) -> Iterator[str]:
    yield ""
    yield "Can the readings be believed?"
    for proof in plan.basis.sources:
        yield from _reading(proof, "people")
    yield from _reading(plan.basis.service, "logins")
    for note in plan.basis.notes:
        yield f"  [yellow]note[/] {escape(note)}"


def _reading(proof: Proof, what: str) -> Iterator[str]:
    said = "[green]yes[/]" if proof.proven else "[red bold] NO[/]"
    why = (proof.reasons if proof.proven else proof.problems) or ("nothing proves that it is complete",)
    text = f"{proof.name}: {proof.count:,} {what}; {why[0]}"
    first, *rest = wrap(text, WIDTH - 8, max_lines=2, placeholder=" …")
    yield f"  {said}  {escape(first)}"
    more = [] if proof.proven else [_cut(problem, WIDTH - 8) for problem in why[1:3]]
    yield from (f"       {escape(line)}" for line in (*rest, *more))


def _cut(text: str, width: int) -> str:
    """At most so many columns of text; letters of some scripts take two, and marks none."""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _sides(plan: Plan) -> Iterator[str]:
    """Both sides accounted for to the last person; each column adds up to its head."""
    people, logins = _people_column(plan), _logins_column(plan)
    tally = plan.basis.tally
    yield ""
    yield f"{f'{tally.people:,} people in the directory':42}{tally.logins:,} logins on the service"
    for index in range(max(len(people), len(logins))):
        left = _cell(people, index)
        yield escape(f"{left:42}{_cell(logins, index)}".rstrip())


def _cell(column: Sequence[tuple[int, str]], index: int) -> str:
    if index >= len(column):
        return ""
    count, words = column[index]
    return f"{count:>7,}  {words}"


def _people_column(plan: Plan) -> list[tuple[int, str]]:
    basis = plan.basis
    created, adopted = _count(plan.changes, CreateLogin), _count(plan.changes, Adopt)
    accounts = basis.tally.people - sum(basis.tally.absent.values())
    never = sum(map(_never_had_a_login, plan.skips))
    rest = accounts - basis.matched - created - adopted - never
    rows = [
        (basis.agreed, "are as they should be"),
        (basis.matched - basis.agreed, "have a login that differs"),
        (adopted, "match a login to adopt"),
        (created, "to create"),
        (never, "disabled, never had a login"),
        (rest, "left alone, see below"),
        *((n, _ABSENT_WORDS.get(reason, reason)) for reason, n in sorted(basis.tally.absent.items())),
    ]
    return [row for row in rows if row[0]]


def _never_had_a_login(skip: Skip) -> bool:
    """Disabled people without a login are counted among the people, and need no line of their own."""
    return skip.reason is Reason.POLICY and skip.subject.login_id is None


_ABSENT_WORDS = {
    "out-of-scope": "out of scope",
    "excluded": "excluded by the mapping",
    "invalid": "cannot be mapped",
    "duplicate": "share a login with somebody",
}


def _logins_column(plan: Plan) -> list[tuple[int, str]]:
    basis = plan.basis
    adopted = _count(plan.changes, Adopt)
    foreign = {s.subject.login_id for s in plan.skips if s.reason is Reason.FOREIGN and s.subject.login_id}
    orphans = {s.subject.login_id for s in plan.skips if s.reason is Reason.ORPHAN}
    rest = basis.tally.logins - basis.matched - adopted - len(foreign) - len(orphans)
    rows = [
        (basis.matched, "matched to one person"),
        (adopted, "adopt"),
        (rest, "ours, without a person to match"),
        (len(orphans), "orphans: our tag, no person"),
        (len(foreign), "foreign: another tool's"),
    ]
    return [row for row in rows if row[0]]


def _count(changes: Iterable[Change], kind: type) -> int:
    return sum(isinstance(change, kind) for change in changes)


def calls(change: Change) -> int:
    """How many calls a change makes, the last look before a removal included."""
    match change:
        case Adopt() | AdoptMembership() | Forget():
            return 0
        case Write() if removes(change):
            return 2
        case DeleteLogin():
            return 2
        case CreateLogin() | Write() | AddToGroup() | RemoveFromGroup() | SendActivation():
            return 1


def _changes(plan: Plan) -> Iterator[str]:
    yield ""
    if not plan.changes:
        yield "[green]Nothing to do.[/]" if not plan.skips or not plan.held else "Nothing is changed."
        return
    yield "[bold]What would change                                           people      calls[/]"
    grouped: dict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        grouped[_heading(change)].append(change)
    for heading, changes in grouped.items():
        yield _kind_line(heading, changes)
    if not any(removes(change) for change in plan.changes):
        yield "  Nobody is locked, deleted, demoted, renamed or taken out of a group."
    yield from examples(plan.changes, EXAMPLES, plan.id)


_ORDER = (Kind.LOCK, Kind.DEMOTE, Kind.RENAME, Kind.PROMOTE, Kind.UNLOCK, Kind.CLEAR, Kind.UPDATE)


def _heading(change: Change) -> str:
    named = kinds(change)
    if isinstance(change, Write):
        return next(kind.value for kind in _ORDER if kind in named)
    return Kind.CREATE.value if Kind.CREATE in named else min(named).value


def _kind_line(heading: str, changes: Sequence[Change]) -> str:
    people = len({change.subject.key for change in changes})
    what = _cut(_what(changes), 42)
    return escape(f"  {heading:12} {what:42} {people:>9,}  {sum(map(calls, changes)):>9,}")


def _what(changes: Sequence[Change]) -> str:
    """What the changes of one kind are about: groups, fields, or why."""
    counts: Counter[str] = Counter()
    for change in changes:
        match change:
            case AddToGroup() | RemoveFromGroup() | AdoptMembership():
                counts[change.group.name] += 1
            case Write():
                counts.update(_FIELD_WORDS.get(name, name) for name in fields_changed(change) if name != "status")
                counts[change.because] += "status" in fields_changed(change)
            case CreateLogin():
                counts[f"{change.account.at_creation.activation.value} activation"] += 1
            case _:
                counts[change.because] += 1
    listed = [f"{name} {n:,}" if len(counts) > 1 else name for name, n in counts.most_common() if n]
    shown = ", ".join(listed[:4])
    return f"{shown}, {len(listed) - 4} more" if len(listed) > 4 else shown


def examples(changes: Sequence[Change], most: int, plan_id: str) -> Iterator[str]:
    """A few changes of each kind as sentences, then where the rest is."""
    by_kind: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_kind[_heading(change)].append(change)
    shown = 0
    share = max(1, most // max(1, len(by_kind)))
    for listed in by_kind.values():
        for change in listed[: min(share, most - shown)]:
            yield change_line(change)
            shown += 1
    if shown < len(changes):
        yield f"    ... {len(changes) - shown:,} more:  iwds show {plan_id} --all"


def change_line(change: Change, width: int = WIDTH) -> str:
    """One change as one line: a mark, the sentence, why."""
    mark = _MARKS.get(_heading(change), "~")
    text = _cut(f"{describe(change)}  -- {change.because}", width - 6)
    return f"    [{_COLOURS[mark]}]{mark}[/] {escape(text)}"


def _left_alone(plan: Plan) -> Iterator[str]:
    skips = [skip for skip in plan.skips if not _never_had_a_login(skip)]
    if not skips:
        return
    yield ""
    yield "[bold]Left alone, and why[/]"
    counts: Counter[tuple[Reason, str]] = Counter((skip.reason, _skip_words(skip)) for skip in skips)
    by_reason: dict[Reason, int] = Counter(skip.reason for skip in skips)
    for reason, n in sorted(by_reason.items(), key=lambda item: (-item[1], item[0])):
        details = [(words, m) for (r, words), m in counts.most_common() if r is reason]
        words = (
            details[0][0]
            if len(details) == 1 or n > 3
            else "; ".join(skip_line(skip) for skip in skips if skip.reason is reason)
        )
        yield escape(_cut(f"  {n:>6,}  {reason.value}: {words}", WIDTH))


def _skip_words(skip: Skip) -> str:
    if skip.change:
        return f"{_heading(skip.change)} waits: {skip.detail}"
    return skip.detail


def skip_line(skip: Skip) -> str:
    """One person left alone, in a few words."""
    return f"{skip.subject.login} ({skip.detail})"


def _guards(plan: Plan) -> Iterator[str]:
    gauges = [gauge for gauge in plan.basis.gauges if not gauge.of]
    if not gauges:
        return
    yield ""
    words = "  ".join(f"{gauge.kind.value}\u00a0{gauge.observed + gauge.recent}/{gauge.limit}" for gauge in gauges)
    for line in wrap(f"Guards, all clear:  {words}", WIDTH, subsequent_indent="  "):
        yield escape(line.replace("\u00a0", " "))


def _next(plan: Plan, report_only: bool) -> Iterator[str | Text]:
    yield ""
    total = sum(map(calls, plan.changes))
    yield f"Saved as [bold]{plan.id}[/]" + (f", about {total:,} calls." if total else ".")
    if report_only:
        yield f"Next:  iwds show {plan.id} --all"
    elif plan.changes:
        yield f"Next:  iwds show {plan.id} --all  .  iwds apply {plan.id}"
    if any(s.change and s.change.evidence is Evidence.RULE for s in plan.held):
        yield from _accept_lines(plan)


def _accept_lines(plan: Plan) -> Iterator[str | Text]:
    n = sum(bool(s.change and s.change.evidence is Evidence.RULE) for s in plan.held)
    yield f"Let the {n} removals of the changed configuration go, on purpose:"
    yield Text(f"  iwds apply {plan.id} --only rule --allow out-of-scope={n} \\")
    yield '    --reason "..."'


def _violation(gauge: Gauge) -> Iterator[str]:
    of = f" of {gauge.of}" if gauge.of else ""
    recent = f", {gauge.recent} in the last 20 hours" if gauge.recent else ""
    yield ""
    head = f"{gauge.kind.value}{of}: {gauge.observed:,}, the limit is {gauge.limit:,}"
    yield escape(f"{head} (of {gauge.population:,}{recent}). Why:")
    for cause, n in sorted(gauge.causes.items(), key=lambda item: -item[1])[:5]:
        yield escape(_cut(f"  {n:>6,}  {cause}", WIDTH))


def _needed(violations: Iterable[Gauge]) -> Mapping[str, int]:
    needed: dict[str, int] = {}
    for gauge in violations:
        needed[gauge.kind.value] = max(needed.get(gauge.kind.value, 0), gauge.observed)
    return needed


def _ways_on(plan: Plan) -> Iterator[tuple[str, str]]:
    kind = plan.violations[0].kind.value
    yield "look at them one by one", f"iwds show {plan.id} {kind if kind in set(Kind) else ''} --all".replace("  ", " ")
    wanted = [*plan.changes, *(skip.change for skip in plan.skips if skip.change)]
    seen = sum(change.evidence is Evidence.SEEN for change in wanted)
    gifts = sorted({kind.value for change in wanted if not removes(change) for kind in kinds(change)} & _GIFTS)
    if seen:
        yield f"take only what the {seen} say", f"iwds apply {plan.id} --only seen"
    if gifts:
        yield "let the rest in", f"iwds apply {plan.id} --only {','.join(gifts)}"


_GIFTS = {"create", "update", "add", "adopt", "unlock"}
