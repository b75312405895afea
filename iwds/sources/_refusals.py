"""Why Active Directory refuses a bind: it answers 49 for everything and hides the reason as a number in its text."""

import re

_DATA = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_REASONS = {
    "525": "there is no such account",
    "52e": "the name or the password is wrong",
    "530": "the account may not log on at this hour",
    "531": "the account may not log on from here",
    "532": "its password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "its password must be changed first",
    "775": "the account is locked after too many wrong passwords",
}
"""Windows' error codes in hexadecimal (MS-ERREF 2.2), as far as a bind gives them."""


def reason(said: str) -> str:
    """The reason in words, from what the server said; empty where it is not one of these."""
    found = _DATA.search(said)
    return _REASONS.get(found[1].lower(), "") if found else ""
