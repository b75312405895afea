"""`python -m tests.graph FOLDER PEOPLE MS`: the stand-in as a process, with so many invented people, until it is ended.

Prints the settings of a source that reads there, as JSON on one line, once it answers. Answers are made once and kept.
After SIGUSR1 each takes so many milliseconds more.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from uuid import UUID

from iwds.demo.names import CULTURES
from tests.graph.server import GraphServer
from tests.graph.tenant import Tenant

_GROUPS = 500
_PAGE, _SLICE = 20, 500
"""Groups on a page of changes, and members of one group on it; one page shows some 500 members of large groups."""


def population(people: int) -> Tenant:
    """People with ten attributes each, in 500 groups: a fifth of them in one, a tenth in another, two groups deeper."""
    tenant = Tenant()
    first = [name for culture in CULTURES.values() for name in culture.first]
    last = [name for culture in CULTURES.values() for name in culture.last]
    keys = [_person(tenant, number, first[number % len(first)], last[number % len(last)]) for number in range(people)]
    outer, middle, inner = (tenant.group(name) for name in ("wiki-users", "site", "team"))
    tenant.join(tenant.group("vpn-users"), *keys[::5])
    tenant.join(outer, middle)
    tenant.join(middle, inner)
    tenant.join(inner, *keys[::10])
    for number in range(_GROUPS - 4):
        tenant.join(tenant.group(f"project-{number}"), *keys[number % people :: 2000])
    return tenant


def _person(tenant: Tenant, number: int, first: object, last: object) -> str:
    given, family = getattr(first, "native", ""), getattr(last, "native", "")
    return tenant.user(
        f"{getattr(first, 'latin', '')}.{getattr(last, 'latin', '')}{number}",
        str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)),
        givenName=given,
        surname=family,
        displayName=f"{given} {family}",
        mail=f"{getattr(first, 'latin', '')}{number}@corp.example",
        mobilePhone=f"+33 6 {number:08d}",
        businessPhones=[f"+33 1 {number:08d}"],
        preferredLanguage="fr-FR",
        department=f"D{number % 97}",
        usageLocation="FR",
        officeLocation=f"Paris {number % 20}",
    )


def main(folder: Path, people: int, far_ms: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with GraphServer(folder, population(people), frozen=True) as server:
        server.answers.page, server.answers.slice = _PAGE, _SLICE
        signal.signal(signal.SIGUSR1, lambda *_: setattr(server, "delay_s", far_ms / 1000))
        print(json.dumps(server.settings()), flush=True)  # noqa: T201 - it is what whoever starts it waits for
        ended.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
