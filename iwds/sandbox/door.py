"""The list of addresses that are answered."""

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from iwds.sandbox.behaviour import Network
from iwds.sandbox.mischief import page


class Door:
    """Lets through who comes from one of the `allowed` networks; others get a page with status 403, read nothing."""

    def __init__(self, app: ASGIApp, allowed: Sequence[Network]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._admits(scope):
            await self._app(scope, receive, send)
            return
        refusal = page(403, "Forbidden", "Your address is not on the list of this service.", Connection="close")
        await refusal(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        client = scope.get("client")
        return client is not None and is_allowed(client[0], self._allowed)


def is_allowed(host: str, allowed: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks. An IPv4 address that is written as IPv6 is what it stands for."""
    address = ipaddress.ip_address(host.partition("%")[0])
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in allowed)
