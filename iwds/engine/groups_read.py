"""Who was read in which group of the directory, as far as the mapping names it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from iwds.core.doubt import GROUPS, group_key
from iwds.core.model import Entry
from iwds.ports import Rules


def count_groups(members: Counter[str], entry: Entry, rules: Sequence[Rules]) -> None:
    """Count somebody in each group that any of these rules names, and under `GROUPS` where they are in any at all."""
    if entry.groups is not None:
        members[GROUPS] += bool(entry.groups)
        members.update(frozenset[str]().union(*(each.named(entry.groups) for each in rules)))


def presence_in(members: Counter[str], rules: Sequence[Rules]) -> dict[str, int]:
    """What was counted, by the keys of `Proof.presence`; nothing where nobody's groups were known."""
    if GROUPS not in members:
        return {}
    named = {group_key(name): members[name] for each in rules for name in each.reads_groups}
    return {GROUPS: members[GROUPS], **named}


def empty_groups(rules: Rules, presences: Sequence[Mapping[str, int]]) -> list[str]:
    """The directory's groups that the rules name and nobody is in, as they write them; see `told_empty`."""
    whole = presences and all(GROUPS in presence for presence in presences)
    names = sorted(rules.reads_groups) if whole else []
    return [name for name in names if not any(presence.get(group_key(name)) for presence in presences)]


def told_empty(rules: Rules, presences: Sequence[Mapping[str, int]]) -> Iterator[str]:
    """The directory's groups that the rules name and nobody is in: often their names are mistyped.

    `presences` are those of every source of the job, each of a proven reading; one that knows no groups says nothing.
    """
    if empty := empty_groups(rules, presences):
        yield f"nobody who was read is in a group of the directory that the mapping names: {', '.join(empty)}"
