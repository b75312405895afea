"""Putting back what we last wrote to those who were changed by hand: an ordered plan. No directory decides about it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iwds.core.change import Write
from iwds.core.decision import Decision
from iwds.core.drift import Drift, DriftKind, Trace, drift_of
from iwds.core.drift_back import obstacle, put_back
from iwds.core.drift_next import Then
from iwds.core.model import LedgerRow, Login, fold
from iwds.core.orders import order, order_write
from iwds.core.words import field_words, many
from iwds.engine.drift import Found, managed_of
from iwds.engine.job import Job, Tools
from iwds.engine.ordered import Concern, Order, Proposed
from iwds.engine.ordered import Found as Standing
from iwds.errors import LoginUnknown

_NAMED = 5
"""How many people a note names."""


@dataclass(frozen=True, slots=True)
class _Put:
    """Putting back some differences: what was chosen, by login id and part."""

    job: Job
    tools: Tools
    chosen: dict[int, dict[str, Found]]

    def propose(self, standing: Standing) -> Proposed:
        """What follows from how they stand now; what changed since somebody chose it is left."""
        decisions: list[Decision] = []
        left: dict[str, list[str]] = defaultdict(list)
        for login_id, parts in sorted(self.chosen.items()):
            row, login = standing.rows.get(login_id), standing.logins.get(login_id)
            decisions += self._of_login((row, login), parts, standing, left)
        notes = [f"{many(len(names), 'difference')} left: {why}: {_names(names)}" for why, names in left.items()]
        return Proposed(decisions, (*notes, *self._overwritten()))

    def _of_login(
        self,
        now: tuple[LedgerRow | None, Login | None],
        parts: dict[str, Found],
        standing: Standing,
        left: dict[str, list[str]],
    ) -> Iterator[Decision]:
        row, login = now
        for each in parts.values():
            if row is None or login is None:
                left[obstacle(each.drift, each.trace) or "the login is gone"].append(each.name)
        if row is None or login is None:
            return
        found = list(self._still(row, login, parts, standing, left))
        steps, stuck = put_back(row, login, found)
        for rest in stuck:
            left[rest.why].append(f"{login.login} {field_words(rest.drift.what)}")
        for step in steps:
            if isinstance(step, Write):
                yield from order_write(step, row, standing.world, self._holder(step, standing))
            else:
                yield order(step, login, row, standing.world)

    def _still(
        self,
        row: LedgerRow,
        login: Login,
        parts: dict[str, Found],
        standing: Standing,
        left: dict[str, list[str]],
    ) -> Iterator[tuple[Drift, Trace]]:
        """What still differs as it did when it was chosen."""
        managed = managed_of(self.job, standing.world.groups, frozenset())
        roles = self._roles(login, parts)
        now = {each.what: each for each in drift_of(row, login, standing.groups_of(login.id), managed, roles)}
        for what, each in parts.items():
            if (drift := now.get(what)) is None:
                left["as we wrote it by now"].append(login.login)
            elif drift.now != each.drift.now:
                left["changed once more since it was listed"].append(login.login)
            else:
                yield drift, each.trace

    def _roles(self, login: Login, parts: dict[str, Found]) -> dict[int, int]:
        groups = [
            each.drift.group.id
            for each in parts.values()
            if each.drift.kind is DriftKind.GROUP_ROLE and each.drift.group
        ]
        try:
            return dict(self.job.target.roles_in(groups, login.id)) if groups else {}
        except LoginUnknown:
            return {}

    def _holder(self, write: Write, standing: Standing) -> int | None:
        """The other login that has the name by now."""
        if fold(write.after.login) == fold(write.before.login):
            return None
        other = standing.named(write.after.login)
        return other.id if other and other.id != write.before.id else None

    def _overwritten(self) -> Iterator[str]:
        """Where the directory wants something else than we wrote, so that the next run writes over what is put back."""
        other = (Then.WRITES, Then.AGREES)
        found = [each for parts in self.chosen.values() for each in parts.values()]
        names = [each.name for each in found if each.login and each.next and each.next.then in other]
        if names:
            yield (
                f"{many(len(names), 'difference')} where the directory wants something else than we wrote by now, so"
                f" that the next run writes that: {_names(names)}"
            )


def _names(names: Sequence[str]) -> str:
    told = list(dict.fromkeys(names))
    return ", ".join(told[:_NAMED]) + (f" and {len(told) - _NAMED:,} more" if len(told) > _NAMED else "")


def revert(job: Job, tools: Tools, found: Sequence[Found]) -> Order:
    """The order that puts these differences back."""
    chosen: dict[int, dict[str, Found]] = defaultdict(dict)
    for each in found:
        chosen[each.row.login_id][each.drift.what] = each
    renamed = (each for each in found if each.drift.kind is DriftKind.RENAMED)
    concern = Concern(
        logins=frozenset(chosen),
        names=frozenset(fold(str(each.trace.was)) for each in renamed if each.trace.was),
        groups=frozenset(each.drift.group.id for each in found if each.drift.group),
    )
    return Order("drift put back", concern, _Put(job, tools, chosen).propose)
