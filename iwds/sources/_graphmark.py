"""The mark from which on Graph says what changed: the tokens of its two listings, and when they were given."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from iwds.errors import MarkLost

_TOKEN = "$deltatoken"  # noqa: S105 - the name of a part of an address
_KEPT, _OLD = timedelta(days=7), timedelta(days=5)
"""So long Graph knows what changed since a mark, and from so many days on that is warned about."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """From where on changes are asked for. They say nothing to anybody who has no access of their own.

    Attributes:
        people, groups: of the listings of users and of groups; the latter empty where groups are not read.
        taken: when Graph gave them.
    """

    people: str
    groups: str
    taken: datetime

    def text(self) -> str:
        """As they are kept."""
        taken = self.taken.isoformat(timespec="seconds")
        return json.dumps({"people": self.people, "groups": self.groups, "taken": taken})

    def warning(self, name: str) -> str:
        """What to say of their age; empty where they are young."""
        age = datetime.now(UTC) - self.taken
        if age < _OLD:
            return ""
        return (
            f"{name}: the changes were last read {age.days} days ago, and Entra forgets them after {_KEPT.days}; then"
            " everybody is read. Let a run come more often"
        )


def tokens(text: str) -> Tokens:
    """The tokens that were kept. Raises `MarkLost` where it is something else."""
    try:
        kept = json.loads(text)
        taken = datetime.fromisoformat(kept["taken"]).astimezone(UTC)
        return Tokens(str(kept["people"]), str(kept["groups"]), taken)
    except (ValueError, LookupError, TypeError):
        raise MarkLost("What was kept to go on from is no mark of Entra ID.") from None


def token(link: str, what: str) -> str:
    """The token in the address by which changes can be asked for later. Raises `MarkLost` where there is none."""
    found = parse_qs(urlsplit(link).query).get(_TOKEN, [""])[-1]
    if not found:
        raise MarkLost(f"Graph does not say from where on the {what} can be asked for.")
    return found
