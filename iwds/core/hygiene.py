"""What a doctor says of two sides before they meet for the first time: the words, and what one look at somebody tells.

A finding has a code. What it counts is counted where the plan of the same reading is made, so both have one number.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from iwds.core.directory import DONT_EXPIRE_PASSWORD, active_directory, openldap
from iwds.core.model import Account, Anchor, fold

MANY_ADMINISTRATORS = 5
"""More active administrators than this are many."""
FEW_ADMINISTRATORS = 2
"""Fewer active administrators than this are one lost telephone away from none."""
LARGE_GROUP = 1_500
"""More members than this are many: Active Directory sends the members of a larger group in parts."""


class Severity(StrEnum):
    """What a finding asks for."""

    MEND = "mend"
    """Somebody gets no login, or a group is not given, until it is mended."""
    LOOK = "look"
    """It works, and is often a mistake."""
    KNOW = "know"
    """Nothing to do: it explains a number."""


class Code(StrEnum):
    """What was found, in the order in which it is told."""

    SAME_LOGIN = "same-login"
    LOGIN_NOT_ALLOWED = "login-not-allowed"
    NO_LOGIN = "no-login"
    NOT_MAPPED = "not-mapped"
    LOGIN_TAKEN = "login-taken"
    WHOSE_LOGIN = "whose-login"
    ANOTHER_LOGIN = "another-login"
    SECOND_LOGIN = "second-login"
    GROUP_MISSING = "group-missing"
    FEW_ADMINISTRATORS = "few-administrators"
    NOT_ADOPTED = "not-adopted"
    ALIKE_LOGINS = "alike-logins"
    ALIKE_ON_SERVICE = "alike-on-service"
    SAME_MAIL = "same-mail"
    SAME_MAIL_ON_SERVICE = "same-mail-on-service"
    STILL_ACTIVE = "still-active"
    EXPIRED_ENABLED = "expired-enabled"
    SERVICE_ACCOUNT = "service-account"
    GROUP_GONE = "group-gone"
    GROUP_EMPTY = "group-empty"
    MEMBER_NOBODY = "member-nobody"
    ORPHAN = "unexplained-ours"
    MANY_ADMINISTRATORS = "many-administrators"
    GROUP_LARGE = "group-large"
    SEVERAL_SOURCES = "several-sources"
    OTHER_TAG = "unexplained-other"
    CONSOLE = "unexplained-console"
    UNKNOWN_ORIGIN = "unexplained-unknown"
    IDLE = "idle-seat"


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said of a finding: what it is, why it matters, and what to do."""

    severity: Severity
    title: str
    why: str
    what: str


_MEND, _LOOK, _KNOW = Severity.MEND, Severity.LOOK, Severity.KNOW
_UNEXPLAINED = "nobody who was read explains them; a run never touches them, and they take seats"

