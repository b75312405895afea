"""Target kind `provisioning`: the MFA service behind its SOAP provisioning API.

targets:
  mfa:
    kind: provisioning
    url: https://api.myinwebo.com/v2/services/ConsoleAdmin
    service_id: 10408
    provisioning_id: 4711                      # tags what we create; 1 is what other tools use too
    certificate: /etc/iwds/mfa.p12             # or a PEM file
    certificate_password_file: /run/secrets/mfa-certificate
    ca_file: /etc/iwds/corp-ca.pem             # only where a proxy or a private service has its own CA

A reading of the service is proven when the count that it gives at the beginning and at the end is the same, and is the
number of logins that came.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from iwds.core.model import Account, Activation, Group, Login, Membership, Service, Unmapped, fold
from iwds.core.normal import normalise, render_extra
from iwds.errors import ConfigurationError, LoginUnknown, Rejected, ServiceUnavailable
from iwds.ports import Finding
from iwds.soap.address import is_loopback
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import Answer, build_partial_request
from iwds.targets._calls import Api, Unsupported
from iwds.targets._fields import overwritten
from iwds.targets._reading import Reading, Tally, logins_of, paged, whole
from iwds.targets._transport import Transport

_BY_LOGIN = 1
_CODE_TYPES = {Activation.CODE: 0, Activation.INACTIVE: 1, Activation.LINK: 2}


class Settings(BaseModel):
    """The settings of a target of kind `provisioning`.

    Attributes:
        url: where the API is; http:// only on this machine.
        provisioning_id: the number that creations are tagged with (read back as `createdby`). It has no default: 1 is
            what the vendor's own synchronisation uses, and with one number two tools cannot tell whose a login is.
        certificate: the API access certificate: .p12, or PEM with `certificate_key` where its key lies elsewhere.
        page_size: lines per call; the service allows 100.
        delay_ms: least time between the beginnings of two calls.
        timeout_s: seconds that one call may take until its answer has come.
        lanes: calls under way at once; 1 where there is a delay.
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
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30
    lanes: Annotated[int, Field(ge=1, le=32)] = 4
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


