"""The reading half of the provisioning API: which operation answers which question."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iwds.core.model import Account, Group, Login, Membership, Service, Unmapped, fold
from iwds.core.normal import normalise
from iwds.errors import LoginUnknown, ServiceUnavailable, ServiceUnproven
from iwds.ports import Finding
from iwds.soap.description import OPERATIONS
from iwds.soap.envelope import Answer, build_partial_request
from iwds.targets._calls import Api
from iwds.targets._reading import Reading, Tally, logins_of, paged, whole
from iwds.targets._roles import known_roles

if TYPE_CHECKING:  # they import each other
    from iwds.targets.provisioning import Settings

_BY_LOGIN = 1


class ProvisioningReader:
    """The reading half. Every method may raise `ServiceUnavailable` and `AccessRefused`."""

    def __init__(self, name: str, settings: "Settings", api: Api) -> None:
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

    @property
    def group_roles(self) -> Mapping[str, int]:
        """The roles in groups by name, the custom ones as the settings name them."""
        return known_roles(self._settings.group_roles)

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

    def role_in(self, group_id: int, login_id: int) -> int | None:
        """One call; a second one where the service refuses without a cause, which it does for whoever is no member."""
        try:
            return self._api.read("groupAccountQuery", userid=0, groupid=group_id, loginid=login_id).numbers["roleid"]
        except LoginUnknown:
            return None
        except (ServiceUnavailable, KeyError):
            return self._roles_of(login_id).get(group_id)

    def roles_in(self, groups: Collection[int], login_id: int) -> Mapping[int, int]:
        """One call: about the membership where one group is asked for, else for the list of the login's groups."""
        if len(groups) == 1:
            (group,) = groups
            role = self.role_in(group, login_id)
            return {} if role is None else {group: role}
        return {group: role for group, role in self._roles_of(login_id).items() if group in groups}

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
        return _with_ids(
            self._api.read("serviceGroupsQuery", userid=0, serviceid=self._service.id, offset=offset, nmax=lines)
        )

    def _roles_of(self, login_id: int) -> dict[int, int]:
        """A login's role in each of its groups, by group id; empty for a login that does not exist."""

        def page(offset: int, lines: int) -> Answer:
            return _with_ids(self._api.read("loginGetGroups", userid=0, loginid=login_id, offset=offset, nmax=lines))

        try:
            pages = whole(page, self._settings.page_size, f"the groups of login {login_id}")
        except LoginUnknown:
            return {}
        except ServiceUnproven as error:
            raise ServiceUnavailable(str(error), error.advice) from None
        return {group: role for answer in pages for group, role in _roles(answer)}

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


def _with_ids(answer: Answer) -> Answer:
    """A page of groups with their ids as `id`: the two documents of the API name them differently."""
    found = answer.number_arrays
    if "id" not in found and ("groupid" in found or answer.numbers.get("n") == 0):
        found["id"] = found.get("groupid", [])
    return answer


def _roles(page: Answer) -> Iterator[tuple[int, int]]:
    ids = page.number_arrays["id"]
    for group, role in zip(ids, page.number_arrays.get("role") or [None] * len(ids), strict=True):
        if group is not None and role is not None:
            yield group, role


def _groups(page: Answer) -> Iterator[Group]:
    ids, names = page.number_arrays["id"], page.text_arrays["name"]
    policies = page.number_arrays.get("servicepolicy") or [None] * len(ids)
    for number, name, policy in zip(ids, names, policies, strict=True):
        if number is not None:
            yield Group(number, name, policy or 0)