ADVICE: Mapping[Code, Advice] = {
    Code.SAME_LOGIN: Advice(
        _MEND, "several people want one login",
        "a login is one person's, so nobody new gets it",
        "correct it in the directory, or let the mapping number them (collision: number)",
    ),
    Code.LOGIN_NOT_ALLOWED: Advice(
        _MEND, "the login has what the service or the mapping does not allow",
        "these people get no login",
        "take the proposed one (in plain Latin letters, without what may not stand in it, cut to length), or let the"
        " mapping make it for everybody: transliterate and replace at its login",
    ),
    Code.NO_LOGIN: Advice(
        _MEND, "the login is empty or not known",
        "these people get no login",
        "give them the attribute that the mapping makes the login of, or put them under exclude",
    ),
    Code.NOT_MAPPED: Advice(
        _MEND, "another field cannot be mapped",
        "these people keep what they have, and get no login",
        "each row says what is wrong; correct it in the directory, or in the mapping",
    ),
    Code.LOGIN_TAKEN: Advice(
        _MEND, "the login that they want stands for somebody else",
        "they are not created, or not renamed, until that name is free",
        "rename one of the two in the directory",
    ),
    Code.WHOSE_LOGIN: Advice(
        _MEND, "a login may be theirs, and no rule can tell",
        "they are neither matched nor created: that might be a second login",
        "say whose it is: iwds match JOB",
    ),
    Code.ANOTHER_LOGIN: Advice(
        _MEND, "the login that we remember of them is another one now",
        "somebody made it anew on the service; it is left alone",
        "look at it: iwds login show LOGIN",
    ),
    Code.SECOND_LOGIN: Advice(
        _MEND, "two logins of ours stand for one person",
        "the second one takes a seat, and is left alone",
        "delete the one that is not used in the service's console",
    ),
    Code.GROUP_MISSING: Advice(
        _MEND, "the service lacks a group that the mapping fills",
        "such memberships are not made",
        "make it in the service's console, or correct its name in the mapping",
    ),
    Code.FEW_ADMINISTRATORS: Advice(
        _MEND, f"fewer than {FEW_ADMINISTRATORS} active administrators on the service",
        "who loses the only one can let nobody in again, and no run demotes or locks one of the last",
        "make another administrator in the service's console",
    ),
    Code.NOT_ADOPTED: Advice(
        _LOOK, "a login has their name, of an origin that this job does not adopt",
        "it is left alone, and they get no other one",
        "if these are your people's logins, name the origin in the job (adopt: [TAG])",
    ),
    Code.ALIKE_LOGINS: Advice(
        _LOOK, "logins of different people that look the same",
        "they differ in spaces or in forms of one letter only, and people and helpdesks mix them up",
        "rename one of them in the directory, before they have logins",
    ),
    Code.ALIKE_ON_SERVICE: Advice(
        _LOOK, "a new login looks like one that is on the service",
        "if that one is theirs they get a second one",
        "look at both; correct the name on one side",
    ),
    Code.SAME_MAIL: Advice(
        _LOOK, "people share a mail address",
        "activation links of one reach the other, and nobody is recognised by such an address",
        "give each an address of their own, or exclude shared mailboxes",
    ),
    Code.SAME_MAIL_ON_SERVICE: Advice(
        _LOOK, "logins on the service share a mail address",
        "often two logins of one person; nobody is recognised by such an address",
        "delete the one that is not used in the service's console",
    ),
    Code.STILL_ACTIVE: Advice(
        _LOOK, "disabled or expired in the directory, and active on the service",
        "they can still log in",
        "a run locks those that are ours or become ours; the others an administrator has to lock",
    ),
    Code.EXPIRED_ENABLED: Advice(
        _LOOK, "expired by their date in the directory, and not disabled there",
        "whatever does not look at the date still lets them in",
        "disable them in the directory, or correct the date",
    ),
    Code.SERVICE_ACCOUNT: Advice(
        _LOOK, "looks like a service account",
        "nobody can activate it, and it takes a seat",
        "put them under exclude in the mapping, or narrow the filter of the source",
    ),
    Code.GROUP_GONE: Advice(
        _LOOK, "a group of the directory that the mapping names is not there",
        "what the mapping gives for it nobody gets",
        "correct its name in the mapping, or let the account that reads see it",
    ),
    Code.GROUP_EMPTY: Advice(
        _LOOK, "nobody is in a group of the directory that the mapping names",
        "what the mapping gives for it nobody gets; often its name is mistyped",
        "compare the names; right where nobody is to be in it yet",
    ),
    Code.MEMBER_NOBODY: Advice(
        _LOOK, "memberships that lead to nobody who was read",
        "who left and stayed in a group, or whom the source does not select",
        "clean up the groups, or widen base and filter of the source",
    ),
    Code.ORPHAN: Advice(
        _LOOK, "logins with our tag on the service that no person explains",
        _UNEXPLAINED,
        "delete them in the service's console, or correct the login in the directory",
    ),
    Code.MANY_ADMINISTRATORS: Advice(
        _LOOK, "many active administrators on the service",
        "each of them can let anybody in",
        "demote those who do not need it",
    ),
    Code.GROUP_LARGE: Advice(
        _KNOW, "large groups",
        "Active Directory sends more than 1,500 members in parts, and one edit moves many people",
        "watch the first plan's memberships in them",
    ),
    Code.SEVERAL_SOURCES: Advice(
        _KNOW, "people whom several sources have",
        "the first source that the job lists counts; what the others say of them is not used",
        "change the order of the sources, or let their bases not overlap",
    ),
    Code.OTHER_TAG: Advice(
        _KNOW, "logins of another tool on the service that no person explains",
        _UNEXPLAINED, "nothing, where that tool looks after them",
    ),
    Code.CONSOLE: Advice(
        _KNOW, "logins made in the console that no person explains",
        _UNEXPLAINED, "nothing, where an administrator looks after them",
    ),
    Code.UNKNOWN_ORIGIN: Advice(
        _KNOW, "logins of unknown origin on the service that no person explains",
        _UNEXPLAINED, "ask who made them",
    ),
    Code.IDLE: Advice(
        _KNOW, "seats that nobody uses any more",
        "active logins whose last login is long ago",
        "see all of them: iwds activations --idle 180d",
    ),
}  # fmt: skip
"""What is said of each code."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom, or which group, a finding is about.

    Attributes:
        login: as the mapping makes it, or as it is on the service; empty for none.
        name: the entry as the directory names it, or the group.
        source: where the entry was read.
        proposed: a login that would be allowed.
    """

    login: str = ""
    anchor: Anchor | None = None
    login_id: int | None = None
    name: str = ""
    source: str = ""
    detail: str = ""
    proposed: str = ""


