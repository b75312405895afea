"""What no plan ever does, whatever the readings, the selection and the limits are."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import event, given
from hypothesis import strategies as st

from iwds.core.assembly import Facts, assemble
from iwds.core.change import (
    REMOVALS,
    AddToGroup,
    Adopt,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Kind,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    kinds,
    removes,
)
from iwds.core.decide import decide
from iwds.core.decision import Decision, Skip
from iwds.core.document import change_from_data, change_to_data
from iwds.core.guards import OUT_OF_SCOPE, GuardKind, Limit, Populations, counted
from iwds.core.join import join
from iwds.core.matching import believed
from iwds.core.model import Absent, Account, Login, Proof, Role, Status, Unmapped, fold
from iwds.core.order import Phase, batches, ordered
from iwds.core.plan import Basis, Plan, Selection, restrict
from iwds.core.plan_document import plan_from_data, plan_to_data
from iwds.core.policy import World
from iwds.core.rulings import Rulings
from tests.property.worlds import HOLDS, OURS, Readings, accounts, disturbed, readings, settle, worlds

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Situation:
    """Readings, and everything else that a plan is assembled from."""

    readings: Readings
    decisions: tuple[Decision, ...]
    facts: Facts
    selection: Selection

    def plan(self, decisions: Iterable[Decision] | None = None, selection: Selection | None = None) -> Plan:
        chosen = self.selection if selection is None else selection
        return assemble(
            ("p1", "staff", "mfa#1", NOON), self.decisions if decisions is None else decisions, self.facts, chosen
        )  # fmt: skip


EVERYTHING = Selection(
    frozenset([*(kind.value for kind in Kind), *(evidence.value for evidence in Evidence)]),
    dict.fromkeys([OUT_OF_SCOPE, *(kind.value for kind in GuardKind)], 99),
    "all of it",
)
"""Whoever wants everything at any price."""
NOBODY_NEW = replace(EVERYTHING, only=EVERYTHING.only - {"create", "adopt"})


def proof(name: str, problems: tuple[str, ...]) -> Proof:
    return Proof(name, "r1", "everybody", 3, ("a trailer",), problems, NOON)


_limits = st.builds(Limit, st.integers(0, 3), st.sampled_from((0.0, 0.1, 1.0)), st.none() | st.integers(0, 3))
_WORDS = [*(kind.value for kind in Kind), *(evidence.value for evidence in Evidence)]
_GATES = [OUT_OF_SCOPE, *(kind.value for kind in GuardKind)]
_selections = st.builds(
    Selection,
    only=st.sampled_from(
        (frozenset(), frozenset({"seen"}), frozenset({"unseen"}), frozenset({"rule"}), frozenset({"add", "update"}),
         frozenset(kind.value for kind in REMOVALS))
    ) | st.frozensets(st.sampled_from(_WORDS), max_size=4),
    allow=st.sampled_from(({}, dict.fromkeys(_GATES, 99), dict.fromkeys(_GATES, 1)))
    | st.dictionaries(st.sampled_from(_GATES), st.integers(0, 3), max_size=4),
    reason=st.just("because"),
)  # fmt: skip


@st.composite
def situations(
    draw: st.DrawFn,
    proven: bool | None = None,
    first_run: bool | None = None,
    changed: bool | None = None,
    held: bool = False,
) -> Situation:
    """Any situation at all, or one whose sources are proven or not, whose run is a first one, and so on.

    With `held` the helpdesk's lock stands on every login but perhaps a few.
    """
    world = draw(readings())
    if held:
        spared = draw(st.frozensets(st.sampled_from(sorted(HOLDS)), max_size=3))
        holds = {number: hold for number, hold in HOLDS.items() if number not in spared}
        world = replace(world, world=replace(world.world, holds=holds))
    cases, tally = join(world.people, world.rows, world.logins, world.members, world.world)
    decisions = tuple(decision for case in cases for decision in decide(world.read(case), world.world))
    doubt = draw(st.booleans()) if proven is None else not proven
    basis = Basis(
        sources=(proof("staff", ("cut short",) if doubt else ()), proof("guests", ())),
        service=proof("service", ()),
        tally=replace(tally, administrators=draw(st.sampled_from((tally.administrators, 9)))),
        config_digest="c0ffee",
        config_changed=draw(st.booleans()) if changed is None else changed,
        first_run=draw(st.booleans()) if first_run is None else first_run,
    )
    populations = Populations(
        tally.population,
        tally.members,
        draw(st.sampled_from(({}, {"staff": (9, 5)}))),
        draw(st.sampled_from(({}, dict.fromkeys([*(kind.value for kind in GuardKind), "clear mail"], 2)))),
    )
    limits = draw(st.dictionaries(st.sampled_from(GuardKind), _limits))
    return Situation(
        world, decisions, Facts(basis, populations, limits, Rulings()), draw(st.just(Selection()) | _selections)
    )


def touched(plan: Plan) -> Iterator[tuple[Change, int]]:
    """Every change that goes to a login that exists, with that login's id."""
    for change in plan.changes:
        if isinstance(change, Write | DeleteLogin):
            yield change, change.before.id
        elif change.subject.login_id is not None and not isinstance(change, Adopt):
            yield change, change.subject.login_id