class ProvisioningReader:
    """The reading half. Every method may raise `ServiceUnavailable` and `AccessRefused`."""

    def __init__(self, name: str, settings: Settings, api: Api) -> None:
        self._name = name
        self._settings = settings
        self._api = api
        self._tagged: bool | None = None
        self._service = Service((urlsplit(settings.url).hostname or "").rstrip("."), settings.service_id)

    @property
    def service(self) -> Service:
        """Host without port, and service id."""
        return self._service

    @property
    def provisioning_id(self) -> int:
        """The tag that this target's creations carry."""
        return self._settings.provisioning_id

    @property
    def untagged_creations(self) -> bool:
        """Whether logins may be created untagged where the service knows no other way."""
        return self._settings.untagged_creations == "allow"

    @property
    def timeout(self) -> float:
        """Seconds that one call takes at most, its waiting for its turn included."""
        return 2 * self._settings.timeout_s + self._settings.delay_ms / 1000

    @property
    def lanes(self) -> int:
        """How many calls may be under way at once."""
        return self._settings.calls_at_once

    def normalise(self, account: Account, name: str) -> Account | Unmapped:
        """The account within the documented constraints of the service."""
        return normalise(account, name)

    def read_logins(self) -> Reading[Login]:
        """All logins in the order of their names. One page is in memory at a time."""
        return Reading(
            lambda tally: (login for answer in self._pages(tally) for login in logins_of(answer)),
            f"all logins of {self._service}",
            lambda tally: f"{tally.count} different logins came, which is what the service counted before and after",
        )

    def read_groups(self) -> Sequence[Group]:
        """All groups, in the order of the service."""
        pages = whole(self._group_page, self._settings.page_size, f"the groups of {self._service}")
        return [group for page in pages for group in _groups(page)]

    def read_memberships(self, groups: Collection[int]) -> Reading[Membership]:
        """The members of these groups, one group after the other."""
        return Reading(
            lambda tally: (member for group in groups for member in self._members(group, tally)),
            f"the members of {len(groups)} groups of {self._service}",
            lambda tally: f"{tally.count} memberships came, which is what the service counted in each group",
        )

    def login(self, login_id: int, name: str) -> Login | None:
        """One login by id.

        Only the search by name gives the phone in every version of the service, and only the query by id tells a
        renamed login from a deleted one: so this takes one call, or three for a login that was renamed.
        """
        found = self._by_id(login_id, name) if name else None
        if found is None:
            try:
                asked = self._api.read("loginQuery", userid=0, loginid=login_id)
            except LoginUnknown:
                return None
            found = self._by_id(login_id, asked.texts.get("login", ""))
        if found is None:
            raise ServiceUnavailable(f"{self._name} knows login {login_id} by its id and not by its name")
        return self._with_tag(found)

    def named(self, name: str) -> Login | None:
        """The login of this name, in whatever case; the one in the same case where there are several."""
        found = [login for login in self._search(name) if fold(login.login) == fold(name)]
        best = next((login for login in found if login.login == name), found[0] if found else None)
        return best and self._with_tag(best)

    def check(self) -> Iterator[Finding]:
        """Certificate, service id, tagged creation, logins and groups; ends with the first failure to speak at all."""
        from iwds.targets._check import findings  # the check loads a WSDL library that nothing else needs

        return findings(self._settings, self._api, self)

    def knows_tagged_creation(self) -> bool:
        """Asks once: a creation without a service id and with an empty name, which no service can carry out."""
        if self._tagged is None:
            operation = OPERATIONS["loginCreateBySource"]
            nothing = {p.name: 0 if p.kind.is_number else "" for p in operation.request if p.name != "serviceid"}
            self._tagged = self._api.is_known(operation, build_partial_request(operation, **nothing))
        return self._tagged

    def close(self) -> None:
        """Give back connections."""
        self._api.close()

    def _pages(self, tally: Tally) -> Iterator[Answer]:
        return paged(self._login_page, self._settings.page_size, tally)

    def _login_page(self, offset: int, lines: int) -> Answer:
        service = self._service.id
        return self._api.read("loginsQuery", userid=0, serviceid=service, offset=offset, nmax=lines, sort=_BY_LOGIN)

    def _group_page(self, offset: int, lines: int) -> Answer:
        answer = self._api.read("serviceGroupsQuery", userid=0, serviceid=self._service.id, offset=offset, nmax=lines)
        if "id" not in answer.number_arrays and "groupid" in answer.number_arrays:  # the two documents disagree
            answer.number_arrays["id"] = answer.number_arrays["groupid"]
        return answer

    def _members(self, group: int, tally: Tally) -> Iterator[Membership]:
        def page(offset: int, lines: int) -> Answer:
            return self._api.read(
                "loginsQueryByGroup", userid=0, groupid=group, offset=offset, nmax=lines, sort=_BY_LOGIN
            )

        for answer in paged(page, self._settings.page_size, tally, f"group {group}: "):
            yield from (Membership(number, group) for number in answer.number_arrays["id"] if number is not None)

    def _by_id(self, login_id: int, name: str) -> Login | None:
        return next((login for login in self._search(name) if login.id == login_id), None)

    def _search(self, name: str) -> Iterator[Login]:
        """The logins of this name: one or none, unless the service tells names apart by case."""
        answer = self._api.read(
            "loginSearch",
            userid=0,
            serviceid=self._service.id,
            loginname=name,
            exactmatch=1,
            offset=0,
            nmax=self._settings.page_size,
            sort=0,
        )
        return logins_of(answer)

    def _with_tag(self, login: Login) -> Login:
        """The login with its tag, which an older service does not give when it is searched for."""
        if login.created_by is not None:
            return login
        asked = self._api.read("loginQuery", userid=0, loginid=login.id)
        return replace(login, created_by=asked.numbers.get("createdby"))


