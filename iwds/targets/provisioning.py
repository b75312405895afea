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
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.errors import ConfigurationError
from iwds.ports import Finding
from iwds.soap.address import is_loopback
from iwds.targets._actions import ProvisioningActions
from iwds.targets._calls import Api
from iwds.targets._paging import SMALLEST
from iwds.targets._patience import Patience
from iwds.targets._reader import ProvisioningReader
from iwds.targets._roles import CustomRoles
from iwds.targets._transport import Spent, Transport
from iwds.targets._writer import ProvisioningWriter


class Settings(BaseModel):
    """The settings of a target of kind `provisioning`.

    Attributes:
        url: where the API is; http:// only on this machine.
        provisioning_id: the number that creations are tagged with (read back as `createdby`). It has no default: 1 is
            what the vendor's own synchronisation uses, and with one number two tools cannot tell whose a login is.
        certificate: the API access certificate: .p12, or PEM with `certificate_key` where its key lies elsewhere.
        page_size: lines per call, of which one is on the page before too; the service allows 100.
        delay_ms: least time between the beginnings of two calls.
        max_calls_per_second: calls of all lanes together; None for as many as the lanes can make.
        timeout_s: seconds that one call may take until its answer has come.
        attempts: how often a call that changes nothing is made until it has an answer.
        lanes: calls under way at once; 1 where there is a delay.
        group_roles: number of each custom role in groups, by the name that mappings use.
        untagged_creations: what to do where the service cannot tag: leave the person for later, or create untagged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["provisioning"]
    url: str
    service_id: Annotated[int, Field(gt=0)]
    provisioning_id: Annotated[int, Field(gt=0)]
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_password: SecretStr | None = None
    certificate_password_file: Path | None = None
    ca_file: Path | None = None
    page_size: Annotated[int, Field(ge=SMALLEST, le=100)] = 100
    delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    max_calls_per_second: Annotated[float, Field(gt=0, le=1000)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    lanes: Annotated[int, Field(ge=1, le=32)] = 4
    group_roles: CustomRoles = Field(default_factory=dict)
    untagged_creations: Literal["skip", "allow"] = "skip"

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise ValueError(f"{url} is not of the form https://HOST/PATH")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(f"{url} would carry people's data and activation codes in clear text: use https://")
        return url

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.certificate_password is not None and self.certificate_password_file is not None:
            raise ValueError("give `certificate_password` or `certificate_password_file`, not both")
        if self.certificate is None and (self.certificate_key or self.password_is_set):
            raise ValueError("`certificate_key` and `certificate_password` belong to a `certificate`")
        return self

    @property
    def password_is_set(self) -> bool:
        """Whether there is a password for the certificate's key."""
        return self.certificate_password is not None or self.certificate_password_file is not None

    @property
    def calls_at_once(self) -> int:
        """The lanes, or 1 where calls are kept apart by a delay."""
        return 1 if self.delay_ms else self.lanes

    @property
    def interval(self) -> float:
        """Least time in seconds between the beginnings of two calls."""
        limit = self.max_calls_per_second
        return max(self.delay_ms / 1000, 1 / limit if limit else 0.0)

    @property
    def longest_call(self) -> float:
        """Seconds that one call takes at most, its waiting for its turn behind the other lanes included."""
        return 2 * self.timeout_s + self.calls_at_once * self.interval

    def password(self) -> str | None:
        """The password of the certificate's key. Raises `ConfigurationError` where its file cannot be read."""
        if self.certificate_password is not None:
            return self.certificate_password.get_secret_value()
        if self.certificate_password_file is None:
            return None
        try:
            return self.certificate_password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self.certificate_password_file} cannot be read: {error}") from error


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
