"""The operations and result types of the provisioning API, as data: requests are built and answers are read by it.

Source: the vendor's API document (27 operations), in the shape of its published description (24 of them). Where the two
disagree about an order, the published one stands; additional fields of the document follow it and are optional. A test
holds this module and `provisioning.wsdl` equal.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

NAMESPACE = "http://console.inwebo.com"


class Kind(StrEnum):
    """The three XML Schema types that the API uses; the values are their names."""

    LONG = "long"
    INT = "int"
    STRING = "string"

    @property
    def is_number(self) -> bool:
        """A whole number on the wire; never empty in a request."""
        return self is not Kind.STRING


@dataclass(frozen=True, slots=True)
class Parameter:
    """One child of a request: always present, in the order of the description; a string may be empty."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Field:
    """One element of a result. `counted_by` names the number that tells how many items of an array are real."""

    name: str
    kind: Kind
    counted_by: str | None = None
    optional: bool = False

    @property
    def is_array(self) -> bool:
        """Arrays are repeated elements without a wrapper; they may be absent as a whole (an answer with an error)."""
        return self.counted_by is not None


@dataclass(frozen=True, slots=True)
class ResultType:
    """A result object: its fields in the order in which they stand on the wire."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its request and what it returns; `result` None means that it returns one string."""

    name: str
    request: tuple[Parameter, ...]
    result: ResultType | None

    @property
    def response_name(self) -> str:
        """The element in the body of the answer."""
        return f"{self.name}Response"

    @property
    def return_name(self) -> str:
        """The only child of the response."""
        return f"{self.name}Return"


def _fields(text: str) -> Iterator[Field]:
    """Reads `name:kind`, with `[counter]` after an array and `?` after what only newer services send."""
    for word in text.split():
        name, _, kind = word.rstrip("?").partition(":")
        kind, _, counter = kind.rstrip("]").partition("[")
        yield Field(name, Kind(kind), counter or None, optional=word.endswith("?"))


def _result(name: str, text: str) -> ResultType:
    return ResultType(name, tuple(_fields(text)))


def _tools(prefix: str) -> str:
    """The document's additional dates of one type of tool: creation and last use, as timestamps."""
    return f"{prefix}creationdate:long[n{prefix}]? {prefix}lastauthdate:long[n{prefix}]?"


_PERSON = (
    "login:string[n] code:string[n] status:long[n] role:long[n] firstname:string[n] name:string[n] mail:string[n] "
)

LOGINS_QUERY_RESULT = _result(
    "LoginsQueryResult",
    "err:string count:long n:int id:long[n] "
    + _PERSON
    + "phone:string[n] extrafields:string[n] createdby:long[n] lastauthdate:long[n]",
)
LOGIN_SEARCH_RESULT = _result(
    "LoginSearchResult",
    "err:string n:int id:long[n] "
    + _PERSON
    + "phone:string[n] extrafields:string[n] createdby:long[n] activation_status:long[n] count:long",
)
LOGIN_QUERY_RESULT = _result(
    "LoginQueryResult",
    "err:string login:string code:string status:long role:long firstname:string name:string mail:string phone:string "
    "extrafields:string createdby:long lastauthdate:long "
    "nca:long caid:long[nca] castate:long[nca] caname:string[nca] cault:long[nca] caalias:string[nca] "
    "nma:long maid:long[nma] mastate:long[nma] maname:string[nma] maalias:string[nma] mapushenabled:long[nma] "
    "nmac:long macid:long[nmac] macstate:long[nmac] macname:string[nmac] macalias:string[nmac] "
    "macpushenabled:long[nmac] "
    "nva:long vaid:long[nva] vastate:long[nva] vaname:string[nva] vaalias:string[nva] longcode:string "
    "iwpinblocked:long? iwpasswordblocked:long? macpasswordblocked:long? "
    + " ".join(_tools(prefix) for prefix in ("ca", "ma", "mac", "va")),
)
LOGIN_CREATE_RESULT = _result("LoginCreateResult", "err:string code:string id:long")
LOGIN_GET_GROUPS_RESULT = _result(
    "LoginGetGroupsResult",
    "err:string count:long n:int groupid:long[n] name:string[n] num:long[n] servicepolicy:long[n] role:long[n]",
)
SERVICE_GROUPS_QUERY_RESULT = _result(
    "ServiceGroupsQueryResult",
    # The document calls the id `groupid`; the published description, and every known client, `id`.
    "err:string count:long n:int id:long[n] name:string[n] num:long[n] servicepolicy:long[n] groupid:long[n]?",
)
GROUP_ACCOUNT_QUERY_RESULT = _result("GroupAccountQueryResult", "err:string roleid:long loginid:long groupid:long")

