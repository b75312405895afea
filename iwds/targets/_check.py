"""What can be said of a service before a run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from math import ceil

from iwds.core.model import Group
from iwds.core.words import many
from iwds.errors import IwdsError, ServiceUnavailable
from iwds.ports import Finding, TargetReader
from iwds.soap.envelope import Answer
from iwds.targets._calls import Api, Unsupported
from iwds.targets._certificates import configured, served
from iwds.targets._settings import Settings

_COUNTED = 20
"""Groups whose members are counted; the others are taken to be as large."""
_ADVICE_OPTION = (
    "Enable the option for provisioning through the API (IWDS) for this service in its administration console, or ask "
    "the vendor to: the certificate and this machine's address were accepted."
)


def findings(settings: Settings, api: Api, reader: TargetReader) -> Iterator[Finding]:
    """One finding after the other; the first one that fails to speak to the service is the last."""
    return _Check(settings, api, reader).run()


class _Check:
    def __init__(self, settings: Settings, api: Api, reader: TargetReader) -> None:
        self.settings, self.api, self.reader = settings, api, reader
        self.groups: Sequence[Group] = ()

    def run(self) -> Iterator[Finding]:
        steps: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
            ("certificate", self._certificate),
            ("service", self._service),
            ("service's certificate", self._served),
            ("tagged creation", self._tagged),
            ("groups", self._groups),
            ("reading", self._reading),
        ]
        for what, step in steps:
            try:
                yield from step()
            except IwdsError as error:
                yield Finding(False, what, error.message, error.advice, exit_code=error.exit_code)
                return

    def _certificate(self) -> Iterator[Finding]:
        if not self.settings.url.startswith("https:"):
            text = "none: the service is on this machine and not encrypted"
            yield Finding(True, "certificate", text, warning=True)
        yield from configured(self.settings)

    def _service(self) -> Iterator[Finding]:
        """The service says which one the certificate belongs to: `OK:<ServiceId>`."""
        what, here = "service", f"service {self.settings.service_id} at {self.settings.url}"
        try:
            answered = self.api.identify(_request("IWDS_check"))
        except Unsupported as error:
            yield Finding(True, what, f"{here}; {error}, and so cannot say whose the certificate is", warning=True)
            return
        if answered:
            yield Finding(True, what, here)
        else:
            yield self._answers_nok(here)

    def _answers_nok(self, here: str) -> Finding:
        """A bare NOK is no proof: what proves that we may read is a listing."""
        try:
            self._first_logins()
        except ServiceUnavailable as error:
            text = f"the service does not let us synchronise: {error.message}"
            return Finding(False, "service", text, _ADVICE_OPTION)
        text = f"{here}; it answers NOK to IWDS_check, and lists its logins all the same"
        return Finding(True, "service", text, "It cannot say whose the certificate is.", warning=True)

    def _served(self) -> Iterator[Finding]:
        try:
            chain = self.api.transport.served_chain()
        except OSError:
            return  # calls reach the service, a further connection does not: nothing that a run needs
        yield from served(chain)

    def _tagged(self) -> Iterator[Finding]:
        what = "tagged creation"
        if self.reader.knows_tagged_creation():
            yield Finding(True, what, f"new logins are tagged with provisioningId {self.settings.provisioning_id}")
            return
        text = "this service cannot tag what it creates (it has no loginCreateBySource)"
        if self.settings.untagged_creations == "allow":
            yield Finding(True, what, f"{text}; logins are created without the tag", warning=True)
        else:
            yield Finding(False, what, text, "Ask the vendor for it, or set untagged_creations: allow.")

    def _groups(self) -> Iterator[Finding]:
        self.groups = self.reader.read_groups()
        names = ", ".join(f"{group.name} ({group.id}, policy {group.policy})" for group in self.groups)
        yield Finding(True, "groups", names or "none")

    def _reading(self) -> Iterator[Finding]:
        """How long it takes to read everything, from the service's counts and the calls that this check made."""
        logins = self._first_logins().numbers.get("count", 0)
        members = [self._members(group) for group in self.groups[:_COUNTED]]
        spent = self.api.transport.spent
        calls, seconds = reading_cost(self.settings, logins, members, len(self.groups), spent.seconds / spent.calls)
        minutes = f"{ceil(seconds / 60)} minutes" if seconds > 60 else "less than a minute"
        yield Finding(
            True,
            "reading",
            f"{many(logins, 'login')} and the members of {many(len(self.groups), 'group')} take about "
            f"{many(calls, 'call')} and {minutes} "
            f"({1000 * spent.seconds / spent.calls:.0f} ms a call)",
        )

    def _first_logins(self) -> Answer:
        lines = self.settings.page_size
        return self.api.read("loginsQuery", userid=0, serviceid=self.settings.service_id, offset=0, nmax=lines, sort=0)

    def _members(self, group: Group) -> int:
        answer = self.api.read("loginsQueryByGroup", userid=0, groupid=group.id, offset=0, nmax=1, sort=0)
        return answer.numbers.get("count", 0)


def reading_cost(
    settings: Settings, logins: int, members: Sequence[int], groups: int, round_trip: float
) -> tuple[int, float]:
    """How many calls and seconds it takes to read all logins and the members of all groups.

    Args:
        settings: page size, lanes and the time between calls.
        logins: how many there are.
        members: how many the groups have that were counted.
        groups: how many groups there are; those that were not counted are taken to be like the others.
        round_trip: seconds that one call takes.
    """
    pages = max(1, ceil(logins / settings.page_size))
    counted = sum(max(1, ceil(count / settings.page_size)) for count in members)
    more = ceil(counted / len(members) * groups) if members else 0
    pages += max(1, ceil(groups / settings.page_size))
    calls = pages + more
    # The pages of a listing follow each other; the members of several groups are read in all lanes.
    seconds = pages * max(round_trip, settings.interval)
    return calls, seconds + more * max(round_trip / settings.calls_at_once, settings.interval)


def _request(name: str) -> bytes:
    """A request as a client makes it that knows the WSDL and nothing else: so the check tries the description too."""
    import zeep
    from lxml import etree

    with resources.as_file(resources.files("iwds.soap") / "provisioning.wsdl") as path:
        client = zeep.Client(str(path))  # type: ignore[no-untyped-call]  # zeep ships no types
        message = client.create_message(client.service, name)  # type: ignore[no-untyped-call]
    return etree.tostring(message, xml_declaration=True, encoding="utf-8")
