"""A plan under a changed configuration never takes what the one last applied would not have taken, unless accepted."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from iwds.core.assembly import Facts, assemble
from iwds.core.change import (
    REMOVALS,
    Change,
    DeleteLogin,
    RemoveFromGroup,
    SetGroupRole,
    Write,
    field_kind,
    fields_changed,
    removes,
)
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal
from iwds.core.guards import OUT_OF_SCOPE, GuardKind, Limit, Populations
from iwds.core.join import join
from iwds.core.matching import Case
from iwds.core.model import Absent, Account, Unmapped
from iwds.core.normal import parse_extra
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.previous import NOWHERE, Before, explained, judged
from iwds.core.rulings import Rulings
from tests.property.test_plan_laws import NOON, proof
from tests.property.worlds import Readings, accounts, policies, readings

WIDE = {kind: Limit(1_000, 1.0, None) for kind in GuardKind}
_FIELDS = ("firstname", "name", "mail", "phone", "role", "enabled", "groups", "extra")


@st.composite
def edited(draw: st.DrawFn) -> tuple[Readings, Readings]:
    """Readings under two configurations: the earlier one read nobody who is not read today, and gave no other login."""
    now = draw(readings())
    before = [person for each in now.people if (person := draw(earlier(each)))]
    policy = draw(st.just(now.world.policy) | policies)
    protected = draw(st.just(now.world.protected) | st.just(frozenset({"bob"})))
    return now, replace(now, people=before, world=replace(now.world, policy=policy, protected=protected))


@st.composite
def earlier(draw: st.DrawFn, person: Account | Unmapped) -> Account | Unmapped | None:
    how = draw(st.sampled_from(("same", "same", "other", "out", "unread")))
    if how == "out":
        return Unmapped(person.anchor, "dn", Absent.OUT_OF_SCOPE, "then (staff.yaml:3)")
    if how == "unread":
        return None
    if how == "same" or isinstance(person, Unmapped):
        return person
    other = draw(accounts)
    return replace(person, group_roles=(), **{name: getattr(other, name) for name in _FIELDS})


def cases(world: Readings) -> list[Case]:
    found, _ = join(world.people, world.rows, world.logins, world.members, world.world)
    return [world.read(case) for case in found]


def planned(now: Readings, before: Readings, allowed: int) -> Plan:
    people = {person.anchor: person for person in before.people}
    decisions: list[Decision] = []
    for case in cases(now):
        who = case.account or case.absent or case.row
        then = Before(people.get(who.anchor), before.world) if who else None
        decisions += judged(case, explained(case, decide(case, now.world)), then, NOWHERE)
    _, tally = join(now.people, now.rows, now.logins, now.members, now.world)
    basis = Basis((proof("staff", ()),), proof("service", ()), replace(tally, retagged=0), "new", True, False)
    facts = Facts(basis, Populations(99, tally.members, {}, {}), WIDE, Rulings())
    return assemble(("p", "staff", "mfa#1", NOON), decisions, facts, Selection(allow={OUT_OF_SCOPE: allowed}))


def taken(changes: Iterable[Change]) -> Iterator[tuple[object, ...]]:
    for change in changes:
        who = change.subject.login_id
        if isinstance(change, DeleteLogin):
            yield who, "delete"
        elif isinstance(change, RemoveFromGroup):
            yield who, "leave", change.group.id
        elif isinstance(change, SetGroupRole) and removes(change):
            yield who, "role", change.group.id, change.after
        elif isinstance(change, Write):
            for name in fields_changed(change):
                if field_kind(change, name) in REMOVALS and name != "extra":
                    yield who, name, getattr(change.after, name)
            old, new = parse_extra(change.before.extra or "") or {}, parse_extra(change.after.extra or "") or {}
            yield from ((who, "extra", key) for key, value in old.items() if value and not new.get(key))


@given(edited())
def test_what_the_configuration_last_applied_would_not_take_is_not_taken(worlds: tuple[Readings, Readings]) -> None:
    now, before = worlds
    asked = [d.change for case in cases(before) for d in decide(case, before.world) if isinstance(d, Proposal)]
    would = set(taken(asked))
    deleted = {who for who, what, *_ in would if what == "delete"}
    plan = planned(now, before, 0)
    lost = [each for each in taken(plan.changes) if each[0] not in deleted]
    event(f"something is taken: {bool(lost)}; something waits: {bool(plan.held)}")
    assert set(lost) <= would


@given(edited())
def test_whoever_accepts_their_number_gets_what_the_new_one_asks_for(worlds: tuple[Readings, Readings]) -> None:
    """And everybody's writes are whole again: one for each login."""
    now, before = worlds
    wanted = {
        each
        for case in cases(now)
        for each in taken(d.change for d in decide(case, now.world) if isinstance(d, Proposal))
    }
    plan = planned(now, before, 99)
    assert set(taken(plan.changes)) <= wanted
    written = [change.before.id for change in plan.changes if isinstance(change, Write | DeleteLogin)]
    assert len(written) == len(set(written))