class ProvisioningWriter:
    """The writing half. Thread-safe. Every method raises `CallFailed` or `AccessRefused`; nothing is repeated."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self._service = settings.service_id

    def create(self, account: Account) -> int:
        """Create a login, tagged; without the tag only where the settings allow it and the service knows no tags."""
        values = _creation(account)
        try:
            return self._api.create(
                "loginCreateBySource",
                userid=0,
                serviceid=self._service,
                **values,
                login2=account.at_creation.login2,
                login3=account.at_creation.login3,
                provisioningId=self._settings.provisioning_id,
            )
        except Unsupported as error:
            if self._settings.untagged_creations == "skip":
                raise Rejected(
                    f"{error}, so that the login would not be tagged as ours",
                    advice="Set untagged_creations: allow to create it without the tag.",
                ) from None
        try:
            return self._api.create("loginCreate", userid=0, serviceid=self._service, **values)
        except Unsupported as error:
            raise Rejected(str(error)) from None

    def update(self, login: Login) -> None:
        """Overwrite every field; whoever calls has read them all."""
        self._api.write("loginUpdate", userid=0, serviceid=self._service, loginid=login.id, **overwritten(login))

    def delete(self, login_id: int) -> None:
        """Delete a login."""
        self._api.write("loginDelete", userid=0, serviceid=self._service, loginid=login_id)

    def add_to_group(self, group_id: int, login_id: int) -> None:
        """Add a login to a group, with role 0."""
        self._api.write("groupAccountCreate", userid=0, groupid=group_id, loginid=login_id, role=0)

    def remove_from_group(self, group_id: int, login_id: int) -> None:
        """Take a login out of a group."""
        self._api.write("groupAccountDelete", userid=0, groupid=group_id, loginid=login_id)

    def send_activation(self, login_id: int) -> None:
        """Have the service mail the activation link."""
        self._api.write("loginSendByMail", userid=0, serviceid=self._service, loginid=login_id)

    def close(self) -> None:
        """Give back connections."""
        self._api.close()


class ProvisioningTarget:
    """One MFA service: both halves over one pool of connections."""

    def __init__(self, name: str, settings: Settings, api: Api) -> None:
        self.reader = ProvisioningReader(name, settings, api)
        self._settings = settings
        self._api = api

    def writer(self) -> ProvisioningWriter:
        """The writing half, made by those who apply a plan."""
        return ProvisioningWriter(self._settings, self._api)


def connect(name: str, settings: Settings) -> ProvisioningTarget:
    """The target `name` of the configuration; nothing is sent yet. Raises `ConfigurationError` for the certificate."""
    from iwds.targets._tls import client_context  # what cryptography takes to load, only who connects should wait for

    context = None
    if settings.url.startswith("https:"):
        context = client_context(settings.ca_file, settings.certificate, settings.certificate_key, settings.password())
    transport = Transport(settings.url, context, settings.timeout_s, settings.calls_at_once, settings.delay_ms / 1000)
    return ProvisioningTarget(name, settings, Api(transport, f"{name} ({settings.url})"))


def _creation(account: Account) -> dict[str, int | str]:
    """The parameters that both operations that create have in common. Nobody is created locked."""
    if account.enabled is not True:
        raise ValueError("only people who are enabled are created")
    return {
        "login": account.login,
        "firstname": account.firstname or "",
        "name": account.name or "",
        "mail": account.mail or "",
        "phone": account.phone or "",
        "status": 0,
        "role": int(account.role or 0),
        "access": account.at_creation.access,
        "codetype": _CODE_TYPES[account.at_creation.activation],
        "lang": account.at_creation.language,
        "extrafields": render_extra(tuple(pair for pair in account.extra if pair[1])),
    }


def _groups(page: Answer) -> Iterator[Group]:
    ids, names = page.number_arrays["id"], page.text_arrays["name"]
    policies = page.number_arrays.get("servicepolicy") or [None] * len(ids)
    for number, name, policy in zip(ids, names, policies, strict=True):
        if number is not None:
            yield Group(number, name, policy or 0)