def whose(world: Readings) -> set[int]:
    """Logins that a believed row says are this job's."""
    logins = {login.id: login for login in world.logins}
    return {
        row.login_id
        for row in world.rows
        if row.owner == OURS and row.login_id in logins and believed(row, logins[row.login_id])
    }


@given(situations(proven=False))
def test_without_proof_nothing_is_removed_that_nobody_picked_out(situation: Situation) -> None:
    removed = [change for change in situation.plan(selection=Selection()).changes if removes(change)]
    assert removed == []


@given(situations(proven=False))
def test_without_proof_nobodys_absence_ever_leads_to_a_removal(situation: Situation) -> None:
    """Neither with a selection nor with allowances, and not under the name of a changed configuration either."""
    absent = {
        d.change.subject.key
        for d in situation.decisions
        if not isinstance(d, Skip) and d.change.evidence is Evidence.UNSEEN
    }
    event(f"absent: {bool(absent)}")
    for selection in (situation.selection, EVERYTHING):
        assert [c for c in situation.plan(selection=selection).changes if removes(c) and c.subject.key in absent] == []


@given(situations())
def test_a_login_that_is_not_ours_is_touched_only_by_the_plan_that_adopts_it(situation: Situation) -> None:
    for selection in (situation.selection, NOBODY_NEW):
        touches_only_its_own(situation.plan(selection=selection), situation.readings)


def touches_only_its_own(plan: Plan, world: Readings) -> None:
    ours = whose(world)
    adopted = {change.login.id for change in plan.changes if isinstance(change, Adopt)}
    gone = {row.login_id for row in world.rows} - {login.id for login in world.logins}
    for change, login_id in touched(plan):
        assert login_id in ours | adopted | gone, change
    assert ours.isdisjoint(adopted)


@given(situations())
def test_only_listed_origins_are_adopted_and_protected_logins_are_left_alone(situation: Situation) -> None:
    world = situation.readings.world
    for change in situation.plan().changes:
        if isinstance(change, Adopt):
            assert change.login.created_by in {OURS, *world.policy.adopt}
        if isinstance(change, Write | DeleteLogin | Adopt | CreateLogin):
            assert fold(change.subject.login) not in world.protected


@given(situations())
def test_nobody_ever_gets_the_login_that_stands_for_somebody_else(situation: Situation) -> None:
    stands_for = {row.login_id: row.anchor for row in situation.readings.rows}
    for change, login_id in touched(situation.plan()):
        if login_id in stands_for:
            assert change.subject.anchor == stands_for[login_id]


@given(situations(first_run=True))
def test_a_first_run_removes_nothing(situation: Situation) -> None:
    assert [change for change in situation.plan().changes if removes(change)] == []


@given(situations())
def test_removals_of_a_changed_configuration_wait_for_their_number(situation: Situation) -> None:
    plan = situation.plan()
    removed = sum(removes(change) for change in plan.changes)
    if plan.basis.config_changed:
        assert removed <= situation.selection.allow.get(OUT_OF_SCOPE, 0)


@given(situations())
def test_a_second_writer_stops_every_removal(situation: Situation) -> None:
    if situation.facts.basis.tally.retagged:
        assert [change for change in situation.plan().changes if removes(change)] == []


