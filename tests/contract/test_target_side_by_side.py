"""The memory target and the provisioning target do the same, whatever is asked of them and in whatever order.

Hypothesis drives both at once: the same results, the same errors with the same causes, the same readings afterwards.
Ids differ and are mapped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from iwds.core.model import Account, Activation, Anchor, AtCreation, Login, Role, Unmapped
from iwds.errors import IwdsError
from iwds.ports import Listing, TargetReader, TargetWriter
from iwds.sandbox.server import SandboxThread
from iwds.targets import memory, provisioning
from tests.contract.target_contract import TAG

T = TypeVar("T")

SEATS = 6
NOBODY = 1
"""An id that no login has on either side, and that no group has."""

NAMES = st.sampled_from(["ann", "Ann", "ANN", "bob", "BOB", "eve", "x y", "corp\\eve", "ann "])
ODD_NAMES = st.sampled_from(["", " ", "zoé", "ann!", "李", "a" * 255, "a" * 256])
TEXTS = st.sampled_from(["", "Zoë", "O'Neill", "李", "नमस्ते", "a b", "a/b", "O’Neill", "x" * 256, "<&>"])
CONTACTS = st.sampled_from(["", "a@x.org", "not a mail", "é@x.org", "+33 1 23", "x" * 256, "a\tb", "<&>"])
PAIRS = st.sampled_from([(("site", "Köln"),), (("a", "1"), ("b", "")), (("bad key", "x"),), (("a", "<"),)])
EXTRAS = st.sampled_from(["", '{ "site":"Köln" }', '{"a":"1"}', '{"a":1}', "garbage", '{"a":"1","a":"2"}', '["a"]'])
CREATIONS = st.builds(
    AtCreation,
    st.sampled_from(Activation),
    language=st.sampled_from(["en", "fr", "de"]),
    access=st.sampled_from([0, 1, 1, 2]),
    login2=st.sampled_from(["", "", "second", "x" * 256]),
)
EMPTY = Account(Anchor("r", "1"), "ann", mail="ann@x.org", enabled=True, at_creation=AtCreation(Activation.LINK))


def _one_of(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """One field with one value: what is odd about it is not hidden by something odd about another."""
    return st.one_of([values.map(lambda value, name=name: {name: value}) for name, values in fields.items()])  # type: ignore[misc]  # name is bound now


ACCOUNTS = st.builds(
    lambda name, field: replace(EMPTY, **{"login": name, **field}),
    NAMES,
    st.just({})
    | _one_of(
        login=ODD_NAMES,
        firstname=st.none() | TEXTS,
        name=TEXTS,
        mail=st.none() | CONTACTS,
        phone=CONTACTS,
        role=st.none() | st.sampled_from(Role),
        enabled=st.sampled_from([False, None]),
        extra=PAIRS,
        at_creation=CREATIONS,
    ),
)
FIELDS = _one_of(
    login=NAMES | ODD_NAMES,
    firstname=TEXTS,
    name=st.none() | TEXTS,
    mail=CONTACTS,
    phone=st.none() | CONTACTS,
    role=st.integers(-1, 3),
    status=st.integers(0, 2),
    extra=EXTRAS,
)
WHO = st.sampled_from((2, 2, 2, 3, 3, 3, 4, 5))
"""Places 0 and 1 have the logins of the console, which every history finds as they were."""
GROUPS = st.sampled_from((101, 101, 102, 105, NOBODY))


@dataclass(frozen=True)
class Side:
    """One of the two targets, and its ids by the order in which logins were made; a deleted login keeps its place."""

    reader: TargetReader
    writer: TargetWriter
    ids: list[int]

    def id(self, who: int) -> int:
        return self.ids[who] if who < len(self.ids) else NOBODY

    def who(self, login: Login | None) -> Login | None:
        """A login with its place instead of its id, and without what not every call tells."""
        return login and replace(login, id=self.ids.index(login.id), last_seen=None)


class SideBySide(RuleBasedStateMachine):
    """Both services begin with the two logins and the groups of a new sandbox."""

    sandbox: SandboxThread

    @initialize(page_size=st.integers(3, 5), lanes=st.sampled_from([1, 4]))
    def begin(self, page_size: int, lanes: int) -> None:
        fixed = {"kind": "provisioning", "url": self.sandbox.url, "service_id": 10408, "provisioning_id": TAG}
        chosen = {**fixed, "page_size": page_size, "lanes": lanes}
        wire = provisioning.connect("mfa", provisioning.Settings.model_validate(chosen))
        own = {"kind": "memory", "provisioning_id": TAG, "max_logins": SEATS}
        inside = memory.connect("mfa", memory.Settings.model_validate(own))
        self.there, self.here = Side(wire.reader, wire.writer(), []), Side(inside.reader, inside.writer(), [])
        for login in wire.reader.read_logins():
            self.there.ids.append(login.id)
            values = {name: getattr(login, name) for name in Login.__slots__ if name not in ("id", "login")}
            self.here.ids.append(inside.state.add(login.login, **values).id)
        inside.state.groups = {group.id: group for group in wire.reader.read_groups()}
        self.groups = [*inside.state.groups]
        for name in ("ann", "bob"):
            self.create(replace(EMPTY, login=name, firstname="Zoë", phone="+33 1 23"))

    def teardown(self) -> None:
        """Every history begins with the same service."""
        if not hasattr(self, "there"):
            return
        try:
            self.all_readings_agree()
            self.both(lambda side: side.reader.read_groups())
            self.both(lambda side: side.reader.knows_tagged_creation())
        finally:
            for login in list(self.there.reader.read_logins()):
                if login.created_by == TAG:
                    self.there.writer.delete(login.id)
            self.there.reader.close()

    def both(self, ask: Callable[[Side], T]) -> T | None:
        """What the wire answers, which is what memory answers, an error with its cause included; None for an error."""
        (here, result), (there, _) = (_outcome(ask, side) for side in (self.here, self.there))
        assert here == there
        return result

    # --- what changes the service -------------------------------------------------------------------------------------

    @rule(account=ACCOUNTS)
    def create(self, account: Account) -> None:
        made: dict[int, int] = {}

        def attempt(side: Side) -> bool:
            made[id(side)] = side.writer.create(account)
            return made[id(side)] > 0

        if self.both(attempt):
            for side in (self.here, self.there):
                side.ids.append(made[id(side)])

    @rule(account=ACCOUNTS)
    def create_what_is_within_the_constraints(self, account: Account) -> None:
        self.both(lambda side: side.reader.normalise(account, "cn=somebody"))
        checked = self.here.reader.normalise(account, "cn=somebody")
        if not isinstance(checked, Unmapped):
            self.create(checked)

    @rule(who=WHO, fields=FIELDS)
    def update(self, who: int, fields: dict[str, object]) -> None:
        def attempt(side: Side) -> None:
            nobody = Login(side.id(who), "eve", "", "", "", "", 0, 0, "", TAG, True, 0)
            login = side.reader.login(side.id(who), "") or nobody
            side.writer.update(replace(login, **fields))  # type: ignore[arg-type]  # fields of a login

        self.both(attempt)

    @rule(who=st.sampled_from((2, 3)), name=st.sampled_from(["ann", "BOB", "Ann", "eve"]))
    def rename(self, who: int, name: str) -> None:
        self.update(who, {"login": name})

    @rule(who=WHO)
    def delete(self, who: int) -> None:
        self.both(lambda side: side.writer.delete(side.id(who)))

    @rule(group=GROUPS, who=WHO, times=st.integers(1, 2))
    def add_to_group(self, group: int, who: int, times: int) -> None:
        for _ in range(times):
            self.both(lambda side: side.writer.add_to_group(group, side.id(who)))

    @rule(group=GROUPS, who=WHO)
    def remove_from_group(self, group: int, who: int) -> None:
        self.both(lambda side: side.writer.remove_from_group(group, side.id(who)))

    @rule(who=WHO)
    def send_activation(self, who: int) -> None:
        self.both(lambda side: side.writer.send_activation(side.id(who)))

    # --- what reads it ------------------------------------------------------------------------------------------------

    @rule(who=WHO, name=NAMES | ODD_NAMES)
    def look_for_one(self, who: int, name: str) -> None:
        self.both(lambda side: side.who(side.reader.login(side.id(who), name)))
        self.both(lambda side: side.who(side.reader.named(name)))

    @rule(groups=st.lists(GROUPS, unique=True, max_size=3))
    def read_memberships(self, groups: list[int]) -> None:
        self.both(lambda side: _members(side, groups))

    @rule()
    def all_readings_agree(self) -> None:
        self.both(lambda side: [side.who(login) for login in _proven(side.reader.read_logins())])
        self.both(lambda side: _members(side, self.groups))


def _outcome(ask: Callable[[Side], T], side: Side) -> tuple[object, T | None]:
    try:
        result = ask(side)
    except (IwdsError, ValueError) as error:
        public = next(kind for kind in type(error).mro() if kind.__module__ in ("iwds.errors", "builtins"))
        return (public, getattr(error, "cause", "")), None
    return result, result


def _proven(reading: Listing[Login]) -> list[Login]:
    logins = list(reading)
    assert reading.finish().proven
    return logins


def _members(side: Side, groups: list[int]) -> set[tuple[int, int]]:
    reading = side.reader.read_memberships(groups)
    members = [(side.ids.index(member.login_id), member.group_id) for member in reading]
    proof = reading.finish()
    assert proof.proven
    assert proof.count == len(set(members)) == len(members)
    return set(members)


def test_the_two_targets_never_disagree() -> None:
    with SandboxThread(max_logins=SEATS) as running:

        class Machine(SideBySide):
            sandbox = running

        run_state_machine_as_test(
            Machine, settings=settings(max_examples=max(30, settings().max_examples // 5), stateful_step_count=25)
        )
