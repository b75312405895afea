"""What happens to a company between two runs: in its directories, in its configuration, by hand on its service."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from iwds.core.matching import believed
from iwds.core.model import Status, fold
from iwds.core.policy import Hold, HoldKind, Leaver
from iwds.ports import HoldRow
from tests.property.company import FIRST_NAMES, PLACES, STAFF, Company, Config
from tests.property.verdicts import Judge
from tests.unit.engine.rehearsal import OURS

Event = tuple[Any, ...]

UNBELIEVED = 3
"""More logins of ours that are gone or strange look like another service, and end the run."""

anybody = st.sampled_from((*FIRST_NAMES, *FIRST_NAMES, "p5", STAFF[0]))
_people = st.sampled_from((*FIRST_NAMES, "p5"))
_names = st.sampled_from(("ann", "bob", "cy", "dee", "eve", "Ann"))
_groups = st.sets(st.sampled_from(("vpn", "wiki"))).map(lambda names: tuple(sorted(names)))
_departments = st.sampled_from(("it", "sales", ""))
_attributes = st.sampled_from(
    [
        *(("disabled", "yes"), ("disabled", "yes"), ("disabled", ""), ("scope", "out-of-scope"), ("scope", "excluded")),
        *(("scope", ""), ("role", "1"), ("role", "0"), ("vpn_role", "manager"), ("vpn_role", "auditor")),
        *(("vpn_role", ""), ("mail", ""), ("mail", "a@x.y"), ("department", "sales"), ("department", "it")),
    ]
)
_edits = st.sampled_from(
    [
        *(("outside", "sales"), ("outside", ""), ("outside", "it"), ("without_vpn", "sales"), ("without_vpn", "")),
        *(("without_mail", "it"), ("without_mail", ""), ("base", "paris"), ("base", "everything")),
        *(("base", "main alone"), ("wiki", False), ("wiki", True), ("exclusive", True), ("exclusive", False)),
        *(("leaver", leaver) for leaver in Leaver),
        *(("grace", days) for days in (10, 3)),
    ]
)
_fields = st.sampled_from((("status", 1), ("status", 0), ("mail", "hand@x.y"), ("role", 1), ("role", 0)))

in_the_directory = st.one_of(
    st.tuples(
        st.just("hire"), _people, _names, st.sampled_from(("main", "branch")), st.sampled_from(PLACES), _groups,
        _departments,
    ),
    st.tuples(st.just("amend"), anybody, _attributes),
    st.tuples(st.just("groups"), anybody, _groups),
    st.tuples(st.just("rename"), _people, _names),
    st.tuples(st.just("leave"), anybody),
    st.tuples(st.just("move"), anybody, st.sampled_from(PLACES)),
    st.tuples(st.just("hand on"), _people),
)  # fmt: skip
by_hand = st.one_of(
    st.tuples(st.just("make"), _names, st.sampled_from((0, 1, OURS, 30)), st.booleans()),
    st.tuples(st.just("correct"), anybody, _fields),
    st.tuples(st.just("join"), anybody, st.sampled_from((1, 2)), st.sampled_from((None, 0, 1, 17, 18))),
    st.tuples(st.just("delete"), anybody),
    st.tuples(st.just("retag"), anybody, st.sampled_from((7, OURS))),
    st.tuples(st.just("hold"), anybody, st.sampled_from((2, 12, None)), st.sampled_from(HoldKind)),
)
others = st.one_of(
    st.tuples(st.just("edit"), _edits),
    st.tuples(st.just("days"), st.sampled_from((1, 4, 11))),
)
happenings = st.lists(st.one_of(in_the_directory, in_the_directory, by_hand, others), min_size=1, max_size=5)


class Hands:
    """Lets events happen to a company, and tells its judge which of them were another hand's."""

    def __init__(self, company: Company, judge: Judge) -> None:
        self.company, self.judge = company, judge

    def let(self, events: list[Event]) -> None:
        for what, *given in events:
            getattr(self, "_" + what.replace(" ", "_"))(*given)
            self.judge.observe()

    # --- in the directories and the configuration ---------------------------------------------------------------------

    def _hire(self, who: str, name: str, where: str, place: str, groups: tuple[str, ...], said: str) -> None:
        self.company.put(who, where, place, groups, {"uid": name, "mail": f"{who}@x.y", "department": said})

    def _amend(self, who: str, to: tuple[str, str]) -> None:
        self.company.amend(who, **dict([to]))

    def _rename(self, who: str, name: str) -> None:
        self.company.amend(who, uid=name)

    def _groups(self, who: str, groups: tuple[str, ...]) -> None:
        self.company.regroup(who, groups)

    def _leave(self, who: str) -> None:
        self.company.people.pop(who, None)

    def _move(self, who: str, place: str) -> None:
        """To the other directory, but for staff; and to another branch of it."""
        self.company.move(who, place, changes=who not in STAFF)

    def _hand_on(self, who: str) -> None:
        """A newcomer with a leaver's name."""
        free = sorted({*FIRST_NAMES, "p5", "p6"} - self.company.people.keys())
        if free and (left := self.company.people.pop(who, None)):
            said = {name: "".join(values) for name, values in left[1].attrs.items()}
            self.company.put(free[0], left[0], PLACES[0], ("vpn",), {**said, "disabled": "", "scope": ""})

    def _edit(self, edit: tuple[str, Any]) -> None:
        self.company.now_is(Config(**{**vars(self.company.config), **dict([edit])}))

    def _days(self, days: int) -> None:
        self.company.clock.passed += timedelta(days=days).total_seconds()

    # --- on the service -----------------------------------------------------------------------------------------------

    def _make(self, name: str, tag: int, locked: bool) -> None:
        if fold(name) not in {fold(login.login) for login in self.company.logins.values()}:
            made = self.company.target.state.add(name, created_by=tag, status=int(locked))
            if locked:
                self.judge.locked_by_hand(made.id)

    def _correct(self, who: str, field: tuple[str, Any]) -> None:
        if number := self._login(who):
            active = self.company.logins[number].status == Status.ACTIVE
            if field == ("status", Status.ACTIVE):
                self.judge.unlocked_by_hand(number)
            elif field[0] == "status" and active:
                self.judge.locked_by_hand(number)
            self.company.set(number, **dict([field]))

    def _join(self, who: str, group: int, role: int | None) -> None:
        if number := self._login(who):
            self.company.target.state.members.pop((group, number), None)
            if role is not None:
                self.company.target.state.members[group, number] = role

    def _delete(self, who: str) -> None:
        number = self._login(who)
        if number and unbelieved(self.company) < UNBELIEVED:
            self.company.drop(number)

    def _retag(self, who: str, tag: int) -> None:
        """By a second tool; until a run has read the tag, nobody could tell."""
        number = self._login(who)
        row = self.company.state.ledger_row(self.company.job.target.service, number)
        if row and row.tag is not None:
            self.company.set(number, created_by=tag)

    def _hold(self, who: str, days: int | None, kind: HoldKind) -> None:
        """`iwds hold`, or the helpdesk's lock."""
        if not (number := self._login(who)):
            return
        now, service = self.company.clock.now(), self.company.job.target.service
        row = self.company.state.ledger_row(service, number)
        locked = self.company.logins[number].status == Status.LOCKED
        hold = Hold("root", "as they say", now + timedelta(days=days) if days else None, kind)
        before = self.company.state.open_hold(service, number, HoldKind.LOCK)
        foreign = locked and not (row and row.locked) and (before is None or before.foreign)
        self.company.state.place_hold(service, HoldRow(number, hold, "", now, foreign))
        if kind is HoldKind.LOCK:
            self.company.set(number, status=int(Status.LOCKED))

    def _login(self, who: str) -> int:
        """The login of somebody that our memory knows; 0 for none."""
        known = self.company.remembered().items()
        return next((number for number, of in known if of == who and number in self.company.logins), 0)


def unbelieved(company: Company) -> int:
    """How many logins that our memory knows are gone, or others by now."""
    rows = company.state.ledger(company.job.target.service)
    found = [(row, company.logins.get(row.login_id)) for row in rows]
    return sum(login is None or not believed(row, login) for row, login in found)
