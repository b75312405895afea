"""Each guard is wired into a run: sixty people meet one mishap in the directory, and nothing is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import pytest

from iwds.core.guards import DEFAULTS, GuardKind
from iwds.core.model import Account, Activation, AtCreation, Entry, Unmapped
from iwds.core.plan import Selection
from iwds.core.policy import Leaver, Policy
from tests.unit.engine.rehearsal import OURS, PlainRules, Rehearsal

PEOPLE = [f"u{number:02}" for number in range(60)]
FEWER = PEOPLE[:29]
"""Less than half: of these half may lose something before it is taken for unreadable, which is no guard's matter."""
ROLES = {"vpn": frozenset({"user", "auditor"})}


@dataclass(frozen=True)
class Mailing(PlainRules):
    """The plain rules, where new logins get their link by mail."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        mapped = super().map(entry, now)
        return replace(mapped, at_creation=AtCreation(Activation.LINK)) if isinstance(mapped, Account) else mapped


@pytest.fixture
def stage() -> Iterator[Rehearsal]:
    """Sixty people, all managers, fewer in two groups, with the limits that a job has where it sets none."""
    rehearsal = Rehearsal(group_roles={"auditor": 17})
    for who in PEOPLE:
        groups = ("vpn", "wiki") if who in FEWER else ()
        rehearsal.hire(who, (*groups, "all"), role="1", sn=who, mail=f"{who}@x.y")
    becomes("disabled", "")(rehearsal)
    assert rehearsal.run().exit_code == 0
    rehearsal.configure(limits=DEFAULTS)
    yield rehearsal
    rehearsal.close()


def becomes(attribute: str, value: str, who: Sequence[str] = PEOPLE) -> Callable[[Rehearsal], None]:
    def mishap(stage: Rehearsal) -> None:
        for each in who:
            stage.change(each, None, **{attribute: value})

    return mishap


def a_department_is_gone(stage: Rehearsal) -> None:
    for who in PEOPLE[:8]:
        stage.leave(who)


def everybody_is_deleted(stage: Rehearsal) -> None:
    policy = Policy(OURS, Leaver.DELETE)
    stage.configure(policy=policy)
    a_department_is_gone(stage)


def everybody_is_renamed(stage: Rehearsal) -> None:
    for who in PEOPLE:
        stage.change(who, uid=f"{who}x")


def a_team_lost_its_groups(stage: Rehearsal) -> None:
    for who in FEWER[:14]:
        stage.change(who, groups=("all",))


def everybody_is_an_auditor(stage: Rehearsal) -> None:
    stage.configure(rules=replace(cast("PlainRules", stage.job.rules), group_roles=ROLES))
    becomes("vpn_role", "auditor")(stage)


def strangers_come(stage: Rehearsal) -> None:
    for number in range(60):
        stage.hire(f"new{number}")


def strangers_come_by_mail(stage: Rehearsal) -> None:
    stage.configure(rules=Mailing())
    for number in range(30):
        stage.hire(f"new{number}", mail=f"new{number}@x.y")


def strangers_are_explained(stage: Rehearsal) -> None:
    stage.configure(policy=Policy(OURS, adopt=frozenset({0})))
    for number in range(30):
        stage.target.state.add(f"old{number}", created_by=0)
        stage.hire(f"old{number}")


def a_team_comes_back(stage: Rehearsal) -> None:
    becomes("disabled", "yes", FEWER)(stage)
    assert stage.run(selection=Selection(allow={GuardKind.LOCK: 40})).exit_code == 0
    becomes("disabled", "", FEWER[:14])(stage)


@pytest.mark.parametrize(
    ("mishap", "guard"),
    [
        (becomes("disabled", "yes"), GuardKind.LOCK),
        (a_department_is_gone, GuardKind.LOCK),
        (a_department_is_gone, GuardKind.VANISHED),
        (everybody_is_deleted, GuardKind.DELETE),
        (becomes("role", "0"), GuardKind.DEMOTE),
        (becomes("role", "2"), GuardKind.PROMOTE),
        (everybody_is_renamed, GuardKind.RENAME),
        (becomes("mail", "", PEOPLE[:5]), GuardKind.CLEAR),
        (a_team_lost_its_groups, GuardKind.LEAVE),
        (a_team_lost_its_groups, GuardKind.LEAVE_GROUP),
        (everybody_is_an_auditor, GuardKind.GROUP_ROLE),
        (strangers_come, GuardKind.CREATE),
        (strangers_come_by_mail, GuardKind.MAIL),
        (strangers_are_explained, GuardKind.ADOPT),
        (a_team_comes_back, GuardKind.UNLOCK),
    ],
)
def test_a_mishap_stops_the_run_with_nothing_done(
    stage: Rehearsal, mishap: Callable[[Rehearsal], None], guard: GuardKind
) -> None:
    mishap(stage)
    calls = stage.calls()
    report = stage.run()
    assert (report.exit_code, calls) == (3, [])
    assert guard in {gauge.kind for gauge in report.plan.basis.gauges if gauge.tripped}
