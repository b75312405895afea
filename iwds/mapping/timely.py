"""Of whom a mapping may make something else by the passing of time alone."""

from dataclasses import dataclass

from iwds.core.directory import NEVER
from iwds.core.model import Entry
from iwds.mapping.asked import Asked

_NEVER = frozenset({"", "-1", *map(str, NEVER)})
"""Values of dates that mean never, as directories write them."""


@dataclass(frozen=True, slots=True)
class Timely:
    """What of a mapping looks at the present.

    Attributes:
        dated: attributes (lower-case) that are compared with it.
        always: whether it is looked at whatever an entry has.
    """

    dated: frozenset[str]
    always: bool

    def about(self, entry: Entry) -> bool:
        """Whether an entry has anything that is compared with the present."""
        if self.always:
            return True
        values = (value for name in self.dated for value in entry.attrs.get(name, ()))
        return any(value.strip() not in _NEVER for value in values)


def timely(asked: Asked) -> Timely:
    """What of a compiled mapping looks at the present."""
    expressions = asked.expressions.timely
    read = frozenset[str]().union(*expressions)
    return Timely(frozenset(asked.dated) | read, any(not names for names in expressions))
