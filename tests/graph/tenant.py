"""An invented tenant of Entra ID: users, groups, a recycle bin, and a memory of what changed when."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

TENANT = "0b3f7a52-3c0e-4f6b-9a38-6d4c1f2e8a71"
USER, GROUP, DEVICE = "user", "group", "device"


@dataclass
class Tenant:
    """Everything lies in memory. Whoever changes something through a method leaves a trace for listings of changes.

    Attributes:
        users: properties by object id, as Graph names them; what is not set is missing.
        groups: the same.
        members: of each group the ids of its members with what they are.
        bin: users in the recycle bin, by id.
        dead: groups that were deleted, by id.
        attic: what comes back with each of them.
        opaque: ids of users of whom whoever asks may see nothing but the id.
        order: in which order users are listed, by id.
        clock: counts changes.
        trace: of each user and group the last change, by id.
        born: of each the change that made it, or brought it back.
        touched: of each property that changed later, and of each membership that began or ended, the last change; by
            the id of the user or group and the name of the property or the id of the member.
    """

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    bin: dict[str, dict[str, Any]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    attic: dict[str, tuple[dict[str, Any], dict[str, str]]] = field(default_factory=dict)
    opaque: set[str] = field(default_factory=set)
    order: dict[str, int] = field(default_factory=dict)
    clock: int = 0
    trace: dict[str, int] = field(default_factory=dict)
    born: dict[str, int] = field(default_factory=dict)
    touched: dict[str, dict[str, int]] = field(default_factory=dict)

    def user(self, name: str, key: str = "", **properties: Any) -> str:
        """A new user; returns the id."""
        key = key or str(uuid.uuid4())
        plain = {"id": key, "userPrincipalName": f"{name}@corp.example", "accountEnabled": True, "userType": "Member"}
        self.users[key] = {name: value for name, value in {**plain, **properties}.items() if value is not None}
        self.order[key] = len(self.order)
        self._bear(key)
        return key

    def group(self, name: str, key: str = "", **properties: Any) -> str:
        """A new group without members; returns the id."""
        key = key or str(uuid.uuid4())
        self.groups[key] = {"id": key, "displayName": name, **properties}
        self.members[key] = {}
        self._bear(key)
        return key

    def join(self, group: str, *members: str, kind: str = "") -> None:
        """Members of a group: users, groups, or whatever `kind` says."""
        for member in members:
            self.members[group][member] = kind or (GROUP if member in self.groups else USER)
        self._note(group, *members)

    def leave(self, group: str, *members: str) -> None:
        """They are members no more."""
        for member in members:
            del self.members[group][member]
        self._note(group, *members)

    def change(self, key: str, **properties: Any) -> None:
        """Properties of a user or group; None takes one away."""
        held = self.users.get(key) or self.groups[key]
        held.update(properties)
        for name in [name for name, value in held.items() if value is None]:
            del held[name]
        self._note(key, *properties)

    def delete(self, key: str) -> None:
        """A user goes into the recycle bin, a group is gone; the groups above show it."""
        for group in self.above(key):
            self._note(group, key)
        if key in self.users:
            self.bin[key] = self.users.pop(key)
        else:
            self.attic[key] = self.groups.pop(key), self.members.pop(key)
            self.dead.add(key)
        self._note(key)

    def purge(self, key: str) -> None:
        """Nothing is left of a user in the recycle bin."""
        del self.bin[key]
        self._note(key)

    def restore(self, key: str) -> None:
        """A user comes back from the recycle bin, or a group, of which no more is told than that it is there."""
        if key in self.bin:
            self.users[key] = self.bin.pop(key)
            self._bear(key)
        else:
            self.groups[key], self.members[key] = self.attic.pop(key)
            self.dead.remove(key)
            self._note(key)
        for group in self.above(key):
            self._note(group, key)

    def above(self, key: str) -> list[str]:
        """The groups that name this object."""
        return [group for group, members in self.members.items() if key in members]

    def all_above(self, key: str) -> Iterator[str]:
        """The groups that this object is in, nested ones included, each once."""
        seen: set[str] = set()
        waiting = self.above(key)
        while waiting:
            group = waiting.pop()
            if group not in seen:
                seen.add(group)
                yield group
                waiting += self.above(group)

    def _bear(self, key: str) -> None:
        self._note(key)
        self.born[key] = self.clock

    def _note(self, key: str, *what: str) -> None:
        self.clock += 1
        self.trace[key] = self.clock
        if what:
            self.touched.setdefault(key, {}).update(dict.fromkeys(what, self.clock))
