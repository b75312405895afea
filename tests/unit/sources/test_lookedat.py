"""Who changed on one server and is looked at on another may not have changed there yet."""

from collections.abc import Callable

import pytest

from iwds.errors import MarkLost
from iwds.ports import Delta
from iwds.sources._lookedat import LookedAt
from iwds.sources._marks import sealed
from iwds.sources._search import Asks
from tests.property.test_domain_changes import SERVER, domain
from tests.unit.sources.ldaptree import SUFFIX, Tree, csn

OPEN = sealed({}, f'{{"{SUFFIX}": {{"told": {{"000": "{csn(30)}"}}, "seen": {{}}, "late": [], "floor": ""}}}}')
LIFE = "00000000-0000-0000-0000-000000000001"
DOMAIN = sealed({"server": f"{SERVER.lower()} {LIFE}"}, "usn 1")


class Told:
    """A feed that tells the same whatever it is asked."""

    realm = "acme"

    def __init__(self, delta: Delta) -> None:
        self.delta = delta

    def mark(self) -> str:
        return "a mark"

    def members(self) -> list[tuple[str, frozenset[str]]]:
        return []

    def since(self, *_: object) -> Delta:
        return self.delta


def asked(where: Asks, mark: str, *people: str) -> Delta:
    """What a feed tells of these people whose connection for looks leads there."""

    def looks(question: Callable[[Asks], None]) -> None:
        question(where)

    return LookedAt(Told(Delta(frozenset(people), mark=mark)), looks).since("", lambda _: None, 10)  # type: ignore[arg-type]


def copy(second: int) -> Tree:
    """An open directory that has seen all changes up to a second."""
    tree = Tree()
    tree.add(SUFFIX, contextCSN=csn(second))
    return tree


@pytest.mark.parametrize("second", [30, 31])
def test_a_copy_that_has_seen_as_much_is_as_good(second: int) -> None:
    assert asked(copy(second), OPEN, "ada").people == {"ada"}


def test_a_copy_that_lags_has_everybody_read() -> None:
    with pytest.raises(MarkLost, match="a copy that lags"):
        asked(copy(29), OPEN, "ada")


def test_the_server_that_tells_is_the_one_that_is_asked() -> None:
    assert asked(domain(), DOMAIN, "ada").people == {"ada"}


def test_another_domain_controller_has_everybody_read() -> None:
    other = domain()
    other.entries[SERVER]["invocationId"] = ["00000000-0000-0000-0000-000000000002"]

    with pytest.raises(MarkLost, match="another server"):
        asked(other, DOMAIN, "ada")


def test_where_nobody_changed_nobody_is_asked() -> None:
    assert asked(copy(29), OPEN).people == frozenset()
