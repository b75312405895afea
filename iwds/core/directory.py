"""Whether a directory considers a person's account usable, decided from the values it stores.

Each decision answers True (usable), False (disabled or expired) or None (the values do not tell). Values come as a
source reads them: None where an attribute was not readable, an empty tuple where it was asked for and is absent.

`KINDS` says by which attributes each kind of directory tells, and what else of it can be asked for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Values = tuple[str, ...] | None

ACCOUNT_DISABLED = 2
"""The bit of userAccountControl that disables an account (MS-ADTS 2.2.16, ADS_UF_ACCOUNT_DISABLE)."""

LOCKOUT, DONT_EXPIRE_PASSWORD, PASSWORD_EXPIRED = 0x10, 0x1_0000, 0x80_0000
"""Further bits of it. The first and the last are only true in msDS-User-Account-Control-Computed, which the server
works out when it is asked, from the policies that hold for this person (MS-ADTS 3.1.1.4.5.17)."""

FLAGS = frozenset({"useraccountcontrol", "msds-user-account-control-computed", "nsaccountlock", "pwdreset"})
"""Attributes that checks read and that say nothing of a time."""

NEVER = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
"""Values of accountExpires that mean never (MS-ADA1 2.2)."""

PERMANENT_LOCK = "000001010000Z"
"""The pwdAccountLockedTime of an account that only an administrator can unlock (draft-behera-ldap-password-policy)."""

_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_LIMIT = 99_999
"""What shadowMax says where passwords do not age, see shadow(5); some say -1."""
_TIME = re.compile(
    r"(?P<date>[0-9]{8})(?P<hour>[01][0-9]|2[0-3])(?:(?P<minute>[0-5][0-9])(?P<second>[0-5][0-9]|60)?)?"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2})(?P<minutes>[0-5][0-9])?)"
)
"""A moment as LDAP writes it (GeneralizedTime, RFC 4517 3.3.13)."""


def active_directory(control: Values, expires: Values, now: datetime) -> bool | None:
    """Active Directory: userAccountControl without its disabled bit, and accountExpires not yet reached.

    Every user of a domain has both attributes, so that an absent one was hidden by an access rule and tells nothing.
    """
    flags, moment = _integer(control), _integer(expires)
    enabled = None if flags is None else not flags & ACCOUNT_DISABLED
    if moment is None or moment < 0:
        return _both(enabled, None)
    return _both(enabled, moment in NEVER or _filetime(now) < moment)


def ad_lockout(lockout_time: Values, computed: Values, _: datetime) -> bool | None:
    """Active Directory: not locked after too many wrong passwords.

    Args:
        lockout_time: lockoutTime. It stays when the lock has ended, until the next logon, so that it alone only tells
            who is not locked: 0 or absent.
        computed: msDS-User-Account-Control-Computed, which knows how long a lock lasts.
    """
    flags = _integer(computed)
    if flags is not None:
        return not flags & LOCKOUT
    return True if lockout_time == () or _integer(lockout_time) == 0 else None


def ad_password_age(computed: Values, _: datetime) -> bool | None:
    """Active Directory: the password has not expired, as the server works it out from the policies."""
    flags = _integer(computed)
    return None if flags is None else not flags & PASSWORD_EXPIRED


def ad_password_set(control: Values, last_set: Values, _: datetime) -> bool | None:
    """Active Directory: pwdLastSet is not 0, which asks for another password, unless passwords never expire here."""
    flags, moment = _integer(control), _integer(last_set)
    if flags is not None and flags & DONT_EXPIRE_PASSWORD:
        return True
    if moment is None or moment < 0:
        return None
    return True if moment else _unless(flags)


def openldap(locked: Values, start: Values, end: Values, shadow_expire: Values, now: datetime) -> bool | None:
    """OpenLDAP and its kin: not locked for good by the password policy overlay, within its time, and not expired.

    Args:
        locked: pwdAccountLockedTime. Any time but the permanent one is when somebody mistyped a password too often
            (pwdLockout, pwdMaxFailure). That ends by itself after pwdLockoutDuration, a stranger can provoke it, and
            it is no word of the directory's owner about the person: it disables nobody here.
        start: pwdStartTime, from which on the account may be used.
        end: pwdEndTime, from which on it may not.
        shadow_expire: days since 1970-01-01; absent or -1 for never. 0 is read both ways in the wild, see shadow(5),
            so that it tells nothing.
        now: with time zone.
    """
    if () == locked == start == end == shadow_expire:
        return True  # as nearly all are
    unlocked = None if locked is None else PERMANENT_LOCK not in locked
    within = _both(_since(start, now), _before(end, now))
    return _both(_both(unlocked, within), _not_expired(shadow_expire, now))


def openldap_lockout(locked: Values, _: datetime) -> bool | None:
    """OpenLDAP: no lock at all. The time of one that has ended stays until the next bind, and counts as a lock."""
    return None if locked is None else not locked


def shadow_password_age(last_change: Values, longest: Values, now: datetime) -> bool | None:
    """shadowAccount: the password is not older than shadowMax days. On the last day it is still good."""
    return _aged(last_change, longest, ("0",), now)


def shadow_inactivity(last_change: Values, longest: Values, inactive: Values, now: datetime) -> bool | None:
    """shadowAccount: not shadowInactive days more have gone by since, after which nobody may log in any more."""
    return True if inactive == () else _aged(last_change, longest, inactive, now)


def openldap_password_set(reset: Values, last_change: Values, _: datetime) -> bool | None:
    """OpenLDAP: no other password is asked for first, by pwdReset, or by a shadowLastChange of 0."""
    days = _integer(last_change)
    changed = True if last_change == () else None if days is None else days != 0
    return _both(_not_true(reset), changed)


def ds389(lock: Values, _: datetime) -> bool | None:
    """389 Directory Server: nsAccountLock is not true, whether it stands on the person or comes by a role."""
    return _not_true(lock)


def ds389_lockout(until: Values, now: datetime) -> bool | None:
    """389 Directory Server: accountUnlockTime is absent or over; 1970-01-01 means never."""
    moment = _moment(until)
    return True if until == () else None if moment is None else _UNIX_EPOCH < moment <= now


def ds389_password_age(expires: Values, now: datetime) -> bool | None:
    """389 Directory Server: passwordExpirationTime has not come; 1970-01-01 asks for another password first."""
    return _before(expires, now)


@dataclass(frozen=True, slots=True)
class Check:
    """One question about an account: the attributes that answer it, lower-case, in the order that `decide` takes."""

    reads: tuple[str, ...]
    decide: Callable[..., bool | None]


USABLE = ""
"""What counts without being asked for: disabled by the owner of the directory, or expired."""
KINDS: Mapping[str, Mapping[str, Check]] = {
    "active-directory": {
        USABLE: Check(("useraccountcontrol", "accountexpires"), active_directory),
        "locked": Check(("lockouttime", "msds-user-account-control-computed"), ad_lockout),
        "password-expired": Check(("msds-user-account-control-computed",), ad_password_age),
        "password-must-change": Check(("useraccountcontrol", "pwdlastset"), ad_password_set),
    },
    "openldap": {
        USABLE: Check(("pwdaccountlockedtime", "pwdstarttime", "pwdendtime", "shadowexpire"), openldap),
        "locked": Check(("pwdaccountlockedtime",), openldap_lockout),
        "inactive": Check(("shadowlastchange", "shadowmax", "shadowinactive"), shadow_inactivity),
        "password-expired": Check(("shadowlastchange", "shadowmax"), shadow_password_age),
        "password-must-change": Check(("pwdreset", "shadowlastchange"), openldap_password_set),
    },
    "389-ds": {
        USABLE: Check(("nsaccountlock",), ds389),
        "locked": Check(("accountunlocktime",), ds389_lockout),
        "password-expired": Check(("passwordexpirationtime",), ds389_password_age),
    },
}
"""By kind of directory: what counts always, and by name what counts where it is asked for."""


def _not_expired(shadow_expire: Values, now: datetime) -> bool | None:
    if shadow_expire == ():
        return True
    days = _integer(shadow_expire)
    if days is None or days < -1 or days == 0:
        return None
    return days == -1 or (now - _UNIX_EPOCH).days < days


def _aged(last_change: Values, longest: Values, more: Values, now: datetime) -> bool | None:
    """Whether a password that was changed on a day is not older than so many days and some more."""
    if () in (last_change, longest, more):
        return True
    changed, most, beyond = _integer(last_change), _integer(longest), _integer(more)
    if -1 in (changed, most, beyond) or (most is not None and most >= _NO_LIMIT):
        return True
    if changed is None or most is None or beyond is None or changed <= 0 or most < 0 or beyond < 0:
        return None
    return (now - _UNIX_EPOCH).days <= changed + most + beyond


def _since(values: Values, now: datetime) -> bool | None:
    moment = _moment(values)
    return True if values == () else None if moment is None else moment <= now


def _before(values: Values, now: datetime) -> bool | None:
    moment = _moment(values)
    return True if values == () else None if moment is None else now < moment


def _not_true(values: Values) -> bool | None:
    """Whether a switch that is off where it is absent is off."""
    if values is None or len(values) > 1:
        return None
    return {"true": False, "false": True}.get(values[0].strip().lower()) if values else True


def _unless(flags: int | None) -> bool | None:
    """No, but not known where the flags that could make an exception are not."""
    return None if flags is None else False


def generalized_time(text: str) -> datetime | None:
    """The moment that a GeneralizedTime means, in UTC; None for anything else, and for one that no calendar has."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    unit = "second" if found["second"] else "minute" if found["minute"] else "hour"
    parts = {f"{name}s": float(found[name] or 0) for name in ("hour", "minute", "second")}
    parts[f"{unit}s"] += float(f"0.{found['fraction'] or 0}")
    ahead = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    try:
        day = datetime.strptime(found["date"], "%Y%m%d").replace(tzinfo=UTC)
        return day + timedelta(**parts) + (ahead if found["sign"] == "-" else -ahead)
    except (ValueError, OverflowError):  # no day of any month, or the year 0 or 10000
        return None


def _moment(values: Values) -> datetime | None:
    """The one moment in these values, or None."""
    return generalized_time(values[0].strip()) if values is not None and len(values) == 1 else None


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
