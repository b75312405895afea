"""How the local MFA service behaves around its operations: the options of one start.

No library is imported here: the command line shows the dialects in its help.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from iwds.errors import UsageError
from iwds.sandbox.tokens import CACHE

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Dialect(StrEnum):
    """Which description answers follow. The values are the words of the command line."""

    BOTH = "both"
    PUBLISHED = "published"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The options.

    Args:
        dialect: which fields answers carry, and which operations there are.
        option: the paid option for provisioning; without it `IWDS_check` answers a bare `NOK`.
        allow: the addresses that are answered; empty for all.
        tls: folder with the certificates, made where it is missing; None for plain HTTP.
        require_certificate: with TLS, refuse clients that show no certificate.
        token_cache: seconds for which a token of the REST API is believed without another look.
    """

    dialect: Dialect = Dialect.BOTH
    option: bool = True
    allow: tuple[Network, ...] = ()
    tls: Path | None = None
    require_certificate: bool = True
    token_cache: int = CACHE

    @property
    def is_guarded(self) -> bool:
        """Whether strangers are kept out well enough to listen where other machines reach it."""
        return self.tls is not None and self.require_certificate and bool(self.allow)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks (`192.0.2.7`, `192.0.2.0/24`). Raises `UsageError`."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise UsageError(
                f'"{text}" is no address and no network', "write 127.0.0.1, 127.0.0.1/32 or 192.0.2.0/24"
            ) from error
    return tuple(found)
