"""The settings of a source of kind `entra`."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

Guid = Annotated[
    str,
    BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value),
    Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
]
Lower = Annotated[str, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)]
Name = Annotated[str, Field(min_length=1)]


def _plain(url: str, schemes: set[str]) -> str:
    """An address without path, name and password; `ValueError` where it is none."""
    parts = urlsplit(url)
    if "@" in parts.netloc:  # not quoted: it would come into messages
        raise ValueError("a URL holds neither name nor password")
    if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{url} is not of the form {'|'.join(sorted(schemes))}://HOST[:PORT]")
    return f"{parts.scheme}://{parts.netloc}"


class _Model(BaseModel):
    # A complaint about the settings as a whole would otherwise quote them, the secret among them.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Cloud(_Model):
    """Where tokens come from and where Graph answers, each `https://HOST[:PORT]`."""

    authority: str
    graph: str

    @field_validator("authority", "graph")
    @classmethod
    def _origin(cls, url: str) -> str:
        return _plain(url, {"https"})


CLOUDS = {
    "public": Cloud(authority="https://login.microsoftonline.com", graph="https://graph.microsoft.com"),
    "usgov": Cloud(authority="https://login.microsoftonline.us", graph="https://graph.microsoft.us"),
    "dod": Cloud(authority="https://login.microsoftonline.us", graph="https://dod-graph.microsoft.us"),
    "china": Cloud(
        authority="https://login.partner.microsoftonline.cn", graph="https://microsoftgraph.chinacloudapi.cn"
    ),
}
"""The clouds of Microsoft, each with the only Graph for which its tokens are good. GCC is in the public one."""


class Settings(_Model):
    """The settings of a source of kind `entra`.

    Attributes:
        tenant: the id of the directory; a domain is none, because it can move to another tenant.
        app_id: the application that reads, by its client id.
        certificate: what the application shows, with its key in the same file or in `certificate_key`, or a .p12. Its
            thumbprint is worked out.
        client_secret: what the application says instead of showing a certificate.
        cloud: one of `CLOUDS`, or `authority` and `graph`.
        proxy: `http://HOST:PORT`; the environment's is not looked at.
        ca_file: the authorities that servers are verified with instead of the system's.
        groups: whether groups are read; without them nobody's are known.
        guests: whether guests are read too.
        extensions: directory extensions that a mapping reads, in their own spelling.
        absent: attributes that a mapping reads for other directories, and that are known to be empty here.
        canaries: people who must be in every reading, by id, user principal name or on-premises login.
        timeout_s: seconds to wait for a connection, and for each answer.
    """

    kind: Literal["entra"]
    tenant: Guid
    app_id: Guid
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_password: SecretStr | None = None
    certificate_password_file: Path | None = None
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    cloud: Literal["public", "usgov", "dod", "china"] | Cloud = "public"
    proxy: str = ""
    proxy_user: str = ""
    proxy_password: SecretStr | None = None
    proxy_password_file: Path | None = None
    ca_file: Path | None = None
    groups: bool = True
    guests: bool = False
    extensions: tuple[Annotated[str, Field(pattern=r"^extension_[0-9A-Fa-f]{32}_\w+$")], ...] = ()
    absent: tuple[Annotated[Lower, Field(min_length=1)], ...] = ()
    canaries: tuple[Name, ...] = ()
    timeout_s: int = Field(default=60, ge=1, le=3600)

    @property
    def place(self) -> Cloud:
        """Where tokens come from and where Graph answers."""
        return CLOUDS[self.cloud] if isinstance(self.cloud, str) else self.cloud

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, url: str) -> str:
        return _plain(url, {"http", "https"}) if url else ""

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        for name in ("client_secret", "certificate_password", "proxy_password"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise ValueError(f"give `{name}` or `{name}_file`, not both")
        secret = self.client_secret is not None or self.client_secret_file is not None
        if secret and self.certificate is not None:
            raise ValueError("the application shows a `certificate` or has a `client_secret`, not both")
        of_it = self.certificate_key, self.certificate_password, self.certificate_password_file
        if self.certificate is None and any(each is not None for each in of_it):
            raise ValueError("`certificate_key` and `certificate_password` belong to a `certificate`")
        of_proxy = self.proxy_user, self.proxy_password, self.proxy_password_file
        if not self.proxy and any(of_proxy):
            raise ValueError("`proxy_user` and `proxy_password` belong to a `proxy`")
        return self
