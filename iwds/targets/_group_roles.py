"""The groups of one login and its roles in them. Raises `LoginUnknown`, `ServiceUnavailable`, `ServiceUnproven`."""

from collections.abc import Iterator, Sequence
from itertools import islice

from iwds.core.devices import GroupRole
from iwds.core.model import Group
from iwds.errors import ServiceUnavailable
from iwds.soap.envelope import Answer
from iwds.targets._calls import Api
from iwds.targets._paging import Listing, whole


def groups_of(api: Api, page_size: int, login_id: int) -> Sequence[GroupRole]:
    """Its groups in the order of the service, with its role in each (`loginGetGroups`, all pages)."""

    def page(offset: int, lines: int) -> Answer:
        return with_ids(api.read("loginGetGroups", userid=0, loginid=login_id, offset=offset, nmax=lines))

    pages = whole(Listing(page, page_size, names="name"), f"the groups of login {login_id}")
    return [role for answer, known in pages for role in islice(_group_roles(answer), known, None)]


def role_in(api: Api, page_size: int, group_id: int, login_id: int) -> int | None:
    """Its role in one group, or None where it is no member (`groupAccountQuery`).

    The service says a bare NOK to whoever is no member, and to whatever else is wrong, and an older one may not know
    the operation, or answer with zeros: the groups of the login settle it.
    """
    try:
        answer = api.read("groupAccountQuery", userid=0, groupid=group_id, loginid=login_id)
    except ServiceUnavailable:
        answer = None
    asked = {"groupid": group_id, "loginid": login_id}
    if answer is None or any(answer.numbers.get(name, number) != number for name, number in asked.items()):
        held = groups_of(api, page_size, login_id)
        return next((each.role for each in held if each.group.id == group_id), None)
    if (role := answer.numbers.get("roleid")) is None:
        raise ServiceUnavailable(f"the service answered without the role of login {login_id}", "Try again later.")
    return role


def with_ids(answer: Answer) -> Answer:
    """A page of groups with their ids as `id`: the two documents of the API name them differently."""
    found = answer.number_arrays
    if "id" not in found and "groupid" in found:
        found["id"] = found["groupid"]
    return answer


def _group_roles(page: Answer) -> Iterator[GroupRole]:
    ids, roles = page.number_arrays["id"], page.number_arrays.get("role", [])
    names = page.text_arrays.get("name", [])
    policies = page.number_arrays.get("servicepolicy") or [None] * len(ids)
    if not len(ids) == len(names) == len(roles):
        raise ServiceUnavailable("the service answered with groups that have no name, or no role", "Try again later.")
    for number, name, policy, role in zip(ids, names, policies, roles, strict=True):
        if number is None or role is None:
            raise ServiceUnavailable(f"the service answered without the role in group {name}", "Try again later.")
        yield GroupRole(Group(number, name, policy or 0), role)
