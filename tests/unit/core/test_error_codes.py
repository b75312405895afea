"""What an error code means for one person."""

from dataclasses import replace
from typing import Any

import pytest

from iwds.core.devices import Activated, Code, Details, Device, DeviceKind, DeviceState
from iwds.core.error_codes import ERROR_CODES, Explained, Facts, explain_error
from iwds.errors import UsageError
from tests.unit.core.made import login

PHONE = Device(DeviceKind.AUTHENTICATOR, 12, DeviceState.ACTIVE, "Phone")
SECRET = "123456789"
WAYS = (
    "they know the right one: iwds login reset-pin-errors ann",
    "they forgot it: iwds login reset-password ann",
)


def explained(code: str, status: int | None = 0, **details: Any) -> Explained:
    """For ann, who is activated with nothing else known."""
    made = {"activated": Activated.DONE, "link": Code(SECRET), **details}
    return explain_error(code, Facts("ann", Details(login(status=status), **made), "by zoe"))


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_is_explained_in_every_state_and_shows_no_link(code: str) -> None:
    for activated in (*Activated, None):
        for devices in ((), (PHONE,), (replace(PHONE, state=DeviceState(3), name=""), PHONE)):
            for flag in (True, False, None):
                told = explained(code, 1 if flag else 0, activated=activated, devices=devices, pin_locked=flag)
                assert told.code == code
                assert all((told.meaning, told.cause, told.todo))
                assert "{" not in f"{told.here}{told.todo}"
                assert SECRET not in str(told)


def test_there_are_all_codes_of_the_document() -> None:
    assert len(ERROR_CODES) == 25


@pytest.mark.parametrize("code", ["USER_IS_BLOCKED", " user_is_blocked ", "USER_IS_BLOCKED,"])
def test_a_code_is_taken_as_people_read_it_out(code: str) -> None:
    assert explained(code).code == "USER_IS_BLOCKED"


def test_another_code_is_an_error_with_the_nearest_ones() -> None:
    with pytest.raises(UsageError, match="is no error code that we know") as caught:
        explained("USER_BLOCKED")
    assert "USER_IS_BLOCKED" in caught.value.advice
    with pytest.raises(UsageError) as caught:
        explained("42")
    assert caught.value.advice.startswith("known: BIO_KEY_ALREADY_EXIST, ")


def test_somebody_without_a_login_is_told_so_and_nothing_else() -> None:
    told = explain_error("USER_ENTRY_DOES_NOT_EXIST", Facts("ann", None))
    assert told.here == ("The service has no login ann.",)
    assert told.todo == ("compare the name that they typed with the one on the service: ann",)


class TestABlockedPin:
    def test_is_told_with_both_ways_out(self) -> None:
        told = explained("USER_IS_BLOCKED", pin_locked=True, password_locked=False)
        assert told.here == ("ann: PIN is blocked after wrong entries.",)
        assert told.todo == WAYS

    def test_of_several_kinds_names_them(self) -> None:
        told = explained("USER_IS_BLOCKED", pin_locked=True, password_locked=True)
        assert told.here == ("ann: PIN and password are blocked after wrong entries.",)

    def test_that_is_none_is_told_so(self) -> None:
        told = explained("USER_IS_BLOCKED", pin_locked=False)
        assert told.here == ("ann: no PIN or password is blocked now.",)
        assert told.todo == ("let them try once more, with the right one",)

    def test_that_the_service_keeps_to_itself_is_said_so(self) -> None:
        told = explained("USER_IS_BLOCKED")
        assert told.here == ("The service does not tell whether a PIN or password is blocked.",)
        assert told.todo == WAYS


class TestAnActivation:
    @pytest.mark.parametrize(
        ("activated", "devices", "todo"),
        [
            (Activated.DONE, (PHONE,), "for one more device: iwds login code ann --add-device"),
            (Activated.DONE, (), "a new code: iwds login code ann"),
            (Activated.EXPIRED, (), "a new code: iwds login code ann"),
            (Activated.INACTIVE, (), "switch it on: iwds login code ann"),
            (Activated.LINK, (), "mail the link once more: iwds login code ann --mail"),
            (Activated.CODE, (), "let them type the code that waits; for another: iwds login code ann"),
            (None, (), "iwds login code ann"),
        ],
    )
    def test_says_which_code_helps_now(
        self, activated: Activated | None, devices: tuple[Device, ...], todo: str
    ) -> None:
        assert explained("CODE_ENTRY_DOES_NOT_EXIST", activated=activated, devices=devices).todo == (todo,)


class TestDevices:
    def test_are_listed_with_their_locks_and_what_opens_them(self) -> None:
        told = explained("DEVICE_LOCKED", devices=(replace(PHONE, state=DeviceState(3)), replace(PHONE, id=13)))
        (here,) = told.here
        assert here.startswith("ann has 2 devices: ma:12 Phone (Authenticator, locked and PIN locked), ma:13 Phone (")
        assert told.todo[:2] == WAYS
        assert any("iwds login restore ann" in line for line in told.todo)

    def test_that_are_well_need_nothing(self) -> None:
        told = explained("DEVICE_LOCKED", devices=(PHONE,))
        assert told.here == ("ann has 1 device: ma:12 Phone (Authenticator, active).",)

    def test_that_are_none_need_a_code(self) -> None:
        assert explained("NO_DEVICE_FOUND").here == ("ann has no device.",)


class TestALockedLogin:
    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (1, "ann is locked, by zoe."),
            (0, "ann is not locked now."),
            (None, "The service does not tell whether the login is locked."),
        ],
    )
    def test_says_how_it_is_and_whose_lock_it_is(self, status: int | None, words: str) -> None:
        assert explained("SERVICE_ACCOUNT_STATUS_DISABLED", status).here == (words,)

    def test_of_whom_nobody_knows_says_no_name(self) -> None:
        facts = Facts("ann", Details(login(status=1), Activated.DONE))
        assert explain_error("SERVICE_ACCOUNT_STATUS_DISABLED", facts).here == ("ann is locked.",)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_for_a_locked_login_the_lock_comes_first_whatever_they_saw(code: str) -> None:
    told = explained(code, 1, pin_locked=False)

    assert told.here[0] == "ann is locked, by zoe."
    assert told.todo[0] == "if they may come in: iwds login unlock ann --reason TEXT"
    assert not any("try once more" in line or "try again" in line for line in told.todo)
    assert "unlock ann" not in str(explained(code, pin_locked=False))


def test_whoever_is_blocked_by_nothing_but_a_lock_is_told_of_the_lock_alone() -> None:
    told = explained("USER_IS_BLOCKED", 1, pin_locked=False, password_locked=False, maccess_locked=False)

    assert told.here == ("ann is locked, by zoe.", "ann: no PIN or password is blocked now.")
    assert told.todo == (
        "if they may come in: iwds login unlock ann --reason TEXT",
        "why they may not: iwds explain ann",
    )
