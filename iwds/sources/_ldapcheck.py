"""What `check` sees of a directory server: who it is, what it can, where its limits are, and what it does not show."""

import shlex
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from iwds.core.dn import is_under, normalise_dn
from iwds.core.model import Proof
from iwds.ports import Finding
from iwds.sources._binding import certificate_password
from iwds.sources._check import no_policy, without_policy
from iwds.sources._decode import shape
from iwds.sources._ldapread import Wishes
from iwds.sources._ldapsearch import as_pem
from iwds.sources._ldapsettings import Settings
from iwds.sources._search import NO_SUCH_OBJECT, SUCCESS, Asks, Pull, Search
from iwds.sources._stream import CANARY

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session
    from iwds.sources._follow import Following

Root = dict[str, tuple[str, ...]]
"""What the root entry says (RFC 4512 5.1), by attribute in lower case; () where it says nothing."""

ROOT = Search(
    "",
    "base",
    "(objectClass=*)",
    (
        *("namingContexts", "supportedControl", "supportedCapabilities", "subschemaSubentry"),
        *("vendorName", "vendorVersion", "dnsHostName", "objectClass"),
    ),
)
SIZE_LIMIT_EXCEEDED = 4
_TOO_MANY = frozenset({SIZE_LIMIT_EXCEEDED, 11})
"""Codes for an answer that is too large: 11 is adminLimitExceeded."""
_UNPAGED = 2_000
"""So many entries are asked for at once to see where the server stops: the usual limits are 500 and 1,000."""
_SOON = 30
"""Days before the end of our certificate from which on it is warned about."""
_PUBLIC = stat.S_IRGRP | stat.S_IROTH
_PAGING = "1.2.840.113556.1.4.319"
_AD = "1.2.840.113556.1.4.800"
_CONTROLS = {
    _PAGING: "paging",
    "1.2.840.113556.1.4.473": "sort",
    "2.16.840.1.113730.3.4.9": "list views",
    "1.2.840.113556.1.4.841": "DirSync",
    "1.3.6.1.4.1.4203.1.9.1.1": "content sync",
    "2.16.840.1.113730.3.4.3": "persistent search",
    "1.2.840.113556.1.4.417": "deleted entries",
    "1.2.840.113556.1.4.529": "extended names",
    "1.2.840.113556.1.4.801": "security descriptor flags",
    "1.2.840.113556.1.4.1504": "attribute scope",
    "1.2.826.0.1.3344810.2.3": "matched values",
    "1.3.6.1.4.1.42.2.27.8.5.1": "password policy",
    "1.3.6.1.1.12": "assertion",
    "2.16.840.1.113730.3.4.2": "referrals as entries",
    "2.16.840.1.113730.3.4.18": "proxied authorisation",
}
"""Those that readers of a directory ask about; a server has many more."""


def connection(session: "Session | Following", settings: Settings) -> Iterator[Finding]:
    """Which server answered, as whom it knows us, how the way there is encrypted, and what is wrong with our files."""
    who = settings.bind_dn or ("our certificate" if settings.bind == "external" else "nobody in particular (anonymous)")
    known = session.account()
    known = f", which it knows as {known}" if known and known.removeprefix("dn:") != who.lower() else ""
    first = session.url == settings.urls[0]
    advice = "" if first else "The servers before it in `urls` did not answer."
    yield Finding(True, "connection", f"{session.url} as {who}{known}", advice, warning=not first)
    if not session.encrypted:
        yield Finding(True, "encryption", "none", "Use ldaps:// or `starttls: true`.", warning=True)
    elif not settings.tls_verify:
        advice = "Remove `tls_verify: false` and give the server's CA as `ca_file`."
        yield Finding(True, "encryption", "TLS with anybody: the certificate is not verified", advice, warning=True)
    else:
        yield Finding(True, "encryption", "TLS, certificate verified")
    if settings.password_file is not None and settings.password_file.stat().st_mode & _PUBLIC:
        advice = f"chmod 600 {settings.password_file}"
        yield Finding(True, "password", f"others may read {settings.password_file}", advice, warning=True)
    if settings.certificate is not None:
        yield from _certificate(session, settings, settings.certificate)


