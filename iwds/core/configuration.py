"""What of a configuration decides over access, as text that is kept with the run that accepted it.

The text is JSON. Its keys: `mapping` (digest of the rules), `rules` (the mapping as it was written, so that it can be
compiled again), `sources` (settings that decide who is read, without secrets), `order`, `leavers`, `delete_after`
(seconds, where leavers are deleted after a grace), `adopt`, `provisioning_id`, `group_roles` where the mapping
gives custom ones, and `libraries` (name -> version, where it uses any whose data decide about values).
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from iwds.core.policy import Leaver

LEAVERS = ("leavers", "delete_after")
"""What says what becomes of leavers. It shows only once somebody leaves, and so is accepted only then."""
_ASPECTS: Mapping[str, tuple[str, ...]] = {
    "mapping": ("mapping", "group_roles"),
    "sources": ("sources", "order"),
    "leavers": LEAVERS,
    "adopt": ("adopt",),
    "provisioning_id": ("provisioning_id",),
}


_NOT_DIGESTED = ("rules", "libraries")


def digest_of(data: Mapping[str, Any]) -> str:
    """The hash of what somebody wrote that decides.

    `rules` say nothing that the digest under `mapping` does not. `libraries` nobody wrote: a plan may be applied under
    another version than it was made with, and a configuration of which no version was kept is no other one.
    """
    deciding = {key: value for key, value in data.items() if key not in _NOT_DIGESTED}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()


def aspects_changed(before: str, now: str) -> tuple[str, ...]:
    """Which parts differ between two of these texts, in words; nothing where one of them is not known."""
    if not before or not now:
        return ()
    old, new = json.loads(before), json.loads(now)
    written = (name for name, keys in _ASPECTS.items() if any(old.get(key) != new.get(key) for key in keys))
    return (*written, *libraries_changed(before, now))


def libraries_changed(before: str, now: str) -> tuple[str, ...]:
    """The libraries of which both of these texts know the version, and another one: `library NAME OLD > NEW`."""
    if not before or not now:
        return ()
    old, new = (json.loads(text).get("libraries", {}) for text in (before, now))
    return tuple(_upgrade(name, old[name], new[name]) for name in sorted(old.keys() & new) if old[name] != new[name])


def doubted_parts(
    before: Mapping[str, str], now: Mapping[str, str], parts: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """What of rules of earlier cannot be asked any more: they would answer by another version of a library.

    Args:
        before: the versions that counted then; a library is missing where none was kept.
        now: the versions of today of each library that those rules use.
        parts: the parts of those rules that each of them may decide.

    Returns each such part -> `library NAME OLD > NEW`, with `?` for a version that was not kept.
    """
    changed = {name: _upgrade(name, before.get(name, "?"), now[name]) for name in now if before.get(name) != now[name]}
    return {part: told for name, told in changed.items() for part in parts[name]}


def _upgrade(name: str, before: str, now: str) -> str:
    return f"library {name} {before} > {now}"


def parts_of(deciding: str) -> dict[str, str]:
    """A digest of each part of such a text by its name, and of each source (`source corp`) on its own."""
    if not deciding:
        return {}
    data = json.loads(deciding)
    parts = {name: [data.get(key) for key in keys] for name, keys in _ASPECTS.items()}
    parts |= {"sources": [data.get("order")]}
    parts |= {f"source {name}": [source] for name, source in data.get("sources", {}).items()}
    return {name: digest_of({name: part}) for name, part in parts.items()}


def parts_changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the parts that differ, those of today first; nothing where either is not known."""
    if not before or not now:
        return ()
    return tuple(name for name in {**now, **before} if before.get(name) != now.get(name))


def accepted_from_now(before: str, now: str, took_effect: bool) -> str:
    """What counts as accepted after a run under `now` in which nothing waited at the gate.

    A harder policy for leavers that met no leaver was seen by nobody: what was accepted before stays in its place until
    it takes effect (`took_effect`: a person let through what it takes).
    """
    if not before or not now or took_effect:
        return now
    old, new = json.loads(before), json.loads(now)
    if _hardness(new) <= _hardness(old):
        return now
    rest = {key: value for key, value in new.items() if key not in LEAVERS}
    return json.dumps({**rest, **{key: old[key] for key in LEAVERS if key in old}}, ensure_ascii=False)


def tag_before(before: str) -> int | None:
    """The provisioning id of such a text; None where it is not known."""
    tag = json.loads(before).get("provisioning_id") if before else None
    return tag if isinstance(tag, int) else None


def grace_of(data: Mapping[str, Any]) -> timedelta | None:
    """How long a leaver stays locked before the deletion; None where the policy deletes nobody after a grace."""
    return timedelta(seconds=data["delete_after"]) if "delete_after" in data else None


def _hardness(data: Mapping[str, Any]) -> tuple[int, timedelta]:
    """The place of the policy for leavers in the order of `Leaver`, which begins with the mildest; then the grace."""
    return list(Leaver).index(Leaver(data["leavers"])), -(grace_of(data) or timedelta())
