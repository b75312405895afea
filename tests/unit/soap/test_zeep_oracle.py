"""An independent client that reads our WSDL builds the same requests as our templates."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import pytest
import zeep
from lxml import etree

from iwds.soap.description import OPERATIONS, Operation
from iwds.soap.envelope import build_request
from iwds.soap.wsdl import wsdl


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zeep.Client]:
    path: Path = tmp_path_factory.mktemp("wsdl") / "provisioning.wsdl"
    path.write_bytes(wsdl("http://127.0.0.1:1/"))
    with zeep.Client(str(path)) as client:  # type: ignore[no-untyped-call]  # zeep ships no types
        yield client


def values_for(operation: Operation) -> dict[str, int | str]:
    return {
        p.name: number if p.kind.is_number else f"é&<{p.name}>'\"\t{number}"
        for number, p in enumerate(operation.request)
    }


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_our_request_is_the_one_that_zeep_builds(operation: Operation, client: zeep.Client) -> None:
    values = values_for(operation)
    message = client.create_message(client.service, operation.name, **values)  # type: ignore[no-untyped-call]
    theirs = etree.tostring(message, encoding="unicode")
    ours = build_request(operation, **values).decode()
    assert canonicalize(ours, rewrite_prefixes=True) == canonicalize(theirs, rewrite_prefixes=True)
