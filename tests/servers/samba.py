"""Private Samba domain controllers for tests: an Active Directory on loopback.

The ports of LDAP are fixed in Samba, so that each server has an address of its own (127.0.0.N), which takes root.
Founding a domain takes seconds: it is done once per machine and content, and every server runs on a copy.
"""

import base64
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from iwds.sandbox.certificates import Authority
from iwds.sources._decode import sid_text
from iwds.sources._ldapsettings import Settings
from tests.servers import absent
from tests.servers.domain import DOMAIN, LDIF, PASSWORD, READER, STAFF, SUFFIX

ADMIN = f"CN=Administrator,CN=Users,{SUFFIX}"
_REALM = SUFFIX.replace("DC=", "").replace(",", ".")
_SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_SETUP = Path("/usr/share/samba/setup")
_PORTS = (389, 636, 3268, 3269)
_START_SECONDS = 60.0
# Nothing of this has to outlive a power cut.
_ENVIRONMENT = {**os.environ, "TDB_NO_FSYNC": "1"}
# With the server's own library and in one transaction it takes a tenth of the time that it would take over LDAP.
_FILL = """
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
configuration = LoadParm()
configuration.load(sys.argv[1])
db = SamDB(url=sys.argv[2], session_info=system_session(), lp=configuration)
db.transaction_start()
db.modify_ldif(sys.stdin.read())
db.transaction_commit()
print(db.get_domain_sid())
"""
# samba-tool does not see what lies among deleted objects.
_ALLOW = """
import ldb
import sys
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB
configuration = LoadParm()
configuration.load(sys.argv[1])
db = SamDB(url=sys.argv[2], session_info=system_session(), lp=configuration)
shown, attribute = ["show_deleted:1"], "nTSecurityDescriptor"
found = db.search(base=sys.argv[3], scope=ldb.SCOPE_BASE, attrs=[attribute], controls=shown)[0]
text = ndr_unpack(security.descriptor, found[attribute][0]).as_sddl()
at = text.index("(", text.index("D:"))
changed = security.descriptor.from_sddl(text[:at] + sys.argv[4] + text[at:], security.dom_sid(db.get_domain_sid()))
message = ldb.Message(found.dn)
message[attribute] = ldb.MessageElement(ndr_pack(changed), ldb.FLAG_MOD_REPLACE, attribute)
db.modify(message, controls=shown)
"""


