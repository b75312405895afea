"""What surrounds one person, answered from dictionaries; the scratch file answers the same from its indexes."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from iwds.core.model import Account, Anchor, LedgerRow, Login, Unmapped, fold
from iwds.core.policy import World
from iwds.core.recognise import MOST, Peer, Told, unfit
from iwds.core.recognition import By, mail_key, stored_in

T = TypeVar("T")


class Surroundings:
    """`Around` for the join in memory."""

    def __init__(
        self, people: Collection[Account | Unmapped], logins: Mapping[int, Login], rows: Collection[int], world: World
    ) -> None:
        matching, rule = world.matching, world.matching.by(By.MAIL)
        exact = rule is not None and rule.exact
        self._logins, self._rows = logins, rows
        ordered = sorted(logins.values(), key=lambda login: login.id)
        peers = sorted(people, key=lambda person: person.anchor)
        self._by_name = _by(ordered, lambda login: fold(login.login))
        self._by_mail = _by(ordered, lambda login: mail_key(login.mail, exact))
        self._by_stored = _by(ordered, lambda login: stored_in(login.extra, matching.key) or "")
        self._named = _by(peers, lambda person: fold(person.login))
        self._mailed = _by(peers, lambda person: mail_key(person.mail, exact))
        self._mails_unknown = any(person.mail is None for person in people)

    def login(self, login_id: int) -> Login | None:
        """A login by id."""
        return self._logins.get(login_id)

    def has_row(self, login_id: int) -> bool:
        """Whether any ledger row names this login."""
        return login_id in self._rows

    def logins_named(self, name: str) -> Sequence[Login]:
        """All logins of a folded name."""
        return self._by_name.get(name, ())[:MOST]

    def logins_with_mail(self, key: str) -> Sequence[Login]:
        """All logins of a mail address."""
        return self._by_mail.get(key, ())[:MOST]

    def logins_storing(self, stored: str) -> Sequence[Login]:
        """All logins that store an anchor."""
        return self._by_stored.get(stored, ())[:MOST]

    def people_named(self, name: str) -> Sequence[Peer]:
        """Everybody read who wants a folded login name."""
        return _peers(self._named.get(name, ()))

    def people_with_mail(self, key: str) -> Sequence[Peer]:
        """Everybody read with a mail address."""
        return _peers(self._mailed.get(key, ()))

    def mails_unknown(self) -> bool:
        """Whether anybody was read whose mail address is not known."""
        return self._mails_unknown


def _by(items: Iterable[T], key: Callable[[T], str]) -> Mapping[str, Sequence[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


def _peers(people: Sequence[Account | Unmapped]) -> Sequence[Peer]:
    return [peer_of(person) for person in people[:MOST]]


def peer_of(person: Account | Unmapped) -> Peer:
    """Somebody as they are named in a sentence: by the login that they would have, or else by their entry."""
    return Peer(person.anchor, person.login or (person.name if isinstance(person, Unmapped) else ""))


def unfit_decisions(
    people: Mapping[Anchor, Account | Unmapped],
    logins: Mapping[int, Login],
    rows: Mapping[int, LedgerRow],
    world: World,
) -> tuple[str, ...]:
    """What is said of the decisions that cannot be followed, by login id."""
    rows_of: dict[Anchor, LedgerRow] = {}
    for row in sorted(rows.values(), key=lambda row: (row.login_id not in logins, row.login_id)):
        rows_of.setdefault(row.anchor, row)
    told = []
    for said in sorted(world.decisions.of.values(), key=lambda said: said.login_id):
        other = rows_of.get(said.anchor) if said.anchor else None
        known = Told(
            people.get(said.anchor) if said.anchor else None,
            logins.get(said.login_id),
            rows.get(said.login_id),
            other if other and other.login_id in logins else None,
        )
        told.append(unfit(said, known, world))
    return tuple(filter(None, told))