def _certificate(session: "Session | Following", settings: Settings, file: Path) -> Iterator[Finding]:
    from iwds.clienttls import client_certificates  # only whoever has a certificate waits for what reads it

    ours = client_certificates(file, certificate_password(session.url, settings))[0]
    end = ours.not_valid_after_utc
    days = (end - datetime.now(UTC)).days
    detail = f"{ours.subject.rfc4514_string()}, valid until {end:%Y-%m-%d}, {days} days"
    yield Finding(True, "certificate", detail, "" if days >= _SOON else "Renew it in time.", warning=days < _SOON)
    if (pem := as_pem(file)) != file:
        made = f"(umask 077; openssl pkcs12 -nodes -in {shlex.quote(str(file))} -out {shlex.quote(str(pem))})"
        yield Finding(True, "certificate", "ldapsearch takes PEM alone; for the commands below make one of it", made)


def root_of(asks: Asks) -> Root:
    """What the root entry says to this account."""
    wanted = {name.lower() for name in ROOT.attributes}
    page = asks.page(ROOT, b"")
    return shape(*page.entries[0], wanted).attrs if page.entries else dict.fromkeys(wanted, ())


def server(root: Root, url: str) -> Iterator[Finding]:
    """Whose product it is, what its name is, and which controls it announces."""
    vendor = " ".join(each.strip() for name in ("vendorname", "vendorversion") for each in root.get(name, ()))
    if "openldaprootdse" in map(str.lower, root.get("objectclass", ())):
        vendor = vendor or "OpenLDAP"
    if _AD in root.get("supportedcapabilities", ()):
        vendor = f"{vendor}, speaks Active Directory" if vendor else "Active Directory"
    name = next(iter(root.get("dnshostname", ())), url)
    yield Finding(True, "server", f"{vendor or 'a product that does not name itself'}; {name} answered")
    announced = root.get("supportedcontrol", ())
    named = [words for number, words in _CONTROLS.items() if number in announced]
    others = len(set(announced) - _CONTROLS.keys())
    told = ", ".join(named) + (f" and {others} others" if named and others else "") or "none"
    if _PAGING in announced:
        yield Finding(True, "controls", told)
    else:
        advice = "Without pages everything comes in one answer, as far as the server's size limit lets it."
        yield Finding(True, "controls", f"{told}; no paging is announced", advice, warning=True)


def bases(asks: Asks, wishes: Wishes) -> Iterator[Finding]:
    """A line for each base that is not there: no reading is proven without it."""
    for setting, searches in (("groups", wishes.group_searches()), ("users", wishes.user_searches(()))):
        for search in searches:
            seen = asks.page(replace(search, scope="base", filter="(objectClass=*)", attributes=("1.1",)), b"")
            if seen.code == NO_SUCH_OBJECT:
                told = f"The base {search.base} does not exist, or the account may not see it (32 noSuchObject)."
                advice = f"Correct `base` of `{setting}`, or let the account see it."
                yield Finding(False, "base", told, advice)


def limits(asks: Asks, wishes: Wishes) -> Iterator[Finding]:
    """Whether pages of the size that is configured are given, and after how many entries an answer without them ends.

    A page that is refused is the reading's to report: here it is only said how large pages may be.
    """
    search = replace(wishes.user_searches(())[0], attributes=("1.1",))
    page = asks.page(search, b"")
    if page.code != SUCCESS:
        detail = f"pages of {search.page_size:,} are refused: {page.code} {page.name} {page.text}".rstrip()
        advice = "Make `page_size` smaller." if page.code in _TOO_MANY else "See the server's log."
        yield Finding(True, "limits", detail, advice, warning=True)
    elif page.cookie and len(page.entries) < search.page_size:
        yield Finding(True, "limits", f"pages of {search.page_size:,} are asked for, and {len(page.entries):,} given")
    else:
        yield Finding(True, "limits", f"pages of {search.page_size:,} are accepted")
    whole = asks.page(replace(search, page_size=0, size_limit=_UNPAGED), b"")
    count = len(whole.entries)
    if whole.code == SIZE_LIMIT_EXCEEDED and count < _UNPAGED:
        yield Finding(True, "limits", f"without pages {count:,} entries come and no more, by the server's size limit")
    elif whole.code in (SUCCESS, SIZE_LIMIT_EXCEEDED):
        yield Finding(True, "limits", f"without pages {count:,} entries came, and no size limit was met")
    else:
        yield Finding(True, "limits", f"without pages: {whole.code} {whole.name} {whole.text}".rstrip())


