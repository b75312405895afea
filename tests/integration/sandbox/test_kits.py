"""Clients that others wrote: their requests as they send them, their way of reading answers.

They are not at hand. What is replayed here is what is known of them: the shape of an envelope, headers, names of
parameters that are wrong, and above all how each one gets rid of the dummy at the end of every array.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.dom import minidom
from xml.etree import ElementTree

import pytest

from iwds.core.devices import DeviceKind
from iwds.sandbox.faults import LISTINGS
from iwds.sandbox.server import SandboxThread
from iwds.sandbox.store import Store
from iwds.soap.description import NAMESPACE, OPERATIONS
from iwds.soap.safexml import SOAP
from tests.integration.sandbox.client import PERSON, SERVICE

XSI, XSD = "http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/2001/XMLSchema"
Values = Mapping[str, int | str]
Rows = list[dict[str, str]]


def children(values: Values, prefix: str = "") -> str:
    return "".join(f"<{prefix}{name}>{value}</{prefix}{name}>" for name, value in values.items())


def node_envelope(name: str, values: Values) -> str:
    """node-soap: prefix soap, an empty header, the call in a default namespace."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}" xmlns:xsi="{XSI}" '
        f'xmlns:tns="{NAMESPACE}"><soap:Header></soap:Header><soap:Body><{name} xmlns="{NAMESPACE}">'
        f"{children(values)}</{name}></soap:Body></soap:Envelope>"
    )


def php_envelope(name: str, values: Values) -> str:
    """PHP's SoapClient: prefix SOAP-ENV, everything of the service's in ns1, a line break at the end."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:ns1="{NAMESPACE}">'
        f"<SOAP-ENV:Body><ns1:{name}>{children(values, 'ns1:')}</ns1:{name}></SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
    )


def java_envelope(name: str, values: Values) -> str:
    """JAX-WS: prefix S, the call in a default namespace, single quotes in the declaration."""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?><S:Envelope xmlns:S=\"{SOAP}\"><S:Body>"
        f'<{name} xmlns="{NAMESPACE}">{children(values)}</{name}></S:Body></S:Envelope>'
    )


def csharp_envelope(name: str, values: Values) -> str:
    """.NET: prefix soap with the namespaces of the schema, spread over lines by some versions."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\r\n<soap:Envelope xmlns:soap="{SOAP}" xmlns:xsi="{XSI}" '
        f'xmlns:xsd="{XSD}">\r\n  <soap:Body>\r\n    <{name} xmlns="{NAMESPACE}">{children(values)}</{name}>\r\n'
        "  </soap:Body>\r\n</soap:Envelope>"
    )


def wso2_envelope(name: str, values: Values) -> str:
    """WSO2, by hand: prefix soapenv, parameters of the namespace con."""
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:con="{NAMESPACE}"><soapenv:Header/><soapenv:Body>'
        f"<con:{name}>{children(values, 'con:')}</con:{name}></soapenv:Body></soapenv:Envelope>"
    )


def bare_envelope(name: str, values: Values) -> str:
    """No prefix at all, and parameters in no namespace, in the order of the description under names of nobody's."""
    numbered = "".join(f'<arg{i} xmlns="">{value}</arg{i}>' for i, value in enumerate(values.values()))
    return f'<Envelope xmlns="{SOAP}"><Body><{name} xmlns="{NAMESPACE}">{numbered}</{name}></Body></Envelope>'


def camel(values: Values) -> Values:
    """The Node kit's own names: userId and serviceId; login for loginname."""
    names = {"userid": "userId", "serviceid": "serviceId", "loginname": "login"}
    return {names.get(name, name): value for name, value in values.items()}


# --- how answers are read ---------------------------------------------------------------------------------------------


def columns_by_namespace(answer: bytes, name: str) -> dict[str, list[str]]:
    """As a library does that knows the description: every element is of the service's namespace."""
    result = ElementTree.fromstring(answer).find(f".//{{{NAMESPACE}}}{name}Return")  # noqa: S314 - our own service wrote it
    assert result is not None
    found: dict[str, list[str]] = {}
    for child in result:
        assert child.tag.startswith(f"{{{NAMESPACE}}}")
        found.setdefault(child.tag.partition("}")[2], []).append(child.text or "")
    return found


def columns_by_plain_name(answer: bytes, name: str) -> dict[str, list[str]]:
    """By getElementsByTagName on the document: only elements that are written without a prefix are found."""
    document = minidom.parseString(answer)  # noqa: S318 - our own service wrote it
    (returned,) = document.getElementsByTagName(f"{name}Return")
    found: dict[str, list[str]] = {}
    for child in returned.childNodes:
        found[child.nodeName] = [_text(each) for each in document.getElementsByTagName(child.nodeName)]
    return found


