"""Where tokens come from: a tenant's authority as MSAL needs it, strict about who asks."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.graph.tenant import TENANT

APP = "5d1c2b8e-74f0-4c55-8f0a-2b9d6e3a1c47"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Authority:
    """Gives tokens to one application.

    Attributes:
        origin: where it answers.
        secret: the secret that is right.
        certificate: the one that is registered with the application; None for none.
        lifetime: seconds that a token is said to be good.
        asked: how often a token was asked for.
        roles: the permissions that tokens speak of.
        tokens: those that are good now, with when they end.
        scopes: what they were asked for.
        refuses: an error that everybody gets, as (status, error, description).
    """

    origin: str = ""
    secret: str = "right"
    certificate: x509.Certificate | None = None
    lifetime: int = 3600
    asked: int = 0
    roles: set[str] = field(default_factory=set)
    tokens: dict[str, float] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    algorithms: list[str] = field(default_factory=list)
    refuses: tuple[int, str, str] | None = None

    def discovery(self, tenant: str) -> tuple[int, dict[str, Any]]:
        """What MSAL reads first."""
        if tenant != TENANT:
            return 400, _error("invalid_tenant", 90002, f"Tenant '{tenant}' not found. Check to make sure.")
        base = f"{self.origin}/{tenant}"
        return 200, {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def token(self, tenant: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """A token, or why there is none."""
        self.asked += 1
        if self.refuses is not None:
            status, error, description = self.refuses
            return status, {"error": error, "error_description": description}
        if form.get("client_id") != APP:
            return 400, _error("unauthorized_client", 700016, "Application with identifier was not found.")
        refused = self._refused(form, f"{self.origin}/{tenant}/oauth2/v2.0/token")
        if refused is not None:
            return 401, refused
        token = ".".join((_part({"alg": "none"}), _part({"roles": sorted(self.roles)}), secrets.token_urlsafe(32)))
        self.tokens[token] = time.monotonic() + self.lifetime
        self.scopes.append(form["scope"])
        return 200, {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token}

    def knows(self, header: str) -> bool:
        """Whether an Authorization header holds a token that is good now."""
        return self.tokens.get(header.removeprefix("Bearer "), 0.0) > time.monotonic()

    def _refused(self, form: Mapping[str, str], endpoint: str) -> dict[str, Any] | None:
        if form.get("grant_type") != "client_credentials":
            return _error("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_assertion_type") == _ASSERTION:
            return self._assertion(form["client_assertion"], endpoint)
        if form.get("client_secret") != self.secret:
            return _error("invalid_client", 7000215, "Invalid client secret provided. Ensure the secret is the value.")
        return None

    def _assertion(self, assertion: str, endpoint: str) -> dict[str, Any] | None:
        header = jwt.get_unverified_header(assertion)
        self.algorithms.append(header["alg"])
        try:
            if self.certificate is None or header.get("x5t#S256", "").rstrip("=") != _thumbprint(self.certificate):
                raise jwt.InvalidTokenError("the thumbprint is of another certificate")
            claims = jwt.decode(
                assertion,
                self.certificate.public_key(),  # type: ignore[arg-type]
                algorithms=["PS256", "RS256"],
                audience=endpoint,
                options={"require": ["exp", "iss", "sub", "jti"]},
            )
            if claims["iss"] != APP or claims["sub"] != APP:
                raise jwt.InvalidTokenError("it is of another application")
        except jwt.InvalidTokenError as error:
            return _error("invalid_client", 700027, f"Client assertion failed signature validation. {error}")
        return None


def _part(of: dict[str, Any]) -> str:
    """A part of a token as it is written, without padding."""
    return base64.urlsafe_b64encode(json.dumps(of).encode()).decode().rstrip("=")


def _thumbprint(certificate: x509.Certificate) -> str:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _error(error: str, code: int, text: str) -> dict[str, Any]:
    description = f"AADSTS{code}: {text} Trace ID: 0000 Correlation ID: 1111 Timestamp: 2026-11-22 15:00:00Z"
    return {"error": error, "error_description": description, "error_codes": [code]}
