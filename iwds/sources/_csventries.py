"""From rows to entries."""

from collections.abc import Collection, Sequence
from functools import lru_cache

from iwds.core.dn import normalise_dn
from iwds.core.model import Anchor, Entry, fold
from iwds.sources._csvsettings import Settings
from iwds.sources._csvsurvey import Picture, person_key
from iwds.sources._csvtable import Row
from iwds.sources._decode import identity
from iwds.sources._stream import Doubts

_SHOWN = 60
"""So many letters of a cell stand in a complaint."""


class Maker:
    """Makes entries of rows."""

    def __init__(self, settings: Settings, picture: Picture, attributes: Collection[str]) -> None:
        self._settings, self._picture = settings, picture
        self._called = f"{settings.path.name.replace('=', '_')}:"  # not to be taken for a distinguished name
        names = picture.people.table.names
        column = {name: number for number, name in enumerate(names)}
        self._id = column[settings.id]
        self._plain = [(name, column[name]) for name in attributes if name in column and name not in settings.lists]
        self._lists = [
            (name, column[name], settings.lists[name])
            for name in attributes
            if name in column and name in settings.lists
        ]
        self._absent = dict.fromkeys(
            (name for name in attributes if name in settings.absent and name not in column), ()
        )
        enabled = settings.enabled
        self._states = (enabled.column, column[enabled.column], enabled.answers()) if enabled else None
        grouped = settings.groups.column if settings.groups else ""
        self._grouped = (column[grouped], settings.lists.get(grouped, "")) if grouped else None
        self._known = settings.groups is not None and not picture.doubts

    def entries(self, rows: Sequence[Row], doubts: Doubts) -> list[Entry]:
        """The people of these rows; what is wrong with one goes into the doubts."""
        groups = self._groups(rows)
        return [self._made(row, mine, doubts) for row, mine in zip(rows, groups, strict=True)]

    def entry(self, row: Row, doubts: Doubts) -> Entry:
        """The person of one row."""
        return self.entries([row], doubts)[0]

    def _made(self, row: Row, groups: frozenset[str] | None, doubts: Doubts) -> Entry:
        cells = row.cells
        attrs: dict[str, tuple[str, ...]] = {name: (cells[at],) if cells[at] else () for name, at in self._plain}
        for name, at, separator in self._lists:
            attrs[name] = _several(cells[at], separator)
        if self._absent:
            attrs.update(self._absent)
        anchor = Anchor(self._settings.realm, identity(self._settings.id, (cells[self._id],)))
        return Entry(anchor, f"{self._called}{row.line}", attrs, groups, self._says(row, doubts))

    def _says(self, row: Row, doubts: Doubts) -> bool | None:
        """Whether the row says that somebody is enabled; None where it does not say."""
        if self._states is None:
            return None
        name, at, answers = self._states
        answer = answers.get(fold(row.cells[at]))
        if answer is None:
            told = self._picture.people.where(row.line, f'"{row.cells[at][:_SHOWN]}"')
            doubts.name(f"rows whose {name} says neither yes nor no", told)
        return answer

    def _groups(self, rows: Sequence[Row]) -> Sequence[frozenset[str] | None]:
        """The groups of these people; not known where any part of a file may be missing."""
        if not self._known:
            return [None] * len(rows)
        if self._grouped is None:
            keys = (identity(self._settings.id, (row.cells[self._id],)) for row in rows)
            return self._picture.groups.of([[person_key(key)] for key in keys])
        at, separator = self._grouped
        return [_grouped(row.cells[at], separator) for row in rows]


@lru_cache(maxsize=1024)
def _grouped(cell: str, separator: str) -> frozenset[str]:
    return frozenset(map(normalise_dn, _several(cell, separator)))


def _several(cell: str, separator: str) -> tuple[str, ...]:
    """The values of a cell, without the spaces around them."""
    parts = cell.split(separator) if separator else [cell]
    return tuple(part for part in map(str.strip, parts) if part)
