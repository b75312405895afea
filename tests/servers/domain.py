"""A small invented company as an Active Directory domain, as LDIF change records."""

import base64

DOMAIN = "CORP"
SUFFIX = "DC=corp,DC=example"
STAFF = f"OU=Staff,{SUFFIX}"
FORMER = f"OU=Former,{SUFFIX}"
CROWD = f"OU=Crowd,{SUFFIX}"
READER = "svc-iwds"
GROUP_BASE = f"OU=Groups,{SUFFIX}"
FOREIGN = f"CN=S-1-5-21-1-2-3-1104,CN=ForeignSecurityPrincipals,{SUFFIX}"
CROWD_SIZE = 2100
PASSWORD = "Passw0rd!123"
"""Of everybody who has one, the administrator too."""
DOMAIN_USERS = f"CN=Domain Users,CN=Users,{SUFFIX}".lower()
DOMAIN_GUESTS = f"CN=Domain Guests,CN=Users,{SUFFIX}".lower()


_QUOTED = f'"{PASSWORD}"'.encode("utf-16-le")
"""As unicodePwd has it (MS-ADTS 3.1.1.3.1.5.1)."""


def _group(name: str) -> str:
    return f"CN={name},{GROUP_BASE}".lower()


_BUILT_IN = (DOMAIN_USERS, _group("salaried"))
"""Domain Users is the primary group of nearly everybody, and is itself in a group."""
GROUPS: dict[str, frozenset[str]] = {
    # developers is in staff, staff in everybody, everybody in staff again
    "ada": frozenset({*_BUILT_IN, *map(_group, ("developers", "staff", "everybody"))}),
    "bjorn": frozenset({*_BUILT_IN, *map(_group, ("staff", "everybody"))}),
    "chloe": frozenset({*_BUILT_IN, _group(r"a\, b (*)")}),
    # Domain Guests is the primary group of dmitri, who stays a plain member of Domain Users
    "dmitri": frozenset({*_BUILT_IN, DOMAIN_GUESTS, _group("visitors")}),
    "eve": frozenset({*_BUILT_IN, *map(_group, ("staff", "everybody"))}),
}
PEOPLE = ("ada", "bjorn", "chloe", "dmitri")
"""Those below the people's base; eve is in another branch."""

LONG_AGO = 132_223_104_000_000_000
"""The first of January 2020, as accountExpires has it."""
NEVER = 0x7FFF_FFFF_FFFF_FFFF


def add(dn: str, *lines: str) -> str:
    """One object to add."""
    return "\n".join((f"dn: {dn}", "changetype: add", *lines, "", ""))


def person(login: str, name: str, base: str, *lines: str, control: int = 512) -> str:
    """One person to add; with a password, as whoever is enabled must have one."""
    first, _, last = name.partition(" ")
    return add(
        f"CN={name},{base}",
        "objectClass: user",
        f"sAMAccountName: {login}",
        f"userPrincipalName: {login}@corp.example",
        f"givenName: {first}",
        f"sn: {last}",
        f"unicodePwd:: {base64.b64encode(_QUOTED).decode()}",
        f"userAccountControl: {control}",
        *lines,
    )


def _members(name: str, *members: str) -> str:
    return add(
        f"CN={name},{GROUP_BASE}",
        "objectClass: group",
        # a name for old clients, in which not every character of the other may stand
        f"sAMAccountName: g-{''.join(each for each in name if each.isalnum())}",
        *(f"member: {member}" for member in members),
    )


def crowd_dn(number: int) -> str:
    """The name of one of the crowd."""
    return f"CN=c{number:04},{CROWD}"


def _ou(dn: str) -> str:
    return add(dn, "objectClass: organizationalUnit")


ADA, BJORN = f"CN=Ada Lovelace,{STAFF}", f"CN=Bjorn Borg,OU=Tennis,{STAFF}"
CHLOE, DMITRI, EVE = f"CN=Chloe Dion,{STAFF}", f"CN=Dmitri Mendeleev,{STAFF}", f"CN=Eve Evans,{FORMER}"

LDIF = "".join(
    (
        *map(_ou, (STAFF, f"OU=Tennis,{STAFF}", FORMER, GROUP_BASE, CROWD)),
        person(READER, "Service Account", f"CN=Users,{SUFFIX}"),
        person("ada", "Ada Lovelace", STAFF, "mail: ada.lovelace@corp.example", "mobile: +33 6 12 34 56 78"),
        person("bjorn", "Bjorn Borg", f"OU=Tennis,{STAFF}", control=514),
        person("chloe", "Chloe Dion", STAFF, f"accountExpires: {LONG_AGO}"),
        person("dmitri", "Dmitri Mendeleev", STAFF, f"accountExpires: {NEVER}", "pwdLastSet: 0"),
        person("eve", "Eve Evans", FORMER),
        _members("developers", ADA, "<SID=S-1-5-21-1-2-3-1104>"),
        _members("staff", f"CN=developers,{GROUP_BASE}", BJORN, EVE),
        _members("everybody", f"CN=staff,{GROUP_BASE}"),
        f"dn: CN=staff,{GROUP_BASE}\nchangetype: modify\nadd: member\nmember: CN=everybody,{GROUP_BASE}\n\n",
        _members(r"a\, b (*)", CHLOE),
        _members("salaried", f"CN=Domain Users,CN=Users,{SUFFIX}"),
        _members("visitors", f"CN=Domain Guests,CN=Users,{SUFFIX}"),
        f"dn: CN=Domain Guests,CN=Users,{SUFFIX}\nchangetype: modify\nadd: member\nmember: {DMITRI}\n\n",
        f"dn: {DMITRI}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: 514\n\n",
        *(add(crowd_dn(number), "objectClass: contact") for number in range(CROWD_SIZE)),
        _members("crowd", *map(crowd_dn, range(CROWD_SIZE))),
    )
)
