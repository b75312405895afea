"""The order in which changes are made: one phase after the other, with a barrier after each.

0  adopt, forget             nothing is sent; whatever follows may rely on whose a login is
1  lock, demote, leave       what must not wait is made first: access that should be gone
2  delete                    frees login names, and perhaps seats, for what follows
3  rename                    frees and takes names, in the order of dependency
4  create                    each new login at once with its groups and its activation
5  move                      per person gains before losses, so that nobody stands without either
6  unlock and the rest       what may wait is made last
7  forget, as ordered        once the rest of a person is put back, whose login is ours no more
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import groupby
from typing import assert_never

from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    Kind,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Write,
    kinds,
    removes,
)
from iwds.core.model import fold


class Phase(IntEnum):
    """When a change is made; the table is in the module's docstring."""

    ADOPT = 0
    TAKE = 1
    DELETE = 2
    RENAME = 3
    CREATE = 4
    MOVE = 5
    REST = 6
    FORGET = 7


_WRITE_PHASE = {
    Kind.LOCK: Phase.TAKE,
    Kind.DEMOTE: Phase.TAKE,
    Kind.RENAME: Phase.RENAME,
}


def phase_of(change: Change, moves: bool, new: bool) -> Phase:
    """The phase of one change.

    Args:
        change: the change.
        moves: whether the same person also gains a group in this plan.
        new: whether the same person's login is created in this plan.
    """
    match change:
        case Forget(evidence=Evidence.ORDERED):
            return Phase.FORGET
        case Adopt() | AdoptMembership() | Forget():
            return Phase.ADOPT
        case DeleteLogin():
            return Phase.DELETE
        case CreateLogin() | SendActivation():
            return Phase.CREATE
        case AddToGroup():
            return Phase.CREATE if new else Phase.MOVE
        case RemoveFromGroup():
            return Phase.MOVE if moves else Phase.TAKE
        case SetGroupRole():
            return Phase.TAKE if removes(change) else Phase.REST
        case Write():
            return min((_WRITE_PHASE.get(kind, Phase.REST) for kind in kinds(change)), default=Phase.REST)
        case _:
            assert_never(change)


def step_of(change: Change) -> int:
    """The place of a change among the steps of one person in one phase: gains before losses, mail last."""
    match change:
        case Forget():
            return -1
        case Adopt() | CreateLogin() | Write() | DeleteLogin():
            return 0
        case AdoptMembership() | AddToGroup() | SetGroupRole():
            return 1
        case RemoveFromGroup():
            return 2
        case SendActivation():
            return 3
        case _:
            assert_never(change)


def ordered(changes: Iterable[Change]) -> tuple[tuple[Phase, Change], ...]:
    """All changes with their phases, in the order they are made in; the order of the input does not matter."""
    return tuple((phase, change) for phase, _, change in _placed(changes))


def batches(changes: Iterable[Change]) -> Iterator[tuple[Phase, list[Change]]]:
    """The same, cut where all that came before must be over: after a phase, and after a link of a chain of renames."""
    for (phase, _), items in groupby(_placed(changes), key=lambda item: item[:2]):
        yield phase, [change for *_, change in items]


def _placed(changes: Iterable[Change]) -> list[tuple[Phase, int, Change]]:
    """Each change with its phase and, for a rename, how many others must be over before it."""
    listed = list(changes)
    gainers = {c.subject.key for c in listed if isinstance(c, AddToGroup)}
    newcomers = {c.subject.key for c in listed if isinstance(c, CreateLogin)}
    phased = [(phase_of(c, c.subject.key in gainers, c.subject.key in newcomers), c) for c in listed]
    links = _rename_places(c for phase, c in phased if phase is Phase.RENAME and isinstance(c, Write))
    placed = [(phase, links.get(c.subject.login_id or 0, 0) if phase is Phase.RENAME else 0, c) for phase, c in phased]
    return sorted(placed, key=_place)


def _place(item: tuple[Phase, int, Change]) -> tuple[int, int, str, str, int, str, int]:
    phase, link, change = item
    who, group = change.subject, getattr(change, "group", None)
    return phase, link, fold(who.login), who.key, step_of(change), group.name if group else "", who.login_id or 0


def _rename_places(renames: Iterable[Write]) -> dict[int, int]:
    """Login id -> how many renames must come first, because each frees the name that the next one takes."""
    by_old_name = {fold(w.before.login): w for w in renames}
    places: dict[int, int] = {}
    for write in by_old_name.values():
        chain, seen = write, {write.before.id}
        depth = 0
        while (follows := by_old_name.get(fold(chain.after.login))) is not None and follows.before.id not in seen:
            chain, depth = follows, depth + 1
            seen.add(chain.before.id)
        places[write.before.id] = depth
    return places


def rename_cycles(renames: Iterable[Write]) -> frozenset[int]:
    """Ids of the logins whose renames wait for each other in a circle, so that no order serves."""
    following = {fold(w.before.login): (fold(w.after.login), w.before.id) for w in renames}
    circular: set[int] = set()
    for start in following:
        path: list[str] = []
        name = start
        while name in following and name not in path:
            path.append(name)
            name = following[name][0]
        if name == start and path:
            circular.update(following[step][1] for step in path)
    return frozenset(circular)