class Places:
    """How many people came from each base."""

    def __init__(self, bases: Sequence[str]) -> None:
        self._bases = {base: normalise_dn(base) for base in bases}
        self._counts: Counter[str] = Counter()

    def saw(self, name: str) -> None:
        """Count somebody of this name."""
        folded = normalise_dn(name) if len(self._bases) > 1 else ""
        self._counts.update(base for base, under in self._bases.items() if not folded or is_under(folded, under))

    def findings(self) -> Iterator[Finding]:
        """A line for each base."""
        for base in self._bases:
            yield _below("people", base, self._counts[base])


def groups(asks: Asks, wishes: Wishes) -> Iterator[Finding]:
    """A line for each base of groups; what is wrong with these searches is said by the reading."""
    for search in wishes.group_searches():
        pull = Pull(asks.page, replace(search, attributes=("1.1",)), lambda _: None, wishes.ignore_references)
        yield _below("groups", search.base, sum(map(len, pull)))


def _below(what: str, base: str, count: int) -> Finding:
    advice = "" if count else "Compare the base and the filter, and what the account may see."
    return Finding(True, what, f"{count:,} below {base}", advice, warning=not count)


def canaries(proof: Proof, named: int) -> Iterator[Finding]:
    """Those that did not come are problems of the reading."""
    if named and not any(problem.startswith(CANARY) for problem in proof.problems):
        yield Finding(True, "canaries", "the one came" if named == 1 else f"all {named} came")


def lacking(asks: Asks, wishes: Wishes, proof: Proof, root: Root) -> Iterator[Finding]:
    """How many people have each attribute, and a line for each that nobody has: whether it exists and may be seen."""
    if proof.count and proof.presence:
        had = ", ".join(f"{attribute} {present:,}" for attribute, present in proof.presence.items())
        yield Finding(True, "attributes", f"of {proof.count:,} people: {had}")
    absent = [attribute for attribute, present in proof.presence.items() if proof.count and not present]
    known = _schema(asks, root) if absent else frozenset()
    _, policy = without_policy(name for name in absent if known and name not in known)
    yield from no_policy(policy, "the server has no schema for")
    absent = [name for name in absent if name not in policy]
    for attribute in absent:
        if known and attribute not in known:
            advice = "Compare its spelling in the mapping with the server's schema."
            yield _look(f"the server knows no attribute {attribute}", advice)
        elif _readable(asks, wishes, attribute):
            yield _look(f"nobody has {attribute}, and the account may look at it", "Right where nobody is to have it.")
        else:
            advice = "Give the account the right to read it, or take it out of the mapping."
            yield _look(f"the account may not read {attribute} of anybody", advice)


def _look(detail: str, advice: str) -> Finding:
    return Finding(True, "attributes", detail, advice, warning=True)


def _readable(asks: Asks, wishes: Wishes, attribute: str) -> bool:
    """Whether a filter with it is ever true or false: of what may not be seen it is neither (RFC 4511 4.5.1.7).

    So nobody is found by `it is there or it is not` who may not be asked about it.
    """
    either = f"(|({attribute}=*)(!({attribute}=*)))"
    for search in wishes.user_searches(()):
        asked = replace(search, filter=f"(&{search.filter}{either})", attributes=("1.1",), page_size=0, size_limit=1)
        if asks.page(asked, b"").entries:
            return True
    return False


def _schema(asks: Asks, root: Root) -> frozenset[str]:
    """The names of all attributes that the server knows (RFC 4512 4.2), in lower case; none where it does not say."""
    place = next(iter(root.get("subschemasubentry", ())), "")
    if not place:
        return frozenset()
    page = asks.page(Search(place, "base", "(objectClass=*)", ("attributeTypes",)), b"")
    described = [
        text for entry in page.entries for text in shape(*entry, ("attributetypes",)).attrs.get("attributetypes", ())
    ]
    return frozenset(name.lower() for text in described for name in _names(text))


def _names(description: str) -> list[str]:
    """The names in `( 2.5.4.3 NAME ( 'cn' 'commonName' ) …`."""
    after = description.partition(" NAME ")[2].lstrip()
    named = after[1:].partition(")")[0] if after.startswith("(") else after.partition("' ")[0]
    return [each for each in named.replace("'", " ").split() if each]
