"""How somebody can get in, in words."""

from dataclasses import replace

import pytest

from iwds.core.access import ACTIVATION, KINDS, blocked, device_id, push_words, state_words
from iwds.core.devices import Activated, Details, Device, DeviceKind, DeviceState
from tests.unit.core.made import login

DETAILS = Details(login(), Activated.DONE)


def test_every_state_and_every_kind_has_words() -> None:
    assert set(ACTIVATION) == set(Activated)
    assert set(KINDS) == set(DeviceKind)


@pytest.mark.parametrize(
    ("state", "words"), [(0, "active"), (1, "locked"), (2, "PIN locked"), (3, "locked and PIN locked")]
)
def test_the_mask_of_a_device_has_words(state: int, words: str) -> None:
    assert state_words(DeviceState(state)) == words


@pytest.mark.parametrize(("push", "words"), [(True, "push on"), (False, "no push"), (None, "")])
def test_push_is_told_where_it_is_known(push: bool | None, words: str) -> None:
    assert push_words(push) == words


def test_a_device_is_called_by_kind_and_number() -> None:
    assert device_id(Device(DeviceKind.MACCESS, 7, DeviceState.ACTIVE, "")) == "mac:7"


def test_what_is_blocked_is_known_only_where_the_service_tells() -> None:
    assert blocked(DETAILS) is None
    assert blocked(replace(DETAILS, pin_locked=False)) == ()
    assert blocked(replace(DETAILS, pin_locked=True, maccess_locked=True)) == ("PIN", "mAccess PIN")