def _text(element: minidom.Element) -> str:
    first = element.firstChild
    return "" if first is None else str(first.nodeValue)


def rows(columns: dict[str, list[str]], take: Sequence[int], names: Sequence[str]) -> Rows:
    return [{name: columns[name][i] for name in names} for i in take]


def all_but_the_last(columns: dict[str, list[str]], names: Sequence[str]) -> Rows:
    """C#: `arr.Length - 1`; the Node kit's pages: `if !loop.last`."""
    return rows(columns, range(len(columns[names[0]]) - 1), names)


def without_id_zero(columns: dict[str, list[str]], names: Sequence[str]) -> Rows:
    """Java: whoever has the id 0 is skipped."""
    ids = columns[names[0]]
    return rows(columns, [i for i, found in enumerate(ids) if int(found) != 0], names)


def as_many_as_n(columns: dict[str, list[str]], names: Sequence[str]) -> Rows:
    """PHP: `for ($i = 0; $i < $n; $i++)`."""
    return rows(columns, range(int(columns["n"][0])), names)


@dataclass(frozen=True)
class Kit:
    """One client: how it writes, what headers it sends, how it reads."""

    name: str
    envelope: Callable[[str, Values], str]
    headers: Mapping[str, str]
    columns: Callable[[bytes, str], dict[str, list[str]]]
    listed: Callable[[dict[str, list[str]], Sequence[str]], Rows]
    naming: Callable[[Values], Values] = dict
    waits: bool = False

    def __str__(self) -> str:
        return self.name


TEXT = "text/xml; charset=utf-8"
KITS = [
    Kit("node", node_envelope, {"SOAPAction": '""', "Content-Type": TEXT, "Connection": "close"},
        columns_by_namespace, all_but_the_last, camel),
    Kit("php", php_envelope, {"SOAPAction": '""', "Content-Type": TEXT, "Connection": "Keep-Alive"},
        columns_by_namespace, as_many_as_n),
    Kit("java", java_envelope, {"SOAPAction": '""', "Content-Type": TEXT, "Accept": "text/xml, multipart/related"},
        columns_by_namespace, without_id_zero),
    Kit("c#", csharp_envelope, {"SOAPAction": '""', "Content-Type": TEXT, "Expect": "100-continue"},
        columns_by_namespace, all_but_the_last, waits=True),
    Kit("wso2", wso2_envelope, {"SOAPAction": f"{NAMESPACE}/services/ConsoleAdmin", "Content-Type": "text/xml"},
        columns_by_plain_name, all_but_the_last),
    Kit("cas", java_envelope, {"SOAPAction": '""', "Content-Type": TEXT}, columns_by_plain_name, without_id_zero),
    Kit("bare", bare_envelope, {"Content-Type": "text/xml"}, columns_by_namespace, as_many_as_n),
]  # fmt: skip


