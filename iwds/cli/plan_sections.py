"""A whole plan, ordered for somebody who reads all of it: first who loses what and why, then the rest.

Every form of a plan that people read (text, Markdown, a page, a table) is made of these parts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from iwds.cli.change_text import heading
from iwds.core.causes import cause_words
from iwds.core.change import Change, CreateLogin, Write, fields_changed, kinds, removes
from iwds.core.decision import Reason, Skip
from iwds.core.guards import Gauge
from iwds.core.model import Proof
from iwds.core.plan import NEEDS_A_PERSON, Plan
from iwds.core.plan_document import HOLDS
from iwds.core.words import describe, field_words, many

RECENTLY = "last 20 hours"
"""What else counts towards a limit, beside the plan."""
LOSES = "Taken away"
CHANGES = "Given or changed"
WAITS = "Waits for a person"
LEFT = "Left alone"


@dataclass(frozen=True, slots=True)
class Step:
    """One change, or one step that is not taken.

    Attributes:
        login: whom it is about, as people know them.
        what: the change in words; of a skip without one its reason.
        why: because of what it is made, or not made.
        change: the change that is made, or that would have been.
        skip: why it is not made; None for what is made.
        order: its place among what is made; 0 for a skip.
    """

    login: str
    what: str
    why: str
    change: Change | None
    skip: Skip | None = None
    order: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """Steps that share what they do to people, and why."""

    part: str
    title: str
    steps: Sequence[Step]


def sections(plan: Plan) -> list[Section]:
    """All changes and skips, each in exactly one section; what takes something away stands first, by its cause."""
    made = [step for step in steps(plan) if step.skip is None]
    taken = [step for step in made if step.change and removes(step.change)]
    given = [step for step in made if not (step.change and removes(step.change))]
    left = [step for step in steps(plan) if step.skip]
    waiting = [step for step in left if step.skip and step.skip.reason in NEEDS_A_PERSON]
    alone = [step for step in left if not (step.skip and step.skip.reason in NEEDS_A_PERSON)]
    return [
        *_grouped(LOSES, ((_cause(step, plan.basis.accepted_by), step) for step in taken)),
        *_grouped(CHANGES, ((heading(step.change) if step.change else "", step) for step in given)),
        *_grouped(WAITS, ((_reason(step), step) for step in waiting)),
        *_grouped(LEFT, ((_reason(step), step) for step in alone)),
    ]


def steps(plan: Plan) -> Iterator[Step]:
    """All changes in the order in which they are made, then all skips."""
    yield from (_made(change, order) for order, change in enumerate(plan.changes, 1))
    yield from map(_left, plan.skips)


def _grouped(part: str, titled: Iterable[tuple[str, Step]]) -> Iterator[Section]:
    """Sections in the order in which their first step comes."""
    found: dict[str, list[Step]] = {}
    for title, step in titled:
        found.setdefault(title, []).append(step)
    for title, listed in found.items():
        yield Section(part, title, listed)


def _made(change: Change, order: int) -> Step:
    return Step(_login_of(change), describe(change), change.because, change, None, order)


def _left(skip: Skip) -> Step:
    what = describe(skip.change) if skip.change else skip.reason.value
    return Step(skip.subject.login, what, skip.detail, skip.change, skip)


def _login_of(change: Change) -> str:
    return change.account.login if isinstance(change, CreateLogin) else change.subject.login


def _reason(step: Step) -> str:
    """The reason of a skip; of what waits with the cause of the change that does, where there is one."""
    assert step.skip is not None  # noqa: S101 - only skips are asked
    cause = cause_of(step.change) if step.skip.reason is Reason.HELD else ""
    return f"{step.skip.reason.value}: {plain_cause(cause)}" if cause else step.skip.reason.value


def _cause(step: Step, since: str) -> str:
    """What a removal rests on: its cause in words, and its evidence."""
    evidence = step.change.evidence if step.change else None
    words = plain_cause(cause_of(step.change), since) or step.why
    return f"{words} ({evidence.value})" if evidence else words


def cause_of(change: Change | None) -> str:
    """The cause as it is kept (`core.causes`); empty where a change has none."""
    cause: str = getattr(change, "cause", "")
    return cause


def plain_cause(cause: str, since: str = "") -> str:
    """A cause in words, without the evidence in a column before them."""
    words = cause_words(cause, since) if cause else ""
    return words.split(maxsplit=1)[1] if words.startswith(("seen  ", "unseen  ", "rule  ")) else words


def group_of(step: Step) -> str:
    """The group of the service that a step is about; empty for none."""
    group = getattr(step.change, "group", None)
    return group.name if group else ""


def fields_of(step: Step) -> str:
    """The fields that a write changes."""
    return ", ".join(map(field_words, fields_changed(step.change))) if isinstance(step.change, Write) else ""


def kinds_of(step: Step) -> str:
    """Everything that a change is called."""
    return " ".join(sorted(kind.value for kind in kinds(step.change))) if step.change else ""


def title_of(plan: Plan) -> str:
    """Whose plan it is."""
    return f"Plan {plan.id}: {plan.job} -> MFA service {plan.service}"


def facts(plan: Plan) -> Iterator[tuple[str, str]]:
    """What holds for the whole plan, as (label, words): whose data it is, until when it is good, what it rests on."""
    yield "Made", when(plan.made_at)
    if plan.valid_until:
        yield "Good until", when(plan.valid_until)
    yield "Personal data", personal(plan)
    yield "Digest", plan.digest
    for proof in (*plan.basis.sources, plan.basis.service):
        yield "Reading", _reading(proof)
    for gauge in plan.violations:
        named = f"{gauge.kind.value} of {gauge.of}" if gauge.of else gauge.kind.value
        yield "HELD by a guard", f"{named}: {gauge_words(gauge)}"
    for note in plan.basis.notes:
        yield "Note", note
    yield "Changes", _counted(plan)


def gauge_words(gauge: Gauge) -> str:
    """What a guard counts, and how much of it was made before this plan: `3 here and 8 in the last 20 hours, …`."""
    if gauge.allowed is not None:
        return f"{gauge.observed:,}, {gauge.allowed:,} are allowed"
    before = f" here and {gauge.recent:,} in the {RECENTLY}" if gauge.recent else ""
    return f"{gauge.observed:,}{before}, the limit is {gauge.limit:,}"


def personal(plan: Plan) -> str:
    """Whose data a document holds, and when it should be deleted."""
    end = f" Delete it by {plan.delete_by.astimezone():%a %d %b %Y}." if plan.delete_by else " Delete it after use."
    return f"{HOLDS} of {many(plan.people, 'person', 'people')}.{end}"


def _reading(proof: Proof) -> str:
    why = (proof.reasons if proof.proven else proof.problems) or ("nothing proves that it is complete",)
    believed = "believed" if proof.proven else "NOT believed"
    return f"{proof.name}: {proof.count:,}, {believed}: {'; '.join(why)}"


def _counted(plan: Plan) -> str:
    """How many changes under each word of the sections, each change once."""
    counts = ", ".join(f"{n:,} {word}" for word, n in sorted(Counter(map(heading, plan.changes)).items()))
    left = f"; {many(len(plan.skips), 'step')} not taken" if plan.skips else ""
    return (counts or "none") + left


def when(moment: datetime) -> str:
    """A moment in the machine's time zone, with its name: a document is read elsewhere."""
    return moment.astimezone().strftime("%a %d %b %Y %H:%M %Z").rstrip()
