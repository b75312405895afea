"""What can be said of a service before a run."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

from iwds.errors import IwdsError
from iwds.ports import Finding, TargetReader
from iwds.soap.description import OPERATIONS
from iwds.targets._calls import Api
from iwds.targets._tls import certificate_end

if TYPE_CHECKING:  # they import each other
    from iwds.targets.provisioning import Settings

_SOON = 30  # days
_CERTIFICATE_ADVICE = "Download a new one from the administration console of the service (Secure Sites)."


def findings(settings: "Settings", api: Api, reader: TargetReader) -> Iterator[Finding]:
    """One finding after the other; the first one that fails to speak to the service is the last."""
    steps: list[tuple[str, Callable[[], Finding]]] = [
        ("certificate", lambda: _certificate(settings)),
        ("service", lambda: _service(settings, api)),
        ("tagged creation", lambda: _tagged(settings, reader)),
        ("groups", lambda: _groups(reader)),
    ]
    for what, step in steps:
        try:
            yield step()
        except IwdsError as error:
            yield Finding(False, what, error.message, error.advice, exit_code=error.exit_code)
            return


def _certificate(settings: "Settings") -> Finding:
    what = "certificate"
    if not settings.url.startswith("https:"):
        return Finding(True, what, "none: the service is on this machine and not encrypted", warning=True)
    if settings.certificate is None:
        return Finding(True, what, "none is shown to the service", "The real one asks for one.", warning=True)
    end = certificate_end(settings.certificate, settings.password())
    days = (end - datetime.now(UTC)).days
    text = f"valid until {end:%Y-%m-%d}, {days} days"
    return Finding(days >= 0, what, text, _CERTIFICATE_ADVICE if days < _SOON else "", warning=0 <= days < _SOON)


def _service(settings: "Settings", api: Api) -> Finding:
    """The service says which one the certificate belongs to: `OK:<ServiceId>`."""
    what = "service"
    kind, _, answered = api.read_text(OPERATIONS["IWDS_check"], _request("IWDS_check")).partition(":")
    if kind.strip().upper() != "OK":
        advice = "Look at the certificate, and at the addresses that the service allows in its console."
        return Finding(False, what, "the service does not let us synchronise", advice)
    if answered.strip() != str(settings.service_id):
        text = f"the certificate belongs to service {answered.strip()[:20]}, and service_id says {settings.service_id}"
        return Finding(False, what, text, "One of the two is for another service: a test certificate, perhaps.")
    return Finding(True, what, f"service {settings.service_id} at {settings.url}")


def _tagged(settings: "Settings", reader: TargetReader) -> Finding:
    what = "tagged creation"
    if reader.knows_tagged_creation():
        return Finding(True, what, f"new logins are tagged with provisioningId {settings.provisioning_id}")
    text = "this service cannot tag what it creates (it has no loginCreateBySource)"
    if settings.untagged_creations == "allow":
        return Finding(True, what, f"{text}; logins are created without the tag", warning=True)
    return Finding(False, what, text, "Ask the vendor for it, or set untagged_creations: allow.")


def _groups(reader: TargetReader) -> Finding:
    groups = reader.read_groups()
    names = ", ".join(f"{group.name} ({group.id}, policy {group.policy})" for group in groups)
    return Finding(True, "groups", names or "none")


def _request(name: str) -> bytes:
    """A request as the WSDL describes it, for what is asked too rarely to be worth a template."""
    import zeep
    from lxml import etree

    with resources.as_file(resources.files("iwds.soap") / "provisioning.wsdl") as path:
        client = zeep.Client(str(path))  # type: ignore[no-untyped-call]  # zeep ships no types
        message = client.create_message(client.service, name)  # type: ignore[no-untyped-call]
    return etree.tostring(message, xml_declaration=True, encoding="utf-8")
