"""What Graph answers about a tenant: rows, pages, errors. It is as strict as Graph where Graph is strict."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.graph.tenant import GROUP, USER, Tenant

DEFAULT = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
]
MORE = [
    "accountEnabled",
    "ageGroup",
    "city",
    "companyName",
    "country",
    "createdDateTime",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "faxNumber",
    "imAddresses",
    "mailNickname",
    "onPremisesDistinguishedName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesSamAccountName",
    "onPremisesSyncEnabled",
    "otherMails",
    "postalCode",
    "proxyAddresses",
    "state",
    "streetAddress",
    "usageLocation",
    "userType",
]
OUTSIDE = ("skills", "signInActivity", "photo", "aboutMe", "mySite")
"""Properties that are kept outside of the directory: a list of changes refuses them."""
LISTS = ("businessPhones", "imAddresses", "otherMails", "proxyAddresses")
GROUP_DEFAULT = ("id", "displayName", "visibility", "mail", "securityEnabled")
ADVANCED = frozenset({"onPremisesSamAccountName", "otherMails"})
_CLAUSE = re.compile(r"(\w+)(?:/any\(x:x eq '((?:[^']|'')*)'\)| eq '((?:[^']|'')*)')")
_EXTENSION = re.compile(r"extension_[0-9a-f]{32}_\w+")


class Refusal(Exception):
    """An error as Graph writes it."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


