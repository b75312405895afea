"""The state machine of codes, devices and locks of the local MFA service, by a clock that the test moves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from iwds.core.devices import DeviceKind, DeviceState
from iwds.errors import ConfigurationError, Refused
from iwds.sandbox.codes import CodeType, Lifetimes, Purpose
from iwds.sandbox.controls import Controls
from iwds.sandbox.people import CodeSpent, CodeUnknown, Entry, NotAccepted
from iwds.sandbox.store import Full, NameTaken, Scope, Store

MA, CA, VA, MAC = DeviceKind.AUTHENTICATOR, DeviceKind.BROWSER, DeviceKind.VIRTUAL, DeviceKind.MACCESS
PERSON: dict[str, int | str] = {
    **dict.fromkeys(("firstname", "name", "mail", "phone", "extrafields"), ""),
    **dict.fromkeys(("status", "role", "access", "createdby"), 0),
    "login": "zoe",
    "lang": "en",
}
MINUTE, HOUR, DAY = 60, 3600, 86400
WHOLE = Scope()
FINANCE, ADMINS = 104, 105
"""Groups whose policy allows one device of each type, and two in all."""


@dataclass
class World:
    """A service in memory with one login, and its clock."""

    now: float = 1_000_000.0
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(":memory:", clock=lambda: self.now)

    def create(self, kind: CodeType = CodeType.IMMEDIATE, login: str = "zoe") -> tuple[int, str]:
        made = self.store.create({**PERSON, "login": login}, kind)
        return made.login_id, made.code

    def enrolled(self, kind: DeviceKind = MA, pin: str = "1234") -> tuple[int, int]:
        login_id, code = self.create()
        return login_id, self.store.people.use_code(code, kind, "Phone", pin).device

    def state(self, login_id: int) -> str:
        row = self.store.login(login_id)
        assert row is not None
        return str(row["state"])

    def row(self, login_id: int, column: str) -> int | str | None:
        value: int | str | None = self.store.data.db.execute(
            f"SELECT {column} FROM login WHERE id = ?",  # noqa: S608 - the test's own
            (login_id,),
        ).fetchone()[0]
        return value

    def devices(self, login_id: int) -> list[str]:
        return [row["kind"] for row in self.store.devices.of(login_id)]

    def fail(self, times: int, how: Entry = Entry.PIN, device: int = 0) -> None:
        for _ in range(times):
            with pytest.raises(NotAccepted):
                self.store.people.authenticate("zoe", "wrong", how, device)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.store.close()


# --- how long codes live ----------------------------------------------------------------------------------------------

LIVES = [
    (Purpose.ACTIVATION, CodeType.IMMEDIATE, 30 * MINUTE),
    (Purpose.ACTIVATION, CodeType.INACTIVE, 21 * DAY),
    (Purpose.ACTIVATION, CodeType.LINK, 21 * DAY),
    (Purpose.DEVICE, CodeType.IMMEDIATE, 30 * MINUTE),
    (Purpose.DEVICE, CodeType.LINK, 21 * DAY),
    (Purpose.RESTORE, CodeType.IMMEDIATE, 30 * MINUTE),
    (Purpose.UNLOCK, CodeType.IMMEDIATE, 15 * MINUTE),
    (Purpose.UNLOCK, CodeType.LINK, 2 * DAY),
]


@pytest.mark.parametrize(("purpose", "kind", "lifetime"), LIVES)
def test_an_unused_code_expires(world: World, purpose: Purpose, kind: CodeType, lifetime: int) -> None:
    login_id, _ = world.create()
    code = world.store.codes.issue(login_id, purpose, kind)
    world.now += lifetime - 1
    assert [row["purpose"] for row in world.store.codes.live(login_id) if code in (row["code"], row["long_code"])]
    world.now += 1
    assert purpose not in [row["purpose"] for row in world.store.codes.live(login_id)]
    with pytest.raises(CodeSpent, match="expired"):
        world.store.people.use_code(code, MA, "Phone")
    if purpose is not Purpose.UNLOCK:
        assert world.state(login_id) == "expired"


def test_lifetimes_are_settings() -> None:
    store = Store(":memory:", clock=lambda: 0, lifetimes=Lifetimes(immediate=15 * MINUTE))
    made = store.create(PERSON, CodeType.IMMEDIATE)
    assert [row["expires"] for row in store.codes.live(made.login_id)] == [15 * MINUTE]
    store.close()


def test_an_administrator_may_ask_for_a_code_of_two_days(world: World) -> None:
    login_id, _ = world.create()
    lifetimes = world.store.codes.lifetimes
    code = world.store.codes.issue(login_id, Purpose.ACTIVATION, CodeType.IMMEDIATE, lifetimes.long_code)
    world.now += 48 * HOUR - 1
    assert world.state(login_id) == code
    world.now += 1
    assert world.state(login_id) == "expired"


def test_a_code_made_active_is_good_for_half_an_hour(world: World) -> None:
    login_id, code = world.create(CodeType.INACTIVE)
    with pytest.raises(NotAccepted, match="not active"):
        world.store.people.use_code(code, MA, "Phone")
    world.now += 20 * DAY
    assert world.store.codes.activate(login_id) == code
    assert world.state(login_id) == code
    assert world.store.codes.activate(login_id) is None
    world.now += 30 * MINUTE
    assert world.state(login_id) == "expired"


def test_an_expired_code_cannot_be_made_active(world: World) -> None:
    login_id, _ = world.create(CodeType.INACTIVE)
    world.now += 21 * DAY
    assert world.store.codes.activate(login_id) is None


def test_the_clock_of_the_file_goes_ahead_of_the_machine_s_for_whoever_has_it_open(tmp_path: object) -> None:
    path = f"{tmp_path}/sandbox.db"
    running, other = Store(path, clock=lambda: 1000), Store(path, clock=lambda: 1000)
    login_id = running.create(PERSON, CodeType.IMMEDIATE).login_id
    other.data.advance(30 * MINUTE)
    row = running.login(login_id)
    assert running.now() == 1000 + 30 * MINUTE
    assert row is not None
    assert row["state"] == "expired"
    other.data.reset_clock()
    assert running.now() == 1000
    running.close()
    other.close()


# --- using codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CodeType.IMMEDIATE, CodeType.LINK])
def test_a_code_or_link_enrols_once(world: World, kind: CodeType) -> None:
    login_id, code = world.create(kind)
    assert world.state(login_id) == ("link" if kind is CodeType.LINK else code)
    done = world.store.people.use_code(code, MA, " Phone ", "1234")
    assert (done.login_id, done.purpose) == (login_id, Purpose.ACTIVATION)
    (device,) = world.store.devices.of(login_id)
    assert (device["id"], device["kind"], device["name"], device["state"]) == (done.device, "ma", "Phone", 0)
    assert (device["created"], device["last_used"], device["push"]) == (1_000_000, 0, 1)
    assert world.state(login_id) == "ok"
    with pytest.raises(CodeSpent, match="used"):
        world.store.people.use_code(code, MA, "Phone")


def test_a_link_is_also_good_by_its_nine_digits(world: World) -> None:
    login_id, link = world.create(CodeType.LINK)
    row = world.store.codes.behind_link(link)
    assert row is not None
    world.store.people.use_code(row["code"], MA, "Phone")
    assert world.store.codes.behind_link(link) is None
    assert world.state(login_id) == "ok"


def test_nine_digits_are_not_taken_for_a_long_code(world: World) -> None:
    _, code = world.create()
    assert world.store.codes.behind_link(code) is None


def test_a_code_that_never_was_is_unknown(world: World) -> None:
    with pytest.raises(CodeUnknown):
        world.store.people.use_code("", MA, "Phone")


def test_a_new_code_ends_the_former_one(world: World) -> None:
    login_id, first = world.create(CodeType.LINK)
    second = world.store.codes.issue(login_id, Purpose.RESTORE, CodeType.IMMEDIATE)
    assert world.state(login_id) == second
    assert world.store.codes.pending_link(login_id) is None
    with pytest.raises(CodeSpent, match="replaced"):
        world.store.people.use_code(first, MA, "Phone")


def test_a_code_that_unlocks_does_not_end_one_that_enrols(world: World) -> None:
    login_id, link = world.create(CodeType.LINK)
    world.store.codes.issue(login_id, Purpose.UNLOCK, CodeType.IMMEDIATE)
    pending = world.store.codes.pending_link(login_id)
    assert pending is not None
    assert pending["long_code"] == link
    assert world.state(login_id) == "link"


def test_the_code_of_an_activated_login_is_ok_whatever_else_waits(world: World) -> None:
    login_id, _ = world.enrolled()
    for purpose in Purpose:
        world.store.codes.issue(login_id, purpose, CodeType.LINK)
        assert world.state(login_id) == "ok"
        world.now += 30 * DAY
        assert world.state(login_id) == "ok"


def test_restoring_drops_the_devices_when_its_code_is_used_and_not_before(world: World) -> None:
    login_id, old = world.enrolled()
    world.store.set_role_in(101, login_id, 7)
    world.fail(3, device=old)
    code = world.store.codes.issue(login_id, Purpose.RESTORE, CodeType.IMMEDIATE)
    assert [row["id"] for row in world.store.devices.of(login_id)] == [old]
    new = world.store.people.use_code(code, CA, "Browser", "9876").device
    assert [row["id"] for row in world.store.devices.of(login_id)] == [new]
    assert world.store.role_in(101, login_id) == 7
    world.store.people.authenticate("zoe", "9876", Entry.PIN, new)
    with pytest.raises(NotAccepted):
        world.store.people.authenticate("zoe", "1234")


@pytest.mark.parametrize("state", ["pending", "expired", "activated"])
def test_restoring_works_in_every_state(world: World, state: str) -> None:
    login_id, code = world.create()
    if state == "activated":
        world.store.people.use_code(code, MA, "Phone")
    if state == "expired":
        world.now += DAY
    restore = world.store.codes.issue(login_id, Purpose.RESTORE, CodeType.IMMEDIATE)
    assert world.store.people.use_code(restore, VA, "Desktop").login_id == login_id
    assert (world.state(login_id), world.devices(login_id)) == ("ok", ["va"])


def test_a_further_device_stands_beside_the_first_and_asks_for_its_pin(world: World) -> None:
    login_id, _ = world.enrolled()
    code = world.store.codes.issue(login_id, Purpose.DEVICE, CodeType.IMMEDIATE)
    with pytest.raises(NotAccepted, match="not the PIN"):
        world.store.people.use_code(code, CA, "Browser", "9999")
    world.store.people.use_code(code, CA, "Browser", "1234")
    assert world.devices(login_id) == ["ma", "ca"]
    world.store.people.authenticate("zoe", "1234")


@pytest.mark.parametrize("name", ["", " ", "a" * 61, "a\nb"])
def test_a_device_needs_a_name_that_can_be_shown(world: World, name: str) -> None:
    _, code = world.create()
    with pytest.raises(NotAccepted, match="name"):
        world.store.people.use_code(code, MA, name)


@pytest.mark.parametrize("pin", ["123", "1" * 65])
def test_a_pin_has_a_length(world: World, pin: str) -> None:
    _, code = world.create()
    with pytest.raises(NotAccepted, match="PIN"):
        world.store.people.use_code(code, MA, "Phone", pin)


# --- policies ---------------------------------------------------------------------------------------------------------


def test_a_policy_limits_devices_of_a_type_and_in_all(world: World) -> None:
    login_id, _ = world.enrolled()
    world.store.set_role_in(FINANCE, login_id, 0)

    def add(kind: DeviceKind) -> None:
        code = world.store.codes.issue(login_id, Purpose.DEVICE, CodeType.IMMEDIATE)
        world.store.people.use_code(code, kind, "Another")

    with pytest.raises(NotAccepted, match="no more devices"):
        add(MA)
    add(CA)
    with pytest.raises(NotAccepted, match="no more devices"):
        add(VA)
    world.store.leave(FINANCE, login_id)
    for kind in (VA, MA, MA):
        add(kind)
    assert world.devices(login_id) == ["ma", "ca", "va", "ma", "ma"]


def test_a_code_that_found_no_room_can_still_be_used(world: World) -> None:
    login_id, old = world.enrolled()
    world.store.set_role_in(FINANCE, login_id, 0)
    code = world.store.codes.issue(login_id, Purpose.DEVICE, CodeType.IMMEDIATE)
    with pytest.raises(NotAccepted):
        world.store.people.use_code(code, MA, "Another")
    world.store.devices.delete(old)
    world.store.people.use_code(code, MA, "Another")


def test_restoring_makes_room(world: World) -> None:
    login_id, _ = world.enrolled()
    world.store.set_role_in(ADMINS, login_id, 0)
    code = world.store.codes.issue(login_id, Purpose.RESTORE, CodeType.IMMEDIATE)
    world.store.people.use_code(code, MA, "Another")
    assert world.devices(login_id) == ["ma"]


def test_the_mask_of_a_search_counts_active_devices_that_are_not_blocked(world: World) -> None:
    login_id, device = world.enrolled()

    def mask() -> int:
        return world.store.devices.activation_status([login_id]).get(login_id, 0)

    assert mask() == 1
    for kind, expected in ((CA, 3), (VA, 7), (MAC, 7)):
        world.store.devices.add(login_id, kind, "Another")
        assert mask() == expected
    for lock in (DeviceState.LOCKED, DeviceState.PIN_LOCKED):
        world.store.devices.lock(device, lock)
        assert mask() == 6
        world.store.devices.unlock(device, lock)
        assert mask() == 7


# --- authenticating ---------------------------------------------------------------------------------------------------


def test_success_leaves_its_date_on_login_and_device(world: World) -> None:
    login_id, device = world.enrolled()
    world.now += 60
    world.store.people.authenticate("ZOE", "1234", Entry.PIN, device)
    (row,) = world.store.devices.of(login_id)
    assert row["last_used"] == world.row(login_id, "lastauthdate") == 1_000_060


@pytest.mark.parametrize(
    ("kind", "how", "lock"),
    [
        (MA, Entry.PIN, "pin_locked"),
        (MAC, Entry.PIN, "maccess_locked"),
        (MA, Entry.PASSWORD, "password_locked"),
    ],
)
def test_three_wrong_entries_in_a_row_lock(world: World, kind: DeviceKind, how: Entry, lock: str) -> None:
    login_id, device = world.enrolled(kind)
    world.fail(2, how, device)
    assert world.row(login_id, lock) == 0
    world.fail(1, how, device)
    assert world.row(login_id, lock) == 1
    assert [row["state"] for row in world.store.devices.of(login_id)] == [DeviceState.PIN_LOCKED]
    with pytest.raises(NotAccepted, match="locked after"):
        world.store.people.authenticate("zoe", "1234", how, device)


def test_wrong_entries_that_are_not_in_a_row_do_not_lock(world: World) -> None:
    login_id, _ = world.enrolled()
    for _ in range(3):
        world.fail(2)
        world.store.people.authenticate("zoe", "1234")
    assert world.row(login_id, "pin_locked") == 0


def test_a_code_unlocks_and_sets_a_new_pin(world: World) -> None:
    login_id, device = world.enrolled()
    world.fail(3, device=device)
    code = world.store.codes.issue(login_id, Purpose.UNLOCK, CodeType.LINK)
    assert world.row(login_id, "pin_locked") == 1
    assert world.store.people.use_code(code, MA, "Phone", "9876").device == 0
    assert world.devices(login_id) == ["ma"]
    world.store.people.authenticate("zoe", "9876", Entry.PIN, device)


def test_unlocking_a_pin_leaves_a_lock_of_the_device_itself(world: World) -> None:
    login_id, device = world.enrolled()
    world.store.devices.lock(device, DeviceState.LOCKED)
    world.store.devices.lock(device, DeviceState.PIN_LOCKED)
    code = world.store.codes.issue(login_id, Purpose.UNLOCK, CodeType.IMMEDIATE)
    world.store.people.use_code(code, MA, "Phone")
    assert [row["state"] for row in world.store.devices.of(login_id)] == [DeviceState.LOCKED]
    with pytest.raises(NotAccepted, match="device is locked"):
        world.store.people.authenticate("zoe", "1234", Entry.PIN, device)


def test_the_counter_is_set_back_once_until_the_next_success(world: World) -> None:
    login_id, _ = world.enrolled()
    world.fail(3)
    assert world.store.people.forgive(login_id)
    assert not world.store.people.forgive(login_id)
    world.fail(2)
    world.store.people.authenticate("zoe", "1234")
    assert world.store.people.forgive(login_id)


def test_a_one_time_password_is_good_once_and_for_a_minute(world: World) -> None:
    login_id, _ = world.enrolled()
    otp = world.store.people.one_time_password(login_id)
    world.store.people.authenticate("zoe", otp, Entry.OTP)
    with pytest.raises(NotAccepted, match="not the one-time password"):
        world.store.people.authenticate("zoe", otp, Entry.OTP)
    late = world.store.people.one_time_password(login_id)
    world.now += 60
    with pytest.raises(NotAccepted):
        world.store.people.authenticate("zoe", late, Entry.OTP)


def test_who_is_locked_unknown_or_not_activated_does_not_get_in(world: World) -> None:
    login_id, _ = world.create()
    _, other = world.store.devices.add(login_id, MA, "x"), world.store.create({**PERSON, "login": "noe"}, CodeType.LINK)
    foreign = world.store.devices.add(other.login_id, MA, "x")
    for arguments, reason in (
        (("nobody", "1234"), "no such login"),
        (("zoe", "1234"), "never activated"),
        (("zoe", "1234", Entry.PIN, foreign), "no such device"),
        (("zoe", "1234", Entry.PIN, 5), "no such device"),
    ):
        with pytest.raises(NotAccepted, match=reason):
            world.store.people.authenticate(*arguments)
    code = world.store.codes.issue(login_id, Purpose.ACTIVATION, CodeType.IMMEDIATE)
    world.store.people.use_code(code, MA, "Phone")
    with pytest.raises(NotAccepted, match="no PIN is set"):
        world.store.people.authenticate("zoe", "1234")
    world.store.update(login_id, {"status": 1})
    with pytest.raises(NotAccepted, match="login is locked"):
        world.store.people.authenticate("zoe", world.store.people.one_time_password(login_id), Entry.OTP)


def test_a_pin_is_not_kept_as_it_is(world: World) -> None:
    login_id, _ = world.enrolled(pin="not-in-hex")
    assert "not-in-hex" not in str(world.row(login_id, "pin"))


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_login_takes_its_codes_and_devices_with_it(world: World) -> None:
    login_id, _ = world.enrolled()
    world.store.delete(login_id)
    for table in ("code", "device"):
        assert world.store.data.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0  # noqa: S608


def test_ids_of_devices_are_not_used_again(world: World) -> None:
    login_id, device = world.enrolled()
    world.store.devices.delete(device)
    assert world.store.devices.add(login_id, MA, "Another") == device + 1


def test_a_creation_that_fails_leaves_nothing(world: World) -> None:
    world.create()
    with pytest.raises(NameTaken):
        world.create()
    world.store.max_logins = 3
    with pytest.raises(Full):
        world.create(login="noe")
    assert world.store.page(WHOLE, 1, 0, 10)[0] == 3
    assert world.store.data.db.execute("SELECT count(*) FROM code").fetchone()[0] == 1


def test_a_file_of_the_first_version_is_refused(tmp_path: object) -> None:
    path = f"{tmp_path}/sandbox.db"
    store = Store(path)
    store.data.db.execute("PRAGMA user_version = 1")
    store.close()
    with pytest.raises(ConfigurationError, match="version 1"):
        Store(path)


def test_commands_keep_the_settings_of_a_file_and_want_one_that_is_there(tmp_path: object) -> None:
    path = f"{tmp_path}/sandbox.db"
    with pytest.raises(ConfigurationError, match="no data file"):
        Store.existing(path)
    Store(path, 77, 12).close()
    store = Store.existing(path)
    assert (store.service_id, store.max_logins) == (77, 12)
    store.close()


def test_only_an_untouched_service_is_vacated_without_being_told(world: World) -> None:
    world.store.vacate(replace=False)
    world.create()
    with pytest.raises(Refused, match="holds people"):
        world.store.vacate(replace=False)
    world.store.vacate(replace=True)
    assert world.store.page(WHOLE, 1, 0, 10)[0] == 0


def test_a_look_from_another_process_does_not_part_it_from_a_sandbox_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM login'); db.close()"
    with closing(Store(str(path))), closing(Controls(str(path))):
        subprocess.run([sys.executable, "-c", look, str(path)], check=True)
        assert path.with_name("service.db-wal").exists()


def test_a_folder_is_no_data_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        Store(str(tmp_path))