def severity_of(counts: Mapping[Code, int]) -> Severity | None:
    """The worst that was found; None for nothing."""
    found = {ADVICE[code].severity for code, count in counts.items() if count}
    return next((each for each in Severity if each in found), None)


# What has no width and is no letter: joiners, marks of direction, variation selectors, the soft hyphen.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def loose(login: str) -> str:
    """A login as people see it: without case, space and what has no width, and in one form of each letter.

    Names that `core.model.fold` makes one are one here too. Doing it twice changes nothing more.
    """
    if login.isascii():  # nearly all, at a tenth of the time
        return "".join(login.lower().split())
    text, before = fold(login), None
    # One round may bring forth what the next one folds: a letter and its mark meet where a space went.
    while text != before:
        before = text
        folded = unicodedata.normalize("NFKC", text.casefold())
        text = "".join(_INVISIBLE.sub("", folded).split())
    return text


# Behind a dot only what is nobody's first or last name: there are people called Sa, App and Bot.
_BY_WORD = re.compile(
    r"(?:svc|srv|service|adm|admin|test)[-_.].+|(?:sa|sys|app|bot|tmp|temp)[-_].+"
    r"|.+[-_.](?:svc|srv|service|adm|admin|test)|.+[-_](?:sys|app|bot|tmp|temp)"
    r"|admin|administrator|root|guest|krbtgt|nobody|backup|scanner|printer|test|no-?reply|postmaster|.+\$"
)


def account_look(account: Account, attrs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Why an account looks as if no person were behind it; empty where it does not.

    It does by its name, or where mail and names are known to be empty. That its password never expires is only added:
    many people have that too.

    Args:
        account: as the mapping made it.
        attrs: of the entry, as far as the mapping reads them.
    """
    named = ("it is called like one",) if called_like_one(account.login) else ()
    why = (*named, *_by_absence(account))
    return (*why, "its password never expires") if why and _never_expires(attrs) else why


def called_like_one(login: str) -> bool:
    """Whether a login is called as service accounts are; a domain before or behind it does not count."""
    return _BY_WORD.fullmatch(loose(login).rpartition("\\")[2].partition("@")[0]) is not None


def _by_absence(account: Account) -> Iterator[str]:
    names = [name for name in (account.firstname, account.name) if name is not None]
    if account.mail == "" and names and not any(names):
        yield "it has neither mail nor name"


def _never_expires(attrs: Mapping[str, tuple[str, ...]]) -> bool:
    flags = attrs.get("useraccountcontrol", ())
    return any(_INTEGER.fullmatch(flag) and int(flag) & DONT_EXPIRE_PASSWORD for flag in flags)


_INTEGER = re.compile("-?[0-9]+")
"""Some tools write the flags as a signed number."""


_ALWAYS: tuple[str, ...] = ("0",)


def expired_enabled(attrs: Mapping[str, tuple[str, ...]], now: datetime) -> bool:
    """Whether an entry has expired by its date and is not disabled by its flag; False where it does not tell both.

    Active Directory by accountExpires and its flag, OpenLDAP by shadowExpire and its lock: slapd itself lets in whoever
    expired by shadowExpire. The end of its own password policy, pwdEndTime, it keeps.
    """
    control, moment = attrs.get("useraccountcontrol"), attrs.get("accountexpires")
    if active_directory(control, _ALWAYS, now) and active_directory(control, moment, now) is False:
        return True
    locked, shadow = attrs.get("pwdaccountlockedtime"), attrs.get("shadowexpire")
    return bool(openldap(locked, (), (), (), now)) and openldap((), (), (), shadow, now) is False


_DANGLING = re.compile(r"groups: (?P<count>[0-9,]+) memberships? leads? to nobody who was read: (?P<names>.*)")


def told_dangling(count: int, names: Iterable[str]) -> str:
    """The sentence in which a source tells how many memberships lead to nobody, with the first few members."""
    shown = list(names)
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    each = "1 membership leads" if count == 1 else f"{count:,} memberships lead"
    return f"groups: {each} to nobody who was read: {'; '.join(shown)}{more}"


def dangling_in(sentences: Iterable[str]) -> tuple[int, str]:
    """How many memberships lead to nobody by the sentences of a proof, and whose; 0 where none says so."""
    found = next(filter(None, map(_DANGLING.fullmatch, sentences)), None)
    return (int(found["count"].replace(",", "")), found["names"]) if found else (0, "")
