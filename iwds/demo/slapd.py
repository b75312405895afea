"""A private OpenLDAP server on loopback, for the demo, the tests and the benchmark.

It lives in one directory, listens on free ports of 127.0.0.1, trusts nobody, and needs neither root nor the system's
own slapd configuration. Everything in it is thrown away with the directory.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from iwds.errors import SourceUnavailable
from iwds.sandbox.certificates import Authority

_PROGRAMS = ("slapd", "slapadd")
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/usr/local/libexec", "/usr/libexec", "/usr/lib/openldap")
_SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema")
_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap")
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_ATTEMPTS = 3


def missing() -> str:
    """Why no private slapd can be started here, in a sentence for people; empty where one can."""
    for program in _PROGRAMS:
        if _find(program) is None:
            return f"{program} is not installed (Debian: apt-get install slapd ldap-utils)"
    if _first_folder(_SCHEMAS) is None:
        return f"OpenLDAP's schema files are in none of {', '.join(_SCHEMAS)}"
    return ""


@dataclass(slots=True)
class PrivateSlapd:
    """One slapd with its own directory, certificates and accounts; a context manager that starts and stops it.

    Attributes:
        directory: an empty or absent directory that it may fill; it stays after the stop.
        ldif: files that slapadd loads, in order; they may carry entryUUID and memberOf. The first must hold the suffix.
        suffix: the naming context.
        database: further lines for the database's section of slapd.conf (`limits ...`). `{reader}` in them becomes
            the reader's DN, whose pages are unlimited in number unless a line says otherwise.
        modules: modules to load besides back_mdb.
        before: lines in front of the database's section, such as another database.
    """

    directory: Path
    ldif: Sequence[Path] = ()
    suffix: str = "dc=example,dc=org"
    database: Sequence[str] = ()
    modules: Sequence[str] = ()
    before: Sequence[str] = ()
    admin_password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    reader_password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    port: int = field(default=0, init=False)
    tls_port: int = field(default=0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """Plain LDAP, with StartTLS on offer."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """LDAP over TLS; the certificate names 127.0.0.1, localhost and this host."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.directory / "tls" / "ca.pem"

    @property
    def admin_dn(self) -> str:
        """The account that may write; no limit holds for it."""
        return f"cn=admin,{self.suffix}"

    @property
    def reader_dn(self) -> str:
        """An ordinary account that may read everything but passwords, within the server's limits."""
        return f"cn=reader,{self.suffix}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def __enter__(self) -> "PrivateSlapd":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Fill the directory on the first start, then listen. Raises `SourceUnavailable` with slapd's own words."""
        if not self._configuration.exists():
            self._create()
        for attempt in range(_ATTEMPTS):
            self.port, self.tls_port = _free_ports()
            if self._listen(last=attempt == _ATTEMPTS - 1):
                return

    def stop(self) -> None:
        """End the process that was started here, and wait for its end. May be called twice."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def reload(self, ldif: Sequence[Path]) -> None:
        """Serve other entries from now on, at the same ports and with the same certificates and accounts."""
        self.stop()
        shutil.rmtree(self.directory / "db")
        self._load(ldif)
        self._listen(last=True)

    def modify(self, changes: str, *options: str) -> None:
        """Apply LDIF change records as the administrator, through ldapmodify with further options."""
        secret = self.directory / "admin.secret"
        command = ["ldapmodify", "-x", "-H", self.url, "-D", self.admin_dn, "-y", str(secret), *options]
        _run(command, changes.encode(), "ldapmodify refused the changes")

    @property
    def _configuration(self) -> Path:
        return self.directory / "slapd.conf"

    @property
    def _log(self) -> Path:
        return self.directory / "slapd.log"

    def _create(self) -> None:
        if reason := missing():
            raise SourceUnavailable(f"No private directory server can be started: {reason}.")
        for folder in (self.directory, self.directory / "tls"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_certificates()
        _write(self.directory / "admin.secret", self.admin_password.encode())
        _write(self._configuration, self._text().encode())
        self._load(self.ldif)

    def _load(self, ldif: Sequence[Path]) -> None:
        (self.directory / "db").mkdir(mode=0o700)
        accounts = self.directory / "accounts.ldif"
        _write(accounts, self._accounts().encode())
        for file in (*ldif, accounts):
            load = [_program("slapadd"), "-q", "-f", str(self._configuration), "-b", self.suffix, "-l", str(file)]
            _run(load, b"", f"slapadd could not load {file}")

    def _make_certificates(self) -> None:
        authority = Authority("iwds private directory")
        certificate, key = authority.server(("localhost", socket.gethostname()), ("127.0.0.1",))
        for name, content in (("ca.pem", authority.pem), ("server.pem", certificate), ("server.key", key)):
            _write(self.directory / "tls" / name, content)

    def _text(self) -> str:
        """slapd.conf: the old form, because it is one file that needs no server to be written."""
        schemas, tls = _first_folder(_SCHEMAS), self.directory / "tls"
        modules = _first_folder(_MODULES)
        loads = [f"modulepath {modules}", *(f"moduleload {name}" for name in ("back_mdb", *self.modules))]
        return "\n".join(
            [
                *(f"include {schemas}/{name}.schema" for name in ("core", "cosine", "nis", "inetorgperson")),
                *(loads if modules else ()),
                "loglevel none",
                f"TLSCACertificateFile {tls}/ca.pem",
                f"TLSCertificateFile {tls}/server.pem",
                f"TLSCertificateKeyFile {tls}/server.key",
                *self.before,
                "database mdb",
                f'suffix "{self.suffix}"',
                f'rootdn "{self.admin_dn}"',
                f"rootpw {self.admin_password}",
                f"directory {self.directory}/db",
                "maxsize 4294967296",
                "dbnosync",
                "index objectClass,uid,mail,cn eq",
                "index member,uniqueMember,memberUid eq",
                "index entryCSN,entryUUID eq",
                "access to attrs=userPassword by anonymous auth by * none",
                "access to * by * read",
                *(line.replace("{reader}", self.reader_dn) for line in self.database),
                # The first line that matches counts. Without one, 500 entries in all are the limit, pages or not.
                f'limits dn.exact="{self.reader_dn}" size.prtotal=unlimited',
                "",
            ]
        )

    def _accounts(self) -> str:
        return (
            f"dn: {self.reader_dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: reader\nuserPassword: {self.reader_password}\n"
        )

    def _listen(self, last: bool) -> bool:
        """Start the process on the two ports; False where another program took one of them in between."""
        urls = f"{self.url} {self.tls_url}"
        with self._log.open("wb") as log:
            self._process = _serve([_program("slapd"), "-f", str(self._configuration), "-h", urls, "-d", "0"], log)
        if self._answers():
            return True
        self.stop()
        if last:
            said = self._log.read_text(errors="replace").strip()
            raise SourceUnavailable(f"The private slapd in {self.directory} did not start: {said or 'it said nothing'}")
        return False

    def _answers(self) -> bool:
        """Wait until both ports accept. slapd in the foreground announces nothing, so connecting is the event."""
        deadline = time.monotonic() + _START_SECONDS
        while self._process and self._process.poll() is None and time.monotonic() < deadline:
            if _accepts(self.port) and _accepts(self.tls_port):
                return True
            time.sleep(0.01)
        return False


def _serve(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # Its own session, so that Ctrl-C at the demo ends the demo, which then ends the server in order.
    return subprocess.Popen(  # noqa: S603 - the command is ours, the program was found on fixed paths
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _run(command: list[str], given: bytes, complaint: str) -> None:
    done = subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603 - as above
    if done.returncode:
        raise SourceUnavailable(f"{complaint}: {done.stderr.decode(errors='replace').strip()}")


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def _find(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *_SBIN)))


def _program(name: str) -> str:
    return _find(name) or name


def _first_folder(candidates: Sequence[str]) -> str | None:
    return next((folder for folder in candidates if Path(folder).is_dir()), None)


def _write(path: Path, content: bytes) -> None:
    """A file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
