"""Private slapd servers for tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from iwds.demo.slapd import PrivateSlapd, missing
from iwds.sources._ldapsettings import Settings
from tests.servers import absent
from tests.servers.company import GROUP_BASE, SUFFIX

LOG = "cn=accesslog"


def require_slapd() -> None:
    """Skip, or fail under REQUIRE_ALL=1, where no private slapd can be started."""
    if reason := missing():
        absent(reason)


@contextmanager
def slapd(
    directory: Path, ldif: Path, database: Sequence[str] = (), modules: Sequence[str] = (), before: Sequence[str] = ()
) -> Iterator[PrivateSlapd]:
    """A running server that holds `ldif`."""
    require_slapd()
    with PrivateSlapd(directory, ldif=[ldif], database=database, modules=modules, before=before) as server:
        yield server


@contextmanager
def telling_slapd(
    directory: Path,
    ldif: Path,
    syncprov: Sequence[str] | None = ("sessionlog 100",),
    log: str = "to * by * read",
    database: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> Iterator[PrivateSlapd]:
    """A server that tells what changed.

    Args:
        syncprov: settings of this overlay; None for a server without it.
        log: the access rule of the log of writes; empty for a server without it.
        database, modules: as for `slapd`.
    """
    lines, before = list(database), []
    if syncprov is not None:
        lines += ["overlay syncprov", *(f"syncprov-{each}" for each in syncprov)]
    if log:
        writes = directory.parent / f"{directory.name}-writes"
        writes.mkdir(exist_ok=True)
        before = [
            *("database mdb", f"suffix {LOG}", f"rootdn {LOG}", f"directory {writes}", "maxsize 100000000"),
            *("index entryCSN,objectClass,reqEntryUUID eq", f"access {log}"),
        ]
        lines += ["overlay accesslog", f"logdb {LOG}", "logops writes", "logsuccess TRUE"]
    with slapd(directory, ldif, lines, ("syncprov", "accesslog", *modules), before) as server:
        yield server


def ldap_settings(server: PrivateSlapd, **changes: object) -> Settings:
    """Settings of an ldap source that reads the company from this server over verified TLS, with some changed."""
    settings: dict[str, object] = {
        "kind": "ldap",
        "urls": [server.tls_url],
        "ca_file": server.ca_file,
        "bind_dn": server.reader_dn,
        "password": server.reader_password,
        "users": {"base": f"ou=people,{SUFFIX}"},
        "groups": {"base": GROUP_BASE},
        "page_size": 2,
    }
    return Settings.model_validate({key: value for key, value in (settings | changes).items() if value is not None})
