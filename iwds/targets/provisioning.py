"""Target kind `provisioning`: the MFA service behind its SOAP provisioning API.

targets:
  mfa:
    kind: provisioning
    url: https://api.myinwebo.com/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 4711                      # tags what we create; 1 is what other tools use too
    certificate: /etc/iwds/mfa.p12             # or a PEM file
    certificate_password_file: /run/secrets/mfa-certificate
    group_roles: {auditor: 17}                 # custom roles in groups, with their numbers: the API cannot list them
    ca_file: /etc/iwds/corp-ca.pem             # only where a proxy or a private service has its own CA

A reading of the service is proven when the count that it gives at the beginning and at the end is the same, is the
number of logins that came, and each page began with the last line of the page before: docs/readings.md.
"""

from collections.abc import Iterable

from iwds.ports import Finding
from iwds.targets._actions import ProvisioningActions
from iwds.targets._calls import Api
from iwds.targets._patience import Patience
from iwds.targets._reader import ProvisioningReader
from iwds.targets._settings import Settings
from iwds.targets._transport import Spent, Transport
from iwds.targets._writer import ProvisioningWriter

__all__ = ["ProvisioningTarget", "Settings", "connect"]


class ProvisioningTarget:
    """One MFA service: both halves, and the actions of the helpdesk, over one pool of connections."""

    def __init__(self, name: str, settings: Settings, api: Api) -> None:
        self.reader = ProvisioningReader(name, settings, api)
        self._settings = settings
        self._api = api

    @property
    def spent(self) -> Spent:
        """How many calls were made so far, and how long they took."""
        return self._api.transport.spent

    def writer(self) -> ProvisioningWriter:
        """The writing half, made by those who apply a plan."""
        return ProvisioningWriter(self._settings, self._api)

    def actions(self) -> ProvisioningActions:
        """What the helpdesk does to one login, made by those who are asked to."""
        return ProvisioningActions(self._settings, self._api)

    def certificates(self) -> Iterable[Finding]:
        """How long the configured certificates are valid. Reads files, and sends nothing."""
        from iwds.targets._certificates import configured  # loads cryptography

        return configured(self._settings)


def connect(name: str, settings: Settings) -> ProvisioningTarget:
    """The target `name` of the configuration; nothing is sent yet. Raises `ConfigurationError` for the certificate."""
    context = None
    if settings.url.startswith("https:"):
        from iwds.clienttls import client_context  # loads cryptography

        context = client_context(settings.ca_file, settings.certificate, settings.certificate_key, settings.password())
    transport = Transport(settings.url, context, settings.timeout_s, settings.calls_at_once, settings.interval)
    api = Api(transport, f"{name} ({settings.url})", settings.service_id, Patience(settings.attempts))
    return ProvisioningTarget(name, settings, api)


def unconnected(name: str, settings: Settings) -> ProvisioningReader:
    """The reading half for what its settings alone say of the service; no certificate is read, and nothing is asked."""
    transport = Transport(settings.url, None, settings.timeout_s, settings.calls_at_once, settings.interval)
    return ProvisioningReader(name, settings, Api(transport, name, settings.service_id, Patience(settings.attempts)))
