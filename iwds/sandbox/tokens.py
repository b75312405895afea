"""Tokens of the REST API: how they look, how they are kept, how long one is believed.

A token has the shape of a JSON Web Token, as the vendor's have: `sub` is `SERVICE/USER`. Nobody verifies its signature:
whether it is good is decided by the salted hash in the data file, so that it can be revoked.
"""

import calendar
import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

CACHE = 3600
"""Seconds: a revoked token is no longer usable within one hour (the vendor's words)."""
MONTHS = 13
"""How long a token is good for, unless told otherwise."""
_LONGEST = 4096  # characters; ours have about 250


@dataclass(frozen=True, slots=True)
class Token:
    """A token in the data file. Times are seconds since 1970; `expires` None means never."""

    id: int
    description: str
    subject: str
    made: int
    expires: int | None
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)

    def is_good(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


class Believed:
    """The tokens that were found good not longer than `seconds` ago; 0 believes none without a look."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._found: dict[bytes, tuple[float, Token]] = {}

    def has(self, text: str, now: float) -> bool:
        """Whether this token was found good lately. Its end is heeded at once; its revocation only by the next look."""
        found_at, token = self._found.get(_digest(text), (0.0, None))
        return token is not None and 0 <= now - found_at < self._seconds and token.is_good(now)

    def look(self, text: str, kept: Iterable[Token], now: float) -> bool:
        """Whether this token is one of those `kept` and has not expired."""
        self._found.pop(_digest(text), None)
        if len(text) > _LONGEST:
            return False
        # Each is compared, and in a time that does not tell how much of it was right.
        same = [token for token in kept if hmac.compare_digest(salted(text, token.salt), token.hash)]
        if not same or not same[0].is_good(now):
            return False
        self._found[_digest(text)] = now, same[0]
        return True


def new_token(subject: str, made: int, expires: int | None) -> str:
    """A token that nobody can guess; the key that it was signed with is thrown away."""
    claims: dict[str, str | int] = {"sub": subject, "iat": made, "jti": secrets.token_hex(16)}
    if expires is not None:
        claims["exp"] = expires
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_coded(hmac.digest(secrets.token_bytes(32), signed.encode(), 'sha256'))}"


def salted(text: str, salt: bytes) -> bytes:
    """What is kept of a token. One hash is enough: a token is 256 random bits, and no password."""
    return hmac.digest(salt, text.encode("utf-8", "surrogatepass"), "sha256")


def end_of(day: date) -> datetime:
    """The end of a day in UTC: a token that expires on it is good until then."""
    return datetime.combine(day, time(23, 59, 59), UTC)


def months_later(moment: datetime, months: int = MONTHS) -> datetime:
    """The same time on the same day of a later month, or on its last day where it is shorter."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _part(data: dict[str, str | int]) -> str:
    return _coded(json.dumps(data, separators=(",", ":")).encode())


def _coded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
