"""Source kind `entra`: the users and groups of a Microsoft Entra ID tenant, through Microsoft Graph.

    sources:
      cloud:
        kind: entra
        tenant: 0b3f7a52-3c0e-4f6b-9a38-6d4c1f2e8a71
        app_id: 5d1c2b8e-74f0-4c55-8f0a-2b9d6e3a1c47
        certificate: /etc/iwds/entra.pem             # with its key; or `client_secret`, from the environment

A reading is proven when every page of people and groups came, and every change of people since before the first page
(see docs/adr/0024). The libraries that speak HTTP and sign in are imported when the source is connected.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from iwds.core.model import Anchor, Entry, Proof, View
from iwds.ports import Finding, Refusals, ignored
from iwds.sources._check import foreign, until_failure
from iwds.sources._entrasettings import Settings
from iwds.sources._refusals import Forgetful
from iwds.sources._stream import Canaries, Stream, Tally

if TYPE_CHECKING:  # at run time they bring requests and msal, which only `connect` may do
    from iwds.sources._entrasignin import Application
    from iwds.sources._graph import Graph, Patience
    from iwds.sources._graphchanges import GraphFeed
    from iwds.sources._graphone import One
    from iwds.sources._graphread import Listed, Reading, Wishes

SELECTING = frozenset({"groups", "guests", "extensions", "absent"})
"""The settings that say who is read, and what of them; the others say where and how."""
BINDS = True
"""Whether an application signs in, which Entra may refuse."""
_FORGETFUL = Forgetful()


class EntraSource:
    """People of a tenant. A person is known by the object id, and the realm is the tenant's id.

    Args:
        name: the source's name in the configuration.
        settings: validated settings.
        who: the application that reads.
        graph: makes what asks Graph; its session is opened with the first question.
    """

    def __init__(self, name: str, settings: Settings, who: "Application", graph: "Callable[[], Graph]") -> None:
        self._name, self._settings, self._who = name, settings, who
        self._dial, self._kept = graph, list["Graph"]()
        self._lock = threading.RLock()
        self._one: One | None = None
        self._listed: Listed | None = None
        self._wishes = _wishes(settings)
        self._answered = ""

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    @property
    def answered_by(self) -> str:
        """Where Graph answered last."""
        return self._answered

    @property
    def indexed(self) -> bool:
        """Graph knows how to find somebody."""
        return True

    def read(self, attributes: Collection[str]) -> Stream:
        """All people; nothing is asked before the iteration begins, and nobody comes before all of it has ended."""
        tally = Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))
        return Stream(self._entries(tally), lambda: self._proof(tally))

    def find(self, anchor: Anchor, attributes: Collection[str]) -> Entry | None:
        """One person by object id, guests too."""
        return self._about(anchor).find(anchor.id, attributes)

    def search(self, text: str, by: Collection[str], attributes: Collection[str]) -> Sequence[Entry]:
        """Whom a text may mean, guests too. Graph's index, which is asked, lags some seconds behind."""
        return self._about(None).search(text, by, attributes)

    def paths(self, anchor: Anchor) -> Mapping[str, tuple[str, ...]]:
        """How one person comes into each group; one question for each group on the way."""
        return self._about(anchor).paths(anchor.id)

    def selects(self, anchor: Anchor) -> bool:
        """Whether a reading would give this person."""
        return self._about(anchor).selects(anchor.id)

    def deleted(self, anchor: Anchor) -> bool:
        """Whether this person lies in the recycle bin, where Entra keeps whoever is deleted for thirty days."""
        return self._about(anchor).deleted(anchor.id)

    def changes(self, attributes: Collection[str]) -> "GraphFeed":
        """What changed of people and groups. A change of anything else that Graph has of a person is none."""
        from iwds.sources._graphchanges import GraphFeed

        select = self._wishes.wanted(attributes).select()
        return GraphFeed(self._name, self._graph, self._wishes, self._settings.app_id, select, self._keep)

    def confirm(self, proof: Proof) -> Sequence[str]:
        """Have Graph's index count, which is built apart from what a reading goes through."""
        return tuple(self._about(None).recount(proof))

    def shows(self, place: str) -> bool:
        """Whether somebody of this name is there: a tenant has no places that hold people."""
        return self._about(None).shows(place)

    def check(self, attributes: Collection[str], see: Callable[[Entry], None] = ignored) -> Iterator[Finding]:
        """The application, its permissions, what it may ask for, and a reading of everybody."""
        return until_failure("connection", self._findings(attributes, see))

    def close(self) -> None:
        """Give back connections."""
        with self._lock:
            while self._kept:
                self._kept.pop().close()
            self._one = None
        self._keep(None)

    def _keep(self, listed: "Listed | None") -> None:
        """Keep these groups for the next reading, and give back those that were kept."""
        with self._lock:
            before, self._listed = self._listed, listed
        if before is not None:
            before.close()

    def _just_listed(self) -> "Listed | None":
        """The groups that were kept, once, and while they are fresh."""
        with self._lock:
            listed = self._listed
            if listed is None or not listed.is_fresh:
                return None
            self._listed = None
            return listed

    def _graph(self) -> "Graph":
        with self._lock:
            if not self._kept:
                self._kept.append(self._dial())
            self._answered = self._kept[0].origin
            return self._kept[0]

    def _about(self, anchor: Anchor | None) -> "One":
        """What answers questions about one person; `ForeignRealm` where the anchor is of another tenant."""
        from iwds.sources._graphone import One

        if anchor is not None and anchor.realm != self._settings.tenant:
            raise foreign(self._name, self._settings.tenant, anchor)
        with self._lock:
            graph = self._graph()
            self._one = self._one or One(graph, self._wishes)
            return self._one

    def _entries(self, tally: Tally) -> Iterator[Entry]:
        yield from self._reading(tally)[1]

    def _reading(self, tally: Tally) -> "tuple[Reading, Iterator[Entry]]":
        from iwds.sources._graphread import Reading

        reading = Reading(self._graph(), self._wishes, tally, self._just_listed())
        return reading, self._counted(reading, tally)

    def _counted(self, reading: "Reading", tally: Tally) -> Iterator[Entry]:
        yield from reading.entries()
        counts = reading.counts
        mark = f"{counts.users} {counts.groups}" if self._wishes.groups else str(counts.users)
        tally.view = View(account=self._settings.app_id, mark=mark)

    def _proof(self, tally: Tally) -> Proof:
        graph, wishes = self._graph(), self._wishes
        people = wishes.people(graph, wishes.wanted(tally.attributes).select())
        asked = [people, *([wishes.groups_listed(graph)] if wishes.groups else [])]
        return tally.proof(self._settings.tenant, "\n".join(f"GET {listing.url}" for listing in asked))

    def _findings(self, attributes: Collection[str], see: Callable[[Entry], None]) -> Iterator[Finding]:
        from iwds.sources import _entracheck as look

        graph, wanted = self._graph(), self._wishes.wanted(attributes)
        graph.sign_in.again = True
        yield from look.connection(graph, self._settings, self._who)
        refused = list(look.permissions(graph, self._wishes))
        yield from refused
        yield from look.superfluous(graph)
        if not all(finding.ok for finding in refused):
            return
        yield from look.unknown(wanted, self._settings.extensions)
        tally = Tally(self._name, frozenset(attributes), Canaries(self._settings.canaries))
        reading, entries = self._reading(tally)
        for entry in entries:
            see(entry)
        proof = self._proof(tally)
        yield from look.seen(reading.counts, proof, wanted, self._settings)
        yield look.latency(graph)


