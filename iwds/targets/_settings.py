"""The settings of the MFA service behind its SOAP provisioning API."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.errors import ConfigurationError
from iwds.soap.address import is_loopback
from iwds.targets._paging import SMALLEST
from iwds.targets._roles import CustomRoles


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
