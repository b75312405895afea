"""People of one name over many runs: who has a login keeps it, and nobody ever gets that of somebody of the same name.

They arrive, leave, return and are called otherwise; administrators make, rename and delete logins by hand; readings are
cut and our memory is lost, all of it or a row. What is true, for whom each login was made, is noted beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import event, example, given
from hypothesis import strategies as st

from iwds.core.assembly import assemble
from iwds.core.change import Change, CreateLogin, DeleteLogin, Write
from iwds.core.decide import decide
from iwds.core.decision import Skip
from iwds.core.join import join
from iwds.core.ledger import ledger_effect
from iwds.core.model import Account, Anchor, LedgerRow, Login, fold
from iwds.core.naming import may_have
from iwds.core.plan import Plan, Selection
from iwds.core.policy import Leaver, Policy, World
from tests.unit.core.made import NOON, OURS, basis, facts, proof

LONGEST = 5
WHO = ("a", "b", "c", "d", "e")
BASES = ("ann", "ann2", "annab", "bob")
NAMES = (*BASES, "ann3", "anna2", "bob2", "zed")

people = st.sampled_from(WHO)
events = st.lists(
    st.one_of(
        st.tuples(st.just("hire"), people, st.sampled_from(BASES[:2] + BASES)),
        st.tuples(st.just("leave"), people),
        st.tuples(st.just("lose"), st.none() | st.integers(0, 4)),
        st.tuples(st.just("make"), st.sampled_from(NAMES), st.sampled_from((0, OURS, 30)), st.none() | people),
        st.tuples(st.just("rename"), st.integers(0, 5), st.sampled_from(NAMES)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("run"), st.frozensets(people, max_size=2)),
        st.tuples(st.just("run"), st.just(frozenset[str]())),
    ),
    max_size=14,
)


class Town:
    """A directory, a service and our memory; `made_for` is the truth about each login."""

    def __init__(self, leaver: Leaver, without_mail: frozenset[str]) -> None:
        self.world = World(Policy(OURS, leaver, frozenset({0})), frozenset({"r1"}), {})
        self.without_mail = without_mail
        self.people: dict[str, str] = {}
        self.logins: dict[int, Login] = {}
        self.rows: dict[int, LedgerRow] = {}
        self.made_for: dict[int, str | None] = {}
        self.settled: dict[str, tuple[str, int, str]] = {}

    def account(self, who: str) -> Account:
        mail = "" if who in self.without_mail else f"{who}@x"
        return Account(Anchor("r1", who), self.people[who], mail=mail, enabled=True, numbering=LONGEST)

    def happen(self, what: str, *said: Any) -> None:
        getattr(self, what)(*said)

    def hire(self, who: str, base: str) -> None:
        """Or return, or be called otherwise."""
        self.people[who] = base

    def leave(self, who: str) -> None:
        self.people.pop(who, None)

    def lose(self, which: int | None) -> None:
        """All that we remember, or one row of it."""
        for number in sorted(self.rows) if which is None else sorted(self.rows)[which : which + 1]:
            del self.rows[number]
        self.settled.clear()

    def make(self, name: str, tag: int, who: str | None) -> None:
        """By hand, for somebody or for nobody whom the directory knows."""
        if self.is_free(name):
            self.add(name, tag, who, "" if who is None or who in self.without_mail else f"{who}@x")

    def rename(self, which: int, name: str) -> None:
        for number in sorted(self.logins)[which : which + 1]:
            if self.is_free(name):
                self.logins[number] = replace(self.logins[number], login=name)
                self.settled.clear()

    def delete(self, which: int) -> None:
        for number in sorted(self.logins)[which : which + 1]:
            del self.logins[number]

    def is_free(self, name: str) -> bool:
        return fold(name) not in {fold(login.login) for login in self.logins.values()}

    def add(self, name: str, tag: int, who: str | None, mail: str) -> int:
        number = 101 + len(self.made_for)
        self.logins[number] = Login(number, name, "", "", mail, "", 0, 0, "", tag)
        self.made_for[number] = who
        return number

    # --- runs ---------------------------------------------------------------------------------------------------------

    def plan(self, unseen: frozenset[str] = frozenset()) -> Plan:
        """Where somebody is not seen, the reading is not proven."""
        there = [self.account(who) for who in self.people if who not in unseen]
        cases, tally = join(there, self.rows.values(), self.logins.values(), {}, self.world)
        decisions = [decision for case in cases for decision in decide(case, self.world)]
        reading = proof("staff", ("cut short",) if unseen else ())
        given = facts(basis(sources=(reading,), tally=replace(tally, administrators=5, retagged=0)))
        return assemble(("p", "staff", "mfa#1", NOON), decisions, given, Selection())

    def run(self, unseen: frozenset[str]) -> None:
        plan = self.plan(unseen)
        for change in plan.changes:
            event(type(change).__name__)
            self.carry_out(change)
        self.rows = {i: replace(r, tag=self.logins[i].created_by) for i, r in self.rows.items() if i in self.logins}
        self.nobody_has_the_login_of_another()
        if not unseen:
            self.settled_people_keep_theirs()
            assert self.plan().changes == ()
            self.whoever_waits_may_have_one_already(plan)

    def carry_out(self, change: Change) -> None:
        number = change.subject.login_id
        if isinstance(change, CreateLogin):
            assert self.is_free(change.account.login)
            assert change.subject.anchor
            self.has_none_yet(change.account)
            number = self.add(change.account.login, OURS, change.subject.anchor.id, change.account.mail or "")
        elif isinstance(change, Write):
            renamed = fold(change.before.login) != fold(change.after.login)
            assert not renamed or self.is_free(change.after.login)
            self.logins[change.before.id] = change.after
        elif isinstance(change, DeleteLogin):
            del self.logins[change.before.id]
        assert number is not None
        row = ledger_effect(change, number, self.rows.get(number), OURS)
        self.rows = {i: known for i, known in self.rows.items() if i != number} | ({number: row} if row else {})

    # --- laws ---------------------------------------------------------------------------------------------------------

    def nobody_has_the_login_of_another(self) -> None:
        for number, row in self.rows.items():
            assert self.made_for[number] == row.anchor.id

    def has_none_yet(self, account: Account) -> None:
        """Nobody gets a second login where the first one was only forgotten."""
        for number, login in self.logins.items():
            if number not in self.rows and login.created_by in (0, OURS) and self.made_for[number] == account.anchor.id:
                assert not may_have(self.account(account.anchor.id), login.login)

    def settled_people_keep_theirs(self) -> None:
        """Who was served before, under the same name and without a hand on the service, has the same login."""
        first = {row.anchor.id: i for i, row in sorted(self.rows.items(), reverse=True)}
        now = {who: (self.people[who], i, self.logins[i].login) for who, i in first.items() if who in self.people}
        for who, (base, number, name) in self.settled.items():
            if who in now and now[who][:2] == (base, number):
                assert now[who][2] == name
        for who, (_, _, name) in now.items():
            assert may_have(self.account(who), name)
        self.settled = now

    def whoever_waits_may_have_one_already(self, plan: Plan) -> None:
        """Nobody is left without a login but where one without a row could be theirs."""
        unknown = [login for number, login in self.logins.items() if number not in self.rows]
        for skip in plan.skips:
            if skip.subject.anchor and skip.subject.anchor.id in self.people and skip.subject.login_id is None:
                assert isinstance(skip, Skip)
                assert any(may_have(self.account(skip.subject.anchor.id), login.login) for login in unknown)


def ran(*unseen: str) -> tuple[object, ...]:
    return "run", frozenset(unseen)


A_AND_B = (("hire", "a", "ann"), ("hire", "b", "ann"), ran())
LOST = ("lose", None)
F = TypeVar("F", bound=Callable[..., None])


def told(*happened: tuple[object, ...]) -> Callable[[F], F]:
    """A history that random ones seldom are."""
    return example(list(happened), Leaver.LOCK, frozenset())


@given(events, st.sampled_from((Leaver.LOCK, Leaver.DELETE)), st.frozensets(people, max_size=2))
@told(*A_AND_B, ("leave", "a"), ran(), ("hire", "c", "ann"), ran())
@told(("hire", "a", "ann"), ran(), ("leave", "a"), ran(), LOST, ("hire", "c", "ann"), ran())
@told(*A_AND_B, LOST, ("leave", "a"), ran())
@told(("hire", "b", "ann"), ran(), LOST, ("hire", "a", "ann"), ran("b"), ran())
def test_nobody_ever_gets_the_login_of_somebody_of_the_same_name(
    happened: list[tuple[Any, ...]], leaver: Leaver, without_mail: frozenset[str]
) -> None:
    town = Town(leaver, without_mail)
    for what, *said in happened:
        town.happen(what, *said)
    town.run(frozenset())
