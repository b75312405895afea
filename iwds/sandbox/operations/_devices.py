"""Devices, which the API calls tools: shown, renamed and deleted."""

import sqlite3
from collections.abc import Sequence

from iwds.core.devices import DeviceKind
from iwds.sandbox.operations._arguments import Nok, number, text_of
from iwds.sandbox.people import MAX_DEVICE_NAME
from iwds.sandbox.store import Store
from iwds.sandbox.wire import Arguments, Value

_COLUMNS = {
    "id": "id",
    "state": "state",
    "name": "name",
    "alias": "alias",
    "pushenabled": "push",
    "creationdate": "created",
    "lastauthdate": "last_used",
}
"""The API's name of a column, after the type of the tool -> ours."""
_HELIUM = 1


def tools(devices: Sequence[sqlite3.Row]) -> dict[str, Value | list[int] | list[str]]:
    """The devices of a login as `loginQuery` answers them: columns for each type."""
    answer: dict[str, Value | list[int] | list[str]] = {}
    for kind in DeviceKind:
        of_kind = [device for device in devices if device["kind"] == kind]
        answer[f"n{kind}"] = len(of_kind)
        answer |= {f"{kind}{theirs}": [device[ours] for device in of_kind] for theirs, ours in _COLUMNS.items()}
    answer["cault"] = [_HELIUM] * len(answer["caid"])  # type: ignore[arg-type]  # a column of numbers
    return answer


def login_update_tool(store: Store, arguments: Arguments) -> str:
    """Renames a device."""
    name = text_of(arguments, "name")
    if not name.strip() or len(name) > MAX_DEVICE_NAME or not name.isprintable():
        raise Nok("SN")
    store.devices.rename(_known_tool(store, arguments), name)
    return "OK"


def login_delete_tool(store: Store, arguments: Arguments) -> str:
    """Deletes a device."""
    store.devices.delete(_known_tool(store, arguments))
    return "OK"


def _known_tool(store: Store, arguments: Arguments) -> int:
    """The id of a device that is there, and of the type given. The document names no cause for one that is not."""
    kind = text_of(arguments, "tooltype")
    if kind not in set(DeviceKind):
        raise Nok("SN")
    device = store.devices.find(number(arguments, "toolid"))
    if device is None or device["kind"] != kind:
        raise Nok("tool unknown")
    return int(device["id"])
