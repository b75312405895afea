"""Searches as command lines of OpenLDAP's `ldapsearch`, for a person to paste into a shell."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from iwds.sources._search import Scope, Search

_SCOPES: dict[Scope, str] = {"subtree": "sub", "one": "one", "base": "base"}


_PKCS12 = frozenset({".p12", ".pfx"})


def as_pem(certificate: Path) -> Path:
    """The file that `ldapsearch` needs, which reads no PKCS#12; the same where it is PEM by its name."""
    return certificate.with_suffix(".pem") if certificate.suffix.lower() in _PKCS12 else certificate


@dataclass(frozen=True, slots=True)
class Shell:
    """How `ldapsearch` reaches the server that we reach.

    Attributes:
        account: DN to bind as; empty for anonymous, and with `external`.
        external: bind as whom the server takes the certificate for.
        ca_file: the CA that the server is verified with, empty for the system's.
        certificate: PEM file with ours, empty for none; `key` the one with its key.
        verify: whether the server's certificate is looked at.
    """

    url: str
    account: str = ""
    starttls: bool = False
    external: bool = False
    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True

    def words(self, search: Search) -> tuple[str, ...]:
        """The same search word for word, each quoted for the shell; it asks for the password."""
        plain = ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, *(["-ZZ"] if self.starttls else [])]
        plain += self._who()
        plain += ["-b", search.base, "-s", _SCOPES[search.scope]]
        plain += ["-E", f"!pr={search.page_size}/noprompt"] if search.page_size else []
        plain += [search.filter, *search.attributes]
        return *self._environment(), *map(shlex.quote, plain)

    def line(self, search: Search) -> str:
        """The same on one line."""
        return " ".join(self.words(search))

    def _who(self) -> list[str]:
        if self.external:
            return ["-Q", "-Y", "EXTERNAL"]
        return ["-x", "-D", self.account, "-W"] if self.account else ["-x"]

    def _environment(self) -> list[str]:
        given = {
            "CACERT": self.ca_file,
            "CERT": self.certificate,
            "KEY": self.key,
            "REQCERT": "" if self.verify else "never",
        }
        return [f"LDAPTLS_{name}={shlex.quote(value)}" for name, value in given.items() if value]
