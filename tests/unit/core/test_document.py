"""Changes as plain data and back."""

import json
from typing import Any

import pytest

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    Subject,
)
from iwds.core.document import change_from_data, change_to_data
from iwds.core.model import Activation, AtCreation, Role
from tests.unit.core.made import VPN, create, login, subject, write

EVERY: list[Change] = [
    create(),
    create(role=Role.MANAGER, groups=frozenset({"vpn", "wiki"}), extra=(("k", "v"), ("z", "")), firstname="Ève"),
    create(at_creation=AtCreation(Activation.LINK, "fr", 2, "second", "third")),
    write(login(created_by=None, phone=None), mail="x"),
    DeleteLogin(subject(), login(), (1, 2), "gone", Evidence.UNSEEN),
    AddToGroup(subject("eve", None), VPN, "due"),
    RemoveFromGroup(subject(), VPN, "not due", Evidence.RULE),
    Adopt(subject(), login(), (), "explained"),
    AdoptMembership(subject(), VPN, "explained"),
    SendActivation(subject(), "new"),
    Forget(Subject("ann", None, 1), "gone"),
    Forget(subject(), "taken away", group=VPN),
]


@pytest.mark.parametrize("change", EVERY, ids=lambda change: type(change).__name__)
def test_a_change_survives_json(change: Change) -> None:
    assert change_from_data(json.loads(json.dumps(change_to_data(change)))) == change


def test_whether_and_when_a_login_was_used_stays_out_of_the_document() -> None:
    data = json.dumps(change_to_data(write(login(activated=True, last_seen=1), mail="x")))
    assert "activated" not in data
    assert "last_seen" not in data


def broken(**parts: Any) -> dict[str, Any]:
    return {**change_to_data(EVERY[4]), **parts}


@pytest.mark.parametrize(
    "data",
    [
        {},
        broken(do="unheard-of"),
        broken(subject=None),
        broken(subject={"login": "ann", "id": 1}),
        broken(subject={"login": "ann", "id": 1, "anchor": ["a", "b", "c"]}),
        broken(before={"id": 1}),
        broken(groups=5),
        broken(evidence="hearsay"),
        change_to_data(EVERY[5]) | {"group": [1]},
    ],
)
def test_anything_else_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a change|not a valid"):
        change_from_data(data)