@given(situations())
def test_people_who_are_present_without_account_lose_nothing(situation: Situation) -> None:
    """Invalid, excluded and colliding people keep what they have."""
    present = {
        person.anchor
        for person in situation.readings.people
        if isinstance(person, Unmapped) and person.reason is not Absent.OUT_OF_SCOPE
    }
    for change in situation.plan(selection=EVERYTHING).changes:
        assert change.subject.anchor not in present or not removes(change)


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_the_decisions_changes_nothing(situation: Situation, random: object) -> None:
    mixed = list(situation.decisions)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    plan = situation.plan()
    assert situation.plan(mixed) == plan
    assert situation.plan(mixed).digest == plan.digest


@given(situations())
def test_a_plan_survives_its_document(situation: Situation) -> None:
    plan = situation.plan()
    back = plan_from_data(json.loads(json.dumps(plan_to_data(plan))))
    lean = replace(plan.basis.tally, members={}, tags={}, retags={}, unlocked=frozenset(), unfit=())
    assert back == replace(plan, basis=replace(plan.basis, tally=lean))
    assert back.digest == plan.digest
    assert restrict(plan, back) == (plan, ())


@given(situations())
def test_every_change_survives_its_document(situation: Situation) -> None:
    for decision in situation.decisions:
        if decision.change:
            assert change_from_data(json.loads(json.dumps(change_to_data(decision.change)))) == decision.change


@given(situations(), situations())
def test_a_saved_plan_never_does_what_a_fresh_one_may_not(fresh: Situation, saved: Situation) -> None:
    plan = fresh.plan()
    restricted, moved = restrict(plan, saved.plan())
    assert set(restricted.changes) <= set(plan.changes)
    assert len(restricted.skips) == len(plan.skips) + len(plan.changes) - len(restricted.changes)
    assert set(moved) <= set(saved.plan().changes) or saved.selection.only or fresh.selection.only


@given(situations(proven=True, first_run=False, changed=False))
def test_phases_follow_each_other_and_everybodys_steps_too(situation: Situation) -> None:
    placed = ordered(situation.plan().changes)
    assert [phase for phase, _ in placed] == sorted(phase for phase, _ in placed)
    for (phase, before), (later, after) in pairwise(placed):
        if phase is later and before.subject == after.subject:
            assert not isinstance(after, CreateLogin)
            assert not (isinstance(before, RemoveFromGroup) and isinstance(after, AddToGroup))
    assert [change for _, batch in batches(situation.plan().changes) for change in batch] == [c for _, c in placed]


@given(situations())
def test_everybody_gets_one_write_and_stands_in_one_place_of_a_batch(situation: Situation) -> None:
    changes = situation.plan().changes
    written = [change.before.id for change in changes if isinstance(change, Write | DeleteLogin)]
    assert len(written) == len(set(written))
    for phase, batch in batches(changes):
        if phase is not Phase.ADOPT:  # nothing is sent there
            keys = [change.subject.key for change in batch]
            assert len(set(keys)) == 1 + sum(a != b for a, b in pairwise(keys))


@given(situations())
def test_every_name_is_free_when_it_is_taken(situation: Situation) -> None:
    """Played out one after the other, no write and no creation meets a login that carries its name."""
    names = {login.id: fold(login.login) for login in situation.readings.logins}
    for number, (_, change) in enumerate(ordered(situation.plan().changes)):
        if isinstance(change, DeleteLogin):
            del names[change.before.id]
        elif isinstance(change, Write) and Kind.RENAME in kinds(change):
            assert fold(change.after.login) not in {name for i, name in names.items() if i != change.before.id}
            names[change.before.id] = fold(change.after.login)
        elif isinstance(change, CreateLogin):
            assert fold(change.account.login) not in names.values()
            names[-number - 1] = fold(change.account.login)


@given(situations(proven=True, first_run=False, changed=False))
def test_no_guard_lets_more_pass_than_its_limit_unless_somebody_allowed_it(situation: Situation) -> None:
    for selection in (situation.selection, replace(situation.selection, allow=dict.fromkeys(_GATES, 0))):
        plan = situation.plan(selection=selection)
        for gauge in () if plan.violations else plan.basis.gauges:
            made = sum(
                (kind, of) == (gauge.kind, gauge.of) for change in plan.changes for kind, of, _ in counted(change)
            )  # fmt: skip
            allowed = selection.allow.get(gauge.kind.value)
            assert made <= gauge.observed
            assert made == 0 or made <= (gauge.limit - gauge.recent if allowed is None else allowed)


