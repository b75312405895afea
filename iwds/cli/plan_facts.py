"""What a plan and its refusal both tell: whose plan it is, what it rests on, and both sides to the last person."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from iwds.cli.console import WIDTH
from iwds.cli.page import Variants, block, cut, printable, wrapped
from iwds.core.batch_people import BATCH_REALM
from iwds.core.change import Adopt, Change, CreateLogin, Evidence
from iwds.core.decision import Reason, Skip
from iwds.core.guards import RETAGGED
from iwds.core.model import Anchor, Proof
from iwds.core.plan import Basis, Plan, has_twin
from iwds.core.words import many


def head(plan: Plan, report_only: bool) -> list[Text]:
    """Which job, when, and what holds for the whole plan."""
    basis = plan.basis
    lines = [Text(_title(plan), "bold")]
    special = []
    if report_only:
        special.append("REPORT ONLY: this job cannot write.")
    if basis.first_run:
        special.append("First run: it removes nothing.")
    if basis.looked_at is not None:
        special.append(f"Only what changed: {many(basis.looked_at, 'person', 'people')} looked at one by one.")
    if special:
        lines.append(Text("    ".join(special)))
    if basis.config_changed and not basis.first_run:
        lines.append(Text(_changed(basis), style="yellow"))
    if basis.tally.retagged:
        then = "every removal is held." if retagged(plan) else "accepted."
        lines.append(Text(f"Another tool retagged {basis.tally.retagged:,} of our logins: {then}", style="red"))
    return lines


def _changed(basis: Basis) -> str:
    """That the configuration changed, which parts of it and since when, and what waits."""
    since = f" (since run {basis.accepted_by})" if basis.accepted_by else ""
    return cut(f"What only the changed {', '.join(basis.aspects) or 'configuration'} would take away waits{since}.")


def retagged(plan: Plan) -> int:
    """How many logins of ours carry another tag that nobody accepted."""
    n = plan.basis.tally.retagged
    return 0 if n <= plan.basis.selection.allow.get(RETAGGED, 0) else n


def _title(plan: Plan) -> str:
    """Job, sources, service and time on one line; the names of many sources give way to their number."""
    sources = [proof.name for proof in plan.basis.sources]
    when = plan.made_at.astimezone().strftime("%a %d %b %Y %H:%M %Z")
    for named in (plan.basis.ordered or " + ".join(sources), plan.basis.ordered or f"{len(sources)} sources"):
        left = printable(f"{plan.job}: {named} -> MFA service {plan.service}")
        gap = WIDTH - Text(left).cell_len - len(when)
        if gap >= 2:
            return left + " " * gap + when
    return cut(left, WIDTH - len(when) - 2) + "  " + when


def readings(plan: Plan) -> Variants:
    """Why each reading is believed, or why not; what is not believed comes first where not all can be shown."""
    proofs = [(proof, ("person", "people")) for proof in plan.basis.sources]
    doubtful_first = sorted(proofs, key=lambda item: item[0].proven)
    title = "Can the readings be believed?"

    def part(listed_proofs: Sequence[tuple[Proof, tuple[str, str]]], most: int, lines: int, notes: int) -> list[Text]:
        told = [_reading(proof, what, lines) for proof, what in listed_proofs[:most]]
        hidden = [proof for proof, _ in listed_proofs[most:]]
        more = [_more_readings(hidden)] if hidden else []
        service = _reading(plan.basis.service, ("login", "logins"), lines)
        noted = [line for note in plan.basis.notes[:notes] for line in _note(note, lines)]
        return block([*(line for each in told for line in each), *more, *service, *noted], title)

    return [
        part(proofs, len(proofs), 4, len(plan.basis.notes)),
        part(proofs, len(proofs), 2, len(plan.basis.notes)),
        part(proofs if len(proofs) <= 3 else doubtful_first, 3, 1, 3),
        part(doubtful_first, 1, 1, 0),
    ]


def _more_readings(hidden: Sequence[Proof]) -> Text:
    doubtful = sum(not proof.proven for proof in hidden)
    people = sum(proof.count for proof in hidden)
    words = f"{doubtful:,} of them are NOT believed" if doubtful else "all believed"
    return Text(f"       {len(hidden):,} more sources: {people:,} people; {words}")


def _reading(proof: Proof, what: tuple[str, str], most: int) -> list[Text]:
    """One reading with its reason in so many lines; in two and with further problems where it is not believed."""
    further = 3 if most > 1 else 1
    most = most if proof.proven else most + 1
    said = ("yes", "green") if proof.proven else (" NO", "red bold")
    why = (proof.reasons if proof.proven else proof.problems) or ("nothing proves that it is complete",)
    first, *rest = wrapped(f"{cut(proof.name, 30)}: {many(proof.count, *what)}; {why[0]}", WIDTH - 7, most)
    problems = why[1:further] if not proof.proven else ()
    more = [line for problem in problems for line in wrapped(problem, WIDTH - 7, max(1, most - 2))]
    return [Text.assemble("  ", said, f"  {first}"), *(Text(f"       {line}") for line in (*rest, *more))]


def _note(note: str, most: int) -> list[Text]:
    first, *rest = wrapped(note, WIDTH - 8, most)
    return [Text.assemble("  ", ("note", "yellow"), f"  {first}"), *(Text(f"        {line}") for line in rest)]


def sides(plan: Plan) -> list[Text]:
    """Both sides accounted for to the last person; each column adds up to its head.

    An order asked one side alone, and who looks at a few people knows neither whole.
    """
    if plan.basis.ordered or plan.basis.looked_at is not None:
        return []
    tally = plan.basis.tally
    left = [f"{many(tally.people, 'person', 'people')} in the directory", *map(_cell, people_column(plan))]
    right = [f"{many(tally.logins, 'login')} on the service", *map(_cell, logins_column(plan))]
    height = max(len(left), len(right))
    both = zip(left + [""] * (height - len(left)), right + [""] * (height - len(right)), strict=True)
    return block(Text(f"{people:42}{logins}".rstrip()) for people, logins in both)


def _cell(row: tuple[int, str]) -> str:
    return f"{row[0]:>7,}  {row[1]}"


def people_column(plan: Plan) -> list[tuple[int, str]]:
    """What becomes of everybody in the directory, as (how many, words)."""
    basis = plan.basis
    created, adopted = _count(plan.changes, CreateLogin), _count(plan.changes, Adopt)
    accounts = basis.tally.people - sum(basis.tally.absent.values())
    never = sum(map(never_had_a_login, plan.skips))
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


def never_had_a_login(skip: Skip) -> bool:
    """Disabled people without a login are counted among the people, and need no line of their own."""
    return skip.reason is Reason.POLICY and skip.subject.login_id is None


_ABSENT_WORDS = {
    "out-of-scope": "out of scope",
    "excluded": "excluded by the mapping",
    "invalid": "cannot be mapped",
    "duplicate": "share a login with somebody",
}


def logins_column(plan: Plan) -> list[tuple[int, str]]:
    """What is known of every login on the service, as (how many, words)."""
    basis = plan.basis
    adopted = _count(plan.changes, Adopt)
    orphans = len({s.subject.login_id for s in plan.skips if s.reason is Reason.ORPHAN})
    others = basis.tally.logins - basis.matched - adopted - orphans
    # A login that another job keeps may be matched to its person too.
    kept = {s.subject.login_id: s.subject.anchor for s in plan.skips if s.reason is Reason.FOREIGN}
    foreign = min(others, len(kept.keys() - {None}))
    batches = min(foreign, sum(_by_a_batch(anchor) for login_id, anchor in kept.items() if login_id is not None))
    rows = [
        (basis.matched, "matched to one person"),
        (adopted, "adopt"),
        (others - foreign, "no person, or left alone"),
        (orphans, "orphans: our tag, no person"),
        (batches, "made by a batch"),
        (foreign - batches, "foreign: not ours"),
    ]
    return [row for row in rows if row[0]]


def _by_a_batch(anchor: Anchor | None) -> bool:
    return anchor is not None and anchor.realm == BATCH_REALM


def _count(changes: Iterable[Change], kind: type) -> int:
    return sum(isinstance(change, kind) for change in changes)


def by_rule(plan: Plan) -> int:
    """How many held removals only the changed configuration asks for."""
    waits = (skip.change for skip in plan.held if skip.reason is not Reason.UNAPPROVED)
    return sum(bool(change and change.evidence is Evidence.RULE) for change in waits)


_SPARED = (Reason.EXEMPT, Reason.TAKEN, Reason.REJECTED)


def spared_by_rule(plan: Plan) -> int:
    """How many the changed configuration may take from once a hold ends, or a name is free or wanted by one alone."""
    spared = (skip.change for skip in plan.skips if skip.reason in _SPARED)
    twins = sum(map(has_twin, plan.skips)) if plan.basis.config_changed else 0
    return twins + sum(bool(change and change.evidence is Evidence.RULE) for change in spared)
