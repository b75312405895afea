"""The settings of a source of kind `ldap`."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.core.dn import is_under, normalise_dn
from iwds.sources._ldapread import AD_ID, Branch
from iwds.sources._search import Scope

_GROUP_FILTER = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)


Lower = Annotated[str, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)]


MembersWritten = Literal["member", "uniqueMember", "memberUid", "uniquemember", "memberuid"]
"""How an attribute of members is usually written; its case does not matter."""
Bases = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value, json_schema_input_type=str | list[str]
    ),
    Field(min_length=1),
]


class _Model(BaseModel):
    # A complaint about the settings as a whole would otherwise quote them, the password among them.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Where(_Model):
    base: Bases
    scope: Scope = "subtree"
    filter: str

    @field_validator("filter")
    @classmethod
    def _in_parentheses(cls, value: str) -> str:
        value = value.strip()
        return value if value.startswith("(") else f"({value})"

    @field_validator("base")
    @classmethod
    def _apart(cls, bases: tuple[str, ...]) -> tuple[str, ...]:
        names = [normalise_dn(base) for base in bases]
        for name in names:
            if sum(is_under(name, other) for other in names) > 1:
                raise ValueError(f"{name} lies in another of the bases, so its people would be read twice")
        return bases

    def branch(self) -> Branch:
        """The same as a plain value."""
        return Branch(self.base, self.scope, self.filter)


class Users(_Where):
    """Where people are: one base or several that do not overlap, `subtree`, `one` or `base`, a filter (RFC 4515)."""

    filter: str = "(objectClass=inetOrgPerson)"


class GroupEntries(_Where):
    """Where groups are, and which attribute names their members.

    Attributes:
        members: `auto` takes all three attributes. `memberUid` means the people's attribute `login`.
        nested: who unfolds groups in groups: `here`, from the members of all groups, or `server`, which Active
            Directory alone can, with a search for each group.
    """

    filter: str = _GROUP_FILTER
    members: Annotated[
        Literal["auto", "member", "uniquemember", "memberuid"],
        BeforeValidator(str.lower, json_schema_input_type=MembersWritten | Literal["auto"]),
    ] = "auto"
    login: Lower = "uid"
    nested: Literal["here", "server"] = "here"

    @model_validator(mode="after")
    def _by_name(self) -> "GroupEntries":
        if self.nested == "server" and self.members not in {"auto", "member"}:
            raise ValueError("`nested: server` follows `member`, and no other attribute")
        return self


class Settings(_Model):
    """The settings of a source of kind `ldap`.

    Attributes:
        bind: `simple` with account and password, `external` as whom the server takes our certificate for, `anonymous`.
        certificate: shown to servers that ask for one, with any kind of bind: .p12, or PEM with `certificate_key` where
            its key lies elsewhere.
        tls_verify: False takes any certificate; `check` warns about it.
        allow_plaintext: send the password in clear text to a host that is not this one.
        id: what an entry is known by for ever; `objectGUID` for Active Directory.
        realm: who this directory is; by default what it says of itself.
        member_of: take groups from the people's memberOf, as far as the server computes it, instead of `groups`.
        timeout_s: seconds to wait for a connection, and for each page of an answer.
        referrals: `report` makes parts that lie on other servers a problem, `ignore` does not, `follow` reads them at
            the servers under `follow`, and only there.
        follow: URLs of the servers to which references may lead; they get the same account and password.
        canaries: people who must be in every reading, by distinguished name, id or login.
        decoder: what decodes the answers; `ldap3` is the library that also binds, and many times slower.
        changes: by what the directory tells what changed: `dirsync` or `usn` (Active Directory), `syncrepl` or
            `timestamps` (others); `auto` takes what suits it, `none` does not ask.
    """

    kind: Literal["ldap"]
    urls: tuple[str, ...] = Field(min_length=1)
    bind: Literal["simple", "external", "anonymous"] = "simple"
    bind_dn: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_password: SecretStr | None = None
    certificate_password_file: Path | None = None
    starttls: bool = False
    tls_verify: bool = True
    ca_file: Path | None = None
    allow_plaintext: bool = False
    users: Users
    groups: GroupEntries | None = None
    member_of: bool = False
    id: Lower = Field(default="entryuuid", min_length=1)
    realm: str = ""
    page_size: int = Field(default=500, ge=1, le=100_000)
    timeout_s: int = Field(default=30, ge=1, le=3600)
    referrals: Literal["report", "ignore", "follow"] = "report"
    follow: tuple[str, ...] = ()
    canaries: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    decoder: Literal["own", "ldap3"] = "own"
    changes: Literal["auto", "dirsync", "usn", "syncrepl", "timestamps", "none"] = "auto"

    @field_validator("urls", "follow")
    @classmethod
    def _urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if "@" in parts.netloc:  # not quoted: it would come into messages, the history and command lines
                raise ValueError("a URL holds neither name nor password: write `bind_dn` and `password`")
            if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError(f"{url} is not of the form ldaps://HOST[:PORT] or ldap://HOST[:PORT]")
        return urls

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.member_of and self.groups:
            raise ValueError("groups come from `groups` or from `member_of`, not from both")
        self._check_secrets()
        if (self.bind == "simple") != bool(self.bind_dn):
            raise ValueError(f"`bind: simple` needs a `bind_dn`, `bind: {self.bind}` has none")
        if self.bind != "simple" and (self.password or self.password_file):
            raise ValueError(f"`bind: {self.bind}` has no password")
        if self.starttls and any(url.startswith("ldaps:") for url in self.urls):
            raise ValueError("`starttls` is for ldap:// URLs; ldaps:// is encrypted already")
        if self.bind == "external":
            self._check_external()
        elif not (self.starttls or self.allow_plaintext or self.bind == "anonymous"):
            self._refuse_plaintext()
        self._check_following()
        self._check_changes()
        return self

    def _check_following(self) -> None:
        if (self.referrals == "follow") != bool(self.follow):
            raise ValueError(
                "`referrals: follow` needs the URLs of the servers under `follow`, and only then they count"
            )
        if not self.follow:
            return
        if not self.realm:
            raise ValueError("people of several servers need a `realm` of your own")
        if self.groups is not None and self.groups.nested == "server":
            raise ValueError("`nested: server` asks one server, so that groups of others would be missing")
        safe = self.tls_verify and (
            self.starttls or all(url.startswith("ldaps:") for url in (*self.follow, *self.urls))
        )
        if self.bind == "simple" and not safe:
            raise ValueError("the password follows references over TLS with a verified certificate alone")

    def _check_changes(self) -> None:
        if self.changes in {"dirsync", "usn"} and self.id != AD_ID:
            raise ValueError(f"`changes: {self.changes}` is for Active Directory, whose `id` is objectGUID")
        if self.changes in {"syncrepl", "timestamps"} and self.id == AD_ID:
            raise ValueError(f"`changes: {self.changes}` is not for Active Directory, whose `id` is objectGUID")
        if self.changes not in {"auto", "none"} and self.follow:
            raise ValueError("what changed is told by one server, and `follow` reads several")

    def _check_secrets(self) -> None:
        for name in ("password", "certificate_password"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise ValueError(f"give `{name}` or `{name}_file`, not both")
        of_it = self.certificate_key, self.certificate_password, self.certificate_password_file
        if self.certificate is None and any(each is not None for each in of_it):
            raise ValueError("`certificate_key` and `certificate_password` belong to a `certificate`")

    def _check_external(self) -> None:
        """EXTERNAL is what TLS says, so that there must be TLS, and a certificate of ours in it."""
        if self.certificate is None:
            raise ValueError("`bind: external` needs a `certificate`")
        if not self.starttls and any(url.startswith("ldap:") for url in self.urls):
            raise ValueError("`bind: external` needs ldaps:// URLs or `starttls: true`")

    def _refuse_plaintext(self) -> None:
        for url in self.urls:
            if url.startswith("ldap:") and not _is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(
                    f"{url} would carry the password in clear text: use ldaps:// or `starttls: true` "
                    "(or `allow_plaintext: true`, if the network is to be trusted with it)"
                )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