@given(situations(proven=True, first_run=False, changed=False), st.integers(0, 4))
def test_two_administrators_stay(situation: Situation, there: int) -> None:
    def active(login: Login) -> bool:
        return login.role == Role.ADMINISTRATOR and login.status == Status.ACTIVE

    tally = replace(situation.facts.basis.tally, administrators=there)
    facts = replace(situation.facts, basis=replace(situation.facts.basis, tally=tally))
    plan = replace(situation, facts=facts, selection=Selection()).plan()
    lost = sum(
        active(c.before) and not (isinstance(c, Write) and active(c.after))
        for c in plan.changes
        if isinstance(c, Write | DeleteLogin)
    )
    assert lost == 0 or there - lost >= 2


@given(situations())
def test_a_membership_of_somebody_else_is_left_unless_the_group_is_exclusive(situation: Situation) -> None:
    ours = {row.login_id: row.groups for row in situation.readings.rows}
    for change in situation.plan().changes:
        if isinstance(change, RemoveFromGroup):
            made = ours.get(change.subject.login_id or 0, frozenset())
            assert change.group.id in made | situation.readings.world.exclusive


@given(situations(held=True))
def test_no_plan_makes_a_held_login_active(situation: Situation) -> None:
    """Neither by an unlock, nor by an update that says active again, nor by a new login instead of a deleted one."""
    held = situation.readings.world.holds.keys()
    there = {login.id for login in situation.readings.logins}
    first = {row.anchor: row.login_id for row in sorted(situation.readings.rows, key=lambda row: -row.login_id)}
    deleted = {anchor for anchor, login_id in first.items() if login_id in held - there}
    for selection in (situation.selection, EVERYTHING):
        for change in situation.plan(selection=selection).changes:
            if isinstance(change, Write):
                assert change.before.id not in held or change.after.status == Status.LOCKED
            if isinstance(change, CreateLogin):
                assert change.subject.anchor not in deleted


@given(accounts, worlds, st.data())
def test_nothing_that_changes_for_a_person_makes_their_held_login_active(
    account: Account, world: World, data: st.DataObject
) -> None:
    """The same law for one person whose login is ours, where nearly every example has something to write."""
    world = replace(world, holds=HOLDS)
    login, row, member_of = data.draw(disturbed(*settle(account, 201, world)))
    changed = data.draw(accounts.map(lambda wanted: replace(wanted, anchor=account.anchor)))
    cases, _ = join([changed], [row], [login], {201: member_of}, world)
    for decision in (decision for case in cases for decision in decide(case, world)):
        event(type(decision).__name__)
        if not isinstance(decision, Skip) and isinstance(decision.change, Write):
            assert decision.change.after.status == Status.LOCKED


@given(situations())
def test_only_what_a_run_locked_is_unlocked(situation: Situation) -> None:
    locked = {row.login_id for row in situation.readings.rows if row.locked}
    for change in situation.plan().changes:
        if isinstance(change, Write) and Kind.UNLOCK in kinds(change):
            assert change.before.id in locked


@given(situations())
def test_a_role_in_a_group_changes_only_from_what_was_read_to_what_the_mapping_says(situation: Situation) -> None:
    """A role that could not be read, or that the mapping does not govern or know, is never changed on doubt."""
    world = situation.readings.world
    wanted = {p.anchor: world.roles_wanted(p) for p in situation.readings.people if not isinstance(p, Unmapped)}
    for change in situation.plan(selection=EVERYTHING).changes:
        if isinstance(change, SetGroupRole):
            assert change.subject.anchor is not None
            assert change.subject.login_id is not None
            assert situation.readings.roles[change.subject.login_id][change.group.id] == change.before
            assert wanted[change.subject.anchor][change.group.id] == change.after
            assert change.group.id in situation.readings.members[change.subject.login_id]
            assert (change.evidence is not None) == removes(change)


@given(situations())
def test_whoever_joins_a_group_gets_the_role_that_the_mapping_says(situation: Situation) -> None:
    world = situation.readings.world
    wanted = {p.anchor: world.roles_wanted(p) for p in situation.readings.people if not isinstance(p, Unmapped)}
    for change in situation.plan().changes:
        if isinstance(change, AddToGroup):
            assert change.subject.anchor is not None
            assert change.role == wanted[change.subject.anchor].get(change.group.id)