class Wire:
    """Sends what a kit sends, byte for byte, and gives the body that comes back."""

    def __init__(self, kit: Kit, sandbox: SandboxThread) -> None:
        self.kit = kit
        host, _, port = sandbox.address.removeprefix("http://").partition(":")
        self._place = (host, int(port))

    def call(self, name: str, /, **values: int | str) -> dict[str, list[str]]:
        """The columns of an answer; the only one of a text is called `text`."""
        body = self._post(self.kit.envelope(name, self.kit.naming(self._in_order(name, values))).encode())
        if OPERATIONS[name].result is None:
            found = re.search(rf"<{name}Return>([^<]*)</{name}Return>".encode(), body)
            assert found is not None
            return {"text": [found[1].decode()]}
        return self.kit.columns(body, name)

    def text(self, name: str, /, **values: int | str) -> str:
        return self.call(name, **values)["text"][0]

    def listing(self, name: str, columns: Sequence[str], /, **values: int | str) -> Rows:
        """Every row, page by page, as the kit does it: until it has as many as `count` says."""
        found: Rows = []
        while True:
            answer = self.call(name, **{"offset": len(found), "nmax": 2, **values})
            assert answer["err"] == ["OK"]
            found += self.kit.listed(answer, columns)
            if len(found) >= int(answer["count"][0]):
                return found

    def _in_order(self, name: str, values: Values) -> dict[str, int | str]:
        given = {"userid": 0, "serviceid": SERVICE, "sort": 1, "codetype": 0, **values}
        return {p.name: given[p.name] for p in OPERATIONS[name].request}

    def _post(self, body: bytes) -> bytes:
        lines = [f"{name}: {value}" for name, value in self.kit.headers.items()]
        head = "\r\n".join(
            ["POST /services/ConsoleAdmin HTTP/1.1", "Host: localhost", *lines, f"Content-Length: {len(body)}", "", ""]
        )
        with socket.create_connection(self._place, 10) as connection:
            connection.sendall(head.encode())
            if self.kit.waits:
                assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body)
            return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    """The body of the answer, of the length that its head says."""
    with closing(connection.makefile("rb")) as stream:
        status = stream.readline()
        assert status.startswith(b"HTTP/1.1 200 "), status
        length = 0
        while (line := stream.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return stream.read(length)


@pytest.fixture(params=KITS, ids=str)
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with SandboxThread() as sandbox:
        yield Wire(request.param, sandbox)


def create(wire: Wire, login: str) -> int:
    answer = wire.call("loginCreate", **{**PERSON, "login": login, "extrafields": ""})
    assert answer["err"] == ["OK"]
    assert re.fullmatch(r"[0-9]{9}", answer["code"][0])
    return int(answer["id"][0])


def test_every_login_is_listed_once_and_nobody_else(wire: Wire) -> None:
    made = {login: create(wire, login) for login in ("abe", "bea", "zoe")}
    found = wire.listing("loginsQuery", ("id", "login", "firstname", "mail", "phone", "code", "createdby"))
    assert [row["login"] for row in found] == ["abe", "bea", "console.ada", "console.linus", "zoe"]
    assert {row["login"]: int(row["id"]) for row in found if row["createdby"] == "1"} == made
    assert {row["firstname"] for row in found} == {"Zoë", "Ada", "Linus"}


def test_a_login_is_found_by_its_name(wire: Wire) -> None:
    login_id = create(wire, "zoe")
    (found,) = wire.listing("loginSearch", ("id", "login", "name"), loginname="zoe", exactmatch=1)
    assert (int(found["id"]), found["login"], found["name"]) == (login_id, "zoe", "O'Neill")


def test_a_login_is_made_changed_and_removed(wire: Wire) -> None:
    login_id = create(wire, "zoe")
    fields: dict[str, int | str] = {
        "login": "zoe",
        "firstname": "",
        "name": "Ng",
        "mail": "",
        "phone": "",
        "status": 1,
        "role": 0,
    }
    assert wire.text("loginUpdate", loginid=login_id, **fields, extrafields="") == "OK"
    changed = wire.call("loginQuery", loginid=login_id)
    assert [changed[name] for name in ("name", "status", "phone")] == [["Ng"], ["1"], [""]]
    assert wire.text("loginDelete", loginid=login_id) == "OK"
    assert wire.text("loginDelete", loginid=login_id) == "NOK:account unknown"


def test_a_login_joins_and_leaves_a_group(wire: Wire) -> None:
    login_id = create(wire, "zoe")
    groups = wire.listing("serviceGroupsQuery", ("id", "name", "servicepolicy"))
    assert [group["name"] for group in groups] == ["vpn", "mail", "wiki", "finance", "admins-portal"]
    pair = {"groupid": int(groups[1]["id"]), "loginid": login_id}
    assert wire.text("groupAccountCreate", **pair, role=0) == "OK"
    assert [g["name"] for g in wire.listing("loginGetGroups", ("groupid", "name"), loginid=login_id)] == ["mail"]
    assert [m["login"] for m in wire.listing("loginsQueryByGroup", ("id", "login"), groupid=pair["groupid"])] == ["zoe"]
    assert wire.text("groupAccountDelete", **pair) == "OK"
    assert wire.listing("loginGetGroups", ("groupid", "name"), loginid=login_id) == []


def test_the_devices_of_a_login_without_any_are_none(wire: Wire) -> None:
    found = wire.call("loginQuery", loginid=create(wire, "zoe"))
    assert found["nma"] == ["0"]
    assert len(found["maname"]) == 1  # a client that asks whether there are more than one sees none


def test_a_client_that_asks_for_more_than_the_dummy_sees_devices(tmp_path: Path) -> None:
    with SandboxThread(str(tmp_path / "sandbox.db")) as sandbox, closing(Store(str(tmp_path / "sandbox.db"))) as store:
        wire = Wire(KITS[5], sandbox)
        login_id = create(wire, "zoe")
        sizes = []
        for name, operation in (("Phone", "loginActivateCode"), ("Tablet", "loginAddDevice")):
            code = wire.text(operation, loginid=login_id)
            store.people.use_code(code, DeviceKind.MACCESS, name, "1234")
            sizes.append(len(wire.call("loginQuery", loginid=login_id)["macname"]))
    assert sizes == [2, 3]  # one more than there are


def test_every_listing_is_among_those_that_are_read_here() -> None:
    read = {"loginsQuery", "loginSearch", "serviceGroupsQuery", "loginGetGroups", "loginsQueryByGroup"}
    assert read == LISTINGS