def connect(
    name: str, settings: Settings, refusals: Refusals = _FORGETFUL, patience: "Patience | None" = None
) -> EntraSource:
    """The source that these settings describe. Nothing is asked yet.

    Raises `ConfigurationError` for a missing secret, and for a CA file or a certificate that cannot be used.

    Args:
        refusals: what is remembered of an application that was refused.
        patience: how long a question is asked again.
    """
    from iwds.clienttls import client_context
    from iwds.sources._entrasignin import application, secret
    from iwds.sources._graph import Graph, Patience, SignIn
    from iwds.sources._graphsession import GraphSession, with_password

    who, credentials = application(name, settings)
    context = client_context(settings.ca_file, None, None, None)
    password = secret(name, settings.proxy_password, settings.proxy_password_file)
    proxy = with_password(settings.proxy, settings.proxy_user, password)

    def graph() -> Graph:
        session = GraphSession(context, proxy, settings.timeout_s)
        patient = patience or Patience()
        sign_in = SignIn(who, session, credentials, refusals, patient)
        return Graph(settings.place.graph, session, sign_in, patient, settings.timeout_s)

    return EntraSource(name, settings, who, graph)


def _wishes(settings: Settings) -> "Wishes":
    from iwds.sources._graphread import Wishes

    return Wishes(settings.tenant, settings.groups, settings.guests, settings.extensions, settings.absent)
