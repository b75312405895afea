"""Whether a directory considers a person's account usable, decided from the values it stores.

Each decision answers True (usable), False (disabled or expired) or None (the values do not tell). Values come as a
source reads them: None where an attribute was not readable, an empty tuple where it was asked for and is absent.
"""

from datetime import UTC, datetime

Values = tuple[str, ...] | None

ACCOUNT_DISABLED = 2
"""The bit of userAccountControl that disables an account (MS-ADTS 2.2.16, ADS_UF_ACCOUNT_DISABLE)."""

NEVER = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
"""Values of accountExpires that mean never (MS-ADA1 2.2)."""

PERMANENT_LOCK = "000001010000Z"
"""The pwdAccountLockedTime of an account that only an administrator can unlock (draft-behera-ldap-password-policy)."""

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def active_directory(control: Values, expires: Values, now: datetime) -> bool | None:
    """Active Directory: userAccountControl without its disabled bit, and accountExpires not yet reached.

    Every user of a domain has both attributes, so that an absent one was hidden by an access rule and tells nothing.
    """
    flags, moment = _integer(control), _integer(expires)
    enabled = None if flags is None else not flags & ACCOUNT_DISABLED
    if moment is None or moment < 0:
        return _both(enabled, None)
    return _both(enabled, moment in NEVER or _filetime(now) < moment)


def openldap(locked: Values, shadow_expire: Values, now: datetime) -> bool | None:
    """OpenLDAP and its kin: not locked for good by the password policy overlay, and shadowExpire not yet reached.

    Args:
        locked: pwdAccountLockedTime. Any time but the permanent one is when somebody mistyped a password too often
            (pwdLockout, pwdMaxFailure). That ends by itself after pwdLockoutDuration, a stranger can provoke it, and
            it is no word of the directory's owner about the person: it disables nobody here.
        shadow_expire: days since 1970-01-01; absent or -1 for never. 0 is read both ways in the wild, see shadow(5),
            so that it tells nothing.
        now: with time zone.
    """
    unlocked = None if locked is None else PERMANENT_LOCK not in locked
    return _both(unlocked, _not_expired(shadow_expire, now))


def _not_expired(shadow_expire: Values, now: datetime) -> bool | None:
    if shadow_expire == ():
        return True
    days = _integer(shadow_expire)
    if days is None or days < -1 or days == 0:
        return None
    return days == -1 or (now - _UNIX_EPOCH).days < days


def _integer(values: Values) -> int | None:
    """The one whole number in these values, or None."""
    if values is None or len(values) != 1:
        return None
    text = values[0].strip()
    # 64 bits have 19 digits; more would be no value of these attributes, and slow to convert
    return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 20 else None


def _filetime(moment: datetime) -> int:
    """A moment in steps of 100 nanoseconds since 1601, in whole numbers: a float would lose the last steps."""
    since = moment - _FILETIME_EPOCH
    return (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Both, in the logic of three values: a certain no outweighs what is not known."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True