@dataclass
class Answers:
    """Graph over one tenant.

    Attributes:
        origin: where it answers.
        page: users or groups on a page of a listing of changes.
        slice: members of a group on a page.
        most: users on a page of a list, whatever is asked for.
        shifting: whether pages of the list are told by how many users stand before them, and not by the last of those.
        hidden_members: whether groups that hide their members show them.
        extra: rows behind all others in listings of changes, by `users` or `groups`.
        known_since: changes before this one of the tenant's clock are forgotten; 0 for none.
    """

    tenant: Tenant
    origin: str = ""
    page: int = 200
    slice: int = 2000
    most: int = 999
    shifting: bool = False
    hidden_members: bool = False
    extra: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    known_since: int = 0

    def users(self, query: Mapping[str, str], eventual: bool) -> dict[str, Any]:
        """A page of the list of users."""
        select, top = self._select(query), self._top(query)
        order, after = self.tenant.order, int(query.get("$skiptoken", "-1"))
        found = [row for row in self.tenant.users.values() if _matches(query.get("$filter", ""), row, eventual, query)]
        found.sort(key=lambda row: order[row["id"]])
        if self.shifting:
            found, place = found[after + 1 :], after + top
        else:
            found = [row for row in found if order[row["id"]] > after]
            place = order[found[top - 1]["id"]] if len(found) > top else 0
        rows = [self._shown(row, select) for row in found[:top]]
        return self._page("/users", rows, query, place if len(found) > top else None)

    def user(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One user by id or user principal name."""
        return self._shown(self._user(name), self._select(query))

    def users_delta(self, query: Mapping[str, str], minimal: bool = False) -> dict[str, Any]:
        """A page of the changes of users; with nothing but what changed where `minimal` asks for that."""
        query = self._thread("/users/delta", query)
        select = self._select(query)
        _refuse_outside(select)
        since, at = int(query["since"]), int(query["at"])
        changed = [key for key, clock in self.tenant.trace.items() if clock > since and not self._is_group(key)]
        rows = [
            *(row for key in changed if (row := self._change(key, select, since, minimal))),
            *self.extra.get("users", ()),
        ]
        return self._delta("/users/delta", rows, at, query)

    def groups_delta(self, query: Mapping[str, str], minimal: bool = False) -> dict[str, Any]:
        """A page of the changes of groups, in which a large group comes several times."""
        query = self._thread("/groups/delta", query)
        since, at = int(query["since"]), int(query["at"])
        keys = [key for key, clock in self.tenant.trace.items() if clock > since and self._is_group(key)]
        slices = [self._slices(key, since, minimal) for key in keys]
        turns = range(max(map(len, slices), default=0))
        rows = [each[turn] for turn in turns for each in slices if turn < len(each)]
        return self._delta("/groups/delta", [*rows, *self.extra.get("groups", ())], at, query)

    def groups(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of the list of groups."""
        top, at = self._top(query), int(query.get("$skiptoken", "0"))
        names = query.get("$select", ",".join(GROUP_DEFAULT)).split(",")
        found = list(self.tenant.groups.values())
        rows = [{name: row.get(name) for name in names} for row in found[at : at + top]]
        return self._page("/groups", rows, query, at + top if at + top < len(found) else None)

    def group(self, key: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One group by id."""
        if key not in self.tenant.groups:
            raise _not_found(key)
        return {name: self.tenant.groups[key].get(name) for name in query["$select"].split(",")}

    def members(self, group: str, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of who is in a group."""
        if group not in self.tenant.groups:
            raise _not_found(group)
        rows = [] if self._hides(group) else [_typed(*each) for each in self.tenant.members[group].items()]
        top, at = self._top(query), int(query.get("$skiptoken", "0"))
        following = at + top if at + top < len(rows) else None
        return self._page(f"/groups/{group}/members", rows[at : at + top], query, following)

    def member_of(self, kind: str, name: str, transitive: bool, query: Mapping[str, str]) -> dict[str, Any]:
        """The groups that an object is in, and a role beside them; of one that is gone nothing is known."""
        key = self._user(name)["id"] if kind == USER else name
        if kind == GROUP and key not in self.tenant.groups:
            raise _not_found(key)
        found = self.tenant.all_above(key) if transitive else iter(self.tenant.above(key))
        rows = [
            {**_typed(each, GROUP), "displayName": self.tenant.groups[each]["displayName"]}
            for each in found
            if not self._hides(each)
        ]
        rows.append({"@odata.type": "#microsoft.graph.directoryRole", "id": "r", "displayName": "Global Reader"})
        return self._page(f"/{kind}s/{name}", rows, query, None)

    def deleted(self, key: str) -> dict[str, Any]:
        """One user of the recycle bin."""
        if key not in self.tenant.bin:
            raise _not_found(key)
        return {"id": key}

    def _user(self, name: str) -> dict[str, Any]:
        for row in self.tenant.users.values():
            if name.lower() in (row["id"].lower(), str(row.get("userPrincipalName", "")).lower()):
                return row
        raise _not_found(name)

    def _shown(self, row: Mapping[str, Any], select: list[str]) -> dict[str, Any]:
        """A user with every property that was asked for, null where there is none; lists are empty."""
        if row["id"] in self.tenant.opaque:
            return {"@odata.type": "#microsoft.graph.user", **dict.fromkeys(select), "id": row["id"]}
        return {name: row.get(name, [] if name in LISTS else None) for name in select}

    def _is_group(self, key: str) -> bool:
        return key in self.tenant.groups or key in self.tenant.dead

    def _change(self, key: str, select: list[str], since: int, minimal: bool) -> dict[str, Any] | None:
        """A user who changed: what was never set is left out."""
        if key in self.tenant.users:
            row = self.tenant.users[key]
            if key in self.tenant.opaque:
                return self._shown(row, select)
            if since and minimal and self.tenant.born[key] <= since:
                return {"id": key, **{name: row.get(name) for name in self._touched(key, since) if name in select}}
            return {name: row[name] for name in select if name in row}
        kept = key in self.tenant.bin
        return {"id": key, "@removed": {"reason": "changed" if kept else "deleted"}} if since else None

    def _touched(self, key: str, since: int) -> list[str]:
        return [what for what, clock in self.tenant.touched.get(key, {}).items() if clock > since]

    def _slices(self, key: str, since: int, minimal: bool) -> list[dict[str, Any]]:
        """A group that changed, each time with some of the members that came or went."""
        if key in self.tenant.dead:
            return [{"id": key, "@removed": {"reason": "deleted"}}] if since else []
        old, names, touched = self.tenant.born[key] <= since, ["displayName", "visibility"], self._touched(key, since)
        shown = [name for name in names if name in touched or not (old and minimal)]
        row = {"id": key, **{name: self.tenant.groups[key].get(name) for name in shown}}
        members = [] if self._hides(key) else self._came_and_went(key, touched if old else self.tenant.members[key])
        parts = [members[at : at + self.slice] for at in range(0, len(members), self.slice)]
        return [{**row, "members@delta": part} for part in parts] or [row]

    def _came_and_went(self, group: str, touched: Iterable[str]) -> list[dict[str, Any]]:
        members, known = self.tenant.members[group], self.tenant.trace
        gone = self.tenant.bin.keys() | self.tenant.dead
        there = {each: kind for each, kind in members.items() if each not in gone}
        return [
            _typed(each, there[each])
            if each in there
            else {**_typed(each, GROUP if self._is_group(each) else USER), "@removed": {"reason": "deleted"}}
            for each in touched
            if each in members or each in known
        ]

    def _hides(self, group: str) -> bool:
        hidden = str(self.tenant.groups[group].get("visibility", "")).lower() == "hiddenmembership"
        return hidden and not self.hidden_members

    def _select(self, query: Mapping[str, str]) -> list[str]:
        names = query["$select"].split(",") if "$select" in query else DEFAULT
        for name in names:
            if name not in {*DEFAULT, *MORE, *OUTSIDE} and not _EXTENSION.fullmatch(name):
                raise Refusal(
                    400, "BadRequest", f"Could not find a property named '{name}' on type 'microsoft.graph.user'."
                )
        return names

    def _top(self, query: Mapping[str, str]) -> int:
        top = int(query.get("$top", "100"))
        if not 1 <= top <= 999:
            raise Refusal(400, "Request_UnsupportedQuery", f"Invalid page size specified: '{top}'. Must be 1 to 999.")
        return min(top, self.most)

    def _thread(self, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """The question that a token stands for; what it says cannot be changed by the address."""
        for name in ("$top", "$orderby", "$expand"):
            if name in query:
                raise Refusal(400, "Request_UnsupportedQuery", f"{name} is not supported for change tracking.")
        token = query.get("$skiptoken") or query.get("$deltatoken")
        if token == "latest":
            return {**query, "since": str(self.tenant.clock), "at": "0"}
        if token:
            thread = _said_by(token)
            if thread["path"] != path:
                raise Refusal(400, "BadRequest", "Badly formed token.")
            if int(thread["since"]) < self.known_since:
                raise Refusal(
                    400, "syncStateNotFound", "The sync state generation is not found; a full sync is needed."
                )
            return thread
        return {**query, "since": "0", "at": "0"}

    def _delta(self, path: str, rows: list[dict[str, Any]], at: int, query: Mapping[str, str]) -> dict[str, Any]:
        shown = rows[at : at + self.page]
        kept = {"path": path, **{name: query[name] for name in ("$select",) if name in query}}
        if at + self.page < len(rows):
            thread = {**kept, "since": query["since"], "at": str(at + self.page)}
            link = {"@odata.nextLink": f"{self.origin}/v1.0{path}?$skiptoken={_token(thread)}"}
        else:
            thread = {**kept, "since": str(self.tenant.clock), "at": "0"}
            link = {"@odata.deltaLink": f"{self.origin}/v1.0{path}?$deltatoken={_token(thread)}"}
        return {"@odata.context": f"{self.origin}/v1.0/$metadata", **link, "value": shown}

    def _page(self, path: str, rows: list[dict[str, Any]], query: Mapping[str, str], at: int | None) -> dict[str, Any]:
        kept = "&".join(f"{name}={value}" for name, value in query.items() if name != "$skiptoken")
        link = {} if at is None else {"@odata.nextLink": f"{self.origin}/v1.0{path}?{kept}&$skiptoken={at}"}
        return {"@odata.context": f"{self.origin}/v1.0/$metadata", **link, "value": rows}


def _matches(text: str, row: Mapping[str, Any], eventual: bool, query: Mapping[str, str]) -> bool:
    """Whether a filter of equalities joined by `or` is true of a user."""
    if not text:
        return True
    clauses = [_CLAUSE.fullmatch(clause) for clause in text.split(" or ")]
    for clause in clauses:
        if clause is None:
            raise Refusal(400, "BadRequest", f"Invalid filter clause: {text}")
        if clause[1] in ADVANCED and not (eventual and query.get("$count") == "true"):
            raise Refusal(400, "Request_UnsupportedQuery", f"Property '{clause[1]}' needs ConsistencyLevel: eventual.")
    return any(_is(clause, row) for clause in clauses if clause)


def _is(clause: "re.Match[str]", row: Mapping[str, Any]) -> bool:
    wanted = (clause[2] if clause[3] is None else clause[3]).replace("''", "'").lower()
    held = row.get(clause[1])
    return wanted in [str(each).lower() for each in (held if isinstance(held, list) else [held])]


def _refuse_outside(select: list[str]) -> None:
    for name in select:
        if name in OUTSIDE:
            raise Refusal(501, "NotImplemented", f"{name} is not tracked.")


def _typed(key: str, kind: str) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", "id": key}


def _not_found(name: str) -> Refusal:
    return Refusal(404, "Request_ResourceNotFound", f"Resource '{name}' does not exist.")


def _said_by(token: str) -> dict[str, str]:
    try:
        return dict(json.loads(base64.urlsafe_b64decode(token)))
    except ValueError:
        raise Refusal(400, "BadRequest", "Badly formed token.") from None


def _token(thread: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(thread).encode()).decode()
