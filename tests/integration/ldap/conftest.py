"""Private slapd servers that hold the small company."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iwds.demo.slapd import PrivateSlapd
from tests.servers.company import SUFFIX, write
from tests.servers.slapd import slapd

EXTRA = f"""\
dn: ou=branches,{SUFFIX}
objectClass: organizationalUnit
ou: branches

dn: ou=lisbon,ou=branches,{SUFFIX}
objectClass: referral
objectClass: extensibleObject
ou: lisbon
ref: ldap://ldap.lisbon.example/ou=people,dc=lisbon,dc=example

dn: uid=frida,ou=branches,{SUFFIX}
objectClass: inetOrgPerson
uid: frida
cn: Frida
sn: Kahlo
jpegPhoto:: /9j/4A==

dn: ou=unix,{SUFFIX}
objectClass: organizationalUnit
ou: unix

dn: cn=wheel,ou=unix,{SUFFIX}
objectClass: posixGroup
cn: wheel
gidNumber: 10
memberUid: ada
memberUid: Dmitri

"""


def _company(directory: Path) -> Path:
    path = write(directory)
    path.write_text(path.read_text(encoding="utf-8") + EXTRA, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSlapd]:
    """A server that gives everything."""
    directory = tmp_path_factory.mktemp("slapd")
    with slapd(directory / "server", _company(directory)) as running:
        yield running


@pytest.fixture(scope="session")
def stingy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSlapd]:
    """A server that gives the reader three entries in all, in pages of three at most."""
    directory = tmp_path_factory.mktemp("stingy")
    limits = 'limits dn.exact="{reader}" size.pr=3 size.prtotal=3'
    with slapd(directory / "server", _company(directory), [limits]) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PrivateSlapd]:
    """A server that the test may change or stop; it computes memberOf."""
    with slapd(tmp_path / "server", _company(tmp_path), ["overlay memberof"], ["memberof"]) as running:
        yield running
