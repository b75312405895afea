"""Whatever is done to the local MFA service in whatever order, its codes and devices stay what they must be."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from iwds.core.devices import DeviceKind
from iwds.sandbox.codes import CodeType, Purpose
from iwds.sandbox.people import Enrolled, NotAccepted
from iwds.sandbox.store import Full, NameTaken, Store

FIELDS: dict[str, int | str] = {
    **dict.fromkeys(("firstname", "name", "mail", "phone", "extrafields"), ""),
    **dict.fromkeys(("status", "role", "access", "createdby"), 0),
    "lang": "en",
}
NAMES = st.sampled_from(["ada", "zoe", "noe", "eva"])
KINDS = st.sampled_from(DeviceKind)
STANDARD, STRONG = 101, 104
LIMIT_OF_STRONG = 2


class Machine(RuleBasedStateMachine):
    """Random histories of a few logins; what must hold is checked after every step."""

    logins: Bundle[int] = Bundle("logins")
    codes: Bundle[str] = Bundle("codes")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.store = Store(":memory:", max_logins=6, clock=lambda: self.now)
        self.login_ids: set[int] = set()
        self.device_ids: set[int] = set()
        self.roles: dict[int, dict[int, int]] = {}

    def teardown(self) -> None:
        self.store.close()

    @rule(target=logins, name=NAMES, kind=st.sampled_from(CodeType))
    def create(self, name: str, kind: CodeType) -> int:
        try:
            login_id = self.store.create({**FIELDS, "login": name}, kind).login_id
        except (NameTaken, Full):
            return 0
        assert login_id not in self.login_ids
        self.login_ids.add(login_id)
        return login_id

    @rule(login_id=logins)
    def delete(self, login_id: int) -> None:
        self.store.delete(login_id)
        self.roles.pop(login_id, None)

    @rule(login_id=logins, group=st.sampled_from([STANDARD, STRONG]), role=st.integers(0, 5))
    def join(self, login_id: int, group: int, role: int) -> None:
        if self.store.login(login_id) is not None:
            self.store.set_role_in(group, login_id, role)
            self.roles.setdefault(login_id, {})[group] = role

    @rule(target=codes, login_id=logins, purpose=st.sampled_from(Purpose), link=st.booleans())
    def issue(self, login_id: int, purpose: Purpose, link: bool) -> str:
        if self.store.login(login_id) is None:
            return ""
        before = self.facts(login_id)
        code = self.store.codes.issue(login_id, purpose, CodeType.LINK if link else CodeType.IMMEDIATE)
        assert self.facts(login_id) == before
        return code

    @rule(login_id=logins)
    def activate(self, login_id: int) -> None:
        self.store.codes.activate(login_id)

    @rule(code=codes, kind=KINDS, pin=st.sampled_from(["", "1234", "9999"]))
    def use(self, code: str, kind: DeviceKind, pin: str) -> None:
        row = self.store.codes.find(code)
        before = self.devices(row["login_id"]) if row else []
        try:
            done = self.store.people.use_code(code, kind, "Device", pin)
        except NotAccepted:
            assert not row or self.devices(row["login_id"]) == before
            return
        self.check_use(done, before)

    @rule(login_id=logins, kind=KINDS, purpose=st.sampled_from([Purpose.ACTIVATION, Purpose.RESTORE, Purpose.DEVICE]))
    def ask_and_use(self, login_id: int, kind: DeviceKind, purpose: Purpose) -> None:
        if code := self.issue(login_id, purpose, link=False):
            self.use(code, kind, "")

    def check_use(self, done: Enrolled, before: list[int]) -> None:
        if done.purpose is Purpose.UNLOCK:
            assert self.devices(done.login_id) == before
            return
        assert done.device not in self.device_ids
        self.device_ids.add(done.device)
        kept = [] if done.purpose is Purpose.RESTORE else before
        assert self.devices(done.login_id) == [*kept, done.device]
        login = self.store.login(done.login_id)
        assert login is not None
        assert login["state"] == "ok"
        if STRONG in self.roles.get(done.login_id, {}):
            assert len(kept) < LIMIT_OF_STRONG

    @rule(login_id=logins, data=st.data())
    def delete_device(self, login_id: int, data: st.DataObject) -> None:
        if devices := self.devices(login_id):
            self.store.devices.delete(data.draw(st.sampled_from(devices)))

    @rule(name=NAMES, pin=st.sampled_from(["1234", "9999"]))
    def authenticate(self, name: str, pin: str) -> None:
        row = self.store.named(name)
        try:
            self.store.people.authenticate(name, pin)
        except NotAccepted:
            return
        assert row is not None
        assert not row["pin_locked"]
        after = self.store.named(name)
        assert after is not None
        assert after["lastauthdate"] == self.now

    @rule(minutes=st.sampled_from([1, 14, 16, 29, 31, 2 * 1440, 21 * 1440]))
    def wait(self, minutes: int) -> None:
        self.now += 60 * minutes

    @invariant()
    def one_code_lives_for_each_purpose(self) -> None:
        for login_id in self.login_ids:
            live = [row["purpose"] == Purpose.UNLOCK for row in self.store.codes.live(login_id)]
            assert len(live) == len(set(live))

    @invariant()
    def a_code_that_is_shown_can_be_used(self) -> None:
        for login_id in self.login_ids:
            row = self.store.login(login_id)
            live = {code["code"] for code in self.store.codes.live(login_id) if code["purpose"] != Purpose.UNLOCK}
            if row is not None and row["state"] not in ("ok", "expired", "link"):
                assert row["state"].removeprefix("in:") in live

    @invariant()
    def groups_and_roles_are_nobody_else_s_business(self) -> None:
        for login_id, roles in self.roles.items():
            assert {row["id"]: row["role"] for row in self.store.groups_of(login_id)} == roles

    def devices(self, login_id: int) -> list[int]:
        return [row["id"] for row in self.store.devices.of(login_id)]

    def facts(self, login_id: int) -> Any:
        """What a new code must not change."""
        row = self.store.login(login_id)
        assert row is not None
        return self.devices(login_id), row["pin"], row["pin_locked"], row["state"] == "ok", row["role"]


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTheMachine = Machine.TestCase