RESULT_TYPES: tuple[ResultType, ...] = (
    LOGINS_QUERY_RESULT,
    LOGIN_SEARCH_RESULT,
    LOGIN_QUERY_RESULT,
    LOGIN_CREATE_RESULT,
    LOGIN_GET_GROUPS_RESULT,
    SERVICE_GROUPS_QUERY_RESULT,
    GROUP_ACCOUNT_QUERY_RESULT,
)

_STRINGS = frozenset(
    "login firstname name mail phone lang extrafields login2 login3 loginname tooltype code".split()  # noqa: SIM905
)


def _operation(name: str, parameters: str, result: ResultType | None = None) -> Operation:
    request = (Parameter(p, Kind.STRING if p in _STRINGS else Kind.LONG) for p in parameters.split())
    return Operation(name, tuple(request), result)


_CREATE = (
    "userid serviceid login firstname name mail phone status role access codetype lang extrafields"  # 13 parameters
)
_ONE_LOGIN = "userid serviceid loginid"

_ALL = (
    _operation("loginsQuery", "userid serviceid offset nmax sort", LOGINS_QUERY_RESULT),
    _operation("loginSearch", "userid serviceid loginname exactmatch offset nmax sort", LOGIN_SEARCH_RESULT),
    _operation("loginQuery", "userid loginid", LOGIN_QUERY_RESULT),
    _operation("loginCreate", _CREATE, LOGIN_CREATE_RESULT),
    _operation("loginUpdate", f"{_ONE_LOGIN} login firstname name mail phone status role extrafields"),
    _operation("loginRestore", _ONE_LOGIN),
    _operation("loginResetPwd", _ONE_LOGIN),
    _operation("loginAddDevice", f"{_ONE_LOGIN} codetype"),
    _operation("loginDeleteTool", "userid serviceid toolid tooltype"),
    _operation("loginDelete", _ONE_LOGIN),
    _operation("loginSendByMail", _ONE_LOGIN),
    _operation("IWDS_check", ""),
    _operation("loginGetGroups", "userid loginid offset nmax", LOGIN_GET_GROUPS_RESULT),
    _operation("loginsQueryByGroup", "userid groupid offset nmax sort", LOGINS_QUERY_RESULT),
    _operation("loginResetPwdExtended", f"{_ONE_LOGIN} codetype"),
    _operation("loginGetInfoFromLink", "code", LOGIN_CREATE_RESULT),
    _operation("loginGetCodeFromLink", "code"),
    _operation("loginActivateCode", _ONE_LOGIN),
    _operation("loginResetPINErrorCounter", _ONE_LOGIN),
    _operation("serviceGroupsQuery", "userid serviceid offset nmax", SERVICE_GROUPS_QUERY_RESULT),
    _operation("groupAccountQuery", "userid groupid loginid", GROUP_ACCOUNT_QUERY_RESULT),
    _operation("groupAccountCreate", "userid groupid loginid role"),
    _operation("groupAccountUpdate", "userid groupid loginid role"),
    _operation("groupAccountDelete", "userid groupid loginid"),
    # In the document only; parameters in the documented order, which is all that the service's toolkit goes by.
    _operation("loginCreateBySource", f"{_CREATE} login2 login3 provisioningId", LOGIN_CREATE_RESULT),
    _operation("loginGetOTP", _ONE_LOGIN),
    _operation("loginUpdateTool", "userid serviceid toolid tooltype name"),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _ALL})
"""Every operation by its name: the published ones in their order, then the three that only the document has."""
