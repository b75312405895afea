"""Doubts that no reading can have about itself: how it differs from the last one that was proven.

A server that hides an attribute, a group or a branch from the account ends every page with success; what it hides
looks like what nobody has. Only the reading before tells the two apart. What came less often than is usual is
withheld: it is *not known* in this run, which is neither *present* nor *empty*, so that nothing follows from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from iwds.core.model import Entry, Proof, View

GROUPS = "(groups)"
"""The key of `Proof.presence` for people who are in any group at all. Brackets stand in no attribute's name."""
_GROUP = "(group) "

HIDDEN_FLOOR = 3
"""What so many people had, and nobody has now, may be hidden. Fewer are the guards' floor as well."""
LOST_FLOOR = 5
"""So many may lose an attribute between two readings without a question."""
LOST_OF_MANY = 0.10
"""What at least half of the people had is lost by a tenth of these at most."""
LOST_OF_FEW = 0.50
"""What fewer had is more restless: flags of single accounts, locks."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is kept of the last proven reading of a source.

    Attributes:
        count: people in it.
        most: the most people in a proven reading of the last days, as far as nobody accepted that there are fewer.
    """

    realm: str
    count: int
    most: int
    taken_at: datetime
    presence: Mapping[str, int] = field(default_factory=dict)
    view: View = field(default_factory=View)


@dataclass(frozen=True, slots=True)
class Faded:
    """Something that far fewer people have than before. `key` is that of `Proof.presence`."""

    key: str
    before: int
    now: int

    def sentence(self, since: datetime) -> str:
        """What is not believed, with both numbers and what to look at."""
        what = "groups" if self.key == GROUPS else self.key.removeprefix(_GROUP)
        have = f"were in {what}" if self.key.startswith("(") else f"had {what}"
        return (
            f"{what}: {self.before:,} people {have} on {since:%d %b %Y}, {self.now:,} now: taken for unreadable in this"
            " run, so nothing follows from it. Look at the rights of the account that reads"
        )


def group_key(name: str) -> str:
    """The key of `Proof.presence` for people who are in one group that the mapping names."""
    return _GROUP + name


def group_names(keys: Iterable[str]) -> frozenset[str]:
    """The groups, as the mapping writes them, whose keys are among these."""
    return frozenset(key.removeprefix(_GROUP) for key in keys if key.startswith(_GROUP))


def faded(proof: Proof, baseline: Baseline | None) -> tuple[Faded, ...]:
    """What far fewer people have than in the last proven reading of the same directory; both by `presence`."""
    if baseline is None or baseline.realm != proof.realm or not baseline.count:
        return ()
    part = min(1.0, proof.count / baseline.count)  # who is missing altogether is another guard's matter
    found = tuple(
        Faded(key, before, now)
        for key, before in sorted(baseline.presence.items())
        if (now := proof.presence.get(key)) is not None and _far_fewer(before, now, (part, baseline.count))
    )
    if any(each.key == GROUPS for each in found):
        return tuple(each for each in found if not each.key.startswith(_GROUP))
    return found


def _far_fewer(before: int, now: int, population: tuple[float, int]) -> bool:
    part, count = population
    expected = before * part
    ratio = LOST_OF_MANY if 2 * before >= count else LOST_OF_FEW
    return (not now and expected >= HIDDEN_FLOOR) or expected - now > max(LOST_FLOOR, ratio * expected)


def without(entry: Entry, withheld: Set[str]) -> Entry:
    """The entry as far as it is believed: what is withheld is not known."""
    if not withheld:
        return entry
    attrs = {name: values for name, values in entry.attrs.items() if name not in withheld}
    groups = None if GROUPS in withheld else entry.groups
    return replace(entry, attrs=attrs, groups=groups, unread=entry.unread | group_names(withheld))


def carried(proof: Proof, baseline: Baseline | None, withheld: Set[str]) -> Proof:
    """The proof of a reading under which something was withheld: what was known of that before is not forgotten."""
    every = GROUPS in withheld
    before = {} if baseline is None else baseline.presence
    known = {key: n for key, n in before.items() if key in withheld or (every and key.startswith(_GROUP))}
    return replace(proof, presence={**proof.presence, **known}, withheld=tuple(sorted(withheld)))


def other_eyes(proof: Proof, baseline: Baseline | None) -> Iterator[str]:
    """Whether the directory takes us for somebody else than in the last proven reading."""
    if baseline is None or baseline.realm != proof.realm:
        return
    before, now = baseline.view.account, proof.view.account
    if before and now and before != now:
        yield f"the directory takes us for {now}, and took us for {before} on {baseline.taken_at:%d %b %Y}"


def deserted(proof: Proof, baseline: Baseline | None) -> dict[str, int]:
    """Places in which several people were before and nobody is now, with how many they were."""
    if baseline is None or baseline.realm != proof.realm:
        return {}
    places = baseline.view.places
    return {place: n for place, n in places.items() if n >= HIDDEN_FLOOR and not proof.view.places.get(place)}


def set_back(proof: Proof, baseline: Baseline | None) -> str:
    """Whether the server is older than it was, as a sentence; empty where it is not."""
    if baseline is None or not _same_counter(proof.view, baseline.view) or proof.view.ended >= baseline.view.began:
        return ""
    return (
        f"the change counter of the server stands at {proof.view.ended:,} and stood at {baseline.view.began:,} on"
        f" {baseline.taken_at:%d %b %Y}: it was set back to an older state"
    )


def deletions_possible(proof: Proof, baseline: Baseline | None) -> int | None:
    """How many people can have been deleted at most since the last proven reading; None where nobody can tell.

    Each deletion moves the server's change counter by one at least. People who were gone then already do not count.
    """
    if baseline is None or not _same_counter(proof.view, baseline.view):
        return None
    return max(0, proof.view.ended - baseline.view.began) + baseline.view.gone


def impossible(gone: int, possible: int) -> str:
    """The sentence about more people found nowhere than can have been deleted."""
    return (
        f"{gone:,} people are nowhere in the directory, and by its server's change counter {possible:,} can have been"
        " deleted since the last proven reading at most: they are hidden, not gone"
    )


def _same_counter(one: View, other: View) -> bool:
    return bool(one.server) and one.server == other.server
