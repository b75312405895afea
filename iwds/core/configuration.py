"""What of a configuration decides over access, as text that is kept with the run that accepted it.

The text is JSON. Its keys: `mapping` (digest of the rules), `rules` (the mapping as it was written, so that it can be
compiled again), `sources` (settings that decide who is read, without secrets), `order`, `leavers`, `adopt`,
`provisioning_id`, and `group_roles` where the mapping gives custom ones.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from iwds.core.policy import Leaver

LEAVERS = ("leavers",)
"""What says what becomes of leavers. It shows only once somebody leaves, and so is accepted only then."""
_ASPECTS: Mapping[str, tuple[str, ...]] = {
    "mapping": ("mapping", "group_roles"),
    "sources": ("sources", "order"),
    "leavers": LEAVERS,
    "adopt": ("adopt",),
    "provisioning_id": ("provisioning_id",),
}


def digest_of(data: Mapping[str, Any]) -> str:
    """The hash of what decides; `rules` say nothing that the digest under `mapping` does not."""
    deciding = {key: value for key, value in data.items() if key != "rules"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()


def aspects_changed(before: str, now: str) -> tuple[str, ...]:
    """Which parts differ between two of these texts, in words; nothing where one of them is not known."""
    if not before or not now:
        return ()
    old, new = json.loads(before), json.loads(now)
    return tuple(name for name, keys in _ASPECTS.items() if any(old.get(key) != new.get(key) for key in keys))


def accepted_from_now(before: str, now: str, took_effect: bool) -> str:
    """What counts as accepted after a run under `now` in which nothing waited at the gate.

    A harder policy for leavers that met no leaver was seen by nobody: what was accepted before stays in its place until
    it takes effect (`took_effect`: a person let through what it takes).
    """
    if not before or not now or took_effect:
        return now
    old, new = json.loads(before), json.loads(now)
    graces = [key for key in LEAVERS if key != "leavers"]
    if _hardness(new) <= _hardness(old) and all(old.get(key) == new.get(key) for key in graces):
        return now
    return json.dumps({**new, **{key: old[key] for key in LEAVERS if key in old}}, ensure_ascii=False)


def _hardness(data: Mapping[str, Any]) -> int:
    """The place of the policy for leavers in the order of `Leaver`, which begins with the mildest."""
    return list(Leaver).index(Leaver(data["leavers"]))
