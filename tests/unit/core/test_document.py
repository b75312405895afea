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
    SetGroupRole,
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
    AddToGroup(subject("eve", None), VPN, "due", role=0),
    AddToGroup(subject("eve", None), VPN, "due", role=17, names=((17, "auditor"),)),
    SetGroupRole(subject(), VPN, 17, 0, "not due", Evidence.SEEN, ((17, "auditor"),)),
    SetGroupRole(subject(), VPN, 0, 1, "due"),
    create(groups=frozenset({"vpn"}), group_roles=(("vpn", "auditor"),)),
    Adopt(subject(), login(), (1, 2), "explained", roles=((1, 17),)),
    AdoptMembership(subject(), VPN, "explained", role=17),
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
        change_to_data(EVERY[5]) | {"role": [1]},
        {key: value for key, value in change_to_data(EVERY[8]).items() if key != "before"},
    ],
)
def test_anything_else_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a change|not a valid"):
        change_from_data(data)


def test_a_membership_without_a_governed_role_is_written_as_before_there_were_roles() -> None:
    data = change_to_data(AddToGroup(subject(), VPN, "due"))
    assert data.keys() == {"do", "subject", "group", "because"}
    assert "group_roles" not in change_to_data(create())["account"]
