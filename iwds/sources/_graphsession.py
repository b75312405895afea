"""The HTTP under Microsoft Graph and its tokens: one session of requests, for us and for MSAL.

Nothing of the environment counts: no CA bundle, which requests would put above ours, no proxy, and no .netrc, which it
would send instead of our token.
"""

import ssl
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

_CONNECTIONS = 4
_TOO_MANY = 429


class GraphSession(requests.Session):
    """A session with our own authorities, our own proxy and a time limit for every request. Follows no redirect."""

    def __init__(self, context: ssl.SSLContext, proxy: str, timeout_s: float) -> None:
        super().__init__()
        self.trust_env = False
        self._timeout = timeout_s
        self.proxies = {"https": proxy} if proxy else {}
        self.headers["User-Agent"] = "iwds"
        self.adapters.clear()
        self.mount("https://", _OurAuthorities(context))

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """As requests does it, with our time limit where none is given."""
        options["timeout"] = options.get("timeout") or self._timeout
        options["allow_redirects"] = False
        response = super().request(*arguments, **options)
        if response.status_code == _TOO_MANY and response.request.method == "POST":
            # MSAL, which alone posts, would make an answer of it that looks like a refusal.
            raise requests.HTTPError("too many requests", response=response)
        return response


class _OurAuthorities(HTTPAdapter):
    """Verifies servers by one context alone; requests would add a bundle of its own to it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Connections with our context."""
        super().init_poolmanager(*arguments, **{**options, "ssl_context": self._context})

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The same through a proxy."""
        return super().proxy_manager_for(proxy, **{**options, "ssl_context": self._context})

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Always, and by nothing but the context."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None


def with_password(proxy: str, user: str, password: str) -> str:
    """The address of a proxy as requests wants it."""
    if not user:
        return proxy
    parts = urlsplit(proxy)
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"))
