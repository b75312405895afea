"""Laws of rulings: whatever is approved or rejected of a plan, and however both sides move before the next one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.approval import Approval, Needed
from iwds.core.change import Change, Forget, removes
from iwds.core.decision import Reason
from iwds.core.plan import Plan, identities
from iwds.core.rulings import Ruling, Rulings, Said, aims, approval_of, rejection_of
from tests.property.test_plan_laws import EVERYTHING, Situation, situations

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SAID = Said("kim", "desk-1", "as agreed", NOON, NOON + timedelta(days=7), "plan p1", "staff")
T = TypeVar("T")

rules = st.builds(Approval, st.sampled_from(Needed), st.sampled_from((None, None, 0, 2)))


def under(situation: Situation, rule: Approval, *rows: Ruling, now: datetime = NOON) -> Plan:
    """The plan of a situation by a rule, with what people decided; without guards, since these end everything."""
    numbered = [replace(row, id=number) for number, row in enumerate(rows, 1)]
    basis = replace(situation.facts.basis, approval=rule)
    facts = replace(situation.facts, basis=basis, rulings=Rulings(numbered, "staff", now))
    return replace(situation, facts=facts).plan()


def some(data: st.DataObject, items: list[T]) -> list[T]:
    return [item for item in items if data.draw(st.booleans())]


def moved(data: st.DataObject, situation: Situation) -> Situation:
    """The same people on another day: what some of the decisions lead to is another's, which is as good as any."""
    other = data.draw(situations())
    kept = tuple(some(data, list(situation.decisions)))
    return replace(other, decisions=kept + tuple(some(data, list(other.decisions))))


def needing(plan: Plan, rule: Approval) -> list[Change]:
    return [part for change in plan.changes if (part := rule.part(change)) is not None]


@given(situations(), rules, st.data())
def test_only_what_was_approved_and_is_still_true_is_made(
    situation: Situation, rule: Approval, data: st.DataObject
) -> None:
    first = under(situation, rule)
    assert needing(first, rule) == []
    chosen = some(data, list(first.unapproved))
    by = data.draw(st.sampled_from((("kim",), ("kim", "zoe"), ("kim", "zoe as kim"))))
    people = first.basis.approvers
    rows = [approval_of(change, replace(SAID, by=who), people) for change in chosen for who in by]
    approved = frozenset(each for change in chosen for each in identities(change))
    second = under(moved(data, situation), rule, *rows)
    made = needing(second, rule)
    assert all(identities(change) <= approved for change in made)
    enough = len({who.rpartition(" as ")[2] for who in by})
    assert not made or enough >= max(people, second.basis.approvers)


@given(situations(), st.data())
def test_nobody_loses_anything_unapproved_where_removals_need_it(situation: Situation, data: st.DataObject) -> None:
    rule = Approval(Needed.REMOVALS)
    chosen = some(data, list(under(situation, rule).unapproved))
    plan = under(moved(data, situation), rule, *(approval_of(change, SAID) for change in chosen))
    known = frozenset(each for change in chosen for each in identities(change))
    for change in filter(removes, plan.changes):
        part = rule.part(change)
        assert part is not None
        assert identities(part) <= known


@given(situations(), rules, st.data())
def test_what_was_rejected_is_never_made_before_its_end_and_after_it_again(
    situation: Situation, rule: Approval, data: st.DataObject
) -> None:
    chosen = some(data, list(under(situation, Approval()).changes))
    rows = [rejection_of(change, SAID) for change in chosen]
    rejected = frozenset(aim for change in chosen for aim in aims(change))
    later = moved(data, situation)
    plan = under(later, rule, *rows)
    assert all(aims(change).isdisjoint(rejected) for change in plan.changes)
    assert under(later, rule, *rows, now=SAID.until) == under(later, rule)


@given(situations())
def test_where_all_is_approved_the_plan_is_the_one_that_asks_nobody(situation: Situation) -> None:
    rule = Approval(Needed.EVERYTHING)
    wanted = under(situation, Approval())
    rows = [approval_of(change, SAID) for change in under(situation, rule).unapproved]
    plan = under(situation, rule, *rows)
    waiting = [skip.reason for skip in plan.skips if skip.reason is Reason.UNAPPROVED]
    assert (plan.changes, waiting) == (wanted.changes, [])


@given(situations(), rules, st.data())
def test_a_rejection_lets_nothing_go_that_was_not_there_before(
    situation: Situation, rule: Approval, data: st.DataObject
) -> None:
    before = under(situation, rule)
    rows = [rejection_of(change, SAID) for change in some(data, list(before.changes))]
    known = frozenset(each for change in before.changes for each in identities(change))
    known |= frozenset(each for skip in before.skips if skip.change for each in identities(skip.change))
    after = under(situation, rule, *rows)
    assert all(identities(change) <= known for change in after.changes if not isinstance(change, Forget))


def test_whoever_wants_everything_at_any_price_still_needs_the_approval() -> None:
    @given(situations(), st.sampled_from((Needed.REMOVALS, Needed.EVERYTHING)))
    def holds(situation: Situation, needed: Needed) -> None:
        assert needing(under(replace(situation, selection=EVERYTHING), Approval(needed)), Approval(needed)) == []

    holds()