@dataclass(slots=True)
class PrivateSamba:
    """One domain controller on an address of its own.

    Attributes:
        directory: a copy of a founded domain, gone with the test.
        address: 127.0.0.N.
    """

    directory: Path
    address: str
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def tls_url(self) -> str:
        return f"ldaps://{self.address}"

    @property
    def catalog_url(self) -> str:
        """The global catalog over TLS."""
        return f"ldaps://{self.address}:3269"

    @property
    def ca_file(self) -> Path:
        return self.directory / "tls" / "ca.pem"

    @property
    def sid(self) -> str:
        """The domain's, as the server's own library says it."""
        return (self.directory / "sid").read_text().strip()

    def start(self) -> None:
        """Listen; returns when LDAP is answered."""
        tls = self.directory / "tls"
        shutil.rmtree(tls, ignore_errors=True)
        tls.mkdir()
        authority = Authority("test domain")
        certificate, key = authority.server((f"dc1.{_REALM}", socket.gethostname()), (self.address,))
        for name, content in (("ca.pem", authority.pem), ("server.pem", certificate), ("server.key", key)):
            _write(tls / name, content)
        configuration = _configure(self.directory, self.address)
        command = [_program("samba"), "-s", str(configuration), "--interactive", "--no-process-group", "-M", "single"]
        with (self.directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._wait()

    def stop(self) -> None:
        """May be called twice."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def modify(self, changes: str, user: str = ADMIN) -> None:
        """Apply LDIF change records."""
        self._ldap("ldapmodify", changes, user)

    def set_acl(self, name: str, entries: str) -> None:
        """Put access rules, as SDDL has them, before those that an object has, which may be a deleted one."""
        databases = f"{self.directory}/etc/smb.conf", f"{self.directory}/private/sam.ldb"
        command = ["/usr/bin/python3", "-c", _ALLOW, *databases, name, entries]
        done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def sid_of(self, login: str) -> str:
        """The security identifier of an account."""
        said = self._ldap("ldapsearch", "", ADMIN, "-LLL", "-b", SUFFIX, f"(sAMAccountName={login})", "objectSid")
        return sid_text(base64.b64decode(said.partition("objectSid:: ")[2].split()[0]))

    def guid(self, name: str) -> str:
        """The objectGUID of an object, as OpenLDAP's client sees it."""
        said = self._ldap("ldapsearch", "", ADMIN, "-LLL", "-b", name, "-s", "base", "objectGUID")
        raw = said.partition("objectGUID:: ")[2].split()[0]
        return str(uuid.UUID(bytes_le=base64.b64decode(raw)))

    def knows(self, user: str, password: str) -> bool:
        """Whether somebody may bind with this password."""
        command = ["ldapwhoami", "-x", "-H", self.tls_url, "-D", user, "-w", password]
        # The server has no answer to the question itself (protocolError, 2), but only whoever is in may ask it.
        return subprocess.run(command, env=self._client, capture_output=True, check=False).returncode != 49

    def value(self, attribute: str, name: str) -> str:
        """The one value of an attribute of an object; empty where it has none."""
        said = self._ldap("ldapsearch", "", ADMIN, "-LLL", "-b", name, "-s", "base", attribute)
        return said.partition(f"\n{attribute}: ")[2].partition("\n")[0]

    @property
    def _client(self) -> dict[str, str]:
        return {**os.environ, "LDAPTLS_CACERT": str(self.ca_file)}

    def _ldap(self, program: str, given: str, user: str, *arguments: str) -> str:
        command = [program, "-x", "-H", self.tls_url, "-D", user, "-w", PASSWORD, "-o", "ldif-wrap=no", *arguments]
        done = subprocess.run(command, env=self._client, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _wait(self) -> None:
        """Samba announces nothing, so connecting is the event."""
        deadline = time.monotonic() + _START_SECONDS
        while not all(_listens(self.address, port) for port in _PORTS):
            said = (self.directory / "output").read_text(errors="replace")
            assert self._process is not None
            assert self._process.poll() is None, f"samba ended: {said}"
            assert time.monotonic() < deadline, f"samba does not listen: {said}"
            time.sleep(0.02)


def require_samba() -> None:
    """Skip, or fail under REQUIRE_ALL=1, where no private domain controller can be started."""
    if not (shutil.which("samba", path=_SBIN) and shutil.which("samba-tool", path=_SBIN) and _SETUP.is_dir()):
        absent("Samba's domain controller is not installed (Debian: apt-get install samba-ad-dc samba-ad-provision)")
    if shutil.which("ldapmodify") is None:
        absent("ldapmodify is not installed (Debian: apt-get install ldap-utils)")
    if os.geteuid() != 0:
        absent("a Samba domain controller can only be started as root")


@contextmanager
def samba(factory: pytest.TempPathFactory) -> Iterator[PrivateSamba]:
    """A running domain controller that holds the small company of `tests.servers.domain`; its tests may change it."""
    require_samba()
    cache = _cache(factory)
    with ExitStack() as stack:
        founded = _founded(cache)
        directory = factory.mktemp("samba", numbered=True)
        subprocess.run(["cp", "-a", f"{founded}/.", str(directory)], check=True)
        server = PrivateSamba(directory, stack.enter_context(_address(cache)))
        stack.callback(shutil.rmtree, directory)
        stack.callback(server.stop)
        server.start()
        yield server


def ad_settings(server: PrivateSamba, **changes: object) -> Settings:
    """Settings of an ldap source that reads the company from this domain over verified TLS, with some changed."""
    settings: dict[str, object] = {
        "kind": "ldap",
        "urls": [server.tls_url],
        "ca_file": server.ca_file,
        "bind_dn": f"{READER}@{_REALM}",
        "password": PASSWORD,
        "id": "objectGUID",
        "users": {"base": STAFF, "filter": "(&(objectCategory=person)(objectClass=user))"},
        "groups": {"base": [f"OU=Groups,{SUFFIX}", f"CN=Users,{SUFFIX}"], "filter": "(objectClass=group)"},
        "page_size": 2,
    }
    return Settings.model_validate({key: value for key, value in (settings | changes).items() if value is not None})


def _cache(factory: pytest.TempPathFactory) -> Path:
    """The directory of all runs of this user, so that a domain is founded once per machine; else that of this run."""
    base = factory.getbasetemp()
    kept = next((path for path in base.parents if path.name.startswith("pytest-of-")), base)
    directory = kept / "iwds-samba"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _founded(cache: Path) -> Path:
    """A domain that is filled and not running. Parallel workers wait for the one that founds it."""
    version = subprocess.run([_program("samba"), "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(version + f"{_FILL}{LDIF}".encode()).hexdigest()[:16]
    directory = cache / key
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            for stale in cache.glob("*.new"):
                shutil.rmtree(stale)
            _found(cache / f"{key}.new").rename(directory)
    return directory


def _found(directory: Path) -> Path:
    directory.mkdir()
    empty = directory / "empty.conf"
    empty.touch()
    command = [
        *(_program("samba-tool"), "domain", "provision", f"--configfile={empty}", f"--targetdir={directory}"),
        *(f"--realm={_REALM.upper()}", f"--domain={DOMAIN}", "--host-name=dc1", "--host-ip=127.0.0.1"),
        *("--server-role=dc", "--dns-backend=NONE", f"--adminpass={PASSWORD}"),
    ]
    subprocess.run(command, env=_ENVIRONMENT, capture_output=True, check=True)
    fill = ["/usr/bin/python3", "-c", _FILL, str(_configure(directory, "127.0.0.1")), f"{directory}/private/sam.ldb"]
    filled = subprocess.run(fill, env=_ENVIRONMENT, input=LDIF, capture_output=True, text=True, check=False)
    assert filled.returncode == 0, filled.stderr
    (directory / "sid").write_text(filled.stdout)
    return directory


def _configure(directory: Path, address: str) -> Path:
    """smb.conf for this place: the databases themselves name no path."""
    for folder in ("etc", "run", "cache"):
        (directory / folder).mkdir(exist_ok=True)
    tls = directory / "tls"
    lines = {
        "netbios name": "DC1",
        "workgroup": DOMAIN,
        "realm": _REALM.upper(),
        "server role": "active directory domain controller",
        "server services": "ldap",
        "interfaces": f"{address}/8",
        "bind interfaces only": "yes",
        "private dir": f"{directory}/private",
        "lock directory": str(directory),
        "state directory": f"{directory}/state",
        "cache directory": f"{directory}/cache",
        "binddns dir": f"{directory}/bind-dns",
        "pid directory": f"{directory}/run",
        "ncalrpc dir": f"{directory}/run/ncalrpc",
        "winbindd socket directory": f"{directory}/run/winbindd",
        "ntp signd socket directory": f"{directory}/run/ntp_signd",
        "log file": f"{directory}/samba.log",
        "tls keyfile": f"{tls}/server.key",
        "tls certfile": f"{tls}/server.pem",
        "tls cafile": f"{tls}/ca.pem",
    }
    file = directory / "etc" / "smb.conf"
    file.write_text("[global]\n" + "".join(f" {key} = {value}\n" for key, value in lines.items()))
    return file


@contextmanager
def _address(cache: Path) -> Iterator[str]:
    """An address of 127.0.0.0/8 that no other worker has, and on whose LDAP ports nobody listens."""
    for number in range(10, 250):
        address = f"127.0.0.{number}"
        with (cache / f"{address}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not any(_listens(address, port) for port in _PORTS):
                yield address
                return
    absent("no address 127.0.0.10 to 127.0.0.249 has its LDAP ports free")


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _program(name: str) -> str:
    return shutil.which(name, path=_SBIN) or name


def _write(path: Path, content: bytes) -> None:
    """A file that only its owner may read: Samba refuses any other key."""
    path.touch(mode=0o600)
    path.write_bytes(content)
