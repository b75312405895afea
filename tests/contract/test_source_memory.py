"""The memory source keeps the contract."""

from collections.abc import Iterator

import pytest

from iwds.core.model import Anchor, Entry
from iwds.sources.memory import MemorySource
from tests.contract.source_contract import SourceContract
from tests.servers.company import GROUPS, IDS

DETAILS: dict[str, dict[str, tuple[str, ...]]] = {
    "ada": {"sn": ("Lovelace",), "mail": ("ada@example.org", "countess@example.org")},
    "björn": {"sn": ("Borg",)},
    "chloé": {
        "sn": ("Déon",),
        "mail": ("chloe@example.org",),
        "description": ("a long line that is folded by the export",),
    },
    "dmitri": {"sn": ("Mendeleev",)},
    "eve": {"sn": ("Evans",)},
}


class TestMemory(SourceContract):
    """A memory source over the company."""

    @pytest.fixture
    def realm(self) -> str:
        return "memory"

    @pytest.fixture
    def source(self, realm: str) -> Iterator[MemorySource]:
        people = [
            Entry(Anchor(realm, IDS[login]), login, {"uid": (login,), **attrs}, GROUPS[login])
            for login, attrs in DETAILS.items()
        ]
        source = MemorySource("memory", people[:-1], realm, elsewhere=people[-1:])
        yield source
        source.close()
